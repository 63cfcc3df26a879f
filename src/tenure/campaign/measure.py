"""Compare the arms of a campaign with its control: effects, by segment, returns on cost, and were they alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chisquare

from ..settings import CampaignSettings
from .customers import CampaignError
from .estimate import Effect, adjust_for_many, compare, joint_level, p_differs, smallest_effect
from .panel import covariate

IMBALANCE = 0.001  # p-value below which arms differ by more than chance
LEAST = 30  # customers of a segment in each arm
OUTCOMES = ("purchases", "spend", "margin", "net")


def measure(
    table: pd.DataFrame, arms: Sequence[str], settings: CampaignSettings, level: float, outcomes: Sequence[str]
) -> pd.DataFrame:
    """Return a row for each arm and outcome: the effect for one customer, relative and in all, with intervals."""
    rows = []
    for outcome in outcomes:
        effects = {arm: _effect(table, arm, settings.control, outcome) for arm in arms}
        holm = adjust_for_many([effect.p_value for effect in effects.values()])
        for (arm, effect), p_holm in zip(effects.items(), holm, strict=True):
            key = {"arm": arm, "outcome": outcome}
            row = _row(table, arm, effect, settings, level, len(arms))
            plain = _effect(table, arm, settings.control, outcome, is_adjusted=False)
            saved = 1.0 - (effect.se / plain.se) ** 2 if plain.se > 0 else 0.0
            low, high = plain.interval(level)
            further = {"raw_effect": plain.effect, "raw_low": low, "raw_high": high, "variance_saved": saved}
            paid = _returns(table, arm, settings, outcome, level)
            rows.append({**key, **row, "p_holm": p_holm, **further, **paid})
    return pd.DataFrame(rows)


def measure_segments(
    table: pd.DataFrame, arms: Sequence[str], settings: CampaignSettings, level: float, outcomes: Sequence[str]
) -> pd.DataFrame:
    """Return a row for each segment, its value, arm and outcome; joint intervals cover all rows of an outcome."""
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        measured = list(_segment_effects(table, arms, settings, outcome))
        there = [effect for *_, effect in measured if effect is not None]
        holm = iter(adjust_for_many([effect.p_value for effect in there]) if there else [])
        for segment, value, arm, part, effect in measured:
            key = {"segment": segment, "value": value, "arm": arm, "outcome": outcome}
            if effect is None:
                sizes = {
                    "customers": int((part["arm"] == arm).sum()),
                    "control_customers": int((part["arm"] == settings.control).sum()),
                }
                rows.append({**key, **sizes})
                continue
            alike = [one for other, _, of, _, one in measured if one is not None and (other, of) == (segment, arm)]
            differs = p_differs([one.effect for one in alike], [one.se for one in alike])
            row = _row(part, arm, effect, settings, level, len(there))
            rows.append({**key, **row, "p_holm": next(holm), "p_differs": differs})
    return pd.DataFrame(rows)


def _segment_effects(table: pd.DataFrame, arms: Sequence[str], settings: CampaignSettings, outcome: str) -> Any:
    """Yield each segment, value, arm, its customers and its effect, None where they are too few."""
    for segment in settings.segments:
        for value, part in table.groupby(segment, sort=True):
            for arm in arms:
                sizes = [(part["arm"] == name).sum() for name in (arm, settings.control)]
                effect = _effect(part, arm, settings.control, outcome) if min(sizes) >= LEAST else None
                yield segment, str(value), arm, part, effect


def _effect(table: pd.DataFrame, arm: str, control: str | None, outcome: str, *, is_adjusted: bool = True) -> Effect:
    treated, other = (table[table["arm"] == name] for name in (arm, control))
    outcomes = treated[outcome].to_numpy(np.float64), other[outcome].to_numpy(np.float64)
    return compare(*outcomes, (covariate(treated, outcome), covariate(other, outcome)) if is_adjusted else None)


def _row(
    table: pd.DataFrame, arm: str, effect: Effect, settings: CampaignSettings, level: float, number: int
) -> dict[str, Any]:
    """Return the numbers of an effect; the joint interval is one of `number`."""
    size = int((table["arm"] == arm).sum())
    low, high = effect.interval(level)
    joint_low, joint_high = effect.interval(joint_level(level, number))
    relative, relative_low, relative_high = effect.relative(level)
    return {
        "customers": size,
        "control_customers": int((table["arm"] == settings.control).sum()),
        "mean": effect.treated,
        "control_mean": effect.control,
        "effect": effect.effect,
        "effect_low": low,
        "effect_high": high,
        "joint_low": joint_low,
        "joint_high": joint_high,
        "relative": relative,
        "relative_low": relative_low,
        "relative_high": relative_high,
        "total": size * effect.effect,
        "total_low": size * low,
        "total_high": size * high,
        "p_value": effect.p_value,
        "smallest_effect": smallest_effect(effect.se, settings.significance, settings.power),
        "largest_share": effect.largest_share,
    }


def _returns(
    table: pd.DataFrame, arm: str, settings: CampaignSettings, outcome: str, level: float
) -> Mapping[str, float]:
    """Return what an arm cost for one customer beyond the control, and the return on it, with its interval."""
    if outcome != "net":
        return {}
    margin, cost = (_effect(table, arm, settings.control, name) for name in ("margin", "cost"))
    if cost.effect <= 0:
        return {"cost": cost.effect}
    # A return r is that at which margin - r x cost has no effect: its error is that of the ratio, to first order.
    ratio = margin.effect / cost.effect
    left = _effect(table.assign(left=table["margin"] - ratio * table["cost"]), arm, settings.control, "left")
    low, high = left.interval(level)
    half = 0.5 * (high - low) / cost.effect
    return {
        "cost": cost.effect,
        "return_on_cost": ratio - 1.0,
        "return_low": ratio - half - 1.0,
        "return_high": ratio + half - 1.0,
    }


def compare_arms(table: pd.DataFrame, settings: CampaignSettings) -> pd.DataFrame:
    """Return a row for each arm: size, what was expected at the start, and spend before and after.

    `regression_to_mean` is how much less the customers were expected to spend after than before, without a campaign:
    those who were chosen for their spend bought much by chance as well.
    """
    rows = []
    for arm, part in table.groupby("arm", sort=True):
        spends = {name: part[name].sum() for name in ("before_spend", "expected_spend", "spend")}
        rows.append(
            {
                "arm": arm,
                "customers": len(part),
                "share": len(part) / len(table),
                "planned_share": settings.shares.get(str(arm), np.nan),
                "expected_purchases": part["expected_purchases"].mean(),
                "expected_spend": part["expected_spend"].mean(),
                "p_alike": p_alike(table, str(arm), settings.control),
                "before_spend": part["before_spend"].mean(),
                "after_spend": part["spend"].mean(),
                "observed_change": _change(spends["spend"], spends["before_spend"]),
                "expected_change": _change(spends["expected_spend"], spends["before_spend"]),
            }
        )
    return pd.DataFrame(rows)


def p_alike(table: pd.DataFrame, arm: str, control: str | None) -> float:
    """Return the p-value of equal expectations at the start as in the control: of the smaller, times two."""
    if control is None or arm == control:
        return np.nan
    treated, other = (table[table["arm"] == name] for name in (arm, control))
    values = [
        compare(treated[name].to_numpy(), other[name].to_numpy()).p_value
        for name in ("expected_purchases", "expected_spend")
    ]
    return min(1.0, 2.0 * min(values))


def require_shares(table: pd.DataFrame, settings: CampaignSettings) -> None:
    """Raise CampaignError for arms whose sizes differ from the plan by more than chance."""
    if not settings.shares:
        return
    sizes = table["arm"].value_counts()
    arms = sorted(sizes.index)
    if set(settings.shares) != set(arms):
        raise CampaignError(
            f"campaign.shares names {', '.join(map(repr, sorted(settings.shares)))}, but the arms are"
            f" {', '.join(map(repr, arms))}."
        )
    expected = np.array([settings.shares[arm] for arm in arms]) * len(table)
    p_value = float(chisquare(sizes[arms].to_numpy(), expected).pvalue)
    if p_value < IMBALANCE and not settings.accept_imbalance:
        pairs = ", ".join(
            f"{arm!r} {sizes[arm]:,} instead of {plan:,.0f}" for arm, plan in zip(arms, expected, strict=True)
        )
        raise CampaignError(
            f"The arms do not have the planned sizes: {pairs} (p = {p_value:.1g}). Customers were lost or moved after"
            " the draw, and not at random. Find out where; with campaign.accept_imbalance=true it is measured"
            " nevertheless."
        )


def require_alike(table: pd.DataFrame, arms: Sequence[str], settings: CampaignSettings) -> None:
    """Raise CampaignError for arms of which more, or less, was expected at the start than of the control."""
    values = {arm: p_alike(table, arm, settings.control) for arm in arms}
    unlike = [arm for arm, value in values.items() if value * len(arms) < IMBALANCE]
    if not unlike or settings.accept_imbalance:
        return
    means = table.groupby("arm")["expected_spend"].mean()
    shown = ", ".join(f"{arm!r} {means[arm]:,.2f}" for arm in [*unlike, str(settings.control)])
    raise CampaignError(
        f"The arms were not alike at the start: expected spend of a customer {shown} (p = {min(values.values()):.1g})."
        " They were not drawn at random from the same customers, so a difference is no effect. Compare arms that were;"
        " with campaign.accept_imbalance=true it is measured nevertheless."
    )


def _change(after: float, before: float) -> float:
    return float(after / before - 1.0) if before > 0 else np.nan
