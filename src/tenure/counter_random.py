"""Random numbers keyed by a customer and a draw alone, compiled.

SplitMix64 (Steele, Lea & Flood 2014) is a counter passed through a mixing function: number k of a stream is
mix(start + k * GAMMA). The start is mixed from the customer's key and the draw's index, so a customer's numbers do
not depend on who else is scored, in what order, or on how many threads.

A customer's key is the BLAKE2b hash (8 bytes, little-endian) of the id's UTF-8 text, salted with the seed as 8
little-endian bytes.
"""

import hashlib
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .caching import njit

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S12 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12)
_ONE, _LAYERS = np.uint64(1), np.uint64(127)


def _ziggurat() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the edges of 128 layers of equal area under exp(-z^2 / 2), and where each is surely below the curve."""
    edges = np.zeros(129)
    edges[0], edges[1] = AREA * math.exp(0.5 * TAIL * TAIL), TAIL
    for layer in range(2, 128):
        edges[layer] = math.sqrt(-2.0 * math.log(AREA / edges[layer - 1] + math.exp(-0.5 * edges[layer - 1] ** 2)))
    return edges, edges[1:] / edges[:-1]


# Where the lowest layer ends, and each layer's area (Marsaglia & Tsang 2000, for 128 layers).
TAIL, AREA = 3.442619855899, 9.91256303526217e-3
EDGES, RATIOS = _ziggurat()


def customer_keys(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """Hash each customer's id with the seed into the key of that customer's random numbers."""
    salt = int(seed).to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest() for text in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@njit()
def _mix(z):
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit()
def start_stream(state, key, draw):
    """Write to `state` (uint64, shape (1,)) the start of the stream of one customer and one draw."""
    state[0] = stream_start(key, draw_salt(draw))


@njit()
def draw_salt(draw):
    """Return what a draw adds to a customer's key, which is the same for all customers."""
    return _mix((np.uint64(draw) + _ONE) * GAMMA)


@njit()
def stream_start(key, salt):
    """Return the state at which the stream of one customer and one draw, by its `draw_salt`, starts."""
    return _mix(key + salt)


@njit()
def uniform(state):
    """Draw from the open interval (0, 1), in steps of 2^-52: one bit more, and the largest would round to 1."""
    state[0] += GAMMA
    return uniform_at(state[0])


@njit()
def uniform_at(number):
    """Return the uniform of one place in a stream."""
    return (np.float64(_mix(number) >> _S12) + 0.5) * 2.0**-52


@njit()
def normal(state):
    """Draw a standard normal variate by the ziggurat: Marsaglia & Tsang (2000), as repaired by Doornik (2005).

    One number serves layer and place, by bits that do not overlap; 98.8% need no more.
    """
    while True:
        state[0] += GAMMA
        mixed = _mix(state[0])
        layer = np.int64(mixed & _LAYERS)
        u = (np.float64(mixed >> _S12) + 0.5) * 2.0**-51 - 1.0
        if abs(u) < RATIOS[layer]:
            return u * EDGES[layer]
        if layer == 0:
            while True:  # the tail beyond the lowest layer's edge (Marsaglia 1964)
                beyond, y = -math.log(uniform(state)) / TAIL, -math.log(uniform(state))
                if 2.0 * y >= beyond * beyond:
                    return math.copysign(TAIL + beyond, u)
        z = u * EDGES[layer]
        low = math.exp(-0.5 * (EDGES[layer] * EDGES[layer] - z * z))
        high = math.exp(-0.5 * (EDGES[layer + 1] * EDGES[layer + 1] - z * z))
        if high + uniform(state) * (low - high) < 1.0:
            return z


@njit()
def gamma_draw(state, shape):
    """Draw a Gamma(shape, 1) variate for a shape of at least 1: Marsaglia & Tsang (2000)."""
    return gamma_from(state, gamma_constants(shape))


@njit()
def gamma_constants(shape):
    """Return what `gamma_from` needs of a shape of at least 1, for more than one variate."""
    d = shape - 1.0 / 3.0
    return d, 1.0 / math.sqrt(9.0 * d)


@njit()
def gamma_from(state, constants):
    """Draw as `gamma_draw` does, from `gamma_constants`."""
    d, c = constants
    while True:
        z = normal(state)
        root = 1.0 + c * z
        if root <= 0.0:
            continue
        cube, u, square = root * root * root, uniform(state), z * z
        # Their squeeze accepts most without a logarithm, and nothing that the test itself would not.
        if u < 1.0 - 0.0331 * square * square or math.log(u) < 0.5 * square + d - d * cube + d * math.log(cube):
            return d * cube


@njit()
def log_gamma_draw(state, shape):
    """Draw the logarithm of a Gamma(shape, 1) variate, which does not underflow for a small shape.

    For a shape below 1, Marsaglia & Tsang's boost, taken in logs.
    """
    if shape >= 1.0:
        return math.log(gamma_draw(state, shape))
    boost = math.log(uniform(state)) / shape
    return math.log(gamma_draw(state, shape + 1.0)) + boost


@njit()
def beta_draw(state, a, b):
    """Draw from Beta(a, b) by two gammas, in logs."""
    first, second = log_gamma_draw(state, a), log_gamma_draw(state, b)
    return 1.0 / (1.0 + math.exp(min(second - first, 700.0)))


@njit()
def poisson_draw(state, mean):
    """Draw from Poisson(mean): by inversion below 10, else Hörmann's (1993) transformed rejection PTRS."""
    if mean < 10.0:
        threshold, product, count = math.exp(-mean), uniform(state), 0.0
        while product > threshold:
            product *= uniform(state)
            count += 1.0
        return count
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha, v_r = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform(state) - 0.5, uniform(state)
        us = 0.5 - abs(u)
        count = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return count
        if count < 0.0 or (us < 0.013 and v > us):
            continue
        accept = math.log(v * inverse_alpha / (a / (us * us) + b))
        if accept <= count * math.log(mean) - mean - math.lgamma(count + 1.0):
            return count


@njit()
def binomial_draw(state, n, chance):
    """Draw from Binomial(n, chance): by inversion below a mean of 10, else Hörmann's (1993) transformed rejection."""
    rarer = min(chance, 1.0 - chance)
    if n <= 0.0 or rarer <= 0.0:
        count = 0.0
    elif n * rarer < 10.0:
        count = _few(state, n, rarer)
    else:
        count = _many(state, n, rarer)
    return n - count if chance > 0.5 else count


@njit()
def _few(state, n, chance):
    odds = chance / (1.0 - chance)
    share, u, count = math.exp(n * math.log1p(-chance)), uniform(state), 0.0
    while u > share and count < n:
        u -= share
        count += 1.0
        share *= odds * (n - count + 1.0) / count
    return count


@njit()
def _many(state, n, chance):
    spread = math.sqrt(n * chance * (1.0 - chance))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * chance
    centre, alpha, v_r = n * chance + 0.5, (2.83 + 5.1 / b) * spread, 0.92 - 4.2 / b
    log_odds, mode = math.log(chance / (1.0 - chance)), math.floor((n + 1.0) * chance)
    at_mode = math.lgamma(mode + 1.0) + math.lgamma(n - mode + 1.0)
    while True:
        u, v = uniform(state) - 0.5, uniform(state)
        us = 0.5 - abs(u)
        count = math.floor((2.0 * a / us + b) * u + centre)
        if us >= 0.07 and v <= v_r:
            return count
        if count < 0.0 or count > n:
            continue
        accept = math.log(v * alpha / (a / (us * us) + b))
        here = math.lgamma(count + 1.0) + math.lgamma(n - count + 1.0)
        if accept <= at_mode - here + (count - mode) * log_odds:
            return count
