"""The hand-over of every forecaster: sampled outcomes of customers, a block at a time, and their means.

The model and each baseline hand over the same, so that one function measures them all. Blocks keep memory
from growing with customers times draws.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import BacktestError

if TYPE_CHECKING:
    from tenure.scorer import Scorer
    from tenure.summary import CustomerSummary

type Floats = NDArray[np.float64]
type Numbers = NDArray[Any]

CELLS_AT_ONCE = 4_000_000  # customers times draws of a block


@dataclass(frozen=True)
class Samples:
    """Foretold outcomes of some customers over the holdout, undiscounted and at full margin.

    Args:
        purchases, spend: sampled purchases and spend, shape (customers, draws). Column s is one future of the whole
            base: its sum over customers is a draw of the total.
        expected_purchases, expected_spend: the means, shape (customers,).
    """

    purchases: Numbers
    spend: Numbers
    expected_purchases: Floats
    expected_spend: Floats

    def require(self, name: str, customers: int, draws: int) -> None:
        """Refuse samples that are not of these customers, or that hold what is no outcome."""
        wanted, faults = (customers, draws), []
        if {self.purchases.shape, self.spend.shape} != {wanted}:
            faults.append(
                f"purchases and spend must be {customers:,} customers by {draws:,} draws, "
                f"not {self.purchases.shape} and {self.spend.shape}"
            )
        if {self.expected_purchases.shape, self.expected_spend.shape} != {(customers,)}:
            faults.append(f"the means must be of {customers:,} customers")
        for part in ("purchases", "spend", "expected_purchases", "expected_spend"):
            numbers = getattr(self, part)
            # A sum is finite and a least one is not negative where all are: no temporary of the block's size.
            if numbers.size and not (np.isfinite(numbers.sum(dtype=np.float64)) and numbers.min() >= 0):
                faults.append(f"{part} must be finite and from 0 up")
        if faults:
            raise BacktestError(f"The forecast {name} cannot be measured: {'; '.join(faults)}.")


@dataclass(frozen=True)
class Forecast:
    """A forecaster with its answer for the customers of one calibration, in the calibration's order.

    Args:
        name: what tables call it.
        customers: how many there are.
        draws: how many outcomes are sampled of each.
        sample: gives the samples of a run of customers.
        is_point: the forecaster knows one number per customer and hands it over as every draw. Its CRPS is then its
            absolute error, its interval has no width.
    """

    name: str
    customers: int
    draws: int
    sample: Callable[[slice], Samples]
    is_point: bool = False

    def __post_init__(self) -> None:
        if self.customers < 1 or self.draws < 2:
            raise BacktestError(
                f"The forecast {self.name} has {self.customers:,} customers and {self.draws:,} draws: "
                "at least one and two are needed."
            )

    def blocks(self) -> Iterator[tuple[slice, Samples]]:
        """Yield runs of customers, in order, with their samples."""
        size = max(1, CELLS_AT_ONCE // self.draws)
        for start in range(0, self.customers, size):
            rows = slice(start, min(start + size, self.customers))
            samples = self.sample(rows)
            samples.require(self.name, rows.stop - rows.start, self.draws)
            yield rows, samples


def model_forecast(
    scorer: "Scorer", calibration: "CustomerSummary", *, horizon_days: int, level: float, seed: int
) -> Forecast:
    """Let the model foretell: simulated futures and their expectations, undiscounted and at full margin.

    A customer's numbers do not depend on the others scored, so blocks change nothing.
    """
    asked: dict[str, Any] = {
        "horizon_days": horizon_days, "discount_rate": 0.0, "margin": 1.0, "level": level, "seed": seed,
    }  # fmt: skip

    def sample(rows: slice) -> Samples:
        customers = calibration.table.iloc[rows]
        futures, expected = scorer.simulate(customers, **asked), scorer.expect(customers, **asked)
        means = (expected[name].to_numpy(np.float64) for name in ("expected_purchases", "clv"))
        return Samples(futures.purchases, futures.clv, *means)

    return Forecast("model", len(calibration.table), scorer.draws, sample)


def point_forecast(name: str, purchases: Floats, spend: Floats, draws: int) -> Forecast:
    """Hand over one number per customer as a sample without spread."""

    def sample(rows: slice) -> Samples:
        means = purchases[rows], spend[rows]
        sampled_purchases, sampled_spend = (np.broadcast_to(mean[:, None], (mean.size, draws)) for mean in means)
        return Samples(sampled_purchases, sampled_spend, *means)

    return Forecast(name, purchases.size, draws, sample, is_point=True)
