"""How likely an active customer is still active some time ahead.

Given that the customer is active at T, the dropout rate is Gamma(s, H) with H = beta + T, so that

    P(active at T + t | active at T) = (H / (H + t))^s.
"""

import numpy as np

from ..horizon import Floats
from ..protocol import Ints
from .scoring import Parameters


def stay(x: Ints, T: Floats, ahead: Floats, parameters: Parameters) -> Floats:
    """Return P(active at T + ahead | active at T), shape (customers, ahead, draws); the same for every x."""
    H = parameters.beta + T[:, None, None]
    kept: Floats = np.exp(-parameters.s * np.log1p(ahead[None, :, None] / H))
    return kept
