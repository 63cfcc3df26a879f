"""The segments of a posterior: draws of their effects on the population's parameters. It travels inside the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bounds import MOST_SEGMENTS
from .model_spec import Spec

LONGEST_VALUE = 200  # characters of a segment's value
FARTHEST = 30.0  # of an effect, in logs

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """Draws of the effects of segments; the last of each array is a new segment's.

    Args:
        names: the columns by which there are segments.
        values: of these columns, by segment.
        customers: of the fit, by segment.
        effects: by quantity, differences of logs, or of log odds, from the population; shape (segments + 1, chains,
            draws).
        first_orders: mean first order and its standard error, by segment and of a new one; None without a log.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    customers: tuple[int, ...]
    effects: Mapping[str, Floats]
    first_orders: tuple[tuple[float, float], ...] | None = None

    @property
    def new(self) -> int:
        """Return the place of a new segment."""
        return len(self.values)

    def about(self) -> dict[str, Any]:
        """Return all but the draws, as JSON values."""
        orders = None if self.first_orders is None else [list(map(float, row)) for row in self.first_orders]
        values, customers = [list(row) for row in self.values], [int(count) for count in self.customers]
        return {"names": list(self.names), "values": values, "customers": customers, "first_orders": orders}

    @classmethod
    def of_about(cls, about: Mapping[str, Any], effects: Mapping[str, Floats]) -> "Segments":
        """Return the segments from what `about` returned and the draws."""
        orders = about["first_orders"]
        return cls(
            tuple(about["names"]),
            tuple(map(tuple, about["values"])),
            tuple(about["customers"]),
            effects,
            None if orders is None else tuple((float(mean), float(error)) for mean, error in orders),
        )

    def take(self, chain: NDArray[np.int64], place: NDArray[np.int64]) -> "Segments":
        """Return some draws, as one chain."""
        taken = {name: np.ascontiguousarray(array[:, chain, place][:, None, :]) for name, array in self.effects.items()}
        return replace(self, effects=taken)

    def parameters(self, at: int, population: Mapping[str, Floats], specs: Sequence[Spec]) -> dict[str, Floats]:
        """Return the parameters of one segment, within the bounds of the scorer."""
        draws = dict(population)
        for spec in specs:
            for quantity, effect in spec.segment_effects.items():
                draws |= effect(draws, np.exp(self.effects[quantity][at]))
            for name, parameter in spec.parameters.items():
                draws[name] = np.ascontiguousarray(np.clip(draws[name], *parameter.bounds))
        return draws


def quantities_of(specs: Sequence[Spec]) -> tuple[str, ...]:
    """Return the names of the quantities that differ between segments."""
    return tuple(name for spec in specs for name in spec.segment_effects)


def wrong_segments(segments: Segments, specs: Sequence[Spec], shape: tuple[int, ...]) -> list[str]:
    """List what is wrong with segments of draws of a shape (chains, draws)."""
    faults, count = [], len(segments.values)
    quantities = quantities_of(specs)
    if any(not spec.segment_effects for spec in specs):
        faults.append("it has segments, which its models do not support")
    if not are_names(segments.names) or len(segments.customers) != count or not _are_values(segments):
        faults.append("its segments are not texts of the columns by which they are, each once, with their customers")
    if count > MOST_SEGMENTS:
        faults.append(f"it has {count:,} segments, more than {MOST_SEGMENTS:,}")
    if set(segments.effects) != set(quantities):
        faults.append(f"its segments have effects on {sorted(segments.effects)}, not on {sorted(quantities)}")
    elif any(_is_wrong(array, (count + 1, *shape)) for array in segments.effects.values()):
        faults.append(f"the effects of its segments are not finite float64 arrays of the shape {(count + 1, *shape)}")
    orders = segments.first_orders
    if orders is not None and (len(orders) != count + 1 or not all(0 <= n < 1e300 for row in orders for n in row)):
        faults.append("the first orders of its segments are not a finite mean and error from 0 up for each")
    return faults


def are_names(names: object) -> bool:
    """Return whether these are some texts, none of them twice."""
    return isinstance(names, tuple | list) and 0 < len(set(map(str, names))) == len(names)


def _are_values(segments: Segments) -> bool:
    size = len(segments.names)
    are_texts = all(
        len(row) == size and all(isinstance(text, str) and len(text) <= LONGEST_VALUE for text in row)
        for row in segments.values
    )
    are_counts = all(type(count) is int and 0 <= count <= 2**53 for count in segments.customers)
    return are_texts and are_counts and len(set(segments.values)) == len(segments.values)


def _is_wrong(array: Floats, shape: tuple[int, ...]) -> bool:
    return array.dtype != np.float64 or array.shape != shape or not (np.abs(array) <= FARTHEST).all()
