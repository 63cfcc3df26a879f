"""Quadrature over a horizon with a discount: fixed fractions of it, at which the discount is known beforehand.

Rings of a quarter each, down to a core that a model chooses so that its integrand and the discount vary little there.
"""

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
RINGS = 40  # fractions of the horizon in [1/4, 1], [1/16, 1/4], ...; or all of [0, 4^-m]


def fractions(discounts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return nodes in (0, 1), plain weights, and weights for discounts of exp(-discount * node).

    Shapes (2 RINGS, 12) twice and (discounts, 2 RINGS, 12). Row j holds the ring [4^-(j + 1), 4^-j], row RINGS + m the
    core [0, 4^-m].
    """
    tops = 4.0 ** -np.arange(RINGS)
    lows = np.concatenate([tops / 4.0, np.zeros(RINGS)])[:, None]
    widths = np.concatenate([tops, tops])[:, None] - lows
    nodes = lows + widths * 0.5 * (NODES + 1.0)
    plain = widths * 0.5 * WEIGHTS
    return nodes, plain, plain * np.exp(-np.asarray(discounts)[:, None, None] * nodes)
