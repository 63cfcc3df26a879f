"""Customers whose segments differ in truth: the population of each, and a block of customers of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ..purchase import MODELS as PURCHASE_MODELS
from ..purchase.protocol import Ints
from ..settings import SimulateSettings, TruthSettings
from ..spend import MODELS as SPEND_MODELS
from .calendar import Calendar
from .orders import Customers, Orders, draw_block
from .processes import purchase_process, spend_process


def draw_segments(
    size: int, settings: SimulateSettings, codes: Mapping[str, Ints], calendar: Calendar, rng: np.random.Generator
) -> tuple[Customers, Orders]:
    """Draw customers and their orders; each customer from the population of their segment.

    Every population draws the whole block from the same random numbers, so that a customer whose segment has no effect
    is the same customer as without effects.

    Args:
        size: of the block.
        settings: of the log.
        codes: by segment, the place of each customer's value.
        calendar: days of the log.
        rng: random numbers of the block.
    """
    start = rng.bit_generator.state
    parts = []
    for truth, members in _populations(settings, codes, size):
        rng.bit_generator.state = start
        purchases = purchase_process(truth.purchase_model, truth.of(truth.purchase_model))
        spend = spend_process(truth.spend_model, truth.of(truth.spend_model))
        parts.append((*draw_block(size, purchases, spend, calendar, rng), members))
    return _customers(parts), _orders(parts)


def _populations(
    settings: SimulateSettings, codes: Mapping[str, Ints], size: int
) -> Iterator[tuple[TruthSettings, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]]:
    """Yield each population with its customers."""
    if not settings.effects:
        yield settings.truth, np.ones(size, bool)
        return
    names = list(settings.effects)
    each = np.stack([codes[name] for name in names])
    for combination in np.unique(each, axis=1).T:
        values = {name: list(settings.segments[name])[at] for name, at in zip(names, combination, strict=True)}
        yield truth_of(settings, values), np.all(each == combination[:, None], axis=0)


def truth_of(settings: SimulateSettings, values: Mapping[str, str]) -> TruthSettings:
    """Return the population of customers with some values of the segments."""
    truth = settings.truth
    parameters = dict(truth.parameters)
    specs = PURCHASE_MODELS[truth.purchase_model], SPEND_MODELS[truth.spend_model]
    for name, value in values.items():
        for quantity, factor in settings.effects.get(name, {}).get(value, {}).items():
            for spec in specs:
                if quantity in spec.segment_effects:
                    parameters |= spec.segment_effects[quantity](parameters, factor)
    return replace(truth, parameters=parameters)


def _customers(parts: "list[tuple[Customers, Orders, np.ndarray[tuple[int], np.dtype[np.bool_]]]]") -> Customers:
    first = parts[0][0]
    acquired, mean_spend, repeats, left = first.acquired, first.mean_spend, first.repeats, first.left
    state = dict(first.state)
    for one, _, members in parts[1:]:
        mean_spend = np.where(members, one.mean_spend, mean_spend)
        repeats, left = np.where(members, one.repeats, repeats), np.where(members, one.left, left)
        state = {name: np.where(members, one.state[name], values) for name, values in state.items()}
    return Customers(acquired, state, mean_spend, repeats, left)


def _orders(parts: "list[tuple[Customers, Orders, np.ndarray[tuple[int], np.dtype[np.bool_]]]]") -> Orders:
    """Return the orders of each part's own customers, customer by customer."""
    if len(parts) == 1:
        return parts[0][1]
    kept = [(orders, members[orders.customer]) for _, orders, members in parts]
    customer, number, time, amount = (
        np.concatenate([getattr(orders, name)[own] for orders, own in kept])
        for name in ("customer", "number", "time", "amount")
    )
    order = np.lexsort((number, customer))
    return Orders(customer[order], number[order], time[order], amount[order])
