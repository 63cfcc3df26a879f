"""The purchase models' compiled functions, bound by the type of `Parameters`; see `protocol` for what they do."""

from ..compiled_dispatch import bind, index_types
from .bg_nbd import futures as bg_nbd_futures
from .bg_nbd import scoring as bg_nbd_scoring
from .pareto_nbd import futures as pareto_nbd_futures
from .pareto_nbd import scoring as pareto_nbd_scoring
from .zi_bg_nbd import futures as zi_bg_nbd_futures
from .zi_bg_nbd import scoring as zi_bg_nbd_scoring

# The only list of models for compiled code: (scoring, futures) by folder.
COMPILED = {
    "bg_nbd": (bg_nbd_scoring, bg_nbd_futures),
    "pareto_nbd": (pareto_nbd_scoring, pareto_nbd_futures),
    "zi_bg_nbd": (zi_bg_nbd_scoring, zi_bg_nbd_futures),
}
_TYPES = index_types(COMPILED.values())
renew_x = bind("renew_x", _TYPES)
expect_if_active = bind("expect_if_active", _TYPES)
fill_buying = bind("fill_buying", _TYPES)
fill_alive = bind("fill_alive", _TYPES)
simulate_buyer = bind("simulate_buyer", _TYPES)
