"""Gamma-Gamma, fitted to customers' mean spends or to the amounts of their single purchases."""

from ...model_spec import Mean, Parameter, Quantity, Spec

TRUTH = 1e-6, 1e9
PARAMETERS = {
    "p": Parameter((1e-9, 1e9), "shape of a customer's spends", TRUTH),
    "q": Parameter((1.0 + 1e-9, 1e9), "shape across customers", (1.0 + 1e-9, 1e9)),
    "v": Parameter((1e-27, 1e30), "scale of spends, the log's money", TRUTH),
}
QUANTITIES = {
    "mean_spend": Quantity("mean spend per purchase, over the money scale"),
    "variation_within": Quantity("coefficient of variation of one customer's spends: 1 / sqrt(p)"),
    "variation_between": Quantity("how much customers' means differ: 1 / sqrt(q - 1)"),
}
FREE_DAYS = (
    "Free and negligible purchases are left out of the spend fit, and each purchase is forecast as if it were paid for."
)


def _spec(name: str, label: str, without_amounts: str = "", notes: tuple[str, ...] = ()) -> Spec:
    return Spec(
        name,
        label,
        "gamma_gamma",
        PARAMETERS,
        QUANTITIES,
        scaled=("v",),
        start=(4.0, 3.0, 1.0),
        mean=Mean(
            "means v p / (q - 1) (spend per purchase)",
            lambda draws: draws["v"] * draws["p"] / (draws["q"] - 1.0),
            (1e-12, 1e15),
        ),
        without_amounts=without_amounts,
        ridge=("variation_within", "variation_between"),
        segment_effects={"mean_spend": lambda population, factor: {"v": population["v"] * factor}},
        shares={"infinite_variance": lambda draws: draws["q"] < 2.0},
        notes=notes,
    )


GAMMA_GAMMA = _spec("gamma_gamma", "Gamma-Gamma")
GAMMA_GAMMA_TRANSACTIONS = _spec(
    "gamma_gamma_transactions", "Gamma-Gamma on transactions", GAMMA_GAMMA.name, (FREE_DAYS,)
)
