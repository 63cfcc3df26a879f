"""How likely an active customer is still active some time ahead: as in the BG/NBD."""

from ..bg_nbd import survival as bg_nbd
from ..bg_nbd.scoring import Parameters as Returning
from ..horizon import Floats
from ..protocol import Ints
from .scoring import Parameters


def stay(x: Ints, T: Floats, ahead: Floats, parameters: Parameters) -> Floats:
    """Return P(active at T + ahead | active at T), shape (customers, ahead, draws)."""
    r, alpha, a, b, _ = parameters
    return bg_nbd.stay(x, T, ahead, Returning(r, alpha, a, b, 0))
