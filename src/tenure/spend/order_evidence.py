"""What a customer's past says on spend, in the terms of every spend model."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import InputError
from ..model_spec import Spec
from ..summary import FADED, FIRST_ORDER

SHOWN = 3


class Evidence(NamedTuple):
    """A customer's orders; arrays by customer, or the numbers of one.

    Attributes:
        monetary_value: mean spend per repeat purchase day; 0 where none was paid for.
        first: the first order; 0 for none.
        number: paid repeat purchase days, each with its weight.
        spend: the sum of their amounts, each with its weight.
    """

    monetary_value: Any
    first: Any
    number: Any
    spend: Any


class EvidenceError(InputError):
    """Customers without the evidence that a model needs."""


def evidence_of(customers: pd.DataFrame, spec: Spec, delta: float) -> Evidence:
    """Return the evidence of the customers of a valid summary.

    Raises EvidenceError for repeat buyers without the columns that a model of fading evidence needs, or with those of
    another delta.
    """
    # Copies: pandas may return a read-only view, for which the kernel would be compiled once more.
    mean = customers["monetary_value"].to_numpy(np.float64, copy=True)
    number = customers["frequency"].to_numpy(np.float64) * (mean > 0)
    spend, first = number * mean, np.zeros(len(customers))
    if spec.with_first_order and FIRST_ORDER in customers:
        first = customers[FIRST_ORDER].to_numpy(np.float64, copy=True)
    if spec.is_fading:
        number, spend = _faded(customers, spec, delta, number)
    return Evidence(mean, first, number, spend)


def _faded(customers: pd.DataFrame, spec: Spec, delta: float, repeats: Any) -> tuple[Any, Any]:
    missing = [name for name in FADED if name not in customers]
    if len(missing) == 1:
        there = next(name for name in FADED if name in customers)
        raise EvidenceError(
            f"The summary has the column {there} and no column {missing[0]}: {spec.name} needs both. Add"
            f" {missing[0]}, computed with delta = {delta:.6g}, or leave {there} out."
        )
    if missing and (repeats > 0).any():
        raise EvidenceError(
            f"{np.count_nonzero(repeats):,} of {len(repeats):,} customers paid for repeat purchases, and the summary"
            f" has no column {' and no column '.join(missing)}: evidence on spend fades in {spec.name}, by delta ="
            f" {delta:.6g} per order. Score a purchase log, add the columns (weights are delta to the power of the"
            " customer's later paid repeat purchase days), or score with a model of another fit.spend_model."
        )
    if missing:
        return repeats, repeats
    number, spend = (customers[name].to_numpy(np.float64, copy=True) for name in FADED)
    wrong = np.flatnonzero(_is_of_another_delta(number, repeats, delta))
    if wrong.size:
        first = ", ".join(repr(name) for name in customers["customer_id"].iloc[wrong[:SHOWN]])
        raise EvidenceError(
            f"{wrong.size:,} of {len(repeats):,} customers have a {FADED[0]} that no number of purchases up to"
            f" frequency gives at delta = {delta:.6g} (first: {first}). Compute {FADED[0]} and {FADED[1]} with the"
            " delta of the model."
        )
    return number, spend


def _is_of_another_delta(number: Any, repeats: Any, delta: float) -> Any:
    """Return where a number is no sum of the weights 1, delta, delta^2 and so on."""
    if delta == 1.0:
        whole = np.rint(number)
    else:
        # Of so many purchases that the rest of the weights is rounding, any number serves.
        rest = np.maximum(1.0 - (1.0 - delta) * number, 1e-15)
        whole = np.minimum(np.rint(np.log(rest) / np.log(delta)), repeats)
    weights = whole if delta == 1.0 else -np.expm1(whole * np.log(delta)) / (1.0 - delta)
    return (np.abs(weights - number) > 1e-6 * np.maximum(number, 1.0)) | (whole > repeats)
