"""Gamma-Gamma."""

from ...model_spec import Mean, Parameter, Quantity, Spec

TRUTH = 1e-6, 1e9
GAMMA_GAMMA = Spec(
    "gamma_gamma",
    "Gamma-Gamma",
    "gamma_gamma",
    {
        "p": Parameter((1e-9, 1e9), "shape of a customer's spends", TRUTH),
        "q": Parameter((1.0 + 1e-9, 1e9), "shape across customers", (1.0 + 1e-9, 1e9)),
        "v": Parameter((1e-27, 1e30), "scale of spends, the log's money", TRUTH),
    },
    {
        "mean_spend": Quantity("mean spend per purchase, over the money scale"),
        "variation_within": Quantity("coefficient of variation of one customer's spends: 1 / sqrt(p)"),
        "variation_between": Quantity("how much customers' means differ: 1 / sqrt(q - 1)"),
    },
    scaled=("v",),
    ridge=("variation_within", "variation_between"),
    start=(4.0, 3.0, 1.0),
    mean=Mean(
        "means v p / (q - 1) (spend per purchase)",
        lambda draws: draws["v"] * draws["p"] / (draws["q"] - 1.0),
        (1e-12, 1e15),
    ),
    shares={"infinite_variance": lambda draws: draws["q"] < 2.0},
)
