"""The baselines: forecasts that need no model of customers, or a simpler one.

Each uses the days up to the cut-off and nothing after it. Those that forecast one number per customer return it as a
sample without spread: their CRPS is their absolute error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

from tenure.posterior import Posterior
from tenure.rfm import Histories, histories
from tenure.settings import BaselineSettings
from tenure.streams import stream
from tenure.summary import CustomerSummary
from tenure.transactions import Transactions

from .boosting import forecast_by_boosting
from .forecast import Forecast, Samples, point_forecast

type Floats = NDArray[np.float64]

STEP = 1e-3  # of the logarithms, for second differences
FARTHEST = 14.0  # r and alpha (over the mean T) are sought between e^-14 and e^14


@dataclass(frozen=True)
class BaselineInputs:
    """The inputs of a baseline: the log, of which it uses the days up to the cut-off, and the calibration.

    Args:
        transactions: the log.
        calibration: the summary at the cut-off.
        horizon_days: the days to forecast.
        posterior: the calibration's own; the NBD uses its spend model.
        draws: how many outcomes to sample per customer.
        seed: of the sampled outcomes.
        settings: which baselines, and how the regression is trained.
    """

    transactions: Transactions
    calibration: CustomerSummary
    horizon_days: int
    posterior: Posterior
    draws: int
    seed: int
    settings: BaselineSettings

    @property
    def cutoff(self) -> date:
        """Return the last day of the calibration window."""
        if self.calibration.as_of is None:
            raise ValueError("A calibration has the day that it is as of.")
        return self.calibration.as_of

    def column(self, name: str) -> Floats:
        """Return a column of the summary."""
        return self.calibration.table[name].to_numpy(np.float64)


def zero(inputs: BaselineInputs) -> Forecast:
    """Forecast zero, the actual outcome of half the customers of most shops."""
    zeros = np.zeros(len(inputs.calibration.table))
    return point_forecast("zero", zeros, zeros, inputs.draws)


def last_period(inputs: BaselineInputs) -> Forecast:
    """Forecast the outcome of the last period of the same length, first purchases included."""
    after = inputs.cutoff - timedelta(days=inputs.horizon_days)
    purchases = inputs.transactions.purchases(inputs.cutoff)
    recent = purchases.filter(purchases["date"] > after)
    sums = recent.group_by("customer_id").aggregate(purchases=recent.count(), spend=recent["amount"].sum()).to_pandas()
    customers = inputs.calibration.table["customer_id"]
    table = sums.set_index("customer_id").reindex(customers, fill_value=0).astype(np.float64)
    return point_forecast("last_period", table["purchases"].to_numpy(), table["spend"].to_numpy(), inputs.draws)


def own_rate(inputs: BaselineInputs) -> Forecast:
    """Forecast each customer's own repeat purchases per day, and mean spend on them, over the horizon.

    Customers acquired on the cut-off day have no rate yet; their forecast is zero.
    """
    rate = inputs.column("frequency") / np.maximum(inputs.column("T"), 1)
    purchases = rate * inputs.horizon_days
    return point_forecast("own_rate", purchases, purchases * inputs.column("monetary_value"), inputs.draws)


def textbook(inputs: BaselineInputs) -> Forecast:
    """Forecast average order value x purchase frequency x lifespan, the same for every customer.

    The order value is the mean spend per repeat purchase of all customers, the frequency their repeat purchases per
    customer and day, the lifespan the mean days from first to last purchase of repeat buyers, cut at the horizon. It is
    how marketing guides compute a customer lifetime value.
    """
    frequency, days = inputs.column("frequency"), inputs.column("T")
    repeats = frequency.sum()
    order_value = (frequency * inputs.column("monetary_value")).sum() / max(repeats, 1)
    lifespan = inputs.column("recency").sum() / max(np.count_nonzero(frequency), 1)
    purchases = repeats / max(days.sum(), 1) * min(lifespan, inputs.horizon_days)
    ones = np.ones_like(frequency)
    return point_forecast("textbook", purchases * ones, purchases * order_value * ones, inputs.draws)


def nbd(inputs: BaselineInputs) -> Forecast:
    """Forecast by an NBD without dropout: Poisson purchases, rates Gamma(r, alpha) across customers.

    Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8. r and alpha are drawn from the normal
    approximation of their likelihood around its maximum, in logarithms; spend is Gamma-Gamma with the posterior's
    p, q and v (Fader & Hardie 2013, note 025).
    """
    size, draws = len(inputs.calibration.table), inputs.draws
    r, alpha = draw_shapes(histories(inputs.calibration), draws, stream(inputs.seed, "backtest.nbd.parameters"))
    joint = inputs.posterior.joint(draws)
    p, q, v = (joint[name] for name in ("p", "q", "v"))
    columns = [inputs.column(name)[:, None] for name in ("frequency", "T", "monetary_value")]

    def sample(rows: slice) -> Samples:
        rng = stream(inputs.seed, "backtest.nbd.outcomes", rows.start)
        x, days, mean_spend = (column[rows] for column in columns)
        shape, scale = r + x, inputs.horizon_days / (alpha + days)
        purchases = rng.poisson(rng.gamma(shape) * scale)
        paid = np.where(mean_spend > 0, x, 0.0)  # free purchases carry no information on spend
        spend_shape, spend_rate = q + p * paid, v + paid * mean_spend
        # A sum of n purchases is Gamma(p n, nu), nu of the customer Gamma(q + p x, v + x z).
        nu = np.maximum(rng.gamma(spend_shape) / spend_rate, np.finfo(np.float64).tiny)
        spend = np.where(purchases > 0, rng.gamma(np.maximum(p * purchases, p)) / nu, 0.0)
        expected = shape * scale
        mean = p * spend_rate / (spend_shape - 1)
        return Samples(purchases, spend, expected.mean(axis=1), (expected * mean).mean(axis=1))

    return Forecast("nbd", size, draws, sample)


def draw_shapes(data: Histories, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw r and alpha (days), each of shape (draws,), around their maximum likelihood."""
    unit = max(float(np.average(data.T, weights=data.count)), 1.0)
    x, days = data.frequency.astype(np.float64), data.T / unit

    def loss(logs: Floats) -> float:
        """Compute minus the log likelihood, up to a constant, at log r and log alpha."""
        r, alpha = np.exp(logs)
        log_likelihood = gammaln(r + x) - gammaln(r) - r * np.log1p(days / alpha) - x * np.log(alpha + days)
        return -float(data.count @ log_likelihood)

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-FARTHEST, FARTHEST)] * 2).x
    steps = STEP * np.eye(2)
    curvature = np.array(
        [
            [(loss(best + i + j) - loss(best + i - j) - loss(best - i + j) + loss(best - i - j)) for j in steps]
            for i in steps
        ]
    ) / (4 * STEP**2)
    values, axes = np.linalg.eigh(curvature)
    # A direction in which the likelihood is flat, at a bound, is not explored.
    spread = np.where(values > 1.0, 1 / np.sqrt(np.maximum(values, 1.0)), 0.0)
    logs = best[:, None] + axes @ (spread[:, None] * rng.standard_normal((2, draws)))
    r, alpha = np.exp(logs)
    return r, alpha * unit


def boosting(inputs: BaselineInputs) -> Forecast:
    """Forecast by gradient-boosted quantiles, fitted at an earlier cut-off within the calibration window."""
    settings, log = inputs.settings.boosting, inputs.transactions
    return forecast_by_boosting(log, inputs.calibration, inputs.horizon_days, inputs.draws, inputs.seed, settings)


BASELINES: dict[str, Callable[[BaselineInputs], Forecast]] = {
    baseline.__name__: baseline for baseline in (zero, last_period, own_rate, textbook, nbd, boosting)
}
