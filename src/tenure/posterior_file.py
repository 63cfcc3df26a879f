"""The file of a posterior: a plain `.npz` of arrays and one JSON text, without pickle. No file is trusted."""

import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from os import path as paths
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .bounds import MOST_SEGMENTS
from .errors import InputError, Reason
from .posterior_segments import quantities_of
from .purchase import MODELS as PURCHASE_MODELS
from .spend import MODELS as SPEND_MODELS

MOST_CHARACTERS = 400_000  # characters of the JSON text
MOST_BYTES = 16_000_000
ABOUT = {"purchase_model", "spend_model", "origin"}
OF_SEGMENTS = {"names", "values", "customers", "first_orders"}
EFFECT = "segment_effect_"  # starts the name of an array
WITHOUT_COLUMNS = "without_columns"  # an entry of `about`, and the start of the names of arrays
OPTIONAL = {"segments", WITHOUT_COLUMNS}
ADVICE = "Restore it from where it was saved, or train again."
REFUSED = "This is not a posterior: "


class PosteriorError(InputError):
    """Draws that no population can have."""


class PosteriorFileError(PosteriorError):
    """A file that is not a posterior."""

    exit_code = 4
    reason = Reason.FILES_CHANGED


@contextmanager
def uniform_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Raise any error in reading `path` as a PosteriorFileError."""
    try:
        yield
    except PosteriorError as error:
        raise PosteriorFileError(
            f"{path} is not a posterior file: {str(error).removeprefix(REFUSED).rstrip('.')}. {ADVICE}"
        ) from None
    except Exception as error:  # zipfile, zlib, tokenize and NumPy each raise their own at a damaged file
        what = " ".join(ascii(str(error))[1:-1].split())[:200] or type(error).__name__
        raise PosteriorFileError(
            f"{path} is not a posterior file that can be read: {what.rstrip('.')}. {ADVICE}"
        ) from error


type Arrays = dict[str, NDArray[np.float64]]


def read_file(path: str | PathLike[str], most_draws: int) -> tuple[Arrays, Arrays, Arrays, dict[str, Any]]:
    """Read a posterior's draws, the effects of its segments, the draws without columns and its `about`.

    Every size is checked before anything is decompressed.
    """
    if paths.getsize(path) > MOST_BYTES:
        raise PosteriorFileError(f"it is larger than {MOST_BYTES:,} bytes")
    with zipfile.ZipFile(path) as archive:
        about = _read_about(archive, most_draws)
        parameters = parameter_names(about["purchase_model"], about["spend_model"])
        effects, without = _effects(about), _without_columns(about)
        names = (*parameters, *without, *effects)
        members = _members(archive, names)
        headers = {name: _read_header(archive, members[name], name, most_draws) for name in names}
        shapes = {headers[name] for name in (*parameters, *without)}
        if len(shapes) > 1:
            raise PosteriorFileError(f"its parameters have different shapes: {sorted(shapes)}")
        _check_effects({headers[name] for name in effects}, shapes, about)
        read = {name: _read_data(archive, members[name]).reshape(headers[name]).astype(np.float64) for name in names}
        of_effects = {name.removeprefix(EFFECT): read[name] for name in effects}
        of_others = {name.removeprefix(f"{WITHOUT_COLUMNS}_"): read[name] for name in without}
        return {name: read[name] for name in parameters}, of_effects, of_others, about


def _without_columns(about: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the arrays for customers without columns."""
    if WITHOUT_COLUMNS not in about:
        return ()
    return tuple(f"{WITHOUT_COLUMNS}_{name}" for name in SPEND_MODELS[about[WITHOUT_COLUMNS]].parameters)


def _effects(about: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the arrays of segments."""
    specs = (PURCHASE_MODELS[about["purchase_model"]], SPEND_MODELS[about["spend_model"]])
    return tuple(EFFECT + name for name in quantities_of(specs)) if "segments" in about else ()


def _check_effects(shapes: set[tuple[int, ...]], of_draws: set[tuple[int, ...]], about: dict[str, Any]) -> None:
    """Raise PosteriorFileError for effects of other segments or draws than the file's."""
    if not shapes:
        return
    wanted = {(len(about["segments"]["values"]) + 1, *shape) for shape in of_draws}
    if shapes != wanted:
        raise PosteriorFileError(f"the effects of its segments have the shapes {sorted(shapes)}, not {sorted(wanted)}")


def parameter_names(purchase_model: str, spend_model: str) -> tuple[str, ...]:
    """Return the names of both models' parameters."""
    return (*PURCHASE_MODELS[purchase_model].parameters, *SPEND_MODELS[spend_model].parameters)


def _members(archive: zipfile.ZipFile, parameters: tuple[str, ...] | None = None) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name once they are `about` and the parameters, if these are given."""
    counts = Counter(info.filename for info in archive.infolist())
    names = ("about", *(parameters or ()))
    lost = [name for name in names if f"{name}.npy" not in counts]
    twice = sorted(name for name, count in counts.items() if count > 1)
    unknown = sorted(set(counts) - {f"{name}.npy" for name in names}) if parameters else []
    faults = [
        f"it {what} {', '.join(map(ascii, names[:5]) if what != 'lacks' else names)}"
        for what, names in (("lacks", lost), ("holds more than once", twice), ("holds the unknown", unknown))
        if names
    ]
    if faults:
        raise PosteriorFileError("; ".join(faults))
    return {name: archive.getinfo(f"{name}.npy") for name in names}


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if np.lib.format.read_magic(file) != (1, 0):
        raise PosteriorFileError("one of its arrays is of a version of NumPy's format other than 1.0")
    return np.lib.format.read_array_header_1_0(file)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, most_draws: int) -> tuple[int, ...]:
    """Return a member's shape once its header is one that `save` writes, and its size fits the header."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PosteriorFileError(f"{name} is compressed by another method than deflate")
    with archive.open(member) as file:
        shape, is_fortran, kind = _header(file)
        start = file.tell()
    if name == "about":
        if kind.str[:2] != "<U" or shape != () or kind.itemsize > 4 * MOST_CHARACTERS:
            raise PosteriorFileError(f"its `about` is not one text of at most {MOST_CHARACTERS:,} characters")
    elif kind.str != "<f8" or is_fortran:
        raise PosteriorFileError(f"{name} is {kind.str!r}, not float64, little-endian and in C order")
    elif name.startswith(EFFECT):
        if len(shape) != 3 or min(shape) < 1 or shape[0] > MOST_SEGMENTS + 1 or shape[1] * shape[2] > most_draws:
            raise PosteriorFileError(f"{name} has the shape {str(shape)[:50]}, not (segments, chains, draws)")
    elif len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] > most_draws:
        raise PosteriorFileError(
            f"{name} has the shape {str(shape)[:50]}, not (chains, draws) of 1 to {most_draws:,} in all"
        )
    size = kind.itemsize * math.prod(shape)
    if member.file_size != start + size:
        raise PosteriorFileError(f"{name} takes {member.file_size:,} bytes, its header says {start + size:,}")
    return shape


def _read_data(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        kind = _header(file)[2]
        return np.frombuffer(file.read(member.file_size), kind)  # a checksum is compared at the end


def _read_about(archive: zipfile.ZipFile, most_draws: int) -> dict[str, Any]:
    member = _members(archive)["about"]
    _read_header(archive, member, "about", most_draws)
    try:
        about = json.loads(str(_read_data(archive, member)[0]))
    except (ValueError, RecursionError) as error:
        raise PosteriorFileError(f"its `about` is not JSON: {error}") from None
    if not isinstance(about, dict) or set(about) - OPTIONAL != ABOUT:
        others = " and ".join(sorted(OPTIONAL))
        raise PosteriorFileError(f"its `about` must have {', '.join(sorted(ABOUT))}, and nothing else but {others}")
    if "segments" in about and not _are_segments(about["segments"]):
        raise PosteriorFileError(f"its segments must have {', '.join(sorted(OF_SEGMENTS))}: lists of one length")
    if faults := unknown_models(about["purchase_model"], about["spend_model"]):
        raise PosteriorFileError("; ".join(faults))
    wanted = SPEND_MODELS[about["spend_model"]].without_columns
    if WITHOUT_COLUMNS in about and (not wanted or about[WITHOUT_COLUMNS] != wanted):
        named = ascii(about[WITHOUT_COLUMNS])[:50]
        raise PosteriorFileError(f"its {WITHOUT_COLUMNS} is {named}, not {wanted or 'absent'}")
    return about


def _are_segments(segments: Any) -> bool:
    """Return whether the description of segments has the types that the posterior checks further."""
    if not isinstance(segments, dict) or set(segments) != OF_SEGMENTS:
        return False
    lists = [segments[name] for name in ("names", "values", "customers")]
    orders = segments["first_orders"]
    if not all(isinstance(one, list) for one in (*lists, orders or [])):
        return False
    rows = [*segments["values"], *(orders or [])]
    return all(isinstance(row, list) for row in rows) and all(
        len(row) == 2 and all(type(number) in (int, float) for number in row) for row in orders or []
    )


def unknown_models(purchase_model: object, spend_model: object) -> list[str]:
    """List what is wrong with the names of models."""
    kinds = (("purchase_model", purchase_model, PURCHASE_MODELS), ("spend_model", spend_model, SPEND_MODELS))
    return [
        f"{kind} is {model!r}, not one of {', '.join(models)}"
        for kind, model, models in kinds
        if not (isinstance(model, str) and model in models)
    ]
