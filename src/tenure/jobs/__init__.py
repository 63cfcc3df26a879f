"""The straight lines: what each command does, from settings to exit code."""

from .app import backtest, promote, report, score, simulate, train

__all__ = ["backtest", "promote", "report", "score", "simulate", "train"]
