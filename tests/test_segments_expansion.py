"""Polynomials in place of segments' likelihoods: exact where the posterior is, and refused where they are not."""

from dataclasses import replace

import numpy as np
import pytest
from cases import few
from segmented import QUICK, customers, summary

from tenure.fit import fit_models
from tenure.fit.mode import find_mode
from tenure.fit.segments import SegmentedTarget
from tenure.fit.segments.effects import inner_errors
from tenure.fit.segments.expansion import Expansion, expand, monomials
from tenure.fit.segments.outer import find_proposal, sample_outer
from tenure.fit.target import Target, purchase_target, spend_target
from tenure.rfm import CompressedSummary
from tenure.settings import PriorSettings, ScaleSettings

SIZES = {"ads": (700, 0.004, 0.4, 20.0), "mail": (500, 0.012, 0.2, 40.0), "shop": (60, 0.007, 0.3, 30.0)}


@pytest.fixture(scope="module")
def base() -> CompressedSummary:
    return CompressedSummary.of(summary(customers(SIZES)), ["channel"])


def targets(base: CompressedSummary, kind: str, model: str = "bg_nbd") -> tuple[Target, SegmentedTarget]:
    settings = replace(QUICK, purchase_model=model)
    build = purchase_target if kind == "purchases" else spend_target
    pooled = build(base, settings)
    scale = ScaleSettings(**{"time_days" if kind == "purchases" else "money": pooled.scale})
    parts = [build(part.base, replace(settings, scale=scale)) for part in base.parts]
    return pooled, SegmentedTarget.of(pooled, parts, PriorSettings("HalfNormal", {"sigma": 0.5}))


def test_there_is_one_monomial_for_each_product():
    for variables, terms in ((1, 5), (2, 15), (3, 35), (4, 70), (5, 126)):
        parents, of = monomials(variables)
        assert len(parents) == len(of) == terms
        powers = np.zeros((terms, variables), int)
        for m in range(1, terms):
            powers[m] = powers[parents[m]]
            powers[m, of[m]] += 1
        assert len({tuple(row) for row in powers}) == terms
        assert powers.sum(axis=1).max() == 4


def test_a_polynomial_is_fitted_exactly_with_its_gradient():
    class Quartic:
        def likelihoods(self, u):
            x, y = u.T
            slopes = np.column_stack([2 * x * y**2 - 3.0, 2 * x**2 * y + 4 * y**3])
            return x**2 * y**2 - 3.0 * x + y**4 - 1e6, slopes

    fitted = expand(Quartic(), np.array([2.0, -1.0]), np.array([[0.5, 0.2], [0.0, 0.3]]))
    u = np.array([2.0, -1.0]) + np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    for ours, exact in zip(fitted.likelihoods(u), Quartic().likelihoods(u), strict=True):
        assert ours == pytest.approx(exact, rel=1e-12, abs=1e-8)


@pytest.mark.parametrize(
    ("kind", "model"),
    few([("purchases", "bg_nbd"), ("purchases", "mbg_nbd"), ("purchases", "zi_bg_nbd"), ("spend", "bg_nbd")], 3),
)
def test_a_segment_is_a_polynomial_where_the_posterior_is_and_exact_elsewhere(kind, model):
    of_model = CompressedSummary.of(summary(customers(SIZES, model=model)), ["channel"])
    pooled, target = targets(of_model, kind, model)
    mode, rng = find_mode(pooled), np.random.default_rng(1)
    for segment in target.segments:
        factor = (0.3 if model == "zi_bg_nbd" else 1.0) * mode.factor  # pi0 is uncertain with so few customers
        fitted = expand(segment.part, mode.point, factor)
        assert isinstance(fitted, Expansion)
        near = mode.point + rng.standard_normal((300, mode.point.size)) @ factor.T
        (ours, slopes), (exact, exact_slopes) = fitted.likelihoods(near), segment.part.likelihoods(near)
        assert (ours - exact).std() < 0.05
        assert np.abs(slopes - exact_slopes).mean() < 0.05 * np.abs(exact_slopes).mean()
        far = mode.point + 7.0 * factor[:, 0]
        assert fitted.likelihoods(far[None])[0] == segment.part.likelihoods(far[None])[0]


def test_a_likelihood_that_is_not_finite_nearby_stays_exact(base):
    _, target = targets(base, "purchases")
    part = target.segments[0].part
    assert expand(part, np.zeros(4), 400.0 * np.eye(4)) is part


@pytest.mark.parametrize("kind", ["purchases", "spend"])
def test_the_error_of_the_integrals_is_that_of_the_exact_ones(kind, base):
    pooled, target = targets(base, kind)
    proposal = find_proposal(target, pooled, rng=np.random.default_rng(0), is_expanded=True)
    outer = sample_outer(proposal, draws=500, rng=np.random.default_rng(1), nodes=1)
    error, of_effects = inner_errors(outer.target, outer.draws.u)
    exact = replace(outer.target, evaluated=(), nodes=9)
    some = outer.draws.u[:: len(outer.draws.u) // 32]
    difference = outer.target.densities(some) - exact.densities(some)
    assert error == pytest.approx(difference.std(), rel=0.5, abs=0.01)
    assert error < 0.2
    assert of_effects < 0.05
    # The certificate sees a polynomial that is wrong.
    worse = []
    for one in outer.target.evaluated:
        assert isinstance(one.part, Expansion)
        worse.append(replace(one, part=replace(one.part, coefficients=1.5 * one.part.coefficients)))
    wrong = inner_errors(replace(outer.target, evaluated=tuple(worse)), outer.draws.u)
    assert wrong[1] > 0.1


def test_polynomials_that_are_not_good_enough_are_replaced_by_likelihoods(base, monkeypatch):
    monkeypatch.setattr("tenure.fit.segments.run.MANY", 1)
    assert fit_models(base, QUICK, seed=3).diagnostics["spend.segments_expanded"] == 1
    monkeypatch.setattr("tenure.fit.segments.run.LARGEST_EFFECTS_ERROR", 1e-12)
    assert fit_models(base, QUICK, seed=3).diagnostics["spend.segments_expanded"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "zi_bg_nbd"])
def test_polynomials_and_likelihoods_give_one_posterior(model, base, monkeypatch):
    settings, fits = replace(QUICK, purchase_model=model, draws=1000, joint_draws=2000), []
    for many in (1, 10**9):
        monkeypatch.setattr("tenure.fit.segments.run.MANY", many)
        fits.append(fit_models(base, settings, seed=3))
    for kind in ("purchases", "spend"):
        ours, exact = (fit.models[kind].u.reshape(4000, -1) for fit in fits)
        assert (np.abs(ours.mean(axis=0) - exact.mean(axis=0)) < 0.1 * exact.std(axis=0)).all(), kind
        assert ours.std(axis=0) == pytest.approx(exact.std(axis=0), rel=0.1), kind
    for name, ours in fits[0].posterior.segments.effects.items():
        exact = fits[1].posterior.segments.effects[name]
        assert (np.abs(ours.mean(axis=-1) - exact.mean(axis=-1)) < 0.1 * exact.std(axis=-1)).all(), name
        assert ours.std(axis=-1) == pytest.approx(exact.std(axis=-1), rel=0.1), name
