"""The commands as they are started: `tenure`, `tenure-train` and so on.

Help and version are printed before anything heavy is imported.
"""

from .entry import backtest, campaign, decide, main, promote, report, score, simulate, train

__all__ = ["backtest", "campaign", "decide", "main", "promote", "report", "score", "simulate", "train"]
