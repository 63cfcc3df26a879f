"""Write a run's report: one HTML page that holds everything it shows, made of the run's evidence alone.

The page loads nothing, so that it opens in MLflow's artifact viewer, in a mail and on paper alike. It says what the
run logged and judges nothing; what a run did not log is named as missing. No customer is on it. Jinja is known here
and nowhere else, and escapes whatever comes from a run.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .registry import Evidence
from .review import Review, Verdict

NONE = "–"
STAGES = {"calibration": "the days up to the cut-off", "final": "the whole log"}
MODELS = ("purchases", "spend")
UNITS = {"purchases": "purchases", "value": "value"}
GROUPS = {"everyone": "everyone", "one_time": "one-time buyers", "repeat": "repeat buyers", "top_decile": "top tenth"}
MEANING = {
    Verdict.PASS: "Every check is within its limits: the model may be used as the card below says.",
    Verdict.REVIEW: "A person has to look at what is listed here, and decide, before the model is used.",
    Verdict.FAIL: "The model must not be used. It was not refitted to the whole log and not registered.",
}
DIAGNOSTICS = {
    "rhat_max": "R-hat, highest",
    "ess_bulk_min": "ESS bulk, lowest",
    "ess_tail_min": "ESS tail, lowest",
    "divergences": "divergences",
    "bfmi_min": "BFMI, lowest",
    "proposal_khat": "k-hat of the weights",
    "effective_draws": "effective draws",
    "khat_max": "k-hat of leave-one-out, highest",
    "prior_sensitivity_max": "prior's pull, highest",
}
PURCHASE_MODELS = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD"}


class Cell(NamedTuple):
    """What a cell shows, and what it is sorted by where that is a number."""

    text: str
    number: float | None = None


class Table(NamedTuple):
    """A table, and the sentence above it that says what to look for."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Picture(NamedTuple):
    """A logged picture as a data URI, what it shows, and what to look for; without a URI it was not logged."""

    uri: str
    shows: str
    look: str


def render(evidence: Evidence) -> str:
    """Write the page of a training run."""
    # The page is handed to a browser: what a run's tags or settings say must not become part of it.
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template("report.html.j2").render(_content(evidence))


def _content(evidence: Evidence) -> dict[str, Any]:
    """Gather what the template shows, by section."""
    stage = "final" if _has_final(evidence) else "calibration"
    return {
        "evidence": evidence,
        "none": NONE,
        **_verdict(evidence),
        **_business(evidence),
        "tracking": [_holdout_totals(evidence), _picture(evidence, "backtest/tracking")],
        "calibration": _calibration(evidence),
        "deciles": [_picture(evidence, "backtest/deciles"), _deciles(evidence)],
        "baselines": _baselines(evidence),
        "wins": evidence.tags.get("baselines.wins", NONE),
        "fitted_to": STAGES[stage],
        "posterior": _posterior(evidence, stage),
        **_reconciliation(evidence),
        "card": _card(evidence),
        "purchases": evidence.params.get("fit.purchases", NONE),
        "reproduce": _reproduce(evidence),
        "command": evidence.command(),
        "versions": _versions(evidence),
    }


def _has_final(evidence: Evidence) -> bool:
    return any(key.startswith("final.") for key in evidence.metrics)


# The verdict


def _verdict(evidence: Evidence) -> dict[str, Any]:
    review = evidence.review()
    return {
        "verdict": review.verdict.value,
        "meaning": MEANING[review.verdict],
        "concerns": review.concerns,
        "checks": _checks(review),
        "registered": _registered(evidence),
    }


def _checks(review: Review) -> Table:
    rows = [
        [Cell(check.verdict.value), Cell(check.name), Cell(check.finding), Cell(check.limit), Cell(check.reason)]
        for check in review.checks
    ]
    return Table("Each number beside its limits.", ("verdict", "check", "finding", "limits", "why these limits"), rows)


def _registered(evidence: Evidence) -> str:
    tags = evidence.tags
    if "model" not in tags:
        return "No model was registered."
    told = f"Registered as {tags['model']}, {tags.get('alias', 'without an alias')} at the time."
    if "promotion.because" in tags:
        became = "Became champion" if tags.get("promotion.promoted") == "True" else "Did not become champion"
        told += f" {became}: {tags['promotion.because']}"
    return told


# The business


def _business(evidence: Evidence) -> dict[str, Any]:
    asked = _asked(evidence)
    return {
        "asked": asked,
        "base": _base_totals(evidence, asked) if "base.customers" in evidence.metrics else None,
        "people": _people(evidence, asked),
        "new_customer": _new_customer(evidence, asked) if "new_customer.clv" in evidence.metrics else None,
        "is_beyond": asked["days"] > evidence.metrics.get("horizon_days", 0.0),
        "validated": _count(evidence.metrics.get("horizon_days")).text,
    }


def _asked(evidence: Evidence) -> dict[str, Any]:
    said = evidence.params
    return {
        "days": int(said["score.horizon_days"]),
        "rate": f"{float(said['score.discount_rate']):.1%}",
        "margin": f"{float(said['score.margin']):g}",
        "level": f"{float(said['score.level']):.0%}",
    }


def _base_totals(evidence: Evidence, asked: Mapping[str, Any]) -> Table:
    level, metrics = asked["level"], evidence.metrics
    rows = [
        [
            Cell(label),
            _count(metrics[f"base.{outcome}.expected"]),
            *(_span(metrics, f"base.{outcome}.", kind) for kind in ("", "adjusted_", "mean_")),
        ]
        for outcome, label in (("purchases", "purchases"), ("value", "discounted margin"))
    ]
    source = evidence.tags.get("value.adjusted", NONE)
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
    metrics = {key.removeprefix("base."): value for key, value in evidence.metrics.items() if key.startswith("base.")}
    lines = [
        ("customers", _count(metrics.get("customers"))),
        ("bought on one day only", _percent(metrics.get("one_time_share"))),
        ("expected to be active at the end of the log", _percent(metrics.get("active_share"))),
        (f"expected to buy again within {asked['days']} days", _percent(metrics.get("buying_share"))),
        ("of the expected value lies with the most valuable tenth", _percent(metrics.get("top_tenth_share"))),
        ("of the value lies farther ahead than anyone was observed", _percent(metrics.get("share_beyond"))),
        ("customers whose mean rests on a few draws", _count(metrics.get("unsteady"))),
    ]
    return Table(
        "Who they are. Compare the share expected to buy with the share active: activity without purchases is worth "
        "nothing.",
        ("", "whole base"),
        [[Cell(label), cell] for label, cell in lines],
    )


def _new_customer(evidence: Evidence, asked: Mapping[str, Any]) -> Table:
    metrics, level = evidence.metrics, asked["level"]
    row = [
        Cell("a new customer"),
        _money(metrics["new_customer.clv"]),
        _span(metrics, "new_customer.clv_", "", _money),
        _span(metrics, "new_customer.clv_", "mean_", _money),
        _money(metrics["new_customer.first_order"]),
    ]
    return Table(
        "What a customer not yet acquired is worth, first order included: on average, acquiring one may cost up to the "
        "expected value. One customer alone falls anywhere in the predictive interval.",
        ("", "expected", f"{level} predictive", f"{level} credible of the mean", "of it first order"),
        [row],
    )


# The holdout


def _holdout_totals(evidence: Evidence) -> Table:
    metrics, level = evidence.metrics, _level(evidence)
    rows = [
        [
            Cell(outcome),
            _count(metrics.get(f"{outcome}.actual_total")),
            _count(metrics.get(f"{outcome}.expected_total")),
            _percent(metrics.get(f"{outcome}.bias"), signed=True),
            _span(metrics, f"{outcome}.", "total_"),
            _claim(metrics.get(f"{outcome}.total_holds_actual")),
            _span(metrics, f"{outcome}.", "adjusted_"),
            _claim(metrics.get(f"{outcome}.adjusted_holds_actual")),
        ]
        for outcome in UNITS
    ]
    return Table(
        f"Totals of the {_count(metrics.get('horizon_days')).text} days held out. Look at the bias first, then whether "
        "the interval holds what happened; the adjusted one allows for a world that changes.",
        ("", "actual", "expected", "bias", f"{level} predictive", "holds", f"{level} adjusted", "holds"),
        rows,
    )


def _calibration(evidence: Evidence) -> list[Table | Picture]:
    return [
        _picture(evidence, "backtest/pit"),
        _coverage(evidence),
        _reliability(evidence),
        _picture(evidence, "backtest/by_frequency"),
    ]


def _coverage(evidence: Evidence) -> Table:
    table = evidence.table("backtest/coverage")
    levels = sorted(table["level"].unique())
    rows = []
    for (outcome, group), part in table.groupby(["outcome", "group"], sort=False):
        at = part.set_index("level")
        inside = [_with_error(at.at[level, "inside"], at.at[level, "inside_se"]) for level in levels]
        rows.append([Cell(str(outcome)), Cell(GROUPS.get(str(group), str(group))), _count(part["customers"].iloc[0])])
        rows[-1] += inside
    return Table(
        "Share of customers inside their own interval, ± its standard error. Look for shares at the level in the "
        "heading, in every group: lower means intervals too narrow.",
        ("outcome", "group", "customers", *(f"{level:.0%} interval" for level in levels)),
        rows,
    )


def _reliability(evidence: Evidence) -> Table:
    rows = [
        [
            Cell(f"{row['low']:.0%} to {row['high']:.0%}", row["low"]),
            _count(row["customers"]),
            _percent(row["foretold"]),
            _with_error(row["actual"], row["actual_se"]),
        ]
        for row in evidence.table("backtest/reliability").to_dict("records")
    ]
    return Table(
        "The probability of buying at all. Look for foretold and actual shares alike in every line.",
        ("foretold probability", "customers", "foretold, mean", "bought"),
        rows,
    )


def _deciles(evidence: Evidence) -> Table:
    rows = [
        [
            Cell(str(row["decile"]), row["decile"]),
            _count(row["customers"]),
            *(_plain(row[f"{kind}_purchases"]) for kind in ("actual", "expected")),
            *(_money(row[f"{kind}_value"]) for kind in ("actual", "expected")),
            _percent(row["value_coverage"]),
        ]
        for row in evidence.table("backtest/deciles").to_dict("records")
    ]
    return Table(
        "Means per customer, by decile of expected value (1 is the highest). Look for actual values that fall from "
        "line to line and stand near the expected ones.",
        (
            "decile", "customers", "purchases, actual", "purchases, expected", "value, actual", "value, expected",
            f"value inside {_level(evidence)} interval",
        ),
        rows,
    )  # fmt: skip


def _baselines(evidence: Evidence) -> Table:
    rows = [
        [
            Cell(str(row["outcome"])),
            Cell(str(row["forecast"])),
            _plain(row["crps"]),
            _plain(row["crps_of_model"]),
            Cell(f"{row['difference']:+.4g} ± {row['difference_se']:.2g}", row["difference"]),
            Cell(NONE if pd.isna(row["winner"]) else str(row["winner"])),
        ]
        for row in evidence.table("backtest/baselines").to_dict("records")
    ]
    return Table(
        "Mean CRPS per customer, lower is better: the distance between forecast and outcome, spread counted. Look for "
        "a negative difference of more than two standard errors in every line.",
        ("outcome", "baseline", "its CRPS", "the model's CRPS", "difference", "better beyond two errors"),
        rows,
    )


# The fit


def _posterior(evidence: Evidence, stage: str) -> list[Table | Picture]:
    folder = f"diagnostics/{stage}"
    tables = [
        (f"{folder}/prior_consequences", "What prior and posterior say of the business: medians and 90% ranges."),
        *((f"{folder}/{model}_summary", f"Parameters of {model}. Look for R-hat near 1.") for model in MODELS),
        *((f"{folder}/{model}_sensitivity", f"Who decides on {model}: the prior or the data.") for model in MODELS),
    ]
    pictures = ["prior_consequences"]
    pictures += [f"{model}_{kind}" for kind in ("prior_posterior", "check", "rank", "energy") for model in MODELS]
    pictures[3:5] = ["purchases_check", "spend_check"]
    return [
        _diagnostics(evidence),
        *(_frame(evidence.table(path), caption) for path, caption in tables if evidence.holds(f"{path}.csv")),
        *(_picture(evidence, f"{folder}/{name}") for name in pictures if evidence.holds(f"{folder}/{name}.png")),
    ]


def _diagnostics(evidence: Evidence) -> Table:
    fits = [(stage, model) for stage in STAGES for model in MODELS if f"{stage}.{model}.method" in evidence.tags]
    known = [
        name for name in DIAGNOSTICS if any(f"{stage}.{model}.{name}" in evidence.metrics for stage, model in fits)
    ]
    rows = [
        [
            Cell(STAGES[stage]),
            Cell(model),
            Cell(evidence.tags[f"{stage}.{model}.method"]),
            *(_plain(evidence.metrics.get(f"{stage}.{model}.{name}")) for name in known),
        ]
        for stage, model in fits
    ]
    return Table(
        "What vouches for the draws. Look for R-hat below 1.01, effective sizes above 400, no divergence, and k-hat "
        "below 0.7; the limits are in the checks above.",
        ("fitted to", "model", "method", *(DIAGNOSTICS[name] for name in known)),
        rows,
    )


# What it was made of


def _reconciliation(evidence: Evidence) -> dict[str, Any]:
    kept = json.loads(evidence.file("data/reconciliation.json").read_text())
    rows = [[Cell(line["fate"]), _count(line["rows"]), _money(float(line["amount"]))] for line in kept["lines"]]
    rows.append([Cell("all of it"), _count(kept["rows"]), _money(float(kept["amount"]))])
    table = Table(
        "Every row of the log and every cent of it has one fate; look for large lines that are no sales.",
        (f"to {kept['until']}", "rows", "amount"),
        rows,
    )
    told = (
        f"{kept['purchases']:,} purchases, one per customer and day, of {float(kept['revenue']):,.2f} after refunds; "
        f"{kept['duplicates']:,} rows repeat another exactly."
    )
    return {"reconciliation": table, "purchases_told": told}


def _card(evidence: Evidence) -> list[tuple[str, str]]:
    tags, metrics = evidence.tags, evidence.metrics
    days = _count(metrics.get("horizon_days")).text
    model = evidence.params.get("fit.purchases", NONE)
    return [
        ("model", f"{PURCHASE_MODELS.get(model, model)} for purchases, Gamma-Gamma for spend"),
        ("data window", f"{tags.get('data.first_day', NONE)} to {tags.get('end', NONE)}"),
        ("calibration, holdout", f"up to {tags.get('cutoff', NONE)}; {days} days after it, to {tags.get('end', NONE)}"),
        (
            "validated horizon",
            f"{days} days: farther ahead no forecast of this recipe was compared with the truth here",
        ),
        (
            "customers judged",
            f"{_count(metrics.get('customers')).text}, of whom {_count(metrics.get('holdout_buyers')).text} bought in "
            f"the holdout; {_count(metrics.get('born_in_holdout')).text} more came after the cut-off and are not judged",
        ),
    ]


def _reproduce(evidence: Evidence) -> list[tuple[str, str]]:
    tags, params = evidence.tags, evidence.params
    return [
        ("run", evidence.run_id),
        ("name", tags.get("mlflow.runName", NONE)),
        ("log", params.get("transactions.path", NONE)),
        ("digest of the log", tags.get("data.digest", NONE)),
        ("commit", tags.get("git.commit", NONE)),
        ("seed", params.get("seed", NONE)),
        ("settings", "config/resolved.yaml in the run, every one of them"),
    ]


def _versions(evidence: Evidence) -> str:
    found = {key: value for key, value in evidence.tags.items() if key.startswith("version.")}
    return ", ".join(f"{key.removeprefix('version.')} {value}" for key, value in sorted(found.items())) or NONE


# Cells and pictures


def _picture(evidence: Evidence, path: str) -> Picture:
    shows, look = PICTURES[path.rpartition("/")[2]]
    if not evidence.holds(f"{path}.png"):
        return Picture("", shows, look)
    content = base64.b64encode(evidence.file(f"{path}.png").read_bytes()).decode("ascii")
    return Picture(f"data:image/png;base64,{content}", shows, look)


PICTURES = {
    "tracking": (
        "Repeat purchases by week, actual and expected, across the cut-off",
        "A gap that opens after the cut-off and keeps growing means that the base changed, or the model errs.",
    ),
    "pit": (
        "Where customers' outcomes fell among those simulated",
        "Flat is right. Bars high at both ends: intervals too narrow. A slope: forecasts too high or too low.",
    ),
    "by_frequency": (
        "Mean holdout purchases by how often customers had bought before",
        "A gap of one sign everywhere is a bias; one that grows with frequency means that heavy buyers are misjudged.",
    ),
    "deciles": (
        "Holdout value by decile of expected value",
        "Falling bars: the order of customers is right. Bars of like height: so is the level.",
    ),
    "prior_consequences": (
        "What the prior and the posterior say about the business",
        "Where the two are alike, nothing was learnt and the prior speaks.",
    ),
    "purchases_prior_posterior": (
        "Prior and posterior of the purchase model's parameters",
        "A posterior at the edge of its prior was held back by it.",
    ),
    "spend_prior_posterior": (
        "Prior and posterior of the spend model's parameters",
        "A posterior at the edge of its prior was held back by it.",
    ),
    "purchases_check": (
        "Customers by number of repeat purchases, observed and replicated from the model",
        "A bar that ends outside its band is a number of purchases that the model does not explain.",
    ),
    "spend_check": (
        "Repeat buyers' mean spend, observed and replicated from the model",
        "A shift, or a tail outside the band, means that spend is not as the model supposes.",
    ),
    "purchases_rank": ("Ranks of the purchase model's draws by chain", "A line that leaves alone did not mix."),
    "spend_rank": ("Ranks of the spend model's draws by chain", "A line that leaves alone did not mix."),
    "purchases_energy": ("Energy of the purchase model's sampler", "Two shapes of like width are right."),
    "spend_energy": ("Energy of the spend model's sampler", "Two shapes of like width are right."),
}


def _frame(table: pd.DataFrame, caption: str) -> Table:
    """Show a logged table as it is; a column without a name held the row's."""
    columns = ["" if column.startswith("Unnamed") else column.replace("_", " ") for column in table.columns]
    rows = [[_any(value) for value in row] for row in table.itertuples(index=False)]
    if "Unnamed: 0" in table and pd.api.types.is_integer_dtype(table["Unnamed: 0"]):
        return Table(caption, columns[1:], [row[1:] for row in rows])
    return Table(caption, columns, rows)


def _any(value: object) -> Cell:
    return _plain(float(value)) if isinstance(value, int | float) else Cell(str(value))


def _plain(value: float | None) -> Cell:
    return _number(value, "{:,.4g}".format if value is None or abs(value) < 1000 else "{:,.0f}".format)  # noqa: PLR2004


def _count(value: float | None) -> Cell:
    return _number(value, "{:,.0f}".format)


def _money(value: float | None) -> Cell:
    return _number(value, "{:,.2f}".format)


def _percent(value: float | None, *, signed: bool = False) -> Cell:
    return _number(value, "{:+.1%}".format if signed else "{:.1%}".format)


def _number(value: float | None, write: Callable[[float], str]) -> Cell:
    return Cell(NONE) if value is None or pd.isna(value) else Cell(write(value), float(value))


def _with_error(share: float, error: float) -> Cell:
    return Cell(NONE) if pd.isna(share) else Cell(f"{share:.1%} ± {error:.1%}", float(share))


def _claim(value: float | None) -> Cell:
    return Cell(NONE) if value is None else Cell("yes" if value else "no")


def _span(metrics: Mapping[str, float], prefix: str, kind: str, write: Callable[[float | None], Cell] = _count) -> Cell:
    ends: Iterable[float | None] = (metrics.get(f"{prefix}{kind}{end}") for end in ("low", "high"))
    low, high = (write(end) for end in ends)
    return Cell(f"{low.text} to {high.text}", low.number)


def _level(evidence: Evidence) -> str:
    return f"{float(evidence.params['review.level']):.0%}"
