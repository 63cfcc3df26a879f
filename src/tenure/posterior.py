"""The fitted population: joint draws of the seven parameters, and where they come from.

A posterior holds no customer rows. It is saved as a plain `.npz` (arrays and one JSON text, no pickle), and this
module travels inside the registered model, so it imports nothing but NumPy and `errors`.
"""

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

PURCHASE_PARAMETERS = ("r", "alpha", "a", "b")
SPEND_PARAMETERS = ("p", "q", "v")
PARAMETERS = PURCHASE_PARAMETERS + SPEND_PARAMETERS
# Chances to leave that a customer has at the first purchase. In both models one more follows each repeat purchase.
# BG/NBD: Fader, Hardie & Lee (2005). MBG/NBD: Batislam, Denizel & Filiztekin (2007); Hoppe & Wagner (2007).
CHANCES_AT_BIRTH = {"bg_nbd": 0, "mbg_nbd": 1}
PURCHASE_MODELS = tuple(CHANCES_AT_BIRTH)
# Of purchase parameters. No base is outside, and the scorer's tables reach from end to end.
LEAST, MOST = 1e-9, 1e12
MOST_DRAWS = 100_000
# Of one array's header, and of the JSON text: far more than `save` writes, far less than a machine's memory.
HEADER_BYTES, TEXT_BYTES = 4096, 4 * 1024 * 1024


class PosteriorError(InputError):
    """Draws that no population can have, or a file that is not a posterior."""


@dataclass(frozen=True)
class Posterior:
    """Joint draws of the population's parameters.

    Args:
        draws: `r, alpha, a, b, p, q, v`, each of shape (chains, draws); alpha in days, v in the log's money.
        purchases: the purchase model, one of `PURCHASE_MODELS`.
        origin: where the draws come from: method, scales, data window; JSON values only.
    """

    draws: Mapping[str, NDArray[np.float64]]
    purchases: str
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [*_missing(self.draws), *_wrong_shapes(self.draws), *_out_of_range(self.draws)]
        if self.purchases not in PURCHASE_MODELS:
            faults.append(f"purchases is {self.purchases!r}, not one of {', '.join(PURCHASE_MODELS)}")
        if faults:
            raise PosteriorError("This is not a posterior: " + "; ".join(faults) + ".")

    @property
    def size(self) -> int:
        """Count the joint draws, all chains together."""
        return int(self.draws["r"].size)

    @property
    def chances_at_birth(self) -> int:
        """Count a customer's chances to leave right after the first purchase: 0 in the BG/NBD, 1 in the MBG/NBD."""
        return CHANCES_AT_BIRTH[self.purchases]

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
        return Posterior({name: values[None, :] for name, values in joint.items()}, self.purchases, self.origin)

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
        about = json.dumps({"purchases": self.purchases, "origin": dict(self.origin)}, sort_keys=True)
        arrays: dict[str, Any] = {name: np.ascontiguousarray(self.draws[name], "<f8") for name in PARAMETERS}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(about), **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Posterior":
        """Read what `save` wrote, with bounded memory and no pickles; anything else raises PosteriorError."""
        try:
            with zipfile.ZipFile(path) as file:
                _check_members(file)
                about = json.loads(_read_text(file, "about"))
                draws = {name: _read_draws(file, name) for name in PARAMETERS}
            return cls(draws, about["purchases"], dict(about["origin"]))
        except PosteriorError as error:
            raise PosteriorError(f"{path} is not a posterior file: {error}") from error
        except Exception as error:  # a damaged file fails in any of zip's, NumPy's and JSON's ways
            raise PosteriorError(
                f"{path} is not a posterior file, or it is damaged ({type(error).__name__}). Train again."
            ) from error


def _check_members(file: zipfile.ZipFile) -> None:
    """Raise PosteriorError unless the file holds each member once, and no others."""
    names = [item.filename.removesuffix(".npy") for item in file.infolist()]
    wanted = ("about", *PARAMETERS)
    lost = [name for name in wanted if name not in names]
    if lost:
        raise PosteriorError(f"it lacks {', '.join(lost)}.")
    if len(names) > len(wanted):
        extra = [name for at, name in enumerate(names) if name not in wanted or name in names[:at]]
        raise PosteriorError(f"it holds {len(extra):,} members too many; first: {extra[0][:40]!r}.")


def _read_member(
    file: zipfile.ZipFile, name: str, most: int
) -> tuple[tuple[int, ...], bool, np.dtype[Any], memoryview]:
    """Return an array's shape, order, dtype and bytes; no more than `most` bytes are ever decompressed."""
    with file.open(f"{name}.npy") as member:
        content = member.read(most + HEADER_BYTES + 1)
    if len(content) > most + HEADER_BYTES:
        raise PosteriorError(f"{name} has more than {most:,} bytes.")
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise PosteriorError(f"{name} is not an array as Tenure writes it.")
    shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    data = memoryview(content)[stream.tell() :]
    if dtype.hasobject or len(data) != math.prod(shape) * dtype.itemsize:
        raise PosteriorError(f"{name} does not hold the values that its header states.")
    return shape, in_fortran_order, dtype, data


def _read_draws(file: zipfile.ZipFile, name: str) -> NDArray[np.float64]:
    """Return a parameter's draws, which must be little-endian float64 in C order."""
    shape, in_fortran_order, dtype, data = _read_member(file, name, MOST_DRAWS * 8)
    if dtype.str != "<f8" or in_fortran_order:
        raise PosteriorError(f"{name} holds {dtype} and not float64 in C order.")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _read_text(file: zipfile.ZipFile, name: str) -> str:
    """Return a single text."""
    shape, _, dtype, data = _read_member(file, name, TEXT_BYTES)
    if dtype.kind != "U" or dtype.byteorder == ">" or shape != ():
        raise PosteriorError(f"{name} is not a text.")
    return str(np.frombuffer(data, dtype)[0])


def _missing(draws: Mapping[str, NDArray[np.float64]]) -> list[str]:
    lost = [name for name in PARAMETERS if name not in draws]
    return [f"it lacks {', '.join(lost)}"] if lost else []


def _wrong_shapes(draws: Mapping[str, NDArray[np.float64]]) -> list[str]:
    shapes = {np.shape(draws[name]) for name in PARAMETERS if name in draws}
    right = len(shapes) == 1 and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
    most = max((math.prod(shape) for shape in shapes), default=0)
    if right and most > MOST_DRAWS:
        return [f"it has {most:,} draws, more than {MOST_DRAWS:,}"]
    return [] if right else [f"its parameters must share one shape (chains, draws), they have {sorted(shapes)}"]


def _out_of_range(draws: Mapping[str, NDArray[np.float64]]) -> list[str]:
    faults = []
    for name in PARAMETERS:
        values = np.asarray(draws.get(name, 2.0))
        low, high = (LEAST, MOST) if name in PURCHASE_PARAMETERS else (1.0 if name == "q" else 0.0, np.inf)
        wrong = int(np.count_nonzero(~((values > low) & (values < high))))
        if wrong:
            faults.append(f"{wrong:,} of {values.size:,} draws of {name} are not between {low:g} and {high:g}")
    return faults
