"""SMS, WeChat, reminders, receipts."""
