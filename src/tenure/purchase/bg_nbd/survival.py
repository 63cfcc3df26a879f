"""How likely an active customer is still active some time ahead, whatever is bought until then.

Given that the customer is active at T, the rate is Gamma(r + x, G) and the dropout p is Beta(a, b + n), so that

    P(active at T + t | active at T) = E[(1 + p t / G)^-(r + x)] = 2F1(r + x, a; a + b + n; -t / G).

The expectation over p is a Gauss-Jacobi quadrature: SciPy's 2F1 overflows for customers who bought often.
"""

from functools import lru_cache

import numpy as np

from ..horizon import Floats
from ..protocol import Ints
from .scoring import Parameters

NODES = 24
KEPT = 256  # quadratures: customers come in parts, with the same x in each


def stay(x: Ints, T: Floats, ahead: Floats, parameters: Parameters) -> Floats:
    """Return P(active at T + ahead | active at T), shape (customers, ahead, draws).

    Args:
        x: of each customer, equal ones side by side.
        T: of each customer.
        ahead: times ahead.
        parameters: the draws.
    """
    chances = np.empty((x.size, ahead.size, parameters.r.size))
    values, starts = np.unique(x, return_index=True)
    for value, start, end in zip(values, starts, [*starts[1:], x.size], strict=True):
        nodes, weights = _kept_quadrature(parameters.a.tobytes(), (parameters.b + value + parameters.chances).tobytes())
        for at in range(start, end):
            z = ahead[:, None] / (parameters.alpha + T[at])
            kept = np.exp(-(parameters.r + value)[:, None] * np.log1p(nodes * z[:, :, None]))
            chances[at] = (kept * weights).sum(axis=2)
    return chances


@lru_cache(KEPT)
def _kept_quadrature(a: bytes, b: bytes) -> tuple[Floats, Floats]:
    return beta_quadrature(np.frombuffer(a), np.frombuffer(b))


def beta_quadrature(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the nodes and weights of Gauss-Jacobi quadratures over Beta(a, b), shape (draws, NODES) each.

    They are the eigenvalues, and the squared first components of the eigenvectors, of the recurrence of the Jacobi
    polynomials (Golub & Welsch 1969).
    """
    k, total = np.arange(1, NODES), a + b - 2.0
    first, second = b[:, None] - 1.0, a[:, None] - 1.0
    even = 2.0 * k + total[:, None]
    diagonal = np.empty((a.size, NODES))
    diagonal[:, 0] = (a - b) / (a + b)
    diagonal[:, 1:] = (second**2 - first**2) / (even * (even + 2.0))
    # At k = 1, k + total and even - 1 are the same number, which may be 0.
    ratio = np.where(k == 1, 1.0, (k + total[:, None]) / np.where(k == 1, 1.0, even - 1.0))
    beside = np.sqrt(4.0 * k * (k + first) * (k + second) * ratio / (even**2 * (even + 1.0)))
    matrix = np.zeros((a.size, NODES, NODES))
    at = np.arange(NODES)
    matrix[:, at, at] = diagonal
    matrix[:, at[1:], at[:-1]] = beside  # eigh reads the lower triangle
    roots, vectors = np.linalg.eigh(matrix)
    return 0.5 * (1.0 + roots), vectors[:, 0, :] ** 2
