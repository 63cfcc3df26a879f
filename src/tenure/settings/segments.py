"""The segments of a fit, among those of the log."""

from collections.abc import Iterable

from .checks import SettingsError
from .log import COHORTS, TransactionsSettings


def carry_segments(log: TransactionsSettings, names: Iterable[str], key: str = "fit.segments") -> None:
    """Add the segments of a fit to those of the log: a period of acquisition, or a column by the rule `first`.

    Raises SettingsError for the rule `mode`: a customer's most frequent value may change after the fit.
    """
    for name in names:
        rule = log.segments.setdefault(name, name if name in COHORTS else "first")
        if rule == "mode":
            raise SettingsError(
                f"transactions.segments.{name} must be first, as {key} has it, got 'mode': a customer's most frequent "
                "value may change after the fit, the first one does not."
            )
