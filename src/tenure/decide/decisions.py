"""Derive all decisions from a model and a log: two passes over the customers, part by part."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..scorer import NEW_SEGMENT
from ..summary import FADED
from .acquisition import NewCustomers
from .channels import value_channels
from .dictionary import DISAGREEMENTS, KEEP, tabulate_dictionary
from .futures import Floats, simulate_blocks
from .history_file import HistoryFile
from .offers import Unreliable
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
    histories: HistoryFile,
    question: Question,
    sink: Sink,
    advance: Callable[[int], None] = lambda _: None,
) -> Decisions:
    """Derive the decisions; each part of the customers is handed to the sink.

    Args:
        histories: of `stream_histories`.
        question: what to derive them with.
        sink: takes the rows of `customers.parquet`.
        advance: called with the number of customers of each block that is done, in either pass.
    """
    thresholds = _thresholds(histories, question, advance)
    sums = Sums(question, thresholds)
    for part in histories.parts():
        sink(sums.add(part, advance))
    return _tabulate(sums)


def _tabulate(sums: Sums) -> Decisions:
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
