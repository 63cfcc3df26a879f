"""Gamma-Gamma on single orders: with evidence that fades, with the first order as evidence, and with both."""

from ...model_spec import Parameter, Quantity, Spec
from ..gamma_gamma.spec import FREE_DAYS, GAMMA_GAMMA

PARAMETERS = {
    **GAMMA_GAMMA.parameters,
    "f": Parameter((1e-6, 1e6), "first order over a later one", (1e-3, 1e3)),
    "delta": Parameter((1e-3, 1.0), "what is left of earlier evidence at each order", (1e-3, 1.0)),
}
FIRST_ORDER = Quantity("f: first order over a later one, of the same customer")
FIRST = "A first order is evidence on a customer's spend: it is f times as large as a later one."
PLUGGED = "delta is one number, where the posterior is highest: its own uncertainty is in no interval."


def _spec(name: str, label: str, *, with_first_order: bool, is_fading: bool) -> Spec:
    first = {"first_order": FIRST_ORDER} if with_first_order else {}
    return Spec(
        name,
        label,
        "gamma_gamma_orders",
        PARAMETERS,
        {**GAMMA_GAMMA.quantities, **first},
        scaled=("v",),
        start=(*GAMMA_GAMMA.start, *(1.0 for _ in first)),
        mean=GAMMA_GAMMA.mean,
        without_amounts=GAMMA_GAMMA.name,
        without_columns=GAMMA_GAMMA.name if is_fading else "",
        on_orders=True,
        with_first_order=with_first_order,
        plugged={"delta": 1.0} if with_first_order else {"f": 1.0, "delta": 1.0},
        is_fading=is_fading,
        ridge=GAMMA_GAMMA.ridge,
        shares=GAMMA_GAMMA.shares,
        notes=(FREE_DAYS, *([FIRST] if with_first_order else []), *([PLUGGED] if is_fading else [])),
    )


GAMMA_GAMMA_FADING = _spec(
    "gamma_gamma_fading", "Gamma-Gamma with fading evidence", with_first_order=False, is_fading=True
)
GAMMA_GAMMA_FIRST_ORDER = _spec(
    "gamma_gamma_first_order", "Gamma-Gamma with first orders", with_first_order=True, is_fading=False
)
GAMMA_GAMMA_ORDERS = _spec(
    "gamma_gamma_orders", "Gamma-Gamma with first orders and fading evidence", with_first_order=True, is_fading=True
)
