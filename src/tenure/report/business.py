"""What a run says about the business: the base over the horizon, who is in it, a new customer."""

from collections.abc import Mapping
from typing import Any

from tenure.registry import Evidence

from .cells import NONE, Cell, Table, count, money, percent, span


def business(evidence: Evidence) -> dict[str, Any]:
    """Gather the section; what the run does not hold is None."""
    asked = _asked(evidence)
    return {
        "asked": asked,
        "base": _base_totals(evidence, asked) if "base.customers" in evidence.metrics else None,
        "people": _people(evidence, asked),
        "new_customer": _new_customer(evidence, asked) if "new_customer.clv" in evidence.metrics else None,
        "is_beyond": asked["days"] > evidence.metrics.get("horizon_days", 0.0),
        "validated": count(evidence.metrics.get("horizon_days")).text,
    }


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
        for outcome, label in (("purchases", "purchases"), ("value", "discounted margin"))
    ]
    source = evidence.tags.get("base.adjusted", evidence.tags.get("value.adjusted", NONE))
    return Table(
        "Plan with the wide interval: it allows for a world that changes, by a factor that is "
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
    beyond, unsteady = metrics.get("base.share_beyond"), metrics.get("base.unsteady")
    if beyond:
        lines.append(("of the value lies farther ahead than any customer was observed", percent(beyond)))
    if unsteady:
        lines.append(("customers whose mean value rests on a few draws of the population", count(unsteady)))
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
