"""What an operator can correct: the command line prints it as one sentence."""


class OperatorError(Exception):
    """An error that the operator can correct; the message says how."""
