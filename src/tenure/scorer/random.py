"""Random numbers that belong to a customer and a draw, and to nothing else.

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
from numba import njit
from numpy.typing import NDArray

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S12 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(12)
_ONE = np.uint64(1)


def customer_keys(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """Hash each customer's id with the seed into the key of that customer's random numbers."""
    salt = int(seed).to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest() for text in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@njit(cache=True)
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(cache=True)
def start_stream(state, key, draw):  # type: ignore[no-untyped-def]
    """Set `state` (uint64, shape (1,)) to the start of the stream of one customer and one draw."""
    state[0] = _mix(key + _mix((np.uint64(draw) + _ONE) * GAMMA))


@njit(cache=True)
def uniform(state):  # type: ignore[no-untyped-def]
    """Draw from the open interval (0, 1), in steps of 2^-52: one bit more, and the largest would round to 1."""
    state[0] += GAMMA
    return (np.float64(_mix(state[0]) >> _S12) + 0.5) * 2.0**-52


@njit(cache=True)
def gamma_draw(state, shape):  # type: ignore[no-untyped-def]
    """Draw a Gamma(shape, 1) variate for a shape of at least 1.

    Marsaglia & Tsang (2000); normals by Box & Muller (1958).
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        radius = math.sqrt(-2.0 * math.log(uniform(state)))
        z = radius * math.cos(2.0 * math.pi * uniform(state))
        root = 1.0 + c * z
        if root <= 0.0:
            continue
        cube, u, square = root * root * root, uniform(state), z * z
        # Their squeeze accepts most without a logarithm, and nothing that the test itself would not.
        if u < 1.0 - 0.0331 * square * square or math.log(u) < 0.5 * square + d - d * cube + d * math.log(cube):
            return d * cube


@njit(cache=True)
def log_gamma_draw(state, shape):  # type: ignore[no-untyped-def]
    """Draw the logarithm of a Gamma(shape, 1) variate, which does not underflow for a small shape.

    For a shape below 1, Marsaglia & Tsang's boost, taken in logs.
    """
    if shape >= 1.0:
        return math.log(gamma_draw(state, shape))
    boost = math.log(uniform(state)) / shape
    return math.log(gamma_draw(state, shape + 1.0)) + boost


@njit(cache=True)
def beta_draw(state, a, b):  # type: ignore[no-untyped-def]
    """Draw from Beta(a, b) by two gammas, in logs."""
    first, second = log_gamma_draw(state, a), log_gamma_draw(state, b)
    return 1.0 / (1.0 + math.exp(min(second - first, 700.0)))


@njit(cache=True)
def poisson_draw(state, mean):  # type: ignore[no-untyped-def]
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
