"""The console commands: Hydra composes the settings, the job runs, its outcome becomes an exit code.

Heavy libraries are imported when a job starts, so that a wrong setting is refused at once.
"""

import importlib.metadata
import logging
import shlex
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from tenure.errors import InputError
from tenure.text import shown

from .compose import shipped
from .ending import Ended, catch_signals, disk_fault

DONE, BROKEN, REFUSED = 0, 1, 2


def train() -> None:
    """Run `tenure-train`."""
    _run("train", _train)


def score() -> None:
    """Run `tenure-score`."""
    _run("score", _score)


def backtest() -> None:
    """Run `tenure-backtest`."""
    _run("backtest", _backtest)


def simulate() -> None:
    """Run `tenure-simulate`."""
    _run("simulate", _simulate)


def promote() -> None:
    """Run `tenure-promote`."""
    _run("promote", _promote)


def report() -> None:
    """Run `tenure-report`."""
    _run("report", _report)


def _train(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import training

    return training.run(settings, config, is_sweep=is_sweep)


def _score(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import scoring

    return scoring.run(settings, config)


def _simulate(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import simulating

    return simulating.run(settings)


def _promote(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import promoting

    return promoting.run(settings, config)


def _backtest(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import backtesting

    backtesting.run(settings, config)
    return DONE


def _report(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import reporting

    return reporting.run(settings)


def _run(name: str, job: Callable[..., int]) -> None:
    """Compose, run and exit. Hydra ends with 1 whatever went wrong; here 1 is left to our own mistakes."""
    if "--version" in sys.argv[1:]:
        print(f"tenure {importlib.metadata.version('tenure')}")
        return
    codes: list[int] = []
    ended = catch_signals()

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=shipped("conf"), config_name=name
    )
    def main(config: DictConfig) -> None:
        codes.append(_attempt(job, config, ended))

    try:
        main()
    except KeyboardInterrupt:
        _exit(ended)  # before any job began
    except SystemExit as end:
        # Hydra refused the settings before any job began.
        sys.exit(REFUSED if end.code == 1 and not codes else end.code)
    sys.exit(worst(codes))


def worst(codes: Sequence[int]) -> int:
    """Give a sweep's exit code, the worst of its runs': our own mistake, then a wrong input, then a verdict.

    >>> worst([0, 3, 1, 2]), worst([0, 3]), worst([0, 0])
    (1, 3, 0)
    """
    return min((code for code in codes if code != DONE), default=DONE)


def _attempt(job: Callable[..., int], config: DictConfig, ended: Ended) -> int:
    warnings.formatwarning = lambda message, *_, **__: f"warning: {shown(str(message))}"
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", "fetch_record_batch", DeprecationWarning)  # Ibis asks DuckDB by its older name
    is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        settings = OmegaConf.to_object(config)
        told = textwrap.indent(_command(), "# ", lambda _: True) + "\n" + OmegaConf.to_yaml(config, resolve=True)
        return job(settings, told, is_sweep=is_sweep)
    except InputError as error:
        print(f"error: {shown(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        _exit(ended)  # the other runs of a sweep are not begun
    except Exception as error:
        if ended.signal is not None:  # a library put its own error in the place of ours
            _exit(ended)
        return _in_words(error)


def _in_words(error: Exception) -> int:
    """Print what an exception says of the disk or the store and return its exit code; else print its traceback."""
    from tenure import registry  # a job that raised one of its errors has imported it already

    if (fault := disk_fault(error)) is not None:
        print(f"error: {shown(fault)}", file=sys.stderr)
        return REFUSED
    words = registry.in_words(error)
    if words is None:
        print(shown("".join(traceback.format_exception(error))), file=sys.stderr)
        print("internal error: please report it, with the lines above", file=sys.stderr)
        return BROKEN
    print(f"error: {shown(str(words))}", file=sys.stderr)
    return words.exit_code


def _exit(ended: Ended) -> NoReturn:
    print(f"{ended.word}: a run that was open is marked KILLED, and nothing is registered by it", file=sys.stderr)
    sys.exit(ended.exit_code)


def _command() -> str:
    """Write the command as a shell takes it; of a sweep, that of the present run alone."""
    asked = HydraConfig.get()
    alone = ["hydra.mode=RUN"] if asked.sweeper.params else []  # an experiment that is a sweep would ask for all of it
    return shlex.join([f"tenure-{asked.job.config_name}", *asked.overrides.task, *alone])
