"""Times of a Poisson process given how many there are: uniform order statistics. NumPy and a generator alone."""

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


def draw_last(x: Ints, possible: Ints, rng: np.random.Generator) -> Floats:
    """Draw the time of the x-th of `possible` purchases, as a share of the time.

    The x-th of n uniform order statistics is Beta(x, n - x + 1). For x = 0 the share has no meaning.
    """
    return rng.beta(np.maximum(x, 1), possible - x + 1)


def draw_shares(x: Ints, possible: Ints, rng: np.random.Generator) -> Floats:
    """Draw the times of the first x purchases of `possible`, as shares of the time, one customer after another.

    Uniform order statistics are sums of exponential waits over the sum of all of them; the waits after the x-th matter
    as a sum alone.
    """
    sums = np.cumsum(rng.standard_exponential(int(x.sum())))
    starts = np.concatenate([[0.0], sums])[np.cumsum(x) - x]
    sums -= np.repeat(starts, x)
    last = np.zeros(x.size)
    last[x > 0] = sums[np.cumsum(x)[x > 0] - 1]
    return sums / np.repeat(last + rng.standard_gamma(possible - x + 1.0), x)
