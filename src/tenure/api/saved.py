"""A fitted population in a folder: draws, drift of totals, and facts as JSON; no customer data, no pickle."""

import json
import shutil
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

from tenure import remote
from tenure.errors import InputError, Reason
from tenure.output import OutputError, atomic_folder
from tenure.posterior import Posterior
from tenure.scorer import Scorer
from tenure.totals import Drifts

from .fitted import Fitted

POSTERIOR, DRIFT, FACTS = "posterior.npz", "drift.npz", "model.json"
FILES = {POSTERIOR, DRIFT, FACTS}
FORMAT = 1
ADVICE = "Save the model again, or restore the folder."


class SavedModelError(InputError):
    """A folder that is no saved model."""

    exit_code = 4
    reason = Reason.NO_MODEL


def save(fitted: Fitted, path: str | PathLike[str]) -> None:
    """Write a fitted population to a folder, which replaces an earlier model of the same path.

    Raises OutputError for a path that is something else than a model.
    """
    if not isinstance(path, str | PathLike):
        raise OutputError(f"path must be the path of a folder, got {path!r}.")
    target = Path(path).expanduser()
    _refuse_other(target)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "tenure": version("tenure"),
        "joint_draws": fitted.scorer.draws,
        "validated_horizon_days": fitted.scorer.validated_horizon_days,
        "about": dict(fitted.about),
        "diagnostics": {key: float(value) for key, value in fitted.diagnostics().items()},
    }
    with atomic_folder(str(target)) as folder:
        fitted.posterior.save(folder / POSTERIOR)
        if fitted.drifts is not None:
            fitted.drifts.save(folder / DRIFT)
        (folder / FACTS).write_text(json.dumps(facts, indent=2))
        if target.exists():
            shutil.rmtree(target)


def _refuse_other(target: Path) -> None:
    """Raise OutputError for a path that holds anything but a saved model, which would be lost."""
    if why := remote.refusal(str(target), written=True):
        raise OutputError(f"path {str(target)!r} {why}")
    others = [file.name for file in target.iterdir() if file.name not in FILES] if target.is_dir() else []
    if others or target.is_file():
        what = f"a folder with other files (first: {min(others)})" if others else "a file"
        raise OutputError(f"path {str(target)!r} is {what}: name a new folder, or one with a saved model.")


def read(path: str | PathLike[str]) -> Fitted:
    """Read what `save` wrote. Raise SavedModelError for another folder, PosteriorFileError for damaged draws."""
    if not isinstance(path, str | PathLike):
        raise SavedModelError(f"path must be the path of a saved model, got {path!r}.")
    folder = Path(path).expanduser()
    facts = _facts(folder)
    posterior = Posterior.load(folder / POSTERIOR)
    try:
        joint, days = facts["joint_draws"], facts["validated_horizon_days"]
        scorer = Scorer(posterior.thin(joint), validated_horizon_days=days)
        drifts = Drifts.load(folder / DRIFT) if (folder / DRIFT).exists() else None
        return Fitted(posterior, scorer, drifts, about=dict(facts["about"]), stored=dict(facts["diagnostics"]).copy)
    except Exception as error:  # a damaged file may raise anything
        raise SavedModelError(f"{folder} cannot be read as a saved model: {error}. {ADVICE}") from error


def _facts(folder: Path) -> dict[str, Any]:
    if not (folder / FACTS).is_file():
        what = "has no saved model" if folder.is_dir() else "is no folder with a saved model"
        raise SavedModelError(f"{folder} {what}: there is no {FACTS}. CLV.save(path) writes one.")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SavedModelError(f"{folder / FACTS} cannot be read: {error}. {ADVICE}") from error
    stored_format = facts.get("format") if isinstance(facts, dict) else None
    if stored_format != FORMAT:
        raise SavedModelError(
            f"{folder / FACTS} has the format {stored_format!r}, not {FORMAT}: another version wrote it. {ADVICE}"
        )
    return dict(facts)
