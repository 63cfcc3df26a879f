"""Calendar months, of which the first and the last may be partial."""

from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple


class Month(NamedTuple):
    """The days of a calendar month that count, both ends included.

    >>> Month.of(date(2024, 2, 10))
    Month(name='2024-02', first=datetime.date(2024, 2, 1), last=datetime.date(2024, 2, 29))
    """

    name: str
    first: date
    last: date

    @classmethod
    def of(cls, day: date) -> "Month":
        """Return the whole month of a day."""
        last = day.replace(day=monthrange(day.year, day.month)[1])
        return cls(day.isoformat()[:7], day.replace(day=1), last)

    @property
    def days(self) -> int:
        """Count its days."""
        return (self.last - self.first).days + 1

    def clip(self, first: date, last: date) -> "Month":
        """Return the days of the month within a span."""
        return Month(self.name, max(self.first, first), min(self.last, last))

    def following(self) -> "Month":
        """Return the next whole month."""
        return Month.of(Month.of(self.last).last + timedelta(1))


def months_between(first: date, last: date) -> list[Month]:
    """Return the months of a span of days; together they are the span.

    >>> [month.days for month in months_between(date(2024, 1, 30), date(2024, 3, 5))]
    [2, 29, 5]
    """
    months, month = [], Month.of(first)
    while month.first <= last:
        months.append(month.clip(first, last))
        month = month.following()
    return months


def age_in_months(cohort: str, month: str) -> int:
    """Return how many calendar months lie between two, each named as 2024-02.

    >>> age_in_months("2023-11", "2024-02")
    3
    """
    (year, number), (later_year, later_number) = ((int(part) for part in name.split("-")) for name in (cohort, month))
    return 12 * (later_year - year) + later_number - number
