"""What a run was made of: the log, the days, the recipe, the code."""

import json
from decimal import Decimal

from tenure.model_spec import Spec
from tenure.purchase import MODELS as PURCHASE_MODELS
from tenure.registry import Evidence
from tenure.spend import MODELS as SPEND_MODELS
from tenure.transactions import StrayRefunds

from .cells import NONE, Cell, Note, Table, count

MODELS = {**PURCHASE_MODELS, **SPEND_MODELS}
LABELS = {name: spec.label for name, spec in MODELS.items()}


def reconciliation(evidence: Evidence) -> list[Table | Note]:
    """Gather the section: each fate's rows and cents, and the purchases in words."""
    kept = json.loads(evidence.file("data/reconciliation.json").read_text())
    rows = [[Cell(line["fate"]), count(line["rows"]), _exact(line["amount"])] for line in kept["lines"]]
    rows.append([Cell("all of it"), count(kept["rows"]), _exact(kept["amount"])])
    table = Table(
        f"The log to {kept['until']}: every row and every cent has one fate. Look for large lines that are no sales.",
        ("", "rows", "amount"),
        rows,
    )
    told = (
        f"{kept['purchases']:,} purchases, one per customer and day, of {Decimal(kept['revenue']):,.2f} after refunds; "
        f"{kept['duplicates']:,} rows repeat another exactly."
    )
    strays = (StrayRefunds(**stray | {"amount": Decimal(stray["amount"])}) for stray in kept.get("stray_refunds", []))
    return [table, Note(told), *(Note(f"{stray.in_words}.") for stray in strays)]


def card(evidence: Evidence) -> list[tuple[str, str]]:
    """List what the model is of, and how far it was validated."""
    tags, metrics = evidence.tags, evidence.metrics
    days = count(metrics.get("horizon_days")).text
    purchases, spend = (evidence.params.get(f"fit.{kind}_model", NONE) for kind in ("purchase", "spend"))
    return [
        ("model", f"{LABELS.get(purchases, purchases)} for purchases, {LABELS.get(spend, spend)} for spend"),
        ("data window", f"{tags.get('data.first_day', NONE)} to {tags.get('end', NONE)}"),
        ("calibration, holdout", f"up to {tags.get('cutoff', NONE)}; {days} days after it, to {tags.get('end', NONE)}"),
        (
            "validated horizon",
            f"{days} days: farther ahead no forecast of this recipe was compared with the truth",
        ),
        (
            "customers judged",
            f"{count(metrics.get('customers')).text}, of whom {count(metrics.get('holdout_buyers')).text} bought in "
            f"the holdout; {count(metrics.get('born_in_holdout')).text} more came after it and are not judged",
        ),
    ]


def model_specs(evidence: Evidence) -> list[Spec]:
    """List the specs of a run's models, as far as they are known."""
    names = (evidence.params.get(f"fit.{kind}_model", NONE) for kind in ("purchase", "spend"))
    return [MODELS[name] for name in names if name in MODELS]


def reproduce(evidence: Evidence) -> list[tuple[str, str]]:
    """List what it takes to make the run again."""
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


def versions(evidence: Evidence) -> str:
    """Name the libraries."""
    found = {key: value for key, value in evidence.tags.items() if key.startswith("version.")}
    return ", ".join(f"{key.removeprefix('version.')} {value}" for key, value in sorted(found.items())) or NONE


def _exact(amount: str) -> Cell:
    """Write an amount that was kept as text, so that no cent is lost."""
    return Cell(f"{Decimal(amount):,.2f}", float(amount))
