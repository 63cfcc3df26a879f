"""What the log has seen, read before the decisions are derived: then the log need not stay in memory."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from ..transactions import Transactions
from .history_file import HistoryFile
from .observed import observed_cohorts, observed_silence
from .past_forecasts import MOST_CUSTOMERS, PastBase, list_origins, read_past
from .question import Question
from .segments import names_of


@dataclass(frozen=True)
class Observed:
    """The past of a log.

    Attributes:
        first_day: of the log.
        cohorts: buyers, purchases and revenue by cohort and month.
        silence: customers and buyers by window of days.
        past: the customers on the past days from which the forecast is made once more, samples of them.
    """

    first_day: date
    cohorts: pd.DataFrame
    silence: pd.DataFrame
    past: tuple[PastBase, ...]


def observe(transactions: Transactions, histories: HistoryFile, question: Question) -> Observed:
    """Read the past of a log.

    There is no past forecast of more than `MOST_CUSTOMERS`, nor of a model with segments.
    """
    end, settings = question.days.end, question.settings.forecast
    first = transactions.first_day
    past: list[PastBase] = []
    if histories.customers <= MOST_CUSTOMERS and not names_of(question.scorer.posterior):
        origins = list_origins(first, end, question.params.horizon_days, settings.origins)
        past = [one for origin in origins if (one := read_past(transactions, origin)) is not None]
    silence = observed_silence(transactions, end, settings.churn_days)
    return Observed(first, observed_cohorts(transactions, end), silence, tuple(past))
