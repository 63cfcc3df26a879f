"""Read back what an earlier `tenure-train` was told."""

import logging
from collections.abc import Iterator
from typing import Any, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tenure.errors import InputError
from tenure.settings import FitSettings, TrainSettings

from .compose import compose_settings

log = logging.getLogger("tenure")


class RecipeError(InputError):
    """Settings of an earlier version of Tenure that this one cannot follow."""


def read_recipe(text: str) -> TrainSettings:
    """Read the settings that a training run logged, as YAML.

    What came only after that run takes its shipped default, and is named in the log. What is not known any more, or
    not allowed, is refused: half a recipe is another recipe.
    """
    return cast(TrainSettings, _read(TrainSettings, OmegaConf.create(text), ""))


def read_fit(text: str) -> FitSettings:
    """Read how a training run fitted, by the same rules, whatever it was told of other things."""
    return cast(FitSettings, _read(FitSettings, OmegaConf.select(OmegaConf.create(text), "fit"), "fit."))


def _read(schema: type, logged: Any, prefix: str) -> object:
    _refuse_interpolations(logged)
    try:
        told = OmegaConf.merge(OmegaConf.structured(schema), logged)
        later = sorted(OmegaConf.missing_keys(told))
        if later:
            log.warning(
                "the recipe is older than %s: they take their defaults", ", ".join(prefix + key for key in later)
            )
            shipped = OmegaConf.structured(compose_settings("train"))
            for key in later:
                OmegaConf.update(told, key, OmegaConf.select(shipped, prefix + key))
        return cast(object, OmegaConf.to_object(told))
    except (OmegaConfBaseException, ValueError) as error:
        raise RecipeError(f"This version of Tenure cannot follow the recipe: {error}") from error


def _refuse_interpolations(logged: Any) -> None:
    """Refuse `${...}` in a run's settings: it was resolved when they were logged, and would now read this machine."""
    followed = [text for text in _texts(OmegaConf.to_container(logged, resolve=False)) if "${" in text]
    if followed:
        raise RecipeError(f"The recipe holds an interpolation, which is not followed: {followed[0]!r}.")


def _texts(value: Any) -> Iterator[str]:
    """Yield every text within nested settings."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
