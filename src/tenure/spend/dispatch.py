"""The spend models' compiled functions, bound by the type of their named tuples; see `protocol` for what they do."""

from ..compiled_dispatch import bind, index_types
from .gamma_gamma import futures as gamma_gamma_futures
from .gamma_gamma import scoring as gamma_gamma_scoring
from .gamma_gamma_orders import futures as gamma_gamma_orders_futures
from .gamma_gamma_orders import scoring as gamma_gamma_orders_scoring

# The only list of models for compiled code: (scoring, futures) by folder.
COMPILED = {
    "gamma_gamma": (gamma_gamma_scoring, gamma_gamma_futures),
    "gamma_gamma_orders": (gamma_gamma_orders_scoring, gamma_gamma_orders_futures),
}
_TYPES = index_types(COMPILED.values())
renew_x = bind("renew_x", _TYPES)
expect_spends = bind("expect_spends", _TYPES)
start_spending = bind("start_spending", _TYPES)
draw_spend = bind("draw_spend", _TYPES)
draw_late_spend = bind("draw_late_spend", _TYPES)
draw_spends = bind("draw_spends", _TYPES)
