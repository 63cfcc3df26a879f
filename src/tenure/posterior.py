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
    """

    draws: Mapping[str, NDArray[np.float64]]
    purchase_model: str
    spend_model: str
    origin: Mapping[str, Any] = field(default_factory=dict)
    segments: Segments | None = None

    def __post_init__(self) -> None:
        faults = unknown_models(self.purchase_model, self.spend_model)
        if not faults:
            faults = [*_missing(self.draws, self.parameters), *_wrong_shapes(self.draws, self.parameters)]
            faults += _out_of_range(self.draws, self.specs, is_complete=not faults)
            if self.segments is not None and not faults:
                faults += wrong_segments(self.segments, self.specs, self.draws[self.parameters[0]].shape)
        faults += _wrong_origin(self.origin)
        if faults:
            raise PosteriorError(REFUSED + "; ".join(faults) + ".")

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
        draws = {name: values[None, :] for name, values in self.joint(wanted).items()}
        if self.segments is None:
            return replace(self, draws=draws)
        places = spread_evenly(self.draws[self.parameters[0]].shape, wanted)
        return replace(self, draws=draws, segments=self.segments.take(*places))

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
        models = {"purchase_model": self.purchase_model, "spend_model": self.spend_model}
        about_segments = {} if self.segments is None else {"segments": self.segments.about()}
        about = json.dumps({**models, "origin": dict(self.origin), **about_segments}, sort_keys=True)
        arrays: dict[str, Any] = {name: np.ascontiguousarray(self.draws[name], "<f8") for name in self.parameters}
        if self.segments is not None:
            effects = self.segments.effects.items()
            arrays |= {EFFECT + name: np.ascontiguousarray(array, "<f8") for name, array in effects}
        with open(path, "wb") as file:
            np.savez_compressed(file, about=np.array(about, f"<U{len(about)}"), **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Posterior":
        """Read what `save` wrote, and nothing else: every size is checked before anything is decompressed.

        Raises PosteriorFileError for any other file.
        """
        with uniform_errors(path):
            draws, effects, about = read_file(path, MOST_DRAWS)
            segments = Segments.of_about(about["segments"], effects) if "segments" in about else None
            return cls(draws, about["purchase_model"], about["spend_model"], about["origin"], segments)


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
