"""The negative binomial model of purchases: what the BG/NBD is without its dropout."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

from tenure.posterior import Posterior
from tenure.rfm import Histories, histories
from tenure.streams import stream
from tenure.summary import CustomerSummary

from .forecast import Forecast, Samples

type Floats = NDArray[np.float64]

STEP = 1e-3  # of the logarithms, for second differences
FARTHEST = 14.0  # r and alpha (over the mean T) are sought between e^-14 and e^14


def nbd(calibration: CustomerSummary, posterior: Posterior, horizon_days: int, draws: int, seed: int) -> Forecast:
    """Sample outcomes of a base that nobody leaves: Poisson purchases, rates Gamma(r, alpha) across customers.

    Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8. r and alpha are drawn from the normal
    approximation of their likelihood around its maximum, in logarithms; spend is Gamma-Gamma with the posterior's
    p, q and v (Fader & Hardie 2013, note 025).
    """
    r, alpha = draw_shapes(histories(calibration), draws, stream(seed, "backtest.nbd.parameters"))
    spend = posterior.joint(draws)
    p, q, v = (spend[name] for name in ("p", "q", "v"))
    names = ("frequency", "T", "monetary_value")
    columns = [calibration.table[name].to_numpy(np.float64)[:, None] for name in names]

    def sample(rows: slice) -> Samples:
        rng = stream(seed, "backtest.nbd.outcomes", rows.start)
        x, days, mean_spend = (column[rows] for column in columns)
        shape, scale = r + x, horizon_days / (alpha + days)
        counts = rng.poisson(rng.gamma(shape) * scale)
        paid = np.where(mean_spend > 0, x, 0.0)  # free purchases say nothing of spend
        spend_shape, spend_rate = q + p * paid, v + paid * mean_spend
        # A sum of n purchases is Gamma(p n, nu), nu of the customer Gamma(q + p x, v + x z).
        nu = np.maximum(rng.gamma(spend_shape) / spend_rate, np.finfo(np.float64).tiny)
        values = np.where(counts > 0, rng.gamma(np.maximum(p * counts, p)) / nu, 0.0)
        expected = shape * scale
        one = p * spend_rate / (spend_shape - 1)
        return Samples(counts, values, expected.mean(axis=1), (expected * one).mean(axis=1))

    return Forecast("nbd", len(calibration.table), draws, sample)


def draw_shapes(data: Histories, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw r and alpha (days), each of shape (draws,), around their maximum likelihood."""
    unit = max(float(np.average(data.T, weights=data.count)), 1.0)
    x, days = data.frequency.astype(np.float64), data.T / unit

    def lack(logs: Floats) -> float:
        """Minus the log likelihood, up to a constant, at log r and log alpha."""
        r, alpha = np.exp(logs)
        each = gammaln(r + x) - gammaln(r) - r * np.log1p(days / alpha) - x * np.log(alpha + days)
        return -float(data.count @ each)

    best = minimize(lack, np.zeros(2), method="L-BFGS-B", bounds=[(-FARTHEST, FARTHEST)] * 2).x
    steps = STEP * np.eye(2)
    curvature = np.array(
        [
            [(lack(best + i + j) - lack(best + i - j) - lack(best - i + j) + lack(best - i - j)) for j in steps]
            for i in steps
        ]
    ) / (4 * STEP**2)
    values, axes = np.linalg.eigh(curvature)
    # A direction that the likelihood leaves flat, at a bound, is not explored.
    spread = np.where(values > 1.0, 1 / np.sqrt(np.maximum(values, 1.0)), 0.0)
    logs = best[:, None] + axes @ (spread[:, None] * rng.standard_normal((2, draws)))
    r, alpha = np.exp(logs)
    return r, alpha * unit
