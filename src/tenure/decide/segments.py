"""The segments of a model, as decisions use them: whose parameters a customer has, and those of a channel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..scorer import NEW_SEGMENT
from ..summary import JOINED, segment_codes

ALL = "all"  # of all customers
type Ints = NDArray[np.int64]


def names_of(posterior: Any) -> tuple[str, ...]:
    """Return the columns by which a model has segments; none of a model of an older version."""
    segments = getattr(posterior, "segments", None)
    return () if segments is None else tuple(segments.names)


def places_of(posterior: Any, part: pd.DataFrame) -> Ints:
    """Return the place of each customer's segment, that of a new one for a segment without a name; 0 without any."""
    if not names_of(posterior):
        return np.zeros(len(part), np.int64)
    return segment_codes(part, posterior.segments.names, posterior.segments.values)


def populations_of(posterior: Any) -> list[Any]:
    """Return the posterior of each segment, that of a new one last; the posterior itself without segments."""
    if not names_of(posterior):
        return [posterior]
    return [posterior.of_segment(at) for at in range(posterior.segments.new + 1)]


def channels_of(part: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.object_]:
    """Return the channel of each customer: the values of some columns as one text; `all` without columns."""
    if not columns:
        return np.full(len(part), ALL, object)
    texts = [part[name].astype(str).to_numpy(object) for name in columns]
    return np.array([JOINED.join(values) for values in zip(*texts, strict=True)], object)


def shares_of(posterior: Any, columns: Sequence[str], channel: str) -> dict[int, float]:
    """Return the share of each segment, by its place, among the new customers of a channel.

    They are as among the customers of the fit. A channel of which the model has no segment is a new segment. A channel
    that the segments do not distinguish has the shares of all customers.
    """
    if not is_distinguished(posterior, columns, channel):
        shares = posterior.shares()
        return {int(at): float(shares[at]) for at in np.flatnonzero(shares)}
    segments = posterior.segments
    chosen = [segments.names.index(name) for name in columns]
    texts = [JOINED.join(values[at] for at in chosen) for values in segments.values]
    sizes = {at: segments.customers[at] for at, text in enumerate(texts) if text == channel}
    total = sum(sizes.values())
    return {at: size / total for at, size in sizes.items()} if total else {segments.new: 1.0}


def is_distinguished(posterior: Any, columns: Sequence[str], channel: str) -> bool:
    """Return whether the segments of a model distinguish a channel from others."""
    return channel != ALL and bool(columns) and set(columns) <= set(names_of(posterior))


def population_name(posterior: Any, columns: Sequence[str], channel: str) -> str:
    """Return whose new customers those of a channel are: of a segment, of so many segments, or of all."""
    if not is_distinguished(posterior, columns, channel):
        return ALL
    shares = shares_of(posterior, columns, channel)
    if len(shares) > 1:
        return f"{len(shares)} segments"
    (place,) = shares
    return NEW_SEGMENT if place == posterior.segments.new else JOINED.join(posterior.segments.values[place])
