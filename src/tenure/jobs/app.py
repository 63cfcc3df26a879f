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

from tenure.errors import InputError, Reason
from tenure.settings import shipped
from tenure.text import shown

from .compose import read_arguments, refusal
from .ending import CLOSED, Ended, catch_signals, disk_fault, end_with_reader, memory_fault, missing_package
from .keys import FaultError
from .overrides import Reading
from .result_file import KEY, SUFFIX, ResultFile
from .sweeps import Result, Run, print_heading, print_table

DONE, BROKEN, REFUSED = 0, 1, 2
type Job = Callable[..., Result]


def train() -> None:
    """Run `tenure-train`."""
    _run("train", _train)


def score() -> None:
    """Run `tenure-score`."""
    _run("score", _score)


def decide() -> None:
    """Run `tenure-decide`."""
    _run("decide", _decide)


def campaign() -> None:
    """Run `tenure-campaign`."""
    _run("campaign", _campaign)


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


def _score(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import scoring

    return scoring.run(settings, config)


def _decide(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import deciding

    return deciding.run(settings, config)


def _campaign(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import campaigning

    return campaigning.run(settings, config)


def _simulate(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import simulating

    return simulating.run(settings)


def _promote(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import promoting

    return promoting.run(settings, config)


def _backtest(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import backtesting

    return backtesting.run(settings, config)


def _report(settings: Any, config: str, *, is_sweep: bool) -> Result:
    from . import reporting

    return reporting.run(settings)


def _run(name: str, job: Job) -> None:
    """Compose, run and exit. Hydra exits with 1 after any error; here 1 means an internal error."""
    end_with_reader()
    file, ended = ResultFile(name, sys.argv[1:]), catch_signals()
    try:
        code = _run_all(name, job, file, ended)
    except KeyboardInterrupt:
        code = _end(file, ended)  # before the first job or after the last one
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else DONE
        if code == CLOSED:
            file.keep("the reader of the output closed it", Reason.OUTPUT_CLOSED)
    sys.exit(file.finish(code))


def _run_all(name: str, job: Job, file: ResultFile, ended: Ended) -> int:
    """Read the command line, run the job once or, in a sweep, once per set of overrides, and return the exit code."""
    runs: list[Run] = []
    reading = _read(name, file)

    @hydra.main(  # type: ignore[untyped-decorator]
        version_base="1.3", config_path=shipped("conf"), config_name=name
    )
    def main(config: DictConfig) -> None:
        runs.append(_attempt(job, config, ended, reading, file))

    try:
        main()
    except SystemExit as end:
        # Hydra refused the settings before any job began.
        sys.exit(REFUSED if end.code == 1 and not runs else end.code)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:  # no job lets one through
        _refuse(refusal(error, name), file)
    finally:
        if len(runs) > 1:
            print_table(runs)
        sys.stdout.flush()  # not when Python ends, where a closed pipe is an error
    return worst([run.result.exit_code for run in runs])


def _read(name: str, file: ResultFile) -> Reading:
    """Read the command line; exit with code 2 where something is wrong with it, else return what Hydra gets."""
    try:
        reading = read_arguments(name, sys.argv[1:])
    except FaultError as faults:
        _refuse(str(faults), file)
    except YAMLError as error:  # in a folder of the user's own
        _refuse(refusal(error, name), file)
    sys.argv[1:] = reading.arguments
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors, which are rephrased here
    return reading


def _refuse(faults: str, file: ResultFile) -> NoReturn:
    for fault in faults.splitlines():
        file.refuse(fault, Reason.BAD_SETTING)
    sys.exit(REFUSED)


def worst(codes: Sequence[int]) -> int:
    """Return a sweep's exit code, the worst of its runs': an internal error, then a wrong input, then a verdict.

    >>> worst([0, 3, 1, 2]), worst([0, 3]), worst([0, 0])
    (1, 3, 0)
    """
    return min((code for code in codes if code != DONE), default=DONE)


def _attempt(job: Job, config: DictConfig, ended: Ended, reading: Reading, file: ResultFile) -> Run:
    """Run one job, announced if it is one of a sweep, and return its result whatever happens."""
    hydra_config = HydraConfig.get()
    is_sweep = hydra_config.mode == RunMode.MULTIRUN
    number = hydra_config.job.num if is_sweep else 0
    overrides = list(hydra_config.overrides.task)
    if is_sweep:
        print_heading(number, overrides)
    code = DONE
    try:
        file.result = _result(job, config, ended, reading, file, is_sweep=is_sweep)
        code = file.result.exit_code
    except SystemExit as end:
        code = int(end.code or DONE)
        raise
    finally:
        if is_sweep:
            file.write_run(number, code, overrides)
    return Run(number, overrides, file.result)


def _result(
    job: Job, config: DictConfig, ended: Ended, reading: Reading, file: ResultFile, *, is_sweep: bool
) -> Result:
    warnings.formatwarning = lambda message, *_, **__: f"warning: {shown(str(message))}"
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", "fetch_record_batch", DeprecationWarning)  # Ibis calls DuckDB by the older name
    try:
        file.begin(_path(config))
        settings, resolved = _resolved(config)
        header = textwrap.indent(_command(reading), "# ", lambda _: True)
        return job(settings, f"{header}\n{resolved}", is_sweep=is_sweep)
    except InputError as error:
        file.refuse(str(error), error.reason)
        return Result(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_end(file, ended))  # the other runs of a sweep are not begun
    except Exception as error:
        if ended.signal is not None:  # a library replaced the interruption by an error of its own
            sys.exit(_end(file, ended))
        return Result(_in_words(error, file))


def _path(config: DictConfig) -> str | None:
    """Return the path of the result, before other settings are checked."""
    path = OmegaConf.select(config, KEY, throw_on_resolution_failure=False)
    return path if path is None or str(path).endswith(SUFFIX) else None


def _resolved(config: DictConfig) -> tuple[Any, str]:
    """Return the settings as objects and as YAML; refuse a reference to a setting that does not exist."""
    try:
        return OmegaConf.to_object(config), OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException as error:
        raise FaultError(refusal(error, str(HydraConfig.get().job.config_name))) from error


def _in_words(error: Exception, file: ResultFile) -> int:
    """Print an error of the disk or the store in one line, any other with its traceback; return the exit code."""
    from tenure import registry  # a job that raised one of its errors has imported it already

    if (fault := disk_fault(error)) is not None:
        file.refuse(str(fault), fault.reason)
        return REFUSED
    if (full := memory_fault(error)) is not None:
        file.refuse(full, Reason.BAD_LOG)
        return REFUSED
    if (lacking := missing_package(error)) is not None:
        file.refuse(lacking, Reason.PACKAGE_MISSING)
        return REFUSED
    words = registry.in_words(error)
    if words is None:
        print(shown("".join(traceback.format_exception(error))), file=sys.stderr)
        print("internal error: please report it, with the lines above", file=sys.stderr)
        file.keep(f"internal error: {type(error).__name__}: {shown(str(error))}", Reason.INTERNAL)
        return BROKEN
    file.refuse(str(words), words.reason)
    return words.exit_code


def _end(file: ResultFile, ended: Ended) -> int:
    """Print that the command was ended from outside; return the exit code."""
    message = f"{ended.reason}: a run that was open is marked KILLED, and nothing is registered by it"
    print(message, file=sys.stderr)
    file.keep(message, ended.reason)
    return ended.exit_code


def _command(reading: Reading) -> str:
    """Return the command as a shell takes it; of a sweep, that of the present run alone."""
    hydra_config = HydraConfig.get()
    # Without it, an experiment that is a sweep would run all of it.
    alone = ["hydra.mode=RUN"] if hydra_config.sweeper.params else []
    typed = reading.as_typed(hydra_config.overrides.task)
    return shlex.join([f"tenure-{hydra_config.job.config_name}", *typed, *alone])
