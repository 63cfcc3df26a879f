"""Derive all decisions from a model and a log: two passes over the customers, part by part, and one over a sample."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..scorer import NEW_SEGMENT
from ..summary import FADED
from .acquisition import NewCustomers
from .channels import value_channels
from .columns import DISAGREEMENTS, KEEP
from .dictionary import tabulate_dictionary
from .following import Sample
from .futures import Floats, simulate_blocks
from .history_file import HistoryFile
from .observation import Observed
from .offers import Unreliable
from .plan import plan_of
from .prospects import TABLES as TABLES_AHEAD
from .prospects import Ahead, Clock, Prospects
from .question import Question
from .ranking import Ranking, Thresholds, keys_of, sampled
from .segments import ALL, names_of
from .sums import Sums
from .tables import (
    tabulate_channels,
    tabulate_cohorts,
    tabulate_listed,
    tabulate_offers,
    tabulate_stages,
    tabulate_tiers,
)
from .timeline import Timeline
from .value import Worth

type Sink = Callable[[pd.DataFrame], None]
NAMING_CUSTOMERS = ("win_back.csv", "keep.csv", "disagreements.csv")  # as customers.parquet does


@dataclass(frozen=True)
class Decisions:
    """The tables of decisions, and the sums and curves that the page shows; rows of customers went to the sink.

    Attributes:
        question: what they were derived with.
        worth: sums over the customer base.
        tiers, stages, cohorts, acquisition, returns, win_back, keep, disagreements, dictionary: the tables.
        new_customers: what a new customer brings, by channel.
        gains: the total gain of the selected offers in each future.
        unreliable: ranges of p_purchase that the backtest found wrong.
        thresholds: what separates the tiers.
        prospects: what lies ahead of the customer base.
        unstable_means: customers whose mean rests on a few draws.
        new_segment_customers: customers of a segment that the model does not name.
    """

    question: Question
    worth: Worth
    tiers: pd.DataFrame
    stages: pd.DataFrame
    cohorts: pd.DataFrame
    acquisition: pd.DataFrame
    returns: pd.DataFrame
    win_back: pd.DataFrame
    keep: pd.DataFrame
    disagreements: pd.DataFrame
    dictionary: pd.DataFrame
    new_customers: Mapping[str, NewCustomers]
    gains: Floats
    unreliable: list[Unreliable]
    thresholds: Thresholds
    prospects: Prospects
    unstable_means: int = 0
    new_segment_customers: int = 0

    @property
    def own_channels(self) -> pd.DataFrame:
        """Return the channels whose new customers the model distinguishes from others, the largest first."""
        every = self.acquisition.drop_duplicates("channel")
        return every[every["population"] != ALL].sort_values("customers", ascending=False, kind="stable")

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the names of their files."""
        names = (
            "tiers", "stages", "cohorts", "acquisition", "returns", "win_back", "keep", "disagreements", "dictionary",
        )  # fmt: skip
        ahead = {f"{name}.csv": getattr(self.prospects, name) for name in TABLES_AHEAD}
        return {**{f"{name}.csv": getattr(self, name) for name in names}, **ahead}


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
    histories: HistoryFile,
    observed: Observed,
    question: Question,
    sink: Sink,
    advance: Callable[[int], None] = lambda _: None,
) -> Decisions:
    """Derive the decisions; each part of the customers is handed to the sink.

    Args:
        histories: of `stream_histories`.
        observed: the past of the log.
        question: what to derive them with.
        sink: takes the rows of `customers.parquet`.
        advance: called with the number of customers of each block that is done, in each of three passes.
    """
    clock, params, settings = Clock(), question.params, question.settings
    with clock.part("tiers"):
        thresholds = _thresholds(histories, question, advance)
    tested = (question.scorer.observed_days, question.scorer.validated_horizon_days)
    timeline = Timeline.of(question.days.end, params, settings, tested)
    sums, sample = Sums(question, thresholds), Sample(question, histories.customers, timeline)
    for part in histories.parts():
        with clock.part("customers"):
            rows = sums.add(part, advance)
        sink(rows)
        sample.add(part, rows["tier"], rows["first_purchase"].astype(str).str[:7])
    ahead = Ahead(observed, sample, plan_of(histories, question, timeline.horizon), clock)
    prospects = ahead.prospects(advance)
    with clock.part("acquisition"):
        return _tabulate(sums, prospects)


def _tabulate(sums: Sums, prospects: Prospects) -> Decisions:
    win_back, gains = tabulate_offers(sums)
    new = value_channels(sums.question, sums.channels.sums)
    settings = sums.question.settings
    return Decisions(
        question=sums.question,
        worth=sums.worth,
        tiers=tabulate_tiers(sums),
        stages=tabulate_stages(sums),
        cohorts=tabulate_cohorts(sums),
        acquisition=tabulate_channels(sums, new),
        returns=sums.returns.table(sums.question.params.margin, *sums.question.ranks),
        win_back=win_back,
        keep=tabulate_listed(sums.to_keep, KEEP),
        disagreements=tabulate_listed(sums.disagreeing, DISAGREEMENTS),
        dictionary=tabulate_dictionary(list(settings.shares), sums.question.segments, sums.question.language),
        new_customers=new,
        gains=gains,
        unreliable=sums.unreliable,
        thresholds=sums.thresholds,
        prospects=prospects,
        unstable_means=sums.unstable_means,
        new_segment_customers=sums.new_segment_customers,
    )


def _thresholds(histories: HistoryFile, question: Question, advance: Callable[[int], None]) -> Thresholds:
    """Rank the customers of the sample in every future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        newcomer = pd.DataFrame(
            {"customer_id": ["new"], "frequency": [0], "recency": [0], "T": [0], "monetary_value": [0.0]}
        ).assign(
            **dict.fromkeys(FADED, 0.0),  # no order is evidence: of the same model as the others
            **dict.fromkeys(names_of(question.scorer.posterior), NEW_SEGMENT),
        )
        reference = float(question.scorer.expect(newcomer, **question.score_params)["clv"].iloc[0])
    ranking = Ranking(question.settings.shares, max(reference, 1e-300), question.scorer.draws)
    for part in histories.parts():
        keys = keys_of(part["customer_id"])
        chosen = sampled(keys, histories.customers, question.settings.threshold_customers)
        for block in simulate_blocks(question.scorer, part[chosen], question.score_params):
            ranking.add(block, keys[chosen][block.rows])
            advance(len(block.rows))
    return ranking.thresholds()
