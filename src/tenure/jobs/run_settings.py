"""Read the settings of an earlier `tenure-train` run."""

import logging
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tenure.errors import InputError
from tenure.settings import FitSettings, TrainSettings
from tenure.settings.hints import fields_of, plain

from .compose import schema

log = logging.getLogger("tenure")


class RecipeError(InputError):
    """Settings of an earlier version of Tenure that this one cannot use."""


def read_recipe(text: str) -> TrainSettings:
    """Read the settings that a training run logged, as YAML.

    A setting that the run does not have takes its shipped default, and the log names it. A setting that does not exist
    any more, or has a value that is not allowed, is refused.
    """
    return cast(TrainSettings, _read(TrainSettings, OmegaConf.create(text), ""))


def read_fit(text: str) -> FitSettings:
    """Read the fit settings of a training run by the same rules, whatever its other settings are."""
    logged = OmegaConf.select(OmegaConf.create(text), "fit")
    if not OmegaConf.is_dict(logged):
        raise RecipeError("The run's settings name no fit: nothing can be fitted again by them.")
    return cast(FitSettings, _read(FitSettings, logged, "fit."))


def _read(kind: type, logged: Any, prefix: str) -> object:
    _refuse_interpolations(logged)
    try:
        merged = OmegaConf.merge(schema(kind, prefix), logged)
        later = sorted(_missing(kind, logged))
        if later:
            log.warning("the run has no %s: they take their defaults", ", ".join(prefix + key for key in later))
            defaults = OmegaConf.structured(kind)
            for key in later:
                OmegaConf.update(merged, key, OmegaConf.select(defaults, key))
        return cast(object, OmegaConf.to_object(merged))
    except (OmegaConfBaseException, ValueError) as error:
        raise RecipeError(f"This version of Tenure cannot use the settings of the run: {error}") from error


def _missing(kind: type, logged: Any, start: str = "") -> Iterator[str]:
    """Yield the keys of a settings class that logged settings lack."""
    for name, hint in fields_of(kind).items():
        inner = plain(hint)[0]
        if name not in logged:
            yield start + name
        elif is_dataclass(inner) and OmegaConf.is_dict(logged[name]):
            yield from _missing(cast(type, inner), logged[name], f"{start}{name}.")


def _refuse_interpolations(logged: Any) -> None:
    """Raise RecipeError for `${...}` in a run's settings: they were logged resolved, and it would read this machine."""
    references = [text for text in _texts(OmegaConf.to_container(logged, resolve=False)) if "${" in text]
    if references:
        raise RecipeError(f"The run's settings contain an interpolation, which is not resolved: {references[0]!r}.")


def _texts(value: Any) -> Iterator[str]:
    """Yield every text within nested settings."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
