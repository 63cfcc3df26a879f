"""The data of a training: a purchase log, split, accounted for, and checked for left truncation."""

from dataclasses import dataclass

from tenure import paths
from tenure.fit import require_spend
from tenure.record import Record
from tenure.rfm import AcquisitionWindow, Regularity, Split, Truncation, find_truncation, measure_regularity, split_log
from tenure.settings import FitSettings, TrainSettings
from tenure.transactions import AccountedLog, Transactions, choose_type, kind_of


@dataclass(frozen=True)
class TrainingData:
    """A purchase log as a training uses it.

    Args:
        log: the log with the account of its rows.
        window: the acquisition window of the customers that are fitted.
        split: calibration and holdout.
        truncation: the first purchases by week; None in too few weeks.
        regularity: the waits between purchases up to the cut-off.
        id_type: `integer` or `text`, the type of the customer ids.
    """

    log: AccountedLog
    window: AcquisitionWindow
    split: Split
    truncation: Truncation | None
    regularity: Regularity
    id_type: str

    @property
    def transactions(self) -> Transactions:
        """Return the log itself."""
        return self.log.transactions

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers of the log; the review judges some of them."""
        of_truncation = {"truncation.weeks": 0.0} if self.truncation is None else self.truncation.metrics()
        return {**self.log.metrics, **of_truncation, **self.regularity.metrics()}

    def record(self) -> Record:
        """Return the type of the ids, the regularity, and the first purchases by week, where they were counted."""
        tags, regularity = {"id_type": self.id_type}, self.regularity.metrics()
        if self.truncation is None:
            return Record(metrics=regularity, tags=tags)
        weeks = self.truncation.table().set_index("week")
        return Record(metrics=self.truncation.metrics() | regularity, tags=tags, tables={paths.ACQUISITIONS: weeks})

    def require_spend(self, settings: FitSettings) -> None:
        """Raise FitError where nobody paid for a repeat purchase, unless the settings allow it."""
        require_spend(*self.split.counts, settings)


def prepare(transactions: Transactions, settings: TrainSettings) -> TrainingData:
    """Split a log at the cut-off and account for its rows, its ids its first weeks, and its waits."""
    window = AcquisitionWindow.of(settings.rfm, transactions)
    days, with_orders = settings.rfm, settings.fit.needs_orders
    most = settings.backtest.judge_customers
    at_cutoff = split_log(transactions, days.cutoff, days.end, window, with_orders=with_orders, most=most)
    return TrainingData(
        AccountedLog.of(transactions, at_cutoff.end, settings.transactions.normalize_ids),
        window,
        at_cutoff,
        find_truncation(transactions, at_cutoff.end, window),
        measure_regularity(transactions, at_cutoff.cutoff, window),
        kind_of(choose_type(transactions, settings.transactions.id_type)),
    )
