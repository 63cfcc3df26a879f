"""Random numbers by name: no two parts of Tenure share a stream."""

import ast
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tenure.streams import derive_seed, stream

SOURCE = Path(__file__).parent.parent / "src" / "tenure"
HOME = SOURCE / "streams.py"
OTHER_GENERATORS = {"default_rng", "SeedSequence", "Generator", "RandomState", "PCG64", "Philox", "MT19937"}


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield path, name, node


def named() -> list[tuple[Path, ast.expr]]:
    return [(path, call.args[1]) for path, name, call in calls() if name in ("stream", "derive_seed") and path != HOME]


def test_generators_are_made_in_one_module_only() -> None:
    assert [(path, name) for path, name, _ in calls() if name in OTHER_GENERATORS and path != HOME] == []


def test_every_stream_has_a_literal_name_that_no_other_has() -> None:
    assert [path for path, name in named() if not isinstance(name, ast.Constant)] == []
    names = [name.value for _, name in named() if isinstance(name, ast.Constant)]
    assert len(names) > 15
    assert len(names) == len(set(names))


def test_the_streams_of_all_names_and_places_differ() -> None:
    names = [str(name.value) for _, name in named() if isinstance(name, ast.Constant)]
    keys = [(name, *places) for name in names for places in ((), (0,), (1,), (0, 0), ("0",), ("nbd",))]
    keys += [("a.b",), ("a", "b"), ("ab",), ("a", "b", 0), ("a", "b0")]
    first = {key: tuple(stream(5, *key).integers(2**63, size=4)) for key in keys}
    assert len(set(first.values())) == len(keys)
    # None is the stream of the bare seed either, nor of one with a number beside it.
    for bare in (5, [5, 0], [5, 1], [5, 2], [5, 3]):
        assert tuple(np.random.default_rng(bare).integers(2**63, size=4)) not in set(first.values())
    assert len({derive_seed(5, *key) for key in keys}) == len(keys)


def test_numpys_zeros_are_no_trap() -> None:
    """What made block 0 of a baseline draw the numbers of its own parameters."""
    assert np.random.default_rng(7).random() == np.random.default_rng([7, 0]).random()
    assert stream(7, "backtest.nbd").random() != stream(7, "backtest.nbd", 0).random()


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1])
def test_a_stream_depends_on_seed_name_and_place_alone(seed: int) -> None:
    again = [stream(seed, "a", 3).random(5) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    np.testing.assert_array_equal(again[0], stream(seed, "a", np.int64(3)).random(5))
    assert 0 <= derive_seed(seed, "a") < 2**32


def test_streams_are_the_same_on_every_machine() -> None:
    assert derive_seed(0, "fit.laplace") == 3180521018
    assert derive_seed(7, "simulate", "orders", 3) == 1279539281


def test_nearby_streams_are_not_correlated() -> None:
    drawn = [stream(seed, name, block).random(4000) for seed in (0, 1) for name in ("a", "b") for block in (0, 1)]
    for one, other in combinations(drawn, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.08  # five standard errors
