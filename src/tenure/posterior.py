"""The fitted population: joint draws of the seven parameters, and where they come from.

A posterior holds no customer rows. It is saved as a plain `.npz` (arrays and one JSON text, no pickle), and this
module travels inside the registered model, so it imports nothing but NumPy, `bounds` and `errors`.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from os import path as paths
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .bounds import MOST_DRAWS
from .errors import InputError

PURCHASE_PARAMETERS = ("r", "alpha", "a", "b")
SPEND_PARAMETERS = ("p", "q", "v")
PARAMETERS = PURCHASE_PARAMETERS + SPEND_PARAMETERS
# Chances to leave that a customer has at the first purchase. In both models one more follows each repeat purchase.
# BG/NBD: Fader, Hardie & Lee (2005). MBG/NBD: Batislam, Denizel & Filiztekin (2007); Hoppe & Wagner (2007).
CHANCES_AT_BIRTH = {"bg_nbd": 0, "mbg_nbd": 1}
PURCHASE_MODELS = tuple(CHANCES_AT_BIRTH)
# The range in which the scorer is compared with exact values, ends included: every parameter, and what two or three of
# them mean together. It is far wider than customers can be, so that no draw of a vague prior is refused by accident.
BOUNDS = {
    "r": (1e-9, 1e12),
    "alpha": (1e-9, 1e12),
    "a": (1e-9, 1e12),
    "b": (1e-6, 1e12),  # lower, and with a near 1, the few who stay for long are lost in rounding
    "p": (1e-9, 1e9),
    "q": (1.0 + 1e-9, 1e9),
    "v": (1e-27, 1e30),
}
RATE_BOUNDS = 0.0, 1e9  # r / alpha, purchases a day
SPEND_BOUNDS = 1e-12, 1e15  # v p / (q - 1), mean spend per purchase
MOST_CHARACTERS = 20_000  # characters of the JSON text
MOST_BYTES = 16_000_000
# What an origin may hold.
ORIGIN_KINDS: dict[str, Any] = {"method": str, "scales": dict, "as_of": str, "customers": int, "observed_days": int}
ORIGIN_KINDS |= {"first_orders": dict | None, "repeat_spend": dict | None}
NUMBERS_OF = {"scales": {"time_days", "money"}, "first_orders": {"mean", "sd", "customers"}}
NUMBERS_OF |= {"repeat_spend": {"median", "customers"}}
MEMBERS = ("about", *PARAMETERS)
ADVICE = "Restore it from where it was saved, or train again."
REFUSED = "This is not a posterior: "


class PosteriorError(InputError):
    """Draws that no population can have."""


class PosteriorFileError(PosteriorError):
    """A file that is not a posterior."""

    exit_code = 4


@dataclass(frozen=True)
class Posterior:
    """Joint draws of the population's parameters.

    Args:
        draws: `r, alpha, a, b, p, q, v`, each of shape (chains, draws); alpha in days, v in the log's money.
        purchase_model: the purchase model, one of `PURCHASE_MODELS`.
        origin: where the draws come from: method, scales, data window; JSON values only.
    """

    draws: Mapping[str, NDArray[np.float64]]
    purchase_model: str
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [*_missing(self.draws), *_wrong_shapes(self.draws)]
        faults += [*_out_of_range(self.draws, is_whole=not faults), *_wrong_origin(self.origin)]
        if self.purchase_model not in PURCHASE_MODELS:
            faults.append(f"purchase_model is {self.purchase_model!r}, not one of {', '.join(PURCHASE_MODELS)}")
        if faults:
            raise PosteriorError(REFUSED + "; ".join(faults) + ".")

    @property
    def size(self) -> int:
        """Count the joint draws, all chains together."""
        return int(self.draws["r"].size)

    @property
    def initial_dropout_chances(self) -> int:
        """Count a customer's chances to leave right after the first purchase: 0 in the BG/NBD, 1 in the MBG/NBD."""
        return CHANCES_AT_BIRTH[self.purchase_model]

    def joint(self, count: int | None = None) -> dict[str, NDArray[np.float64]]:
        """Flatten chains into joint draws, thinned evenly to `count`.

        Simulation s uses draw s of every parameter, so column sums over customers are joint draws of a total.
        """
        wanted = self.size if count is None else count
        if not 1 <= wanted <= self.size:
            raise PosteriorError(f"{wanted:,} draws were asked for; the posterior holds {self.size:,}.")
        chains, length = self.draws["r"].shape
        at = np.arange(wanted)
        # Chains take turns, so that thinning takes equally from each and neighbours are not successive states.
        chain, place = at % chains, at * length // wanted
        return {name: np.ascontiguousarray(self.draws[name][chain, place]) for name in PARAMETERS}

    def thin(self, count: int) -> "Posterior":
        """Keep `count` joint draws, as one chain."""
        joint = self.joint(min(count, self.size))
        return Posterior({name: values[None, :] for name, values in joint.items()}, self.purchase_model, self.origin)

    def require_unseen(self, cutoff: date) -> None:
        """Refuse to be judged on the days after `cutoff` unless it was fitted to days up to it alone.

        A posterior that cannot say up to which day it was fitted is refused too.
        """
        as_of = str(self.origin.get("as_of"))
        try:
            is_unseen = date.fromisoformat(as_of) <= cutoff
        except ValueError:
            is_unseen = False
        if not is_unseen:
            raise PosteriorError(
                f"This posterior was fitted to the days up to {as_of}, so it cannot be judged on days after {cutoff}: "
                "fit the recipe to the calibration days alone."
            )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the posterior as `.npz`: seven arrays and a JSON text."""
        about = json.dumps({"purchase_model": self.purchase_model, "origin": dict(self.origin)}, sort_keys=True)
        arrays: dict[str, Any] = {name: np.ascontiguousarray(self.draws[name], "<f8") for name in PARAMETERS}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(about, f"<U{len(about)}"), **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Posterior":
        """Read what `save` wrote, and nothing else: every size is checked before anything is decompressed.

        Raises PosteriorFileError for any other file.
        """
        with _saying_what_is_wrong(path):
            if paths.getsize(path) > MOST_BYTES:
                raise PosteriorFileError(f"it is larger than {MOST_BYTES:,} bytes")
            with zipfile.ZipFile(path) as archive:
                members = _members(archive)
                headers = {name: _read_header(archive, members[name], name) for name in MEMBERS}
                shapes = {headers[name] for name in PARAMETERS}
                if len(shapes) > 1:
                    raise PosteriorFileError(f"its parameters have different shapes: {sorted(shapes)}")
                about = _read_about(archive, members["about"])
                draws = {name: _read_data(archive, members[name]) for name in PARAMETERS}
                draws = {name: data.reshape(headers[name]).astype(np.float64) for name, data in draws.items()}
            return cls(draws, about["purchase_model"], about["origin"])


@contextmanager
def _saying_what_is_wrong(path: str | PathLike[str]) -> Iterator[None]:
    """Raise what goes wrong in reading `path` as one PosteriorFileError."""
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


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    counts = Counter(info.filename for info in archive.infolist())
    lost = [name for name in MEMBERS if f"{name}.npy" not in counts]
    twice = sorted(name for name, count in counts.items() if count > 1)
    unknown = sorted(set(counts) - {f"{name}.npy" for name in MEMBERS})
    faults = [
        f"it {what} {', '.join(map(ascii, names[:5]) if what != 'lacks' else names)}"
        for what, names in (("lacks", lost), ("holds more than once", twice), ("holds the unknown", unknown))
        if names
    ]
    if faults:
        raise PosteriorFileError("; ".join(faults))
    return {name: archive.getinfo(f"{name}.npy") for name in MEMBERS}


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if np.lib.format.read_magic(file) != (1, 0):
        raise PosteriorFileError("one of its arrays is of a version of NumPy's format other than 1.0")
    return np.lib.format.read_array_header_1_0(file)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> tuple[int, ...]:
    """Return a member's shape once its header says what `save` writes, and its size is what the header says."""
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
    elif len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] > MOST_DRAWS:
        raise PosteriorFileError(
            f"{name} has the shape {str(shape)[:50]}, not (chains, draws) of 1 to {MOST_DRAWS:,} in all"
        )
    size = kind.itemsize * (shape[0] * shape[1] if shape else 1)
    if member.file_size != start + size:
        raise PosteriorFileError(f"{name} takes {member.file_size:,} bytes, its header says {start + size:,}")
    return shape


def _read_data(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        kind = _header(file)[2]
        return np.frombuffer(file.read(member.file_size), kind)  # a checksum is compared at the end


def _read_about(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> dict[str, Any]:
    try:
        about = json.loads(str(_read_data(archive, member)[0]))
    except (ValueError, RecursionError) as error:
        raise PosteriorFileError(f"its `about` is not JSON: {error}") from None
    if not isinstance(about, dict) or set(about) != {"purchase_model", "origin"}:
        raise PosteriorFileError("its `about` must hold `purchase_model` and `origin`, and nothing else")
    return about


def _missing(draws: Mapping[str, NDArray[np.float64]]) -> list[str]:
    lost = [name for name in PARAMETERS if name not in draws]
    unknown = sorted(map(str, set(draws) - set(PARAMETERS)))
    return [f"it lacks {', '.join(lost)}"] * bool(lost) + [f"it holds the unknown {', '.join(unknown)}"] * bool(unknown)


def _wrong_shapes(draws: Mapping[str, NDArray[np.float64]]) -> list[str]:
    shapes = {np.shape(draws[name]) for name in PARAMETERS if name in draws}
    if not (len(shapes) == 1 and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)):
        return [f"its parameters must share one shape (chains, draws), they have {sorted(shapes)}"]
    faults = [
        f"{name} is {np.asarray(draws[name]).dtype}, not float64"
        for name in PARAMETERS
        if name in draws and np.asarray(draws[name]).dtype != np.float64
    ]
    size = int(np.prod(shapes.pop()))
    return faults + ([f"it has {size:,} draws, more than {MOST_DRAWS:,}"] if size > MOST_DRAWS else [])


def _out_of_range(draws: Mapping[str, NDArray[np.float64]], *, is_whole: bool) -> list[str]:
    own = [_outside(f"draws of {name}", draws[name], BOUNDS[name]) for name in PARAMETERS if name in draws]
    if any(own) or not is_whole:  # what a parameter outside makes of a ratio is no second fault
        return [fault for fault in own if fault]
    rate, spend = draws["r"] / draws["alpha"], draws["v"] * draws["p"] / (draws["q"] - 1.0)
    together = [
        _outside("rates r / alpha (purchases a day)", rate, RATE_BOUNDS),
        _outside("means v p / (q - 1) (spend per purchase)", spend, SPEND_BOUNDS),
    ]
    return [fault for fault in together if fault]


def _outside(what: str, values: NDArray[np.float64], bounds: tuple[float, float]) -> str:
    low, high = bounds
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        return ""
    wrong = np.flatnonzero(~((values >= low) & (values <= high)))
    if not wrong.size:
        return ""
    first = ", ".join(f"{value:g}" for value in values.ravel()[wrong[:3]])
    return f"{wrong.size:,} of {values.size:,} {what} are not between {low:.10g} and {high:.10g} (first: {first})"


def _wrong_origin(origin: Mapping[str, Any]) -> list[str]:
    if not isinstance(origin, Mapping):
        return [f"its origin is {type(origin).__name__}, not names and values"]
    unknown = sorted(map(str, set(origin) - set(ORIGIN_KINDS)))
    wrong = [
        f"{name} of its origin is {ascii(value)[:50]}"
        for name, value in origin.items()
        if name in ORIGIN_KINDS and not _is_right(name, value)
    ]
    return [f"its origin holds the unknown {', '.join(map(ascii, unknown[:5]))}"] * bool(unknown) + wrong


def _is_right(name: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, ORIGIN_KINDS[name]):
        return False
    if isinstance(value, dict):
        kinds = {type(number) for number in value.values()}
        return set(value) == NUMBERS_OF[name] and kinds <= {int, float} and all(0 <= n < 1e300 for n in value.values())
    return not isinstance(value, int) or 0 <= value <= 2**53
