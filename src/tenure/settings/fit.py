"""Settings of the fit: models, priors, inference."""

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from typing import TYPE_CHECKING, Any

from ..bounds import MOST_DRAWS
from ..model_spec import Spec
from ..purchase import MODELS as PURCHASE_MODELS
from ..spend import MODELS as SPEND_MODELS
from .checks import require, require_choice
from .named import read_named

DEFAULT_PRIORS = "weak"
AUTO = "auto"
DEFAULT_SPEND = "gamma_gamma_fading"  # where orders are at hand, and there are no segments
POSITIVE = {
    "LogNormal": ("mu", "sigma"),
    "Gamma": ("alpha", "beta"),
    "InverseGamma": ("alpha", "beta"),
    "HalfNormal": ("sigma",),
    "Exponential": ("lam",),
}
UNIT_INTERVAL = {"Beta": ("alpha", "beta")}
MOST_SEGMENT_COLUMNS = 3
SUMMARY_NAMES = ("customer_id", "frequency", "recency", "T", "monetary_value")  # columns that segments cannot be
CHOICES = {
    "method": ("nuts", "laplace", "map"),
    "purchase_model": tuple(PURCHASE_MODELS),
    "spend_model": (AUTO, *SPEND_MODELS),
    "sampler": ("nutpie", "pymc"),
    "no_repeat_buyers": ("refuse", "prior"),
}


@dataclass
class PriorSettings:
    """One prior: a distribution by PyMC's name and its parameters.

    Args:
        distribution: LogNormal, Gamma, InverseGamma, HalfNormal or Exponential for a positive quantity, Beta for a
            share.
        parameters: by PyMC's names, such as {mu: 0, sigma: 1} of LogNormal, whose mu is the log of the median;
            positive, except mu.
    """

    distribution: str
    parameters: dict[str, float]

    def check(self, key: str, families: Mapping[str, tuple[str, ...]]) -> None:
        """Raise SettingsError for a distribution whose support or parameters are not those that `key` needs."""
        names = ", ".join(families)
        require(self.distribution in families, f"{key}.distribution", f"one of {names}", self.distribution)
        wanted = families[self.distribution]
        rule = f"exactly {', '.join(wanted)} for {self.distribution}"
        require(set(self.parameters) == set(wanted), f"{key}.parameters", rule, sorted(self.parameters))
        for name, value in self.parameters.items():
            is_right = name == "mu" or value > 0
            require(is_right and abs(value) < 1e6, f"{key}.parameters.{name}", "positive and finite", value)


def _priors_of(spec: Spec) -> type:
    """Build the settings class of a model's priors: one `PriorSettings` per quantity of its spec."""

    def check(self: Any) -> None:
        for name, quantity in spec.quantities.items():
            getattr(self, name).check(
                f"fit.priors.{spec.name}.{name}", UNIT_INTERVAL if quantity.is_share else POSITIVE
            )

    labels = {name: f"prior ({quantity.label})" for name, quantity in spec.quantities.items()}
    quantities = [(name, PriorSettings) for name in spec.quantities]
    title = "".join(word.capitalize() for word in spec.name.split("_"))
    namespace = {"__post_init__": check, "__doc__": _documented(f"Priors of the {spec.label}.", labels)}
    return make_dataclass(f"{title}Priors", quantities, namespace=namespace, module=__name__)


def _documented(summary: str, meanings: Mapping[str, str]) -> str:
    """Return a docstring like those that are written by hand."""
    return "\n".join([summary, "", "Args:", *(f"    {name}: {meaning}." for name, meaning in meanings.items())])


MODELS: Mapping[str, Spec] = {**PURCHASE_MODELS, **SPEND_MODELS}
PRIORS_OF = {name: _priors_of(spec) for name, spec in MODELS.items()}
if TYPE_CHECKING:
    Priors = Any
else:
    # Quantities of purchase models are in units of `fit.scale.time_days`, those of spend models of `fit.scale.money`.
    Priors = make_dataclass("Priors", list(PRIORS_OF.items()), module=__name__)
    Priors.__doc__ = _documented(
        "Priors of every model, by its name; a fit uses those of its two models.",
        {name: f"priors of the {spec.label}" for name, spec in MODELS.items()},
    )


def read_priors(name: str = DEFAULT_PRIORS) -> Priors:
    """Read named priors of `conf/fit/priors`, such as `weak` or `vague`, or a complete YAML file of the user's own."""
    groups = read_named("fit/priors", name).items()
    return Priors(**{model: _read_model(model, group) for model, group in groups})


def _read_model(model: str, group: Mapping[str, Any]) -> Any:
    return PRIORS_OF[model](**{name: PriorSettings(**prior) for name, prior in group.items()})


@dataclass
class ScaleSettings:
    """Constants that take the units out of the priors.

    Args:
        time_days: unit of time of the priors in days, positive; null: the mean observation time T of the log.
        money: unit of money of the priors, positive; null: the geometric mean of the repeat buyers' mean spends.
    """

    time_days: float | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for name in ("time_days", "money"):
            value = getattr(self, name)
            require(value is None or 0 < value < 1e12, f"fit.scale.{name}", "positive, or null", value)


@dataclass
class FitSettings:
    """Settings of the fit.

    Args:
        method: how the posterior is computed. nuts: the No-U-Turn sampler, the reference. laplace: importance draws
            around the mode, exact and many times faster; falls back to nuts if its k-hat is above 0.7. map: a point
            estimate without uncertainty, for trying things; the review fails it.
        purchase_model: model of purchases and dropout. bg_nbd: a customer may leave after a repeat purchase; mbg_nbd:
            after the first purchase too; pareto_nbd: at any time; zi_bg_nbd: as bg_nbd, but a share pi0 of customers
            never returns after the first purchase.
        spend_model: model of the spend per purchase. auto: gamma_gamma_fading, and gamma_gamma with segments or of a
            customer summary. gamma_gamma: fitted to customers' mean spends, as published; gamma_gamma_transactions: the
            same model fitted to the amounts of single purchase days, which only a log has; gamma_gamma_fading: so that
            earlier ones count less; gamma_gamma_first_order: the first order is evidence too; gamma_gamma_orders: both.
        sampler: program that runs nuts: nutpie, or pymc (PyMC's own, much slower).
        chains: chains of nuts, from 2 (R-hat compares chains) to 64.
        tune: warm-up steps of each chain, from 100 to 100,000. Few are enough: nuts starts at the mode, in coordinates
            whitened there.
        draws: draws of each chain, from 100; of all chains together 100,000 at most. laplace takes as many in all.
        target_accept: acceptance rate that nuts aims at, at least 0.5 and below 1.
        joint_draws: draws that scores use, of all chains together, from 100: the futures that the scorer simulates.
        segments: columns of the log, such as [channel], by whose values customers are fitted with partial pooling: mean
            rate, dropout and mean spend vary between segments around the population's. Also acquisition_month,
            acquisition_quarter and acquisition_year. Several columns make a segment of each combination. With segments,
            nuts and laplace both draw by importance sampling, with the segments integrated out.
        compare_segments: whether new_customer/by_segment.csv also has what one population (clv_pooled) and a fit of
            each segment alone (clv_apart) would give a new customer, at the posterior mode.
        segment_spread: prior of the standard deviation, between segments, of the log of the mean rate and of the mean
            spend, and of the log odds of dropout.
        delta_prior: prior of delta, what is left of earlier evidence on spend at each order; Beta. Its mode is 1, where
            nothing fades.
        no_repeat_buyers: what to do without a paying repeat buyer. refuse: raise an error; prior: use the prior of the
            spend model, which needs fit.scale.money.
        scale: constants that take the units out of the priors.
        priors: priors of every model; fit/priors=weak or fit/priors=vague chooses a set.
    """

    method: str = "nuts"
    purchase_model: str = "bg_nbd"
    spend_model: str = AUTO
    sampler: str = "nutpie"
    chains: int = 4
    tune: int = 500
    draws: int = 1000
    target_accept: float = 0.9
    joint_draws: int = 1000
    segments: list[str] = field(default_factory=list)
    compare_segments: bool = False
    segment_spread: PriorSettings = field(default_factory=lambda: PriorSettings("HalfNormal", {"sigma": 0.5}))
    delta_prior: PriorSettings = field(default_factory=lambda: PriorSettings("Beta", {"alpha": 4.0, "beta": 1.0}))
    no_repeat_buyers: str = "refuse"
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    priors: Priors = field(default_factory=read_priors)

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            require_choice(f"fit.{name}", getattr(self, name), choices)
        require(2 <= self.chains <= 64, "fit.chains", "from 2 (R-hat compares chains) to 64", self.chains)
        require(100 <= self.tune <= 100_000, "fit.tune", "from 100 to 100,000", self.tune)
        require(100 <= self.draws <= 100_000, "fit.draws", "from 100 to 100,000", self.draws)
        most = self.chains * self.draws
        require(most <= MOST_DRAWS, "fit.chains * fit.draws", f"at most {MOST_DRAWS:,}", most)
        require(100 <= self.joint_draws <= most, "fit.joint_draws", f"from 100 to {most:,}", self.joint_draws)
        is_right = 0.5 <= self.target_accept < 1
        require(is_right, "fit.target_accept", "at least 0.5 and below 1", self.target_accept)
        self.segment_spread.check("fit.segment_spread", POSITIVE)
        is_right = bool(self.segments) or not self.compare_segments
        require(is_right, "fit.compare_segments", "false without fit.segments", self.compare_segments)
        self.delta_prior.check("fit.delta_prior", UNIT_INTERVAL)
        for name, value in self.delta_prior.parameters.items():
            require(value >= 1, f"fit.delta_prior.parameters.{name}", "at least 1, so that there is a mode", value)
        if self.segments:
            self._check_segments()

    def _check_segments(self) -> None:
        """Raise SettingsError for segments that are no names, or that another setting does not support."""
        rule = f"up to {MOST_SEGMENT_COLUMNS} different names of columns"
        are_names = all(name.strip() and name not in SUMMARY_NAMES for name in self.segments)
        is_right = are_names and len(set(self.segments)) == len(self.segments) <= MOST_SEGMENT_COLUMNS
        require(is_right, "fit.segments", rule, self.segments)
        require_choice("fit.method with fit.segments", self.method, ("nuts", "laplace"))
        require_choice("fit.sampler with fit.segments", self.sampler, ("nutpie",))
        for kind, models in (("purchase_model", PURCHASE_MODELS), ("spend_model", SPEND_MODELS)):
            supported = tuple(name for name, spec in models.items() if spec.segment_effects)
            supported = (AUTO, *supported) if kind == "spend_model" else supported
            require_choice(f"fit.{kind} with fit.segments", getattr(self, kind), supported)

    @property
    def models(self) -> tuple[str, str]:
        """Return the names of the purchase and the spend model, for customers whose orders are at hand."""
        default = SPEND_MODELS[DEFAULT_SPEND].without_amounts if self.segments else DEFAULT_SPEND
        return self.purchase_model, default if self.spend_model == AUTO else self.spend_model

    @property
    def needs_orders(self) -> bool:
        """Return whether the spend model is fitted to customers' orders one by one."""
        return SPEND_MODELS[self.models[1]].on_orders

    def resolved(self) -> "FitSettings":
        """Return the settings with the name of the spend model in place of `auto`, as a run records them."""
        return replace(self, spend_model=self.models[1])

    def priors_of(self, model: str) -> dict[str, PriorSettings]:
        """Return the priors of a model by quantity, in the order of its coordinates."""
        group = getattr(self.priors, model)
        return {name: getattr(group, name) for name in MODELS[model].quantities}
