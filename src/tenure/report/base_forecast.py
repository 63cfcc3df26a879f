"""Forecast of the customer base: totals over the horizon, shares of customers, a new customer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tenure import paths
from tenure.registry import Evidence
from tenure.review import Verdict

from .adjusted import adjusted_text
from .origin import model_specs
from .tables import NONE, Cell, Note, Table, count, interval, money, percent

if TYPE_CHECKING:
    import pandas as pd

SHOWN_SEGMENTS = 50


def base_forecast_section(evidence: Evidence) -> list[Table | Note]:
    """Return the section; a note if the review failed the model or it was not refitted to the whole log."""
    if "base.customers" not in evidence.metrics or evidence.review().verdict is Verdict.FAIL:
        return [Note("Not shown: the review failed the model, or it was not fitted to the whole log.", "missing")]
    settings = _score_settings(evidence)
    section: list[Table | Note] = [Note(_intro(settings))]
    if settings["days"] > evidence.metrics.get("horizon_days", 0.0):
        checked = count(evidence.metrics.get("horizon_days")).text
        section.append(
            Note(f"The holdout validates {checked} days. The forecast beyond them is an extrapolation.", "REVIEW")
        )
    section += [_base_totals(evidence, settings), _people(evidence, settings)]
    section += [Note(note, "soft") for spec in model_specs(evidence) for note in spec.notes]
    if "new_customer.clv" not in evidence.metrics:
        return section
    by_segment = [_by_segment(evidence, settings)] if evidence.holds(paths.csv(paths.NEW_BY_SEGMENT)) else []
    return [*section, _new_customer(evidence, settings), *by_segment]


def _intro(settings: Mapping[str, Any]) -> str:
    text = (
        f"Over {settings['days']} days from the end of the log, at margin {settings['margin']}, discounted at "
        f"{settings['rate']} a year. Totals are summed within each simulated future and then turned into intervals. "
        "Never add up the intervals of customers."
    )
    return text + (" At margin 1 the amounts are revenue, not profit." if settings["is_revenue"] else "")


def _score_settings(evidence: Evidence) -> dict[str, Any]:
    params = evidence.params
    return {
        "days": int(params["score.horizon_days"]),
        "rate": f"{float(params['score.discount_rate']):.1%}",
        "margin": f"{float(params['score.margin']):g}",
        "is_revenue": float(params["score.margin"]) == 1.0,
        "level": f"{float(params['score.level']):.0%}",
    }


def _base_totals(evidence: Evidence, settings: Mapping[str, Any]) -> Table:
    level, metrics = settings["level"], evidence.metrics
    rows = [
        [
            Cell(label),
            count(metrics[f"base.{outcome}.expected"]),
            *(interval(metrics, f"base.{outcome}.", kind) for kind in ("", "adjusted_", "mean_")),
        ]
        for outcome, label in (("purchases", "purchases"), ("clv", "clv"))
    ]
    source = evidence.tags.get("base.adjusted", evidence.tags.get("spend.adjusted", NONE))
    return Table(
        f"Plan with the adjusted interval. {adjusted_text(evidence, source, settings['days'])} The predictive interval "
        "has chance and parameter uncertainty only; the credible interval is of the mean alone.",
        (
            "all customers of the log",
            "expected",
            f"{level} predictive",
            f"{level} predictive, adjusted",
            f"{level} credible of the mean",
        ),
        rows,
    )


def _people(evidence: Evidence, settings: Mapping[str, Any]) -> Table:
    metrics = evidence.metrics
    lines = [
        ("customers", count(metrics.get("base.customers"))),
        ("bought on one day only", percent(metrics.get("base.one_time_share"))),
        ("expected to be active at the end of the log", percent(metrics.get("base.active_share"))),
        (f"expected to buy again within {settings['days']} days", percent(metrics.get("base.buying_share"))),
        ("share of the expected clv in the top tenth of customers", percent(metrics.get("base.top_tenth_share"))),
    ]
    beyond, unstable_means = metrics.get("base.extrapolated_share"), metrics.get("base.unstable_means")
    if beyond:
        lines.append(("extrapolated share of the clv: beyond the observed window", percent(beyond)))
    if unstable_means:
        lines.append(("customers with an unstable mean: it rests on few posterior draws", count(unstable_means)))
    return Table(
        "Shares of customers. Plan with the share expected to buy: active customers who do not buy bring no revenue.",
        ("", "customer base"),
        [[Cell(label), cell] for label, cell in lines],
    )


def _by_segment(evidence: Evidence, settings: Mapping[str, Any]) -> Table:
    table, level = evidence.table(paths.NEW_BY_SEGMENT), settings["level"]
    more = f" The table shows {SHOWN_SEGMENTS} of {len(table):,} segments." if len(table) > SHOWN_SEGMENTS else ""
    return Table(
        "A new customer by segment, the most valuable first. Small segments are pulled towards the population. The last"
        f" row of the file is a segment that the fit did not have.{more}",
        (
            "segment",
            "customers",
            "clv",
            f"{level} credible of the mean",
            f"{level} predictive",
            "of which first order",
            "without a repeat purchase",
        ),
        [_segment_row(row) for _, row in table.head(SHOWN_SEGMENTS).iterrows()],
    )


def _segment_row(row: "pd.Series[Any]") -> list[Cell]:
    ends = {str(name): float(row[name]) for name in row.index if str(name).startswith("clv_")}
    return [
        Cell(str(row["segment"])),
        count(row["customers"]),
        money(row["clv"]),
        interval(ends, "clv_", "mean_", money),
        interval(ends, "clv_", "", money),
        money(row["first_order"]),
        percent(row["share_without_repeat"]),
    ]


def _new_customer(evidence: Evidence, settings: Mapping[str, Any]) -> Table:
    metrics, level = evidence.metrics, settings["level"]
    row = [
        Cell("a new customer"),
        money(metrics["new_customer.clv"]),
        interval(metrics, "new_customer.clv_", "", money),
        interval(metrics, "new_customer.clv_", "mean_", money),
        money(metrics["new_customer.first_order"]),
    ]
    return Table(
        "The clv of a new customer, first order included, at the same margin. The mean is the upper bound of the "
        "average acquisition cost. The predictive interval is of one customer.",
        ("", "expected", f"{level} predictive", f"{level} credible of the mean", "of which first order"),
        [row],
    )
