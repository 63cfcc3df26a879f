"""Names and places of what the kernel fills: columns of a customer's row, and sums over customers."""

COLUMNS = (
    "p_alive",
    "p_purchase",
    "expected_purchases",
    "purchases_low",
    "purchases_high",
    "expected_spend",
    "clv",
    "clv_low",
    "clv_high",
    "clv_mean_low",
    "clv_mean_high",
)
COUNTS = "purchases_low", "purchases_high"  # whole numbers
SIMULATED = *COUNTS, "clv_low", "clv_high"
EXPECTED = tuple(name for name in COLUMNS if name not in SIMULATED)
# A residual value: the columns of `clv`, and none that counts purchases.
RESIDUAL = {
    "clv": "residual_clv",
    "clv_low": "residual_low",
    "clv_high": "residual_high",
    "clv_mean_low": "residual_mean_low",
    "clv_mean_high": "residual_mean_high",
}
# What the kernel sums over its rows, draw by draw.
TOTALS = ("purchases", "clv", "expected_purchases", "expected_clv")

# For compiled code.
P_ALIVE = COLUMNS.index("p_alive")
P_PURCHASE = COLUMNS.index("p_purchase")
EXPECTED_PURCHASES = COLUMNS.index("expected_purchases")
PURCHASES_LOW = COLUMNS.index("purchases_low")
PURCHASES_HIGH = COLUMNS.index("purchases_high")
EXPECTED_SPEND = COLUMNS.index("expected_spend")
CLV = COLUMNS.index("clv")
CLV_LOW = COLUMNS.index("clv_low")
CLV_HIGH = COLUMNS.index("clv_high")
CLV_MEAN_LOW = COLUMNS.index("clv_mean_low")
CLV_MEAN_HIGH = COLUMNS.index("clv_mean_high")
SQUARES = len(COLUMNS)  # beyond the columns that are shown: the sum over draws of a customer's squared clv
WIDTH = SQUARES + 1
TOTAL_PURCHASES = TOTALS.index("purchases")
TOTAL_CLV = TOTALS.index("clv")
TOTAL_EXPECTED_PURCHASES = TOTALS.index("expected_purchases")
TOTAL_EXPECTED_CLV = TOTALS.index("expected_clv")
