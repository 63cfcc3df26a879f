"""Named alternatives of the settings: YAML files of `conf/`, in the checkout or inside the installed package."""

import functools
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from .checks import SettingsError

PACKAGE = Path(__file__).resolve().parents[1]
OWN = (".yaml", ".yml")


def shipped(path: str) -> str:
    """Return the path of a file or folder of the project: in the checkout, or inside the installed package."""
    checkout = PACKAGE.parents[1]
    is_checkout = (checkout / "conf" / "train.yaml").is_file()
    return str((checkout if is_checkout else PACKAGE) / path)


def read_named(group: str, name: str) -> dict[str, Any]:
    """Read an alternative of a group, such as `vague` of `fit/priors`, or a YAML file of the user's own.

    Raises SettingsError where there is none of the name, or the file is no YAML.
    """
    if name.endswith(OWN):
        return _read(Path(name).expanduser(), group)
    names = sorted(path.stem for path in Path(shipped(f"conf/{group}")).glob("*.yaml"))
    if name not in names:
        key = group.replace("/", ".")
        raise SettingsError(f"{key} must be one of {', '.join(names)}, or the path of a .yaml file, got {name!r}.")
    return deepcopy(_read_shipped(group, name))


@functools.cache
def _read_shipped(group: str, name: str) -> dict[str, Any]:
    return _read(Path(shipped(f"conf/{group}/{name}.yaml")), group)


def _read(path: Path, group: str) -> dict[str, Any]:
    key = group.replace("/", ".")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    except OSError as error:
        raise SettingsError(f"{key}: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise SettingsError(f"{key}: {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, Mapping):
        raise SettingsError(f"{key}: {path} must be names and values, such as those of conf/{group}.")
    return dict(content)
