"""Smooth curves through expectations at a few days: by period, and discounted."""

from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from .futures import Floats

SCALE = 30.0  # days; curves are drawn over log(1 + days / 30), in which they bend little
PIECES = 12  # of a period, each with one mean discount


def place_of(days: Any) -> Floats:
    """Return the place of days ahead on the axis on which curves are drawn."""
    return np.asarray(np.log1p(np.asarray(days, np.float64) / SCALE))


def curve_of(knots: Floats, by_period: Floats) -> Any:
    """Return the cumulated expectation as a monotone curve through its values at the knots, a function of places."""
    start = np.zeros((1, *by_period.shape[1:]))
    return PchipInterpolator(place_of([0.0, *knots]), np.concatenate([start, by_period.cumsum(axis=0)]), axis=0)


def by_periods(knots: Floats, by_period: Floats, ends: Floats) -> Floats:
    """Return expectations between the knots, shape (knots, draws), by other periods, shape (periods, draws)."""
    cumulated = curve_of(knots, by_period)(place_of(ends))
    return np.asarray(np.maximum(np.diff(cumulated, axis=0, prepend=0.0), 0.0))


def discounts(knots: Floats, by_period: Floats, ends: Floats, delta: float) -> Floats:
    """Return the mean discount of the money in each period, of the curve through one expectation, shape (knots,).

    Args:
        knots: last days of the periods of the expectation.
        by_period: the expectation by period.
        ends: last days of the periods to discount.
        delta: continuous discount rate of a day.
    """
    starts = np.concatenate([[0.0], ends[:-1]])
    places = np.linspace(place_of(starts), place_of(ends), PIECES + 1, axis=1)
    days = np.expm1(places) * SCALE
    money = np.maximum(np.diff(curve_of(knots, by_period)(places), axis=1), 0.0)
    of_piece = mean_discount(days[:, :-1], days[:, 1:], delta)
    total = money.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = (money * of_piece).sum(axis=1) / total
    return np.asarray(np.where(total > 0, weighted, of_piece.mean(axis=1)))


def mean_discount(start: Any, end: Any, delta: float) -> Floats:
    """Return the mean of e^(-delta t) between two days.

    >>> mean_discount(0.0, 10.0, 0.0).tolist()
    1.0
    """
    span = delta * (np.asarray(end) - start)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(span > 1e-12, -np.expm1(-span) / span, 1.0)
    return np.asarray(np.exp(-delta * np.asarray(start)) * mean)
