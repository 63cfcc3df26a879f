"""Single new customers who cost something: their purchases and their lives from the models' generative processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..purchase import MODELS as PURCHASE_MODELS
from ..purchase import model_part as purchase_part
from ..scorer import Params
from ..spend import MODELS as SPEND_MODELS
from ..spend import model_part as spend_part
from ..streams import stream
from .futures import Floats, Ints

LONGEST = 36_500.0  # days; without end is a century, unless more than a hundredth of a late payment counts then
LEAST_DISCOUNT = 0.01


@dataclass(frozen=True)
class Costs:
    """What customers cost once they are acquired.

    Attributes:
        order: of each order.
        day: of each active day.
    """

    order: float
    day: float

    @property
    def any(self) -> bool:
        """Return whether there is a cost."""
        return self.order > 0 or self.day > 0

    def of(self, repeats: Any, active_days: Any) -> Any:
        """Return the costs of the first order, of discounted repeat purchases, and of discounted active days."""
        return self.order * (1.0 + repeats) + self.day * active_days


def simulate_single(
    posterior: Any, first_margin: Floats, params: Params, costs: Costs, horizons: Sequence[int], customers: int
) -> Iterator[Floats]:
    """Yield the margins of simulated customers over each horizon and, last, without end, net of costs.

    Those without end are empty where a payment counts for more than a hundredth of itself even after a century.

    Args:
        posterior: the population, draw by draw.
        first_margin: expected margin of the first order by draw; it varies between customers as repeat purchases do.
        params: discount rate, margin and seed.
        costs: of orders and active days.
        horizons: in days.
        customers: how many, at least.
    """
    rng, each = stream(params.seed, "decide.single"), -(-customers // posterior.size)
    has_end = np.exp(-params.delta * LONGEST) <= LEAST_DISCOUNT
    ends = np.array([*horizons, LONGEST] if has_end else horizons, np.float64)
    joint = posterior.joint()
    margins = []
    for draw in range(posterior.size):
        purchase, spend, mean = _population(posterior, joint, draw)
        margins.append(_simulate(purchase, spend, float(first_margin[draw]) / mean, params, costs, ends, each, rng))
    yield from np.concatenate(margins, axis=1)
    if not has_end:
        yield np.empty(0)


def simulate_orders(
    posterior: Any, first_spend: Floats, spans: Floats, rng: np.random.Generator
) -> Iterator[tuple[Ints, Floats, Floats, Floats]]:
    """Yield, draw by draw, the repeat purchases of new customers: who makes each, when, its spend; and first orders.

    Args:
        posterior: the population, draw by draw.
        first_spend: expected spend of a first order by draw.
        spans: days for which each customer is followed, shape (customers,); 0 for none.
        rng: of the futures.
    """
    joint, lasting = posterior.joint(), np.flatnonzero(spans > 0)
    for draw in range(posterior.size):
        purchase, spend, mean = _population(posterior, joint, draw)
        state = spend.draw_state(spans.size, rng)
        firsts = float(first_spend[draw]) / mean * spend.draw_sums(state, np.ones(spans.size), rng)
        bought = purchase.draw_purchases(purchase.draw_state(lasting.size, rng), spans[lasting], rng)
        owner = np.repeat(lasting, bought.counts)
        yield owner, bought.times * spans[owner], spend.draw_sums(state[owner], np.ones(owner.size), rng), firsts


def _population(posterior: Any, joint: Any, draw: int) -> tuple[Any, Any, float]:
    """Return the generative processes of one draw, and the mean spend of a purchase."""
    purchase = _process(PURCHASE_MODELS, purchase_part, posterior.purchase_model, joint, draw)
    spend = _process(SPEND_MODELS, spend_part, posterior.spend_model, joint, draw)
    parameters = {name: float(values[draw]) for name, values in joint.items()}
    return purchase, spend, SPEND_MODELS[posterior.spend_model].mean.value(parameters)


def _simulate(
    purchase: Any,
    spend: Any,
    first: float,
    params: Params,
    costs: Costs,
    ends: Floats,
    customers: int,
    rng: np.random.Generator,
) -> Floats:
    """Return margins of one draw's customers, shape (ends, customers); `first` is a first order's share of a repeat."""
    span = np.full(customers, ends[-1])
    bought = purchase.draw_purchases(purchase.draw_state(customers, rng), span, rng)
    owner, days = np.repeat(np.arange(customers), bought.counts), bought.times * ends[-1]
    state = spend.draw_state(customers, rng)
    orders = first * spend.draw_sums(state, np.ones(customers), rng)
    amounts = params.margin * spend.draw_sums(state[owner], np.ones(owner.size), rng)
    net = (amounts - costs.order) * np.exp(-params.delta * days)
    left = np.where(np.isnan(bought.left), np.inf, bought.left * ends[-1])
    active = -np.expm1(-params.delta * np.minimum(left[None, :], ends[:, None])) / params.delta
    repeats = [np.bincount(owner, weights=net * (days <= end), minlength=customers) for end in ends]
    return np.asarray(orders - costs.order + np.array(repeats) - costs.day * active)


def _process(models: Any, part: Any, name: str, joint: Any, draw: int) -> Any:
    """Return a model's generative process under one draw."""
    spec = models[name]
    return part(name, "process").Process(**{each: float(joint[each][draw]) for each in spec.parameters}, **spec.options)
