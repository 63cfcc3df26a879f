"""Results of training and promotion."""

from dataclasses import dataclass

from tenure import registry
from tenure.pipeline import Training
from tenure.promote import Comparison, Decision
from tenure.review import Review


@dataclass(frozen=True)
class Promotion:
    """The champion and the challenger, their comparison, and the decision."""

    champion: registry.Version | None
    challenger: registry.Version
    comparison: Comparison | None
    decision: Decision


@dataclass(frozen=True)
class Trained:
    """The result of a training run.

    Args:
        run_id: of the run.
        training: what was fitted and measured.
        review: of the training, and of the parts of the job that failed.
        registered: the model version; None where nothing was registered.
        promotion: the comparison with the champion, where there was one.
    """

    run_id: str
    training: Training
    review: Review
    registered: registry.Registered | None = None
    promotion: Promotion | None = None
