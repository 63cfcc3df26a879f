"""Calibration of the whole: truth, base, fit, score, and the outcomes of the truth."""

import logging

import intervals
import numpy as np
import pytest
from cases import few


@pytest.fixture(autouse=True)
def quiet():
    """A base of 600 now and then gives laplace over to nuts, and says so."""
    logging.getLogger("tenure").setLevel(logging.ERROR)
    yield
    logging.getLogger("tenure").setLevel(logging.NOTSET)


def farthest(table, groups=None):
    """Find the average that lies farthest from the nominal share, in its own standard errors."""
    picked = table if groups is None else table[table.index.get_level_values("group").isin(groups)]
    return picked[["z_inside", "z_below", "z_above"]].abs().max().max()


def farther_than_half_a_point(table):
    """Name what lies more than four standard errors and half a percentage point from the nominal share.

    Half a point is for what 600 customers leave unknown of one fixed truth: a posterior holds what it says over truths
    from its prior, not exactly over bases of each.
    """
    level = table.index.get_level_values("level").to_numpy()
    found = []
    for name, nominal in (("inside", level), ("below", 0.5 * (1 - level)), ("above", 0.5 * (1 - level))):
        off = (table[name] - nominal).abs()
        error = (table[name] - nominal) / table[f"z_{name}"]
        found += [(name, *key) for key in table.index[off > 4 * error + 0.005]]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("purchases", few(intervals.CHANCES, 1))
def test_intervals_hold_what_they_say_on_a_few_bases(purchases):
    table = intervals.judge(intervals.measure(purchases, 8, seed=1))
    nominal = table.index.get_level_values("level")
    of_all = table.index.get_level_values("group") == "everyone"
    np.testing.assert_allclose(table.loc[of_all, "inside"], nominal[of_all], atol=0.03)
    np.testing.assert_allclose(table.loc[of_all, "below"], 0.5 * (1 - nominal[of_all]), atol=0.02)
    assert farthest(table, ["total"]) < 4


@pytest.mark.slow
@pytest.mark.parametrize("purchases", intervals.CHANCES)
def test_intervals_hold_what_they_say(purchases):
    """Of everyone, one-time buyers, repeat buyers, the top decile and the total; inside and in both tails."""
    assert farther_than_half_a_point(intervals.judge(intervals.measure(purchases, 200, seed=2))) == []


@pytest.mark.slow
def test_intervals_that_are_too_narrow_are_seen():
    def too_sure(drawn):
        centre = drawn.mean(axis=1, keepdims=True)
        return np.round(centre + 0.7 * (drawn - centre), 6)

    table = intervals.judge(intervals.measure("bg_nbd", 4, seed=1, spoil=too_sure))
    assert farthest(table, ["repeat buyers"]) > 6
    assert farther_than_half_a_point(table)


@pytest.mark.slow
def test_outcomes_that_are_too_many_are_seen():
    table = intervals.judge(intervals.measure("bg_nbd", 4, seed=1, spoil=lambda drawn: drawn * 1.3))
    assert farthest(table, ["everyone"]) > 6
