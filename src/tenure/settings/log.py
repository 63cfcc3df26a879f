"""The purchase log, or a customer summary instead of it: its place, its format, the rules for its rows."""

import re
from dataclasses import dataclass, field
from zoneinfo import available_timezones

from ..places import require_no_credentials
from .checks import require, require_choice, require_day, require_pattern
from .named import shipped

LOG_CHOICES = {
    "format": ("auto", "csv", "parquet", "duckdb"),
    "guests": ("drop", "refuse"),
    "zero_amounts": ("count", "drop"),
    "negative_amounts": ("refund", "drop", "refuse"),
    "duplicates": ("keep", "drop"),
}
# Ids that programs write for a missing value; they stand for no customer. Case is ignored.
PLACEHOLDERS = ("nan", "NA", "N/A", "#N/A", "<NA>", "NaT", "None", "null")
# Rules of segments that are no columns: the period of the first purchase.
COHORTS = ("acquisition_month", "acquisition_quarter", "acquisition_year")
NORMALIZE_IDS = ("case", "spaces", "invisible", "excel", "unicode")


@dataclass
class ColumnSettings:
    """The names of the columns of the purchase log.

    Args:
        customer_id: column of the customers' ids.
        date: column of the dates or time stamps of purchases.
        amount: column of the amounts; a negative amount is a refund.
        order_id: column of the orders' ids, which match refunds with orders; null: none.
        acquired: column of the day of the first purchase ever, which identifies left-truncated customers; null: none.
    """

    customer_id: str = "customer_id"
    date: str = "date"
    amount: str = "amount"
    order_id: str | None = None
    acquired: str | None = None

    def __post_init__(self) -> None:
        names = list(self.named().values())
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, "transactions.columns", "a different column for each role", ", ".join(twice))

    def named(self) -> dict[str, str]:
        """Return the named columns by role."""
        return {role: str(name) for role, name in vars(self).items() if name is not None}


@dataclass
class CsvSettings:
    """The format of a CSV purchase log.

    Args:
        separator: one character, or tab; null: a comma, or a tab in .tsv and .tab files. A first line sep= has
            priority.
        decimal: decimal sign of the amounts, one character.
        thousands: sign between thousands, one character; null: none.
        currency_signs: whether amounts are written as "29.33 €", "$1,234.50" or "(EUR 12)", all of one currency.
        encoding: encoding of the file, such as utf-8 or latin-1.
        date_format: format of the dates, such as "%Y%m%d"; null: ISO dates.
        day_first: whether dates are written as 31/12/1997.
    """

    separator: str | None = None
    decimal: str = "."
    thousands: str | None = None
    currency_signs: bool = False
    encoding: str = "utf-8"
    date_format: str | None = None
    day_first: bool = False

    def __post_init__(self) -> None:
        if self.separator is not None and self.separator.lower().strip("\\") in ("t", "tab"):
            self.separator = "\t"
        is_one = self.separator is None or (len(self.separator) == 1 and self.separator not in '"\r\n')
        rule = "one character, tab, or null (a comma; a tab in .tsv and .tab files)"
        require(is_one, "transactions.csv.separator", rule, self.separator)
        require(len(self.decimal) == 1, "transactions.csv.decimal", "one character", self.decimal)
        rule = "one character, or null"
        require(self.thousands is None or len(self.thousands) == 1, "transactions.csv.thousands", rule, self.thousands)
        # The separator may be one of them: such a cell is then quoted.
        rule = "different from transactions.csv.thousands"
        require(self.decimal != self.thousands, "transactions.csv.decimal", rule, self.decimal)


@dataclass
class ExcludeSettings:
    """A rule that leaves rows out: the text of a column matches, or its number lies above or below a limit.

    Args:
        column: column that the rule looks at.
        matches: regular expression, such as "^test"; rows with a matching text are left out. Either this or a limit is
            set.
        above: rows with a larger number are left out.
        below: rows with a smaller number are left out.
    """

    column: str
    matches: str | None = None
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        by_text, by_number = self.matches is not None, (self.above, self.below) != (None, None)
        rule = "set by `matches`, or by `above`, `below` or both"
        require(by_text != by_number, f"transactions.exclude (column {self.column})", rule, vars(self))
        if self.matches is not None:
            require_pattern("transactions.exclude.*.matches", self.matches)


@dataclass
class EngineSettings:
    """The limits on memory, disk and threads of DuckDB.

    Args:
        memory_limit: memory of DuckDB, such as 4GB or 500MB; beyond it DuckDB works on disk.
        temp_directory: folder for that; null: the system's temporary folder.
        threads: threads of DuckDB, from 1 up; null: all cores.
    """

    memory_limit: str = "4GB"
    temp_directory: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        is_size = re.fullmatch(r"[0-9]+(\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)", self.memory_limit) is not None
        require(is_size, "transactions.engine.memory_limit", "a size such as 4GB", self.memory_limit)
        is_right = self.threads is None or self.threads >= 1
        require(is_right, "transactions.engine.threads", "from 1 up, or null", self.threads)


@dataclass
class TransactionsSettings:
    """The place of the purchase log, its format, and the rules for its rows.

    Args:
        path: purchase log: a CSV, Parquet or DuckDB file, a glob, a folder, or elsewhere: postgres:TABLE,
            s3://BUCKET/KEY, iceberg:PATH, delta:PATH.
        format: format of the log: auto (by the suffix of the file), csv, parquet or duckdb.
        table: table of a DuckDB file, which needs this or a query; null: none.
        query: SQL over the view `log` (the file) or `shop.<table>` (a DuckDB file), whose rows are the log; null: none.
        allow_paths: further files and folders that the query may read; by default only the log.
        columns: the names of the columns.
        currency: column of the currencies; null: none. A log with several currencies raises an error that counts them.
        csv: the format of a CSV file.
        timezone: timezone of the shop, such as Europe/Paris, in which time stamps become days. Required if time stamps
            have a zone.
        stamped_in: timezone of time stamps without a zone; null: the shop's timezone.
        guests: what to do with rows without a customer id. drop: leave them out and count them; refuse: raise an error.
        placeholders: further ids that stand for no customer, such as [guest, "0"]; case is ignored.
        not_placeholders: default placeholders that are ids in this log, of nan, NA, N/A, #N/A, <NA>, NaT, None, null.
        normalize_ids: differences between ids to ignore, so that such ids are merged: any of case, spaces, invisible,
            excel, unicode.
        id_type: type of the ids in outputs: integer or text; null: as in the log, and of a CSV as in the model's log.
        zero_amounts: sales of amount 0. count: they are purchases; drop: they are left out.
        negligible_amount: share of the median purchase day, from 0 to 0.5. A day with a smaller amount, such as a cent
            that a refund leaves, is a purchase, but the models of single amounts are not fitted to its amount.
        negative_amounts: rows with a negative amount. refund: net them against sales; drop: leave them out; refuse:
            raise an error.
        cancellations: regular expression of order ids of cancellations, such as "^C(.*)", whose group is the cancelled
            order; null: none.
        duplicates: rows that are equal in every column. keep: keep and count them; drop: drop all but one.
        exclude: rules for rows to leave out, by name, such as {test orders: {column: channel, matches: "^test"}}.
        segments: columns to carry through, such as {country: first, channel: mode}: a customer's first or most frequent
            value. The rules acquisition_month, acquisition_quarter and acquisition_year need no column: the segment is
            that of the first purchase, such as 2010-03, 2010-Q1 or 2010.
        first_day: leave out earlier rows; null: none, but isolated first rows raise an error.
        longest_gap_days: longest time in days without rows, from 1 up; a longer one probably is a wrong date, and
            raises an error.
        allow_quiet_end: whether rfm.end may lie so long after the last row that every customer looks lapsed; such an
            end raises an error otherwise.
        engine: limits of DuckDB.
    """

    path: str = field(default_factory=lambda: shipped("data/cdnow_sample.csv"))
    format: str = "auto"
    table: str | None = None
    query: str | None = None
    allow_paths: list[str] = field(default_factory=list)
    columns: ColumnSettings = field(default_factory=ColumnSettings)
    currency: str | None = None
    csv: CsvSettings = field(default_factory=CsvSettings)
    timezone: str | None = None
    stamped_in: str | None = None
    guests: str = "drop"
    placeholders: list[str] = field(default_factory=list)
    not_placeholders: list[str] = field(default_factory=list)
    normalize_ids: list[str] = field(default_factory=list)
    id_type: str | None = None
    zero_amounts: str = "count"
    negligible_amount: float = 0.01
    negative_amounts: str = "refund"
    cancellations: str | None = None
    duplicates: str = "keep"
    exclude: dict[str, ExcludeSettings] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)
    first_day: str | None = None
    longest_gap_days: int = 730
    allow_quiet_end: bool = False
    engine: EngineSettings = field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        require_no_credentials("transactions.path", self.path)
        for name, choices in LOG_CHOICES.items():
            require_choice(f"transactions.{name}", getattr(self, name), choices)
        if self.id_type is not None:
            require_choice("transactions.id_type", self.id_type, ("integer", "text"))
        for form in self.normalize_ids:
            require_choice("transactions.normalize_ids", form, NORMALIZE_IDS)
        defaults = [word.lower() for word in PLACEHOLDERS]
        others = [word for word in self.not_placeholders if word.strip().lower() not in defaults]
        rule = f"among the default placeholders, {', '.join(PLACEHOLDERS)}"
        require(not others, "transactions.not_placeholders", rule, ", ".join(map(repr, others)))
        for name, rule in self.segments.items():
            require_choice(f"transactions.segments.{name}", rule, ("first", "mode", *COHORTS))
        for key in ("timezone", "stamped_in"):
            zone = getattr(self, key)
            rule = "a timezone such as Europe/Paris, or null"
            require(zone is None or zone in available_timezones(), f"transactions.{key}", rule, zone)
        both = self.stamped_in is None or self.timezone is not None
        require(both, "transactions.timezone", "the shop's timezone if transactions.stamped_in is set", self.timezone)
        is_own = self.currency is None or self.currency not in self.columns.named().values()
        require(is_own, "transactions.currency", "a column of its own, or null", self.currency)
        if self.cancellations is not None:
            require_pattern("transactions.cancellations", self.cancellations)
            rule = "set if transactions.cancellations is set"
            require(self.columns.order_id is not None, "transactions.columns.order_id", rule, None)
        require_day("transactions.first_day", self.first_day)
        is_right = 0 <= self.negligible_amount <= 0.5
        require(is_right, "transactions.negligible_amount", "from 0 to 0.5", self.negligible_amount)
        require(self.longest_gap_days >= 1, "transactions.longest_gap_days", "from 1 up", self.longest_gap_days)

    @property
    def segment_columns(self) -> dict[str, str]:
        """Return the segments that are columns of the log, with their rules."""
        return {name: rule for name, rule in self.segments.items() if rule not in COHORTS}

    @property
    def cohorts(self) -> dict[str, str]:
        """Return the segments by acquisition, with their rules."""
        return {name: rule for name, rule in self.segments.items() if rule in COHORTS}

    @property
    def all_placeholders(self) -> list[str]:
        """Return the ids that stand for no customer, in lower case: the defaults and those of the settings."""
        dropped = {word.strip().lower() for word in self.not_placeholders}
        defaults = [word.lower() for word in PLACEHOLDERS if word.lower() not in dropped]
        return list(dict.fromkeys([*defaults, *(word.strip().lower() for word in self.placeholders)]))


@dataclass
class SummarySettings:
    """A customer summary to score instead of a purchase log.

    Args:
        path: CSV or Parquet file with the columns customer_id, frequency, recency, T and monetary_value, and those of
            evidence that the model uses; null: score a log.
        table: table of the Spark session with these columns instead of a file, such as shop.customers; null: none.
        as_of: end of observation of the summary, such as 1998-06-30; null: not stated.
    """

    path: str | None = None
    table: str | None = None
    as_of: str | None = None

    def __post_init__(self) -> None:
        require_day("summary.as_of", self.as_of)
        is_one = self.path is None or self.table is None
        require(is_one, "summary.table", "null if summary.path is set", self.table)

    @property
    def source(self) -> str | None:
        """Return the file or the table; None to score a log."""
        return self.path or self.table


@dataclass
class MovedLogSettings:
    """The present place of the challenger's purchase log, and whether its SQL query may run here.

    Args:
        path: present path of the challenger's purchase log; null: unchanged.
        trust_query: whether the SQL query of the challenger's run (transactions.query) may run here.
    """

    path: str | None = None
    trust_query: bool = False
