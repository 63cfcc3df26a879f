"""The straight lines: what each command does, from settings to exit code."""

from .app import backtest, score, train

__all__ = ["backtest", "score", "train"]
