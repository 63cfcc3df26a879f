"""The generative process: how customers of a known population buy, leave and spend. NumPy and a generator alone.

Purchase model (Fader, Hardie & Lee 2005; Batislam, Denizel & Filiztekin 2007): a customer's rate is Gamma(r, alpha),
repeat purchases come as a Poisson process, and at each chance to leave the customer does so with a probability that is
Beta(a, b). Spend model (Fader & Hardie 2013, note 025): a purchase is Gamma(p, nu), and nu is Gamma(q, v).
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..posterior import CHANCES_AT_BIRTH, PURCHASE_MODELS

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


class ProcessError(InputError):
    """Parameters that no population can have."""


@dataclass(frozen=True)
class PurchaseProcess:
    """How a population buys and leaves.

    Args:
        purchase_model: the purchase model, `bg_nbd` or `mbg_nbd`.
        r, alpha: rates are Gamma(r, alpha) per unit of time, which is the day unless a caller says otherwise.
        a, b: probabilities to leave are Beta(a, b); with a = 0 nobody ever leaves.
    """

    purchase_model: str
    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        if self.purchase_model not in PURCHASE_MODELS:
            raise ProcessError(f"purchase_model is {self.purchase_model!r}, not one of {', '.join(PURCHASE_MODELS)}.")
        _require_positive({name: value for name, value in asdict(self).items() if name in ("r", "alpha", "b")})
        if not (math.isfinite(self.a) and self.a >= 0):
            raise ProcessError(f"a must be finite and at least 0, got {self.a!r}.")

    @property
    def initial_dropout_chances(self) -> int:
        """Count the chances to leave right after the first purchase."""
        return CHANCES_AT_BIRTH[self.purchase_model]

    def rates(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw customers' repeat purchases per unit of time."""
        return rng.gamma(self.r, 1.0 / self.alpha, size)

    def dropouts(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw customers' probabilities to leave at a chance."""
        return rng.beta(self.a, self.b, size) if self.a > 0 else np.zeros(size)

    def repeats_until_departure(self, dropouts: Floats, rng: np.random.Generator) -> Ints:
        """Draw how many repeat purchases a customer of each dropout makes, given all the time there is."""
        # A tiny `a` underflows to 0, of which there is no geometric; the least positive dropout never leaves either.
        return rng.geometric(np.maximum(dropouts, np.finfo(np.float64).tiny)) - self.initial_dropout_chances


@dataclass(frozen=True)
class SpendProcess:
    """What a population spends: purchases are Gamma(p, nu), nu ~ Gamma(q, v), v in the log's money."""

    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        _require_positive(asdict(self))
        if self.q <= 1:
            raise ProcessError(f"q must be above 1, as there is no mean spend otherwise, got {self.q!r}.")

    def nus(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw customers' nu; a customer's mean spend is p / nu."""
        return rng.gamma(self.q, 1.0 / self.v, size)

    def sums(self, nus: Floats, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw what as many purchases of each customer add up to."""
        return rng.gamma(self.p * counts) / nus

    def means(self, nus: Floats, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw the mean over as many purchases of each customer, at least 1."""
        return rng.gamma(self.p * counts) / (nus * counts)


def draw_last(x: Ints, possible: Ints, rng: np.random.Generator) -> Floats:
    """Draw when the last of x purchases came, as a share of the time, of `possible` had the customer stayed.

    Times of a Poisson process are uniform order statistics, of which the x-th of n is Beta(x, n - x + 1). Without a
    purchase there is no last one, and the share means nothing.
    """
    return rng.beta(np.maximum(x, 1), possible - x + 1)


def draw_shares(x: Ints, possible: Ints, rng: np.random.Generator) -> Floats:
    """Draw when all of the first x purchases of `possible` came, as shares of the time, one customer after another.

    Uniform order statistics are sums of exponential waits over the sum of all of them; the waits after the x-th matter
    as a sum alone.
    """
    sums = np.cumsum(rng.standard_exponential(int(x.sum())))
    starts = np.concatenate([[0.0], sums])[np.cumsum(x) - x]
    sums -= np.repeat(starts, x)
    last = np.zeros(x.size)
    last[x > 0] = sums[np.cumsum(x)[x > 0] - 1]
    return sums / np.repeat(last + rng.standard_gamma(possible - x + 1.0), x)


def draw_histories(
    process: PurchaseProcess, T: NDArray[np.integer] | Floats, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Draw x and t_x of customers who are observed for T, in continuous time; t_x is 0 without a repeat purchase."""
    rates, dropouts = process.rates(T.size, rng), process.dropouts(T.size, rng)
    possible = rng.poisson(rates * T)
    x = np.minimum(possible, process.repeats_until_departure(dropouts, rng))
    return x, np.where(x > 0, T * draw_last(x, possible, rng), 0.0)


def draw_mean_spends(process: SpendProcess, x: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
    """Draw the mean spends of customers over x purchases each, x at least 1."""
    return process.means(process.nus(x.size, rng), x, rng)


def _require_positive(values: dict[str, float]) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ProcessError(f"{name} must be finite and above 0, got {value!r}.")
