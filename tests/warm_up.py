"""Compile the functions that the tests share, before several workers would each compile them.

Numba compiles a function on its first call, a minute in all, and keeps the result on disk, where every later process
finds it. Three processes compile side by side: the fit, the scorer, and the scorer's copy inside a registered model.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure.posterior import Posterior

PARTS = ("fit", "score", "register")
DONE = "warm"  # a file beside the compiled functions: all of them are there


def compile_all(cache: Path) -> None:
    """Compile every part, unless an earlier run has; print what fails, which the tests then compile or report."""
    if (cache / DONE).exists():
        return
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    commands = {part: [sys.executable, "-W", "ignore", __file__, part] for part in PARTS}
    started = {
        part: subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for part, command in commands.items()
    }
    errors = {part: process.communicate()[1] for part, process in started.items()}
    failed = [part for part, process in started.items() if process.returncode]
    for part in failed:
        print(f"warm-up: {part} failed\n{errors[part][-1000:]}", file=sys.stderr)
    if not failed:
        (cache / DONE).touch()


def _fit() -> None:
    """Fit and check each model of purchases on the sample."""
    from tenure.fit import check_fit, fit_models
    from tenure.jobs.compose import compose_settings
    from tenure.rfm import CompressedSummary, summarize
    from tenure.transactions import read

    quick = ["fit.method=laplace", "fit.draws=200", "fit.joint_draws=200"]
    for purchases in ("bg_nbd", "mbg_nbd"):
        settings = compose_settings("train", [f"fit.purchase_model={purchases}", *quick])
        base = CompressedSummary.of(summarize(read(settings.transactions)))
        check_fit(fit_models(base, settings.fit, seed=0), base, seed=0)


def _score() -> None:
    """Score customers in each of the ways that a scorer has."""
    from tenure.registry.models import EXAMPLE
    from tenure.scorer import Scorer

    scorer = Scorer(_posterior())
    scorer.score(EXAMPLE, by_month=True)
    scorer.expect(EXAMPLE)
    scorer.residual(EXAMPLE)
    scorer.simulate(EXAMPLE)


def _register() -> None:
    """Register a model in a store that is thrown away: its copy of the scorer scores an example."""
    import tempfile

    import mlflow

    from tenure import registry

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        registry.use(f"sqlite:///{folder}/mlflow.db")
        with mlflow.start_run() as run:
            registry.register(
                _posterior(), "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={}
            )


def _posterior() -> "Posterior":
    import numpy as np

    from tenure.posterior import Posterior

    rng = np.random.default_rng(0)
    middle = {"r": 0.24, "alpha": 31.0, "a": 0.9, "b": 2.5, "p": 6.2, "q": 3.7, "v": 15.4}
    return Posterior(
        {key: value * rng.gamma(400, 1 / 400, (2, 50)) for key, value in middle.items()}, "bg_nbd", "gamma_gamma", {}
    )


if __name__ == "__main__":
    {"fit": _fit, "score": _score, "register": _register}[sys.argv[1]]()
