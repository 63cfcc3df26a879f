"""What a run says about the business: the base over the horizon, who is in it, a new customer."""

from collections.abc import Mapping
from typing import Any

from tenure.registry import Evidence
from tenure.review import Verdict

from .cells import NONE, Cell, Note, Table, count, money, percent, span
from .origin import model_specs


def business(evidence: Evidence) -> list[Table | Note]:
    """Gather the section: nothing where the model failed or was not fitted to the whole log."""
    if "base.customers" not in evidence.metrics or evidence.review().verdict is Verdict.FAIL:
        return [Note("Not told: the review failed the model, or it was not fitted to the whole log.", "missing")]
    asked = _asked(evidence)
    told: list[Table | Note] = [Note(_intro(asked))]
    if asked["days"] > evidence.metrics.get("horizon_days", 0.0):
        checked = count(evidence.metrics.get("horizon_days")).text
        told.append(
            Note(f"The holdout could check {checked} days. What lies beyond them is an extrapolation.", "REVIEW")
        )
    told += [_base_totals(evidence, asked), _people(evidence, asked)]
    told += [Note(note, "soft") for spec in model_specs(evidence) for note in spec.notes]
    return [*told, _new_customer(evidence, asked)] if "new_customer.clv" in evidence.metrics else told


def _intro(asked: Mapping[str, Any]) -> str:
    told = (
        f"Over {asked['days']} days from the end of the log, at margin {asked['margin']}, discounted at "
        f"{asked['rate']} a year. Totals are summed within each simulated future and only then turned into intervals; "
        "customers' own intervals must never be added up."
    )
    return told + (" At margin 1 all of it is revenue, not profit." if asked["is_revenue"] else "")


def _asked(evidence: Evidence) -> dict[str, Any]:
    said = evidence.params
    return {
        "days": int(said["score.horizon_days"]),
        "rate": f"{float(said['score.discount_rate']):.1%}",
        "margin": f"{float(said['score.margin']):g}",
        "is_revenue": float(said["score.margin"]) == 1.0,
        "level": f"{float(said['score.level']):.0%}",
    }


def _base_totals(evidence: Evidence, asked: Mapping[str, Any]) -> Table:
    level, metrics = asked["level"], evidence.metrics
    rows = [
        [
            Cell(label),
            count(metrics[f"base.{outcome}.expected"]),
            *(span(metrics, f"base.{outcome}.", kind) for kind in ("", "adjusted_", "mean_")),
        ]
        for outcome, label in (("purchases", "purchases"), ("clv", "discounted margin"))
    ]
    source = evidence.tags.get("base.adjusted", evidence.tags.get("spend.adjusted", NONE))
    return Table(
        "Plan with the wide interval: it allows for a world that changes, by a drift that is "
        f"{source}. The narrow one knows customers' chance and the parameters' uncertainty only, and the credible one "
        "says how well the mean itself is known.",
        (
            "all customers of the log",
            "expected",
            f"{level} predictive",
            f"{level} predictive, adjusted",
            f"{level} credible of the mean",
        ),
        rows,
    )


def _people(evidence: Evidence, asked: Mapping[str, Any]) -> Table:
    metrics = evidence.metrics
    lines = [
        ("customers", count(metrics.get("base.customers"))),
        ("bought on one day only", percent(metrics.get("base.one_time_share"))),
        ("expected to be active at the end of the log", percent(metrics.get("base.active_share"))),
        (f"expected to buy again within {asked['days']} days", percent(metrics.get("base.buying_share"))),
        ("of the expected value lies with the most valuable tenth", percent(metrics.get("base.top_tenth_share"))),
    ]
    beyond, unstable_means = metrics.get("base.extrapolated_share"), metrics.get("base.unstable_means")
    if beyond:
        lines.append(("of the value lies farther ahead than any customer was observed", percent(beyond)))
    if unstable_means:
        lines.append(("customers whose mean value rests on a few draws of the population", count(unstable_means)))
    return Table(
        "Who they are. Plan with the share expected to buy: an active customer who does not buy brings nothing.",
        ("", "whole base"),
        [[Cell(label), cell] for label, cell in lines],
    )


def _new_customer(evidence: Evidence, asked: Mapping[str, Any]) -> Table:
    metrics, level = evidence.metrics, asked["level"]
    row = [
        Cell("a new customer"),
        money(metrics["new_customer.clv"]),
        span(metrics, "new_customer.clv_", "", money),
        span(metrics, "new_customer.clv_", "mean_", money),
        money(metrics["new_customer.first_order"]),
    ]
    return Table(
        "What a customer not yet acquired is worth, first order included, at the same margin: the mean bounds what one "
        "may cost on average. One customer alone falls anywhere in the predictive interval.",
        ("", "expected", f"{level} predictive", f"{level} credible of the mean", "of it first order"),
        [row],
    )
