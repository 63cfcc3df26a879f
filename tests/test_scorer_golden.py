"""The same answer on whatever machine: held against a file, and against a processor without extensions."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import golden_scores
import numpy as np
import pandas as pd
import pytest

from tenure.scorer import Scorer

EXPERIMENTS = Path(golden_scores.__file__).parent


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return golden_scores.scores()


def same(found: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_index_equal(found.index, right.index)
    assert list(found) == list(right)
    for name in right:
        np.testing.assert_allclose(found[name], right[name], rtol=1e-12, atol=0, err_msg=name)


def test_scores_are_those_of_the_golden_file(scores: pd.DataFrame) -> None:
    """If they moved on purpose: uv run python experiments/golden_scores.py shows by how much, and rewrites the file."""
    same(scores, golden_scores.read())


def test_a_moved_score_is_seen(scores: pd.DataFrame) -> None:
    moved = scores.copy()
    moved.iloc[5, moved.columns.get_loc("clv")] *= 1 + 1e-11
    with pytest.raises(AssertionError, match="clv"):
        same(moved, golden_scores.read())


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a processor of another kind")
def test_a_processor_without_extensions_gives_the_same(scores: pd.DataFrame, tmp_path: Path) -> None:
    """Fused multiplications and wide registers must not be what an answer depends on."""
    code = "import sys, golden_scores; golden_scores.scores().to_csv(sys.argv[1])"
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "PYTHONPATH": str(EXPERIMENTS)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "plain.csv")], env=os.environ | plain, check=True)
    index = ["purchases", "question", "customer_id"]
    same(pd.read_csv(tmp_path / "plain.csv", index_col=index), scores)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    """Of no customer, and of no total: sums are taken in an order that threads do not change."""
    rng = np.random.default_rng(1)
    T = rng.integers(1, 700, 3_000)
    x = np.minimum(rng.geometric(0.5, T.size) - 1, T)
    recency = np.where(x > 0, np.maximum(x, (T * rng.random(T.size)).astype(int)), 0)
    columns = {"frequency": x, "recency": recency, "T": T, "monetary_value": np.where(x > 0, 20.0, 0.0)}
    customers = pd.DataFrame({"customer_id": np.arange(T.size), **columns})
    posterior = golden_scores.posterior("mbg_nbd")
    one, many = (Scorer(posterior, threads=number).score(customers) for number in (1, threads))
    pd.testing.assert_frame_equal(one.table, many.table, check_exact=True)
    for name in ("purchases", "clv", "expected_purchases", "expected_clv"):
        np.testing.assert_array_equal(getattr(one.totals, name), getattr(many.totals, name))
