"""The fitted population: joint draws of the models' parameters, and their origin.

A posterior holds no customer rows. It is saved as a plain `.npz` (`posterior_file`), and this module travels inside the
registered model, so it imports nothing but NumPy and the models' specs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bounds import MOST_DRAWS
from .model_spec import Spec
from .posterior_file import (
    EFFECT,
    REFUSED,
    WITHOUT_COLUMNS,
    PosteriorError,
    PosteriorFileError,
    parameter_names,
    read_file,
    uniform_errors,
    unknown_models,
)
from .posterior_segments import Segments, wrong_segments
from .purchase import MODELS as PURCHASE_MODELS
from .spend import MODELS as SPEND_MODELS

__all__ = ["Posterior", "PosteriorError", "PosteriorFileError", "Segments"]

# Entries of an origin, by type.
ORIGIN_KINDS: dict[str, Any] = {"method": str, "scales": dict, "as_of": str, "customers": int, "observed_days": int}
ORIGIN_KINDS |= {"first_orders": dict | None, "repeat_spend": dict | None}
NUMBERS_OF = {"scales": {"time_days", "money"}, "first_orders": {"mean", "sd", "customers"}}
NUMBERS_OF |= {"repeat_spend": {"median", "customers"}}


@dataclass(frozen=True)
class Posterior:
    """Joint draws of the population's parameters.

    Args:
        draws: the parameters of both models, each of shape (chains, draws); time in days, money as in the log.
        purchase_model: one of `purchase.MODELS`.
        spend_model: one of `spend.MODELS`.
        origin: method, scales and data window of the fit; JSON values only.
        segments: effects of segments on the population's parameters; None without segments.
        without_columns: draws of the parameters of the spend model `Spec.without_columns`, as many, for customers
            without the columns that the spend model needs; None where it needs none, or nothing was fitted for them.
    """

    draws: Mapping[str, NDArray[np.float64]]
    purchase_model: str
    spend_model: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    segments: Segments | None = None
    without_columns: Mapping[str, NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        faults = unknown_models(self.purchase_model, self.spend_model)
        if not faults:
            faults = [*_missing(self.draws, self.parameters), *_wrong_shapes(self.draws, self.parameters)]
            faults += _out_of_range(self.draws, self.specs, is_complete=not faults)
            if self.segments is not None and not faults:
                faults += wrong_segments(self.segments, self.specs, self.draws[self.parameters[0]].shape)
        faults += _wrong_origin(self.origin)
        if self.without_columns is not None and not faults:
            faults += self._wrong_without_columns()
        if faults:
            raise PosteriorError(REFUSED + "; ".join(faults) + ".")

    def _wrong_without_columns(self) -> list[str]:
        """List what is wrong with the draws for customers without columns, beside draws that are right."""
        if not self.specs[1].without_columns:
            return [f"it has draws for customers without columns, and {self.spend_model} needs no columns"]
        if self.segments is not None:
            return ["it has segments, and draws for customers without columns, which have none"]
        try:
            self.for_missing_columns()
        except PosteriorError as error:
            return [f"for customers without columns {str(error).removeprefix(REFUSED).rstrip('.')}"]
        return []

    @property
    def specs(self) -> tuple[Spec, Spec]:
        """Return the specs of the purchase and the spend model."""
        return PURCHASE_MODELS[self.purchase_model], SPEND_MODELS[self.spend_model]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of both models' parameters."""
        return parameter_names(self.purchase_model, self.spend_model)

    @property
    def size(self) -> int:
        """Count the joint draws, all chains together."""
        return int(self.draws[self.parameters[0]].size)

    def joint(self, count: int | None = None) -> dict[str, NDArray[np.float64]]:
        """Return joint draws of all chains, thinned evenly to `count`.

        Simulation s uses draw s of every parameter, so column sums over customers are joint draws of a total.
        """
        wanted = self.size if count is None else count
        if not 1 <= wanted <= self.size:
            raise PosteriorError(f"{wanted:,} draws are wanted; the posterior has {self.size:,}.")
        chain, place = spread_evenly(self.draws[self.parameters[0]].shape, wanted)
        return {name: np.ascontiguousarray(self.draws[name][chain, place]) for name in self.parameters}

    def thin(self, count: int) -> "Posterior":
        """Return the posterior with `count` joint draws, as one chain."""
        wanted = min(count, self.size)
        chain, place = spread_evenly(self.draws[self.parameters[0]].shape, wanted)
        draws = {name: self.draws[name] for name in self.parameters}
        segments = None if self.segments is None else self.segments.take(chain, place)
        without = None if self.without_columns is None else _taken(self.without_columns, chain, place)
        return replace(self, draws=_taken(draws, chain, place), segments=segments, without_columns=without)

    def for_missing_columns(self) -> "Posterior | None":
        """Return the posterior for customers without the columns that the spend model needs; None without one."""
        purchases, spend = self.specs
        if self.without_columns is None:
            return None
        draws = {**{name: self.draws[name] for name in purchases.parameters}, **self.without_columns}
        return Posterior(draws, self.purchase_model, spend.without_columns, self.origin)

    def shares(self) -> NDArray[np.float64]:
        """Return the share of the fit's customers by segment; the last is that of customers without a name."""
        if self.segments is None:
            return np.ones(1)
        named = np.array(self.segments.customers, float)
        everyone = max(float(self.origin.get("customers", 0)), named.sum(), 1.0)
        return np.asarray(np.append(named, everyone - named.sum()) / everyone)

    def of_segment(self, at: int) -> "Posterior":
        """Return the posterior of one segment, by its place; the place after the last is a new segment's."""
        if self.segments is None:
            raise PosteriorError("This posterior has no segments.")
        origin, orders = dict(self.origin), self.segments.first_orders
        if orders is not None:
            mean, error = orders[at]
            origin["first_orders"] = {"mean": mean, "sd": error, "customers": 1}
        if at < self.segments.new:
            origin["customers"] = self.segments.customers[at]
        draws = self.segments.parameters(at, self.draws, self.specs)
        return replace(self, draws=draws, origin=origin, segments=None)

    def require_unseen(self, cutoff: date) -> None:
        """Raise PosteriorError unless it was fitted to days up to `cutoff` alone, so that later days can test it.

        A posterior without the day up to which it was fitted is refused too.
        """
        as_of = str(self.origin.get("as_of"))
        try:
            is_unseen = date.fromisoformat(as_of) <= cutoff
        except ValueError:
            is_unseen = False
        if not is_unseen:
            raise PosteriorError(
                f"This posterior was fitted to the days up to {as_of}, so it cannot be tested on days after {cutoff}: "
                "fit the recipe to the calibration days alone."
            )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the posterior as `.npz`: an array per parameter and a JSON text."""
        about: dict[str, Any] = {"purchase_model": self.purchase_model, "spend_model": self.spend_model}
        about |= {"origin": dict(self.origin)} | ({} if self.segments is None else {"segments": self.segments.about()})
        without = self.without_columns or {}
        about |= {WITHOUT_COLUMNS: self.specs[1].without_columns} if without else {}
        text = json.dumps(about, sort_keys=True)
        arrays: dict[str, Any] = {name: np.ascontiguousarray(self.draws[name], "<f8") for name in self.parameters}
        if self.segments is not None:
            effects = self.segments.effects.items()
            arrays |= {EFFECT + name: np.ascontiguousarray(array, "<f8") for name, array in effects}
        arrays |= {f"{WITHOUT_COLUMNS}_{name}": np.ascontiguousarray(array, "<f8") for name, array in without.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(text, f"<U{len(text)}"), **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Posterior":
        """Read what `save` wrote, and nothing else: every size is checked before anything is decompressed.

        Raises PosteriorFileError for any other file.
        """
        with uniform_errors(path):
            draws, effects, without, about = read_file(path, MOST_DRAWS)
            segments = Segments.of_about(about["segments"], effects) if "segments" in about else None
            models = about["purchase_model"], about["spend_model"]
            return cls(draws, *models, about["origin"], segments, without or None)


def _taken(
    draws: Mapping[str, NDArray[np.float64]], chain: NDArray[np.int64], place: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return some draws, as one chain."""
    return {name: np.ascontiguousarray(array[chain, place])[None] for name, array in draws.items()}


def spread_evenly(shape: tuple[int, ...], wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the chains and places of so many draws of an array of shape (chains, draws).

    Chains take turns, so that thinning takes equally from each and neighbours are not successive states.
    """
    chains, length = shape
    at = np.arange(wanted)
    return at % chains, at * length // wanted


def _missing(draws: Mapping[str, NDArray[np.float64]], parameters: tuple[str, ...]) -> list[str]:
    lost = [name for name in parameters if name not in draws]
    unknown = sorted(map(str, set(draws) - set(parameters)))
    return [f"it lacks {', '.join(lost)}"] * bool(lost) + [f"it holds the unknown {', '.join(unknown)}"] * bool(unknown)


def _wrong_shapes(draws: Mapping[str, NDArray[np.float64]], parameters: tuple[str, ...]) -> list[str]:
    shapes = {np.shape(draws[name]) for name in parameters if name in draws}
    if not (len(shapes) == 1 and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)):
        return [f"its parameters must share one shape (chains, draws), they have {sorted(shapes)}"]
    faults = [
        f"{name} is {np.asarray(draws[name]).dtype}, not float64"
        for name in parameters
        if name in draws and np.asarray(draws[name]).dtype != np.float64
    ]
    size = int(np.prod(shapes.pop()))
    return faults + ([f"it has {size:,} draws, more than {MOST_DRAWS:,}"] if size > MOST_DRAWS else [])


def _out_of_range(draws: Mapping[str, NDArray[np.float64]], specs: tuple[Spec, ...], *, is_complete: bool) -> list[str]:
    own = [
        _outside(f"draws of {name}", draws[name], parameter.bounds)
        for spec in specs
        for name, parameter in spec.parameters.items()
        if name in draws
    ]
    if any(own) or not is_complete:  # a mean out of range because of a parameter out of range is no second fault
        return [fault for fault in own if fault]
    means = [_outside(spec.mean.label, spec.mean.value(draws), spec.mean.bounds) for spec in specs]
    return [fault for fault in means if fault]


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
