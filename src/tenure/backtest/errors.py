"""What the backtest refuses with."""

from tenure.errors import InputError


class BacktestError(InputError):
    """Inputs that cannot be compared, or a result that is not a backtest."""
