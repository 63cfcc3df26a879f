"""Purchase logs on Spark: summaries, lines of the reconciliation and messages equal those of this machine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_spark import home, needs_spark, pytestmark, rows, score  # noqa: F401 (a fixture, and marks of the module)

from tenure import rfm
from tenure.jobs.compose import compose_settings
from tenure.transactions import AccountedLog, TransactionsError, choose_type, read
from tenure.transactions.dialect import spark_format

FURTHER = ["first_purchase", "last_purchase", "historic_spend"]
ORDERS = "transactions.columns.order_id=order_id"


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from tenure.spark import open_session

    few = "spark.config={spark.driver.host: 127.0.0.1, spark.ui.enabled: 'false', spark.sql.shuffle.partitions: '2'}"
    with open_session(compose_settings("score", ["spark.master=local[2]", few]).spark) as session:
        yield session


def shop() -> pd.DataFrame:
    """Make up lines of a shop with refunds, cancellations, repeated lines and time stamps, some about midnight."""
    rng, count = np.random.default_rng(1), 1_500
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500 * 86_400, count), unit="s")
    sales = {"customer_id": rng.integers(1, 250, count), "date": days, "amount": np.round(rng.gamma(2, 20, count), 2)}
    sold = pd.DataFrame({**sales, "order_id": [f"{number:06d}" for number in range(count)]})
    back = sold.sample(160, random_state=1)
    share = rng.choice([1.0, 0.5], 160)
    later = back["date"] + pd.to_timedelta(rng.integers(0, 40, 160), unit="D")
    back = back.assign(amount=-np.round(back["amount"] * share, 2), date=later)
    cancelled = back.iloc[:60].assign(order_id="C" + back["order_id"].iloc[:60])
    return pd.concat([sold, back.iloc[60:], cancelled, sold.iloc[:20]]).sort_values("date", ignore_index=True)


def written(form: str) -> Any:
    return lambda log: log.assign(date=log["date"].dt.strftime(form))


def with_zone(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(date=log["date"].dt.tz_localize("UTC").astype("datetime64[us, UTC]"))


LOGS = {
    "cancellations": (lambda log: log, [ORDERS, "transactions.cancellations='^C(.*)'"]),
    "dropped": (lambda log: log, [ORDERS, "transactions.duplicates=drop", "transactions.negative_amounts=drop"]),
    "zoned": (with_zone, ["transactions.timezone=Europe/Paris"]),
    "zoned, in nanoseconds": (
        lambda log: with_zone(log).astype({"date": "datetime64[ns, UTC]"}),
        ["transactions.timezone=America/New_York"],
    ),
    "in nanoseconds": (lambda log: log.astype({"date": "datetime64[ns]"}), []),
    "stamped in another zone": (lambda log: log, ["transactions.timezone=Asia/Tokyo", "transactions.stamped_in=UTC"]),
    "text with a format": (written("%d.%m.%Y %H:%M"), ["transactions.csv.date_format='%d.%m.%Y %H:%M'"]),
    "text without separators": (written("%Y%m%d"), ["transactions.csv.date_format='%Y%m%d'"]),
    "years of two digits": (written("%m/%d/%y"), ["transactions.csv.date_format='%m/%d/%y'"]),
    "names of months": (written("%d %b %Y"), ["transactions.csv.date_format='%d %b %Y'"]),
    "text with an offset": (written("%Y-%m-%dT%H:%M:%S+02:00"), ["transactions.timezone=Europe/Paris"]),
    "amounts and ids in text": (
        lambda log: log.assign(
            amount="$" + log["amount"].abs().astype("str"), customer_id=" " + log["customer_id"].astype("str")
        ),
        ["transactions.csv.currency_signs=true"],
    ),
    "segments": (
        lambda log: log.assign(country=np.where(log["customer_id"] % 3 == 0, "DE", None)),
        ["transactions.segments={country: first}"],
    ),
    "ids that are alike": (
        lambda log: log.assign(customer_id=np.where(log["amount"] > 20, "a", "A") + log["customer_id"].astype("str")),
        [],
    ),
}


def assert_same_log(session: Any, overrides: list[str], folder: Path) -> AccountedLog:
    """Check that a log on Spark has the summary and the account of this machine, to the bit; return the account."""
    from tenure import spark

    job = compose_settings("score", overrides)
    settings, end = job.transactions, job.rfm.end
    here, there = read(settings, end=end), spark.read_log(session, settings, folder, end)
    last, id_type = rfm.end_of(here, end), choose_type(here, None)
    assert (rfm.end_of(there, end), choose_type(there, None)) == (last, id_type)
    local = pd.concat(rfm.stream_summary(here, last, id_type=id_type, further=FURTHER).parts(), ignore_index=True)
    options = {"id_type": id_type, "further": FURTHER, "with_orders": True}
    frame = spark.summarize_log(session, there, last, folder, **options).toArrow().to_pandas()
    frame = frame.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(frame[local.columns], local, check_exact=True, check_dtype=False)
    paid = rfm.summary_query(here, last, with_orders=True).select("customer_id", "paid").to_pandas()
    by_id = dict(zip(paid["customer_id"], map(list, paid["paid"]), strict=True))
    assert dict(zip(frame["customer_id"].astype("str"), map(list, frame["paid"]), strict=True)) == by_id
    ours, theirs = (AccountedLog.of(log, last, settings.normalize_ids) for log in (here, there))
    assert theirs.reconciliation == ours.reconciliation
    assert theirs.unscored == ours.unscored
    share = pytest.approx(ours.identities.largest_share, rel=1e-12)  # a sum of floats
    assert replace(theirs.identities, largest_share=share) == ours.identities
    return ours


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize("name", LOGS)
def test_a_log_on_spark_has_the_summary_and_the_lines_of_this_machine(session: Any, tmp_path: Path, name: str) -> None:
    change, overrides = LOGS[name]
    path = tmp_path / "log.parquet"
    change(shop()).to_parquet(path, index=False)
    assert_same_log(session, [f"transactions.path={path}", *overrides], tmp_path)


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "overrides"),
    [
        ({"amount": "much"}, []),
        ({"date": "1997-13-01"}, []),
        ({"date": "01.02.2023"}, ["transactions.csv.date_format='%Y-%m-%d'"]),
        ({"date": "2023-01-01T10:00:00Z"}, []),
        ({"customer_id": None}, ["transactions.guests=refuse"]),
    ],
)
def test_unreadable_rows_are_refused_with_the_message_of_this_machine_but_for_their_numbers(
    session: Any, tmp_path: Path, change: dict[str, Any], overrides: list[str]
) -> None:
    from tenure import spark

    log = shop().astype({"customer_id": "str", "amount": "str"})
    log["date"] = log["date"].dt.strftime("%Y-%m-%d")
    for name, value in change.items():
        log.loc[7, name] = value
    path = tmp_path / "log.parquet"
    log.to_parquet(path, index=False)
    settings = compose_settings("score", [f"transactions.path={path}", *overrides]).transactions
    with pytest.raises(TransactionsError) as here:
        read(settings)
    with pytest.raises(TransactionsError) as there:
        spark.read_log(session, settings, tmp_path)
    assert str(there.value) == str(here.value).replace("row 8: ", "")


@needs_spark
@pytest.mark.slow
def test_a_log_is_scored_on_spark_to_the_bit_as_on_this_machine(home: Path, session: Any) -> None:  # noqa: F811
    log = shop().assign(country=lambda log: np.where(log["customer_id"] % 3 == 0, "DE", None))
    log.to_parquet("log.parquet", index=False)
    request = ["summary.path=null", "transactions.path=log.parquet", "transactions.segments={country: first}"]
    request += ["by=[country]", f"score.columns=[{','.join(FURTHER)}]", "score.allow_unit_change=true", ORDERS]
    here = score("log_here.parquet", *request)
    there = score("log_there/", *request, "engine=spark", "spark.partitions=3")
    days = dict.fromkeys(FURTHER[:2], "object")  # the same days of two kinds for pandas
    both = (rows(output).astype(days) for output in ("log_here.parquet", "log_there/"))
    pd.testing.assert_frame_equal(*both, check_exact=True)
    assert (there.totals, there.as_of, there.not_scored) == (here.totals, here.as_of, here.not_scored)
    with pytest.raises(TransactionsError, match=r"runs no transactions\.query"):
        score("no/", *request, "transactions.query=select * from log", "engine=spark")
    with pytest.raises(TransactionsError, match="reads Parquet files and tables"):
        score("no/", "summary.path=null", "engine=spark")
    with pytest.raises(TransactionsError, match="cannot ignore the Unicode form"):
        score("no/", *request, "transactions.normalize_ids=[unicode]", "engine=spark")
    assert not Path("no").exists()


def test_a_date_format_of_spark() -> None:
    assert spark_format("%d/%m/%Y %H:%M:%S") == "d/M/yyyy H:m:s"
    assert spark_format("%F o'clock %T") == "yyyy-M-d' o''clock 'H:m:s"
    assert spark_format("%Y%m%d") == "yyyyMMdd"
    assert spark_format("%b %d, %Y %I:%M %p") == "MMM d, yyyy h:m a"
    with pytest.raises(TransactionsError, match="has '%U', which engine=spark does not read"):
        spark_format("%Y-%U")
