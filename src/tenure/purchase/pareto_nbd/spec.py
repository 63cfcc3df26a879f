"""Pareto/NBD: a customer leaves at a rate of their own, whether or not they buy."""

from ...model_spec import Mean, Parameter, Quantity, Spec

BOUNDS = 1e-9, 1e12
TRUTH = 1e-6, 1e9
ONE_TIME_BUYERS = (
    "In the Pareto/NBD model a customer may leave at any time, so that customers who bought on one day only may have "
    "left: the longer their silence, the likelier."
)

PARETO_NBD = Spec(
    "pareto_nbd",
    "Pareto/NBD",
    "pareto_nbd",
    {
        "r": Parameter(BOUNDS, "shape of the customers' purchase rates", TRUTH),
        "alpha": Parameter(BOUNDS, "scale of the customers' purchase rates, days", TRUTH),
        "s": Parameter(BOUNDS, "shape of the customers' dropout rates", TRUTH),
        "beta": Parameter(BOUNDS, "scale of the customers' dropout rates, days", TRUTH),
    },
    # Of the lifetime: neither the mean, beta / (s - 1), which is infinite for s <= 1 (as in CDNOW), nor the median,
    # beta (2^(1/s) - 1), which leaves the doubles for a small s.
    {
        "mean_rate": Quantity("mean purchase rate of an active customer, per time scale"),
        "heterogeneity": Quantity("shape of the rates: 1 / r is their squared coefficient of variation"),
        "lifetime": Quantity("lifetime of a customer who leaves at the mean rate, in time scales: beta / s"),
        "dropout_heterogeneity": Quantity("shape of the dropout rates: 1 / s is their squared variation"),
    },
    scaled=("alpha", "beta"),
    start=(0.5, 0.5, 0.5, 0.5),
    mean=Mean("rates r / alpha (purchases a day)", lambda draws: draws["r"] / draws["alpha"], (0.0, 1e9)),
    notes=(ONE_TIME_BUYERS,),
)
