"""The contract of purchase and spend models: what `purchase.protocol` and `spend.protocol` ask of every one.

A new model adds an entry to `EXAMPLES` and, where the literature has one, to `PUBLISHED`.
"""

import functools
import inspect
import warnings
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import golden_scores
import numpy as np
import pandas as pd
import pytest
from cases import few
from numpy.testing import assert_allclose
from scipy import optimize

from tenure import purchase, spend
from tenure.fit import fit_models, library_model, maximum_likelihood
from tenure.fit.target import purchase_target, spend_target
from tenure.jobs.compose import compose_settings
from tenure.model_spec import NoLibraryModelError
from tenure.posterior import Posterior
from tenure.registry import packing
from tenure.rfm import CompressedSummary
from tenure.scorer import Scorer
from tenure.settings import PriorSettings
from tenure.simulate import purchase_process, spend_process
from tenure.simulate.processes import state_names
from tenure.summary import CustomerSummary, Orders

ROOT = Path(__file__).parents[1]
ALL: dict[str, Any] = {**purchase.MODELS, **spend.MODELS}
# Parameters of likely populations and of odd ones, in days and the log's money; the first is simulated and fitted.
EXAMPLES: dict[str, Any] = {
    "bg_nbd": [(0.6, 40.0, 0.8, 2.5), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)],
    "mbg_nbd": [(0.6, 40.0, 0.8, 2.5), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)],
    "pareto_nbd": [(0.6, 40.0, 1.5, 400.0), (5.0, 1e-3, 0.05, 0.4), (1e6, 2e8, 1e-6, 1e6)],
    "zi_bg_nbd": [(0.6, 40.0, 0.8, 2.5, 0.3), (5.0, 1e-3, 0.05, 0.4, 1e-9), (1e6, 2e8, 1e-6, 1e6, 0.99)],
    "gamma_gamma": [(6.0, 3.7, 15.0), (0.2, 1.05, 1e-2), (300.0, 40.0, 1e4)],
    "gamma_gamma_transactions": [(6.0, 3.7, 15.0), (0.2, 1.05, 1e-2), (300.0, 40.0, 1e4)],
    "gamma_gamma_first_order": [(6.0, 3.7, 15.0, 1.1, 1.0), (0.2, 1.05, 1e-2, 30.0, 1.0), (300.0, 40.0, 1e4, 0.2, 1.0)],
    "gamma_gamma_fading": [(6.0, 3.7, 15.0, 1.0, 0.8), (0.2, 1.05, 1e-2, 1.0, 0.3), (300.0, 40.0, 1e4, 1.0, 0.99)],
    "gamma_gamma_orders": [(6.0, 3.7, 15.0, 1.1, 0.8), (0.2, 1.05, 1e-2, 30.0, 0.3), (300.0, 40.0, 1e4, 0.2, 0.99)],
}
# Estimates from CDNOW's first 39 weeks, time in weeks, with the log-likelihood and the precision of the source.
PUBLISHED = {
    "bg_nbd": ((0.2425945, 4.4136019, 0.7929199, 2.4258881), 1e-3, -9582.429),  # Fader, Hardie & Lee (2005), Table 2
    "mbg_nbd": ((0.525, 6.183, 0.891, 1.614), 1.2e-3, -9582.136),
    "pareto_nbd": ((0.55315, 10.57633, 0.60625, 11.67150), 5e-3, -9594.976),  # the same
    "gamma_gamma": ((6.25, 3.74, 15.44), 1.4e-3, -4055.9177),  # Fader, Hardie & Lee (2005), JMR 42; note 025
}
SPEND = dict(zip(spend.MODELS["gamma_gamma"].parameters, EXAMPLES["gamma_gamma"][0], strict=True))
WITHOUT_LIBRARY = ("zi_bg_nbd",)  # pymc-marketing has no such model
MANY = 3000  # histories: enough for the kernel of the BG/NBD to tabulate powers, group by group
FAMILIES = {
    "LogNormal": {"mu": 0.2, "sigma": 0.8},
    "Gamma": {"alpha": 2.0, "beta": 3.0},
    "InverseGamma": {"alpha": 2.0, "beta": 3.0},
    "HalfNormal": {"sigma": 1.3},
    "Exponential": {"lam": 0.7},
}

every_model = pytest.mark.parametrize("name", ALL)
every_purchase_model = pytest.mark.parametrize("name", purchase.MODELS)
every_example = pytest.mark.parametrize(
    ("name", "theta"), [(name, theta) for name in ALL for theta in EXAMPLES.get(name, [])], ids=str
)


def part(name, module):
    """Return a module of any model."""
    return (purchase if name in purchase.MODELS else spend).model_part(name, module)


def make_histories(size, seed=1, most=400):
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.gamma(0.5, 4.0, size))
    x[0] = 25
    T = rng.integers(max(most // 10, 1), most, size).astype(float)
    t_x = np.where(x > 0, np.floor(T * rng.random(size)), 0.0)
    return x, t_x, T, rng.integers(1, 9, size).astype(float)


def make_spends(size, seed=2):
    rng = np.random.default_rng(seed)
    return rng.poisson(2.0, size) + 1.0, rng.gamma(3.0, 10.0, size), rng.integers(1, 9, size).astype(float)


def make_data(name, size, **changes):
    """Return distinct rows and their counts, the last; a model of single amounts has the sums of their logs too."""
    if name in purchase.MODELS:
        return make_histories(size, **changes)
    x, mean, count = make_spends(size)
    if ALL[name].on_orders:
        orders = make_orders(x, mean, count)
        return (orders if ALL[name].with_first_order else replace(orders, first=np.zeros(size))), count
    single = [-(x - 1.0) * np.random.default_rng(3).gamma(2.0, 0.1, size)] if ALL[name].without_amounts else []
    return (x, mean, *single, count)


def make_orders(x, mean, count):
    """Return orders of customers, a tenth of whom have no first order that counts."""
    rng = np.random.default_rng(4)
    first = np.where(rng.random(x.size) < 0.1, 0.0, rng.gamma(3.0, 10.0, x.size))
    repeats = x.astype(int) - 1 * (first > 0)
    amounts = np.repeat(mean, repeats) * rng.gamma(3.0, 0.3, repeats.sum())
    return Orders(first, np.append(0, repeats.cumsum()), amounts, count.astype(int))


def plugged(name, theta):
    """Return the delta of a model on orders, by name."""
    return {key: value for key, value in zip(ALL[name].parameters, theta, strict=True) if key == "delta"}


def make_table(name, data, theta):
    *columns, count = data
    if ALL[name].on_orders:
        return part(name, "likelihood").Table.of(*columns, **plugged(name, theta))
    if name in spend.MODELS:
        x, mean, *single = columns
        return part(name, "likelihood").Table.of(x, mean, count, *single, **ALL[name].options)
    return part(name, "likelihood").Table.of(*columns, count, **ALL[name].options)


def evaluate(name, theta, table):
    estimated = np.asarray(theta, float)[: len(ALL[name].estimated)]
    value, gradient = part(name, "likelihood").kernel(estimated, *table.arrays())
    return float(value), gradient


def make_target(summary, settings, name):
    base = CompressedSummary.of(summary)
    if name in purchase.MODELS:
        return purchase_target(base, replace(settings, purchase_model=name))
    return spend_target(base, replace(settings, spend_model=name))


def points_of(target):
    """Return two points of the coordinates: a likely one, and one farther out."""
    rng = np.random.default_rng(7)
    size = len(target.names)
    return [rng.normal(-0.3, 0.6, size), rng.normal(0.0, 2.0, size)]


def posterior_of(name, draws=400, origin=None):
    """Return a posterior of equal draws of the first example."""
    parameters = {**dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True)), **SPEND}
    return Posterior({key: np.full((1, draws), value) for key, value in parameters.items()}, name, "gamma_gamma")


# ---- the parts


def test_the_contract_names_an_example_of_every_model():
    assert set(EXAMPLES) == set(ALL)
    assert set(golden_scores.PURCHASES) == set(purchase.MODELS)


@every_model
def test_a_model_has_all_its_modules(name):
    own = ("survival",) if name in purchase.MODELS else ()
    for module in ("spec", "scoring", "futures", "likelihood", "process", "pymc", *own):
        assert part(name, module).__doc__
    package = purchase if name in purchase.MODELS else spend
    compiled = import_module(f"{package.__name__}.dispatch").COMPILED
    assert compiled[ALL[name].folder] == (part(name, "scoring"), part(name, "futures"))
    fields = list(part(name, "scoring").Parameters._fields)
    assert fields == [*ALL[name].parameters, *ALL[name].options]


@every_model
def test_a_spec_says_what_others_need(name):
    spec = ALL[name]
    assert spec.name == name
    assert spec.label
    assert set(spec.scaled) < set(spec.parameters)
    assert len(spec.start) == len(spec.estimated)
    labels = [item.label for item in (*spec.parameters.values(), *spec.quantities.values(), spec.mean)]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    for at, parameter in enumerate(spec.parameters.values()):
        assert parameter.bounds[0] < EXAMPLES[name][0][at] <= parameter.bounds[1]
        assert parameter.truth[0] < EXAMPLES[name][0][at] <= parameter.truth[1]


def test_only_spec_scoring_and_futures_travel_in_the_registered_model(tmp_path):
    """With their helpers; what fits and simulates stays, and so does every library but NumPy, pandas and Numba."""
    packing.pack(posterior_of("bg_nbd"), None, tmp_path)
    files = {path.relative_to(tmp_path / "code").as_posix() for path in (tmp_path / "code").rglob("*.py")}
    for package, specs in (("purchase", purchase.MODELS), ("spend", spend.MODELS)):
        for folder in {spec.folder for spec in specs.values()}:
            modules = {name.rpartition("/")[2] for name in files if name.startswith(f"{package}/{folder}/")}
            assert {"__init__.py", "spec.py", "scoring.py", "futures.py"} <= modules
            assert not modules & {"likelihood.py", "process.py", "pymc.py"}
    assert not {"purchase/protocol.py", "spend/protocol.py", "kernel_table.py"} & files


def test_purchase_and_spend_models_share_no_parameter():
    of_purchases = {parameter for spec in purchase.MODELS.values() for parameter in spec.parameters}
    assert not of_purchases & {parameter for spec in spend.MODELS.values() for parameter in spec.parameters}


@functools.cache
def _fit_settings(prior):
    """Compose once for all models: it takes longer than the test."""
    return compose_settings("train", [f"fit/priors={prior}"]).fit


@every_model
@pytest.mark.parametrize("prior", ["weak", "vague"])
def test_priors_exist(name, prior):
    assert list(_fit_settings(prior).priors_of(name)) == list(ALL[name].quantities)


@every_model
def test_a_model_is_documented(name):
    assert ALL[name].label in (ROOT / "README.md").read_text() + (ROOT / "docs" / "models.md").read_text()


@every_model
def test_impossible_parameters_have_no_process(name):
    process = purchase_process if name in purchase.MODELS else spend_process
    for wrong in (-1.0, np.nan, np.inf):
        theta = dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True))
        for parameter in theta:
            with pytest.raises(ValueError, match=parameter):
                process(name, {**theta, parameter: wrong})


# ---- the likelihood


@pytest.mark.parametrize("name", PUBLISHED)
def test_maximum_likelihood_is_the_published_one(calibration, name):
    models = (name,) if name in purchase.MODELS else ("bg_nbd", name)
    estimates = maximum_likelihood(calibration, *models)
    published, precision, log_likelihood = PUBLISHED[name]
    is_time = name in purchase.MODELS
    for parameter, value in zip(ALL[name].parameters, published, strict=True):
        scale = 7.0 if is_time and parameter in ALL[name].scaled else 1.0
        assert estimates[parameter] / scale == pytest.approx(value, rel=precision)
    purchases = calibration.table["frequency"].sum()
    key, unit = ("purchases", purchases * np.log(7)) if is_time else ("spend", 0.0)
    assert estimates[f"{key}_log_likelihood"] + unit == pytest.approx(log_likelihood, abs=1e-3)


@every_example
@pytest.mark.parametrize("size", [40, MANY])
def test_the_kernels_gradient_is_its_derivative(name, theta, size):
    table = make_table(name, make_data(name, size), theta)
    _, gradient = evaluate(name, theta, table)
    theta = theta[: len(ALL[name].estimated)]
    numeric = optimize.approx_fprime(np.log(theta), lambda z: evaluate(name, np.exp(z), table)[0], 1e-6)
    assert_allclose(gradient * theta, numeric, rtol=2e-4, atol=7e-5 * size)


@every_example
@pytest.mark.parametrize("most", [3, 400, 20_000])
@pytest.mark.parametrize("size", [40, MANY])
def test_grouped_and_tabulated_is_the_sum_over_customers(name, theta, size, most):
    """A distinct history without its count would be one customer; tables are a short cut and no other sum."""
    *columns, count = make_data(name, size, **({"most": most} if name in purchase.MODELS else {}))
    draws = dict(zip(ALL[name].parameters, np.array(theta)[:, None], strict=True))
    each = part(name, "likelihood").pointwise(draws, *columns, **ALL[name].options)[0]
    assert evaluate(name, theta, make_table(name, (*columns, count), theta))[0] == pytest.approx(each @ count, rel=1e-9)


@every_model
@pytest.mark.parametrize("beyond", [0.0, np.inf, np.nan])
def test_a_kernel_that_a_sampler_leads_out_of_the_doubles_is_minus_infinity(name, beyond):
    """PyMC's own sampler takes such steps while it warms up."""
    table = make_table(name, make_data(name, 20), EXAMPLES[name][0])
    for at in range(len(ALL[name].estimated)):
        theta = np.full(len(ALL[name].estimated), 1.5)
        theta[at] = beyond
        value, gradient = evaluate(name, theta, table)
        assert value == -np.inf
        assert_allclose(gradient, np.zeros(theta.size))


@every_model
def test_a_densitys_gradient_is_its_derivative(calibration, fit_settings, name):
    target = make_target(calibration, fit_settings, name)
    for point in points_of(target):
        value, gradient = target.density(point)
        numeric = optimize.approx_fprime(point, lambda u, target=target: target.density(u)[0], 1e-6)
        assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-2)
        assert target.densities(np.array([point, point])) == pytest.approx([value, value], rel=1e-14)


@every_model
@pytest.mark.parametrize("far", [-1e9, -301.0, -290.0, -40.0, 40.0, 290.0, 301.0, 1e9, np.nan])
def test_far_out_the_density_is_minus_infinity_or_a_number(calibration, fit_settings, name, far):
    target = make_target(calibration, fit_settings, name)
    for at in range(len(target.names)):
        point = np.zeros(len(target.names))
        point[at] = far
        value, gradient = target.density(point)
        assert value < 0
        assert np.isfinite(gradient).all()


@every_model
def test_the_density_does_not_depend_on_the_unit(calibration, fit_settings, name):
    """Days times 7 and money times 100: the same density at the same coordinates, to 1e-9."""
    table = calibration.table
    changed = table.assign(recency=table["recency"] * 7, T=table["T"] * 7, monetary_value=table["monetary_value"] * 100)
    amounts = replace(calibration.amounts, mean=calibration.amounts.mean * 100)
    orders = calibration.orders.scaled(0.01)
    summary = CustomerSummary.from_frame(changed, calibration.as_of, amounts=amounts, orders=orders)
    other = make_target(summary, fit_settings, name)
    target = make_target(calibration, fit_settings, name)
    point = points_of(target)[0]
    assert other.density(point)[0] == pytest.approx(target.density(point)[0], rel=1e-9)
    # The parameters are those of the other unit.
    unit = 7.0 if name in purchase.MODELS else 100.0
    for parameter in target.parameters:
        factor = unit if parameter in ALL[name].scaled else 1.0
        here, there = (float(each.quantities(point)[parameter]) for each in (target, other))
        assert there == pytest.approx(here * factor, rel=1e-9)


@every_model
@pytest.mark.parametrize("family", few(FAMILIES, 1))
def test_a_density_is_that_of_the_pymc_model(calibration, fit_settings, name, family):
    """Up to a constant: differences between points are equal, under every family of priors."""
    from tenure.fit.pymc_model import pymc_model

    target = make_target(calibration, fit_settings, name)
    quantities = target.spec.quantities.items()
    prior = PriorSettings(family, FAMILIES[family])
    changed = {key: target.priors[key] if quantity.is_share else prior for key, quantity in quantities}
    target = replace(target, priors=changed)
    model = pymc_model(target)
    log_density = model.compile_logp()
    variables = [f"{key}_logit" if quantity.is_share else f"{key}_log__" for key, quantity in quantities]
    points = points_of(target)
    theirs = [float(log_density(dict(zip(variables, map(np.array, point), strict=True)))) for point in points]
    ours = [target.density(point)[0] for point in points]
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1], rel=1e-9)
    # The parameters that come out are the PyMC model's deterministics.
    values = target.quantities(points[0])
    given = {
        model[f"{key}_logit" if quantity.is_share else key]: points[0][at] if quantity.is_share else values[key]
        for at, (key, quantity) in enumerate(quantities)
    }
    for parameter in target.parameters:
        evaluated = float(model[parameter].eval(given, on_unused_input="ignore"))
        assert evaluated == pytest.approx(float(values[parameter]), rel=1e-12)


# ---- scoring and futures

CUSTOMERS = [(0, 0, 0, 0.0), (0, 0, 100, 0.0), (1, 20, 150, 30.0), (4, 60, 200, 12.0), (30, 280, 300, 55.0)]


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=["frequency", "recency", "T", "monetary_value"])
    return frame.assign(customer_id=[f"customer {at}" for at in range(len(frame))])


@every_purchase_model
def test_p_alive_is_a_probability_and_never_rises_in_silence(name):
    days = np.unique(np.geomspace(1, 18_000, 60).astype(int))
    for x, t_x in ((0, 0), (1, 1), (3, 90), (60, 100), (2_000, 3_000)):
        rows = [(x, t_x, t_x + day, 10.0 if x else 0.0) for day in (0, *days)]
        table = Scorer(posterior_of(name)).score(frame_of(rows)).table
        alive = table["p_alive"].to_numpy()
        assert ((alive >= 0) & (alive <= 1)).all()
        assert (np.diff(alive) <= 1e-15).all()
        assert (table["p_purchase"] <= alive + 1e-15).all()


@every_purchase_model
def test_expectations_grow_with_the_horizon_and_shrink_with_the_discount(name):
    scorer, frame = Scorer(posterior_of(name)), frame_of(CUSTOMERS)
    horizons = [scorer.expect(frame, horizon_days=days, discount_rate=0.0) for days in (1, 30, 365, 3650)]
    for near, far in pairwise(horizons):
        assert (far["expected_purchases"] > near["expected_purchases"]).all()
    discounted = scorer.expect(frame, horizon_days=3650, discount_rate=0.5)
    assert (discounted["clv"] < horizons[-1]["clv"]).all()
    assert_allclose(horizons[-1]["clv"], horizons[-1]["expected_purchases"] * horizons[-1]["expected_spend"], rtol=1e-9)


@every_purchase_model
@pytest.mark.parametrize("rate", few([0.1, 0.0, 5.0], 1))
@pytest.mark.parametrize("days", few([90, 1_460], 1))
def test_the_mean_of_simulated_futures_is_the_expectation(name, rate, days):
    scorer, frame = Scorer(posterior_of(name, 20_000)), frame_of(CUSTOMERS)
    params = {"horizon_days": days, "discount_rate": rate}
    futures, expected = scorer.simulate(frame, **params), scorer.expect(frame, **params)
    outcomes = ((futures.purchases, "expected_purchases"), (futures.clv, "clv"), (futures.purchases > 0, "p_purchase"))
    for simulated, column in outcomes:
        error = simulated.std(axis=1) / np.sqrt(scorer.draws)
        assert_allclose(simulated.mean(axis=1), expected[column], atol=float(4.5 * error.max()))
        assert (np.abs(simulated.mean(axis=1) - expected[column]) < 4.5 * error).all(), column


@every_purchase_model
def test_nothing_is_expected_of_a_new_customer_at_once(name):
    """A curve by day, as of a holdout, begins with day 0."""
    expected = Scorer(posterior_of(name)).expected_new_customer(np.array([0.0, 1e-9, 1.0])).mean(axis=0)
    assert expected[0] == 0.0
    assert_allclose(expected[1], 1e-9 * expected[2], rtol=0.5)


@every_purchase_model
def test_months_add_up_to_the_horizon(name):
    months = Scorer(posterior_of(name)).score(frame_of(CUSTOMERS), by_month=True)
    assert_allclose(months.months.purchases.sum(axis=1), months.table["expected_purchases"], rtol=1e-9)
    assert_allclose(months.months.clv.sum(axis=1), months.table["clv"], rtol=1e-9)
    simulated = sum(month.purchases for month in months.months.totals)
    np.testing.assert_array_equal(simulated, months.totals.purchases)


@every_purchase_model
def test_a_longer_horizon_continues_the_same_future(name):
    scorer, frame = Scorer(posterior_of(name, 2_000)), frame_of(CUSTOMERS[:4])
    short, long = (scorer.simulate(frame, horizon_days=days).purchases for days in (100, 200))
    assert (short <= long)[long <= 6].all()
    assert (short < long).any()


@pytest.mark.parametrize("name", [name for name in purchase.MODELS if name not in WITHOUT_LIBRARY])
def test_the_library_expects_the_same(name, calibration):
    """pymc-marketing on our draws; it labels customers as given."""
    rng = np.random.default_rng(3)
    theta = {**dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True)), **SPEND}
    draws = {key: value * np.exp(0.05 * rng.standard_normal((2, 60))) for key, value in theta.items()}
    posterior = Posterior(draws, name, "gamma_gamma")
    summary = CustomerSummary.from_frame(calibration.table.iloc[::40], calibration.as_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = library_model(posterior, summary).purchases
        theirs = library.expected_purchases(future_t=365).mean(("chain", "draw")).to_numpy()
        alive = library.expected_probability_alive().mean(("chain", "draw")).to_numpy()
    ours = Scorer(posterior).score(summary, horizon_days=365, discount_rate=0.0, level=0.9).table
    assert_allclose(ours["expected_purchases"], np.ravel(theirs), rtol=1e-6)
    assert_allclose(ours["p_alive"], np.ravel(alive), rtol=1e-6)


@pytest.mark.parametrize("name", WITHOUT_LIBRARY)
def test_a_model_that_the_library_lacks_says_so(name, calibration):
    with pytest.raises(NoLibraryModelError, match=r"pymc-marketing has no .*fit\.purchase_model=bg_nbd") as caught:
        library_model(posterior_of(name), calibration)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", [name for name in spend.MODELS if spend.MODELS[name].on_orders])
def test_a_spend_model_that_the_library_lacks_says_so(name, calibration):
    draws = {**dict(zip(ALL["bg_nbd"].parameters, EXAMPLES["bg_nbd"][0], strict=True))}
    draws |= dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True))
    posterior = Posterior({key: np.full((1, 10), value) for key, value in draws.items()}, "bg_nbd", name)
    with pytest.raises(NoLibraryModelError, match=r"pymc-marketing has no .*fit\.spend_model=gamma_gamma"):
        library_model(posterior, calibration)


# ---- the process


@every_purchase_model
def test_the_process_draws_what_the_scorer_expects_of_new_customers(name):
    theta = dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True))
    process, rng = purchase_process(name, theta), np.random.default_rng(5)
    T = np.full(100_000, 365.0)
    expected = Scorer(posterior_of(name)).expected_new_customer(np.array([365.0]))[0, 0]
    never = 1.0 - Scorer(posterior_of(name)).new_customer_buys(365)[0]
    state = process.draw_state(T.size, rng)
    assert tuple(state) == state_names(name)
    drawn = process.draw_purchases(state, T, rng)
    for counts in (process.draw_counts(T, rng), process.draw_histories(T, rng)[0], drawn.counts):
        assert counts.mean() == pytest.approx(expected, abs=4.5 * counts.std() / np.sqrt(T.size))
        assert (counts == 0).mean() == pytest.approx(never, abs=4.5 * np.sqrt(never * (1 - never) / T.size))
    assert drawn.times.size == drawn.counts.sum()
    assert ((drawn.times >= 0) & (drawn.times <= 1)).all()
    left = drawn.left[~np.isnan(drawn.left)]
    assert ((left >= 0) & (left <= 1)).all()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "pareto_nbd" else ()) for name in purchase.MODELS]
)
def test_a_fit_recovers_the_process(name, fit_settings):
    """By its 99.9% credible intervals."""
    theta = dict(zip(ALL[name].parameters, EXAMPLES[name][0], strict=True))
    rng = np.random.default_rng(8)
    T = rng.integers(1_500, 4_000, 4_000)
    x, t_x = purchase_process(name, theta).draw_histories(T, rng)
    t_x = np.where(x > 0, np.maximum(np.ceil(t_x), x), 0).astype(int)
    possible = x <= T
    means = spend_process("gamma_gamma", SPEND).draw_means(np.maximum(x, 1), rng)
    frame = pd.DataFrame(
        {"frequency": x, "recency": np.minimum(t_x, T), "T": T, "monetary_value": np.where(x > 0, means, 0.0)}
    )
    frame = frame.assign(customer_id=np.arange(T.size).astype(str))[possible]
    settings = replace(fit_settings, method="laplace", purchase_model=name, draws=1000, joint_draws=500)
    fitted = fit_models(CustomerSummary.from_frame(frame), settings, seed=1)
    for parameter, value in {**theta, **SPEND}.items():
        low, high = np.quantile(fitted.posterior.draws[parameter], [0.0005, 0.9995])
        assert low < value < high, parameter
        assert high < 6 * low, parameter  # or it would say nothing


def test_the_protocols_describe_every_compiled_function():
    for package in (purchase, spend):
        text = inspect.getsource(import_module(f"{package.__name__}.protocol"))
        stubs = vars(import_module(f"{package.__name__}.dispatch")).items()
        names = [name for name, stub in stubs if getattr(stub, "__qualname__", "") == name and name != "bind"]
        names = [name for name in names if name != "index_types"]
        assert len(names) >= 4
        assert [name for name in names if f"{name}(" not in text] == []
