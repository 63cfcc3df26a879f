"""Fit both models with segments, and put the draws of the segments together."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tenure.kernel_table import Floats
from tenure.posterior import Segments, spread_evenly
from tenure.posterior_segments import LONGEST_VALUE
from tenure.rfm import CompressedSummary
from tenure.settings import FitSettings
from tenure.streams import derive_seed, stream

from .fitted import FittedModel
from .prior import draw_prior
from .segments import SegmentedTarget, SegmentsError, all_effects, fit_segments, shrink_first_orders
from .target import Target, purchase_target, spend_target

log = logging.getLogger("tenure")
SAMPLES_ALIKE = "nuts does not sample segments: they are integrated out, and the draws are by importance sampling"


@dataclass(frozen=True)
class SegmentedModel:
    """One model's posterior, and draws of the effects of its segments.

    Args:
        model: the population's draws.
        effects: by quantity, shape (segments + 1, 1, joint draws), of every segment of the base in order and a new one.
    """

    model: FittedModel
    effects: Mapping[str, Floats]


def require_parts(base: CompressedSummary, settings: FitSettings) -> None:
    """Raise SegmentsError for customers who were not split by the segments of the settings."""
    if tuple(settings.segments) != base.segment_names:
        raise SegmentsError(
            f"fit.segments are {', '.join(settings.segments)}, and the customers are split by "
            f"{', '.join(base.segment_names) or 'no column'}: compress them by those columns."
        )
    long = [value for part in base.parts for value in part.values if len(value) > LONGEST_VALUE]
    if long:
        raise SegmentsError(
            f"{len(long):,} values of fit.segments have more than {LONGEST_VALUE} characters (first: {long[0][:40]!r} "
            "...): name a column with short values."
        )


def explore_segments(pooled: Target, base: CompressedSummary, settings: FitSettings, seed: int) -> SegmentedModel:
    """Fit one model with segments; `pooled` is its target without them."""
    parts = _targets(pooled, base, settings)
    target = SegmentedTarget.of(pooled, parts, settings.segment_spread)
    shape = (settings.chains, settings.draws, len(target.names))
    prior = draw_prior(target, 2000, stream(seed, "fit.by_segment.prior"))
    if pooled.is_empty:
        u = draw_prior(target, shape[0] * shape[1], stream(seed, "fit.by_segment.prior_as_posterior")).reshape(shape)
        model = FittedModel(target, "prior", u, prior, _numbers(target, u))
    else:
        fit = fit_segments(target, pooled, draws=shape[0] * shape[1], seed=seed)
        target, u = fit.target, fit.sample.u.reshape(shape)
        note = SAMPLES_ALIKE if settings.method == "nuts" else ""
        model = FittedModel(target, "laplace", u, prior, {**_numbers(target, u), **fit.numbers}, None, note)
    chain, place = spread_evenly(shape[:2], settings.joint_draws)
    effects = all_effects(target, u[chain, place], parts, derive_seed(seed, "fit.by_segment"))
    return SegmentedModel(model, {name: array[:, None, :] for name, array in effects.items()})


def _targets(pooled: Target, base: CompressedSummary, settings: FitSettings) -> tuple[Target, ...]:
    """Build the target of each segment, with the scale of the whole base."""
    is_spend = pooled.kind == "spend"
    scale = replace(settings.scale, **{"money" if is_spend else "time_days": pooled.scale})
    scaled = replace(settings, scale=scale)
    if is_spend:
        return tuple(spend_target(part.base, scaled, pooled.spec) for part in base.parts)
    return tuple(purchase_target(part.base, scaled) for part in base.parts)


def _numbers(target: SegmentedTarget, u: Floats) -> dict[str, float]:
    quantities = target.quantities(u)
    shares = {name: float(np.mean(is_true(quantities))) for name, is_true in target.spec.shares.items()}
    return {"point_estimate": 0.0, "draws": float(u[..., 0].size), **shares}


def segments_of(base: CompressedSummary, effects: Mapping[str, Floats], *, with_unnamed: bool = False) -> Segments:
    """Return the segments of a posterior: those with enough customers, or all of the fit, and a new one."""
    chosen = [at for at, part in enumerate(base.parts) if part.is_named or with_unnamed]
    orders = shrink_first_orders(base, [part.base for part in base.parts])
    rows = [*chosen, len(base.parts)]
    return Segments(
        base.segment_names,
        tuple(base.parts[at].values for at in chosen),
        tuple(base.parts[at].base.customers for at in chosen),
        {name: np.ascontiguousarray(array[rows]) for name, array in effects.items()},
        None if orders is None else tuple(orders[at] for at in rows),
    )
