"""Inputs of a run: the log, the days, the settings, the code."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePath

from tenure import paths
from tenure.model_spec import Spec
from tenure.purchase import MODELS as PURCHASE_MODELS
from tenure.registry import Evidence
from tenure.spend import MODELS as SPEND_MODELS
from tenure.transactions import StrayRefunds, repeats_text

from .tables import NONE, Cell, Note, Table, count

MODELS = {**PURCHASE_MODELS, **SPEND_MODELS}
LABELS = {name: spec.label for name, spec in MODELS.items()}


def reconciliation_section(evidence: Evidence) -> list[Table | Note]:
    """Return the section: rows and amounts by fate, and the number of purchases."""
    logged = json.loads(evidence.file("data/reconciliation.json").read_text())
    rows = [[Cell(line["fate"]), count(line["rows"]), _exact(line["amount"])] for line in logged["lines"]]
    rows.append([Cell("total"), count(logged["rows"]), _exact(logged["amount"])])
    table = Table(
        f"The log to {logged['until']}: every row and every cent has one fate. Look for large rows that are not sales.",
        ("", "rows", "amount"),
        rows,
    )
    purchases = (
        f"{logged['purchases']:,} purchases, one per customer and day, of {Decimal(logged['revenue']):,.2f} after "
        f"refunds; {repeats_text(logged['duplicates'])}."
    )
    strays = (StrayRefunds(**stray | {"amount": Decimal(stray["amount"])}) for stray in logged.get("stray_refunds", []))
    return [table, Note(purchases), *(Note(f"{stray.in_words}.") for stray in strays)]


def card(evidence: Evidence) -> list[tuple[str, str]]:
    """List the facts of the model card: data, windows, validated horizon."""
    tags, metrics = evidence.tags, evidence.metrics
    days = count(metrics.get("horizon_days")).text
    purchases, spend = (evidence.params.get(f"fit.{kind}_model", NONE) for kind in ("purchase", "spend"))
    return [
        ("model", f"{LABELS.get(purchases, purchases)} for purchases, {LABELS.get(spend, spend)} for spend"),
        ("data window", f"{tags.get('data.first_day', NONE)} to {tags.get('end', NONE)}"),
        ("calibration, holdout", f"up to {tags.get('cutoff', NONE)}; {days} days after it, to {tags.get('end', NONE)}"),
        (
            "validated horizon",
            f"{days} days: forecasts beyond it were not compared with outcomes",
        ),
        (
            "customers judged",
            f"{_judged(metrics)}, of whom {count(metrics.get('holdout_buyers')).text} bought in "
            f"the holdout; {count(metrics.get('acquired_in_holdout')).text} more came after it and are not judged",
        ),
    ]


def _judged(metrics: Mapping[str, float]) -> str:
    """Return how many customers were judged one by one, and of how many where they are a sample."""
    customers, judged = metrics.get("customers"), metrics.get("judged_customers")
    if judged is None or customers is None or judged >= customers:
        return count(customers).text
    return f"{count(judged).text}, a sample of {count(customers).text} by a hash of their ids"


def title_of(evidence: Evidence) -> str:
    """Return what the run did, for people: the models, the log, the days of calibration and holdout."""
    tags, params = evidence.tags, evidence.params
    models = (params.get(f"fit.{kind}_model", NONE) for kind in ("purchase", "spend"))
    labels = " and ".join(LABELS.get(name, name) for name in models if name != NONE) or "Model"
    log = PurePath(params.get("transactions.path", "")).name
    return (
        f"{labels}{f' on {log}' if log else ''}: fitted to {tags.get('cutoff', NONE)}, tested to "
        f"{tags.get('end', NONE)}"
    )


def model_specs(evidence: Evidence) -> list[Spec]:
    """List the specs of a run's models, as far as they are known."""
    names = (evidence.params.get(f"fit.{kind}_model", NONE) for kind in ("purchase", "spend"))
    return [MODELS[name] for name in names if name in MODELS]


def reproduce(evidence: Evidence) -> list[tuple[str, str]]:
    """List the facts that reproduce the run."""
    tags, params = evidence.tags, evidence.params
    return [
        ("run", evidence.run_id),
        ("name", tags.get("mlflow.runName", NONE)),
        ("log", params.get("transactions.path", NONE)),
        ("digest of the log", tags.get("data.digest", NONE)),
        ("commit", tags.get("git.commit", NONE)),
        ("seed", params.get("seed", NONE)),
        ("settings", "all in config/resolved.yaml of the run"),
    ]


def versions(evidence: Evidence) -> str:
    """Return the versions of the libraries."""
    return ", ".join(f"{name} {version}" for name, version in sorted(evidence.mapping(paths.VERSIONS).items())) or NONE


def _exact(amount: str) -> Cell:
    """Format an amount that was logged as text, exact to the cent."""
    return Cell(f"{Decimal(amount):,.2f}", float(amount))
