"""The outcomes of a customer: the one list of them, and the totals of a scoring that belong to them."""

OUTCOMES = ("purchases", "spend")

# Drift of an outcome adjusts this total: clv is spend, discounted and at a margin.
TOTALS = {"purchases": "purchases", "spend": "clv"}
