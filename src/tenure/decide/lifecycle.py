"""Lifecycle: the stage of a customer by dates, and the model's view of the next order.

Times come from the model's own P(purchase within h days) at a few horizons h, computed once for each distinct history,
with a part of the joint draws: a median of days needs no more.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..settings import StageSettings
from .futures import Floats, Ints
from .segments import places_of, populations_of
from .survival import Survival

STAGES = ("new", "active", "inactive", "dormant")
NEVER = "none"  # the stage of a customer before the first purchase
WINDOWS = (30, 90, 365)
DRAWS = 100  # of the joint draws, for times
POINTS = 12  # horizons between one day and the longest
BISECTIONS = 20  # a millionth of a step
YEARS_OF_SILENCE = 10
type Bools = NDArray[np.bool_]
type Compute = Callable[..., Floats]


def stage_of(since_first: Any, since_last: Any, settings: StageSettings) -> NDArray[np.object_]:
    """Return the stage of customers by the days since their first and their last purchase.

    The first that applies: dormant, new, inactive, else active if there are two purchase days, and new if there is one
    (which `new_days` below `inactive_days` leave open). Days below 0: no purchase yet.
    """
    first, last = np.asarray(since_first), np.asarray(since_last)
    stages = np.where(first > last, "active", "new").astype(object)
    stages[last >= settings.inactive_days] = "inactive"
    stages[first < settings.new_days] = "new"
    stages[last >= settings.dormant_days] = "dormant"
    stages[first < 0] = NEVER
    return stages


def disagreements(stages: NDArray[np.object_], p_purchase: Floats, settings: StageSettings) -> Bools:
    """Return where the stage and P(purchase) contradict each other."""
    is_quiet = np.isin(stages, ("inactive", "dormant"))
    return np.where(is_quiet, p_purchase >= settings.likely, p_purchase < settings.doubtful)


class Timing:
    """The times of next orders by the model.

    Args:
        scorer: of the model.
        horizon: days ahead of the next order.
        settings: levels.
    """

    def __init__(self, scorer: Any, horizon: int, settings: StageSettings) -> None:
        self.horizon, self.settings = horizon, settings
        self.few = type(scorer)(scorer.posterior.thin(min(DRAWS, scorer.draws)), threads=scorer.threads)
        self.survivals = [Survival(population) for population in populations_of(self.few.posterior)]
        self.grid = grid_of(horizon)
        self.silences = grid_of(YEARS_OF_SILENCE * 365)

    def columns(self, part: pd.DataFrame, p_purchase: Floats, p_alive: Floats) -> dict[str, Any]:
        """Return the columns of a part: probabilities by window, the next order, and what silence means."""
        x, t_x, T = (part[name].to_numpy(np.int64) for name in ("frequency", "recency", "T"))
        places = places_of(self.few.posterior, part)
        histories, inverse = _distinct(places, x, t_x, T)
        later = self._by_place(Survival.later, histories, np.array(WINDOWS, np.float64))[inverse]
        every = sorted({*self.grid, *WINDOWS})
        chances = self._chances(places, x, t_x, T, every)
        within = {f"p_purchase_{days}": chances[:, every.index(days)] for days in WINDOWS}
        if self.horizon in WINDOWS:
            within[f"p_purchase_{self.horizon}"] = p_purchase  # of all draws
        ahead = chances[:, [every.index(day) for day in self.grid]]
        is_expected = p_purchase >= 0.5
        order = {
            f"next_order_{name}_days": np.where(is_expected, quantile(ahead, self.grid, level), np.nan)
            for name, level in (("median", 0.5), ("low", 0.1), ("high", 0.9))
        }
        wait = quantile(self._chances(places, x, t_x, t_x, self.grid), self.grid, self.settings.overdue_share)
        silent = part["since_last"].to_numpy(np.int64)
        return {
            **within,
            **{f"p_alive_{days}": p_alive * later[:, at] for at, days in enumerate(WINDOWS)},
            **order,
            "overdue_after_days": wait,
            "is_overdue": silent > wait,
            "alive_until_days": self._alive_until(histories)[inverse],
        }

    def _alive_until(self, histories: NDArray[np.int64]) -> Floats:
        """Return the days of further silence after which P(alive) is below the level; NaN beyond ten years."""
        steps = np.array([0, *self.silences], np.float64)
        alive = self._by_place(partial(Survival.after_silence, least=self.settings.alive_level), histories, steps)
        below = alive < self.settings.alive_level
        at, days = np.argmax(below, axis=1), np.zeros(len(histories))
        rows = np.flatnonzero(below.any(axis=1) & (at > 0))
        high, low = alive[rows, at[rows] - 1], alive[rows, at[rows]]
        left, right = steps[at[rows] - 1], steps[at[rows]]
        days[rows] = np.ceil(left + (right - left) * (high - self.settings.alive_level) / (high - low))
        days[~below.any(axis=1)] = np.nan
        return days

    def _by_place(self, compute: Compute, histories: NDArray[np.int64], days: Floats) -> Floats:
        """Return what a method of `Survival` computes for each history, of place, x, t_x and T, and number of days."""
        chances = np.empty((len(histories), days.size))
        for place in np.unique(histories[:, 0]):
            rows = histories[:, 0] == place
            chances[rows] = compute(self.survivals[place], histories[rows, 1:], days)
        return chances

    def _chances(self, places: Ints, x: Any, t_x: Any, T: Any, days: Sequence[int]) -> Floats:
        """Return P(purchase within each number of days), shape (customers, days)."""
        histories, inverse = _distinct(places, x, t_x, T)
        return self._by_place(Survival.p_purchase, histories, np.array(days, np.float64))[inverse]


def _distinct(places: Any, x: Any, t_x: Any, T: Any) -> tuple[NDArray[np.int64], Ints]:
    """Return the distinct histories by segment, in the order of x, and the place of each customer's."""
    columns = [np.asarray(column, np.int64) for column in (places, x, t_x, T)]
    sizes = [int(column.max(initial=0)) + 1 for column in columns]
    keys, inverse = np.unique(np.ravel_multi_index(columns, sizes), return_inverse=True)
    return np.stack(np.unravel_index(keys, sizes), axis=1), inverse


def grid_of(horizon: int) -> list[int]:
    """Return whole days from 1 to a horizon, whose distances grow.

    >>> grid_of(8)
    [1, 2, 3, 4, 6, 8]
    """
    return sorted({round(day) for day in np.geomspace(1, horizon, min(POINTS, max(horizon, 1)))} | {horizon})


def quantile(chances: Floats, grid: Sequence[int], level: float) -> Floats:
    """Return the day by which the next order comes with probability `level`, given that it comes within the grid.

    Args:
        chances: P(purchase within each day of the grid), shape (customers, days).
        grid: the days, ascending.
        level: of the quantile.
    """
    days = np.concatenate([[0.0], np.asarray(grid, np.float64)])
    reached = np.concatenate([np.zeros((len(chances), 1)), chances], axis=1)
    slopes = PchipInterpolator(days, reached, axis=1).derivative()(days)
    target = level * reached[:, -1]
    at = np.clip((reached < target[:, None] - 1e-12).sum(axis=1), 1, len(days) - 1)
    rows, start, width = np.arange(len(reached)), days[at - 1], np.diff(days)[at - 1]
    ends = reached[rows, at - 1], reached[rows, at], slopes[rows, at - 1] * width, slopes[rows, at] * width
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        is_early = _hermite(middle, *ends) < target - 1e-12
        low, high = np.where(is_early, middle, low), np.where(is_early, high, middle)
    return np.asarray(np.ceil(start + high * width - 1e-3))


def _hermite(share: Floats, left: Floats, right: Floats, slope_left: Floats, slope_right: Floats) -> Floats:
    """Return a cubic between two points by their values and slopes; shares of the step from 0 to 1."""
    square, cube = share**2, share**3
    inner = (cube - 2 * square + share) * slope_left + (cube - square) * slope_right
    return np.asarray((2 * cube - 3 * square + 1) * left + (3 * square - 2 * cube) * right + inner)
