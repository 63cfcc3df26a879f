"""Names of runs, which say in MLflow's list what a run is; and the settings that its page shows."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tenure.record import Record
from tenure.registry import flat_settings
from tenure.settings import (
    COMMANDS,
    BacktestJobSettings,
    CampaignJobSettings,
    DecideJobSettings,
    FitSettings,
    ScoreJobSettings,
    TrainSettings,
)

from .compose import shipped

OWN = "own"  # priors that are none of the named ones
SHARED = ("transactions.", "rfm.", "fit.", "fit/", "backtest.", "registry.", "seed=")  # keys of several jobs
OWN_RUN = ("registry.run_name=", "registry.tags", "backtest.drift.source_run=")
FOLDER = ("--config-dir", "-cd")  # of settings of the user's own, which the arguments may name
FREE = ("registry.", "review.", "transactions.engine.", "transactions.path")  # where and how, not what


def training_name(settings: TrainSettings, cutoff: date) -> str:
    """Return the name of a training, such as `train bg_nbd nuts weak to 1997-09-30`."""
    return f"train {_fit_name(settings.fit)} to {cutoff}"


def backtest_name(settings: BacktestJobSettings, cutoffs: int) -> str:
    """Return the name of a backtest, such as `backtest bg_nbd laplace weak at 4 cut-offs`."""
    return f"backtest {_fit_name(settings.fit)} at {cutoffs} cut-off{'' if cutoffs == 1 else 's'}"


def typed_command(config: str) -> list[str]:
    r"""Return the arguments of a command from the comment before its settings.

    >>> typed_command("# tenure-backtest fit.method=nuts 'transactions.path=a b.csv'\nseed: 0\n")
    ['fit.method=nuts', 'transactions.path=a b.csv']
    """
    lines = takewhile(lambda line: line.startswith("# "), config.splitlines())
    return shlex.split("\n".join(line.removeprefix("# ") for line in lines))[1:]


def shared_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a backtest that a training of the same log by the same recipe needs too.

    >>> shared_arguments(["fit.method=nuts", "level=0.8", "fit/priors=vague", "origins.step_days=30", "-cd", "my"])
    ['fit.method=nuts', 'fit/priors=vague', '-cd', 'my']
    """
    shared: list[str] = []
    for before, one in zip(["", *arguments], arguments, strict=False):
        key = one.lstrip("+~")
        is_shared = key.startswith(SHARED) and not key.startswith(OWN_RUN)
        if is_shared or one.startswith(FOLDER) or before in FOLDER:
            shared.append(one)
    return shared


def scoring_name(settings: ScoreJobSettings, model: str, as_of: str | None) -> str:
    """Return the name of a scoring, such as `score clv/3 365 days from 1998-06-30`."""
    start = "" if as_of is None else f" from {as_of}"
    return f"score {model.removeprefix('models:/')} {settings.score.horizon_days} days{start}"


def deciding_name(settings: DecideJobSettings, model: str, as_of: str) -> str:
    """Return the name of decisions, such as `decide clv/3 365 days from 1998-06-30`."""
    return f"decide {model.removeprefix('models:/')} {settings.score.horizon_days} days from {as_of}"


def campaign_name(settings: CampaignJobSettings, model: str, start: str, end: str) -> str:
    """Return the name of a campaign's results, such as `campaign clv/3 from 1998-03-01 to 1998-05-31`."""
    plan = "plan of " if settings.plan else ""
    return f"{plan}campaign {model.removeprefix('models:/')} from {start} to {end}"


def settings_record(settings: Any, job: str) -> Record:
    """Return all settings of a job as params; those that differ from the shipped ones are shown in MLflow."""
    params, defaults = flat_of(settings), flat_of(COMMANDS[job]())
    changed = {key for key, value in params.items() if defaults.get(key) != value and not key.startswith(FREE)}
    if isinstance(fit := getattr(settings, "fit", None), FitSettings):
        params["fit.priors"] = priors_name(fit)
        if params["fit.priors"] != OWN:  # the name says it all
            changed = {key for key in changed if not key.startswith("fit.priors.")}
    return Record(params=params, shown=frozenset(changed))


def flat_of(settings: Any) -> dict[str, str]:
    """Return all settings of a job, flat, with the name of the spend model that `auto` stands for."""
    if isinstance(fit := getattr(settings, "fit", None), FitSettings):
        settings = replace(settings, fit=fit.resolved())
    return flat_settings(asdict(settings))


def priors_name(settings: FitSettings) -> str:
    """Return the name of the priors of the fitted models in conf/fit/priors, or `own`."""
    priors = _numbers({model: asdict(settings)["priors"][model] for model in settings.models})
    for name, named in _named_priors():
        if {model: named.get(model) for model in settings.models} == priors:
            return name
    return OWN


def own_priors(settings: FitSettings) -> list[str]:
    """Return the models whose priors are in no file of conf/fit/priors."""
    named = [priors for _, priors in _named_priors()]
    of_models = _numbers(asdict(settings)["priors"])
    return [model for model, priors in of_models.items() if priors not in [one.get(model) for one in named]]


def _named_priors() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(Path(shipped("conf/fit/priors")).glob("*.yaml")):
        yield file.stem, _numbers(OmegaConf.to_container(OmegaConf.load(file)))


def _fit_name(settings: FitSettings) -> str:
    return f"{settings.purchase_model} {settings.method} {priors_name(settings)}"


def _numbers(tree: Any) -> Any:
    """Return a tree whose numbers are floats: 2 and 2.0 are the same prior."""
    if isinstance(tree, Mapping):
        return {key: _numbers(value) for key, value in tree.items()}
    return float(tree) if isinstance(tree, int | float) else tree
