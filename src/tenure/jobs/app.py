"""The console commands: Hydra composes the settings, the job runs, its result becomes an exit code.

Heavy libraries are imported when a job starts, so that a wrong setting is refused at once.
"""

import logging
import os
import shlex
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from tenure.errors import InputError
from tenure.settings import shipped
from tenure.text import shown

from .compose import read_arguments, refusal
from .ending import Ended, catch_signals, disk_fault, end_with_reader
from .keys import FaultError
from .overrides import Reading
from .sweeps import Result, Run, print_heading, print_table

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


def _train(settings: Any, config: str, *, is_sweep: bool) -> Result:
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


def _backtest(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import backtesting

    return backtesting.run(settings, config)


def _report(settings: Any, config: str, *, is_sweep: bool) -> int:
    from . import reporting

    return reporting.run(settings)


def _run(name: str, job: Callable[..., int | Result]) -> None:
    """Compose, run and exit. Hydra exits with 1 after any error; here 1 means an internal error."""
    end_with_reader()
    ended = catch_signals()
    try:
        sys.exit(_run_all(name, job, ended))
    except KeyboardInterrupt:
        _exit(ended)  # before the first job or after the last one


def _run_all(name: str, job: Callable[..., int | Result], ended: Ended) -> int:
    """Read the command line, run the job once or, in a sweep, once per set of overrides, and return the exit code."""
    runs: list[Run] = []
    reading = _read(name)

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=shipped("conf"), config_name=name
    )
    def main(config: DictConfig) -> None:
        runs.append(_attempt(job, config, ended, reading))

    try:
        main()
    except SystemExit as end:
        # Hydra refused the settings before any job began.
        sys.exit(REFUSED if end.code == 1 and not runs else end.code)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:  # no job lets one through
        _refuse(refusal(error, name))
    finally:
        if len(runs) > 1:
            print_table(runs)
        sys.stdout.flush()  # not when Python ends, where a closed pipe is an error
    return worst([run.result.exit_code for run in runs])


def _read(name: str) -> Reading:
    """Read the command line; exit with code 2 where something is wrong with it, else return what Hydra gets."""
    try:
        reading = read_arguments(name, sys.argv[1:])
    except FaultError as faults:
        _refuse(str(faults))
    except YAMLError as error:  # in a folder of the user's own
        _refuse(refusal(error, name))
    sys.argv[1:] = reading.arguments
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors, which are rephrased here
    return reading


def _refuse(faults: str) -> NoReturn:
    for fault in faults.splitlines():
        print(f"error: {shown(fault)}", file=sys.stderr)
    sys.exit(REFUSED)


def worst(codes: Sequence[int]) -> int:
    """Return a sweep's exit code, the worst of its runs': an internal error, then a wrong input, then a verdict.

    >>> worst([0, 3, 1, 2]), worst([0, 3]), worst([0, 0])
    (1, 3, 0)
    """
    return min((code for code in codes if code != DONE), default=DONE)


def _attempt(job: Callable[..., int | Result], config: DictConfig, ended: Ended, reading: Reading) -> Run:
    """Run one job, announced if it is one of a sweep, and return its result whatever happens."""
    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode == RunMode.MULTIRUN
    number = hydra_config.job.num if is_sweep else 0
    overrides = list(hydra_config.overrides.task)
    if is_sweep:
        print_heading(number, overrides)
    result = _result(job, config, ended, reading, is_sweep=is_sweep)
    return Run(number, overrides, result if isinstance(result, Result) else Result(result))


def _result(
    job: Callable[..., int | Result], config: DictConfig, ended: Ended, reading: Reading, *, is_sweep: bool
) -> int | Result:
    warnings.formatwarning = lambda message, *_, **__: f"warning: {shown(str(message))}"
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", "fetch_record_batch", DeprecationWarning)  # Ibis calls DuckDB by the older name
    try:
        settings, resolved = _resolved(config)
        header = textwrap.indent(_command(reading), "# ", lambda _: True)
        return job(settings, f"{header}\n{resolved}", is_sweep=is_sweep)
    except InputError as error:
        print(f"error: {shown(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        _exit(ended)  # the other runs of a sweep are not begun
    except Exception as error:
        if ended.signal is not None:  # a library replaced the interruption by an error of its own
            _exit(ended)
        return _in_words(error)


def _resolved(config: DictConfig) -> tuple[Any, str]:
    """Return the settings as objects and as YAML; refuse a reference to a setting that does not exist."""
    try:
        return OmegaConf.to_object(config), OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException as error:
        raise FaultError(refusal(error, str(HydraConfig.get().job.config_name))) from error


def _in_words(error: Exception) -> int:
    """Print an error of the disk or the store in one line, any other with its traceback; return the exit code."""
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


def _command(reading: Reading) -> str:
    """Return the command as a shell takes it; of a sweep, that of the present run alone."""
    hydra_config = HydraConfig.get()
    # Without it, an experiment that is a sweep would run all of it.
    alone = ["hydra.mode=RUN"] if hydra_config.sweeper.params else []
    typed = reading.as_typed(hydra_config.overrides.task)
    return shlex.join([f"tenure-{hydra_config.job.config_name}", *typed, *alone])
