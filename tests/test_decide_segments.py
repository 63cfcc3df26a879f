"""Decisions with a model of segments: each customer, channel and ceiling has the parameters of its own segment."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from logs import log_of
from test_decide import BG, FIRST_ORDERS, SPEND, run

from tenure import decide
from tenure.decide.channels import mix, value_channels
from tenure.decide.segments import channels_of, shares_of
from tenure.posterior import Posterior, Segments
from tenure.scorer import NEW_SEGMENT, Params, Scorer
from tenure.settings import AcquisitionCostSettings, DecideSettings

# Effects of the segments ads and mail, and of a new one, on the three quantities.
EFFECTS = {"mean_rate": (-0.4, 0.6, 0.1), "dropout_mean": (0.5, -0.5, 0.0), "mean_spend": (-0.3, 0.7, 0.0)}


def segmented(draws: int = 200, names: Any = ("channel",), values: Any = (("ads",), ("mail",))) -> Posterior:
    """Return a known population with segments, and 100 customers of segments without a name."""
    arrays = {name: np.full((1, draws), value) for name, value in {**BG, **SPEND}.items()}
    rows = [*(min(at, 1) for at in range(len(values))), 2]
    each = {name: np.array([effects[at] for at in rows])[:, None, None] for name, effects in EFFECTS.items()}
    customers, orders = (300, 100, 50, 50)[: len(values)], tuple((20.0 + 10.0 * at, 1.0) for at in range(len(rows)))
    effects = {name: values * np.ones((1, 1, draws)) for name, values in each.items()}
    origin = {"method": "known", "first_orders": FIRST_ORDERS, "customers": sum(customers) + 100}
    segments = Segments(names, tuple(values), customers, effects, orders)
    return Posterior(arrays, "bg_nbd", "gamma_gamma", origin, segments)


def sales(channels: str = "ads mail ads shop mail ads", country: str = "de de fr de fr fr") -> Any:
    """Return a log of six customers with a channel and a country each."""
    rng, rows = np.random.default_rng(2), []
    for at, (channel, land) in enumerate(zip(channels.split(), country.split(), strict=True)):
        for day in [0, *np.cumsum(rng.integers(20, 150, at))]:
            date = pd.Timestamp("2020-01-01") + pd.Timedelta(int(day), "D")
            rows.append((f"c{at}", date, float(rng.integers(5, 60)), channel, land))
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount", "channel", "country"])
    return log_of(frame, segments={"channel": "first", "country": "first"}, end="2021-12-31")


@pytest.fixture(scope="module")
def decided() -> tuple[decide.Decisions, pd.DataFrame]:
    costs = AcquisitionCostSettings(costs={"ads": 4.0, "mail": 9.0, "all": 1.0})
    return run(sales(), segmented(), acquisition=costs)


def test_each_customer_has_the_numbers_of_a_model_of_the_own_segment(
    decided: tuple[decide.Decisions, pd.DataFrame],
) -> None:
    """ads, mail, and shop, which is no segment of the model: a new one."""
    rows: Any = decided[1]
    simulated = {"tier", "p_top_top", "p_top_middle", "acquisition_cost", "net_margin"}
    own = [name for name in rows.columns if name not in simulated]
    for place, channel in enumerate(("ads", "mail", "shop")):
        alone: Any = run(sales(), segmented().of_segment(place))[1]
        of_channel = rows["channel"] == channel
        assert of_channel.any()
        pd.testing.assert_frame_equal(rows.loc[of_channel, own], alone.loc[of_channel, own], rtol=1e-12)


def test_ceilings_are_by_segment_and_those_of_all_are_their_mixture(
    decided: tuple[decide.Decisions, pd.DataFrame],
) -> None:
    decisions, _ = decided
    table: Any = decisions.acquisition.query("horizon_days == 365").set_index("channel")
    assert list(table.index) == ["all", "ads", "mail", "shop"]
    assert table["population"].to_dict() == {"all": "all", "ads": "ads", "mail": "mail", "shop": NEW_SEGMENT}
    assert table["customers"].to_dict() == {"all": 6, "ads": 3, "mail": 2, "shop": 1}
    scorer = Scorer(segmented())
    params = {"horizon_days": 365, "discount_rate": 0.1, "margin": 0.5}
    for channel in ("ads", "mail", "shop"):
        new = scorer.new_customer(segment=[channel], **params).expected.mean()
        assert table.loc[channel, "clv"] == pytest.approx(new, rel=1e-3)
        assert table.loc[channel, "ceiling"] == pytest.approx(table.loc[channel, "clv"] / 3.0)
    assert table.loc["mail", "clv"] > 2 * table.loc["ads", "clv"]
    mixture = 0.6 * table["clv"]["ads"] + 0.2 * table["clv"]["mail"] + 0.2 * table["clv"]["shop"]
    assert table.loc["all", "clv"] == pytest.approx(mixture)
    assert table.loc["all", "clv"] == pytest.approx(scorer.new_customer(**params).expected.mean(), rel=1e-3)


def test_costs_are_those_of_segments_and_all_is_of_the_others(decided: tuple[decide.Decisions, pd.DataFrame]) -> None:
    decisions, rows = decided
    costs = {"ads": 4.0, "mail": 9.0, "shop": 1.0}
    assert rows["acquisition_cost"].tolist() == [costs[channel] for channel in rows["channel"]]
    of = decisions.acquisition.groupby("channel")["acquisition_cost"].first()
    assert of.to_dict() == pytest.approx({**costs, "all": (3 * 4.0 + 2 * 9.0 + 1.0) / 6})
    assert decisions.new_segment_customers == 1


def test_costs_of_a_segment_without_customers_are_refused() -> None:
    settings = DecideSettings(acquisition=AcquisitionCostSettings(costs={"ads": 4.0, "tv": 9.0, "radio": 1.0}))
    log = sales()
    days = decide.Days.of(log.last_day, 365, settings)
    question = decide.Question(Scorer(segmented()), Params(365, 0.1, 0.5, 0.9, 0), settings, days, log.segments)
    decide.require_cost_names(settings, log.segments, ("channel",))
    with pytest.raises(decide.DecideError) as refused:
        decide.require_costs(decide.stream_histories(log, days, "string"), question)
    assert str(refused.value) == (
        "decide.acquisition.costs has 2 channels that no customer has ('radio', 'tv'). The channels of the log are"
        " 'ads', 'mail', 'shop'."
    )


def test_a_segment_with_the_name_of_all_customers_is_refused() -> None:
    log, settings = sales("ads mail all shop mail ads"), DecideSettings()
    days = decide.Days.of(log.last_day, 365, settings)
    question = decide.Question(Scorer(segmented()), Params(365, 0.1, 0.5, 0.9, 0), settings, days, log.segments)
    with pytest.raises(decide.DecideError, match="The value 'all' of channel is what stands for all customers"):
        decide.require_costs(decide.stream_histories(log, days, "string"), question)


@pytest.mark.parametrize(
    ("columns", "channel", "shares"),
    [
        ((), "all", {0: 0.5, 1: 1 / 6, 2: 1 / 12, 3: 1 / 12, 4: 1 / 6}),
        (("channel",), "ads", {0: 0.75, 1: 0.25}),  # those of ads in both countries
        (("country",), "fr", {1: 100 / 150, 3: 50 / 150}),
        (("channel", "country"), "mail / fr", {3: 1.0}),
        (("channel",), "tv", {4: 1.0}),
        (("shelf",), "ads", {0: 0.5, 1: 1 / 6, 2: 1 / 12, 3: 1 / 12, 4: 1 / 6}),  # no matter of the segments
    ],
)
def test_a_channel_has_the_segments_with_its_values(
    columns: tuple[str, ...], channel: str, shares: dict[int, float]
) -> None:
    values = (("ads", "de"), ("ads", "fr"), ("mail", "de"), ("mail", "fr"))
    posterior = segmented(20, ("channel", "country"), values)
    assert shares_of(posterior, columns, channel) == pytest.approx(shares)


def test_a_channel_of_several_columns_is_their_values_together() -> None:
    part = pd.DataFrame({"channel": ["ads", "mail"], "country": ["de", "(none)"]})
    assert channels_of(part, ("channel", "country")).tolist() == ["ads / de", "mail / (none)"]
    assert channels_of(part, ()).tolist() == ["all", "all"]


def test_single_customers_of_a_mixture_are_of_its_populations_in_proportion() -> None:
    log = sales()
    settings = DecideSettings(order_cost=1.0)
    days = decide.Days.of(log.last_day, 365, settings)
    question = decide.Question(Scorer(segmented()), Params(365, 0.1, 0.5, 0.9, 0), settings, days, log.segments)
    each = value_channels(question, ["all", "ads", "mail", "shop"])
    several = [each[channel] for channel in ("ads", "mail", "shop")]
    mixed = mix(several, [0.6, 0.2, 0.2], np.random.default_rng(1))
    for at, ceiling in enumerate(mixed.ceilings):
        outcomes = np.stack([one.ceilings[at].outcomes for one in several])
        origin = (outcomes == ceiling.outcomes).argmax(axis=0)
        assert (outcomes[origin, np.arange(origin.size)] == ceiling.outcomes).all()
        np.testing.assert_allclose(np.bincount(origin) / origin.size, [0.6, 0.2, 0.2], atol=0.04)
        np.testing.assert_allclose(each["all"].ceilings[at].means, ceiling.means)


def test_a_model_without_segments_has_one_ceiling_for_all_channels_and_says_so() -> None:
    costs = AcquisitionCostSettings(channel="channel", costs={"ads": 4.0})
    decisions, _ = run(sales(), acquisition=costs)
    table: Any = decisions.acquisition.query("horizon_days == 365")
    assert table["channel"].tolist() == ["ads", "mail", "shop"]
    assert set(table["population"]) == {"all"}
    assert table["clv"].nunique() == 1
    assert decisions.own_channels.empty
