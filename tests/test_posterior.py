"""The posterior: what it takes, what it refuses, and that a file gives back the same bits."""

import json
from pathlib import Path

import numpy as np
import pytest

from tenure.posterior import PARAMETERS, PURCHASE_MODELS, Posterior, PosteriorError


def draws(chains: int = 2, per_chain: int = 5, **changes: np.ndarray) -> dict[str, np.ndarray]:
    """Number the draws, chain by chain, so that each value tells where it comes from."""
    numbers = np.arange(chains * per_chain, dtype=np.float64).reshape(chains, per_chain)
    return {name: 2.0 + 1000.0 * at + numbers for at, name in enumerate(PARAMETERS)} | changes


def test_a_file_gives_back_the_same_bits(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior.npz")
    loaded = Posterior.load(tmp_path / "posterior.npz")
    assert loaded.purchases == posterior.purchases
    assert loaded.origin == posterior.origin
    for name in PARAMETERS:
        assert loaded.draws[name].tobytes() == posterior.draws[name].tobytes()
        assert loaded.draws[name].shape == (2, 100)


def test_a_file_holds_seven_arrays_and_one_text_and_no_pickle(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior.npz")
    with np.load(tmp_path / "posterior.npz", allow_pickle=False) as file:
        assert set(file.files) == {*PARAMETERS, "about"}
        assert json.loads(str(file["about"])) == {"purchases": "bg_nbd", "origin": {"method": "made up"}}


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_a_file_keeps_the_purchase_model(purchases: str, tmp_path: Path) -> None:
    Posterior(draws(), purchases).save(tmp_path / "posterior.npz")
    assert Posterior.load(tmp_path / "posterior.npz").purchases == purchases


def test_a_customer_may_leave_after_the_first_purchase_in_the_mbg_nbd_alone() -> None:
    assert {name: Posterior(draws(), name).chances_at_birth for name in PURCHASE_MODELS} == {"bg_nbd": 0, "mbg_nbd": 1}


def test_a_name_without_a_suffix_is_kept(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior")
    assert Posterior.load(tmp_path / "posterior").size == 200


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    pickled = draws() | {"r": np.array([[object()]], dtype=object)}
    about = np.array(json.dumps({"purchases": "bg_nbd", "origin": {}}))
    with open(tmp_path / "pickled.npz", "wb") as file:
        np.savez(file, allow_pickle=True, about=about, **pickled)
    with pytest.raises(PosteriorError, match=r"r does not hold the values that its header states\."):
        Posterior.load(tmp_path / "pickled.npz")


def test_a_foreign_file_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", r=np.ones((1, 2)), beta=np.ones((1, 2)))
    with pytest.raises(PosteriorError, match="is not a posterior file: it lacks about, alpha, a, b, p, q, v"):
        Posterior.load(tmp_path / "foreign.npz")


def test_a_file_with_impossible_draws_is_refused(tmp_path: Path) -> None:
    about = np.array(json.dumps({"purchases": "bg_nbd", "origin": {}}))
    np.savez(tmp_path / "impossible.npz", about=about, **draws(q=np.full((2, 5), 0.9)))
    with pytest.raises(PosteriorError, match="10 of 10 draws of q"):
        Posterior.load(tmp_path / "impossible.npz")


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", PARAMETERS)
def test_an_impossible_draw_is_refused_by_name_and_count(name: str, wrong: float) -> None:
    values = draws()[name]
    values[1, 2:4] = wrong
    ends = {"p": "0 and inf", "q": "1 and inf", "v": "0 and inf"}.get(name, r"1e-09 and 1e\+12")
    with pytest.raises(PosteriorError, match=f"2 of 10 draws of {name} are not between {ends}"):
        Posterior(draws(**{name: values}), "bg_nbd")


def test_q_of_one_has_no_mean_spend_and_is_refused() -> None:
    values = draws()["q"]
    values[0, 0] = 1.0
    with pytest.raises(PosteriorError, match="1 of 10 draws of q are not between 1 and inf"):
        Posterior(draws(q=values), "bg_nbd")
    values[0, 0] = 1.0001
    assert Posterior(draws(q=values), "bg_nbd").size == 10


def test_all_faults_are_named_at_once() -> None:
    wrong = draws(r=np.zeros((2, 5)))
    del wrong["v"]
    with pytest.raises(PosteriorError) as caught:
        Posterior(wrong, "pareto")
    message = str(caught.value)
    assert "it lacks v" in message
    assert "10 of 10 draws of r" in message
    assert "purchases is 'pareto', not one of bg_nbd, mbg_nbd" in message


@pytest.mark.parametrize(
    "changes",
    [{"r": np.ones((1, 10))}, {"r": np.ones(10)}, {"r": np.ones((2, 4))}, {name: np.ones(10) for name in PARAMETERS}],
)
def test_parameters_must_share_one_shape_of_chains_and_draws(changes: dict[str, np.ndarray]) -> None:
    with pytest.raises(PosteriorError, match=r"must share one shape \(chains, draws\)"):
        Posterior(draws(**changes), "bg_nbd")


def test_no_draws_are_no_posterior() -> None:
    with pytest.raises(PosteriorError, match="must share one shape"):
        Posterior(draws(2, 0), "bg_nbd")


def test_draw_s_is_the_same_s_of_every_parameter() -> None:
    for count in (None, 7, 4, 1):
        joint = Posterior(draws(3, 8), "bg_nbd").joint(count)
        assert list(joint) == list(PARAMETERS)
        for at, name in enumerate(PARAMETERS):
            np.testing.assert_array_equal(joint[name] - 1000.0 * at, joint["r"])


def test_joint_draws_are_all_of_them_once() -> None:
    given = Posterior(draws(3, 8), "bg_nbd")
    assert sorted(given.joint()["r"]) == sorted(given.draws["r"].ravel())


@pytest.mark.parametrize("count", [4, 8, 20, 100, 200])
def test_thinning_takes_evenly_from_all_chains_and_from_their_whole_length(count: int) -> None:
    taken = Posterior(draws(4, 100), "bg_nbd").joint(count)["r"] - 2.0
    chain, place = np.divmod(taken, 100)
    assert len(set(taken)) == count
    per_chain = np.bincount(chain.astype(int), minlength=4)
    assert per_chain.max() - per_chain.min() <= 1
    assert np.histogram(place, bins=4, range=(0, 100))[0].tolist() == [count // 4] * 4


@pytest.mark.parametrize("count", [0, -1, 11])
def test_more_draws_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(PosteriorError, match=f"{count} draws were asked for; the posterior holds 10"):
        Posterior(draws(), "bg_nbd").joint(count)


def test_a_thinned_posterior_is_one_chain_of_the_joint_draws() -> None:
    given = Posterior(draws(2, 50), "bg_nbd", {"method": "made up"})
    thin = given.thin(20)
    assert (thin.size, thin.draws["q"].shape, thin.purchases, thin.origin) == (
        20,
        (1, 20),
        given.purchases,
        given.origin,
    )
    np.testing.assert_array_equal(thin.joint()["q"], given.joint(20)["q"])
    assert given.thin(1000).size == 100
