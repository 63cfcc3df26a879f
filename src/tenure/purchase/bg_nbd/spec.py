"""BG/NBD and MBG/NBD, which differ in the chances to leave right after the first purchase."""

from collections.abc import Mapping
from typing import Any

from ...model_spec import Mean, Parameter, Quantity, Spec

BOUNDS = 1e-9, 1e12
TRUTH = 1e-6, 1e9
PARAMETERS = {
    "r": Parameter(BOUNDS, "shape of the customers' purchase rates", TRUTH),
    "alpha": Parameter(BOUNDS, "scale of the customers' purchase rates, days", TRUTH),
    "a": Parameter(BOUNDS, "first shape of the customers' dropout probabilities", (0.0, 1e9)),  # 0: nobody ever leaves
    # Lower, and with a near 1, the few who stay for long are lost in rounding.
    "b": Parameter((1e-6, 1e12), "second shape of the customers' dropout probabilities", TRUTH),
}
QUANTITIES = {
    "mean_rate": Quantity("mean purchase rate of an active customer, per time scale"),
    "heterogeneity": Quantity("shape of the rates: 1 / r is their squared coefficient of variation"),
    "dropout_mean": Quantity("mean probability to leave at a chance", is_share=True),
    "dropout_concentration": Quantity("how alike the customers' dropout probabilities are: a + b"),
}
ONE_DAY_BUYERS = (
    "In the BG/NBD model customers who bought on one day only are active for ever, so that the share of active "
    "customers counts all of them."
)
SWITCH = (
    "Customers who bought on one day only are active for ever; fit.purchase_model=mbg_nbd or zi_bg_nbd lets them leave."
)
AT_ONCE = (
    "In the MBG/NBD model a customer may leave right after the first purchase, so that customers who bought on one day "
    "only may have left: the longer their silence, the likelier."
)


def _multiply_rate(population: Mapping[str, Any], factor: Any) -> dict[str, Any]:
    """Return alpha for a multiple of the mean rate r / alpha."""
    return {"alpha": population["alpha"] / factor}


def _multiply_odds(population: Mapping[str, Any], factor: Any) -> dict[str, Any]:
    """Return a and b for a multiple of the odds a / b of dropout; a + b does not change."""
    odds, other = population["a"] * factor, population["b"]
    share = (population["a"] + other) / (odds + other)
    return {"a": odds * share, "b": other * share}


def _spec(name: str, label: str, chances: int, notes: tuple[str, ...] = (), limits: tuple[str, ...] = ()) -> Spec:
    return Spec(
        name,
        label,
        "bg_nbd",
        PARAMETERS,
        QUANTITIES,
        scaled=("alpha",),
        start=(0.5, 0.5, 0.5, 1.5),
        mean=Mean("rates r / alpha (purchases a day)", lambda draws: draws["r"] / draws["alpha"], (0.0, 1e9)),
        options={"chances": chances},
        segment_effects={"mean_rate": _multiply_rate, "dropout_mean": _multiply_odds},
        notes=notes,
        limits=limits,
    )


BG_NBD = _spec("bg_nbd", "BG/NBD", 0, (ONE_DAY_BUYERS,), (SWITCH,))
MBG_NBD = _spec("mbg_nbd", "MBG/NBD", 1, (AT_ONCE,))
