"""Bounds and defaults that the settings and the scorer share. The module travels inside the registered model."""

HORIZON_LIMIT_DAYS = 30 * 365
RATE_LIMIT = 5.0  # the highest annual discount rate
LEAST_RATE = 1e-6  # the lowest discount rate for a residual value, which has no horizon
MOST_DRAWS = 100_000  # of one posterior, all chains together

# Defaults of the params of scoring.
HORIZON_DAYS = 365
DISCOUNT_RATE = 0.10
MARGIN = 1.0
LEVEL = 0.90
MOST_SEGMENTS = 500  # of a model, each with draws of its own
