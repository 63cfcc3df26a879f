"""The models that the priors of a user name: the fitted one must be among them."""

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from typing import Any

from tenure.settings import FitSettings, SettingsError, read_named
from tenure.settings.fit import AUTO
from tenure.settings.named import OWN
from tenure.spend import MODELS as SPEND_MODELS


def spend_models(settings: FitSettings) -> tuple[str, ...]:
    """Return the spend models that may be fitted, the first to a log, the last to a customer summary."""
    of_log = settings.models[1]
    of_summary = (settings.spend_model == AUTO and SPEND_MODELS[of_log].without_amounts) or of_log
    return tuple(dict.fromkeys((of_log, of_summary)))


def check_priors(priors: Any, purchase: Iterable[str], spend: Iterable[str]) -> None:
    """Raise SettingsError where priors of a user name purchase or spend models, and none of those that are fitted.

    Such priors would have no effect. Priors of several models are right: those of the others are for another fit.

    Args:
        priors: the word `priors`: a name, the path of a file, or a table.
        purchase: the purchase models that may be fitted.
        spend: the spend models that may be fitted.
    """
    named = _models_of(priors)
    for key, fitted in (("purchase_model", tuple(purchase)), ("spend_model", tuple(spend))):
        others = [name for name in named if (name in SPEND_MODELS) == (key == "spend_model")]
        if others and not set(others) & set(fitted):
            right = " or ".join(fitted)
            raise SettingsError(
                f"fit.priors: the priors are of {', '.join(others)}; the fit is of {right}: name {right} in the priors,"
                f" or set {key}."
            )


def _models_of(priors: Any) -> list[str]:
    if isinstance(priors, str | PathLike):
        path = fspath(priors)
        priors = read_named("fit/priors", path) if str(path).endswith(OWN) else {}
    return [str(name) for name in priors] if isinstance(priors, Mapping) else []
