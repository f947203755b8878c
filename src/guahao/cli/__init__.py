"""The commands of an operator, one module a group."""

from guahao.cli.commands import app, main

__all__ = ["app", "main"]
