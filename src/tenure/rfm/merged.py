"""Merge the distinct histories of disjoint groups of customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bounds import MOST_SEGMENTS
from ..summary import Amounts, FirstOrders, Orders
from .compressed import CompressedSummary, Histories, Spends
from .parts import Part, refuse_segments

type Ints = npt.NDArray[np.int64]


def merge(groups: list[CompressedSummary]) -> CompressedSummary:
    """Return the histories of customers of all groups, in the order in which `CompressedSummary.of` has them.

    The list is emptied: the orders of the groups are in memory no longer than needed.
    """
    if len(groups) == 1:
        return groups.pop()
    first, orders = groups[0], [group.orders for group in groups if group.orders is not None]
    merged = replace(
        first,
        histories=_histories([group.histories for group in groups]),
        spends=_spends([group.spends for group in groups]),
        first_orders=_first_orders([group.first_orders for group in groups if group.first_orders is not None]),
        amounts=_amounts([group.amounts for group in groups if group.amounts is not None]),
        orders=None,
        parts=_parts(groups, first.segment_names) if first.segment_names else (),
    )
    del first
    groups.clear()
    return replace(merged, orders=_orders(orders))


def _parts(groups: Sequence[CompressedSummary], names: tuple[str, ...]) -> tuple[Part, ...]:
    by_values: dict[tuple[str, ...], list[CompressedSummary]] = {}
    for group in groups:
        for part in group.parts:
            by_values.setdefault(part.values, []).append(part.base)
    if len(by_values) > MOST_SEGMENTS:
        refuse_segments(names, len(by_values))
    return tuple(Part(values, merge(by_values[values])) for values in sorted(by_values))


def _histories(groups: list[Histories]) -> Histories:
    keys = [_joined(groups, name) for name in ("frequency", "recency", "T")]
    order, starts = _distinct(keys)
    frequency, recency, T = (key[order[starts]] for key in keys)
    return Histories(frequency, recency, T, _summed(_joined(groups, "count"), order, starts))


def _spends(groups: list[Spends]) -> Spends:
    keys = [_joined(groups, name) for name in ("frequency", "mean")]
    order, starts = _distinct(keys)
    frequency, mean = (key[order[starts]] for key in keys)
    return Spends(frequency, mean, _summed(_joined(groups, "count"), order, starts))


def _amounts(groups: list[Amounts]) -> Amounts | None:
    if not groups:
        return None
    keys = [_joined(groups, name) for name in ("frequency", "mean")]
    count, log_ratio = _joined(groups, "count"), _joined(groups, "log_ratio")
    order, starts = _distinct(keys)
    counts = _summed(count, order, starts)
    means = _summed(log_ratio * count, order, starts) / counts
    frequency, mean = (key[order[starts]] for key in keys)
    return Amounts(frequency, mean, means, counts, groups[0].least, sum(group.days for group in groups))


def _orders(groups: list[Orders]) -> Orders | None:
    if not groups:
        return None
    joined = Orders.joined(groups)
    groups.clear()
    return joined.counted()


def _first_orders(groups: list[FirstOrders]) -> FirstOrders | None:
    if not groups:
        return None
    sizes, means, sds = (np.array([getattr(one, name) for one in groups]) for name in ("customers", "mean", "sd"))
    mean = float(sizes @ means / sizes.sum())
    variance = float(sizes @ (sds**2 + (means - mean) ** 2) / sizes.sum())
    return FirstOrders(mean, float(np.sqrt(variance)), int(sizes.sum()))


def _joined(groups: Sequence[Any], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(group, name) for group in groups])


def _distinct(keys: list[npt.NDArray[Any]]) -> tuple[Ints, Ints]:
    """Return the order that sorts rows by several keys, and the places in it where another row begins."""
    order = np.lexsort(keys[::-1])
    is_first = np.zeros(order.size, dtype=bool)
    is_first[:1] = True
    for key in keys:
        ranked = key[order]
        is_first[1:] |= ranked[1:] != ranked[:-1]
    return order, np.flatnonzero(is_first)


def _summed(values: npt.NDArray[Any], order: Ints, starts: Ints) -> npt.NDArray[Any]:
    return np.add.reduceat(values[order], starts) if starts.size else values[:0]
