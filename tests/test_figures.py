import io
import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cases import few
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from tenure import figures
from tenure.figures import style
from tenure.rfm import Truncation

NAMES = ("r", "alpha", "a", "b")
CUTOFF, END = date(2024, 3, 31), date(2024, 7, 30)
TOTALS = {"purchases.actual_total": 173.0, "purchases.expected_total": 156.0}
TOTALS |= {"purchases.total_low": 130.0, "purchases.total_high": 182.0}


def make_tree(names: tuple[str, ...] = NAMES, chains: int = 4, draws: int = 100, seed: int = 0) -> xr.DataTree:
    """Make traces of independent log-normal draws, with a far wider prior."""
    rng = np.random.default_rng(seed)
    dims, shape = ("chain", "draw"), (chains, draws)
    energy = rng.gamma(4.0, size=shape)
    groups = {
        "posterior": {name: (dims, np.exp(rng.normal(0, 0.1, shape))) for name in names},
        "sample_stats": {"energy": (dims, energy), "diverging": (dims, energy > 9)},
        "prior": {name: (dims, np.exp(rng.normal(0, 6, (1, 500)))) for name in names},
    }
    return xr.DataTree.from_dict({name: with_coordinates(xr.Dataset(values)) for name, values in groups.items()})


def with_coordinates(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords({name: np.arange(size) for name, size in data.sizes.items()})


def make_tracking(weeks: int = 30, end: str = "2024-07-28") -> pd.DataFrame:
    day = pd.date_range(end=end, periods=weeks, freq="7D")
    weekly = np.full(weeks, 10)
    total = np.cumsum(weekly)
    return pd.DataFrame(
        {
            "day": day,
            "actual": total,
            "expected": total * 0.9,
            "low": total * 0.8,
            "high": total * 1.1,
            "weekly_actual": weekly,
            "weekly_expected": weekly * 0.9,
        }
    )


def make_consequences(spread: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ("repeat purchases in a year", "share without a repeat purchase", "mean spend per purchase")
    draws = [middle * np.exp(spread * rng.standard_normal(400)) for middle in (1.4, 0.5, 0.02)]
    return dict(zip(names, [draws[0], np.minimum(draws[1], 1.0), draws[2]], strict=True))


def make_pit(size: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"purchases": rng.random(size), "spend": rng.random(size)})


def make_by_frequency() -> pd.DataFrame:
    table = pd.DataFrame({"frequency": [*"0123456", "7+"], "customers": [900, 80, 0, 20, 5, 0, 0, 2]})
    means = np.where(table["customers"] > 0, np.arange(8.0), np.nan)
    return table.assign(actual_purchases=means, expected_purchases=means * 0.9)


def make_deciles(groups: int = 10, scale: float = 1.0) -> pd.DataFrame:
    value = np.arange(groups, 0.0, -1.0)
    table = pd.DataFrame({"decile": np.arange(groups) + 1, "customers": 100})
    return table.assign(actual_spend=value * scale, expected_spend=value)


def make_scores(
    ids: tuple[str, ...] = ("one $purchase$", "a regular", "a lapsed customer of many years"),
) -> pd.DataFrame:
    mean = np.arange(1.0, len(ids) + 1)
    table = pd.DataFrame({"customer_id": ids, "clv": mean, "clv_low": 0.0, "clv_high": mean * 0.5})
    return table.assign(clv_mean_low=mean * 0.9, clv_mean_high=mean * 1.1)


PICTURES: dict[str, Callable[[], Figure]] = {
    "trace": lambda: figures.trace(make_tree(), NAMES),
    "rank": lambda: figures.rank(make_tree(), NAMES),
    "rank of three": lambda: figures.rank(make_tree(), NAMES[:3]),
    "rank of one chain": lambda: figures.rank(make_tree(chains=1), NAMES),
    "trace of one chain": lambda: figures.trace(make_tree(chains=1), NAMES),
    "energy of one chain": lambda: figures.energy(make_tree(chains=1)),
    "energy": lambda: figures.energy(make_tree()),
    "prior_posterior": lambda: figures.prior_posterior(make_tree(), NAMES),
    "prior_posterior of one": lambda: figures.prior_posterior(make_tree(), NAMES[:1]),
    "consequences": lambda: figures.consequences(make_consequences(1.5), make_consequences(0.05)),
    "consequences of a point": lambda: figures.consequences(make_consequences(1.5), make_consequences(0.0)),
    "purchases_check": lambda: figures.purchases_check(np.arange(8), np.tile(np.arange(8), (5, 1))),
    "purchases_check of one": lambda: figures.purchases_check(np.array([0]), np.zeros((2, 1), int)),
    "spend_check": lambda: figures.spend_check(np.geomspace(1, 500, 60), np.tile(np.geomspace(1, 900, 60), (5, 1))),
    "spend_check of one": lambda: figures.spend_check(np.array([20.0]), np.array([[20.0]])),
    "tracking": lambda: figures.weekly_tracking(make_tracking(), CUTOFF, 0.9, TOTALS, END),
    "tracking of one week": lambda: figures.weekly_tracking(make_tracking(1), CUTOFF, 0.9, TOTALS, END),
    "tracking without sales": lambda: figures.weekly_tracking(
        make_tracking().assign(actual=0, weekly_actual=0), CUTOFF, 0.9, {**TOTALS, "purchases.actual_total": 0.0}, END
    ),
    "pit": lambda: figures.pit(make_pit(), 0.9),
    "pit of one": lambda: figures.pit(make_pit(1), 0.5),
    "by_frequency": lambda: figures.by_frequency(make_by_frequency()),
    "by_frequency of none": lambda: figures.by_frequency(
        make_by_frequency().assign(customers=0, actual_purchases=np.nan, expected_purchases=np.nan)
    ),
    "deciles": lambda: figures.deciles(make_deciles()),
    "deciles of one": lambda: figures.deciles(make_deciles(1)),
    "deciles without sales": lambda: figures.deciles(make_deciles(scale=0.0)),
    "deciles of NaN": lambda: figures.deciles(make_deciles(scale=np.nan)),
    "reliability": lambda: figures.reliability(make_reliability()),
    "reliability of one": lambda: figures.reliability(make_reliability(at_most=1)),
    "ranges": lambda: figures.ranges(make_ranges(), "Parameters", "Look here."),
    "ranges of points": lambda: figures.ranges(make_ranges(spread=0.0), "Parameters", "Look here."),
    "ranges in words": lambda: figures.ranges(make_ranges(names=LONG), "The business", "Look here."),
    "totals": lambda: figures.draw_totals(make_totals(), "90%"),
    "totals of nothing": lambda: figures.draw_totals(make_totals(actual=np.nan), "90%"),
    "trackings": lambda: figures.trackings(make_trackings(), RUNS),
    "trackings of one": lambda: figures.trackings({RUNS[3]: make_trackings()[RUNS[3]]}, RUNS),
    "acquisitions": lambda: figures.acquisitions(make_births()),
    "births without an excess": lambda: figures.acquisitions(make_births(early=3)),
    "scored_examples": lambda: figures.scored_examples(make_scores()),
    "scored_examples of one": lambda: figures.scored_examples(make_scores(("one",))),
}


RUNS = [f"clv/{at}" for at in range(1, 6)] + ["a-name-of-exactly-24-ltr", "much-longer-than-all-that", "$odd_name$"]
LONG = (
    "repeat purchases of an active customer in a year",
    "repeat purchases of a new customer in a year",
    "share of customers without a repeat purchase in a year",
    "mean spend per purchase",
)


def make_reliability(at_most: int = 50) -> pd.DataFrame:
    low = np.arange(10) / 10
    customers = np.minimum([0, 900, 40, 12, 7, 5, 3, 0, 2, 1], at_most)
    predicted = np.where(customers > 0, low + 0.05, np.nan)
    error = np.sqrt(predicted * (1 - predicted) / np.maximum(customers, 1))
    columns = {"low": low, "high": low + 0.1, "customers": customers, "predicted": predicted}
    return pd.DataFrame({**columns, "actual": np.minimum(predicted * 1.2, 1.0), "predicted_se": error})


def make_ranges(spread: float = 0.2, names: tuple[str, ...] = (*NAMES, "p", "q", "v")) -> pd.DataFrame:
    rows = [(name, run, 1 + at) for name in names for at, run in enumerate(RUNS)]
    table = pd.DataFrame(rows, columns=["quantity", "run", "middle"])
    return table.assign(low=table["middle"] * (1 - spread), high=table["middle"] * (1 + spread))


def make_totals(actual: float = 1.0) -> pd.DataFrame:
    rows = [(outcome, run, 0.9 + 0.05 * at) for outcome in ("purchases", "spend") for at, run in enumerate(RUNS)]
    table = pd.DataFrame(rows, columns=["outcome", "run", "forecast"])
    off = {"low": -0.1, "middle": 0.0, "high": 0.1, "adjusted_low": -0.3, "adjusted_high": 0.4}
    return table.assign(**{name: (table["forecast"] + by) / actual - 1 for name, by in off.items()})


def make_trackings() -> dict[str, pd.DataFrame]:
    tables = {}
    for at, run in enumerate(RUNS):
        table = make_tracking()
        days = (table["day"] - pd.Timestamp(CUTOFF)).dt.days
        tables[run] = table.assign(days=days, expected=table["expected"] * (1 + 0.02 * at))
    return tables


def make_births(early: int = 60) -> Truncation:
    counts = np.random.default_rng(8).poisson(20, 60)
    counts[:4] = early
    return Truncation(date(2024, 1, 1), counts.astype(np.int64))


@pytest.fixture(autouse=True)
def _agg() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("agg")
    yield
    plt.close("all")
    mpl.use(before)


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]  # type: ignore[union-attr]


def shown_texts(figure: Figure) -> list[Text]:
    """List titles, captions, labels, notes, and the ticks' labels that are inside their axes."""
    found = list(figure.texts)
    for axes in figure.axes:
        if axes.get_visible():
            found += [child for child in axes.get_children() if isinstance(child, Text)]
            found += [axes.xaxis.label, axes.yaxis.label]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            if axes.get_legend():
                found += axes.get_legend().get_texts()
    return [text for text in found if text.get_text() and text.get_visible()]


def bars_of(axes: Axes) -> dict[float, float]:
    return {
        round(bar.get_x() + bar.get_width() / 2, 6): bar.get_height()
        for bar in axes.patches
        if isinstance(bar, Rectangle)
    }


@pytest.mark.parametrize("draw", few(PICTURES.values(), 6), ids=PICTURES.keys())
def test_a_picture_is_a_figure_that_saves_and_leaves_nothing_behind(draw: Callable[[], Figure]) -> None:
    settings = mpl.rcParams.copy()
    figure = draw()
    assert isinstance(figure, Figure)
    assert figure.axes
    assert all(axes.has_data() for axes in figure.axes if axes.get_visible())
    assert figure.get_suptitle()
    assert figure.get_supxlabel().startswith("Look ")
    figure.savefig(saved := io.BytesIO())
    assert saved.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    assert mpl.rcParams == settings


@pytest.mark.parametrize("draw", few(PICTURES.values(), 4), ids=PICTURES.keys())
def test_no_text_is_small_cut_or_covered_by_another(draw: Callable[[], Figure]) -> None:
    figure = draw()
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    assert width == pytest.approx(1200)
    boxes = {}
    for text in shown_texts(figure):
        assert text.get_fontsize() >= 10, text.get_text()
        box = boxes[text] = text.get_window_extent()
        is_cut = min(box.x0, box.y0, width - box.x1, height - box.y1) < 0
        assert not is_cut, text.get_text()
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())


def test_a_bar_stands_at_its_count_when_counts_are_absent() -> None:
    observed = np.array([0] * 6 + [1] * 3 + [4] * 2)
    figure = figures.purchases_check(observed, np.tile(observed, (3, 1)))
    (axes,) = figure.axes
    assert bars_of(axes) == {0: 6, 1: 3, 2: 0, 3: 0, 4: 2}
    (means,) = axes.lines
    assert list(means.get_xdata()) == [0, 1, 2, 3, 4]
    assert list(means.get_ydata()) == [6, 3, 0, 0, 2]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3", "4+"]


def test_frequent_buyers_are_counted_in_ranges_that_stand_where_they_belong() -> None:
    figure = figures.purchases_check(np.arange(40), np.tile(np.arange(40), (3, 1)))
    (axes,) = figure.axes
    assert bars_of(axes) == {1.0 + 3 * step: 3 for step in range(13)} | {40.0: 1}
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["0-2", "3-5"]


def test_the_title_counts_what_lies_in_the_replicates_band() -> None:
    observed = np.repeat([0, 1, 2], [50, 30, 20])
    replicated = np.tile(np.repeat([0, 1, 2], [50, 40, 10]), (10, 1))
    title = figures.purchases_check(observed, replicated).get_suptitle()
    assert title == "Repeat purchases: 1 of 3 observed numbers of customers lie in the replicates' band"


def test_a_frequency_that_nobody_has_leaves_a_gap_at_its_place() -> None:
    (axes,) = figures.by_frequency(make_by_frequency()).axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[:3] == ["0\n(900)", "1\n(80)", "2\n(0)"]
    actual = next(line for line in axes.lines if line.get_label() == "actual")
    assert list(actual.get_xdata()) == list(range(8))
    assert np.isnan(actual.get_ydata()[2])


def test_a_heavy_prior_does_not_stretch_the_axis() -> None:
    figure = figures.prior_posterior(make_tree(), NAMES)
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert 0.008 < low < high < 125
        assert "of the prior is off this axis" in axes.get_title(loc="left")


def test_the_pits_tails_are_written_beside_what_is_right() -> None:
    table = pd.DataFrame({"purchases": np.linspace(0.001, 0.999, 500), "spend": np.full(500, 0.99)})
    counts, value = figures.pit(table, 0.9).axes
    assert counts.get_title(loc="left") == "purchases: 5.0% below, 5.0% above (calibrated: 5.0% each)"
    assert value.get_title(loc="left") == "spend: 0.0% below, 100.0% above (calibrated: 5.0% each)"


def test_tracking_labels_the_cutoff_and_counts_what_came_after_it() -> None:
    figure = figures.weekly_tracking(make_tracking(), CUTOFF, 0.9, TOTALS, END)
    assert "cut-off 2024-03-31" in texts_of(figure)
    title = figure.get_suptitle()
    assert title == "After the cut-off, to 2024-07-30: 173 repeat purchases, where 156 were forecast (-10%)"
    _, weekly = figure.axes
    assert any(len(set(line.get_xdata())) == 1 for line in weekly.lines)


def test_tracking_sums_from_the_cutoff_to_the_totals_of_the_holdout() -> None:
    since, _ = figures.weekly_tracking(make_tracking(), CUTOFF, 0.9, TOTALS, END).axes
    lines = {line.get_label(): line.get_ydata() for line in since.lines}
    for name, total, week in (("actual", 173.0, 10.0), ("expected", 156.0, 9.0)):
        assert [lines[name][at] for at in (0, 1, -2, -1)] == pytest.approx([0.0, week, 17 * week, total])
    (band,) = [patch for patch in since.patches if patch.get_label() == "90% predictive interval of the total"]
    assert isinstance(band, Rectangle)
    assert (band.get_y(), band.get_y() + band.get_height()) == (130.0, 182.0)


def test_tracking_without_a_whole_week_after_the_cutoff_still_shows_the_totals() -> None:
    since, _ = figures.weekly_tracking(make_tracking(), date(2024, 7, 29), 0.5, TOTALS, END).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in since.lines}
    assert lines == {"actual": [0.0, 173.0], "expected": [0.0, 156.0]}
    assert "50% predictive interval of the total" in [text.get_text() for text in since.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("actual", "said"),
    [
        ([9.0, 5.0, 5.0, 1.0], "Actual spend rises from no decile to the next: customers are in the right order."),
        ([9.0, 5.0, 6.0, 1.0], "Actual spend rises from one decile to the next in 1 of 3 steps, where it should fall"),
        ([1.0, 2.0, 3.0, 4.0], "in 3 of 3 steps"),
        ([0.0, 0.0, 0.0, 0.0], "There is no order to check."),
        ([5.0, np.nan, 6.0, 1.0], "in 1 of 2 steps"),
    ],
)
def test_the_deciles_are_called_in_order_only_where_they_are(actual: list[float], said: str) -> None:
    table = make_deciles().iloc[:4].assign(actual_spend=actual)
    caption = " ".join(figures.deciles(table).get_supxlabel().split())
    assert said in caption
    assert ("right order" in caption) is (said.endswith("right order."))


def test_the_first_decile_says_what_share_of_value_it_brought() -> None:
    assert figures.deciles(make_deciles()).get_suptitle().endswith("the first brought 18% of it")
    assert figures.deciles(make_deciles(scale=0.0)).get_suptitle().endswith("there was none")


def test_examples_stand_in_their_order_and_say_what_was_asked() -> None:
    table = make_scores()
    table.attrs["params"] = {"level": 0.8, "horizon_days": 1000}
    (axes,) = figures.scored_examples(table).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["one $purchase$", "a regular", "a lapsed customer of ma…"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_xlabel() == "CLV over 1,000 days (the log's currency)"
    assert "80% predictive interval" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_divergences_and_p_values_are_told() -> None:
    tree = make_tree()
    count = int(tree["sample_stats"]["diverging"].sum())
    assert f"{count} divergences" in figures.trace(tree, NAMES).get_suptitle()
    title = figures.rank(tree, NAMES).axes[0].get_title(loc="left")
    assert re.fullmatch(r"r \(p-value [01]\.\d\d\)", title)


def test_a_run_keeps_its_line_and_its_colour_in_every_picture_and_equal_weeks_are_drawn_once() -> None:
    tables = make_trackings()
    weekly, off = figures.trackings({name: tables[name] for name in RUNS[2:4]}, RUNS).axes
    lines = {line.get_label(): line.get_color() for line in weekly.lines if line.get_label() in RUNS}
    assert lines == {RUNS[2]: style.CHAINS[2], RUNS[3]: style.CHAINS[3]}
    dots = [line for line in weekly.lines if line.get_marker() == "o"]
    assert len(dots) == 1
    named = figures.ranges(make_ranges(), "Parameters", "Look here.").axes[0]
    assert [line.get_color() for line in named.lines[::2]] == list(style.CHAINS)
    ended = [line.get_ydata()[-1] for line in off.lines[:2]]
    assert ended == pytest.approx([0.9 * 1.04 - 1, 0.9 * 1.06 - 1])


def test_the_average_gap_of_probabilities_weighs_by_customers() -> None:
    table = pd.DataFrame(
        {"low": [0.0, 0.1], "high": [0.1, 0.2], "customers": [300, 100], "predicted": [0.05, 0.15]}
    ).assign(actual=[0.05, 0.35], predicted_se=0.02)
    assert "5.0% apart on average" in figures.reliability(table).get_suptitle()
