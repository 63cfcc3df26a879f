"""Invoice lines of a shop on Spark: accounts, summaries, scores and totals equal those of this machine to the bit.

The lines have the columns and the faults of Online Retail II. Where TENURE_ONLINE_RETAIL is the path of that log's own
lines in Parquet (its first year, as `experiments/online_retail.py` reads it), the tests run on it too.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import spark_cluster
from test_spark import assert_same, cluster, home, needs_spark, pytestmark, score  # noqa: F401 (fixtures, marks)
from test_spark_logs import assert_same_log

from tenure.transactions import MISSING

LINES = os.environ.get("TENURE_ONLINE_RETAIL")
DATE = "InvoiceDate"
COLUMNS = [
    "transactions.columns.customer_id=Customer ID", f"transactions.columns.date={DATE}",
    "transactions.columns.order_id=Invoice", "transactions.cancellations='^C(.*)'",
    "transactions.segments={Country: first}",
]  # fmt: skip
BAD_DEBT = "transactions.exclude={bad debts: {column: StockCode, matches: '^B$'}}"


def made_up() -> pd.DataFrame:
    """Make up lines: several of an invoice, some repeated, without a customer, free, cancelled, written off."""
    rng, invoices = np.random.default_rng(2), 1_500
    of = np.repeat(np.arange(invoices), rng.integers(1, 8, invoices))
    days = pd.Timestamp("2009-12-01 07:45") + pd.to_timedelta(rng.integers(0, 374, invoices), unit="D")
    customers = np.where(rng.random(invoices) < 0.2, np.nan, 12_346.0 + rng.integers(0, 300, invoices))
    pieces = np.where(rng.random(len(of)) < 0.01, 3_000, rng.integers(1, 25, len(of)))
    sold = pd.DataFrame({"Invoice": (489_434 + of).astype(str), "StockCode": rng.integers(10_002, 10_400, len(of))})
    sold = sold.assign(StockCode=sold["StockCode"].astype(str), Description="CHERRY LIGHTS", Quantity=pieces)
    sold[DATE] = (days + pd.to_timedelta(rng.integers(0, 735, invoices), unit="min"))[of]
    sold["Price"] = np.round(rng.gamma(1.5, 2.5, len(of)), 2)  # with a few of zero
    sold = sold.assign(**{"Customer ID": customers[of], "Country": np.where(of % 11 == 0, "EIRE", "United Kingdom")})
    cancelled = sold.sample(250, random_state=1)
    later = cancelled[DATE] + pd.to_timedelta(rng.integers(0, 40, 250), unit="D")
    names = [f"C{number}" for number in range(600_000, 600_200)] + list("C" + cancelled["Invoice"].iloc[200:])
    cancelled = cancelled.assign(Invoice=names, Quantity=-cancelled["Quantity"], **{DATE: later})
    damaged = sold.sample(60, random_state=2).assign(Price=0.0, **{"Customer ID": np.nan})
    damaged = damaged.assign(Invoice=(700_000 + np.arange(60)).astype(str), Quantity=-damaged["Quantity"])
    debts = sold.iloc[:3].assign(Invoice=["A506401", "A516228", "A528059"], StockCode="B", Quantity=1)
    debts = debts.assign(Price=[-53594.36, -44031.79, -38925.87], **{"Customer ID": np.nan})
    lines = pd.concat([sold, sold.sample(90, random_state=3), cancelled, damaged, debts])
    return lines.sort_values(DATE, ignore_index=True).astype({DATE: "datetime64[ns]"})


SHOPS = {
    "made up": made_up,
    "Online Retail II": lambda: pd.read_parquet(str(LINES)),
}
given = pytest.mark.skipif(LINES is None, reason="TENURE_ONLINE_RETAIL is not set")
shops = pytest.mark.parametrize("shop", ["made up", pytest.param("Online Retail II", marks=given)])


def in_utc(lines: pd.DataFrame) -> pd.DataFrame:
    return lines.assign(**{DATE: lines[DATE].dt.tz_localize("UTC")})


def as_text(lines: pd.DataFrame) -> pd.DataFrame:
    texts = {"Customer ID": lines["Customer ID"].astype("str"), DATE: lines[DATE].dt.strftime("%d/%m/%Y %H:%M")}
    return lines.assign(**texts, amount=lines["amount"].map("{:,.2f}".format))


TEXT = ["transactions.csv.date_format='%d/%m/%Y %H:%M'", "transactions.csv.thousands=','"]
FORMS = {
    "as published": (lambda lines: lines, []),
    "of the first half": (lambda lines: lines, ["rfm.end=2010-06-30"]),
    "in a zone": (in_utc, ["transactions.timezone=Asia/Tokyo"]),
    "stamped in UTC": (lambda lines: lines, ["transactions.timezone=Asia/Tokyo", "transactions.stamped_in=UTC"]),
    "in text": (as_text, TEXT),
    "in text, the day first": (as_text, ["transactions.csv.day_first=true", "transactions.csv.thousands=','"]),
    "each line once, no refunds": (
        lambda lines: lines, ["transactions.duplicates=drop", "transactions.negative_amounts=drop", BAD_DEBT]
    ),
}  # fmt: skip


def written(shop: str, form: str, folder: Path) -> list[str]:
    """Write the lines of a shop with their amounts; return the settings that read them."""
    change, overrides = FORMS[form]
    lines = SHOPS[shop]()
    path = folder / "lines.parquet"
    change(lines.assign(amount=lines["Quantity"] * lines["Price"])).to_parquet(path, index=False)
    return [f"transactions.path={path}", *COLUMNS, *overrides]


@needs_spark
@pytest.mark.slow
@shops
@pytest.mark.parametrize("form", FORMS)
def test_invoice_lines_on_spark_have_the_account_and_the_summary_of_this_machine(
    cluster: spark_cluster.Cluster,  # noqa: F811
    tmp_path: Path,
    shop: str,
    form: str,
) -> None:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    assert session.conf.get("spark.master") == cluster.master
    account = assert_same_log(session, written(shop, form, tmp_path), tmp_path).reconciliation
    assert account.duplicates + account["exact duplicates, dropped"].rows > 0
    assert account.stray_rows(MISSING) > 0
    assert len(account.lines) > 3


@needs_spark
@pytest.mark.slow
@shops
def test_invoice_lines_are_scored_on_a_cluster_to_the_bit_as_on_this_machine(
    home: Path,  # noqa: F811
    cluster: spark_cluster.Cluster,  # noqa: F811
    tmp_path: Path,
    shop: str,
) -> None:
    request = ["summary.path=null", *written(shop, "in text", tmp_path), "by=[Country]", "by_month=true"]
    request += ["residual=true", "score.allow_unit_change=true", "score.columns=[historic_spend]"]
    outputs = (str(tmp_path / "here.parquet"), f"{tmp_path / 'there'}/")
    here = score(outputs[0], *request)
    there = score(outputs[1], *request, "engine=spark", "spark.partitions=3")
    assert_same(here, there, outputs)
    assert (there.as_of, there.not_scored, there.customers) == (here.as_of, here.not_scored, here.customers)
