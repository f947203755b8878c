"""The SMS provider's door: what became of the messages it took."""

from guahao.web.sms.receipts import routes

__all__ = ["routes"]
