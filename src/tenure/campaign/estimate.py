"""The effect of a campaign: a difference of means, adjusted for what the model expected at the start.

In each arm the outcome is regressed on the model's expectation, centred at its mean over all arms; the effect is the
difference of the intercepts. It is consistent whatever the model's errors, as the arms were assigned at random: a bad
model saves no variance and does no harm (Lin 2013, Agnostic notes on regression adjustments to experimental data,
Annals of Applied Statistics 7).

A few customers spend far more than the others, so errors are robust, and intervals follow the skewness:

- HC3 in each arm (Long and Ervin 2000, American Statistician 54), degrees of freedom by Satterthwaite.
- Hall's cubic transformation of the studentised effect (Hall 1992, On the removal of skewness by transformation,
  JRSS B 54), which needs no resampling.
- An arm of fewer than 100 customers may have none of those who spend most, and its own error is too small then. The
  error is at least that of residuals pooled over both arms there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, t

type Floats = NDArray[np.float64]
SMALL = 100  # customers of an arm below which its own error is not trusted alone


@dataclass(frozen=True)
class ArmMean:
    """The mean of one arm at the mean covariate of all arms.

    Attributes:
        mean: adjusted.
        slope: of the outcome on the covariate.
        residuals: of each customer, each divided by 1 - leverage.
        parts: each customer's part of the error of the mean.
    """

    mean: float
    slope: float
    residuals: Floats
    parts: Floats

    @property
    def variance(self) -> float:
        """Return the robust variance of the mean."""
        return float((self.parts**2).sum())


@dataclass(frozen=True)
class Effect:
    """An effect per customer.

    Attributes:
        effect, se: the difference of means and its standard error.
        freedom: degrees of freedom.
        skewness: of the error of the effect.
        treated, control: the adjusted means.
        largest_share: the part of the variance that comes from one customer.
        log_se: standard error of log(treated / control); NaN where a mean is not positive.
    """

    effect: float
    se: float
    freedom: float
    skewness: float
    treated: float
    control: float
    largest_share: float
    log_se: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the confidence interval."""
        half = float(t.ppf(0.5 + 0.5 * level, self.freedom))
        low, high = (self.effect - _unskewed(end, self.skewness) * self.se for end in (half, -half))
        return low, high

    def relative(self, level: float) -> tuple[float, float, float]:
        """Return the effect as a share of the control's mean, and its interval; NaN where a mean is not positive."""
        if not np.isfinite(self.log_se):
            return np.nan, np.nan, np.nan
        half = float(t.ppf(0.5 + 0.5 * level, self.freedom))
        ends = (self.log_se * _unskewed(end, self.skewness) for end in (half, -half))
        log_ratio = np.log(self.treated / self.control)
        low, high = (float(np.expm1(log_ratio - end)) for end in ends)
        return float(np.expm1(log_ratio)), low, high

    @property
    def p_value(self) -> float:
        """Return the two-sided p-value of no effect."""
        if self.se == 0.0:
            return 1.0 if self.effect == 0.0 else 0.0
        return float(2.0 * t.sf(abs(_skewed(self.effect / self.se, self.skewness)), self.freedom))


def adjust_mean(outcome: Floats, centred: Floats | None) -> ArmMean:
    """Compute the mean of an arm where the covariate is 0, with its error."""
    design, scale = np.ones((outcome.size, 1)), 1.0
    if centred is not None and outcome.size > 3 and np.ptp(centred) > 1e-9 * np.abs(centred).max():
        scale = float(np.abs(centred).max())
        design = np.column_stack([np.ones(outcome.size), centred / scale])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ outcome
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residuals = (outcome - design @ coefficients) / np.maximum(1.0 - leverage, 1e-6)
    slope = float(coefficients[1]) / scale if coefficients.size > 1 else 0.0
    return ArmMean(float(coefficients[0]), slope, residuals, design @ inverse[0] * residuals)


def compare(treated: Floats, control: Floats, covariates: tuple[Floats, Floats] | None = None) -> Effect:
    """Compare the outcomes of two arms.

    Args:
        treated: outcome of each customer who was treated.
        control: of each in the control.
        covariates: the model's expectation for each customer of both; None: no adjustment.
    """
    spread = 0.0
    if covariates is None:
        one, other = adjust_mean(treated, None), adjust_mean(control, None)
    else:
        both = np.concatenate(covariates)
        centre, spread = both.mean(), both.var(ddof=1) / both.size
        one, other = (adjust_mean(y, x - centre) for y, x in zip((treated, control), covariates, strict=True))
    variance, skewness, freedom, largest = _error(one, other)
    # The centre varies too: the customers are a sample of those whom a campaign may reach.
    total = variance + (one.slope - other.slope) ** 2 * spread
    return Effect(
        effect=one.mean - other.mean,
        se=float(np.sqrt(total)),
        freedom=freedom,
        skewness=skewness,
        treated=one.mean,
        control=other.mean,
        largest_share=largest,
        log_se=_log_se(one, other, spread) * float(np.sqrt(variance / max(one.variance + other.variance, 1e-300))),
    )


def _error(one: ArmMean, other: ArmMean) -> tuple[float, float, float, float]:
    """Return variance and skewness of a difference, degrees of freedom, and the largest customer's part."""
    sizes, own = (one.parts.size, other.parts.size), one.variance + other.variance
    if own <= 0.0:
        return 0.0, 0.0, float(sum(sizes) - 2), 0.0
    parts = np.concatenate([one.parts, -other.parts])
    largest = float((parts**2).max() / own)
    pooled = np.concatenate([one.residuals, other.residuals])
    floor = float((pooled**2).mean() * (1 / sizes[0] + 1 / sizes[1]))
    if min(sizes) < SMALL and floor > own:
        skewness = float((pooled**3).mean() * (1 / sizes[0] ** 2 - 1 / sizes[1] ** 2)) / floor**1.5
        return floor, skewness, float(sum(sizes) - 4), largest
    below = sum(arm.variance**2 / max(arm.parts.size - 2, 1) for arm in (one, other))
    return own, float((parts**3).sum()) / own**1.5, own**2 / below, largest


def _log_se(one: ArmMean, other: ArmMean, spread: float) -> float:
    """Return the standard error of the log ratio of two means, by the delta method."""
    if min(one.mean, other.mean) <= 0:
        return np.nan
    slopes = one.slope / one.mean - other.slope / other.mean
    return float(np.sqrt(one.variance / one.mean**2 + other.variance / other.mean**2 + slopes**2 * spread))


def _skewed(value: float, skewness: float) -> float:
    """Return Hall's transformation of a studentised effect, which is close to normal."""
    return value + skewness * value**2 / 3.0 + skewness**2 * value**3 / 27.0 + skewness / 6.0


def _unskewed(value: float, skewness: float) -> float:
    """Return the inverse of `_skewed`.

    >>> round(_skewed(_unskewed(1.5, 0.3), 0.3), 12), _unskewed(1.5, 0.0)
    (1.5, 1.5)
    """
    if abs(skewness) < 1e-6:
        return value
    return float(3.0 / skewness * (np.cbrt(1.0 + skewness * (value - skewness / 6.0)) - 1.0))


def adjust_for_many(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's method: any of them below a level errs with at most its probability.

    >>> adjust_for_many([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def joint_level(level: float, number: int) -> float:
    """Return the level of each of some intervals that together cover with the level, by Bonferroni.

    >>> round(joint_level(0.9, 4), 3)
    0.975
    """
    return 1.0 - (1.0 - level) / max(number, 1)


def p_differs(effects: Sequence[float], errors: Sequence[float]) -> float:
    """Return the p-value of equal effects in all segments (Cochran's Q); NaN with fewer than two."""
    values, weights = np.asarray(effects), 1.0 / np.maximum(np.asarray(errors), 1e-300) ** 2
    if values.size < 2:
        return np.nan
    mean = (weights * values).sum() / weights.sum()
    return float(chi2.sf((weights * (values - mean) ** 2).sum(), values.size - 1))


def smallest_effect(se: float, significance: float, power: float) -> float:
    """Return the smallest true effect that a two-sided test finds with a probability.

    >>> round(smallest_effect(1.0, 0.05, 0.8), 3)
    2.802
    """
    return float((norm.ppf(1.0 - 0.5 * significance) + norm.ppf(power)) * se)
