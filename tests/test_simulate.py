"""The synthetic log: the law it follows, what it is asked to hold, and what it says of itself."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cases import few
from hydra.errors import HydraException
from job_runs import in_process
from omegaconf.errors import OmegaConfBaseException
from populations import PURCHASE_MODELS, PURCHASE_PARAMETERS, SPEND_PARAMETERS
from scipy.stats import kstest

from tenure.fit import fit_models
from tenure.jobs.compose import compose_settings
from tenure.output import OutputError, describe
from tenure.posterior import Posterior
from tenure.purchase.poisson_times import draw_last, draw_shares
from tenure.purchase.protocol import PurchaseProcess
from tenure.rfm import summarize
from tenure.scorer import Scorer
from tenure.settings import SettingsError, SimulateSettings
from tenure.simulate import (
    ProcessError,
    SimulateError,
    purchase_process,
    spend_process,
    tables,
    write,
    write_log,
)
from tenure.simulate.calendar import Calendar
from tenure.simulate.rows import DIRT
from tenure.simulate.tables import BLOCK, Simulation
from tenure.spend.protocol import SpendProcess
from tenure.transactions import read

CONF = Path(__file__).parent.parent / "conf" / "simulate"
DIRTY = {kind: 0.02 for kinds in DIRT.values() for kind in kinds} | {"duplicates": 0.03}


def asked(*overrides: str) -> SimulateSettings:
    settings: SimulateSettings = compose_settings("simulate", overrides).simulate
    return settings


def written(folder: Path, *overrides: str, name: str = "log.parquet", seed: int = 1, **changes: Any) -> pd.DataFrame:
    """Simulate and read back, as pandas has it."""
    write_log(asked(*overrides), str(folder / name), seed=seed, **changes)
    return pd.read_parquet(folder / name)


def near(found: float, share: float, size: int) -> bool:
    """Tell whether a count lies within four and a half standard errors of a share of `size`."""
    return abs(found - share * size) <= 4.5 * np.sqrt(share * (1 - share) * size) + 1e-9


def process_of(model: str, *parameters: float) -> PurchaseProcess:
    return purchase_process(model, dict(zip(PURCHASE_PARAMETERS, parameters, strict=True)))


def spend_of(*parameters: float) -> SpendProcess:
    return spend_process("gamma_gamma", dict(zip(SPEND_PARAMETERS, parameters, strict=True)))


# ---- the law


@pytest.mark.parametrize("model", PURCHASE_MODELS)
def test_simulated_histories_have_the_models_own_moments(model: str) -> None:
    """Customers of rate 2 who stay buy 2 T on average; half of those who could leave at once do."""
    rng = np.random.default_rng(3)
    T = np.full(200_000, 0.5)
    x, t_x = process_of(model, 1e6, 0.5e6, 1e-9, 1.0).draw_histories(T, rng)
    assert x.mean() == pytest.approx(1.0, abs=0.01)
    # The last of x uniform times lies at x / (x + 1) of the whole on average.
    assert (t_x[x == 2] / 0.5).mean() == pytest.approx(2 / 3, abs=0.01)
    leaves = process_of(model, 1e6, 1e4, 1e6, 1e6)  # 50 purchases unless the customer leaves
    x, _ = leaves.draw_histories(T, rng)
    # E[x] of a geometric with p = 1/2: one more purchase where nobody leaves before the first repeat.
    assert x.mean() == pytest.approx(2.0 if model == "bg_nbd" else 1.0, abs=0.01)


def test_times_of_the_first_purchases_are_order_statistics_of_uniforms() -> None:
    rng = np.random.default_rng(4)
    x, possible = np.full(20_000, 3), np.full(20_000, 7)
    shares = draw_shares(x, possible, rng).reshape(-1, 3)
    assert (np.diff(shares, axis=1) > 0).all()
    for place in range(3):
        assert kstest(shares[:, place], "beta", args=(place + 1, 7 - place)).pvalue > 0.001
    assert kstest(draw_last(x, possible, rng), "beta", args=(3, 5)).pvalue > 0.001


def test_customers_of_different_counts_keep_their_own_times() -> None:
    x = np.array([0, 2, 0, 1, 3, 0])
    shares = draw_shares(x, x + 1, np.random.default_rng(5))
    assert shares.size == x.sum()
    assert ((shares > 0) & (shares < 1)).all()
    for customer in np.split(shares, np.cumsum(x)[:-1]):
        assert (np.diff(customer) > 0).all()
    assert draw_shares(np.zeros(3, np.int64), np.arange(3), np.random.default_rng(5)).size == 0


@pytest.mark.parametrize("model", few(PURCHASE_MODELS, 1))
def test_counts_are_those_that_the_scorer_expects_of_new_customers(model: str, tmp_path: Path) -> None:
    one_day = ["simulate.start=2024-01-01", "simulate.acquisition.until=2024-01-01", "simulate.end=2024-12-30"]
    settings = asked(f"simulate.truth.purchase_model={model}", "simulate.customers=60000", *one_day)
    write_log(settings, str(tmp_path / "log.parquet"), truth=str(tmp_path / "truth.parquet"), seed=2)
    repeats = pd.read_parquet(tmp_path / "truth.parquet")["repeats"]
    draws = {name: np.full((1, 1), value) for name, value in settings.truth.parameters.items()}
    # First purchases are uniform over the first of 365 days.
    expected = Scorer(Posterior(draws, model, "gamma_gamma", {})).expected_new_customer(np.array([364, 365])).mean()
    assert repeats.mean() == pytest.approx(expected, abs=4 * repeats.std() / np.sqrt(len(repeats)))


def test_mean_spend_and_its_spread_are_the_gamma_gammas(tmp_path: Path) -> None:
    log = written(tmp_path, "simulate.customers=40000", "simulate.truth.parameters.q=6.0")
    first = log[log["order_id"].str.endswith("-0")]["amount"]
    p, q, v = 6.0, 6.0, 16.0
    mean = p * v / (q - 1)
    assert first.mean() == pytest.approx(mean, abs=4 * first.std() / np.sqrt(len(first)))
    variance = (p * (p + 1) * v**2) / ((q - 1) * (q - 2)) - mean**2
    assert first.var() == pytest.approx(variance, rel=0.1)
    np.testing.assert_allclose(log["amount"], log["amount"].round(2))
    assert log["amount"].min() >= 0.01


def test_a_customers_truth_is_what_the_customer_did(tmp_path: Path) -> None:
    log = written(tmp_path, "simulate.customers=4000", "simulate.dates=time", truth=str(tmp_path / "truth.parquet"))
    truth = pd.read_parquet(tmp_path / "truth.parquet").set_index("customer_id")
    seen = log.groupby("customer_id")["date"].agg(["min", "max", "size"]).reindex(truth.index)
    assert (seen["min"] == truth["acquired"]).all()
    assert (seen["size"] == truth["repeats"] + 1).all()
    gone = truth["left"].notna()
    assert 0.1 < gone.mean() < 0.5
    assert (seen["max"] == truth["left"])[gone].all()
    of_one = log.groupby("customer_id")["amount"].mean().reindex(truth.index)
    assert np.corrcoef(of_one, truth["mean_spend"])[0, 1] > 0.7


def test_a_share_of_new_customers_leaves_at_once_in_the_mbg_nbd_and_none_in_the_bg_nbd(tmp_path: Path) -> None:
    for model, share in (("mbg_nbd", 0.8 / 3.3), ("bg_nbd", 0.0)):
        asks = [f"simulate.truth.purchase_model={model}", "simulate.customers=6000"]
        written(tmp_path, *asks, truth=str(tmp_path / "truth.parquet"))
        truth = pd.read_parquet(tmp_path / "truth.parquet")
        assert near((truth["left"] == truth["acquired"]).sum(), share, 6000)


def test_without_dropout_nobody_leaves(tmp_path: Path) -> None:
    span = ["simulate.acquisition.until=2024-01-01", "simulate.end=2024-12-31"]
    settings = asked("simulate=loyal", *span)
    write_log(settings, str(tmp_path / "log.parquet"), truth=str(tmp_path / "truth.parquet"), seed=0)
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    assert (truth["dropout"] == 0).all()
    assert truth["left"].isna().all()
    error = truth["repeats"].std() / np.sqrt(len(truth))
    assert truth["repeats"].mean() == pytest.approx(0.8 / 90 * 365.5, abs=4 * error)


def test_a_fit_to_a_made_up_log_finds_its_truth(tmp_path: Path) -> None:
    """By its 99% credible intervals, through file, reader and summary. Buyers are slow: days round little."""
    truth = {"r": 0.45, "alpha": 450.0, "a": 0.8, "b": 2.8, "p": 5.0, "q": 4.0, "v": 20.0}
    days = ["simulate.start=2014-01-01", "simulate.acquisition.until=2016-12-31", "simulate.end=2023-12-31"]
    overrides = [*(f"simulate.truth.parameters.{name}={value}" for name, value in truth.items()), *days]
    write_log(asked("simulate.customers=4000", *overrides), str(tmp_path / "log.parquet"), seed=3)
    settings = compose_settings("train", [f"transactions.path={tmp_path / 'log.parquet'}", "fit.method=laplace"])
    fitted = fit_models(summarize(read(settings.transactions), "2023-12-31"), settings.fit, seed=1)
    assert set(fitted.methods.values()) == {"laplace"}
    for name, value in truth.items():
        low, high = np.quantile(fitted.posterior.draws[name], [0.005, 0.995])
        assert low < value < high, name
        assert high < 4 * low, name  # or it would say nothing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: process_of("bg_nbd", 0.0, 1, 1, 1), r"r must be finite and above 0, got 0\.0\."),
        (lambda: process_of("bg_nbd", 1, 1, -1.0, 1), r"a must be finite and at least 0, got -1\.0\."),
        (
            lambda: spend_process("gamma_gamma", {"p": 1, "q": 1.0, "v": 1}),
            r"q must be above 1, as there is no mean spend otherwise, got 1\.0\.",
        ),
        (
            lambda: spend_process("gamma_gamma", {"p": 1, "q": 2, "v": float("nan")}),
            r"v must be finite and above 0, got nan\.",
        ),
    ],
)
def test_parameters_that_no_population_can_have_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ProcessError, match=message):
        make()


# ---- births and season


def calendar(**changes: Any) -> Calendar:
    settings = asked(
        "simulate=loyal", *(f"simulate.{key.replace('__', '.')}={value}" for key, value in changes.items())
    )
    return Calendar.of(settings)


def test_births_are_uniform_or_grow_by_the_year() -> None:
    rng = np.random.default_rng(6)
    even = calendar(acquisition__until="2025-12-31").draw_acquisitions(50_000, rng)
    assert kstest(even / 731, "uniform").pvalue > 0.001
    grown = calendar(acquisition__until="2025-12-31", acquisition__growth=1.0).draw_acquisitions(50_000, rng)
    first = np.count_nonzero(grown < 365)
    assert near(first, 1 / (2 ** (731 / 365) - 1), 50_000)  # the first year's share when each has twice the births
    assert 0 <= grown.min() <= grown.max() < 731


def test_a_season_of_amplitude_0_is_no_season() -> None:
    times = np.random.default_rng(7).random(10_000) * 731
    for peak in (1, 200):
        flat = calendar(season__amplitude=0.0, season__peak_day=peak)
        assert (flat.to_season(times) == times).all()
        assert (flat.to_days(times) == times).all()


def test_a_season_changes_no_whole_year_and_can_be_undone() -> None:
    waves = calendar(season__amplitude=0.6, season__peak_day=345)
    assert waves.to_season(np.array([366.0, 731.0])) == pytest.approx([366.0, 731.0])
    times = np.random.default_rng(8).random(10_000) * 731
    np.testing.assert_allclose(waves.to_days(waves.to_season(times)), times, atol=1e-9)


def test_purchases_follow_the_season_and_their_number_over_whole_years_does_not(tmp_path: Path) -> None:
    whole = [
        "simulate=loyal",
        "simulate.acquisition.until=2024-01-01",
        "simulate.customers=20000",
        "simulate.dates=time",
    ]
    amplitude, peak = 0.6, 100
    flat = written(tmp_path, *whole)
    season = [f"simulate.season.amplitude={amplitude}", f"simulate.season.peak_day={peak}"]
    waves = written(tmp_path, *whole, *season)
    repeats = waves[~waves["order_id"].str.endswith("-0")]
    # The year in twelve parts; a customer's purchases share a rate, but in each part alike.
    lengths = repeats["date"].dt.is_leap_year.map({True: 366, False: 365})
    days = (repeats["date"] - repeats["date"].dt.to_period("Y").dt.start_time) / pd.Timedelta(days=1)
    phase = (days + 0.5 - peak) / lengths
    for part in range(12):
        inside = np.count_nonzero(np.floor((phase % 1) * 12) == part)
        low, high = 2 * np.pi * part / 12, 2 * np.pi * (part + 1) / 12
        share = 1 / 12 + amplitude * (np.sin(high) - np.sin(low)) / (2 * np.pi)
        assert inside / len(repeats) == pytest.approx(share, abs=0.003)
    sizes = [log.groupby("customer_id").size() for log in (flat, waves)]
    error = np.hypot(*(size.std() / np.sqrt(len(size)) for size in sizes))
    assert abs(sizes[0].mean() - sizes[1].mean()) < 4 * error


def test_customers_born_before_the_log_have_a_past_that_it_lacks(tmp_path: Path) -> None:
    overrides = [
        "simulate.acquisition.since=1996-01-01",
        "simulate.acquisition.until=1996-06-30",
        "simulate.customers=4000",
    ]
    log = written(tmp_path, *overrides, truth=str(tmp_path / "truth.parquet"))
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    assert log["date"].min() == pd.Timestamp("1997-01-01").date()
    assert not log["order_id"].str.endswith("-0").any()
    assert truth["acquired"].max() < pd.Timestamp("1996-07-01")
    assert log["customer_id"].nunique() < len(truth) == 4000
    assert describe(tmp_path / "log.parquet")["counts"]["customers"] == log["customer_id"].nunique()


def test_the_last_moment_of_a_day_is_still_that_day() -> None:
    """A day less the least that a float can be less is nearer to the next day than a microsecond can say."""
    simulation = Simulation(asked(), 0)
    last, day = simulation._moments(np.nextafter([1.0, 546.0], 0.0)), np.timedelta64(1, "D")
    assert list(last.astype("datetime64[D]")) == [np.datetime64("1997-01-01"), np.datetime64("1998-06-30")]
    assert (last + day > np.array(["1997-01-02", "1998-07-01"], "datetime64[us]")).all()


# ---- refunds and dirt


def test_refunds_are_as_many_as_asked_and_no_sale_is_another(tmp_path: Path) -> None:
    base = ["simulate.customers=8000", "simulate.dates=time"]
    sold = written(tmp_path, *base)
    refunds = ["share=0.2", "full=0.6", "matched=0.7", "delay_days=0"]
    log = written(tmp_path, *base, *(f"simulate.refunds.{setting}" for setting in refunds))
    back = log[log["amount"] < 0]
    pd.testing.assert_frame_equal(log[log["amount"] > 0].reset_index(drop=True), sold)
    holds = describe(tmp_path / "log.parquet")["counts"]
    own = back["order_id"].str.contains("-r")
    assert (holds["refunds"], holds["refunds_with_own_id"]) == (len(back), own.sum())
    assert near(len(back), 0.2, len(sold))
    assert near(own.sum(), 0.3, len(back))
    sales = back.assign(order_id=back["order_id"].str.replace("-r", "-")).merge(sold, on="order_id")
    assert len(sales) == len(back)
    assert (sales["customer_id_x"] == sales["customer_id_y"]).all()
    assert (-sales["amount_x"] <= sales["amount_y"]).all()
    full = np.count_nonzero(-sales["amount_x"] == sales["amount_y"])
    assert full == pytest.approx(0.6 * len(back), abs=4.5 * np.sqrt(0.24 * len(back)) + 0.001 * len(back))


def test_refunds_come_later_by_the_delay_and_none_after_the_end(tmp_path: Path) -> None:
    refunds = ["simulate.refunds.share=1.0", "simulate.refunds.delay_days=20", "simulate.refunds.prefix=C"]
    log = written(tmp_path, "simulate.customers=4000", "simulate.dates=time", *refunds)
    back = log[log["amount"] < 0]
    assert back["order_id"].str.startswith("C").all()
    assert log["date"].max() < pd.Timestamp("1998-07-01")
    sales = back.assign(order_id=back["order_id"].str.removeprefix("C")).merge(log[log["amount"] > 0], on="order_id")
    delays = (sales["date_x"] - sales["date_y"]) / pd.Timedelta(days=1)
    assert (delays >= 0).all()
    early = delays[sales["date_y"] < pd.Timestamp("1998-01-01")]  # of which hardly any come after the end
    assert early.mean() == pytest.approx(20, rel=0.03)
    assert len(back) < np.count_nonzero(log["amount"] > 0)


def test_dirt_is_as_much_as_asked_and_exactly_what_the_file_says(tmp_path: Path) -> None:
    asks = [f"simulate.dirt.{kind}={share}" for kind, share in DIRTY.items()]
    log = written(tmp_path, "simulate.customers=15000", *asks)
    holds = describe(tmp_path / "log.parquet")["counts"]
    table = pq.read_table(tmp_path / "log.parquet")
    amounts = table["amount"]
    values = np.asarray(amounts.combine_chunks().fill_null(7.0))
    found = {
        "null_ids": table["customer_id"].null_count,
        "blank_ids": (log["customer_id"] == "").sum(),
        "guest_ids": (log["customer_id"] == "GUEST").sum(),
        "float_ids": log["customer_id"].str.endswith(".0").sum(),
        "null_dates": table["date"].null_count,
        "epoch_dates": (log["date"] == pd.Timestamp(0).date()).sum(),
        "zero_amounts": np.count_nonzero(values == 0),
        "null_amounts": amounts.null_count,
        "nan_amounts": np.count_nonzero(np.isnan(values)),
        "duplicates": log.duplicated().sum(),
    }
    assert {kind: holds[kind] for kind in found} == found
    assert holds["rows"] == len(log) == holds["orders"] + holds["refunds"] + holds["duplicates"]
    for kind, share in DIRTY.items():
        size = holds["orders"] if kind == "duplicates" else len(log)
        assert near(holds[kind], share, size), kind


def test_dirt_changes_nothing_else(tmp_path: Path) -> None:
    clean = written(tmp_path, "simulate.customers=3000").set_index("order_id")
    asks = [f"simulate.dirt.{kind}={share}" for kind, share in DIRTY.items()]
    dirty = written(tmp_path, "simulate.customers=3000", *asks).drop_duplicates("order_id").set_index("order_id")
    assert dirty.index.equals(clean.index)
    ids = dirty["customer_id"]
    right = ids.notna() & ~ids.isin(["", "GUEST"]) & ~ids.str.endswith(".0").fillna(True)
    assert (ids == clean["customer_id"])[right].all()
    right = dirty["date"].notna() & (dirty["date"] != pd.Timestamp(0).date())
    assert (dirty["date"] == clean["date"])[right].all()
    right = dirty["amount"].notna() & (dirty["amount"] != 0)
    assert (dirty["amount"] == clean["amount"])[right].all()


def test_segments_ride_along_one_of_each_to_a_customer(tmp_path: Path) -> None:
    log = written(
        tmp_path, "simulate.customers=6000", "+simulate.segments={country: {DE: 0.7, FR: 0.3}, channel: {web: 1.0}}"
    )
    assert list(log.columns) == ["customer_id", "date", "amount", "order_id", "country", "channel"]
    of_each = log.groupby("customer_id")["country"].agg(["first", "nunique"])
    assert (of_each["nunique"] == 1).all()
    assert near((of_each["first"] == "DE").sum(), 0.7, 6000)
    pd.testing.assert_frame_equal(
        log.drop(columns=["country", "channel"]), written(tmp_path, "simulate.customers=6000")
    )


# ---- what is written


EVERYTHING = [
    "simulate.customers=9000",
    "simulate.season.amplitude=0.4",
    "simulate.refunds.share=0.1",
    "simulate.refunds.prefix=C",
    "simulate.dirt.null_ids=0.02",
    "simulate.dirt.duplicates=0.02",
    "+simulate.segments={country: {DE: 0.5, FR: 0.5}}",
]


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    files = []
    for threads in (1, 2, 5):
        written(tmp_path, *EVERYTHING, threads=threads, truth=str(tmp_path / "truth.parquet"))
        files.append([(tmp_path / name).read_bytes() for name in ("log.parquet", "truth.parquet")])
    assert files[0] == files[1] == files[2]
    written(tmp_path, *EVERYTHING, seed=2)
    assert (tmp_path / "log.parquet").read_bytes() != files[0][0]


def test_how_much_is_held_and_written_at_a_time_changes_no_row(tmp_path: Path, monkeypatch: Any) -> None:
    whole = written(tmp_path, *EVERYTHING)
    for name, value in (("GROUP_ROWS", 3_000), ("PART_ROWS", 7_000), ("AHEAD", 1)):
        monkeypatch.setattr(write, name, value)
    parts = written(tmp_path, *EVERYTHING, name="log")
    pd.testing.assert_frame_equal(parts, whole)
    paths = sorted((tmp_path / "log").iterdir())
    assert [path.name for path in paths] == [f"part-{part:05}.parquet" for part in range(len(paths))]
    assert len(paths) > 2
    holds: Counter[str] = Counter()
    for part, path in enumerate(paths):
        about = describe(path)
        assert about["part"] == part
        assert about["counts"]["rows"] == pq.read_metadata(path).num_rows
        holds.update(about["counts"])
    assert holds == describe(tmp_path / "log.parquet")["counts"]


def test_a_larger_base_begins_with_the_smaller_one(tmp_path: Path) -> None:
    small, large = (written(tmp_path, *EVERYTHING, f"simulate.customers={size}") for size in (BLOCK + 500, 3 * BLOCK))
    number = large["order_id"].str.extract(r"(\d+)-")[0].astype(int)
    kept = large[number <= BLOCK + 500].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, small)


def test_memory_holds_a_few_blocks_and_one_row_group(tmp_path: Path, monkeypatch: Any) -> None:
    """However many customers there are: a fast thread waits for the writer, and the writer for a row group's worth."""
    drawn: list[int] = []
    draw = Simulation.draw
    monkeypatch.setattr(Simulation, "draw", lambda self, block: (drawn.append(block), draw(self, block))[1])
    simulation = Simulation(asked(f"simulate.customers={12 * BLOCK}"), 0)
    most = 0
    for taken, _ in enumerate(write._in_order(simulation, 2)):
        most = max(most, len(drawn) - taken)
    assert len(drawn) == 12
    assert 1 < most <= 2 * write.AHEAD
    monkeypatch.setattr(write, "GROUP_ROWS", 10_000)
    written(tmp_path, f"simulate.customers={12 * BLOCK}")
    file = pq.read_metadata(tmp_path / "log.parquet")
    groups = [file.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert len(groups) > 4
    assert all(10_000 <= rows < 10_000 + 5 * BLOCK for rows in groups[:-1])  # a customer has 2.9 orders here


def test_a_file_says_what_it_was_made_from(tmp_path: Path) -> None:
    settings = asked(*EVERYTHING)
    simulated = write_log(settings, str(tmp_path / "log.parquet"), truth=str(tmp_path / "truth.parquet"), seed=9)
    about = describe(tmp_path / "log.parquet")
    assert about["simulate"] == asdict(settings)
    assert about["seed"] == 9
    assert about["counts"] == simulated.counts
    assert describe(tmp_path / "truth.parquet") == {"simulate": asdict(settings), "seed": 9}
    days = pd.read_parquet(tmp_path / "log.parquet").dropna().query("amount > 0").drop_duplicates()
    per_customer = days.drop_duplicates(["customer_id", "date"]).groupby("customer_id").size()
    clean = asked("simulate.customers=9000", "simulate.season.amplitude=0.4")
    assert per_customer.sum() <= simulated.counts["purchase_days"]
    assert (
        write_log(clean, str(tmp_path / "clean.parquet"), seed=9).counts["purchase_days"]
        == (simulated.counts["purchase_days"])
    )
    rows = pd.read_parquet(tmp_path / "clean.parquet")
    days = rows.drop_duplicates(["customer_id", "date"]).groupby("customer_id").size()
    assert (simulated.counts["purchase_days"], simulated.counts["one_time"]) == (days.sum(), (days == 1).sum())


@pytest.mark.parametrize("name", ["log.parquet", "log"])
def test_a_failure_leaves_what_was_there_and_nothing_else(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "truth.parquet").write_text("old")
    if name == "log.parquet":
        (tmp_path / name).write_text("old")
    there = sorted(path.name for path in tmp_path.iterdir())
    draw = Simulation.draw

    def fail_late(self: Simulation, block: int) -> tables.Block:
        if block == 3:
            raise RuntimeError("the disk is full")
        return draw(self, block)

    monkeypatch.setattr(Simulation, "draw", fail_late)
    monkeypatch.setattr(write, "PART_ROWS", 1000)
    with pytest.raises(RuntimeError, match="the disk is full"):
        write_log(asked(), str(tmp_path / name), truth=str(tmp_path / "truth.parquet"), seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == there
    assert all(path.read_text() == "old" for path in tmp_path.iterdir())


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    assert len(written(tmp_path, "simulate.customers=10", name="log"))
    with pytest.raises(OutputError, match=r"output '.*log' exists, and a folder is not replaced\. Remove it"):
        write_log(asked(), str(tmp_path / "log"), seed=0)


@pytest.mark.parametrize(
    ("output", "truth", "message"),
    [
        ("no/log.parquet", None, r"output 'no/log\.parquet' is in .*/no, which is a file and not a folder\."),
        ("no/a/log", None, r"output 'no/a/log' is in .*/no, which is a file and not a folder\."),
        ("log", "no/t.parquet", r"truth 'no/t\.parquet' is in .*/no, which is a file and not a folder\."),
        ("a.parquet", None, r"output 'a\.parquet' is a folder; name a file\."),
    ],
)
def test_outputs_are_refused_before_any_work(
    output: str, truth: str | None, message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "a.parquet").mkdir()
    (tmp_path / "no").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Simulation, "draw", None)
    with pytest.raises(OutputError, match=message):
        write_log(asked(), output, truth=truth, seed=0)


def test_a_log_without_an_order_is_not_written(tmp_path: Path) -> None:
    settings = replace(
        asked("simulate.acquisition.since=1990-01-01", "simulate.acquisition.until=1990-01-01"), customers=2
    )
    settings.truth.purchase_model = "mbg_nbd"
    settings.truth.parameters |= {"a": 1e6, "b": 1e-6}
    with pytest.raises(SimulateError, match="No order falls within 1997-01-01 to 1998-06-30: all were before"):
        write_log(settings, str(tmp_path / "log.parquet"), seed=0)
    assert list(tmp_path.iterdir()) == []


# ---- settings and the command


@pytest.mark.parametrize(
    ("override", "message"),
    few(
        [
            ("simulate.customers=0", "simulate.customers must be from 1 to 1,000,000,000, got 0."),
            ("simulate.start=1997-1-1", "simulate.start must be a date such as 1997-09-30, got '1997-1-1'."),
            ("simulate.end=1996-12-31", "simulate.start must be no later than simulate.end (1996-12-31)"),
            (
                "simulate.end=2150-12-31",
                "simulate.end must be within 30 years of the first acquisition, got '2150-12-31'.",
            ),
            ("simulate.start=1970-01-01", "simulate.start must be between 1980-01-01 and 2199-12-31"),
            (
                "simulate.acquisition.since=1997-01-02",
                "simulate.acquisition.since must be no later than simulate.start (1997-01-01)",
            ),
            (
                "simulate.acquisition.until=1998-07-01",
                "simulate.acquisition.until must be from 1997-01-01 to simulate.end (1998-06-30)",
            ),
            (
                "simulate.acquisition.growth=-1",
                "simulate.acquisition.growth must be annual and effective, from -0.9 to 10",
            ),
            ("simulate.dates=hour", "simulate.dates must be day or time, got 'hour'."),
            (
                "simulate.truth.purchase_model=pareto",
                "simulate.truth.purchase_model must be one of bg_nbd, mbg_nbd",
            ),
            (
                "simulate.truth.parameters.alpha=0",
                "simulate.truth.parameters.alpha must be from 1e-06 to 1e+09, got 0.",
            ),
            ("simulate.truth.parameters.a=-0.1", "simulate.truth.parameters.a must be from 0 to 1e+09, got -0.1."),
            ("simulate.truth.parameters.q=1", "simulate.truth.parameters.q must be from 1.000000001 to 1e+09, got 1."),
            ("simulate.truth.parameters.r=nan", "simulate.truth.parameters.r must be from 1e-06 to 1e+09, got nan."),
            (
                "simulate.truth.parameters.r=1000",
                "a customer who stays buys at most 5,000 times on average, got '17,613 times in 546 days'.",
            ),
            ("simulate.season.amplitude=1", "simulate.season.amplitude must be at least 0 and below 1, got 1.0."),
            ("simulate.season.peak_day=366", "simulate.season.peak_day must be a day of the year, 1 to 365, got 366."),
            ("simulate.refunds.share=1.5", "simulate.refunds.share must be a share, from 0 to 1, got 1.5."),
            ("simulate.refunds.delay_days=-1", "simulate.refunds.delay_days must be from 0 to 3650, got -1.0."),
            ("simulate.dirt.null_ids=-0.1", "simulate.dirt.null_ids must be a share, from 0 to 1, got -0.1."),
            (
                "+simulate.segments={amount: {a: 1.0}}",
                "simulate.segments.amount must be a name other than customer_id, date",
            ),
            (
                "+simulate.segments={land: {a: 0.5, b: 0.4}}",
                "simulate.segments.land must be names with shares above 0 that add",
            ),
            ("output=' '", "output must be the path of a .parquet file, or of a new folder, got ' '."),
            (
                "truth=truth.csv",
                "truth must be a path that ends in .parquet and is not output, or null, got 'truth.csv'.",
            ),
            ("truth=simulated.parquet", "truth must be a path that ends in .parquet and is not output, or null"),
            ("seed=-1", "seed must be from 0 to 2^63 - 1, got -1."),
            ("simulate.dirt.typos=0.1", "there is no setting simulate.dirt.typos"),
        ],
        3,
    ),
)
def test_a_wrong_setting_is_refused_with_its_full_key(override: str, message: str) -> None:
    with pytest.raises((SettingsError, OmegaConfBaseException, HydraException)) as refused:
        compose_settings("simulate", [override])
    assert message in str(refused.value)


def test_dirt_of_a_value_that_adds_up_to_more_than_all_is_refused() -> None:
    message = (
        "simulate.dirt.null_dates, simulate.dirt.epoch_dates must be at most 1 together, as a value is wrong in one"
    )
    with pytest.raises(SettingsError, match=message):
        compose_settings("simulate", ["simulate.dirt.null_dates=0.6", "simulate.dirt.epoch_dates=0.6"])


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.yaml")))
def test_every_named_truth_makes_a_log(name: str, tmp_path: Path) -> None:
    log = written(tmp_path, f"simulate={name}", "simulate.customers=300")
    assert log["customer_id"].nunique() == 300


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("tenure-simulate")
    return subprocess.run([script, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path: Path) -> None:
    asks = ["simulate=heavy", "simulate.customers=200", "simulate.refunds.share=0.1", "truth=truth.parquet", "seed=5"]
    done = command(*asks, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    holds = describe(tmp_path / "simulated.parquet")["counts"]
    for count in ("customers", "orders", "rows", "refunds", "purchase_days"):
        assert f"{holds[count]:,}" in done.stdout
    assert "Written: simulated.parquet" in done.stdout
    assert "tenure-train transactions.path=simulated.parquet" in done.stdout
    assert "fit.purchase_model=mbg_nbd" in done.stdout
    assert "simulated 200 customers" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["simulated.parquet", "truth.parquet"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate.refunds.share=2"], "simulate.refunds.share must be a share, from 0 to 1, got 2.0."),
        (["output=/dev/null/log.parquet"], "output '/dev/null/log.parquet' is in /dev/null, which is a file"),
        (["simulate=nobody"], "there is no simulate=nobody. The options of simulate are: cdnow, heavy, loyal"),
    ],
)
def test_the_command_ends_with_2_and_writes_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = in_process("simulate", *arguments, folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert list(tmp_path.iterdir()) == []
