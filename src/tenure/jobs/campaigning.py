"""`tenure-campaign`: load the model, read the log and the campaign's customers, measure or plan, write, log."""

import logging
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from tenure import campaign, paths, registry, report, units
from tenure.batch import ScoreFile
from tenure.output import atomic_folder, refuse_input, require_new_folder
from tenure.record import Record, finite
from tenure.settings import CampaignJobSettings, carry_segments
from tenure.transactions import Transactions, choose_type, input_files, read

from . import console
from .customers import segments_of
from .run_names import campaign_name, settings_record
from .scoring import model_of, require_verdict
from .sweeps import Result

CUSTOMERS, PAGE = "customers.parquet", "report.html"
log = logging.getLogger("tenure")


def run(settings: CampaignJobSettings, config: str) -> Result:
    """Measure or plan a campaign, and print the result in short; return it."""
    require_new_folder(settings.output)
    source = settings.campaign.customers
    campaign.check_customers(source, settings.campaign, plan=settings.plan)
    refuse_input(settings.output, [] if source is None else [source])
    uri = registry.connect(settings.registry, must_exist=True)
    loaded = registry.load(settings.model)
    model = model_of(loaded.about)
    verdict = require_verdict(loaded.about, accept_failed=settings.score.accept_failed)
    carry_segments(settings.transactions, segments_of(loaded.scorer), f"{model}, fitted by segments,")
    refuse_input(settings.output, input_files(settings.transactions))
    with console.stage(f"read {settings.transactions.path}"):
        transactions = read(settings.transactions, end=settings.rfm.end)
    start = time.perf_counter()
    with console.stage("plan the campaign" if settings.plan else "measure the campaign"):
        result = _measure(transactions, loaded, settings)
    about = {"model": model, "verdict": verdict.value}
    name = campaign_name(settings, model, str(result.window.start), str(result.window.end))
    with (
        atomic_folder(settings.output) as folder,
        registry.open_run(settings.registry, "campaign", config, name) as opened,
    ):
        registry.log_record(settings_record(settings, "campaign"))
        id_type = choose_type(transactions, settings.transactions.id_type, loaded.about.get("id_type"))
        page = _write(folder, result, {**about, "run_id": opened.info.run_id}, id_type)
        registry.log_record(_record(result, page, model, time.perf_counter() - start))
    console.print_campaign(result, settings.output, opened.info.run_id, registry.ui_command(uri))
    written = {"output": str(Path(settings.output).expanduser().resolve()), "log": settings.transactions.path}
    return Result(
        model_verdict=verdict.value,
        run_id=opened.info.run_id,
        model=model,
        name=name,
        as_of=str(result.window.end),
        customers=len(result.customers),
        totals=result.summary(),
        paths=written | ({} if source is None else {"customers": source}),
    )


def _measure(transactions: Transactions, loaded: registry.Loaded, settings: CampaignJobSettings) -> campaign.Campaign:
    last = date.fromisoformat(settings.rfm.end) if settings.rfm.end else transactions.last_day
    as_of = loaded.scorer.posterior.origin.get("as_of")
    fitted_to = date.fromisoformat(str(as_of)) if as_of else None
    question = campaign.Question(
        loaded.scorer, loaded.drifts, settings.campaign, settings.score, settings.seed, fitted_to
    )
    run_it = campaign.plan_campaign if settings.plan else campaign.measure_campaign
    forms = settings.transactions.normalize_ids
    result = run_it(transactions, last, settings.campaign.customers, question, forms)
    _compare_units(result, loaded, settings)
    if result.is_fitted_after:
        log.warning(
            "The model was fitted to days up to %s, those of the campaign among them: its forecast contains a part of"
            " the effect. Train with rfm.end=%s for a forecast without it.",
            fitted_to,
            result.window.eve,
        )
    return result


def _compare_units(result: campaign.Campaign, loaded: registry.Loaded, settings: CampaignJobSettings) -> None:
    """Warn of money that may be in another unit than the model's; raise UnitError where it is."""
    seen = units.Seen()
    seen.add(result.before.table)
    try:
        warning = units.compare_money(seen, loaded.scorer.posterior.origin)
    except units.UnitError as error:
        if not settings.score.allow_unit_change:
            raise
        warning = str(error)
    if warning is not None:
        log.warning("%s", warning)


def _write(folder: Path, result: campaign.Campaign, about: Mapping[str, Any], id_type: str) -> str:
    """Write the files of a folder, and return the page."""
    from tenure import figures  # noqa: PLC0415 (ArviZ and matplotlib take seconds, and memory)

    output = ScoreFile(folder / CUSTOMERS)
    output.write(result.customers.astype({"customer_id": id_type}))
    window = {"start": str(result.window.start), "end": str(result.window.end)}
    output.close({**about, **window, "customers": len(result.customers)})
    for name, table in result.tables().items():
        table.to_csv(folder / name, index=False, float_format="%.6g")
    with console.stage("write the page"):
        page = report.render_campaign(result, figures.campaign_pictures(result), about)
    (folder / PAGE).write_text(page, encoding="utf-8")
    return page


def _record(result: campaign.Campaign, page: str, model: str, seconds: float) -> Record:
    """Return the tables and the page, none of which names a customer."""
    tables = {
        f"{paths.CAMPAIGN}/{name.removesuffix('.csv')}": table.set_index(table.columns[0])
        for name, table in result.tables().items()
    }
    metrics = {f"campaign.{_key(name)}": value for name, value in result.summary().items()}
    return Record(
        metrics=finite({"campaign.seconds": seconds, **metrics}),
        tags={"model": model},
        tables=tables,
        files={f"{paths.CAMPAIGN}/{PAGE}": page},
    )


def _key(name: str) -> str:
    """Return a name that MLflow takes: an arm may have any letters."""
    return "".join(letter if letter.isalnum() or letter in "._- /" else "_" for letter in name)
