"""The error of outputs."""

from ..errors import InputError


class OutputError(InputError):
    """A path that cannot be written, or a file without a description."""
