"""`tenure-backtest`: read the log; fit at each cut-off, measure each holdout; log the tables over all of them."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import groupby

from tenure import figures, paths, pipeline, registry
from tenure.backtest import Holdout, Origin, Rolling, roll_up, rolling_origins
from tenure.failures import Failures
from tenure.fit import fit_models
from tenure.outcomes import OUTCOMES
from tenure.posterior import Posterior
from tenure.rfm import AcquisitionWindow, Split, split_log
from tenure.settings import BacktestJobSettings
from tenure.streams import derive_seed
from tenure.transactions import AccountedLog, Transactions, read

from . import console
from .result_file import nested
from .run_names import backtest_name, settings_record, shared_arguments, typed_command
from .sweeps import Result

log = logging.getLogger("tenure")


def run(settings: BacktestJobSettings, config: str) -> Result:
    """Backtest and print the result; return the exit code and the means over the origins, which a sweep compares."""
    with console.stage(f"read {settings.transactions.path}"):
        transactions = read(settings.transactions, end=settings.rfm.end)
    last = date.fromisoformat(settings.rfm.end) if settings.rfm.end else transactions.last_day
    origins = rolling_origins(settings.origins, transactions.first_day, last)
    cutoffs = len({origin.cutoff for origin in origins})
    log.info("%s cut-offs, %s holdouts: %s to %s", cutoffs, len(origins), origins[0], origins[-1])
    accounted = AccountedLog.of(transactions, last, settings.transactions.normalize_ids)
    console.print_reconciliation(accounted.reconciliation)
    console.print_identities(accounted.identities)
    uri = registry.connect(settings.registry)
    name = backtest_name(settings, cutoffs)
    with registry.open_run(settings.registry, "backtest", config, name) as opened:
        registry.log_record(settings_record(settings, "backtest"))
        registry.log_record(accounted.record("backtest"))
        with console.progress("holdouts", len(origins)) as advance:
            rolling = backtest_origins(transactions, origins, settings, advance)
        registry.log_record(rolling.record())
    again = shared_arguments(typed_command(config))
    console.print_backtest(rolling, opened.info.run_id, settings.level, registry.ui_command(uri), again)
    return Result(
        name=opened.info.run_name,
        metrics=_means(rolling),
        run_id=opened.info.run_id,
        totals=nested(_means(rolling)),
        as_of=str(last),
        paths={"log": settings.transactions.path},
    )


def _means(rolling: Rolling) -> dict[str, float]:
    of_model = rolling.forecasts[rolling.forecasts["forecast"] == "model"]
    means = of_model.groupby("outcome")[["bias", "crps"]].mean().to_dict("index")
    return {f"{outcome}.{name}": value for outcome, row in means.items() for name, value in row.items()}


def backtest_origins(
    transactions: Transactions,
    origins: list[Origin],
    settings: BacktestJobSettings,
    advance: Callable[[int], None] = lambda _: None,
) -> Rolling:
    """Backtest the origins, the earliest first: each uses the past errors of those that had ended by then."""
    window = AcquisitionWindow.of(settings.rfm, transactions)
    holdouts: dict[Origin, Holdout] = {}
    for cutoff, at_cutoff in groupby(origins, key=lambda origin: origin.cutoff):
        for origin, at_origin, posterior in _fitted(transactions, window, cutoff, list(at_cutoff), settings):
            with registry.open_origin(str(origin)):
                registry.log_record(at_origin.record())
                holdouts[origin] = _measure(transactions, at_origin, window, posterior, holdouts, origin, settings)
            advance(1)
    return roll_up(holdouts, settings.backtest.drift, level=settings.level, seed=settings.seed)


def _fitted(
    transactions: Transactions,
    window: AcquisitionWindow,
    cutoff: date,
    origins: list[Origin],
    settings: BacktestJobSettings,
) -> Iterator[tuple[Origin, Split, Posterior]]:
    """Fit once at a cut-off, whatever the number of horizons."""
    posterior, with_orders, most = None, settings.fit.needs_orders, settings.backtest.judge_customers
    for origin in origins:
        at_origin = split_log(transactions, origin.cutoff, origin.end, window, with_orders=with_orders, most=most)
        if posterior is None:
            start = time.perf_counter()
            seed = derive_seed(settings.seed, "tenure-backtest.fit", str(cutoff))
            fitted = fit_models(at_origin.compress(settings.fit.segments), settings.fit, seed=seed)
            posterior = fitted.posterior.thin(settings.fit.joint_draws)
            size, method = f"{at_origin.counts.customers:,}", fitted.posterior.origin["method"]
            log.info("%s: %s customers fitted by %s in %.1f s", cutoff, size, method, time.perf_counter() - start)
        yield origin, at_origin, posterior


def _measure(
    transactions: Transactions,
    at_origin: Split,
    window: AcquisitionWindow,
    posterior: Posterior,
    holdouts: dict[Origin, Holdout],
    origin: Origin,
    settings: BacktestJobSettings,
) -> Holdout:
    """Measure the holdout of an origin and log it to the open run."""
    start, failures = time.perf_counter(), Failures(at_origin.calibration.table["customer_id"])
    past_errors = {
        name: [one.past_errors[name] for one in holdouts.values() if name in one.past_errors] for name in OUTCOMES
    }
    report = pipeline.measure_holdout(
        transactions,
        at_origin,
        window,
        posterior,
        settings.backtest,
        past_errors=past_errors,
        level=settings.level,
        seed=derive_seed(settings.seed, "tenure-backtest.holdout", str(origin)),
        failures=failures,
    )
    registry.log_record(report.record())
    pictures = figures.holdout_pictures(report, settings.level)
    registry.log_record(figures.record_figures(paths.BACKTEST, pictures, failures))
    registry.log_record(failures.record())
    baselines = len(report.holdout.baselines)
    log.info("%s: measured beside %s baselines in %.1f s", origin, baselines, time.perf_counter() - start)
    return report.holdout
