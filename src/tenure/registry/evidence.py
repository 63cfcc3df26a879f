"""Log a run's evidence: data, settings, fits, backtest, review. Nothing here names a customer."""

import json
import math
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import arviz as az
import mlflow
import pandas as pd
from matplotlib.figure import Figure

from tenure.addresses import mask
from tenure.backtest import Backtest, Drifts, Holdout, Rolling, wins
from tenure.batch import Scored
from tenure.failures import Failure
from tenure.promote import Comparison, Decision
from tenure.review import Review
from tenure.rfm import Split, Truncation
from tenure.scorer import NewCustomer
from tenure.streams import stream
from tenure.text import spreadsheet_safe
from tenure.transactions import MISSING, Identities, Reconciliation, Transactions

from .aliases import Version

if TYPE_CHECKING:
    import xarray as xr

    from tenure.fit import FitReport

SHOWN_CUSTOMERS = 50_000  # whose PIT is logged one by one; a larger base is sampled
FEW_CUSTOMERS = 20  # up to which any number of groups is logged
LONG_TEXTS = (".reason", ".advice")  # of the review's checks
PLAIN_KEY = re.compile(
    r"[\w\-]([\w\- ]*[\w\-])?"
)  # a dot would be read as a level, and MLflow refuses most other signs
LONGEST_KEY = 250


def log_settings(settings: Mapping[str, Any]) -> None:
    """Log every setting as a parameter under its full key, the review's prose excepted."""
    mlflow.log_params(flat_settings(settings))


def flat_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that `log_settings` logs.

    Names that MLflow refuses as part of a key, such as a segment `Land (ISO)`, are together one JSON value under the
    key above them.
    """
    flat = {
        key: str(value)
        for key, value in _flatten(settings).items()
        if not _is_prose(key) and not _is_unused_prior(key, settings)
    }
    return {key: mask(value) if key.endswith("tracking_uri") else value for key, value in flat.items()}


def _is_unused_prior(key: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a setting is a prior of a model that is not fitted."""
    group = key.split(".")
    if group[:2] != ["fit", "priors"]:
        return False
    return group[2] not in (settings["fit"]["purchase_model"], settings["fit"]["spend_model"])


def _is_prose(key: str) -> bool:
    return key.startswith("review.") and key.endswith(LONG_TEXTS)


def log_data(transactions: Transactions, accounts: Reconciliation, identities: Identities, context: str) -> None:
    """Log the purchase log as a dataset input (its source and digest, no rows) and what became of its rows."""
    source = Path(transactions.source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = mlflow.data.meta_dataset.MetaDataset(
            source=mlflow.data.dataset_source_registry.resolve_dataset_source(str(source)),
            name=source.name,
            digest=transactions.digest[:32],
        )
        mlflow.log_input(dataset, context=context)
    mlflow.set_tags({"data.digest": transactions.digest, "data.first_day": str(transactions.first_day)})
    mlflow.log_dict(accounts.as_dict(), "data/reconciliation.json")
    mlflow.log_metrics(data_metrics(accounts, identities))


def log_id_type(id_type: str) -> None:
    """Tag the run with the type of the log's ids, `integer` or `text`, for the output of later scores."""
    mlflow.set_tag("id_type", id_type)


def log_drifts(drifts: Drifts) -> None:
    """Log what totals are adjusted by, beside the posteriors."""
    with tempfile.TemporaryDirectory() as folder:
        drifts.save(Path(folder) / "drift.npz")
        mlflow.log_artifact(str(Path(folder) / "drift.npz"), "posterior")


def data_metrics(accounts: Reconciliation, identities: Identities) -> dict[str, float]:
    """List a log's numbers, of which the review judges some."""
    missing = accounts.stray_rows(MISSING)
    of_orders = {} if missing is None else {"data.refunds_of_missing_orders": float(missing)}
    return {
        "data.rows": accounts.rows,
        "data.purchases": accounts.purchases,
        "data.revenue": float(accounts.revenue),
        "data.duplicates": accounts.duplicates,
        "data.unmatched_refunds_share": accounts.unmatched_share,
        **identities.metrics(),
    } | of_orders


def log_window(parts: Split) -> None:
    """Tag the run with its calibration and holdout days; count whom they look at, and whom not."""
    mlflow.set_tags({"cutoff": str(parts.cutoff), "end": str(parts.end)})
    mlflow.log_metrics(
        {
            "window.customers": len(parts.calibration.customers),
            "window.left_out_since_before": parts.left_out.include_left_truncated,
            "window.left_out_outside": parts.left_out.outside,
            "window.born_in_holdout": parts.born_in_holdout,
        }
    )


def log_truncation(found: Truncation, figures: Mapping[str, Figure]) -> None:
    """Log the births by week, and how many of the first weeks are too many."""
    mlflow.log_metrics(found.metrics())
    _log_table(found.table().set_index("week"), "data/acquisitions")
    log_figures("data", figures)


def log_scores(scored: Scored, seconds: float, figures: Mapping[str, Figure]) -> None:
    """Log a scoring run: the model, how many customers, how long, totals from joint draws."""
    scores, level = scored.scores, scored.scores.params.level
    totals = scored.totals_table()
    mlflow.set_tags({"model": scored.model, "totals.adjusted": scored.adjusted_by or "none"})
    numbers = {
        "score.customers": scored.customers,
        "score.seconds": seconds,
        "score.unstable_means": scores.unstable_means,
    }
    numbers["score.free_repeat_buyers"] = scores.free_repeat_buyers
    shares = {
        "score.extrapolated_share": scores.extrapolated_share,
        "score.residual_share_beyond": scored.residual_beyond,
    }
    shares["score.largest_clv_share"] = None if scored.largest is None else scored.largest.share
    numbers |= {name: share for name, share in shares.items() if share is not None}
    mlflow.log_metrics(numbers)
    rows = totals.to_dict("index").items()
    numbers = {f"total.{name}.{end}": float(value) for name, row in rows for end, value in row.items()}
    mlflow.log_metrics({name: value for name, value in numbers.items() if math.isfinite(value)})
    _log_table(totals.rename_axis("total"), "scores/totals")
    if scores.by and is_personal(len(scores.groups), scored.customers):
        mlflow.set_tag("scores.groups", "not logged: nearly as many groups as customers")
    elif scores.by:
        _log_table(scored.group_table().set_index(list(scores.by)), "scores/groups")
    if scores.months is not None:
        _log_table(scores.months.table(level).set_index("month"), "scores/months")
    log_figures("scores", figures)


def is_personal(groups: int, customers: int) -> bool:
    """Return whether groups are so many that most of them are one customer each, and would name customers.

    >>> is_personal(51, 100), is_personal(50, 100), is_personal(15, 20)
    (True, False, False)
    """
    return customers > FEW_CUSTOMERS and 2 * groups > customers


def log_new_customer(found: NewCustomer) -> None:
    """Log what a customer who is not yet acquired is worth."""
    row = found.table().iloc[0].to_dict()
    mlflow.log_metrics({f"new_customer.{key}": float(value) for key, value in row.items()})


def log_base_forecast(numbers: Mapping[str, float], adjusted_by: str) -> None:
    """Log what the log's customers come to over the horizon, as metrics under `base`, and where its drift is from."""
    mlflow.set_tag("base.adjusted", adjusted_by)
    mlflow.log_metrics({f"base.{key}": value for key, value in numbers.items() if math.isfinite(value)})


def log_report(page: str) -> None:
    """Log the run's page for its readers."""
    mlflow.log_text(page, "report.html")


def log_fit(stage: str, checked: "FitReport", figures: Mapping[str, Figure], *, level: float) -> None:
    """Log a fit under `stage` (`calibration`, `final`): diagnostics, posterior, tables, traces, figures.

    Intervals in the tables are of `level`.
    """
    fit, folder_of = checked.fit, f"diagnostics/{stage}"
    mlflow.log_metrics({f"{stage}.{key}": value for key, value in checked.metrics.items()})
    for name, model in fit.models.items():
        mlflow.set_tag(f"{stage}.{name}.method", ": ".join(filter(None, (model.method, model.note))))
    with tempfile.TemporaryDirectory() as folder:
        fit.posterior.save(Path(folder) / f"{stage}.npz")
        mlflow.log_artifact(str(Path(folder) / f"{stage}.npz"), "posterior")
        trees = {name: model.tree() for name, model in fit.models.items()}
        for name, tree in trees.items():
            path = Path(folder) / f"{name}.nc"
            _without_texts(tree).to_netcdf(path, engine="h5netcdf")
            mlflow.log_artifact(str(path), folder_of)
        for name, loo in checked.loos.items():
            path = Path(folder) / f"{name}_loo.npz"
            loo.save(path)
            mlflow.log_artifact(str(path), folder_of)
    for name, tree in trees.items():
        if fit.models[name].is_point:
            continue
        table = pd.DataFrame(az.summary(tree["posterior"].to_dataset(), ci_prob=level))
        first = list(fit.models[name].target.parameters)
        _log_table(table.loc[[*first, *table.index.difference(first)]], f"{folder_of}/{name}_summary")
    for name, sensitivity in checked.sensitivities.items():
        _log_table(sensitivity, f"{folder_of}/{name}_sensitivity")
    _log_table(checked.consequences.table(level), f"{folder_of}/prior_consequences")
    log_figures(folder_of, figures)


def log_backtest(backtest: Backtest, holdout: Holdout, tracking: pd.DataFrame, figures: Mapping[str, Figure]) -> None:
    """Log what the holdout showed: metrics, tables, figures, and where baselines win."""
    metrics = holdout.metrics
    defined = {key: value for key, value in metrics.items() if math.isfinite(value)}
    mlflow.log_metrics(defined)
    mlflow.set_tag("metrics.undefined", ", ".join(sorted(set(metrics) - set(defined))))
    mlflow.set_tag("baselines.wins", "; ".join(wins(holdout.comparison)) or "none")
    mlflow.set_tags({f"{name}.adjusted": drift.source for name, drift in holdout.drifts.items()})
    for name in ("by_frequency", "deciles", "coverage", "reliability"):
        _log_table(getattr(backtest, name), f"backtest/{name}")
    _log_table(holdout.comparison, "backtest/baselines")
    mlflow.log_text(spreadsheet_safe(tracking).to_csv(index=False), "backtest/tracking.csv")
    pit = backtest.pit
    if len(pit) > SHOWN_CUSTOMERS:
        pit = pit.sample(SHOWN_CUSTOMERS, random_state=stream(0, "registry.pit"))
    mlflow.log_text(spreadsheet_safe(pit).to_csv(index=False), "backtest/pit.csv")
    log_figures("backtest", figures)


def log_rolling(rolling: Rolling) -> None:
    """Log what several origins showed: the tables, the shares, each win of a baseline."""
    mlflow.log_metrics({key: value for key, value in rolling.metrics.items() if math.isfinite(value)})
    for name in ("totals", "forecasts", "drifts", "past_errors"):
        _log_table(getattr(rolling, name), f"rolling/{name}")
    mlflow.log_text("\n".join(rolling.wins) or "No baseline is better than the model.", "rolling/wins.txt")


def log_review(review: Review) -> None:
    """Log the verdict as a tag, the checks as JSON and as a table."""
    mlflow.set_tag("verdict", review.verdict.value)
    mlflow.log_text(json.dumps(review.to_dict(), indent=2), "review/review.json")
    _log_table(review.to_frame(), "review/review")


def log_failures(failures: Sequence[Failure]) -> None:
    """Log where each part failed that the run went on without."""
    for failure in failures:
        mlflow.log_text(failure.trace, failure.path)


def log_comparison(comparison: Comparison) -> None:
    """Log two recipes' figures side by side, as metrics and as a table."""
    mlflow.set_tags({"promotion.cutoff": str(comparison.cutoff), "promotion.end": str(comparison.end)})
    defined = {key: value for key, value in comparison.metrics().items() if math.isfinite(value)}
    mlflow.log_metrics({f"promotion.{key}": value for key, value in defined.items()})
    _log_table(comparison.table().set_index("outcome"), "promotion/comparison")


def log_diagnostics(stage: str, diagnostics: Mapping[str, float]) -> None:
    """Log numbers that vouch for a fit, as metrics under `stage`."""
    defined = {key: value for key, value in diagnostics.items() if math.isfinite(value)}
    mlflow.log_metrics({f"{stage}.{key}": value for key, value in defined.items()})


def log_decision(decision: Decision) -> None:
    """Log whether the model became champion, and why or why not."""
    mlflow.set_tags({"promotion.promoted": str(decision.is_promoted), "promotion.because": decision.because})


def log_versions(**versions: Version | None) -> None:
    """Tag the run with the versions that it is about, such as `champion`."""
    mlflow.set_tags({name: "none" if version is None else version.uri for name, version in versions.items()})


def log_figures(folder: str, figures: Mapping[str, Figure]) -> None:
    """Log figures as PNG."""
    for name, figure in figures.items():
        mlflow.log_figure(figure, f"{folder}/{name}.png")


def _log_table(table: pd.DataFrame, path: str) -> None:
    mlflow.log_text(spreadsheet_safe(table).to_csv(), f"{path}.csv")
    mlflow.log_text(table.to_html(float_format="{:.4g}".format), f"{path}.html")


def _without_texts(trace: "xr.DataTree") -> "xr.DataTree":
    # The sampler's messages are Python objects, which netCDF cannot hold.
    kept = {
        name: node.to_dataset().drop_vars([key for key, value in node.data_vars.items() if value.dtype == object])
        for name, node in trace.children.items()
    }
    return type(trace).from_dict(kept)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for key, value in tree.items():
        is_branch = isinstance(value, Mapping) and bool(value)
        below = _flatten(value, f"{prefix}{key}.") if is_branch else {f"{prefix}{key}": value}
        if PLAIN_KEY.fullmatch(key) is None or max(map(len, below)) > LONGEST_KEY:
            refused[key] = value
        else:
            flat |= below
    if refused:
        flat[prefix.removesuffix(".")] = json.dumps(refused, sort_keys=True, ensure_ascii=False, default=str)
    return flat
