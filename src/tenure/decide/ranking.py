"""Tiers: how likely a customer's realised clv is among the top share of all customers'.

In every simulated future the realised values of the customers are ranked. Values are counted in logarithmic bins, each
1% wide, which need little memory; customers in the bin of the threshold are tied, and a tie is broken at random. Most
customers buy nothing in most futures, so ties at zero are common. A random order of tied customers need not be drawn:
its probability is known, the share of the tied places that are above the threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..scorer import customer_keys
from ..settings import REST
from ..summary import canonical_ids
from .futures import Block, Floats

type Keys = NDArray[np.uint64]
OCTAVES, PER_OCTAVE = 40, 64  # on each side of the reference value
BINS = 2 * OCTAVES * PER_OCTAVE + 2


def sampled(keys: Keys, customers: int, most: int) -> NDArray[np.bool_]:
    """Return which customers are in the sample for thresholds: those with the smallest hashes, about `most` of all."""
    if customers <= most:
        return np.ones(keys.size, np.bool_)
    return keys.astype(np.float64) < (most / customers) * 2.0**64


def keys_of(ids: Any) -> Keys:
    """Return the hash of each customer's id, which chooses the sample and breaks ties."""
    return customer_keys(canonical_ids(pd.Series(ids)), 0)


def to_bins(values: Floats, reference: float) -> NDArray[np.int32]:
    """Return the bin of each value: 0 for zero, then powers of 2^(1/64) relative to the reference."""
    bins = np.zeros(values.shape, np.int32)
    paid = values > 0
    places = (np.log2(values[paid] / reference) + OCTAVES) * PER_OCTAVE
    bins[paid] = 1 + np.clip(places, 0, BINS - 2).astype(np.int32)
    return bins


@dataclass(frozen=True)
class Thresholds:
    """What separates the top shares of customers.

    Attributes:
        shares: the cumulative share down to each tier, by tier.
        reference: the value of `to_bins`.
        bins: the bin of the threshold by share and draw, shape (shares, draws).
        parts: the share of the customers in that bin who are above the threshold, alike.
        cuts: the expected clv and the hash of the last customer in each share, by expected clv.
        customers: how many customers the thresholds are computed from.
    """

    shares: Mapping[str, float]
    reference: float
    bins: NDArray[np.int32]
    parts: Floats
    cuts: tuple[tuple[float, int], ...]
    customers: int

    def money(self) -> Floats:
        """Return the clv at each threshold, shape (shares, draws); 0 where it lies among customers who buy nothing."""
        octaves = (self.bins - self.parts) / PER_OCTAVE - OCTAVES
        return np.where(self.bins > 0, self.reference * np.exp2(octaves), 0.0)

    def probabilities(self, clv: Floats) -> Floats:
        """Return the probability of being among each top share, shape (shares, customers)."""
        bins = to_bins(clv, self.reference)
        chances = np.empty((len(self.bins), len(clv)))
        for at, (of_share, part) in enumerate(zip(self.bins, self.parts, strict=True)):
            chances[at] = ((bins > of_share) + (bins == of_share) * part).mean(axis=1)
        return chances

    def tiers(self, clv: Floats, keys: Keys) -> NDArray[np.object_]:
        """Return each customer's tier by expected clv; ties are broken by the hash of the id."""
        tier = np.full(clv.size, REST, object)
        for name, (cut, key) in reversed(list(zip(self.shares, self.cuts, strict=True))):
            tier[(clv > cut) | ((clv == cut) & (keys >= np.uint64(key)))] = name
        return tier


class Ranking:
    """The values of the customers in the sample, counted by bin and draw."""

    def __init__(self, shares: Mapping[str, float], reference: float, draws: int) -> None:
        self.shares = dict(zip(shares, np.cumsum(list(shares.values())), strict=True))
        self.reference, self.draws, self.customers = reference, draws, 0
        self.counts = np.zeros(draws * BINS, np.int32)
        self.clv: list[Floats] = []
        self.keys: list[Keys] = []

    def add(self, block: Block, keys: Keys) -> None:
        """Count the customers of a block."""
        bins = to_bins(block.clv, self.reference)
        _, draws = paid = np.nonzero(bins)
        np.add.at(self.counts, draws * BINS + bins[paid], 1)
        self.customers += len(keys)
        self.clv.append(block.scores["clv"].to_numpy())
        self.keys.append(keys)

    def thresholds(self) -> Thresholds:
        """Return the thresholds of the customers so far."""
        wanted = np.array(list(self.shares.values())) * self.customers
        bins, parts = np.empty((wanted.size, self.draws), np.int32), np.empty((wanted.size, self.draws))
        for draw, counts in enumerate(self.counts.reshape(self.draws, BINS)):
            inside = counts.astype(np.int64)
            inside[0] = self.customers - inside[1:].sum()
            reached = inside[::-1].cumsum()[::-1]  # customers in this bin or a higher one
            at = (reached[None, :] >= wanted[:, None] - 1e-9).sum(axis=1) - 1
            bins[:, draw] = at
            parts[:, draw] = (wanted - (reached[at] - inside[at])) / inside[at]
        return Thresholds(self.shares, self.reference, bins, parts, self._cuts(), self.customers)

    def _cuts(self) -> tuple[tuple[float, int], ...]:
        clv, keys = np.concatenate(self.clv), np.concatenate(self.keys)
        order = np.lexsort((keys, clv))[::-1]
        last = (max(round(share * clv.size), 1) - 1 for share in self.shares.values())
        return tuple((float(clv[order[at]]), int(keys[order[at]])) for at in last)
