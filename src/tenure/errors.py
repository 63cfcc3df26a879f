"""Errors caused by a user's input."""


class InputError(ValueError):
    """An invalid setting, log, summary or request; the message says how to correct it.

    Each module derives its own class. Commands print the message alone and end with `exit_code`.
    """

    exit_code = 2
