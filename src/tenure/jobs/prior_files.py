"""Priors in a YAML file of the user's own, as an option of Hydra's group."""

from typing import Any

from hydra.core.config_store import ConfigStore

from tenure.settings import SettingsError
from tenure.settings.fit import DEFAULT_PRIORS
from tenure.settings.named import read_named

from .keys import FaultError, checked

PRIORS = "fit/priors"
_OPTION = "own"


def store_priors(path: str, hint: Any) -> str:
    """Store priors of a file, which change the default ones, as an option; return the argument that takes it.

    An option replaces the priors as a whole: merged into others, a prior would keep the parameters of its distribution.

    Args:
        path: of the file.
        hint: the type of the setting `fit.priors`.

    Raises FaultError for a file that cannot be read or holds something else.
    """
    try:
        own, priors = read_named(PRIORS, path), read_named(PRIORS, DEFAULT_PRIORS)
    except SettingsError as error:
        raise FaultError(str(error).rstrip(".")) from error
    for model, quantities in checked(own, hint, PRIORS.replace("/", ".")).items():
        for name, prior in quantities.items():
            priors[model][name] |= prior
    ConfigStore.instance().store(_OPTION, priors, group=PRIORS)
    return f"{PRIORS}={_OPTION}"
