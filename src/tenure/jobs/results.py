"""What a training and a promotion came to, for whoever prints it."""

from dataclasses import dataclass

from tenure import registry
from tenure.backtest import Holdout
from tenure.fit import FitReport
from tenure.promote import Comparison, Decision
from tenure.review import Review
from tenure.rfm import Split
from tenure.scorer import NewCustomer


@dataclass(frozen=True)
class Promotion:
    """Who stood against whom, by which figures, and what was decided."""

    champion: registry.Version | None
    challenger: registry.Version
    comparison: Comparison | None
    decision: Decision


@dataclass(frozen=True)
class Trained:
    """What a training run came to, for the summary in the terminal."""

    run_id: str
    split: Split
    calibration: FitReport
    final: FitReport | None
    holdout: Holdout
    review: Review
    registered: registry.Registered | None
    new_customer: NewCustomer | None
    promotion: Promotion | None
