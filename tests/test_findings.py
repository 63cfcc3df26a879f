"""Findings in sentences: what they say, which of them have one cause, and that no failure is hidden."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from test_review import FITS, JUDGED, SETTINGS, beyond, good_metrics, make_limit

from tenure.failures import Failure
from tenure.jobs.console.review import print_review
from tenure.report import findings, html
from tenure.review import Kind, Review, Verdict, as_text, baselines_text, judge, lines
from tenure.settings import LimitSettings, ReviewSettings, ReviewSettingsError

LONGEST = 330  # characters of a finding and what to do
TAIL = "purchases.pit_high_tail"


def review_of(**changes: float) -> Review:
    """Judge good numbers but for some, whose keys have two underscores in the place of dots."""
    return judge(
        {**good_metrics(), **{key.replace("__", "."): value for key, value in changes.items()}},
        SETTINGS.checks,
        fits=FITS,
    )


def groups(review: Review) -> list[list[str]]:
    return [[one.check.metric, *(check.metric for check in one.consequences)] for one in review.findings]


@pytest.mark.parametrize(("name", "metric"), JUDGED)
def test_every_check_has_a_sentence_for_each_side(name: str, metric: str) -> None:
    limit = SETTINGS.checks[name]
    for value in [*beyond(limit.review, limit.fail), *beyond(limit.fail, [None, None])]:
        review = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS)
        (check,) = [check for check in review.concerns if (check.name, check.metric) == (name, metric)]
        assert not check.finding.startswith("The metric"), "no sentence of its own"
        assert re.fullmatch(r"[A-Z0-9].*\.", check.finding)
        assert check.advice.endswith(".")
        assert len(f"{check.finding} {check.advice}") <= LONGEST
        assert not re.search(r"[{}]|\bnan\b|  ", check.finding)


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("purchases.bias", -0.31, "The forecast of purchases is 31% below the actual total of the holdout, so plans"),
        ("purchases.bias", 0.12, "The forecast of purchases is 12% above the actual total"),
        ("final.spend.refit_drift", -0.2, "The refit expects 20% less spend of a new customer"),
        ("spend.largest_share", 0.42, "One customer has 42% of the forecast spend of the holdout"),
        ("data.largest_spend_share", 0.29, "One customer has 29% of all spend in the log"),
        ("final.spend.rhat_max", 1.2, "The chains of spend (refitted to the whole log) disagree (R-hat 1.2000)"),
        ("calibration.purchases.rhat_max", 1.02, "The chains of purchases (fitted to the calibration window) disagree"),
        (
            "spend.top_decile.above_90",
            0.12,
            "12.0% of the customers of the top tenth have spend above their 90% interval",
        ),
        ("customers", 30, "Only 30 customers are in the calibration window"),
    ],
)
def test_a_finding_says_what_was_measured_and_what_it_means(metric: str, value: float, said: str) -> None:
    (finding,) = judge({**good_metrics(), metric: value}, SETTINGS.checks, fits=FITS).findings
    assert finding.check.finding.startswith(said)


def test_findings_of_one_cause_are_one_finding() -> None:
    """A season as it was printed in many lines: totals, tails, probabilities and the refit are consequences."""
    review = review_of(
        purchases__bias=-0.15, spend__bias=-0.18, final__purchases__refit_drift=0.2,
        purchases__pit_high_tail=0.1, spend__pit_high_tail=0.1, purchases__repeat__above_90=0.15,
        spend__repeat__above_90=0.15, purchases__pit_coverage=0.84,
    )  # fmt: skip
    (finding,) = review.findings
    assert finding.check.metric == "purchases.bias"
    assert len(finding.consequences) == len(review.concerns) - 1 == 7
    kinds = [Kind.VERDICT, Kind.FINDING, Kind.DETAIL, *[Kind.CONSEQUENCE] * 7, Kind.NOTE]
    assert [line.kind for line in lines(review)] == kinds


def test_an_explained_check_has_its_sentence_and_its_own_advice_in_one_line() -> None:
    review = review_of(purchases__bias=-0.15, spend__bias=-0.18, final__purchases__refit_drift=0.2)
    (finding,) = review.findings
    advice = {name: SETTINGS.checks[name].advice for name in ("spend_bias", "refit_drift", "purchases_bias")}
    spend, drift = sorted(finding.explained)
    assert spend.startswith("REVIEW, for the same reason: The forecast of spend is 18% below the actual total")
    assert spend.endswith(advice["spend_bias"])
    assert drift.startswith("REVIEW, for the same reason: The refit expects 20% more purchases of a new customer")
    assert drift.endswith(advice["refit_drift"])
    assert str(finding).splitlines() == [finding.headline, f"  {finding.explained[0]}", f"  {finding.explained[1]}"]
    said = as_text(review)
    assert f"{spend} (spend.bias -0.18)" in said
    assert f"{drift} (final.purchases.refit_drift 0.2)" in said
    assert said.count(advice["purchases_bias"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"purchases__pit_high_tail": 0.1, "purchases__repeat__above_90": 0.15, "purchases__top_decile__above_90": 0.15},
        {"spend__pit_high_tail": 0.1, "spend__repeat__above_90": 0.15, "spend__top_decile__above_90": 0.12},
    ],
)
def test_advice_that_several_checks_share_is_given_once(changes: dict[str, float]) -> None:
    limits = {name: replace(limit, advice="Look.") for name, limit in SETTINGS.checks.items()}
    metrics = {**good_metrics(), **{key.replace("__", "."): value for key, value in changes.items()}}
    (finding,) = judge(metrics, limits, fits=FITS).findings
    assert str(finding).count("Look.") == 1
    assert len(str(finding).splitlines()) == 3
    own = judge(metrics, SETTINGS.checks, fits=FITS)
    assert len({check.advice for check in own.concerns}) == sum(
        str(own.findings[0]).count(advice) for advice in {check.advice for check in own.concerns}
    )


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (
            (47, 0.056, 0.404, 0.0, 0.1, 0.28),
            "Of 47 customers with p_purchase from 0.0 to 0.1, 5.6% were predicted to buy and 40.4% bought; less two "
            "standard errors, to which the limit applies, the gap is 28%.",
        ),
        ((1200, 0.95, 0.7, 0.9, 1.0, 0.24), "Of 1,200 customers with p_purchase from 0.9 to 1.0, 95.0% were predicted"),
        (
            (30, 0.5, 0.0, 0.5, 0.6, 0.32),
            "Of 30 customers with p_purchase from 0.5 to 0.6, 50.0% were predicted to buy",
        ),
    ],
)
def test_a_gap_of_probabilities_is_a_finding_of_its_own_with_the_numbers_of_the_table(
    numbers: tuple[float, ...], said: str
) -> None:
    *of_gap, size = numbers
    names = ("customers", "predicted", "bought", "low", "high")
    of_table = {f"p_purchase__largest_gap_{name}": value for name, value in zip(names, of_gap, strict=True)}
    for bias in (-0.15, 0.15, -0.6):
        review = review_of(purchases__bias=bias, p_purchase__largest_gap=size, **of_table)
        assert sorted(groups(review)) == [["p_purchase.largest_gap"], ["purchases.bias"]]
        (gap,) = [one.check for one in review.findings if one.check.metric == "p_purchase.largest_gap"]
        assert gap.finding.startswith(said)


def test_a_sentence_whose_numbers_are_missing_names_the_metric() -> None:
    limits = {"own": make_limit(above="{more:.0f} of it.", numbers={"more": "m_more"})}
    assert judge({"m": 1.5, "m_more": 3.0}, limits, fits=FITS).findings[0].check.finding == "3 of it."
    for lacking in ({}, {"m_more": float("nan")}):
        (finding,) = judge({"m": 1.5, **lacking}, limits, fits=FITS).findings
        assert finding.check.finding == "The metric m is 1.5, above its limit."
    fault = "above may contain {value}, {size}, {subject}, {more} and {model} only, got '{less}'"
    with pytest.raises(ReviewSettingsError, match=re.escape(fault)):
        ReviewSettings(0.9, {"bad": replace(limits["own"], above="{less}")})


@pytest.mark.parametrize(("share", "later"), [(0.3, 2357), (0.06, 12), (0.6, 100_000)])
def test_an_excess_of_early_customers_claims_no_direction_and_says_how_to_try(share: float, later: int) -> None:
    review = review_of(truncation__excess_share=share, truncation__later_acquisitions=later, purchases__bias=-0.15)
    (finding,) = [one for one in review.findings if one.check.name == "left_truncation"]
    said = finding.headline
    assert f"{share:.0%} of all first purchases are more than later weeks explain" in said
    assert f"{later:,} came later" in said
    assert "Try rfm.burn_in_days=28 with the same cut-off, and keep it only if the holdout improves" in said
    assert not re.search("upward|too high|too low", said)
    assert not finding.consequences


@pytest.mark.parametrize("metric", ["purchases__bias", "spend__bias"])
@pytest.mark.parametrize("bias", [-0.12, 0.2, 0.6])
def test_a_bias_comes_with_what_to_do_about_a_season(metric: str, bias: float) -> None:
    (finding,) = review_of(**{metric: bias}).findings
    for said in ("no season" if metric == "purchases__bias" else "Neither has a season", "backtest several cut-offs"):
        assert said in finding.headline
    assert "adjusted totals" in finding.headline
    assert "compare" in finding.headline


REGISTERED = "a registered model is the refit to the whole log, which expects "


@pytest.mark.parametrize(
    ("purchases", "spend", "said"),
    [
        (0.183, -0.004, "18% more purchases and about the same spend per purchase of a new customer"),
        (-0.06, 0.02, "6% less purchases and 2% more spend per purchase of a new customer"),
        (0.0, 0.0, "about the same purchases and about the same spend per purchase of a new customer"),
    ],
)
def test_findings_of_the_holdout_are_said_to_be_about_the_fit_that_was_tested(
    purchases: float, spend: float, said: str
) -> None:
    moved = {"final__purchases__refit_drift": purchases, "final__spend__refit_drift": spend}
    review = review_of(purchases__bias=-0.15, **moved)
    (note,) = review.notes
    assert note.endswith(f"{REGISTERED}{said}, so its own bias is unknown.")
    assert lines(review)[-1].text == note
    assert review.with_failures([]).notes == (note,)
    assert Review.from_dict(review.to_dict()) == review


@pytest.mark.parametrize(("holdout", "scored", "rest"), [(273, 365, "92"), (181, 1460, "1,279"), (364, 365, "1")])
def test_a_holdout_shorter_than_the_horizon_of_scores_is_a_note(holdout: int, scored: int, rest: str) -> None:
    metrics = {**good_metrics(), "horizon_days": float(holdout)}
    review = judge(metrics, SETTINGS.checks, fits=FITS, score_days=scored)
    assert review.verdict is Verdict.PASS
    assert review.notes == (
        f"The holdout has {holdout} days and scores look {scored:,} days ahead by default (score.horizon_days): the "
        f"last {rest} days are untested.",
    )


@pytest.mark.parametrize("scored", [None, 30, 365])
def test_a_holdout_of_the_horizon_of_scores_needs_no_note(scored: int | None) -> None:
    metrics = {**good_metrics(), "horizon_days": 365.0}
    assert judge(metrics, SETTINGS.checks, fits=FITS, score_days=scored).notes == ()


def test_nothing_is_said_of_a_refit_where_there_is_none_or_no_finding_of_the_holdout() -> None:
    assert review_of().notes == ()
    assert review_of(data__alike_ids_share=0.01, one_time_share=0.96).notes == ()
    calibration = {fit: method for fit, method in FITS.items() if fit.startswith("calibration.")}
    assert judge({**good_metrics(), "purchases.bias": -0.6}, SETTINGS.checks, fits=calibration).notes == ()


def test_a_bias_explains_the_tail_on_its_own_side_alone() -> None:
    assert groups(review_of(purchases__bias=-0.15, purchases__pit_high_tail=0.1)) == [["purchases.bias", TAIL]]
    assert groups(review_of(purchases__bias=0.15, purchases__pit_high_tail=0.1)) == [["purchases.bias"], [TAIL]]
    assert groups(review_of(purchases__bias=0.15, purchases__pit_low_tail=0.1)) == [
        ["purchases.bias", "purchases.pit_low_tail"]
    ]


def test_a_cause_of_a_cause_explains_its_effects_too() -> None:
    review = review_of(spend_change=0.2, spend_per_purchase__bias=-0.2, spend__bias=-0.2)
    assert groups(review) == [["spend_change", "spend.bias", "spend_per_purchase.bias"]]


def test_no_failure_is_explained_by_less_than_a_failure() -> None:
    review = review_of(purchases__bias=-0.15, purchases__pit_high_tail=0.3, spend__pit_high_tail=0.1)
    assert [one.check.verdict for one in review.findings] == ["FAIL", "REVIEW"]
    assert groups(review) == [[TAIL], ["purchases.bias", "spend.pit_high_tail"]]


def test_a_failure_of_a_failure_has_a_sentence_of_its_own() -> None:
    review = review_of(purchases__bias=-0.6, purchases__pit_high_tail=0.3, spend__pit_high_tail=0.1)
    (finding,) = review.findings
    assert {check.metric for check in finding.consequences} == {TAIL, "spend.pit_high_tail"}
    said = as_text(review)
    assert "FAIL, for the same reason: 30.0% of the customers bought more than their 90% interval" in said
    assert "REVIEW, for the same reason: 10.0% of the customers spent more than their 90% interval" in said


@pytest.mark.parametrize("seed", range(20))
def test_every_check_that_did_not_pass_is_named_in_the_text(seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(seed)
    metrics = good_metrics()
    for param in JUDGED:
        name, metric = param.values
        limit = SETTINGS.checks[str(name)]
        values = [*beyond(limit.review, limit.fail), *beyond(limit.fail, [None, None])]
        if rng.random() < 0.4:
            metrics[str(metric)] = float(rng.choice(values))
    review = judge(metrics, SETTINGS.checks, fits=FITS)
    said = as_text(review)
    assert sorted(metric for group in groups(review) for metric in group) == sorted(
        check.metric for check in review.concerns
    )
    for check in review.concerns:
        assert check.metric in said
        assert check.finding in said
        assert check.advice in said
    verdicts = [one.check.verdict.severity for one in review.findings]
    assert verdicts == sorted(verdicts, reverse=True)
    assert len(review.findings) < len(review.concerns)


def test_metrics_of_one_check_are_one_finding_and_the_farthest_leads() -> None:
    review = review_of(calibration__purchases__rhat_max=1.02, final__spend__rhat_max=1.04)
    assert groups(review) == [["final.spend.rhat_max", "calibration.purchases.rhat_max"]]


def test_two_checks_of_one_metric_hide_nothing() -> None:
    limits = {
        "mild": make_limit(metrics=["m"], fail=[-9, 9], explains={"above": ["m above", "n above"]}),
        "hard": make_limit(metrics=["m", "n"]),
    }
    review = judge({"m": 3.0, "n": 1.5}, limits, fits=FITS)
    assert review.verdict is Verdict.FAIL
    assert sorted(check.name for one in review.findings for check in (one.check, *one.consequences)) == [
        "hard", "hard", "mild"
    ]  # fmt: skip
    assert review.findings[0].check.verdict is Verdict.FAIL


def test_causes_that_explain_each_other_leave_one_of_them_as_the_finding() -> None:
    limits = {
        "a": make_limit(metrics=["x"], explains={"above": ["y above"]}),
        "b": make_limit(metrics=["y"], explains={"above": ["x above"]}),
    }
    review = judge({"x": 1.5, "y": 1.6}, limits, fits=FITS)
    assert sorted(map(len, groups(review))) == [2]


def test_the_three_that_matter_come_first_and_the_rest_under_a_heading() -> None:
    review = review_of(
        purchases__bias=-0.15, spend__bias=-0.18, spend_frequency_correlation=0.2, one_time_share=0.96,
        data__alike_ids_share=0.01, holdout_payers=0,
    )  # fmt: skip
    shown = [line for line in lines(review) if line.kind in (Kind.VERDICT, Kind.FINDING, Kind.HEADING)]
    assert [line.kind for line in shown] == ["verdict", *["finding"] * 3, "heading", "finding", "finding"]
    assert shown[1].verdict is Verdict.FAIL
    assert "customers paid in the holdout" in shown[1].text
    assert "The forecast of purchases is 15% below" in shown[2].text  # it explains another one
    assert shown[4].text == "2 further findings:"


def test_missing_evidence_is_a_failure_of_its_own_that_nothing_explains() -> None:
    metrics = {key: value for key, value in good_metrics().items() if key != TAIL}
    review = judge({**metrics, "purchases.bias": -0.6}, SETTINGS.checks, fits=FITS)
    assert groups(review) == [["purchases.bias"], [TAIL]]
    assert f"There is no number for {TAIL}, and a check without evidence fails." in as_text(review)


def test_a_pass_is_one_line() -> None:
    (line,) = lines(review_of())
    assert line.text.startswith("Verdict: PASS. The model may be used within the limits of its model card. None of ")


def test_limits_without_sentences_name_the_metric() -> None:
    (finding,) = judge({"m": 1.5}, {"own": make_limit()}, fits=FITS).findings
    assert finding.check.finding == "The metric m is 1.5, above its limit."


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"above": "It is {much}."},
            "above may contain {value}, {size}, {subject} and {model} only, got 'It is {much}.'",
        ),
        ({"below": "It is {value:.q}."}, "below may contain"),
        ({"below": "It is {}."}, "below may contain"),
        ({"below": "It is {value"}, "below may contain"),
        ({"above": "{subject} is off."}, "above contains {subject}, and subjects has none of m"),
        ({"explains": {"left": ["x above"]}}, "explains may contain below and above only, got 'left'"),
        (
            {"explains": {"below": ["x"]}},
            "explains.below must list metrics with a side, such as 'spend.bias above', got 'x'",
        ),
        ({"explains": {"below": ["x over"]}}, "explains.below must list metrics with a side"),
    ],
)
def test_sentences_and_causes_that_cannot_be_right_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ReviewSettingsError, match=re.escape(f"review.checks.bad.{fault}")):
        ReviewSettings(0.9, {"bad": make_limit(**changes)})


def test_every_cause_names_metrics_that_are_judged() -> None:
    from fnmatch import fnmatchcase

    metrics = [str(param.values[1]) for param in JUDGED]
    for limit in SETTINGS.checks.values():
        for effects in limit.explains.values():
            for effect in effects:
                assert any(fnmatchcase(metric, effect.split()[0]) for metric in metrics), effect


def test_beating_baselines_is_not_said_of_a_fail_without_a_word() -> None:
    metrics = {"baselines.beaten": 6.0, "baselines.compared": 6.0}
    metrics |= {"baselines.purchases.beaten": 5.0, "baselines.purchases.compared": 6.0}
    said = "Baselines that the model beats, by mean CRPS: 5 of 6 in purchases, 6 of 6 in spend."
    assert baselines_text(metrics, Verdict.REVIEW) == said
    assert baselines_text(metrics, Verdict.FAIL).startswith(f"{said} The verdict is FAIL all the same")
    assert "none was compared" in baselines_text({}, Verdict.PASS)


REVIEWS: Mapping[str, Review] = {
    "pass": review_of(),
    "season": review_of(purchases__bias=-0.15, spend__bias=-0.18),
    "fail": review_of(purchases__bias=-0.6, purchases__pit_high_tail=0.3, spend__bias=-0.2, one_time_share=0.96),
    "failure": review_of().with_failures([Failure("figure [b]x[/b]", "ValueError: <i>*no*</i> `a_b_c`.", "")]),
}


@pytest.mark.parametrize("name", REVIEWS)
def test_terminal_report_and_notebook_have_the_same_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    review = REVIEWS[name]
    expected = [line.text for line in lines(review)]
    print_review(review)
    assert [line.strip() for line in capsys.readouterr().out.strip().splitlines()] == expected
    assert [line.strip() for line in as_text(review).splitlines()] == expected
    from html import unescape

    shown = re.findall(r"<p[^>]*>(.*?)</p>", html(*findings(review)), re.DOTALL)
    assert [unescape(text) for text in shown] == expected


def test_the_level_of_the_limits_is_the_one_that_sentences_name() -> None:
    """The sentences of coverage and tails name 90% intervals, as the limits assume that level."""
    assert SETTINGS.level == 0.9
    limit: LimitSettings = replace(SETTINGS.checks["coverage"])
    assert "90% intervals" in limit.below
