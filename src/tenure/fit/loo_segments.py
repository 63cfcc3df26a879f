"""Leave-one-customer-out cross-validation with segments: each customer's density is that of their segment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tenure import purchase, spend
from tenure.posterior import Segments
from tenure.rfm import CompressedSummary
from tenure.streams import stream

from .loo import Floats, Loo, few, leave_one_out, loo
from .run import Fit
from .target import SpendRows

type Rows = Sequence[tuple[NDArray[np.generic], ...]]


def leave_out_customers(fit: Fit, base: CompressedSummary, *, seed: int) -> dict[str, Loo]:
    """Estimate the elpd of both models, leaving out one customer at a time, with segments or without."""
    if fit.segments is None:
        return leave_one_out(fit, base, seed=seed)
    draws, (purchases, spending) = _draws_by_part(fit, fit.segments), fit.posterior.specs
    histories = [part.base.histories for part in base.parts]
    pairs = [SpendRows.of(part.base, spending) for part in base.parts]
    purchase_rows = [(one.frequency, one.recency.astype(float), one.T.astype(float)) for one in histories]
    spend_rows = [(one.x, one.mean, *one.single) for one in pairs]
    models = (
        ("purchases", purchase, purchases, purchase_rows, [one.count for one in histories]),
        ("spend", spend, spending, spend_rows, [one.customers for one in pairs]),
    )
    loos = {}
    for name, package, spec, rows, counts in models:
        if fit.models[name].is_estimated:
            pointwise = package.model_part(spec.name, "likelihood").pointwise
            by_part = _ByPart(pointwise, spec.options, draws, rows, fit.posterior.size)
            count, rng = np.concatenate(counts).astype(float), stream(seed, "fit.loo_segments", name)
            relative_ess = fit.models[name].diagnostics.get("relative_ess", 1.0)
            loos[name] = loo(by_part, count, draws=fit.posterior.size, relative_ess=relative_ess, rng=rng)
    return loos


def _draws_by_part(fit: Fit, segments: Segments) -> list[dict[str, Floats]]:
    """Return the parameters of each segment, shape (draws,)."""
    joint = {name: values[None, :] for name, values in fit.posterior.joint().items()}
    parts = [segments.parameters(at, joint, fit.posterior.specs) for at in range(segments.new)]
    return [{name: np.ravel(values) for name, values in part.items()} for part in parts]


@dataclass(frozen=True)
class _ByPart:
    """The log-likelihood of rows of several segments, each with its own draws."""

    pointwise: Callable[..., Floats]
    options: Mapping[str, int]
    draws: Sequence[dict[str, Floats]]
    rows: Rows
    size: int

    @cached_property
    def part(self) -> NDArray[np.int64]:
        """Return the segment of each row."""
        return np.repeat(np.arange(len(self.rows)), [row[0].size for row in self.rows])

    def __call__(self, draws: int, at: NDArray[np.int64]) -> Floats:
        """Compute the log-likelihood of some rows, shape (draws, rows)."""
        out = np.empty((draws, at.size))
        for part in np.unique(self.part[at]):
            here = np.flatnonzero(self.part[at] == part)
            first = np.searchsorted(self.part, part)
            columns = (column[at[here] - first] for column in self.rows[part])
            out[:, here] = self.pointwise(few(self.draws[part], self.size, draws), *columns, **self.options)
        return out
