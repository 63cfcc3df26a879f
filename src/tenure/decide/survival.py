"""P(alive) now and some days ahead, and P(purchase) within some days, by the model's own functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..caching import njit
from ..posterior import Posterior
from ..purchase import MODELS, model_part
from ..purchase import dispatch as purchase
from .futures import Floats, Ints

PAIRS_AT_ONCE = 1_024  # of x and T, whose draws are in memory at once
DAYS_AT_ONCE = 32  # of a new customer


class Survival:
    """P(alive) of histories under each draw of a posterior.

    Args:
        posterior: the draws.
    """

    def __init__(self, posterior: Posterior) -> None:
        spec, joint = MODELS[posterior.purchase_model], posterior.joint()
        self._scoring = model_part(posterior.purchase_model, "scoring")
        self._stay = model_part(posterior.purchase_model, "survival").stay
        self._draws = posterior.size
        self._parameters = self._scoring.Parameters(*(joint[name] for name in spec.parameters), **spec.options)

    def alive(self, x: Any, t_x: Any, T: Any) -> Floats:
        """Return P(alive at T), shape (histories, draws); fast where histories of equal x are side by side."""
        columns = (np.asarray(column, np.float64) for column in (x, t_x, T))
        chances = np.empty((len(x), self._draws))
        _fill(*columns, self._parameters, self._scoring.allocate(self._draws), chances)
        return chances

    def p_purchase(self, histories: NDArray[np.int64], days: Floats) -> Floats:
        """Return P(purchase within days), the mean over draws, shape (histories, days).

        Equal to the scorer's for each number of days, and faster for many: what depends on x and T alone is computed
        once for all t_x.

        Args:
            histories: x, t_x and T of each, shape (histories, 3).
            days: ahead.
        """
        x, t_x, T = histories.T.astype(np.float64)
        order = np.lexsort((t_x, T, x))
        chances = np.empty((len(histories), days.size))
        room = np.empty((days.size, self._draws)), np.empty(self._draws)
        workspace = self._scoring.allocate(self._draws)
        _fill_chances(order, x, t_x, T, days, self._parameters, workspace, *room, chances)
        return chances

    def after_silence(self, histories: NDArray[np.int64], days: Floats, least: float) -> Floats:
        """Return P(alive at T + days) given no purchase until then, the mean over draws, shape (histories, days).

        Args:
            histories: x, t_x and T of each, shape (histories, 3), those of equal x side by side.
            days: of further silence, ascending.
            least: what follows the first value below this is not computed, and NaN.
        """
        x, t_x, T = histories.T.astype(np.float64)
        chances, workspace = np.full((len(histories), days.size), np.nan), self._scoring.allocate(self._draws)
        _fill_silent(x, t_x, T, days, least, self._parameters, workspace, np.empty(self._draws), chances)
        return chances

    def later(self, histories: NDArray[np.int64], ahead: Floats) -> Floats:
        """Return P(alive at T + ahead) / P(alive at T), whatever is bought until then, shape (histories, ahead).

        Args:
            histories: x, t_x and T of each, shape (histories, 3).
            ahead: days ahead.
        """
        shares = np.empty((len(histories), ahead.size))
        pairs, pair_of = np.unique(histories[:, [0, 2]], axis=0, return_inverse=True)
        order = np.argsort(pair_of.ravel(), kind="stable")
        ends = np.searchsorted(pair_of.ravel()[order], np.arange(len(pairs)), side="right")
        workspace, alive = self._scoring.allocate(self._draws), np.empty(self._draws)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            stay = self._stay(pairs[part, 0], pairs[part, 1].astype(np.float64), ahead, self._parameters)
            rows = order[ends[start - 1] if start else 0 : ends[part][-1]]
            x, t_x, T = histories[rows].T.astype(np.float64)
            part_shares = np.empty((len(rows), ahead.size))
            _fill_later(x, t_x, T, pair_of.ravel()[rows] - start, stay, self._parameters, workspace, alive, part_shares)
            shares[rows] = part_shares
        return shares

    def new_customer(self, days: Floats) -> Floats:
        """Return P(a new customer is active) by days since the first order, shape (draws, days)."""
        zero: Ints = np.zeros(1, np.int64)
        parts = np.array_split(days, -(-days.size // DAYS_AT_ONCE))
        stay = np.concatenate([self._stay(zero, np.zeros(1), part, self._parameters)[0] for part in parts])
        chances: Floats = (self.alive(zero, zero, zero) * stay).T
        return chances


@njit()
def _fill(x, t_x, T, parameters, workspace, chances):
    """Fill P(alive at T) of each history under each draw, shape (histories, draws)."""
    for at in range(x.size):
        if at == 0 or x[at] != x[at - 1]:
            purchase.renew_x(x[at], parameters, workspace)
        purchase.fill_alive(x[at], t_x[at], T[at], parameters, workspace, chances[at])


@njit(nogil=True)
def _fill_silent(x, t_x, T, days, least, parameters, workspace, alive, chances):
    """Fill the mean P(alive) of each history after some days of silence, up to the first below `least`."""
    for i in range(x.size):
        if i == 0 or x[i] != x[i - 1]:
            purchase.renew_x(x[i], parameters, workspace)
        for at in range(days.size):
            purchase.fill_alive(x[i], t_x[i], T[i] + days[at], parameters, workspace, alive)
            chances[i, at] = alive.mean()
            if chances[i, at] < least:
                break


@njit(nogil=True)
def _fill_later(x, t_x, T, pair_of, stay, parameters, workspace, alive, shares):
    """Fill the mean of what stays of P(alive), by history and time ahead; `stay` is by pair, time ahead and draw."""
    for i in range(x.size):
        if i == 0 or x[i] != x[i - 1]:
            purchase.renew_x(x[i], parameters, workspace)
        purchase.fill_alive(x[i], t_x[i], T[i], parameters, workspace, alive)
        now = alive.sum()
        for at in range(shares.shape[1]):
            later = 0.0
            for s in range(alive.size):
                later += alive[s] * stay[pair_of[i], at, s]
            shares[i, at] = later / now


@njit(nogil=True)
def _fill_chances(order, x, t_x, T, days, parameters, workspace, buying, alive, chances):
    """Fill P(purchase within days) of each history, shape (histories, days); `order` is by x and T."""
    x_before, T_before = -1.0, -1.0
    for i in order:
        if x[i] != x_before:
            purchase.renew_x(x[i], parameters, workspace)
        if x[i] != x_before or T[i] != T_before:
            for at in range(days.size):
                purchase.fill_buying(x[i], T[i], days[at], parameters, buying[at])
        x_before, T_before = x[i], T[i]
        purchase.fill_alive(x[i], t_x[i], T[i], parameters, workspace, alive)
        for at in range(days.size):
            total = 0.0
            for s in range(alive.size):
                total += alive[s] * buying[at, s]
            chances[i, at] = total / alive.size
