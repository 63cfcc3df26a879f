"""Synthetic logs whose segments differ in truth."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tenure.settings import SettingsError, SimulateSettings, TruthSettings
from tenure.simulate.by_segment import truth_of
from tenure.simulate.tables import Simulation

PARAMETERS = {"r": 1.0, "alpha": 50.0, "a": 0.5, "b": 1.5, "p": 4.0, "q": 4.0, "v": 30.0}
PLAIN = SimulateSettings(
    customers=3000,
    start="2023-01-01",
    end="2023-12-31",
    truth=TruthSettings("bg_nbd", "gamma_gamma", PARAMETERS),
    segments={"channel": {"ads": 0.5, "mail": 0.5}, "land": {"DE": 0.8, "FR": 0.2}},
)
EFFECTS = {"channel": {"mail": {"mean_rate": 3.0, "mean_spend": 2.0}}, "land": {"FR": {"dropout_mean": 4.0}}}


def drawn(settings: SimulateSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    simulation = Simulation(settings, seed=5)
    blocks = [simulation.draw(at) for at in range(simulation.blocks)]
    logs, truths = (pd.concat([getattr(one, name).to_pandas() for one in blocks]) for name in ("log", "truth"))
    return logs, truths.set_index("customer_id")


def test_segments_with_effects_differ_by_their_factors():
    log, truth = drawn(replace(PLAIN, effects=EFFECTS))
    channel = log.groupby("customer_id")["channel"].first()
    land = log.groupby("customer_id")["land"].first()
    by_channel: Any = truth.groupby(channel).mean(numeric_only=True)
    assert by_channel.loc["mail", "rate"] / by_channel.loc["ads", "rate"] == pytest.approx(3.0, rel=0.15)
    assert by_channel.loc["mail", "mean_spend"] / by_channel.loc["ads", "mean_spend"] == pytest.approx(2.0, rel=0.1)
    dropout = truth.groupby(land)["dropout"].mean()
    assert dropout["FR"] == pytest.approx(4 / (4 + 3), abs=0.04)
    assert dropout["DE"] == pytest.approx(0.25, abs=0.02)


def test_customers_of_segments_without_an_effect_are_those_of_before():
    plain, before = drawn(PLAIN)
    log, truth = drawn(replace(PLAIN, effects={"channel": EFFECTS["channel"]}))
    ads = plain.loc[plain["channel"] == "ads", "customer_id"].unique()
    pd.testing.assert_frame_equal(before.loc[ads], truth.loc[ads])
    rows = [one[one["channel"] == "ads"].sort_values(["customer_id", "order_id"], ignore_index=True)
            for one in (plain, log)]  # fmt: skip
    pd.testing.assert_frame_equal(*rows)
    assert list(before.index) == list(truth.index)


def test_a_larger_base_begins_with_the_smaller_one():
    small, _ = drawn(replace(PLAIN, customers=500, effects=EFFECTS))
    large, _ = drawn(replace(PLAIN, effects=EFFECTS))
    own = large[large["customer_id"].isin(small["customer_id"].unique())].reset_index(drop=True)
    pd.testing.assert_frame_equal(small.reset_index(drop=True), own)


def test_effects_of_several_segments_multiply():
    effects = {"channel": {"mail": {"mean_rate": 3.0}}, "land": {"FR": {"mean_rate": 0.5}}}
    truth = truth_of(replace(PLAIN, effects=effects), {"channel": "mail", "land": "FR"})
    assert truth.mean_rate == pytest.approx(1.5 * PLAIN.truth.mean_rate)
    assert np.isclose(truth.parameters["v"], 30.0)


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ({"shop": {"x": {"mean_rate": 2.0}}}, "simulate.effects.shop must be of a segment"),
        ({"channel": {"radio": {"mean_rate": 2.0}}}, "must be one of ads, mail, got 'radio'"),
        ({"channel": {"mail": {"r": 2.0}}}, "must be one of mean_rate, dropout_mean, mean_spend, got 'r'"),
        ({"channel": {"mail": {"mean_rate": 0.0}}}, "simulate.effects.channel.mail.mean_rate must be from 0.001"),
        ({"channel": {"mail": {"mean_rate": 1000.0}}}, "buys at most 5,000 times on average"),
    ],
)
def test_effects_that_no_segment_has_are_refused_by_name(effects, message):
    with pytest.raises(SettingsError, match=message):
        replace(PLAIN, effects=effects)
