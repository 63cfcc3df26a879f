"""Compose settings by Hydra, inside a command and outside of one: the YAML files and the types that they fill."""

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf, ValidationError, open_dict
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)
from yaml import MarkedYAMLError  # type: ignore[import-untyped]

from tenure import invocation
from tenure.settings import COMMANDS, shipped
from tenure.settings.hints import described

from .groups import Command
from .keys import FaultError, find, unknown
from .overrides import Reading, read

# Tables that a named alternative replaces: merged into the default one, a prior would keep its parameters.
NAMED = ("fit.priors", "review")


def schema(kind: type, start: str = "") -> DictConfig:
    """Return the types and defaults of a settings class; the tables of `NAMED` have no value.

    Args:
        kind: the class.
        start: of the keys, where the class is part of another.
    """
    node: DictConfig = OmegaConf.structured(kind)
    for key in NAMED:
        if key.startswith(start) and OmegaConf.select(node, key.removeprefix(start)) is not None:
            OmegaConf.update(node, key.removeprefix(start), "???")
    return node


for command, kind in COMMANDS.items():
    ConfigStore.instance().store(f"{command}_settings", node=schema(kind))


def read_arguments(name: str, arguments: Sequence[str]) -> Reading:
    """Read the arguments that a user typed after a command's name; raise FaultError for those that are wrong.

    The arguments of the reading are those that Hydra gets, its own options among them.
    """
    options = _parser(name).parse_intermixed_args(list(arguments))
    if not options.overrides or options.config_name or options.config_path or options.experimental_rerun:
        return Reading(list(arguments))
    folders = (*([Path(options.config_dir)] if options.config_dir else []), Path(shipped("conf")))
    command = Command(name, COMMANDS, folders)
    is_sweep = options.multirun or _is_sweep(command, options.overrides)
    reading = read(options.overrides, replace(command, is_sweep=is_sweep))
    if reading.faults:
        raise FaultError("\n".join(reading.faults))
    settings = set(options.overrides)
    reading.arguments += [argument for argument in arguments if argument not in settings]
    return reading


def _parser(name: str) -> argparse.ArgumentParser:
    """Return Hydra's parser of options, whose errors are those of this module."""
    parser: argparse.ArgumentParser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise FaultError(f"{message}. A setting is key=value; {invocation.command(name, '--help')} explains both")

    parser.error = refuse  # type: ignore[method-assign]
    return parser


def _is_sweep(command: Command, arguments: Sequence[str]) -> bool:
    """Return whether a command runs several times without `-m`: by an experiment, or by `hydra.mode`."""
    modes = [argument.partition("=")[2] for argument in arguments if argument.lstrip("+").startswith("hydra.mode=")]
    chosen = [argument.partition("=")[2] for argument in arguments if argument.lstrip("+").startswith("experiment=")]
    files = [command.read(f"experiment/{name}.yaml") for name in chosen]
    modes = [str((content.get("hydra") or {}).get("mode", "")) for content in files] + modes
    return bool(modes) and modes[-1] == "MULTIRUN"


def compose_settings(name: str, overrides: Sequence[str] = ()) -> Any:
    """Compose a command's settings (`train`, `score`, ...) outside of it, as scripts and tests need them."""
    arguments = read_arguments(name, overrides).arguments
    with _beside_a_running_command():
        with hydra.initialize_config_dir(shipped("conf"), version_base="1.3"):
            config = hydra.compose(name, arguments, return_hydra_config=True)
        HydraConfig.instance().set_config(config)  # which `${hydra:...}` reads
        with open_dict(config):
            del config["hydra"]
        return OmegaConf.to_object(config)


@contextmanager
def _beside_a_running_command() -> Iterator[None]:
    """Replace Hydra's global state, so that a running command can compose the settings of another; then restore it."""
    of_hydra, of_settings = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = of_hydra, of_settings


def refusal(error: Exception, name: str) -> str:
    """Return in one line why settings of files, or settings that refer to others, do not compose."""
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark) is not None:
        return f"{mark.name}, line {mark.line + 1}: {error.problem}"
    file = re.match("In '(.+?)':", str(error))
    where = f" (in {file[1]}.yaml)" if file else ""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OmegaConfBaseException) and cause.full_key):
        cause = cause.__cause__ or cause.__context__
    if not isinstance(cause, OmegaConfBaseException) or cause.full_key is None:
        missing = re.search("'(.+?)' not found", _first_line(error))
        if isinstance(error, InterpolationResolutionError) and missing:
            return f"a setting refers to {missing[1]}, which has no value"
        return f"the settings cannot be read: {_first_line(error)}"
    return _of_key(cause, str(cause.full_key), name) + where


def _of_key(cause: OmegaConfBaseException, key: str, name: str) -> str:
    """Return what is wrong at a key of the composed settings."""
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return unknown(key, name, COMMANDS, [])
    if isinstance(cause, MissingMandatoryValue):
        return f"{key} needs a value"
    quoted = re.search("'(.*?)'", _first_line(cause))
    value = quoted[1] if quoted else None
    if isinstance(cause, ValidationError):
        place = find(COMMANDS[name], key)
        return f"{key} takes {described(place.hint)}, got {value!r}" if place else f"{key} cannot be {value!r}"
    return f"{key} refers to {value}, which has no value" if value else f"{key} refers to a setting without a value"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
