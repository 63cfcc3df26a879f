"""Streams of random numbers by name, so that no two parts of Tenure share one.

A stream belongs to a seed, the name of its use, and places such as the number of a block. Name and places are hashed to
a key of fixed length, because NumPy pads seeds by zeros: `default_rng(7)` and `default_rng([7, 0])` are one stream.
"""

from hashlib import blake2b

import numpy as np

__all__ = ["derive_seed", "stream"]


def stream(seed: int, name: str, *places: int | str) -> np.random.Generator:
    """Return the generator of a name, and of a place where a name has several.

    >>> bool(stream(7, "fit.loo").random() == stream(7, "fit.loo").random())
    True
    >>> bool(stream(7, "fit.loo").random() == stream(7, "fit.loo", 0).random())
    False
    """
    return np.random.default_rng(_sequence(seed, name, places))


def derive_seed(seed: int, name: str, *places: int | str) -> int:
    """Return a seed of 32 bits, for a library that draws by itself or for a part that has streams of its own."""
    return int(_sequence(seed, name, places).generate_state(1)[0])


def _sequence(seed: int, name: str, places: tuple[int | str, ...]) -> np.random.SeedSequence:
    key = (name, *(place if isinstance(place, str) else int(place) for place in places))
    digest = blake2b(repr(key).encode(), digest_size=16).digest()
    return np.random.SeedSequence(seed, spawn_key=tuple(np.frombuffer(digest, "<u4").tolist()))
