"""Delivery receipts from the SMS provider."""

from guahao.web.sms.receipts import routes

__all__ = ["routes"]
