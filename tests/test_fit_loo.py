"""Pareto smoothing and leave-one-customer-out, against ArviZ."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tenure.fit import compare
from tenure.fit import loo as loo_module
from tenure.fit.loo import Loo, leave_one_out, loo
from tenure.fit.pareto import smooth
from tenure.purchase.bg_nbd.likelihood import pointwise as purchase_pointwise
from tenure.rfm import CompressedSummary
from tenure.spend.gamma_gamma.likelihood import pointwise as gamma_gamma_pointwise


@pytest.fixture(scope="module")
def base(calibration):
    return CompressedSummary.of(calibration)


@pytest.fixture(scope="module")
def loos(fitted, base):
    return leave_one_out(fitted, base, seed=0)


@pytest.mark.parametrize("relative_ess", [1.0, 0.4, 1.3])
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("draws", [100, 4000])
def test_smoothed_weights_are_arvizs(draws, spread, relative_ess):
    from arviz_stats.base import array_stats

    log_ratios = spread * np.random.default_rng(0).standard_normal(draws)
    theirs, their_khat = array_stats.psislw(-log_ratios, r_eff=relative_ess)
    ours = log_ratios.copy()
    khat = smooth(ours, relative_ess)
    assert khat == pytest.approx(float(their_khat), abs=1e-8)
    assert_allclose(ours, theirs, atol=1e-8)


def test_weights_without_a_tail_are_left_alone_and_too_few_are_not_trusted():
    equal = np.zeros(1000)
    assert smooth(equal, 1.0) == 0.0
    assert_allclose(np.exp(equal).sum(), 1.0)
    assert smooth(np.arange(10.0), 1.0) == np.inf


@pytest.mark.slow
def test_leave_one_out_equals_arviz_on_the_customers_themselves(calibration, fitted, loos):
    """Weighting before smoothing would leave whole histories out (on CDNOW that is off by 780)."""
    import arviz as az
    import xarray as xr

    customers = calibration.table
    days = customers["recency"].to_numpy(float), customers["T"].to_numpy(float)
    repeat = customers[customers["frequency"] > 0]
    each = {
        "purchases": purchase_pointwise(fitted.posterior.joint(), customers["frequency"].to_numpy(), *days, chances=0),
        "spend": gamma_gamma_pointwise(
            fitted.posterior.joint(), repeat["frequency"].to_numpy(float), repeat["monetary_value"].to_numpy(float)
        ),
    }
    chains, draws = fitted.posterior.draws["r"].shape
    for name, values in each.items():
        cube = values.reshape(draws, chains, -1).transpose(1, 0, 2)
        groups = {
            "posterior": fitted.models[name].tree()["posterior"].to_dataset(),
            "log_likelihood": xr.Dataset({"y": (("chain", "draw", "customer"), cube)}),
        }
        theirs, ours = az.loo(xr.DataTree.from_dict(groups), pointwise=True), loos[name]
        assert ours.elpd == pytest.approx(float(theirs.elpd), abs=1e-6)
        assert ours.se == pytest.approx(float(theirs.se), rel=1e-6)
        assert ours.p_loo == pytest.approx(float(theirs.p), abs=1e-6)
        assert ours.khat_max == pytest.approx(float(theirs.pareto_k.max()), abs=1e-6)
        assert ours.count.sum() == values.shape[1]
        assert ours.subsampling_se == 0


def test_with_many_histories_a_part_of_them_answers_for_all(fitted, base, loos, monkeypatch):
    monkeypatch.setattr(loo_module, "EXACT", 200)
    for seed in range(3):
        for name, estimated in leave_one_out(fitted, base, seed=seed).items():
            exact = loos[name]
            assert 0 < estimated.subsampling_se < 2.0
            assert abs(estimated.elpd - exact.elpd) < 4 * estimated.subsampling_se
            assert estimated.se == pytest.approx(exact.se, rel=0.01)
            assert estimated.p_loo == pytest.approx(exact.p_loo, rel=0.25)
            # The histories with the largest k are among those that are always computed.
            assert estimated.khat_max == pytest.approx(exact.khat_max, abs=1e-9)


def test_the_subsample_is_unbiased_where_the_stand_in_is_poor():
    """A stand-in from two draws is far off; the correction brings the sum back, and owns to its error."""
    rng = np.random.default_rng(0)
    count = rng.integers(1, 4, 6000).astype(float)
    values = rng.normal(-3.0, 0.3, (400, 6000))

    def pointwise(draws, rows):
        return values[:draws, rows]

    elpd = [loo(pointwise, count, draws=400, relative_ess=1.0, rng=np.random.default_rng(s)) for s in range(8)]
    exact, _, _ = loo_module._exact(pointwise, np.arange(6000), 400, 1.0)
    scores = [(each.elpd - count @ exact) / each.subsampling_se for each in elpd]
    assert np.abs(scores).max() < 4
    assert np.mean(scores) ** 2 * len(scores) < 9


def test_a_comparison_is_paired(loos):
    """Two models that differ for one customer by one nat differ by one nat, however spread the customers are."""
    first = loos["purchases"]
    better = first.pointwise.copy()
    single = int(np.flatnonzero(first.count == 1)[0])
    better[single] += 1.0
    difference = compare(replace(first, pointwise=better), first)
    assert difference.elpd == pytest.approx(1.0, abs=1e-9)
    assert difference.se == pytest.approx(1.0, rel=1e-3)
    assert first.se > 100


def test_models_of_different_bases_are_not_compared(loos):
    with pytest.raises(ValueError, match="not fitted to the same histories"):
        compare(loos["purchases"], loos["spend"])


def test_a_loo_lists_its_numbers(loos):
    numbers = loos["spend"].numbers()
    assert set(numbers) == {"loo_elpd", "loo_se", "loo_p", "loo_subsampling_se", "khat_max", "khat_bad"}
    assert isinstance(loos["spend"], Loo)
