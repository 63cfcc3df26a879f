"""The scorer's random numbers: the published generator, the right distributions, keys that anyone can recompute."""

import hashlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numba import njit
from scipy import special, stats

from tenure.counter_random import (
    GAMMA,
    _mix,
    beta_draw,
    binomial_draw,
    customer_keys,
    log_gamma_draw,
    normal,
    poisson_draw,
    start_stream,
    uniform,
)
from tenure.summary import canonical_ids

SIZE = 20_000
# Fixed keys: a test passes always or never. This many tests at a level of 1e-4 would fail by chance with 0.3%.
LEVEL = 1e-4
# Steele, Lea & Flood's splitmix64.c as published by Vigna, seed 1234567.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def drawn(draw: Callable[..., float], *arguments: float, key: int = 1) -> np.ndarray:
    state = np.zeros(1, np.uint64)
    start_stream(state, np.uint64(key), 0)
    return np.array([draw(state, *arguments) for _ in range(SIZE)])


def test_the_generator_gives_the_published_stream() -> None:
    with np.errstate(over="ignore"):
        outputs = [int(_mix(np.uint64(1234567) + np.uint64(k) * GAMMA)) for k in range(1, 6)]
    assert outputs == PUBLISHED


def test_uniforms_are_the_published_stream_s_leading_52_bits() -> None:
    state = np.array([1234567], np.uint64)
    assert [uniform(state) for _ in range(5)] == [(number // 2**12 + 0.5) / 2**52 for number in PUBLISHED]


def test_uniforms_never_reach_0_or_1() -> None:
    ends = [0.5 * 2.0**-52, (2**52 - 0.5) * 2.0**-52]
    assert 0.0 < ends[0] < ends[1] < 1.0


@pytest.mark.parametrize("key", [0, 1, 2**64 - 1])
def test_uniforms_are_uniform(key: int) -> None:
    assert stats.kstest(drawn(uniform, key=key), "uniform").pvalue > LEVEL


def test_streams_of_neighbouring_draws_and_keys_are_independent() -> None:
    firsts = np.empty((200, 200))
    state = np.zeros(1, np.uint64)
    for key in range(200):
        for draw in range(200):
            start_stream(state, np.uint64(key), draw)
            firsts[key, draw] = uniform(state)
    assert stats.kstest(firsts.ravel(), "uniform").pvalue > LEVEL
    assert stats.pearsonr(firsts[1:].ravel(), firsts[:-1].ravel()).pvalue > LEVEL
    assert stats.pearsonr(firsts[:, 1:].ravel(), firsts[:, :-1].ravel()).pvalue > LEVEL
    assert len(np.unique(firsts)) == firsts.size


def test_normals_are_normal_far_into_both_tails() -> None:
    """The ziggurat's layers, its wedges, and beyond 3.44 its tail, which one number in 1,700 reaches."""
    state = np.zeros(1, np.uint64)
    start_stream(state, np.uint64(1), 0)
    values = _normals(state, 2_000_000)
    assert stats.kstest(values, "norm").pvalue > LEVEL
    edges = np.array([-4.5, -4.0, -3.6, -3.442619855899, -3.2, -2.5, 2.5, 3.2, 3.442619855899, 3.6, 4.0, 4.5])
    expected = np.diff(np.concatenate([[0.0], stats.norm.cdf(edges), [1.0]])) * values.size
    observed = np.bincount(np.searchsorted(edges, values), minlength=expected.size)
    assert stats.chisquare(observed, expected).pvalue > LEVEL


@njit
def _normals(state, size):  # type: ignore[no-untyped-def]
    out = np.empty(size)
    for at in range(size):
        out[at] = normal(state)
    return out


def log_gamma_distribution(shape: float) -> Callable[[np.ndarray], np.ndarray]:
    """Give the distribution function of log Gamma(shape, 1), which far out to the left is e^(shape x)."""

    def cdf(x: np.ndarray) -> np.ndarray:
        near = special.gammainc(shape, np.exp(np.maximum(x, -30.0)))
        far = np.exp(shape * np.minimum(x, -30.0) - special.gammaln(shape + 1.0))
        return np.where(x > -30.0, near, far)

    return cdf


@pytest.mark.parametrize("shape", [1e-3, 0.1, 0.5, 0.999, 1.0, 1.5, 6.25, 100.0, 62_500.0, 1e8])
def test_log_gammas_have_the_distribution_of_a_gamma(shape: float) -> None:
    values = drawn(log_gamma_draw, shape)
    assert stats.kstest(values, log_gamma_distribution(shape)).pvalue > LEVEL


def test_a_gamma_of_shape_one_thousandth_does_not_underflow() -> None:
    values = drawn(log_gamma_draw, 1e-3)
    assert np.isfinite(values).all()
    assert (values < np.log(np.finfo(np.float64).tiny)).mean() > 0.3  # exp() of these is 0
    assert np.isfinite(drawn(log_gamma_draw, 1e-6)).all()


@pytest.mark.parametrize(
    ("a", "b"), [(0.05, 0.3), (0.5, 0.5), (1.0, 1.0), (0.79, 2.43), (0.8, 352.0), (30.0, 2.0), (200.0, 300.0)]
)
def test_betas_have_the_distribution_of_a_beta(a: float, b: float) -> None:
    assert stats.kstest(drawn(beta_draw, a, b), stats.beta(a, b).cdf).pvalue > LEVEL


def test_betas_of_tiny_parameters_stay_within_0_and_1() -> None:
    values = drawn(beta_draw, 1e-3, 1e-3)
    assert ((values > 0.0) & (values <= 1.0)).all()
    assert (values > 0.5).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("mean", [1e-3, 0.1, 5.0, 9.99, 10.0, 30.0, 1e3, 1e5])
def test_poissons_have_the_distribution_of_a_poisson(mean: float) -> None:
    counts = drawn(poisson_draw, mean)
    assert (counts == np.floor(counts)).all()
    assert (counts >= 0.0).all()
    theory = stats.poisson(mean)
    edges = np.unique(theory.ppf(np.linspace(0.025, 0.975, 39)))
    probability = np.diff(np.concatenate([[0.0], theory.cdf(edges), [1.0]]))
    observed = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
    likely = probability * SIZE > 5
    assert likely.sum() > 1
    observed, expected = (np.append(v[likely], v[~likely].sum()) for v in (observed, probability * SIZE))
    kept = expected > 0
    assert stats.chisquare(observed[kept], expected[kept]).pvalue > LEVEL


@pytest.mark.parametrize("n", [1.0, 7.0, 40.0, 1_000.0, 1e6])
@pytest.mark.parametrize("chance", [1e-3, 0.2, 0.5, 0.7, 0.999])
def test_binomials_have_the_distribution_of_a_binomial(n: float, chance: float) -> None:
    counts = drawn(binomial_draw, n, chance)
    assert ((counts == np.floor(counts)) & (counts >= 0.0) & (counts <= n)).all()
    theory = stats.binom(int(n), chance)
    edges = np.unique(theory.ppf(np.linspace(0.025, 0.975, 39)))
    probability = np.diff(np.concatenate([[0.0], theory.cdf(edges), [1.0]]))
    observed = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
    likely = probability * SIZE > 5
    observed, expected = (np.append(v[likely], v[~likely].sum()) for v in (observed, probability * SIZE))
    kept = expected > 0
    assert observed[~kept].sum() == 0
    if kept.sum() > 1:
        assert stats.chisquare(observed[kept], expected[kept]).pvalue > LEVEL


def test_a_binomial_of_none_or_no_chance_is_0_and_of_certainty_all() -> None:
    assert not drawn(binomial_draw, 0.0, 0.4).any()
    assert not drawn(binomial_draw, 5.0, 0.0).any()
    assert (drawn(binomial_draw, 5.0, 1.0) == 5.0).all()


def test_a_poisson_of_mean_0_is_0() -> None:
    assert not drawn(poisson_draw, 0.0).any()


def test_a_key_is_the_documented_hash_of_the_id_and_the_seed() -> None:
    ids = ["c1", "7", "Zoë", ""]
    for seed in (0, 1, 2**63 - 1):
        salt = seed.to_bytes(8, "little")
        hashes = [hashlib.blake2b(text.encode("utf-8"), digest_size=8, salt=salt).digest() for text in ids]
        assert customer_keys(ids, seed).tolist() == [int.from_bytes(digest, "little") for digest in hashes]


def test_a_key_stays_what_it_is() -> None:
    assert customer_keys(["c1", "c2"], 0).tolist() == [5653263758500360259, 6727340583146049285]


def test_7_and_its_text_have_one_key() -> None:
    numbers, texts = canonical_ids(pd.Series([7, 12])), canonical_ids(pd.Series(["7", "12"]))
    assert customer_keys(numbers, 3).tolist() == customer_keys(texts, 3).tolist()
    assert customer_keys(["7"], 3)[0] != customer_keys(["07"], 3)[0]


def test_keys_differ_by_seed_and_by_id() -> None:
    ids = [f"c{number}" for number in range(5_000)]
    keys = np.concatenate([customer_keys(ids, seed) for seed in range(4)])
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == 20_000


def test_a_seed_may_be_a_numpy_integer() -> None:
    assert customer_keys(["c1"], np.int64(5)) == customer_keys(["c1"], 5)


def test_no_ids_have_no_keys() -> None:
    assert customer_keys([], 0).shape == (0,)
