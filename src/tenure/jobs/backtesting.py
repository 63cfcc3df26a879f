"""`tenure-backtest`: log, origins; at each cut-off fit, look ahead, measure beside baselines; the tables of it all."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from itertools import groupby

from tenure import registry
from tenure.backtest import Holdout, Origin, Rolling, roll_up, rolling_origins
from tenure.failures import Failures
from tenure.fit import fit
from tenure.outcomes import OUTCOMES
from tenure.posterior import Posterior
from tenure.rfm import AcquisitionWindow, Split, split
from tenure.settings import BacktestJobSettings
from tenure.streams import derive_seed
from tenure.transactions import Transactions, find_identities, read

from . import console
from .holdouts import log_holdout
from .sweeps import Result

log = logging.getLogger("tenure")


def run(settings: BacktestJobSettings, config: str) -> Result:
    """Backtest and report; return the exit code and what a sweep compares: means over the origins."""
    transactions = read(settings.transactions, end=settings.rfm.end)
    last = date.fromisoformat(settings.rfm.end) if settings.rfm.end else transactions.last_day
    origins = rolling_origins(settings.origins, transactions.first_day, last)
    log.info("%s origins, %s to %s", len(origins), origins[0], origins[-1])
    accounts = transactions.reconcile(last)
    console.print_reconciliation(accounts)
    identities = find_identities(transactions, last, settings.transactions.normalize_ids)
    console.print_identities(identities)
    uri = registry.connect(settings.registry)
    with registry.open_run(settings.registry, "backtest", config) as opened:
        registry.log_settings(asdict(settings))
        registry.log_data(transactions, accounts, identities, "backtest")
        rolling = roll(transactions, origins, settings)
        registry.log_rolling(rolling)
    console.print_backtest(rolling, opened.info.run_id, settings.level, registry.ui_command(uri))
    own = rolling.forecasts[rolling.forecasts["forecast"] == "model"]
    means = own.groupby("outcome")[["bias", "crps"]].mean().to_dict("index")
    metrics = {f"{outcome}.{name}": value for outcome, row in means.items() for name, value in row.items()}
    return Result(name=opened.info.run_name, metrics=metrics)


def roll(transactions: Transactions, origins: list[Origin], settings: BacktestJobSettings) -> Rolling:
    """Go from origin to origin, the earliest first, so that each learns from those that were over by then."""
    window = AcquisitionWindow.of(settings.rfm, transactions)
    found: dict[Origin, Holdout] = {}
    for cutoff, at_cutoff in groupby(origins, key=lambda origin: origin.cutoff):
        for origin, parts, posterior in _fitted(transactions, window, cutoff, list(at_cutoff), settings):
            with registry.open_origin(str(origin)):
                registry.log_window(parts)
                found[origin] = _face(transactions, parts, window, posterior, found, origin, settings)
    return roll_up(found, settings.backtest.drift, level=settings.level, seed=settings.seed)


def _fitted(
    transactions: Transactions,
    window: AcquisitionWindow,
    cutoff: date,
    origins: list[Origin],
    settings: BacktestJobSettings,
) -> Iterator[tuple[Origin, Split, Posterior]]:
    """Fit once at a cut-off: the posterior knows no horizon."""
    posterior: Posterior | None = None
    for origin in origins:
        parts = split(transactions, origin.cutoff, origin.end, window)
        if posterior is None:
            start = time.perf_counter()
            seed = derive_seed(settings.seed, "tenure-backtest.fit", str(cutoff))
            fitted = fit(parts.calibration, settings.fit, seed=seed)
            posterior = fitted.posterior.thin(settings.fit.joint_draws)
            size, method = f"{len(parts.calibration.customers):,}", fitted.posterior.origin["method"]
            log.info("%s: %s customers fitted by %s in %.1f s", cutoff, size, method, time.perf_counter() - start)
        yield origin, parts, posterior


def _face(
    transactions: Transactions,
    parts: Split,
    window: AcquisitionWindow,
    posterior: Posterior,
    found: dict[Origin, Holdout],
    origin: Origin,
    settings: BacktestJobSettings,
) -> Holdout:
    start, failures = time.perf_counter(), Failures(parts.calibration.customers["customer_id"])
    past_errors = {
        name: [one.past_errors[name] for one in found.values() if name in one.past_errors] for name in OUTCOMES
    }
    holdout = log_holdout(
        transactions,
        parts,
        window,
        posterior,
        settings.backtest,
        past_errors=past_errors,
        level=settings.level,
        seed=derive_seed(settings.seed, "tenure-backtest.holdout", str(origin)),
        failures=failures,
    )
    registry.log_failures(failures.failures)
    log.info("%s: measured beside %s baselines in %.1f s", origin, len(holdout.baselines), time.perf_counter() - start)
    return holdout
