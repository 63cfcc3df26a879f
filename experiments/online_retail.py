"""Write a purchase log from the invoice lines of Online Retail II, one row per customer and day.

The data are the UCI Machine Learning Repository's "Online Retail II" (CC BY 4.0), whose sheet "Year 2009-2010" was
saved as Parquet. They are not part of this repository:

    uv run python experiments/online_retail.py LINES.parquet SALES.csv

Lines without a customer are left out; cancellations and returns are netted within the customer's day, and a day whose
net is zero or below is no purchase. The country is that of the day's first line.
"""

import sys

import pandas as pd


def main(lines_path: str, sales_path: str) -> None:
    lines = pd.read_parquet(lines_path)
    named = lines.dropna(subset=["Customer ID"])
    sales = pd.DataFrame(
        {
            "customer_id": named["Customer ID"].astype("int64"),
            "date": named["InvoiceDate"].dt.strftime("%Y-%m-%d"),
            "amount": named["Quantity"] * named["Price"],
            "country": named["Country"],
        }
    )
    days = sales.groupby(["customer_id", "date"], as_index=False).agg({"amount": "sum", "country": "first"})
    days["amount"] = days["amount"].round(2)
    bought = days[days["amount"] > 0]
    bought.to_csv(sales_path, index=False)
    print(f"{len(lines) - len(named):,} of {len(lines):,} lines have no customer.")
    print(f"{len(days) - len(bought):,} of {len(days):,} customers' days net to zero or below.")
    print(f"{sales_path}: {len(bought):,} purchases of {bought['customer_id'].nunique():,} customers.")


if __name__ == "__main__":
    main(*sys.argv[1:])
