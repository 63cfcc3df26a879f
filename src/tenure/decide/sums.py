"""Sum the customers part by part: by tier, stage, cohort and channel, and the candidates for offers."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from .columns import CUSTOMERS, DISAGREEMENTS, KEEP, TOP, WIN_BACK
from .costs import cost_of
from .futures import Block, Floats, simulate_blocks
from .groups import GroupSums
from .history import AGES, summary_columns, to_dates
from .lifecycle import Timing, disagreements, stage_of
from .offers import Listed, by_clv, by_gain, evaluate_offer, observed_rates, offer_columns, unreliable_ranges
from .question import Question
from .ranking import Thresholds, keys_of
from .returns import ReturnSums
from .segments import ALL, channels_of, names_of
from .value import Worth, outcome_columns, value_columns

OFFERS = ("highest_offer", "has_offer")


@dataclass
class Sums:
    """The sums of the parts of the customers so far.

    Attributes:
        question: what decisions are derived with.
        thresholds: what separates the tiers.
        unstable_means: customers whose mean rests on a few draws.
        new_segment_customers: customers of a segment that the model does not name.
        hits: by tier, how many of the customers down to it are expected to be so by realised clv.
        moves: customers by their stage on the earlier day and their stage now.
    """

    question: Question
    thresholds: Thresholds
    unstable_means: int = 0
    new_segment_customers: int = 0
    hits: dict[str, float] = field(default_factory=dict)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draws, offer = self.question.scorer.draws, self.question.settings.offer
        self.worth = Worth.empty(draws)
        money = ("historic_spend", "clv")
        self.tiers = GroupSums(draws, money)
        self.stages = GroupSums(draws, (*money, "p_alive", "p_purchase", "is_overdue", "disagrees", *OFFERS))
        aged = [name for days in AGES for name in (f"spend_{days}", f"aged_{days}")]
        self.cohorts = GroupSums(draws, (*money, "returned_once", *aged))
        self.never = GroupSums(draws, ())
        self.channels = GroupSums(
            draws, ("returned_once", "first_order_spend", "cost", "has_cost", "sold", "returned", *aged)
        )
        cost_segment = self.question.settings.acquisition.cost_segment
        self.returns = ReturnSums(draws, [name for name in self.question.segments if name != cost_segment])
        self.to_win_back, self.to_keep = Listed(offer.most_customers, by_gain), Listed(offer.most_customers, by_gain)
        self.disagreeing = Listed(offer.most_customers, by_clv)
        self.unreliable = unreliable_ranges(self.question.reliability, offer.largest_gap)
        self.timing = Timing(self.question.scorer, self.question.params.horizon_days, self.question.settings.stages)

    def add(self, part: pd.DataFrame, advance: Callable[[int], None]) -> pd.DataFrame:
        """Score a part, add its sums; return the rows of its customers."""
        part = part.reset_index(drop=True)
        keys, groups = keys_of(part["customer_id"]), self._groups(part)
        scores, simulated, tops, tier = self._simulate(part, keys, groups, advance)
        columns = value_columns(part, scores, self.question) | simulated
        columns |= self._lifecycle(part, columns, groups) | {"stage": groups["stage"], "tier": tier}
        rates = observed_rates(columns["p_purchase"], self.unreliable)
        offer = evaluate_offer(columns["p_purchase"], columns["clv"], self.question.settings.offer)
        columns |= offer_columns(offer, rates)
        rows = self._rows(part, columns, tops)
        self._total(part, rows, groups, tops)
        self._list(part, rows, offer.lift)
        return rows.assign(**{name: part[name] for name in self.question.segments})

    def _groups(self, part: pd.DataFrame) -> dict[str, Any]:
        settings, end = self.question.settings, self.question.days.end
        stages = settings.stages
        first = [end - timedelta(int(days)) for days in part["since_first"]]
        return {
            "stage": stage_of(part["since_first"], part["since_last"], stages),
            "stage_before": stage_of(part["before_first"], part["before_last"], stages),
            "cohort": np.array([day.isoformat()[:7] for day in first], object),
            "channel": channels_of(part, self.question.channel_columns),
        }

    def _simulate(
        self, part: pd.DataFrame, keys: Any, groups: Mapping[str, Any], advance: Callable[[int], None]
    ) -> tuple[pd.DataFrame, dict[str, Floats], Floats, Any]:
        """Simulate the customers of a part in blocks; return their scores, probabilities and tiers."""
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
        return pd.concat(tables).sort_index(), simulated, tops, tier

    def _add_futures(self, block: Block, part: pd.DataFrame, groups: Mapping[str, Any], tier: Any) -> None:
        rows = block.rows
        self.returns.add_futures(part.iloc[rows], block.clv)
        self.unstable_means += block.unstable_means
        self.new_segment_customers += block.new_segment_customers
        self.worth.futures += block.clv.sum(axis=0)
        self.tiers.add_futures(tier[rows], block.clv)
        self.stages.add_futures(groups["stage"][rows], block.clv)
        self.cohorts.add_futures(groups["cohort"][rows], block.clv)
        once = part["orders"].to_numpy()[rows] == 1
        self.never.add_futures(groups["cohort"][rows], (block.purchases == 0) & once[:, None])

    def _lifecycle(self, part: pd.DataFrame, columns: Mapping[str, Any], groups: Mapping[str, Any]) -> dict[str, Any]:
        settings = self.question.settings.stages
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of horizons, as everywhere
            times = self.timing.columns(part, columns["p_purchase"], columns["p_alive"])
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
        self.worth.add(columns_of(rows))
        self.tiers.add(rows["tier"], columns_of(rows))
        self.stages.add(rows["stage"], {**columns_of(rows), "has_offer": rows["highest_offer"].notna()})
        for move in zip(rows["stage_before"], rows["stage"], strict=True):
            self.moves[move] = self.moves.get(move, 0) + 1
        names = list(self.thresholds.shares)
        for at, name in enumerate(names):
            inside = rows["tier"].isin(names[: at + 1]).to_numpy()
            self.hits[name] = self.hits.get(name, 0.0) + float(tops[at][inside].sum())
        further = self._further(part)
        self.cohorts.add(groups["cohort"], {**columns_of(rows), **further})
        self.channels.add(groups["channel"], further)
        if names_of(self.question.scorer.posterior):
            self.channels.add(np.full(len(part), ALL, object), further)
        self.returns.add(part, rows["clv"])

    def _further(self, part: pd.DataFrame) -> dict[str, Any]:
        """Return the columns that cohorts and channels sum: spend by age of those who were observed so long."""
        cost = cost_of(part, self.question.settings, self.question.channel_columns)
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

    def _list(self, part: pd.DataFrame, rows: pd.DataFrame, lift: Floats) -> None:
        """List the customers to win back, with what a simulation of their gain needs, to keep, and in doubt."""
        is_quiet = rows["stage"].isin(["inactive", "dormant"]).to_numpy()
        names = [*summary_columns(part)[1:], *names_of(self.question.scorer.posterior)]
        summary = {name: part[name] for name in names}
        for listed, columns, is_in, further in (
            (self.to_win_back, WIN_BACK, is_quiet, summary),
            (self.to_keep, KEEP, ~is_quiet, {}),
            (self.disagreeing, DISAGREEMENTS, rows["disagrees"].to_numpy(bool), {}),
        ):
            names = [column.name for column in columns if column.name in rows]
            listed.add(rows[names].assign(lift=lift, **further)[is_in])


def columns_of(rows: pd.DataFrame) -> Mapping[str, Any]:
    """Return the columns of a frame by name."""
    return {str(name): rows[name] for name in rows.columns}
