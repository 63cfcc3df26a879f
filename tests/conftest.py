"""Small populations and customers that several test files share.

Numba keeps compiled functions beside their module and looks at that module's own file alone: after a change in
`purchase/periods.py` the compiled `scorer/kernel.py` would still hold the old simulation. Tests therefore keep
their compiled functions in a folder named after all the sources.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import stores
import warm_up
from servers import mlflow_server

if TYPE_CHECKING:
    from tenure import registry

ROOT = Path(__file__).parent.parent
LONG = (
    "test_train_run", "test_backtest_rolling", "test_decide", "test_store", "test_compare", "test_past_errors",
    "test_promote_command", "test_notebooks", "test_score_command", "test_report_command", "test_sweeps", "test_docs",
)  # fmt: skip


def _digest_of_compiled_sources() -> str:
    texts = [path.read_bytes() for path in sorted((ROOT / "src" / "tenure").rglob("*.py"))]
    return hashlib.blake2b(b"".join(text for text in texts if b"njit" in text), digest_size=8).hexdigest()


os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".pytest_cache" / "numba" / _digest_of_compiled_sources()))
os.environ.setdefault("TENURE_STRICT", "1")  # what a run would go on without is raised

from job_runs import MARK, QUICK, Ran, command, in_process, once  # noqa: E402

from tenure.fit import Fit, fit_models  # noqa: E402 (Numba reads the folder's name when it is imported)
from tenure.posterior import Posterior  # noqa: E402
from tenure.rfm import Split, split_log  # noqa: E402
from tenure.settings import FitSettings, TrainSettings  # noqa: E402
from tenure.summary import CustomerSummary  # noqa: E402
from tenure.transactions import read  # noqa: E402


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before several workers start, where all tests were asked for: a file alone compiles what it needs."""
    config = session.config
    workers = config.getoption("numprocesses", None) or 0  # none in a worker
    if workers > 1 and config.args_source is config.ArgsSource.TESTPATHS and not config.option.collectonly:
        warm_up.compile_all(Path(os.environ["NUMBA_CACHE_DIR"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first: a worker that takes one last works alone.

    Before those that need the shared training come some that do not, for the worker that does not train.
    """
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a fresh store by MLflow itself."""
    with mlflow_server(tmp_path) as uri:
        yield uri


@pytest.fixture(scope="session")
def empty_store() -> Path:
    """Return a store without runs."""
    return stores.empty_store()


@pytest.fixture
def logged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posterior: Posterior) -> Iterator[str]:
    """Log a training run with a posterior in a store of its own, in the working folder; return the model's address."""
    import mlflow  # here: a second that tests without a store do not need

    from tenure import registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    registry.use(stores.put_store(tmp_path))
    mlflow.set_experiment("tenure")
    with mlflow.start_run() as run:
        mlflow.set_tags({"job": "train", "verdict": "PASS"})
        first_orders = {"mean": 30.0, "sd": 25.0, "customers": 2000}
        origin = {"observed_days": 200, "first_orders": first_orders}
        Posterior(posterior.draws, "bg_nbd", "gamma_gamma", origin).save(tmp_path / "calibration.npz")
        mlflow.log_artifact(str(tmp_path / "calibration.npz"), "posterior")
    yield f"runs:/{run.info.run_id}"
    registry.use(before)


@pytest.fixture(scope="session")
def posterior() -> Posterior:
    """Make up 2 x 100 draws around CDNOW's estimates, in days: a straddles 1, as it does there."""
    rng = np.random.default_rng(20)

    def around(centre: float, spread: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(centre * np.exp(spread * rng.standard_normal((2, 100))))

    draws = {"r": around(0.243, 0.05), "alpha": around(30.9, 0.08), "a": around(0.85, 0.25), "b": around(2.5, 0.3)}
    draws |= {"p": around(6.25, 0.2), "q": 1.0 + around(2.74, 0.1), "v": around(15.44, 0.2)}
    return Posterior(draws, "bg_nbd", "gamma_gamma", {"method": "made up"})


@pytest.fixture(scope="session")
def summaries() -> pd.DataFrame:
    """Make up 700 valid customers: more than one chunk of the scorer, many without a repeat purchase."""
    rng = np.random.default_rng(21)
    T = rng.integers(1, 600, 700)
    frequency = np.minimum(rng.geometric(0.4, 700) - 1, T)
    recency = np.where(frequency > 0, np.maximum(frequency, np.ceil(rng.random(700) * T)), 0).astype(np.int64)
    spend = np.where(frequency > 0, np.round(rng.gamma(4.0, 9.0, 700) + 0.01, 2), 0.0)
    ids = [f"c{number}" for number in rng.permutation(700)]
    columns = {"customer_id": ids, "frequency": frequency, "recency": recency, "T": T, "monetary_value": spend}
    return pd.DataFrame(columns)


@pytest.fixture(scope="session")
def cdnow_split() -> Split:
    """Split the CDNOW sample as its literature does: 39 weeks and 39 weeks."""
    return split_log(read(TrainSettings().transactions), date(1997, 9, 30), date(1998, 6, 30))


@pytest.fixture(scope="session")
def fit_settings() -> FitSettings:
    """Fit the published models, whose parameters the literature has, with half the draws."""
    settings = TrainSettings().fit
    return replace(settings, spend_model="gamma_gamma", draws=500, joint_draws=500)


@pytest.fixture(scope="session")
def calibration(cdnow_split: Split) -> CustomerSummary:
    """Summarise the CDNOW sample's first 39 weeks."""
    return cdnow_split.calibration


@pytest.fixture(scope="session")
def fitted(calibration: CustomerSummary, fit_settings: FitSettings) -> Fit:
    """Fit the CDNOW sample by nuts, the reference."""
    return fit_models(calibration, fit_settings, seed=4)


def _marked_log(folder: Path) -> str:
    """Write the sample with its ids marked, beside a folder, and return the setting that reads it."""
    path = folder.with_name(f"{folder.name}_log.csv")
    if not path.exists():
        log = pd.read_csv(ROOT / "data" / "cdnow_sample.csv")
        log["customer_id"] = MARK + log["customer_id"].astype("str")
        log.to_csv(path, index=False)
    return f"transactions.path={path}"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Train on the sample, its ids marked, from another folder than the checkout; once for all workers."""
    return once(
        tmp_path_factory, "trained", lambda folder: command("train", _marked_log(folder), *QUICK, folder=folder)
    )


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory, trained: Ran) -> Ran:
    """Train what the review fails, in the store of what it does not; once for all workers."""
    checks = [f"review.checks.customers.{limit}=[3000,null]" for limit in ("review", "fail")]
    arguments = [_marked_log(trained.folder), "fit.method=map", *checks, *QUICK]
    return once(tmp_path_factory, "failed", lambda _: in_process("train", *arguments, folder=trained.folder))


@pytest.fixture(scope="session")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Backtest the sample at five cut-offs, six weeks apart; once for all workers."""
    arguments = (
        "origins.horizons_days=[42]", "origins.step_days=42", "origins.least_calibration_days=330",
        "backtest.baselines.names=[zero,own_rate]", *QUICK,
    )  # fmt: skip
    return once(tmp_path_factory, "rolled", lambda folder: command("backtest", *arguments, folder=folder))


@pytest.fixture
def evidence(trained: Ran) -> "registry.Evidence":
    """Read the training anew for each test: others point MLflow at stores of their own."""
    from tenure import registry

    assert trained.code == 0, trained.err
    registry.use(trained.store)
    return registry.evidence("models:/clv@challenger")
