"""The scorer: a posterior and customer summaries in, what each customer is worth out."""

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from ..posterior import PARAMETERS, Posterior
from ..summary import Rfm
from .kernel import TOTALS, expect_new_customer, hold, interval_ranks, score_block
from .random import customer_keys
from .tabulation import fractions

Floats = NDArray[np.float64]
HORIZON_LIMIT_DAYS = 30 * 365
GROUPS = 1000
BLOCK = 128  # rows that a thread scores at a time; totals are sums of blocks in order, so threads change no bit
COLUMNS = (
    "p_alive",
    "p_purchase",
    "expected_purchases",
    "purchases_low",
    "purchases_high",
    "expected_spend",
    "clv",
    "clv_low",
    "clv_high",
    "clv_mean_low",
    "clv_mean_high",
)


# What needs no simulation.
EXPECTED = tuple(name for name in COLUMNS if name not in ("purchases_low", "purchases_high", "clv_low", "clv_high"))


class ScoreError(InputError):
    """A question that the scorer cannot answer."""


class HorizonWarning(UserWarning):
    """The horizon is longer than any that the model was checked on."""


@dataclass(frozen=True)
class Params:
    """What is asked of the scorer.

    Args:
        horizon_days: whole days ahead, from 1 to 30 years.
        discount_rate: annual and effective; a purchase t days ahead is worth (1 + d)^(-t / 365).
        margin: share of spend that is kept, in (0, 1].
        level: probability of the intervals.
        seed: of the simulated outcomes.
    """

    horizon_days: int = 365
    discount_rate: float = 0.10
    margin: float = 1.0
    level: float = 0.90
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be {rule}, got {getattr(self, name)!r}"
            for name, rule, is_right in (
                ("horizon_days", f"a whole number of days from 1 to {HORIZON_LIMIT_DAYS:,}", self._days_are_right()),
                ("discount_rate", "an annual rate from 0 to 5 (0.10 is ten percent)", self._between(0, 5)),
                ("margin", "above 0 and at most 1", self._inside("margin", closed=True)),
                ("level", "above 0 and below 1", self._inside("level", closed=False)),
                ("seed", "a whole number from 0 to 2^63 - 1", _is_whole(self.seed) and 0 <= self.seed < 2**63),
            )
            if not is_right
        ]
        if faults:
            raise ScoreError("; ".join(faults) + ".")

    @classmethod
    def of(cls, params: Mapping[str, Any] | None) -> "Params":
        """Take params by name; unknown names are refused, with the known ones."""
        known = [part.name for part in fields(cls)]
        unknown = sorted(set(params or {}) - set(known))
        if unknown:
            raise ScoreError(f"Unknown params {', '.join(unknown)}. The params are {', '.join(known)}.")
        return cls(**(params or {}))

    @property
    def delta(self) -> float:
        """Give the continuous discount rate per day."""
        return math.log1p(self.discount_rate) / 365.0

    def _days_are_right(self) -> bool:
        return _is_whole(self.horizon_days) and 1 <= self.horizon_days <= HORIZON_LIMIT_DAYS

    def _between(self, low: float, high: float) -> bool:
        return _is_number(self.discount_rate) and low <= self.discount_rate <= high

    def _inside(self, name: str, *, closed: bool) -> bool:
        value = getattr(self, name)
        return _is_number(value) and value > 0 and (value <= 1 if closed else value < 1)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float | np.floating)


@dataclass(frozen=True)
class Totals:
    """Sums over customers, one per joint draw; adding two adds their customers.

    Args:
        customers: how many customers are in the sums.
        purchases, value: simulated outcomes per draw, shape (draws,).
        expected_purchases, expected_value: expectations per draw, shape (draws,).
    """

    customers: int
    purchases: Floats
    value: Floats
    expected_purchases: Floats
    expected_value: Floats

    @classmethod
    def empty(cls, draws: int) -> "Totals":
        """Start from no customers."""
        return cls(0, *(np.zeros(draws) for _ in range(4)))

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    def table(self, level: float) -> pd.DataFrame:
        """Tabulate `purchases` and `clv`: the point, its predictive and its credible interval."""
        low, high = interval_ranks(self.purchases.size, level)
        rows = {}
        for name, outcome, expected in (
            ("purchases", self.purchases, self.expected_purchases),
            ("clv", self.value, self.expected_value),
        ):
            outcomes, means = np.sort(outcome), np.sort(expected)
            ends = [outcomes[low], outcomes[high], means[low], means[high]]
            rows[name] = [expected.mean(), *ends]
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=["expected", "low", "high", "mean_low", "mean_high"]
        )


@dataclass(frozen=True)
class Scores:
    """The answer: one row per customer in the order given, totals from joint draws, and the params used.

    Args:
        table: `customer_id` and `COLUMNS`.
        totals: of all customers.
        params: those used.
        groups: totals by the values of the columns `by`, in their order.
        by: what customers were grouped by.
    """

    table: pd.DataFrame
    totals: Totals
    params: Params
    groups: Mapping[tuple[Any, ...], Totals] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    def group_table(self) -> pd.DataFrame:
        """Tabulate each group's totals: the columns `by`, `customers`, `total` (purchases, clv) and `Totals.table`."""
        parts = [
            totals.table(self.params.level)
            .rename_axis("total")
            .reset_index()
            .assign(customers=totals.customers, **dict(zip(self.by, key, strict=True)))
            for key, totals in self.groups.items()
        ]
        ends = ["expected", "low", "high", "mean_low", "mean_high"]
        table = pd.concat(parts) if parts else pd.DataFrame(columns=[*self.by, "customers", "total", *ends])
        return table[[*self.by, "customers", "total", *ends]].reset_index(drop=True)


@dataclass(frozen=True)
class Futures:
    """Simulated outcomes, shape (customers, draws); column s uses posterior draw s, so its sum is a joint total."""

    counts: NDArray[np.int32]
    values: Floats


class Scorer:
    """Scores customer summaries with a posterior.

    Args:
        posterior: the fitted population.
        validated_horizon_days: the longest horizon that a holdout has checked; scoring beyond it warns.
        threads: how many threads; all available cores when None. It changes no number.
    """

    def __init__(
        self, posterior: Posterior, *, validated_horizon_days: int | None = None, threads: int | None = None
    ) -> None:
        self.posterior = posterior
        self.validated_horizon_days = validated_horizon_days
        self.threads = threads or _available_cores()
        joint = posterior.joint()
        self._population = tuple(np.ascontiguousarray(joint[name]) for name in PARAMETERS)
        self._chances = posterior.chances_at_birth

    @property
    def draws(self) -> int:
        """Count the joint draws, which is also the number of simulated futures."""
        return int(self._population[0].size)

    def score(self, customers: pd.DataFrame | Rfm, *, by: Sequence[str] = (), **params: Any) -> Scores:
        """Score customer summaries: `horizon_days`, `discount_rate`, `margin`, `level`, `seed` as in `Params`.

        Args:
            customers: the five columns of a summary; columns named by `by` may ride along.
            by: columns to total by, such as a country or a channel; a missing value is a group of its own.
            **params: see `Params`.

        Raises ScoreError for params and groups, SummaryError for customers that break the contract; nothing is scored
        then.
        """
        asked = self._ask(params)
        rfm = customers if isinstance(customers, Rfm) else Rfm.from_frame(customers)
        given = customers.customers if isinstance(customers, Rfm) else customers
        keys, codes = group(given, by)
        table = np.empty((len(rfm.customers), len(COLUMNS)))
        groups = [Totals.empty(self.draws) for _ in keys]
        for at, rows, sums in self._blocks(rfm.customers, asked, table, codes):
            groups[at] += Totals(rows, *sums)
        totals = sum(groups, start=Totals.empty(self.draws))
        frame = pd.DataFrame(table, columns=list(COLUMNS))
        frame[["purchases_low", "purchases_high"]] = frame[["purchases_low", "purchases_high"]].astype("int64")
        frame.insert(0, "customer_id", given["customer_id"].to_numpy())
        frame.attrs["params"] = asdict(asked)
        return Scores(frame, totals, asked, dict(zip(keys, groups, strict=True)) if by else {}, tuple(by))

    def expect(self, customers: pd.DataFrame | Rfm, **params: Any) -> pd.DataFrame:
        """Give `customer_id` and the columns `EXPECTED` of `score`, the same to the bit, without simulating outcomes.

        Several times faster, for whoever needs means and what is known of them, and no customer's interval.
        """
        asked = self._ask(params)
        rfm = customers if isinstance(customers, Rfm) else Rfm.from_frame(customers)
        given = customers.customers if isinstance(customers, Rfm) else customers
        table = np.empty((len(rfm.customers), len(COLUMNS)))
        _, everyone = group(given, ())
        for _ in self._blocks(rfm.customers, asked, table, everyone, with_outcomes=False):
            pass
        frame = pd.DataFrame(table[:, [COLUMNS.index(name) for name in EXPECTED]], columns=list(EXPECTED))
        frame.insert(0, "customer_id", given["customer_id"].to_numpy())
        frame.attrs["params"] = asdict(asked)
        return frame

    def simulate(self, customers: pd.DataFrame | Rfm, **params: Any) -> Futures:
        """Simulate every customer's purchases and value in every future; for as many as memory holds."""
        asked = self._ask(params)
        rfm = customers if isinstance(customers, Rfm) else Rfm.from_frame(customers)
        shape = (len(rfm.customers), self.draws)
        futures = Futures(np.empty(shape, np.int32), np.empty(shape))
        _, everyone = group(rfm.customers, ())
        for _ in self._blocks(rfm.customers, asked, np.empty((shape[0], len(COLUMNS))), everyone, futures):
            pass
        return futures

    def expected_new_customer(self, days: NDArray[np.int64]) -> Floats:
        """Expect the repeat purchases of a new customer within each number of days, shape (draws, days).

        In the MBG/NBD a share of a / (a + b) is gone right after the first purchase and makes none.
        """
        out = np.empty((self.draws, days.size))
        expect_new_customer(
            days.astype(np.float64), self._population, self._chances, fractions(0.0), hold(self.draws), out
        )
        return out

    def _ask(self, params: Mapping[str, Any]) -> Params:
        asked = Params.of(params)
        # A hair is taken off before rounding up: 10 / (1 - 0.9) is 100.00000000000003 in binary.
        least = math.ceil(10 / (1 - asked.level) - 1e-9)
        if self.draws < least:
            most = math.floor(1000 - 10_000 / self.draws) / 1000
            raise ScoreError(
                f"level {asked.level} leaves fewer than five of {self.draws:,} draws in each tail; "
                f"at least {least:,} draws are needed, or a level of at most {most}."
            )
        limit = self.validated_horizon_days
        if limit is not None and asked.horizon_days > limit:
            warnings.warn(
                f"horizon_days {asked.horizon_days:,} is beyond the {limit:,} days that this model was checked on.",
                HorizonWarning,
                stacklevel=3,
            )
        return asked

    def _blocks(
        self,
        customers: pd.DataFrame,
        params: Params,
        table: Floats,
        codes: NDArray[np.int64],
        futures: Futures | None = None,
        *,
        with_outcomes: bool = True,
    ) -> Iterator[tuple[int, int, Floats]]:
        """Fill the table, and the futures if wanted; yield each block's group, number of customers and sums, in order.

        A block's customers are of one group, and in the order of (x, T), so that those who share them share the work.
        Sums come in the order of `kernel.TOTALS`, shape (4, draws).
        """
        names = ("frequency", "recency", "T", "monetary_value")
        columns = [customers[name].to_numpy(np.float64) for name in names]
        ids = customers["customer_id"] if with_outcomes else ()  # without outcomes nothing is drawn
        given = (*columns, customer_keys(ids, params.seed))
        order = np.lexsort((columns[2], columns[0], codes))
        horizon, delta = float(params.horizon_days), params.delta
        asked, quadrature = (horizon, delta, float(params.margin)), fractions(delta * horizon)
        ranks = interval_ranks(self.draws, params.level)
        kept = (np.empty((0, 0), np.int32), np.empty((0, 0))) if futures is None else (futures.counts, futures.values)
        given_to_all = (given, self._population, self._chances, asked, quadrature, ranks, with_outcomes)
        holds: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self.threads):
            holds.put(hold(self.draws))

        def score(span: tuple[int, int]) -> tuple[int, int, Floats]:
            rows, sums = order[slice(*span)], np.zeros((len(TOTALS), self.draws))
            held = holds.get()
            try:
                score_block(rows, *given_to_all, held, table, sums, kept)
            finally:
                holds.put(held)
            return int(codes[rows[0]]), rows.size, sums

        ends = np.cumsum(np.bincount(codes)) if codes.size else np.zeros(0, np.int64)
        spans = [
            (at, min(at + BLOCK, end))
            for start, end in pairwise([0, *map(int, ends)])
            for at in range(start, end, BLOCK)
        ]
        ahead = self.threads * 4  # blocks whose sums wait at once
        with ThreadPoolExecutor(self.threads) as pool:
            for at in range(0, len(spans), ahead):
                yield from pool.map(score, spans[at : at + ahead])


def group(customers: pd.DataFrame, by: Sequence[str]) -> tuple[list[tuple[Any, ...]], NDArray[np.int64]]:
    """Give the distinct values of columns, in order, and each customer's place among them; one group without columns.

    Raises ScoreError for a column that is not there, and for more than `GROUPS` groups.
    """
    if not by:
        return [()], np.zeros(len(customers), np.int64)
    lost = [name for name in by if name not in customers.columns]
    if lost:
        there = ", ".join(map(str, customers.columns))
        raise ScoreError(f"Totals were asked by {', '.join(lost)}, which the customers do not have. They have {there}.")
    grouped = customers.groupby(list(by), sort=True, dropna=False)
    if grouped.ngroups > GROUPS:
        raise ScoreError(
            f"Totals were asked by {', '.join(by)}, which make {grouped.ngroups:,} groups; the most is {GROUPS:,}."
        )
    codes = np.asarray(grouped.ngroup(), np.int64)
    _, firsts = np.unique(codes, return_index=True)
    return [tuple(customers[name].iloc[at] for name in by) for at in map(int, firsts)], codes
