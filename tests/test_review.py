import json
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from scipy import stats

from tenure.backtest import GROUP_METRICS, METRICS
from tenure.backtest.stationarity import REFIT_METRICS, SPEND_METRICS
from tenure.failures import Failure
from tenure.review import Check, Review, Verdict, judge
from tenure.settings import LimitSettings, ReviewSettings, ReviewSettingsError

CONF = Path(__file__).parents[1] / "conf"
FITS = {
    "calibration.purchases": "nuts",
    "calibration.spend": "laplace",
    "final.purchases": "laplace",
    "final.spend": "nuts",
}
ESTIMATED = {"khat_max", "prior_dominated", "prior_conflict"}
BY_METHOD = {
    "nuts": ESTIMATED | {"rhat_max", "ess_bulk_min", "ess_tail_min", "divergent_share", "bfmi_min"},
    "laplace": ESTIMATED | {"proposal_khat", "effective_draws"},
    "map": set(),
}


def read_settings(*changes: str) -> ReviewSettings:
    schema = OmegaConf.structured(ReviewSettings)
    merged = OmegaConf.merge(
        schema, OmegaConf.load(CONF / "review" / "default.yaml"), OmegaConf.from_dotlist([*changes])
    )
    settings = OmegaConf.to_object(merged)
    assert isinstance(settings, ReviewSettings)
    return settings


SETTINGS = read_settings()


def judged() -> Iterator[tuple[str, str]]:
    for name, limit in SETTINGS.checks.items():
        for metric in limit.metrics:
            kind, bracket, rest = metric.partition("}")
            if not bracket:
                yield name, metric
                continue
            for fit, method in FITS.items():
                if kind.removeprefix("{") in ("fit", method, *fit.split(".")):
                    yield name, fit + rest


JUDGED = [pytest.param(name, metric, id=f"{name}-{metric}") for name, metric in judged()]


def good_value(limit: LimitSettings) -> float:
    low, high = limit.review
    if low is None or high is None:
        bound = low if high is None else high
        assert bound is not None
        return float(bound)
    return (low + high) / 2


def good_metrics() -> dict[str, float]:
    """Give numbers that pass, of a log that is large enough for every check to be asked."""
    metrics = {metric: good_value(SETTINGS.checks[name]) for name, metric in judged()}
    for limit in SETTINGS.checks.values():
        for count, least in limit.when.items():
            metrics[count] = max(least, metrics.get(count, 0.0))
        metrics |= dict.fromkeys(limit.numbers.values(), 0.25)
    return metrics


def verdict_of(review: Review, name: str, metric: str) -> Verdict:
    (check,) = [check for check in review.checks if (check.name, check.metric) == (name, metric)]
    return check.verdict


def beyond(band: list[float | None], other: list[float | None]) -> list[float]:
    """Step just outside each bound of `band`, no further than half-way to the bound of `other`."""
    steps = []
    for side, sign in ((0, -1.0), (1, 1.0)):
        bound, limit = band[side], other[side]
        if bound is not None:
            steps.append((bound + limit) / 2 if limit not in (None, bound) else bound + sign * 1e-6)
    return steps


def make_limit(**changes: Any) -> LimitSettings:
    limit = LimitSettings(metrics=["m"], review=[0, 1], fail=[-1, 2], reason="Because.", advice="Do better.")
    return replace(limit, **changes)


def test_good_numbers_pass() -> None:
    review = judge(good_metrics(), SETTINGS.checks, fits=FITS)
    assert review.verdict is Verdict.PASS
    assert review.concerns == ()


@pytest.mark.parametrize(("name", "metric"), JUDGED)
def test_every_check_can_ask_for_a_review(name: str, metric: str) -> None:
    limit = SETTINGS.checks[name]
    values = beyond(limit.review, limit.fail)
    assert values
    for value in values:
        review = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS)
        assert verdict_of(review, name, metric) is Verdict.REVIEW
        assert review.verdict is Verdict.REVIEW


@pytest.mark.parametrize(("name", "metric"), JUDGED)
def test_every_check_can_fail(name: str, metric: str) -> None:
    values = beyond(SETTINGS.checks[name].fail, [None, None])
    assert 0 < len(values) <= len(beyond(SETTINGS.checks[name].review, [None, None]))
    for value in values:
        review = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS)
        assert verdict_of(review, name, metric) is Verdict.FAIL
        assert review.verdict is Verdict.FAIL


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "0.5"])
@pytest.mark.parametrize(("name", "metric"), JUDGED)
def test_a_judged_number_that_is_not_finite_fails(name: str, metric: str, value: Any) -> None:
    review = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS)
    assert verdict_of(review, name, metric) is Verdict.FAIL
    assert review.verdict is Verdict.FAIL
    assert review.concerns[0].detail == f"{metric} is {value}, not a finite number: a check without evidence fails"


@pytest.mark.parametrize(("name", "metric"), JUDGED)
def test_a_missing_metric_fails(name: str, metric: str) -> None:
    metrics = {other: value for other, value in good_metrics().items() if other != metric}
    review = judge(metrics, SETTINGS.checks, fits=FITS)
    assert verdict_of(review, name, metric) is Verdict.FAIL
    assert review.concerns[0].detail == f"{metric} is missing: a check without evidence fails"


def test_every_judged_metric_is_one_that_a_run_measures() -> None:
    of_fits = {f"{fit}.{name}" for fit, method in FITS.items() for name in {"point_estimate", *BY_METHOD[method]}}
    of_fits |= {f"{fit}.{name}" for fit in FITS for name in ("infinite_variance", "left_out_share") if "spend" in fit}
    of_fits |= {f"final.{name}" for name in REFIT_METRICS if not name.endswith("_se")}
    of_the_log = {"data.largest_spend_share", "data.shared_ids_share", "data.alike_ids_share"}
    of_the_log |= {"regularity.k", "regularity.customers"}
    of_the_log |= {*SPEND_METRICS, "data.unmatched_refunds_share", "truncation.weeks", "truncation.excess_share"}
    of_the_log |= {"truncation.later_acquisitions"}
    compared = {"baselines.compared", "baselines.won_share", "baselines.purchases.won_share"}
    named = {metric for _, metric in judged()}
    counts = {count for limit in SETTINGS.checks.values() for count in limit.when}
    counts |= {metric for limit in SETTINGS.checks.values() for metric in limit.numbers.values()}
    assert (named | counts) - of_fits <= {*METRICS, *GROUP_METRICS, *of_the_log, *compared}
    assert of_fits <= named


@pytest.mark.parametrize(
    ("name", "count", "value"),
    [
        ("one_time_tails", "one_time_buyers", 199),
        ("repeat_tails", "repeat_buyers", 199),
        ("top_decile_tails", "customers", 1999),
        ("spend_change", "spend_change_customers", 29),
        ("p_purchase_gap", "customers", 299),
        ("baselines", "baselines.compared", 0),
        ("left_truncation", "truncation.weeks", 15),
        ("regularity", "regularity.customers", 99),
        ("spend_frequency_correlation", "distinct_repeat_spends", 1),
        ("spend_frequency_correlation", "distinct_repeat_frequencies", 1),
        ("free_repeats", "repeat_buyers", 0),
        ("largest_customer", "customers", 99),
        ("holdout_payers", "purchases.actual_total", 0),
        ("purchases_bias", "purchases.actual_total", 0),
        ("spend_bias", "holdout_payers", 0),
        ("spend_per_purchase_bias", "holdout_payers", 0),
    ],
)
def test_a_log_that_cannot_hold_the_evidence_is_not_asked_for_it(name: str, count: str, value: float) -> None:
    lacking = dict.fromkeys(SETTINGS.checks[name].metrics, math.nan)
    review = judge({**good_metrics(), **lacking, count: value}, SETTINGS.checks, fits=FITS)
    assert name not in {check.name for check in review.checks}
    assert any(line.startswith(f"{name} does not apply: {count} is {value:g}, below ") for line in review.skipped)
    own = {other for other, limit in SETTINGS.checks.items() if count in limit.metrics}
    assert {check.name for check in review.concerns} <= own  # a count that is judged itself is another finding
    for unknown in ({count: math.nan}, {}):
        known = {key: number for key, number in good_metrics().items() if key != count}
        asked = judge({**known, **lacking, **unknown}, SETTINGS.checks, fits=FITS)
        assert {check.verdict for check in asked.checks if check.name == name} == {Verdict.FAIL}


def test_left_truncation_is_judged_where_it_was_looked_for() -> None:
    name, metric = "left_truncation", "truncation.excess_share"
    known = {key: number for key, number in good_metrics().items() if key != metric}
    few = judge({**known, "truncation.weeks": 0}, SETTINGS.checks, fits=FITS)
    assert name not in {check.name for check in few.checks}
    for value, verdict in ((-0.2, "PASS"), (0.04, "PASS"), (0.3, "REVIEW"), (0.6, "FAIL"), (math.nan, "FAIL")):
        assert verdict_of(judge({**known, metric: value}, SETTINGS.checks, fits=FITS), name, metric) == verdict


def test_no_share_of_one_customer_fails() -> None:
    for metric in ("data.largest_spend_share", "spend.largest_share", "data.shared_ids_share", "data.alike_ids_share"):
        assert judge({**good_metrics(), metric: 1.0}, SETTINGS.checks, fits=FITS).verdict is Verdict.REVIEW


def test_only_the_refit_can_have_moved() -> None:
    calibration = {fit: method for fit, method in FITS.items() if fit.startswith("calibration.")}
    for fits, due in (
        (calibration, set()),
        (FITS, {"final.purchases.refit_drift", "final.spend.refit_drift"}),
    ):
        review = judge(good_metrics(), SETTINGS.checks, fits=fits)
        assert {check.metric for check in review.checks if check.name == "refit_drift"} == due


@pytest.mark.parametrize(
    ("metric", "good", "bad", "detail"),
    [
        ("final.purchases.refit_drift", 0.09, 0.18, "is 0.18, standard error 0.01: above the REVIEW limit 0.1"),
        (
            "final.spend.refit_drift",
            -0.09,
            -0.3,
            "is -0.3, standard error 0.01: below the REVIEW limit -0.1",
        ),
        ("spend_change", 0.1, -0.2, "is -0.2, standard error 0.01: below the REVIEW limit -0.1"),
        ("p_purchase.largest_gap", 0.1, 0.3, "is 0.3: above the REVIEW limit 0.1"),
        ("data.unmatched_refunds_share", 0.05, 0.08, "is 0.08: above the REVIEW limit 0.05"),
        ("data.largest_spend_share", 0.1, 0.29, "is 0.29: above the REVIEW limit 0.1"),
        ("spend.largest_share", 0.1, 0.42, "is 0.42: above the REVIEW limit 0.1"),
        ("data.shared_ids_share", 0.0, 0.126, "is 0.126: above the REVIEW limit 0"),
        ("data.alike_ids_share", 0.0, 0.001, "is 0.001: above the REVIEW limit 0"),
        ("free_repeat_share", 0.05, 0.06, "is 0.06: above the REVIEW limit 0.05"),
        ("one_time_share", 0.6, 0.97, "is 0.97: above the REVIEW limit 0.95"),
        ("one_time_share", 0.6, 0.0, "is 0: below the REVIEW limit 0.05"),
        ("baselines.won_share", 0.0, 1 / 6, "is 0.1667: above the REVIEW limit 0"),
        ("baselines.purchases.won_share", 0.0, 1 / 6, "is 0.1667: above the REVIEW limit 0"),
        ("spend.top_decile.above_90", 0.1, 0.13, "is 0.13, standard error 0.01: above the REVIEW limit 0.1"),
        ("purchases.one_time.below_90", 0.02, 0.01, "is 0.01, standard error 0.01: below the REVIEW limit 0.02"),
    ],
)
def test_a_concern_says_its_number_its_limit_and_what_to_do(metric: str, good: float, bad: float, detail: str) -> None:
    error = {f"{metric}_se": 0.01} if "standard error" in detail else {}
    assert not judge({**good_metrics(), metric: good}, SETTINGS.checks, fits=FITS).concerns
    (concern,) = judge({**good_metrics(), metric: bad, **error}, SETTINGS.checks, fits=FITS).concerns
    assert concern.detail == f"{metric} {detail}"
    assert concern.finding.endswith(".")
    assert metric not in concern.finding
    assert concern.limit.startswith("REVIEW ")
    assert concern.advice


BIAS = {"review": [-0.1, 0.1], "fail": [-0.25, 0.25]}
TAIL = {"review": [0.03, 0.08], "fail": [0.01, 0.15]}  # around 0.055: twice the limit is 0.245, and below 0
COVERAGE = {"review": [0.85, 0.95], "fail": [0.75, 0.98]}  # around 0.90: 0.60 and 1.06
SHARE = {"review": [None, 0.05], "fail": [None, 0.5]}  # around 0
LEAST = {"review": [400, None], "fail": [100, None]}  # around 400
CHANCE = "by no more than two standard errors, so REVIEW"


@pytest.mark.parametrize(
    ("bands", "value", "error", "verdict", "said"),
    [
        (BIAS, 0.30, 0.024, "FAIL", "m is 0.3, standard error 0.024: above the FAIL limit 0.25 by more than two"),
        (BIAS, 0.30, 0.026, "REVIEW", f"m is 0.3, standard error 0.026: above the FAIL limit 0.25 {CHANCE}"),
        (BIAS, -0.30, 0.024, "FAIL", "below the FAIL limit -0.25 by more than two standard errors"),
        (BIAS, -0.30, 0.026, "REVIEW", f"below the FAIL limit -0.25 {CHANCE}"),
        (BIAS, 0.49, 5.0, "REVIEW", CHANCE),
        (BIAS, 0.50, 5.0, "FAIL", "above the FAIL limit 0.25 and twice as far out, so FAIL whatever the error"),
        (BIAS, -0.50, 5.0, "FAIL", "twice as far out"),
        (BIAS, 0.26, 0.0, "FAIL", "by more than two standard errors"),
        (BIAS, 0.26, math.nan, "FAIL", "m is 0.26, standard error unknown: above the FAIL limit 0.25"),
        (BIAS, 0.26, math.inf, "FAIL", "standard error unknown"),
        (BIAS, 0.26, -1.0, "FAIL", "standard error unknown"),
        (BIAS, 0.26, None, "FAIL", "m is 0.26: above the FAIL limit 0.25"),
        (BIAS, 0.11, 5.0, "REVIEW", "m is 0.11, standard error 5: above the REVIEW limit 0.1"),
        (BIAS, 0.10, 0.0, "PASS", "m is 0.1, standard error 0"),
        (TAIL, 0.20, 0.026, "REVIEW", CHANCE),
        (TAIL, 0.20, 0.024, "FAIL", "by more than two standard errors"),
        (TAIL, 0.245, 1.0, "FAIL", "twice as far out"),
        (TAIL, 0.0, 0.006, "REVIEW", f"m is 0, standard error 0.006: below the FAIL limit 0.01 {CHANCE}"),
        (TAIL, 0.0, 0.004, "FAIL", "below the FAIL limit 0.01 by more than two standard errors"),
        (COVERAGE, 0.61, 1.0, "REVIEW", CHANCE),
        (COVERAGE, 0.60, 1.0, "FAIL", "twice as far out"),
        (COVERAGE, 1.0, 0.02, "REVIEW", CHANCE),
        (SHARE, 0.99, 1.0, "REVIEW", CHANCE),
        (SHARE, 1.0, 1.0, "FAIL", "twice as far out"),
        (SHARE, 0.7, 0.09, "FAIL", "by more than two standard errors"),
        (LEAST, 90, 6, "REVIEW", CHANCE),
        (LEAST, 90, 4, "FAIL", "by more than two standard errors"),
        (LEAST, -200, 1000, "FAIL", "twice as far out"),
    ],
)
def test_a_failure_needs_two_standard_errors_or_twice_the_limit(
    bands: dict[str, Any], value: float, error: float | None, verdict: str, said: str
) -> None:
    metrics = {"m": value} if error is None else {"m": value, "m_se": error}
    review = judge(metrics, {"check": make_limit(**bands)}, fits=FITS)
    assert review.verdict == verdict
    assert said in review.checks[0].detail


def test_a_gap_that_is_net_of_two_standard_errors_is_not_excused_by_them_again() -> None:
    metrics = {**good_metrics(), "p_purchase.largest_gap": 0.51, "p_purchase.largest_gap_tenth_se": 0.2}
    assert judge(metrics, SETTINGS.checks, fits=FITS).verdict is Verdict.FAIL


def test_no_metric_is_excused_by_chance() -> None:
    """Missing evidence fails, whatever its standard error."""
    for value in (math.nan, math.inf, None):
        assert judge({"m": value, "m_se": 9.0}, {"check": make_limit()}, fits=FITS).verdict is Verdict.FAIL


FAILURE = Failure("baseline boosting", "ValueError: Input X contains NaN.", "trace")


def test_a_part_that_failed_is_a_finding_and_never_a_pass_nor_an_excuse() -> None:
    passed = judge(good_metrics(), SETTINGS.checks, fits=FITS)
    review = passed.with_failures([FAILURE])
    (concern,) = review.concerns
    assert review.verdict is Verdict.REVIEW
    assert concern.finding == "baseline boosting failed and is left out: ValueError: Input X contains NaN."
    assert "failures/baseline_boosting.txt" in concern.advice
    assert review.with_failures([FAILURE]) == review
    assert review.with_failures([]) == passed
    failed = judge({**good_metrics(), "spend.bias": 1.0}, SETTINGS.checks, fits=FITS)
    assert failed.with_failures([FAILURE]).verdict is Verdict.FAIL


def test_chance_takes_a_right_group_out_of_its_band_once_in_a_hundred_times_at_most() -> None:
    """What conf/review says of the bands of groups, at the least size that they are asked of."""
    for name in ("one_time_tails", "repeat_tails", "top_decile_tails"):
        limit = SETTINGS.checks[name]
        (least,) = limit.when.values()
        size = int(least / 10 if name == "top_decile_tails" else least)
        assert size == 200
        share = np.arange(size + 1) / size
        low, high = limit.review
        outside = stats.binom.pmf(np.arange(size + 1), size, 0.05)[(share < low) | (share > high)].sum()
        assert outside == pytest.approx(0.01, abs=0.001)


def test_the_same_metric_is_judged_once() -> None:
    metrics = [metric for _, metric in judged()]
    assert len(metrics) == len(set(metrics))


def test_the_tails_at_the_reviews_level_are_inside_their_bands() -> None:
    tail = (1 - SETTINGS.level) / 2
    for name in ("purchases_low_tail", "purchases_high_tail", "spend_low_tail", "spend_high_tail"):
        low, high = SETTINGS.checks[name].review
        assert low < tail < high
    low, high = SETTINGS.checks["coverage"].review
    assert low < SETTINGS.level < high


def test_a_fit_that_is_due_and_reports_nothing_fails() -> None:
    metrics = {name: value for name, value in good_metrics().items() if not name.startswith("final.")}
    calibration = {fit: method for fit, method in FITS.items() if fit.startswith("calibration.")}
    assert judge(metrics, SETTINGS.checks, fits=calibration).verdict is Verdict.PASS
    assert judge(metrics, SETTINGS.checks, fits=FITS).verdict is Verdict.FAIL


def test_no_fit_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="fits must name at least one, such as"):
        judge(good_metrics(), SETTINGS.checks, fits={})


@pytest.mark.parametrize("method", ["map", "a method that nobody knows"])
def test_a_point_estimate_never_passes(method: str) -> None:
    """Whatever else is measured: no sampler's number is due, and the estimate itself, or its absence, is FAIL."""
    fits = dict.fromkeys(FITS, method)
    metrics = good_metrics() | {f"{fit}.point_estimate": 1.0 for fit in FITS}
    review = judge(metrics, SETTINGS.checks, fits=fits)
    assert review.verdict is Verdict.FAIL
    assert {check.name for check in review.concerns} == {"point_estimate"}
    del metrics["final.spend.point_estimate"]
    assert judge(metrics, SETTINGS.checks, fits=fits).verdict is Verdict.FAIL


def test_no_limits_at_all_fail() -> None:
    review = judge(good_metrics(), {}, fits=FITS)
    assert review.verdict is Verdict.FAIL
    assert review.checks[0].detail == "there are no limits"
    assert Review(()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (-1.1, "FAIL"),
        (-1, "REVIEW"),
        (-0.1, "REVIEW"),
        (0, "PASS"),
        (1, "PASS"),
        (1.1, "REVIEW"),
        (2.1, "FAIL"),
    ],
)
def test_a_bound_belongs_to_its_band(value: float, verdict: str) -> None:
    assert judge({"m": value}, {"check": make_limit()}, fits=FITS).verdict == verdict


def test_concerns_come_worst_first_with_advice_and_chance_error() -> None:
    limits = {"a": make_limit(metrics=["x"]), "b": make_limit(metrics=["y"]), "c": make_limit(metrics=["z"])}
    review = judge({"x": 1.5, "y": 9.0, "y_se": 0.25, "z": 0.5}, limits, fits=FITS)
    assert [(check.name, check.verdict) for check in review.concerns] == [("b", "FAIL"), ("a", "REVIEW")]
    assert (
        review.concerns[0].detail
        == "y is 9, standard error 0.25: above the FAIL limit 2 by more than two standard errors"
    )
    assert review.concerns[0].advice == "Do better."
    assert review.checks[2].advice == ""
    assert review.checks[2].reason == "Because."


@pytest.mark.parametrize(
    ("bands", "text"),
    [
        ({}, "REVIEW below 0 or above 1, FAIL below -1 or above 2"),
        ({"review": [None, 1], "fail": [None, 2]}, "REVIEW above 1, FAIL above 2"),
        ({"review": [400, None], "fail": [100, None]}, "REVIEW below 400, FAIL below 100"),
    ],
)
def test_a_check_states_its_limits(bands: dict[str, Any], text: str) -> None:
    assert judge({"m": 0.5}, {"check": make_limit(**bands)}, fits=FITS).checks[0].limit == text


def test_a_review_survives_json() -> None:
    metrics = {**good_metrics(), "spend.bias": math.nan, "purchases.bias": 0.12}
    review = judge(metrics, SETTINGS.checks, fits=FITS)
    stored = json.loads(json.dumps(review.to_dict(), allow_nan=False))
    assert stored["verdict"] == "FAIL"
    assert Review.from_dict(stored) == review


def test_a_stored_verdict_that_its_checks_do_not_bear_out_is_refused() -> None:
    stored = judge({"m": 9.0}, {"check": make_limit()}, fits=FITS).to_dict()
    with pytest.raises(ValueError, match="The stored verdict is PASS, its checks give FAIL"):
        Review.from_dict({**stored, "verdict": "PASS"})


def test_a_table_has_a_row_per_check_and_the_columns_even_of_none() -> None:
    review = judge(good_metrics(), SETTINGS.checks, fits=FITS)
    table = review.to_frame()
    assert len(table) == len(review.checks) == len(JUDGED)
    assert list(table.columns) == list(Review(()).to_frame().columns) == [field.name for field in fields(Check)]


def test_a_check_cannot_pass_without_a_number() -> None:
    (check,) = judge({"m": 0.5}, {"check": make_limit()}, fits=FITS).checks
    with pytest.raises(ValueError, match="Check check of m is PASS without a finite number"):
        replace(check, value=None)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"review": [-2, 1]}, r"review must lie within fail, got \[-2, 1\] and \[-1, 2\]"),
        ({"review": [None, 1]}, "review must lie within fail"),
        ({"review": [0, None]}, "review must lie within fail"),
        ({"review": [1, 0]}, r"review must be \[low, high\], finite, low <= high"),
        ({"fail": [2, -1]}, r"fail must be \[low, high\], finite, low <= high"),
        ({"fail": [None, None]}, "fail must be .* null for at most one"),
        ({"fail": [-1]}, r"fail must be \[low, high\]"),
        ({"fail": [-1, math.inf]}, "fail must be .* finite"),
        ({"review": [math.nan, 1]}, "review must be .* finite"),
        ({"metrics": []}, r"metrics must be one or more different names, got \[\]"),
        ({"metrics": ["m", "m"]}, "metrics must be one or more different names"),
        (
            {"metrics": ["{stage}.m"]},
            r"metrics may begin with {fit}, .* and contain no other placeholder, got '{stage}.m'",
        ),
        ({"metrics": ["{fit}.{nuts}"]}, r"metrics may begin with {fit}, .* got '{fit}.{nuts}'"),
        ({"metrics": [" "]}, "metrics may begin with"),
        ({"reason": " "}, "reason must not be blank"),
        ({"advice": ""}, "advice must not be blank"),
        ({"when": {"n": math.nan}}, "when.n must be a finite number, got nan"),
    ],
)
def test_limits_that_cannot_be_right_are_refused_with_their_full_key(changes: dict[str, Any], fault: str) -> None:
    limits = {"good": make_limit(), "bad": make_limit(**changes)}
    for refuse in (lambda: ReviewSettings(0.9, limits), lambda: judge({"m": 0.5}, limits, fits=FITS)):
        with pytest.raises(ReviewSettingsError, match=rf"review\.checks\.bad\.{fault}") as caught:
            refuse()
        assert not any("good" in named for named in caught.value.faults)


def test_a_fail_bound_without_a_review_bound_on_its_side_is_refused() -> None:
    limits = {"bad": make_limit(review=[None, 1], fail=[-1, 2])}
    with pytest.raises(ReviewSettingsError, match=r"review\.checks\.bad\.review must lie within fail"):
        ReviewSettings(0.9, limits)


def test_settings_without_checks_or_with_a_level_of_ninety_are_refused_together() -> None:
    with pytest.raises(ReviewSettingsError) as caught:
        ReviewSettings(90, {})
    assert caught.value.faults == (
        "review.level must be between 0 and 1, got 90",
        "review.checks must name at least one check",
    )


def test_a_limit_is_changed_from_the_command_line() -> None:
    ConfigStore.instance().store(name="review_schema", group="review", node=ReviewSettings)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=["+review=[review_schema,default]", "review.checks.spend_bias.review=[-0.2,0.2]"])
    settings = OmegaConf.to_object(config.review)
    assert isinstance(settings, ReviewSettings)
    assert settings.checks["spend_bias"].review == [-0.2, 0.2]
    assert settings.checks["spend_bias"].fail == SETTINGS.checks["spend_bias"].fail


@pytest.mark.parametrize("change", ["checks.spend_bias.reviews=[0,1]", "checks.spend_bias.advice=null", "level=high"])
def test_an_unknown_key_or_a_wrong_type_is_refused(change: str) -> None:
    with pytest.raises(OmegaConfBaseException):
        read_settings(change)


@pytest.mark.parametrize(
    ("metric", "value", "finding"),
    [
        (
            "purchases.one_time.bias_beyond_chance",
            0.71,
            "For one-time buyers the forecast of purchases is too high, by",
        ),
        ("spend.repeat.bias_beyond_chance", -0.3, "For repeat buyers the forecast of spend is too low, by 30%"),
        ("spend.segments.bias_beyond_chance", 0.2, "For customers of one segment the forecast of spend is too high"),
        ("purchases.segments.coverage_beyond_chance", -0.1, "covers 10% fewer of them than it should"),
    ],
)
def test_a_group_that_is_wrong_is_a_finding_of_the_review(metric: str, value: float, finding: str) -> None:
    review = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS)
    assert review.verdict is Verdict.REVIEW
    (concern,) = review.concerns
    assert finding in concern.finding
    within = judge({**good_metrics(), metric: math.copysign(0.04, value)}, SETTINGS.checks, fits=FITS)
    assert within.verdict is Verdict.PASS


def test_segments_are_not_judged_where_there_are_none() -> None:
    metrics = {**good_metrics(), "segments_compared": 0.0, "spend.segments.bias_beyond_chance": 0.9}
    assert judge(metrics, SETTINGS.checks, fits=FITS).verdict is Verdict.PASS
