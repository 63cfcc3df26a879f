"""The forecast: sampled outcomes of customers, a block at a time, and their means.

The model and each baseline return the same type, so that one function measures them all. Blocks keep memory from
growing with customers times draws.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .outcome import BacktestError

if TYPE_CHECKING:
    from tenure.scorer import Scorer
    from tenure.summary import CustomerSummary

type Floats = NDArray[np.float64]
type Numbers = NDArray[Any]

CELLS_AT_ONCE = 4_000_000  # customers times draws of a block


@dataclass(frozen=True)
class Samples:
    """Sampled outcomes of some customers over the holdout, undiscounted and at full margin.

    Args:
        purchases, spend: sampled purchases and spend, shape (customers, draws). Column s is one future of all
            customers: its sum is a joint draw of the total.
        expected_purchases, expected_spend: the means of a customer's outcomes, shape (customers,).
    """

    purchases: Numbers
    spend: Numbers
    expected_purchases: Floats
    expected_spend: Floats

    def require(self, name: str, customers: int, draws: int) -> None:
        """Raise BacktestError for samples that are not of these customers, or that are not finite and from 0 up."""
        shape, faults = (customers, draws), []
        if {self.purchases.shape, self.spend.shape} != {shape}:
            faults.append(
                f"purchases and spend must be {customers:,} customers by {draws:,} draws, "
                f"not {self.purchases.shape} and {self.spend.shape}"
            )
        if {self.expected_purchases.shape, self.expected_spend.shape} != {(customers,)}:
            faults.append(f"the means must be of {customers:,} customers")
        for part in ("purchases", "spend", "expected_purchases", "expected_spend"):
            numbers = getattr(self, part)
            # Tested by sum and minimum: no temporary array of the block's size.
            if numbers.size and not (np.isfinite(numbers.sum(dtype=np.float64)) and numbers.min() >= 0):
                faults.append(f"{part} must be finite and from 0 up")
        if faults:
            raise BacktestError(f"The forecast {name} cannot be measured: {'; '.join(faults)}.")


@dataclass(frozen=True)
class Forecast:
    """A forecast of the customers of one calibration window, in their order.

    Args:
        name: in tables.
        customers: their number.
        draws: the number of sampled outcomes of each.
        sample: returns the samples of a run of customers.
        is_point: every draw of a customer is one number. CRPS is then absolute error, intervals have no width.
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
    """Build the model's forecast: simulated futures and their expectations, undiscounted and at full margin.

    A customer's numbers do not depend on the other customers, so blocks change nothing.
    """
    params: dict[str, Any] = {
        "horizon_days": horizon_days, "discount_rate": 0.0, "margin": 1.0, "level": level, "seed": seed,
    }  # fmt: skip

    table = scorer.prepare(calibration).table

    def sample(rows: slice) -> Samples:
        customers = table.iloc[rows]
        futures, expected = scorer.simulate(customers, **params), scorer.expect(customers, **params)
        means = (expected[name].to_numpy(np.float64) for name in ("expected_purchases", "clv"))
        return Samples(futures.purchases, futures.clv, *means)

    return Forecast("model", len(table), scorer.draws, sample)


def point_forecast(name: str, purchases: Floats, spend: Floats, draws: int) -> Forecast:
    """Build a forecast of one number per customer, as samples without spread."""

    def sample(rows: slice) -> Samples:
        means = purchases[rows], spend[rows]
        sampled_purchases, sampled_spend = (np.broadcast_to(mean[:, None], (mean.size, draws)) for mean in means)
        return Samples(sampled_purchases, sampled_spend, *means)

    return Forecast(name, purchases.size, draws, sample, is_point=True)
