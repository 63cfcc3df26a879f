"""The posterior's draws in the terms of the compiled models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..model_spec import Spec
from ..posterior import Posterior
from ..purchase import MODELS as PURCHASE_MODELS
from ..purchase.dispatch import COMPILED as PURCHASE
from ..spend import MODELS as SPEND_MODELS
from ..spend.dispatch import COMPILED as SPEND
from ..spend.order_evidence import Evidence, evidence_of
from .arrays import Cache, Floats, Population, allocate_cache


@dataclass(frozen=True)
class Draws:
    """Joint draws of the parameters of a purchase and a spend model, with the models' own functions.

    Attributes:
        size: their number.
        population: the draws.
        mean_spend: the median over draws of the population's mean spend per purchase.
        purchase, spend: the models.
    """

    size: int
    population: Population
    mean_spend: float
    purchase: Spec
    spend: Spec

    @classmethod
    def of(cls, posterior: Posterior) -> "Draws":
        """Return all joint draws of a posterior."""
        joint = posterior.joint()
        purchase, spend = PURCHASE_MODELS[posterior.purchase_model], SPEND_MODELS[posterior.spend_model]
        population = Population(
            _parameters(PURCHASE[purchase.folder][0], purchase, joint),
            _parameters(SPEND[spend.folder][0], spend, joint),
        )
        return cls(posterior.size, population, float(np.median(spend.mean.value(joint))), purchase, spend)

    def prepare(self, ends: Floats, delta: float) -> Any:
        """Return what the purchase model needs of a request."""
        return PURCHASE[self.purchase.folder][0].prepare(ends, delta)

    def evidence_of(self, customers: pd.DataFrame) -> Evidence:
        """Return the evidence on spend of the customers of a valid summary."""
        delta = float(self.population.spend.delta[0]) if "delta" in self.spend.parameters else 1.0
        return evidence_of(customers, self.spend, delta)

    def allocate_cache(self, periods: int) -> Cache:
        """Return an empty cache for one thread."""
        purchase, spend = PURCHASE[self.purchase.folder][0], SPEND[self.spend.folder][0]
        return allocate_cache(purchase.allocate(self.size), spend.allocate(self.size), self.size, periods)

    def draw_first_orders(self, means: Floats, repeats: int, rng: Any) -> Any:
        """Draw first orders, and by repeat the draws of a customer who made that order; see `spend.protocol`."""
        first, parameters = SPEND[self.spend.folder][1].draw_first_orders(self.population.spend, means, repeats, rng)
        populations = (self.population._replace(spend=updated) for updated in parameters)
        return first, (replace(self, population=each) for each in populations)


@dataclass(frozen=True)
class Populations:
    """Draws by segment, and each customer's place among them; without segments, one population.

    Args:
        draws: of each segment; those of a new segment last.
        places: of customers, shape (customers,).
    """

    draws: Sequence[Draws]
    places: NDArray[np.int64]

    @classmethod
    def of_one(cls, draws: Draws, customers: int) -> "Populations":
        """Return one population for all customers."""
        return cls((draws,), np.zeros(customers, np.int64))


def _parameters(scoring: Any, spec: Spec, joint: Mapping[str, Floats]) -> Any:
    return scoring.Parameters(*(joint[name] for name in spec.parameters), **spec.options)
