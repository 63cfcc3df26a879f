"""The priors, and how the posterior is found."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..bounds import MOST_DRAWS
from ..posterior import PURCHASE_MODELS
from .checks import require, require_choice

POSITIVE = {
    "LogNormal": ("mu", "sigma"),
    "Gamma": ("alpha", "beta"),
    "InverseGamma": ("alpha", "beta"),
    "HalfNormal": ("sigma",),
    "Exponential": ("lam",),
}
UNIT_INTERVAL = {"Beta": ("alpha", "beta")}
CHOICES = {
    "method": ("nuts", "laplace", "map"),
    "purchase_model": PURCHASE_MODELS,
    "sampler": ("nutpie", "pymc"),
    "no_repeat_buyers": ("refuse", "prior"),
}


@dataclass
class PriorSettings:
    """One prior: a distribution by PyMC's name and its parameters."""

    distribution: str
    parameters: dict[str, float]

    def check(self, key: str, families: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse a distribution whose support or parameters are not those that `key` needs."""
        names = ", ".join(families)
        require(self.distribution in families, f"{key}.distribution", f"one of {names}", self.distribution)
        wanted = families[self.distribution]
        rule = f"exactly {', '.join(wanted)} for {self.distribution}"
        require(set(self.parameters) == set(wanted), f"{key}.parameters", rule, sorted(self.parameters))
        for name, value in self.parameters.items():
            is_right = name == "mu" or value > 0
            require(is_right and abs(value) < 1e6, f"{key}.parameters.{name}", "positive and finite", value)


@dataclass
class PurchasePriors:
    """Priors of the purchase model, time in units of `fit.scale.time_days`."""

    mean_rate: PriorSettings
    heterogeneity: PriorSettings
    dropout_mean: PriorSettings
    dropout_concentration: PriorSettings

    def __post_init__(self) -> None:
        for name in ("mean_rate", "heterogeneity", "dropout_concentration"):
            getattr(self, name).check(f"fit.priors.purchases.{name}", POSITIVE)
        self.dropout_mean.check("fit.priors.purchases.dropout_mean", UNIT_INTERVAL)


@dataclass
class SpendPriors:
    """Priors of the spend model, money in units of `fit.scale.money`."""

    mean_spend: PriorSettings
    variation_within: PriorSettings
    variation_between: PriorSettings

    def __post_init__(self) -> None:
        for name in ("mean_spend", "variation_within", "variation_between"):
            getattr(self, name).check(f"fit.priors.spend.{name}", POSITIVE)


@dataclass
class Priors:
    """The whole prior."""

    purchases: PurchasePriors
    spend: SpendPriors


@dataclass
class ScaleSettings:
    """The constants that take the units out of the priors; null means from the log."""

    time_days: float | None
    money: float | None

    def __post_init__(self) -> None:
        for name in ("time_days", "money"):
            value = getattr(self, name)
            require(value is None or 0 < value < 1e12, f"fit.scale.{name}", "positive, or null", value)


@dataclass
class FitSettings:
    """How the posterior is found."""

    method: str
    purchase_model: str
    sampler: str
    chains: int
    tune: int
    draws: int
    target_accept: float
    joint_draws: int
    no_repeat_buyers: str
    scale: ScaleSettings
    priors: Priors

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            require_choice(f"fit.{name}", getattr(self, name), known)
        require(2 <= self.chains <= 64, "fit.chains", "from 2 (R-hat compares chains) to 64", self.chains)
        require(100 <= self.tune <= 100_000, "fit.tune", "from 100 to 100,000", self.tune)
        require(100 <= self.draws <= 100_000, "fit.draws", "from 100 to 100,000", self.draws)
        most = self.chains * self.draws
        require(most <= MOST_DRAWS, "fit.chains * fit.draws", f"at most {MOST_DRAWS:,}", most)
        require(100 <= self.joint_draws <= most, "fit.joint_draws", f"from 100 to {most:,}", self.joint_draws)
        is_right = 0.5 <= self.target_accept < 1
        require(is_right, "fit.target_accept", "at least 0.5 and below 1", self.target_accept)
