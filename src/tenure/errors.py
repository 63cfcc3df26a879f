"""What a user can put right."""


class InputError(ValueError):
    """A setting, a log, a summary or a question that has to be changed; the message says how.

    Each module derives its own from it. Commands print the message alone and end with `exit_code`.
    """

    exit_code = 2
