"""Derive all decisions from a model and a log: two passes over the customers, part by part."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..rfm import StreamedSummary
from ..scorer import Params
from ..settings import REST, DecideSettings
from ..streams import stream
from .acquisition import NewCustomers, tabulate_acquisition, value_new_customers
from .dictionary import ACQUISITION, COHORTS, CUSTOMERS, STAGES, TIERS, TOP, WIN_BACK, tabulate_dictionary
from .futures import Block, Floats, simulate_blocks
from .groups import GroupSums
from .history import AGES, Days, DecideError, to_dates
from .lifecycle import NEVER, Timing, disagreements, stage_of
from .lifecycle import STAGES as STAGE_NAMES
from .offers import (
    Candidates,
    Unreliable,
    evaluate_offer,
    observed_rates,
    offer_columns,
    ranked,
    simulate_gain,
    spend_budget,
    unreliable_ranges,
)
from .ranking import Ranking, Thresholds, keys_of, sampled
from .value import Worth, cost_of, outcome_columns, value_columns

type Sink = Callable[[pd.DataFrame], None]
WIN_BACK_FILE = "win_back.csv"  # names customers, as customers.parquet does
ALL = "all"  # the channel of all customers


@dataclass(frozen=True)
class Question:
    """What decisions are derived with.

    Attributes:
        scorer: of the model.
        params: of scoring.
        settings: of decisions.
        days: the end of observation, the earlier day, the horizon.
        segments: names of the log's segments.
        reliability: the reliability table of the model's backtest; None where there is none.
        top_hits: the share of the best tenth that was in the tenth with the highest expectations there; None where that
            was not measured.
    """

    scorer: Any
    params: Params
    settings: DecideSettings
    days: Days
    segments: tuple[str, ...] = ()
    reliability: pd.DataFrame | None = None
    top_hits: float | None = None

    @property
    def score_params(self) -> dict[str, Any]:
        """Return the params by name."""
        return {
            name: getattr(self.params, name) for name in ("horizon_days", "discount_rate", "margin", "level", "seed")
        }

    @property
    def ranks(self) -> tuple[int, int]:
        """Return the ranks, from 0, of the ends of an interval over the futures."""
        size, tail = self.scorer.draws, 0.5 * (1.0 - self.params.level)
        low, high = (int(np.ceil(quantile * size - 1e-9)) - 1 for quantile in (tail, 1.0 - tail))
        return max(low, 0), min(high, size - 1)


@dataclass(frozen=True)
class Decisions:
    """The tables of decisions, and the sums and curves that the page shows; rows of customers went to the sink.

    Attributes:
        question: what they were derived with.
        worth: sums over the customer base.
        tiers, stages, cohorts, acquisition, win_back, dictionary: the tables.
        new_customers: the curve of a new customer's margin.
        gains: the total gain of the selected offers in each future.
        unreliable: ranges of p_purchase that the backtest found wrong.
        thresholds: what separates the tiers.
        returns: sales, refunds and their share by channel.
        unstable_means: customers whose mean rests on a few draws.
    """

    question: Question
    worth: Worth
    tiers: pd.DataFrame
    stages: pd.DataFrame
    cohorts: pd.DataFrame
    acquisition: pd.DataFrame
    win_back: pd.DataFrame
    dictionary: pd.DataFrame
    new_customers: NewCustomers
    gains: Floats
    unreliable: list[Unreliable]
    thresholds: Thresholds
    returns: pd.DataFrame
    unstable_means: int = 0

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the names of their files."""
        names = ("tiers", "stages", "cohorts", "acquisition", "win_back", "dictionary")
        return {f"{name}.csv": getattr(self, name) for name in names}


def summary_of(decisions: Decisions) -> dict[str, float]:
    """Return the main numbers of decisions by name."""
    worth, selected = decisions.worth, decisions.win_back["is_selected"].astype(bool)
    (low, high), ordered = decisions.question.ranks, np.sort(worth.futures)
    gains = np.sort(decisions.gains)
    first = decisions.acquisition.iloc[0]
    return {
        "historic_spend": worth.sums["historic_spend"],
        "clv": worth.sums["clv"],
        "clv_low": float(ordered[low]),
        "clv_high": float(ordered[high]),
        "new_customer_clv": float(first["clv"]),
        "ceiling": float(first["ceiling"]),
        "offers": float(selected.sum()),
        "offer_cost": float(decisions.win_back["offer_cost"][selected].sum()),
        "offer_gain": float(decisions.win_back["offer_gain"][selected].sum()),
        "offer_gain_low": float(gains[low]),
        "offer_gain_high": float(gains[high]),
    }


def derive(
    histories: StreamedSummary,
    customers: int,
    question: Question,
    sink: Sink,
    advance: Callable[[int], None] = lambda _: None,
) -> Decisions:
    """Derive the decisions; each part of the customers is handed to the sink.

    Args:
        histories: of `stream_histories`.
        customers: how many there are.
        question: what to derive them with.
        sink: takes the rows of `customers.parquet`.
        advance: called with the number of customers of each block that is done, in either pass.
    """
    thresholds = _thresholds(histories, customers, question, advance)
    new = value_new_customers(question.scorer, question.params, question.settings)
    sums = _Sums(question, thresholds)
    for part in histories.parts():
        sink(sums.add(part, advance))
    return sums.finish(new)


def _thresholds(
    histories: StreamedSummary, customers: int, question: Question, advance: Callable[[int], None]
) -> Thresholds:
    """Rank the customers of the sample in every future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        newcomer = pd.DataFrame(
            {"customer_id": ["new"], "frequency": [0], "recency": [0], "T": [0], "monetary_value": [0.0]}
        )
        reference = float(question.scorer.expect(newcomer, **question.score_params)["clv"].iloc[0])
    ranking = Ranking(question.settings.shares, max(reference, 1e-300), question.scorer.draws)
    for part in histories.parts():
        keys = keys_of(part["customer_id"])
        chosen = sampled(keys, customers, question.settings.threshold_customers)
        for block in simulate_blocks(question.scorer, part[chosen], question.score_params):
            ranking.add(block, keys[chosen][block.rows])
            advance(len(block.rows))
    if not ranking.customers:
        raise DecideError("There is no customer to decide on.")
    return ranking.thresholds()


@dataclass
class _Sums:
    """The sums of the parts so far."""

    question: Question
    thresholds: Thresholds
    unstable_means: int = 0
    hits: dict[str, float] = field(default_factory=dict)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draws, offer = self.question.scorer.draws, self.question.settings.offer
        self.worth = Worth.empty(draws)
        money = ("historic_spend", "clv")
        self.tiers = GroupSums(draws, money)
        self.stages = GroupSums(draws, (*money, "p_alive", "p_purchase", "is_overdue", "disagrees"))
        aged = [name for days in AGES for name in (f"spend_{days}", f"aged_{days}")]
        self.cohorts = GroupSums(draws, (*money, "returned_once", *aged))
        self.never = GroupSums(draws, ())
        self.channels = GroupSums(
            draws, ("returned_once", "first_order_spend", "cost", "has_cost", "sold", "returned", *aged)
        )
        self.candidates = Candidates(offer.most_customers)
        self.unreliable = unreliable_ranges(self.question.reliability, offer.largest_gap)
        self.timing = Timing(self.question.scorer, self.question.params.horizon_days, self.question.settings.stages)

    def add(self, part: pd.DataFrame, advance: Callable[[int], None]) -> pd.DataFrame:
        """Score a part, add its sums; return the rows of its customers."""
        part = part.reset_index(drop=True)
        keys, groups = keys_of(part["customer_id"]), self._groups(part)
        scores, simulated, tops, tier = self._simulate(part, keys, groups, advance)
        columns = value_columns(part, scores, self.question.params, self.question.settings) | simulated
        columns |= self._lifecycle(part, columns) | {"stage": groups["stage"], "tier": tier}
        rates = observed_rates(columns["p_purchase"], self.unreliable)
        offer = evaluate_offer(columns["p_purchase"], columns["clv"], self.question.settings.offer)
        columns |= offer_columns(offer, rates)
        rows = self._rows(part, columns, tops)
        self._total(part, rows, groups, tops)
        self._keep_candidates(part, rows, offer.lift)
        return rows.assign(**{name: part[name] for name in self.question.segments})

    def _groups(self, part: pd.DataFrame) -> dict[str, Any]:
        settings, end = self.question.settings, self.question.days.end
        stages, channel = settings.stages, settings.acquisition.channel
        first = [end - timedelta(int(days)) for days in part["since_first"]]
        return {
            "stage": stage_of(part["since_first"], part["since_last"], stages),
            "stage_before": stage_of(part["before_first"], part["before_last"], stages),
            "cohort": np.array([day.isoformat()[:7] for day in first], object),
            "channel": np.full(len(part), ALL, object) if channel is None else part[channel].astype(object).fillna("none").to_numpy(object),
        }  # fmt: skip

    def _simulate(
        self, part: pd.DataFrame, keys: Any, groups: Mapping[str, Any], advance: Callable[[int], None]
    ) -> tuple[pd.DataFrame, dict[str, Floats], Floats, Any]:
        """Simulate the customers of a part in blocks; return their scores, probabilities and tiers."""
        scores: pd.DataFrame | None = None
        simulated: dict[str, Floats] = {}
        tops, tier = np.empty((len(self.thresholds.shares), len(part))), np.empty(len(part), object)
        tables: list[pd.DataFrame] = []
        for block in simulate_blocks(self.question.scorer, part, self.question.score_params):
            tables.append(block.scores.set_axis(block.rows))
            for name, values in outcome_columns(block, part, self.question.params).items():
                simulated.setdefault(name, np.empty(len(part)))[block.rows] = values
            tops[:, block.rows] = self.thresholds.probabilities(block.clv)
            tier[block.rows] = self.thresholds.tiers(block.scores["clv"].to_numpy(), keys[block.rows])
            self._add_futures(block, part, groups, tier)
            advance(len(block.rows))
        scores = pd.concat(tables).sort_index()
        return scores, simulated, tops, tier

    def _add_futures(self, block: Block, part: pd.DataFrame, groups: Mapping[str, Any], tier: Any) -> None:
        rows = block.rows
        self.unstable_means += block.unstable_means
        self.worth.futures += block.clv.sum(axis=0)
        self.tiers.add_futures(tier[rows], block.clv)
        self.stages.add_futures(groups["stage"][rows], block.clv)
        self.cohorts.add_futures(groups["cohort"][rows], block.clv)
        once = part["orders"].to_numpy()[rows] == 1
        self.never.add_futures(groups["cohort"][rows], (block.purchases == 0) & once[:, None])

    def _lifecycle(self, part: pd.DataFrame, columns: Mapping[str, Any]) -> dict[str, Any]:
        settings, groups = self.question.settings.stages, self._groups(part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of horizons, as everywhere
            times = self.timing.columns(part, columns["p_purchase"])
        ahead = times.pop("alive_until_days")
        return {
            **times,
            "alive_until": to_dates(self.question.days.end, -np.nan_to_num(ahead), np.isfinite(ahead)),
            "stage_before": groups["stage_before"],
            "disagrees": disagreements(groups["stage"], columns["p_purchase"], settings),
        }

    def _rows(self, part: pd.DataFrame, columns: Mapping[str, Any], tops: Floats) -> pd.DataFrame:
        end = self.question.days.end
        dates = {
            "first_purchase": to_dates(end, part["since_first"]), "last_purchase": to_dates(end, part["since_last"]),
        }  # fmt: skip
        every = {"customer_id": part["customer_id"], **dates, **columns}
        named = dict(zip((TOP.format(name) for name in self.thresholds.shares), tops, strict=True))
        return pd.DataFrame({**{column.name: every[column.name] for column in CUSTOMERS}, **named})

    def _total(self, part: pd.DataFrame, rows: pd.DataFrame, groups: Mapping[str, Any], tops: Floats) -> None:
        self.worth.add(rows)
        self.tiers.add(rows["tier"], rows)
        self.stages.add(rows["stage"], rows)
        for move, number in (
            pd.Series(list(zip(rows["stage_before"], rows["stage"], strict=True))).value_counts().items()
        ):
            self.moves[move] = self.moves.get(move, 0) + int(number)  # type: ignore[index]
        names = list(self.thresholds.shares)
        for at, name in enumerate(names):
            inside = rows["tier"].isin(names[: at + 1]).to_numpy()
            self.hits[name] = self.hits.get(name, 0.0) + float(tops[at][inside].sum())
        further = self._further(part)
        self.cohorts.add(groups["cohort"], {**rows, **further})
        self.channels.add(groups["channel"], further)

    def _further(self, part: pd.DataFrame) -> dict[str, Any]:
        """Return the columns that cohorts and channels sum: spend by age of those who were observed so long."""
        cost = cost_of(part, self.question.settings)
        aged = {f"aged_{days}": (part["since_first"].to_numpy() >= days) * 1.0 for days in AGES}
        spends = {f"spend_{days}": part[f"spend_{days}"].to_numpy(np.float64) * aged[f"aged_{days}"] for days in AGES}
        return {
            "returned_once": part["orders"].to_numpy() > 1,
            "first_order_spend": part["first_order_spend"],
            "cost": np.nan_to_num(cost),
            "has_cost": ~np.isnan(cost),
            "sold": part["sold"],
            "returned": part["returned"],
            **aged,
            **spends,
        }

    def _keep_candidates(self, part: pd.DataFrame, rows: pd.DataFrame, lift: Floats) -> None:
        """Keep inactive and dormant customers, with the summaries that a simulation of their gain needs."""
        quiet = rows["stage"].isin(["inactive", "dormant"]).to_numpy()
        names = [column.name for column in WIN_BACK if column.name in rows]
        summary = part.loc[quiet, ["frequency", "recency", "T", "monetary_value"]]
        self.candidates.add(rows.loc[quiet, names].assign(lift=lift[quiet], **summary))

    def finish(self, new: NewCustomers) -> Decisions:
        """Return the tables."""
        win_back, gains = self._win_back()
        settings = self.question.settings
        return Decisions(
            question=self.question,
            worth=self.worth,
            tiers=self._tier_table(),
            stages=self._stage_table(),
            cohorts=self._cohort_table(),
            acquisition=self._acquisition_table(new),
            win_back=win_back,
            dictionary=tabulate_dictionary(list(settings.shares), self.question.segments, settings.currency),
            new_customers=new,
            gains=gains,
            unreliable=self.unreliable,
            thresholds=self.thresholds,
            returns=self._returns(),
            unstable_means=self.unstable_means,
        )

    def _with_interval(self, table: pd.DataFrame, sums: GroupSums, key: str) -> pd.DataFrame:
        low, high = sums.interval(list(table[key]), *self.question.ranks)
        return table.assign(clv_low=low, clv_high=high, share_of_customers=table["customers"] / self.worth.customers)

    def _tier_table(self) -> pd.DataFrame:
        names = list(self.thresholds.shares)
        table = self._with_interval(self.tiers.table("tier", [*names, REST]), self.tiers, "tier")
        edges, none = np.sort(self.thresholds.money(), axis=1), [np.nan]
        low, high = self.question.ranks
        through = table["customers"].cumsum().to_numpy()[:-1]
        hits = [self.hits[name] / number if number else np.nan for name, number in zip(names, through, strict=True)]
        table = table.assign(
            share_of_spend=_shares(table["historic_spend"]),
            share_of_clv=_shares(table["clv"]),
            from_clv=np.append(edges.mean(axis=1), none),
            from_clv_low=np.append(edges[:, low], none),
            from_clv_high=np.append(edges[:, high], none),
            expected_hits=[*hits, np.nan],
        )
        return table[[column.name for column in TIERS]]

    def _stage_table(self) -> pd.DataFrame:
        table = self._with_interval(self.stages.table("stage", STAGE_NAMES), self.stages, "stage")
        moved = {
            f"from_{before}": [self.moves.get((before, stage), 0) for stage in STAGE_NAMES]
            for before in (NEVER, *STAGE_NAMES)
        }
        named = {
            "p_alive": "expected_alive",
            "p_purchase": "expected_buyers",
            "is_overdue": "overdue",
            "disagrees": "disagree",
        }
        table = table.rename(columns=named).astype({"overdue": "int64", "disagree": "int64"}).assign(**moved)
        return table[[column.name for column in STAGES]]

    def _cohort_table(self) -> pd.DataFrame:
        table = self._with_interval(self.cohorts.table("cohort"), self.cohorts, "cohort")
        size = table["customers"]
        cohorts = list(table["cohort"])
        low, high = self.never.interval(cohorts, *self.question.ranks)
        means = np.array([self.never.futures[cohort].mean() for cohort in cohorts])
        table = table.assign(
            second_purchase_rate=table["returned_once"] / size,
            never_returned=1.0 - table["returned_once"] / size,
            expected_never_returned=means / size,
            never_returned_low=low / size,
            never_returned_high=high / size,
            **{f"spend_{days}": _means(table, days) for days in AGES},
        )
        return table[[column.name for column in COHORTS]]

    def _acquisition_table(self, new: NewCustomers) -> pd.DataFrame:
        sums = self.channels.table("channel").to_dict("records")
        channels = {
            str(row["channel"]): {
                "cost": row["cost"] / row["has_cost"] if row["has_cost"] else np.nan,
                "customers": int(row["customers"]),
                "second_purchase_rate": row["returned_once"] / row["customers"],
                "first_order": row["first_order_spend"] / row["customers"],
                "spend_365": row["spend_365"] / row["aged_365"] if row["aged_365"] else np.nan,
                "returned_share": row["returned"] / row["sold"] if row["sold"] else 0.0,
            }
            for row in sums
        }
        unknown = sorted(set(self.question.settings.acquisition.costs) - set(channels) - {ALL})
        if unknown:
            raise DecideError(_unknown_channels(unknown, list(channels)))
        table = tabulate_acquisition(new, channels, self.question.params.level, self.question.settings)
        return table[[column.name for column in ACQUISITION]]

    def _returns(self) -> pd.DataFrame:
        table = self.channels.table("channel")
        share = (table["returned"] / table["sold"].where(table["sold"] > 0)).fillna(0.0)
        return table[["channel", "customers", "sold", "returned"]].assign(returned_share=share)

    def _win_back(self) -> tuple[pd.DataFrame, Floats]:
        """Return the list, and the total gain of the selected offers by future."""
        offer, gains = self.question.settings.offer, np.zeros(self.question.scorer.draws)
        table = self.candidates.table
        if not len(table):
            return pd.DataFrame(columns=[column.name for column in WIN_BACK]), gains
        table = ranked(table)
        table = table.assign(is_selected=spend_budget(table, offer.budget), rank=np.arange(1, len(table) + 1))
        chosen = table[table["is_selected"]].reset_index(drop=True)
        rng = stream(self.question.params.seed, "decide.gain")
        for block in _blocks(self.question, chosen):
            rows = chosen.iloc[block.rows]
            lift, p_purchase = rows["lift"].to_numpy(), rows["p_purchase"].to_numpy()
            gains += simulate_gain(block.purchases, block.clv, lift, p_purchase, offer, rng)
        return table[[column.name for column in WIN_BACK]], gains


def require_channels(histories: StreamedSummary, settings: DecideSettings) -> None:
    """Raise DecideError for costs of channels that no customer has."""
    acquisition = settings.acquisition
    if acquisition.channel is None or not acquisition.costs:
        return
    values = histories.table.select(acquisition.channel).distinct().to_pyarrow().to_pylist()
    there = sorted(str(row[acquisition.channel]) for row in values if row[acquisition.channel] is not None)
    unknown = sorted(set(acquisition.costs) - set(there))
    if unknown:
        raise DecideError(_unknown_channels(unknown, there))


def _unknown_channels(unknown: list[str], there: list[str]) -> str:
    shown, more = ", ".join(map(repr, there[:5])), ", ..." if len(there) > 5 else ""
    return (
        f"decide.acquisition.costs has {len(unknown)} channel{'s' if len(unknown) > 1 else ''} that no customer has"
        f" ({', '.join(map(repr, unknown[:3]))}). The channels of the log are {shown}{more}."
    )


def _blocks(question: Question, chosen: pd.DataFrame) -> Iterator[Block]:
    yield from simulate_blocks(question.scorer, chosen, question.score_params) if len(chosen) else ()


def _shares(values: Any) -> Any:
    total = values.sum()
    return values / total if total > 0 else values * 0.0


def _means(table: pd.DataFrame, days: int) -> Any:
    aged = table[f"aged_{days}"]
    return table[f"spend_{days}"] / aged.where(aged > 0)
