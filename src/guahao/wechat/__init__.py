"""WeChat's protocol for Official Accounts (公众号), and nothing of the platform.

`signature`, `crypto` and `xml` are pure functions; `callback` puts them together into what
WeChat sends us and what we answer; `api` is what we ask of WeChat.
"""
