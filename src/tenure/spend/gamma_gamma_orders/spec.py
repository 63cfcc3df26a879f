"""Gamma-Gamma on single orders: with the first order as evidence, and with evidence that fades."""

from ...model_spec import Parameter, Quantity, Spec
from ..gamma_gamma.spec import FREE_DAYS, GAMMA_GAMMA

PARAMETERS = {
    **GAMMA_GAMMA.parameters,
    "f": Parameter((1e-6, 1e6), "first order over a later one", (1e-3, 1e3)),
    "delta": Parameter((1e-3, 1.0), "what is left of earlier evidence at each order", (1e-3, 1.0)),
}
QUANTITIES = {
    **GAMMA_GAMMA.quantities,
    "first_order": Quantity("f: first order over a later one, of the same customer"),
}
FIRST = "A first order is evidence on a customer's spend: it is f times as large as a later one."
PLUGGED = "delta is one number, where the posterior is highest: its own uncertainty is in no interval."


def _spec(name: str, label: str, *, is_fading: bool, notes: tuple[str, ...]) -> Spec:
    return Spec(
        name,
        label,
        "gamma_gamma_orders",
        PARAMETERS,
        QUANTITIES,
        scaled=("v",),
        start=(4.0, 3.0, 1.0, 1.0),
        mean=GAMMA_GAMMA.mean,
        without_amounts=GAMMA_GAMMA.name,
        on_orders=True,
        plugged=("delta",),
        is_fading=is_fading,
        ridge=GAMMA_GAMMA.ridge,
        shares=GAMMA_GAMMA.shares,
        notes=(FREE_DAYS, *notes),
    )


GAMMA_GAMMA_FIRST_ORDER = _spec(
    "gamma_gamma_first_order", "Gamma-Gamma with first orders", is_fading=False, notes=(FIRST,)
)
GAMMA_GAMMA_FADING = _spec(
    "gamma_gamma_fading", "Gamma-Gamma with fading evidence", is_fading=True, notes=(FIRST, PLUGGED)
)
