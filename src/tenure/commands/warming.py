"""`tenure warm`: compile ahead what the first fit and scoring would compile."""

import logging
import sys
import time
from collections.abc import Sequence

import numpy as np

from tenure.decide.survival import Survival
from tenure.errors import InputError
from tenure.fit import check_fit, fit_models
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.purchase import MODELS
from tenure.rfm import CompressedSummary, summarize
from tenure.scorer import Scorer
from tenure.summary import CustomerSummary
from tenure.text import LogFormatter
from tenure.transactions import read

QUICK = ("fit.method=laplace", "fit.draws=200", "fit.joint_draws=200")
CUSTOMERS = 50
log = logging.getLogger("tenure")


class WarmError(InputError):
    """Models that do not exist."""


def warm(models: Sequence[str] = ()) -> None:
    """Compile the fit and the scorer of some purchase models, or of all; what is on disk already is not compiled."""
    if unknown := [name for name in models if name not in MODELS]:
        raise WarmError(f"there is no purchase model {unknown[0]!r}. The models are: {', '.join(MODELS)}")
    _log_to_stderr()
    # Models of one folder share their functions.
    folders = {MODELS[name].folder: name for name in reversed(list(models or MODELS))}
    for name in reversed(folders.values()):
        start = time.perf_counter()
        compile_model(name)
        log.info("%s is compiled: %.0f s", name, time.perf_counter() - start)


def compile_model(name: str) -> None:
    """Fit, check and score with a purchase model, each in every way that has machine code of its own."""
    settings = compose_settings("train", [f"fit.purchase_model={name}", *QUICK])
    customers = summarize(read(settings.transactions))
    base = CompressedSummary.of(customers)
    fitted = fit_models(base, settings.fit, seed=0)
    check_fit(fitted, base, seed=0)
    _score(fitted.posterior, customers)


def _score(posterior: Posterior, customers: CustomerSummary) -> None:
    scorer = Scorer(posterior)
    # With the columns that the spend model needs, and without, which another model scores.
    for few in (customers.take(np.arange(CUSTOMERS)), CustomerSummary.from_frame(customers.table.head(CUSTOMERS))):
        scorer.score(few, by_month=True)
        scorer.expect(few)
        scorer.residual(few)
        scorer.simulate(few)
    scorer.expected_new_customer(np.array([30.0]))
    Survival(posterior).new_customer(np.array([30.0]))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    handler.addFilter(lambda record: record.levelno == logging.INFO)  # no warnings about the sample
    log.addHandler(handler)
    log.setLevel(logging.INFO)
