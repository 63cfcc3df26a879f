"""Segments: partial pooling, its two certificates, and what a posterior holds of a segment."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import few
from scipy.integrate import dblquad, quad
from segmented import CHANNELS, QUICK, TINY, customers, summary

from tenure.fit import Fit, FitError, check_fit, fit_models
from tenure.fit.segments import SegmentedTarget, SegmentsError, all_effects, shrink_first_orders
from tenure.fit.segments.inner import Inner, Segment, integrate, mean_ratio, quadrature
from tenure.fit.target import purchase_target, spend_target
from tenure.posterior import Posterior, PosteriorError, PosteriorFileError
from tenure.purchase import MODELS
from tenure.rfm import CompressedSummary, RfmError
from tenure.settings import (
    FitSettings,
    PriorSettings,
    ScaleSettings,
    SettingsError,
    TrainSettings,
    TransactionsSettings,
)
from tenure.summary import Amounts, CustomerSummary, FirstOrders, SummaryError

SPREAD = PriorSettings("HalfNormal", {"sigma": 0.5})


@pytest.fixture(scope="module")
def base() -> CompressedSummary:
    return CompressedSummary.of(summary(customers({**CHANNELS, **TINY})), ["channel"])


@pytest.fixture(scope="module")
def fitted(base: CompressedSummary) -> Fit:
    return fit_models(base, QUICK, seed=3)


def target_of(base: CompressedSummary, kind: str, model: str = "bg_nbd") -> SegmentedTarget:
    settings = replace(QUICK, purchase_model=model)
    pooled = purchase_target(base, settings) if kind == "purchases" else spend_target(base, settings)
    scale = ScaleSettings(time_days=pooled.scale) if kind == "purchases" else ScaleSettings(money=pooled.scale)
    scaled = replace(settings, scale=scale)
    build = purchase_target if kind == "purchases" else spend_target
    return SegmentedTarget.of(pooled, [build(part.base, scaled) for part in base.parts], SPREAD)


# ---- effects


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "zi_bg_nbd"])
def test_an_effect_on_parameters_is_the_same_effect_on_the_coordinates_of_the_fit(model, base):
    target = target_of(base, "purchases", model)
    u = np.array([[0.3, -0.4, -0.9, 0.8, -1.5][: len(target.names) - 2]])
    at = {name: target.names.index(name) for name in ("mean_rate", "dropout_mean")}
    moved = u.copy()
    moved[0, at["mean_rate"]] += 0.7
    moved[0, at["dropout_mean"]] -= 1.2
    population = target.likelihood.to_parameters(u, target.scale)
    effects = MODELS[model].segment_effects
    by_effect = {**population, **effects["mean_rate"](population, np.exp(0.7))}
    by_effect |= effects["dropout_mean"](by_effect, np.exp(-1.2))
    for name, value in target.likelihood.to_parameters(moved, target.scale).items():
        assert by_effect[name] == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("kind", few(["purchases", "spend"], 1))
def test_the_integral_over_a_segments_effects_is_that_of_brute_force(kind, base):
    target = target_of(base, kind)
    segment = target.segments[-1]  # 40 customers: the least normal of those with a name
    spreads = np.full((1, target.effects), 0.8)
    u = np.zeros((1, len(target.names) - target.effects))
    inner = integrate(segment, u, spreads, np.zeros((1, target.effects)))
    top = inner.log_integral[0]

    def density(*z: float) -> float:
        return float(np.exp(segment.log_density(u, spreads, np.array([z[::-1]]))[0][0] - top))

    ends = [(-8.0, 8.0)] * target.effects
    if target.effects == 1:
        exact = quad(density, *ends[0], epsrel=1e-8, points=[inner.mode[0, 0]])[0]
    else:
        exact = dblquad(density, -8, 8, -8, 8, epsrel=1e-7)[0]
    exact = np.log(exact) + top - 0.5 * target.effects * np.log(2 * np.pi)
    assert quadrature(segment, u, spreads, inner, 15)[0] == pytest.approx(exact, abs=1e-4)
    assert inner.log_integral[0] == pytest.approx(exact, abs=0.1)  # by Laplace's method


class Parabola:
    """A log-likelihood of one coordinate."""

    def __init__(self, curvature: float) -> None:
        self.curvature = curvature

    def likelihoods(self, u):
        return -0.5 * self.curvature * u[:, 0] ** 2, -self.curvature * u


def test_a_ratio_beyond_the_floats_where_the_density_vanishes_is_no_error():
    """At the outer of three nodes one density is exp(-1500) of the other: the mean is that of the middle one alone."""
    exact, evaluated = (Segment(Parabola(curvature), (0,), 1) for curvature in (0.0, 1000.0))
    inner = Inner(np.zeros(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    of_ratio, spread = mean_ratio(exact, evaluated, np.zeros((1, 1)), np.ones((1, 1)), inner, 3)
    assert of_ratio == pytest.approx(np.log(1.5), rel=1e-12)  # the middle node has two thirds of the weight
    assert spread == pytest.approx(0.0, abs=1e-12)


class Wall(Parabola):
    """A log-likelihood that is zero beyond one, so its logarithm is not finite there."""

    def likelihoods(self, u):
        values, slopes = super().likelihoods(u)
        return np.where(np.abs(u[:, 0]) < 1.0, values, -np.inf), slopes


def test_a_node_at_which_both_densities_vanish_does_not_count():
    exact, evaluated = (Segment(Wall(curvature), (0,), 1) for curvature in (0.0, 1.0))
    inner = Inner(np.zeros(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
    of_ratio, spread = mean_ratio(exact, evaluated, np.zeros((1, 1)), np.ones((1, 1)), inner, 3)
    assert of_ratio == pytest.approx(0.0, abs=1e-12)  # the middle node alone is left, and there they are equal
    assert spread == pytest.approx(0.0, abs=1e-12)


def test_a_segment_without_data_has_the_effects_of_a_new_one():
    silent = customers({**CHANNELS, "void": (30, 0.007, 0.3, 30.0)})
    is_void = silent["channel"] == "void"
    silent.loc[is_void, ["frequency", "recency"]] = 0
    silent.loc[is_void, "monetary_value"] = 0.0
    split = CompressedSummary.of(summary(silent), ["channel"])
    target = target_of(split, "spend")
    assert len(target.segments) == 3
    parts = [spend_target(part.base, QUICK) for part in split.parts]
    u = np.tile([0.0, -0.7, -0.3, np.log(0.4)], (4000, 1))
    drawn = all_effects(target, u, parts, 0)["mean_spend"]
    void, new = drawn[[part.values for part in split.parts].index(("void",))], drawn[-1]
    assert void.std() == pytest.approx(0.4, rel=0.05)
    assert new.std() == pytest.approx(0.4, rel=0.05)
    assert abs(np.corrcoef(void, new)[0, 1]) < 0.05


# ---- the fit


def test_the_truth_of_segments_lies_within_their_posterior(fitted):
    segments = fitted.posterior.segments
    assert segments.values == (("ads",), ("mail",), ("shop",))
    assert segments.customers == (300, 300, 40)
    truths = {"mean_rate": np.log(3), "mean_spend": np.log(2), "dropout_mean": np.log(0.2 / 0.8) - np.log(0.4 / 0.6)}
    for name, truth in truths.items():
        ads, mail, *_ = segments.effects[name]
        difference = (mail - ads).ravel()
        assert abs(difference.mean() - truth) < 3 * difference.std(), name
        if name != "dropout_mean":  # of which so few customers have little to say
            assert abs(difference.mean()) > 3 * difference.std(), name


def test_a_segment_of_few_customers_has_no_name_in_the_posterior(fitted, tmp_path):
    fitted.posterior.save(tmp_path / "posterior.npz")
    assert ("fair",) not in fitted.posterior.segments.values
    assert "fair" not in str(Posterior.load(tmp_path / "posterior.npz"))
    assert ("fair",) in fitted.segments.values  # of the fit in memory, for its diagnostics


def test_both_certificates_are_among_the_diagnostics(fitted, base):
    metrics = check_fit(fitted, base, seed=0).metrics
    for name in ("purchases", "spend"):
        assert metrics[f"{name}.proposal_khat"] < 0.5
        assert metrics[f"{name}.segments_inner_error"] < 0.5
        assert metrics[f"{name}.segments_effects_error"] < 0.1
        assert metrics[f"{name}.relative_ess"] > 0.4
        assert metrics[f"{name}.segments"] == 4


def test_segments_predict_left_out_customers_better_where_they_differ(fitted, base):
    metrics = check_fit(fitted, base, seed=0).metrics
    plain = replace(base, parts=(), segment_names=())
    without = check_fit(fit_models(plain, replace(QUICK, segments=[]), seed=3), plain, seed=0).metrics
    assert metrics["purchases.loo_elpd"] > without["purchases.loo_elpd"] + 10
    assert metrics["spend.loo_elpd"] > without["spend.loo_elpd"] + 10


def test_the_same_seed_gives_the_same_draws(fitted, base):
    again = fit_models(base, QUICK, seed=3).posterior
    for name, array in fitted.posterior.segments.effects.items():
        assert np.array_equal(array, again.segments.effects[name])
    for name, array in fitted.posterior.draws.items():
        assert np.array_equal(array, again.draws[name])


def test_nuts_says_that_the_draws_are_by_importance_sampling(base):
    fitted = fit_models(base, replace(QUICK, method="nuts"), seed=3)
    assert fitted.methods == {"purchases": "laplace", "spend": "laplace"}
    assert "segments: they are integrated out" in fitted.models["purchases"].note


def test_the_default_spend_model_is_one_that_supports_segments(fitted: Fit) -> None:
    assert QUICK.spend_model == "auto"
    assert fitted.posterior.spend_model == "gamma_gamma"
    assert fitted.posterior.without_columns is None
    instead = "gamma_gamma, fitted to mean spends, instead of gamma_gamma_fading: it does not support fit.segments"
    assert instead in fitted.models["spend"].note


@pytest.mark.parametrize("model", ["gamma_gamma_fading", "gamma_gamma_orders"])
def test_a_spend_model_without_segments_is_refused_by_name(model: str) -> None:
    with pytest.raises(SettingsError, match=r"fit.spend_model with fit.segments must be one of auto, gamma_gamma, .*"):
        replace(QUICK, spend_model=model)


def test_draws_that_a_certificate_refuses_raise_an_error(base, monkeypatch):
    monkeypatch.setattr("tenure.fit.segments.run.LARGEST_ERROR", -1.0)
    with pytest.raises(SegmentsError, match=r"integrals over segments have an error of .* above -1"):
        fit_models(base, QUICK, seed=3)


@pytest.mark.slow
def test_a_large_inner_error_takes_more_nodes(base, monkeypatch):
    errors = iter([(0.6, 0.0), (0.1, 0.0), (0.1, 0.0)])  # of purchases twice, then of spend
    monkeypatch.setattr("tenure.fit.segments.run.inner_errors", lambda *_: next(errors))
    fitted = fit_models(base, QUICK, seed=3)
    assert fitted.diagnostics["purchases.segments_nodes"] == 3
    assert fitted.diagnostics["spend.segments_nodes"] == 1


# ---- customers by segment


def test_values_of_segments_are_texts():
    frame = customers({"ads": (60, 0.01, 0.3, 20.0)}).assign(code=[7, "7", 7.0, None] * 15)
    split = CompressedSummary.of(summary(frame, "channel", "code"), ["channel", "code"])
    assert [(part.values, part.base.customers) for part in split.parts] == [
        (("ads", "(none)"), 15),
        (("ads", "7"), 45),
    ]


def test_more_segments_than_a_model_holds_are_refused():
    frame = customers({"ads": (501, 0.01, 0.3, 20.0)}).assign(street=[f"s{at}" for at in range(501)])
    with pytest.raises(RfmError, match=r"fit.segments are street, which make 501 segments; the most is 500"):
        CompressedSummary.of(summary(frame, "street"), ["street"])


def test_a_column_that_the_customers_lack_is_named():
    with pytest.raises(SummaryError, match="lack the column 'land'"):
        CompressedSummary.of(summary(customers()), ["land"])


def test_customers_split_by_other_columns_are_refused(base):
    with pytest.raises(SegmentsError, match=r"fit.segments are land, and the customers are split by channel"):
        fit_models(base, replace(QUICK, segments=["land"]), seed=0)
    with pytest.raises(SegmentsError, match="split by no column"):
        fit_models(replace(base, parts=(), segment_names=()), QUICK, seed=0)


def test_amounts_and_first_orders_are_of_the_segment():
    frame = customers({"ads": (40, 0.01, 0.3, 20.0), "mail": (30, 0.01, 0.3, 20.0)})
    spending = pd.DataFrame(
        {"counted": frame["frequency"], "counted_mean": frame["monetary_value"], "log_ratio": -0.1}
    ).assign(first_order=np.where(frame["channel"] == "ads", 10.0, 30.0))
    amounts = Amounts.of(spending.assign(frequency=frame["frequency"]), 0.0)
    given = CustomerSummary.from_frame(
        frame, None, FirstOrders(18.6, 9.9, 70), ["channel"], amounts=amounts, spending=spending
    )
    ads, mail = CompressedSummary.of(given, ["channel"]).parts
    assert (ads.base.first_orders.mean, mail.base.first_orders.mean) == (10.0, 30.0)
    assert ads.base.amounts.days == frame.loc[frame["channel"] == "ads", "frequency"].sum()
    assert mail.base.amounts.count.sum() == (frame.loc[frame["channel"] == "mail", "frequency"] > 0).sum()


# ---- first orders


def first_orders(mean: float, customers: int) -> CompressedSummary:
    frame = customers_of_one(customers)
    return replace(CompressedSummary.of(summary(frame)), first_orders=FirstOrders(mean, mean, customers))


def customers_of_one(size: int) -> pd.DataFrame:
    return customers({"ads": (size, 0.01, 0.3, 20.0)})


def test_first_orders_of_small_segments_are_pulled_to_the_mean_of_all():
    parts = [first_orders(mean, size) for mean, size in ((20.0, 400), (30.0, 400), (25.0, 400), (60.0, 4))]
    base = replace(first_orders(25.2, 1204), first_orders=FirstOrders(25.2, 25.2, 1204))
    shrunk = shrink_first_orders(base, parts)
    assert shrunk[0][0] == pytest.approx(20.0, rel=0.05)
    assert shrunk[1][0] == pytest.approx(30.0, rel=0.05)
    assert 24 < shrunk[3][0] < 45
    assert shrunk[3][1] > shrunk[0][1]
    assert len(shrunk) == 5  # the last is a new segment's


def test_first_orders_that_do_not_differ_are_the_mean_of_all():
    parts = [first_orders(mean, 100) for mean in (24.0, 25.0, 26.0)]
    shrunk = shrink_first_orders(first_orders(25.0, 300), parts)
    assert all(mean == pytest.approx(25.0, rel=0.02) for mean, _ in shrunk)


def test_customers_without_first_orders_have_none_by_segment(base):
    assert shrink_first_orders(base, [part.base for part in base.parts]) is None


# ---- the file


def test_a_posterior_with_segments_is_read_as_it_was_written(fitted, tmp_path):
    path = tmp_path / "posterior.npz"
    fitted.posterior.save(path)
    read = Posterior.load(path)
    assert read.segments.about() == fitted.posterior.segments.about()
    for name, array in fitted.posterior.segments.effects.items():
        assert np.array_equal(read.segments.effects[name], array)


def test_twenty_segments_take_less_than_a_megabyte(fitted, tmp_path):
    assert grown(fitted.posterior, 20, tmp_path) < 600_000


def test_five_hundred_segments_take_less_than_thirteen_megabytes(fitted, tmp_path):
    assert grown(fitted.posterior, 500, tmp_path) < 12_500_000


def grown(posterior: Posterior, segments: int, folder) -> int:
    """Save a posterior of 1,000 draws and many segments; return the size of its file."""
    rng = np.random.default_rng(0)
    draws = {name: np.resize(values, (1, 1000)) for name, values in posterior.draws.items()}
    effects = {name: rng.normal(0, 0.3, (segments + 1, 1, 1000)) for name in posterior.segments.effects}
    many = replace(
        posterior.segments,
        values=tuple((f"a channel with a name {at}",) for at in range(segments)),
        customers=(100,) * segments,
        effects=effects,
    )
    path = folder / "many.npz"
    replace(posterior, draws=draws, segments=many).save(path)
    assert len(Posterior.load(path).segments.values) == segments
    return path.stat().st_size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": (("ads",), ("ads",), ("shop",))}, "not texts of the columns"),
        ({"values": (("ads", "x"), ("mail", "y"), ("shop", "z"))}, "not texts of the columns"),
        ({"customers": (1, 2)}, "not texts of the columns"),
        ({"names": ()}, "not texts of the columns"),
        ({"effects": {}}, "effects on"),
        ({"first_orders": ((1.0, 2.0),)}, "first orders of its segments"),
    ],
)
def test_segments_that_contradict_themselves_are_refused(fitted, change, message):
    with pytest.raises(PosteriorError, match=message):
        replace(fitted.posterior, segments=replace(fitted.posterior.segments, **change))


def test_effects_that_are_no_numbers_are_refused(fitted):
    segments = fitted.posterior.segments
    wrong = {**segments.effects, "mean_rate": np.full_like(segments.effects["mean_rate"], np.nan)}
    with pytest.raises(PosteriorError, match="effects of its segments are not finite"):
        replace(fitted.posterior, segments=replace(segments, effects=wrong))


def test_a_file_whose_segments_are_damaged_is_refused(fitted, tmp_path):
    path = tmp_path / "posterior.npz"
    fitted.posterior.save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["segment_effect_mean_rate"] = arrays["segment_effect_mean_rate"][:2]
    np.savez_compressed(path, **arrays)
    with pytest.raises(PosteriorFileError, match="effects of its segments have the shapes"):
        Posterior.load(path)
    del arrays["segment_effect_mean_rate"]
    np.savez_compressed(path, **arrays)
    with pytest.raises(PosteriorFileError, match=r"lacks .*segment_effect_mean_rate"):
        Posterior.load(path)


# ---- settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "map"}, "fit.method with fit.segments must be one of nuts, laplace"),
        ({"sampler": "pymc"}, "fit.sampler with fit.segments must be one of nutpie"),
        ({"purchase_model": "pareto_nbd"}, "must be one of bg_nbd, mbg_nbd, zi_bg_nbd, got 'pareto_nbd'"),
        ({"segments": ["a", "a"]}, "fit.segments must be up to 3 different names of columns"),
        ({"segments": ["a", "b", "c", "d"]}, "up to 3 different"),
        ({"segments": [" "]}, "up to 3 different"),
        ({"segments": ["T"]}, "up to 3 different"),
        ({"segments": [], "compare_segments": True}, "fit.compare_segments must be false without fit.segments"),
        ({"segment_spread": PriorSettings("Beta", {"alpha": 1.0, "beta": 1.0})}, "fit.segment_spread.distribution"),
    ],
)
def test_settings_that_segments_do_not_support_are_refused_by_name(changes, message):
    with pytest.raises(SettingsError, match=message):
        FitSettings(**{"segments": ["channel"], **changes})


def test_the_log_carries_the_columns_of_the_fit():
    log = TransactionsSettings(segments={"country": "mode"})
    fit = FitSettings(segments=["channel", "acquisition_quarter"])
    carried = TrainSettings(transactions=log, fit=fit).transactions
    assert carried.segments == {
        "country": "mode", "channel": "first", "acquisition_quarter": "acquisition_quarter",
    }  # fmt: skip
    assert list(carried.segment_columns) == ["country", "channel"]


def test_the_rule_mode_is_refused_for_a_segment_of_the_fit():
    log = TransactionsSettings(segments={"channel": "mode"})
    with pytest.raises(SettingsError, match=r"transactions.segments.channel must be first, as fit.segments has it"):
        TrainSettings(transactions=log, fit=FitSettings(segments=["channel"]))


def test_no_segments_is_the_fit_of_before(base):
    plain = replace(base, parts=(), segment_names=())
    assert fit_models(plain, replace(QUICK, segments=[]), seed=3).posterior.segments is None
    assert issubclass(FitError, Exception)
