"""What a person reads in the terminal: results on stdout, progress on stderr."""

from .backtest import print_backtest
from .campaign import print_campaign
from .data import print_identities, print_reconciliation, print_unscored, print_window
from .decisions import print_decisions
from .promotion import print_promotion
from .scores import age_line, print_scores
from .simulation import print_simulated
from .terminal import is_terminal, print_line, print_run, progress, stage
from .training import print_training, why_unregistered

__all__ = [
    "age_line",
    "is_terminal",
    "print_backtest",
    "print_campaign",
    "print_decisions",
    "print_identities",
    "print_line",
    "print_promotion",
    "print_reconciliation",
    "print_run",
    "print_scores",
    "print_simulated",
    "print_training",
    "print_unscored",
    "print_window",
    "progress",
    "stage",
    "why_unregistered",
]
