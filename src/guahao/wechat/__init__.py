"""WeChat's protocol for Official Accounts (公众号), independent of the platform.

`signature`, `crypto` and `xml` are pure functions; `callback` combines them to handle what
WeChat sends and what it is answered; `api` calls WeChat.
"""
