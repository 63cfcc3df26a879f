"""What others need to know of a purchase or spend model without computing with it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import InputError

type Bounds = tuple[float, float]
# From the population's parameters and a factor, numbers or arrays, to the parameters that change.
type Effect = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the population.

    Args:
        bounds: the range in which the scorer is compared with exact values, ends included.
        label: what it is, for axes and tables; without its name, with its unit.
        truth: the range in which a synthetic log may have it.
    """

    bounds: Bounds
    label: str
    truth: Bounds


@dataclass(frozen=True)
class Quantity:
    """A quantity that a prior is on; it has a meaning and does not depend on the unit.

    Args:
        label: what it is.
        is_share: whether it lies in (0, 1), so that its coordinate is a logit; else it is positive, and it is a log.
    """

    label: str
    is_share: bool = False


@dataclass(frozen=True)
class Mean:
    """The mean of the population: purchases a day while active, or spend per purchase.

    Args:
        label: its formula and unit.
        value: computes it from the parameters by name: numbers or arrays.
        bounds: its range.
    """

    label: str
    value: Callable[[Mapping[str, Any]], Any]
    bounds: Bounds


@dataclass(frozen=True)
class Spec:
    """A model as others see it.

    Args:
        name: in settings, files and MLflow.
        label: in reports.
        folder: of its modules, within `purchase` or `spend`.
        parameters: by name, in the order of every array. A purchase and a spend model share no parameter's name.
        quantities: what priors are on, by name, in the order of the coordinates.
        scaled: the parameters that are proportional to the unit of time or of money.
        start: parameters at which a maximum-likelihood search starts, in units of the table.
        mean: the population's mean.
        options: whole numbers that set the model apart from others of its folder, by name.
        without_amounts: the model to fit where the amounts of single purchases are not at hand, which this one needs.
        without_columns: the model, fitted beside this one, that scores a summary without the columns `summary.FADED`,
            which this one needs. Empty where it needs none.
        on_orders: whether a spend model is fitted to the orders one by one.
        with_first_order: whether first orders are among them, so that customers may have `first_order_value`.
        plugged: parameters that are one number each in all draws, with the number where no fit changes it.
        is_fading: whether `delta` is below 1, so that customers who bought again need the columns `summary.FADED`.
        ridge: names of two quantities, the variation within and between customers; see `fit.ridge`.
        shares: what of the draws is counted as a diagnostic, by name: computes from the parameters what is true.
        segment_effects: the quantities that differ between segments, by name: the parameters of a segment whose
            quantity, or whose odds of a share, is a factor times the population's. Empty if it has no segments.
        notes: sentences for reports on what the model assumes.
        limits: the same for a model card, where there is something that a user can change.
    """

    name: str
    label: str
    folder: str
    parameters: Mapping[str, Parameter]
    quantities: Mapping[str, Quantity]
    scaled: tuple[str, ...]
    start: tuple[float, ...]
    mean: Mean
    options: Mapping[str, int] = field(default_factory=dict)
    without_amounts: str = ""
    without_columns: str = ""
    on_orders: bool = False
    with_first_order: bool = False
    plugged: Mapping[str, float] = field(default_factory=dict)
    is_fading: bool = False
    ridge: tuple[str, str] | tuple[()] = ()
    shares: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    segment_effects: Mapping[str, Effect] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def estimated(self) -> tuple[str, ...]:
        """Return the names of the parameters that differ from draw to draw."""
        return tuple(name for name in self.parameters if name not in self.plugged)


class NoLibraryModelError(InputError):
    """A model that pymc-marketing does not have."""


class ProcessError(InputError):
    """Parameters that no population can have."""


def require_positive(values: Mapping[str, float]) -> None:
    """Raise ProcessError for a parameter that is not finite and above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ProcessError(f"{name} must be finite and above 0, got {value!r}.")
