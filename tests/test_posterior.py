"""The posterior: what it takes, what it refuses, and that a file gives back the same bits."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from populations import BOUNDS, CHANCES, PARAMETERS, PURCHASE_MODELS

from tenure.bounds import MOST_DRAWS
from tenure.errors import InputError
from tenure.posterior import Posterior, PosteriorError, PosteriorFileError
from tenure.posterior_file import MOST_CHARACTERS

MODELS = {"purchase_model": "bg_nbd", "spend_model": "gamma_gamma"}


def draws(chains: int = 2, per_chain: int = 5, **changes: np.ndarray) -> dict[str, np.ndarray]:
    """Number the draws, chain by chain, so that each value tells where it comes from."""
    numbers = np.arange(chains * per_chain, dtype=np.float64).reshape(chains, per_chain)
    return {name: 2.0 + 1000.0 * at + numbers for at, name in enumerate(PARAMETERS)} | changes


def test_a_file_gives_back_the_same_bits(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior.npz")
    loaded = Posterior.load(tmp_path / "posterior.npz")
    assert loaded.purchase_model == posterior.purchase_model
    assert loaded.origin == posterior.origin
    for name in PARAMETERS:
        assert loaded.draws[name].tobytes() == posterior.draws[name].tobytes()
        assert loaded.draws[name].shape == (2, 100)


def test_a_file_holds_seven_arrays_and_one_text_and_no_pickle(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior.npz")
    with np.load(tmp_path / "posterior.npz", allow_pickle=False) as file:
        assert set(file.files) == {*PARAMETERS, "about"}
        assert json.loads(str(file["about"])) == MODELS | {"origin": {"method": "made up"}}


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_a_file_keeps_the_purchase_model(purchases: str, tmp_path: Path) -> None:
    Posterior(draws(), purchases, "gamma_gamma").save(tmp_path / "posterior.npz")
    assert Posterior.load(tmp_path / "posterior.npz").purchase_model == purchases


def test_a_customer_may_leave_after_the_first_purchase_in_the_mbg_nbd_alone() -> None:
    assert CHANCES == {"bg_nbd": 0, "mbg_nbd": 1}


def test_a_name_without_a_suffix_is_kept(posterior: Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "posterior")
    assert Posterior.load(tmp_path / "posterior").size == 200


def test_a_foreign_file_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", r=np.ones((1, 2)), beta=np.ones((1, 2)))
    with pytest.raises(PosteriorError, match="is not a posterior file: it lacks about"):
        Posterior.load(tmp_path / "foreign.npz")


def test_a_file_with_impossible_draws_is_refused(tmp_path: Path) -> None:
    about = np.array(json.dumps(MODELS | {"origin": {}}))
    np.savez(tmp_path / "impossible.npz", about=about, **draws(q=np.full((2, 5), 0.9)))
    with pytest.raises(PosteriorFileError, match=r"impossible.npz is not a posterior file: 10 of 10 draws of q"):
        Posterior.load(tmp_path / "impossible.npz")


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", PARAMETERS)
def test_an_impossible_draw_is_refused_by_name_and_count(name: str, wrong: float) -> None:
    values = draws()[name]
    values[1, 2:4] = wrong
    ends = "{:.10g} and {:.10g}".format(*BOUNDS[name]).replace("+", r"\+")
    with pytest.raises(PosteriorError, match=f"2 of 10 draws of {name} are not between {ends}"):
        Posterior(draws(**{name: values}), "bg_nbd", "gamma_gamma")


def test_q_of_one_has_no_mean_spend_and_is_refused() -> None:
    values = draws()["q"]
    values[0, 0] = 1.0
    with pytest.raises(PosteriorError, match=r"1 of 10 draws of q are not between 1\.000000001 and"):
        Posterior(draws(q=values), "bg_nbd", "gamma_gamma")
    values[0, 0] = 1.0001
    assert Posterior(draws(q=values), "bg_nbd", "gamma_gamma").size == 10


def test_all_faults_are_named_at_once() -> None:
    wrong = draws(r=np.zeros((2, 5)))
    del wrong["v"]
    with pytest.raises(PosteriorError) as caught:
        Posterior(wrong, "bg_nbd", "gamma_gamma")
    message = str(caught.value)
    assert "it lacks v" in message
    assert "10 of 10 draws of r" in message
    for models in (("pareto", "gamma_gamma"), ("bg_nbd", "normal")):
        with pytest.raises(PosteriorError, match=r"_model is '(pareto', not one of bg_nbd|normal', not one of gamma)"):
            Posterior(draws(), *models)


@pytest.mark.parametrize(
    "changes",
    [{"r": np.ones((1, 10))}, {"r": np.ones(10)}, {"r": np.ones((2, 4))}, {name: np.ones(10) for name in PARAMETERS}],
)
def test_parameters_must_share_one_shape_of_chains_and_draws(changes: dict[str, np.ndarray]) -> None:
    with pytest.raises(PosteriorError, match=r"must share one shape \(chains, draws\)"):
        Posterior(draws(**changes), "bg_nbd", "gamma_gamma")


def test_no_draws_are_no_posterior() -> None:
    with pytest.raises(PosteriorError, match="must share one shape"):
        Posterior(draws(2, 0), "bg_nbd", "gamma_gamma")


def test_draw_s_is_the_same_s_of_every_parameter() -> None:
    for count in (None, 7, 4, 1):
        joint = Posterior(draws(3, 8), "bg_nbd", "gamma_gamma").joint(count)
        assert list(joint) == list(PARAMETERS)
        for at, name in enumerate(PARAMETERS):
            np.testing.assert_array_equal(joint[name] - 1000.0 * at, joint["r"])


def test_joint_draws_are_all_of_them_once() -> None:
    given = Posterior(draws(3, 8), "bg_nbd", "gamma_gamma")
    assert sorted(given.joint()["r"]) == sorted(given.draws["r"].ravel())


@pytest.mark.parametrize("count", [4, 8, 20, 100, 200])
def test_thinning_takes_evenly_from_all_chains_and_from_their_whole_length(count: int) -> None:
    taken = Posterior(draws(4, 100), "bg_nbd", "gamma_gamma").joint(count)["r"] - 2.0
    chain, place = np.divmod(taken, 100)
    assert len(set(taken)) == count
    per_chain = np.bincount(chain.astype(int), minlength=4)
    assert per_chain.max() - per_chain.min() <= 1
    assert np.histogram(place, bins=4, range=(0, 100))[0].tolist() == [count // 4] * 4


@pytest.mark.parametrize("count", [0, -1, 11])
def test_more_draws_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(PosteriorError, match=f"{count} draws are wanted; the posterior has 10"):
        Posterior(draws(), "bg_nbd", "gamma_gamma").joint(count)


def test_a_thinned_posterior_is_one_chain_of_the_joint_draws() -> None:
    given = Posterior(draws(2, 50), "bg_nbd", "gamma_gamma", {"method": "made up"})
    thin = given.thin(20)
    assert (thin.size, thin.draws["q"].shape, thin.purchase_model, thin.origin) == (
        20,
        (1, 20),
        given.purchase_model,
        given.origin,
    )
    np.testing.assert_array_equal(thin.joint()["q"], given.joint(20)["q"])
    assert given.thin(1000).size == 100


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"r": np.full((2, 5), 1e6), "alpha": np.full((2, 5), 1e-4)}, "10 of 10 rates r / alpha"),
        ({"v": np.full((2, 5), 1e20)}, "10 of 10 means v p"),
        ({"v": np.full((2, 5), 1e-20)}, "10 of 10 means v p"),
        ({"p": np.full((2, 5), 1e200), "v": np.full((2, 5), 1e200)}, "10 of 10 draws of p .*10 of 10 draws of v"),
        ({"b": np.full((2, 5), 1e-7)}, "10 of 10 draws of b"),
        ({"p": np.full((2, 5), 5e-324)}, "10 of 10 draws of p"),
        ({"q": np.full((2, 5), 1.0 + 1e-15)}, "10 of 10 draws of q"),
        ({"r": np.full((2, 5), 2)}, "r is int64, not float64"),
        ({"r": np.full((2, 5), 2, np.float32)}, "r is float32, not float64"),
        ({"beta": np.full((2, 5), 2.0)}, "it holds the unknown beta"),
    ],
)
def test_draws_outside_what_the_scorer_is_verified_for_are_refused(changes: dict[str, np.ndarray], what: str) -> None:
    with pytest.raises(PosteriorError, match=what) as caught:
        Posterior(draws(**changes), "bg_nbd", "gamma_gamma")
    assert isinstance(caught.value, InputError)
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (2, False)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("name", PARAMETERS)
def test_the_bounds_themselves_are_allowed(name: str, end: int) -> None:
    known = {"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0, "p": 1.0, "q": 2.0, "v": 1.0}
    known[name] = BOUNDS[name][end]
    if name == "r":
        known["alpha"] = max(known["r"] / 1e9, 1.0)
    if name == "v":
        known["p"], known["q"] = (1e9, 1.0 + 1e-9) if end == 0 else (1e-9, 1e9)
    assert Posterior({key: np.full((1, 3), value) for key, value in known.items()}, "bg_nbd", "gamma_gamma").size == 3


def test_more_draws_than_allowed_are_refused() -> None:
    many = {name: np.full((1, MOST_DRAWS + 1), 2.0) for name in PARAMETERS}
    with pytest.raises(PosteriorError, match="it has 100,001 draws, more than 100,000"):
        Posterior(many, "bg_nbd", "gamma_gamma")


ORIGIN = {
    "method": "nuts",
    "scales": {"time_days": 30.5, "money": 12},
    "as_of": "1998-06-30",
    "customers": 2357,
    "observed_days": 545,
    "repeat_spend": {"median": 30.0, "customers": 1_000},
    "first_orders": {"mean": 35.0, "sd": 33.1, "customers": 2357},
}


@pytest.mark.parametrize("first_orders", [None, ORIGIN["first_orders"]])
def test_an_origin_of_a_fit_is_kept(first_orders: Any, tmp_path: Path) -> None:
    Posterior(draws(), "bg_nbd", "gamma_gamma", ORIGIN | {"first_orders": first_orders}).save(
        tmp_path / "posterior.npz"
    )
    assert Posterior.load(tmp_path / "posterior.npz").origin == ORIGIN | {"first_orders": first_orders}


def member(value: Any) -> bytes:
    """Return one array as the bytes of a `.npy` file; pickles are allowed, as an attacker would."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=True)
    return file.getvalue()


def about(**changes: Any) -> bytes:
    return member(np.array(json.dumps(MODELS | {"origin": {}} | changes)))


def bytes_of(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def file_of(**changes: bytes | None) -> bytes:
    """Build a posterior file with some of its members replaced, added, or (None) left out."""
    members = {"about": about()} | {name: member(values) for name, values in draws().items()}
    return bytes_of([(name, data) for name, data in (members | changes).items() if data is not None])


def header(shape: str, kind: str = "'<f8'") -> bytes:
    """Build a `.npy` file whose header says more than there is."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(80)


class Danger:
    executed = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Danger, "executed", True)


def of_kind(kind: Any) -> bytes:
    return file_of(r=member(draws()["r"].astype(kind)))


def flipped(text: bytes, beyond: int) -> bytes:
    """Build a posterior file and flip one byte so far behind the first place of a text."""
    data = bytearray(file_of())
    data[data.index(text) + beyond] ^= 0xFF
    return bytes(data)


def lzma() -> bytes:
    members = [("about", about()), *((key, member(values)) for key, values in draws().items())]
    return bytes_of(members, zipfile.ZIP_LZMA)


TAMPERED: dict[str, tuple[Callable[[], bytes], str]] = {
    "half": (lambda: file_of()[: len(file_of()) // 2], "not a zip file"),
    "empty": (lambda: b"", "not a zip file"),
    "text": (lambda: b"r,alpha\n1,2\n", "not a zip file"),
    "lone pickle": (lambda: pickle.dumps(Danger()), "not a zip file"),
    "a single array": (lambda: member(draws()["r"]), "not a zip file"),
    "a byte of an array": (lambda: flipped(b"alpha.npy", 60), "read: ."),
    "a byte of the directory": (lambda: flipped(b"PK\x01\x02", 0), "read: ."),
    "an empty archive": (lambda: bytes_of([]), "it lacks about"),
    "no about": (lambda: file_of(about=None), "it lacks about"),
    "no r": (lambda: file_of(r=None), "it lacks r"),
    "r twice": (lambda: twice("r"), "it holds more than once 'r.npy'"),
    "about twice": (lambda: twice("about"), "it holds more than once 'about.npy'"),
    "unknown array": (lambda: file_of(beta=member(1.0)), "it holds the unknown 'beta.npy'"),
    "path upwards": (lambda: file_of(**{"../../EXECUTED": b"x"}), r"it holds the unknown '\.\./\.\./EXECUTED\.npy'"),
    "control characters": (lambda: file_of(**{"\x1b[2J": b"x"}), r"it holds the unknown '\\x1b\[2J\.npy'"),
    "another compression": (lzma, "compressed by another method"),
    "one dimension": (lambda: file_of(r=member(np.full(10, 2.0))), "r has the shape"),
    "three dimensions": (lambda: file_of(r=member(np.full((1, 2, 5), 2.0))), "r has the shape"),
    "a scalar": (lambda: file_of(v=member(2.0)), "v has the shape"),
    "another shape": (lambda: file_of(r=member(np.full((5, 2), 2.0))), "different shapes"),
    "no draws": (lambda: file_of(r=member(np.empty((2, 0)))), "r has the shape"),
    "in columns": (lambda: file_of(r=member(np.asfortranarray(draws()["r"]))), "C order"),
    "int64": (lambda: of_kind("i8"), "r is '<i8', not float64"),
    "float32": (lambda: of_kind("f4"), "r is '<f4', not float64"),
    "float16": (lambda: of_kind("f2"), "r is '<f2', not float64"),
    "longdouble": (lambda: of_kind(np.longdouble), "not float64|differs"),
    "bool": (lambda: of_kind("?"), "not float64"),
    "complex": (lambda: of_kind("c16"), "not float64"),
    "big-endian": (lambda: of_kind(">f8"), "r is '>f8', not float64"),
    "text array": (lambda: of_kind("U8"), "not float64"),
    "datetime": (lambda: file_of(r=member(np.zeros((2, 5), "M8[s]"))), "not float64"),
    "a pickled array": (lambda: file_of(r=member(np.array([[Danger()] * 5] * 2, object))), "not float64"),
    "a pickled about": (lambda: file_of(about=member(np.array(Danger(), object))), "not one text"),
    "not a number": (lambda: file_of(r=member(np.full((2, 5), np.nan))), "10 of 10 draws of r .*first: nan"),
    "infinite": (lambda: file_of(v=member(np.full((2, 5), np.inf))), "10 of 10 draws of v"),
    "negative": (lambda: file_of(a=member(np.full((2, 5), -1.0))), "10 of 10 draws of a"),
    "p and v of 1e200": (lambda: file_of(p=member(np.full((2, 5), 1e200))), "10 of 10 draws of p"),
    "v of 1e308": (lambda: file_of(v=member(np.full((2, 5), 1e308))), "10 of 10 draws of v"),
    "too many draws": (lambda: file_of(r=member(np.full((1, MOST_DRAWS + 1), 2.0))), "1 to 100,000 in all"),
    "bomb": (lambda: file_of(**{n: member(np.full((1, 2_000_000), 2.0)) for n in PARAMETERS}), "1 to 100,000 in all"),
    "bomb behind a small header": (lambda: file_of(r=header("(2, 5)") + bytes(50_000_000)), "its header says"),
    "claims 1e9 draws": (lambda: file_of(r=header("(1, 1000000000)")), "1 to 100,000 in all"),
    "claims beyond any integer": (lambda: file_of(r=header(f"(1, {10**400})")), "1 to 100,000 in all"),
    "claims more than there is": (lambda: file_of(r=header("(2, 50)")), "its header says"),
    "negative shape": (lambda: file_of(r=header("(-2, -5)")), "r has the shape"),
    "code in a header": (lambda: file_of(r=header("__import__('os').getpid()")), "malformed"),
    "nested header": (lambda: file_of(r=header("(" * 5_000)), ": ."),
    "no array": (lambda: file_of(r=b"not an array"), "magic"),
    "version 2 of the format": (lambda: file_of(r=b"\x93NUMPY\x02\x00" + bytes(100)), "other than 1.0"),
    "about is no JSON": (lambda: file_of(about=member(np.array("{"))), "not JSON"),
    "about is nested without end": (lambda: file_of(about=member(np.array("[" * 15_000))), "not JSON"),
    "about is a list": (
        lambda: file_of(about=member(np.array("[1]"))),
        "must have origin, purchase_model, spend_model",
    ),
    "about is incomplete": (
        lambda: file_of(about=member(np.array("{}"))),
        "must have origin, purchase_model, spend_model",
    ),
    "about holds more": (lambda: file_of(about=about(more=1)), "must have origin, purchase_model, spend_model"),
    "about is long": (
        lambda: file_of(about=member(np.array(" " * (MOST_CHARACTERS + 1)))),
        "at most 400,000 characters",
    ),
    "about is several texts": (lambda: file_of(about=member(np.array(["{}", "{}"]))), "not one text"),
    "about is bytes": (lambda: file_of(about=member(np.array(b"{}"))), "not one text"),
    "about is no Unicode": (lambda: file_of(about=header("()", "'<U20'")[:-80] + b"\xff" * 80), "not JSON"),
    "unknown model": (lambda: file_of(about=about(purchase_model="pareto")), "purchase_model is 'pareto'"),
    "unknown spend model": (lambda: file_of(about=about(spend_model="normal")), "spend_model is 'normal'"),
    "model is a list": (lambda: file_of(about=about(purchase_model=[1])), "not one of bg_nbd, mbg_nbd"),
    "origin is a number": (lambda: file_of(about=about(origin=3)), "its origin is int"),
    "bomb of text": (lambda: file_of(about=about(origin={"a": "x" * 10**7})), "at most 400,000 characters"),
    "empty member": (lambda: file_of(r=b""), "can be read: ."),
    "more than its header states": (lambda: file_of(r=member(draws()["r"]) + b"more"), "its header says"),
    "origin is a list": (lambda: file_of(about=about(origin=[1])), "its origin is list"),
    "unknown in origin": (lambda: file_of(about=about(origin={"code": 1})), "its origin holds the unknown 'code'"),
    "days are text": (
        lambda: file_of(about=about(origin={"observed_days": "9"})),
        "observed_days of its origin is '9'",
    ),
    "days are true": (lambda: file_of(about=about(origin={"observed_days": True})), "observed_days of its origin"),
    "days are negative": (lambda: file_of(about=about(origin={"observed_days": -1})), "observed_days of its origin"),
    "first orders lack": (lambda: file_of(about=about(origin={"first_orders": {"mean": 1}})), "first_orders of its"),
    "scales are no numbers": (
        lambda: file_of(about=about(origin={"scales": {"time_days": float("nan"), "money": 1}})),
        "scales of its origin",
    ),
}


def twice(name: str) -> bytes:
    members = [("about", about()), *((key, member(values)) for key, values in draws().items())]
    with pytest.warns(UserWarning, match="Duplicate name"):
        return bytes_of([*members, (name, dict(members)[name])])


@pytest.mark.parametrize("case", TAMPERED)
def test_a_tampered_file_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    build, what = TAMPERED[case]
    path = tmp_path / "posterior.npz"
    path.write_bytes(build())
    with pytest.raises(PosteriorFileError, match=what) as caught:
        Posterior.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a posterior file")
    assert (message.isprintable(), message.endswith("."), len(message) < 600) == (True, True, True)
    assert isinstance(caught.value, InputError)
    assert (caught.value.exit_code, Danger.executed) == (4, False)


def test_the_file_that_is_tampered_with_is_a_posterior(tmp_path: Path) -> None:
    (tmp_path / "posterior.npz").write_bytes(file_of())
    assert Posterior.load(tmp_path / "posterior.npz").size == 10


@pytest.mark.parametrize("name", ["missing.npz", "."])
def test_what_is_no_file_is_refused_alike(name: str, tmp_path: Path) -> None:
    with pytest.raises(PosteriorFileError, match="is not a posterior file that can be read"):
        Posterior.load(tmp_path / name)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "huge.npz", "wb") as file:
        file.truncate(10**12)
    with pytest.raises(PosteriorFileError, match="it is larger than 16,000,000 bytes"):
        Posterior.load(tmp_path / "huge.npz")
