"""Files of a model that were changed: posteriors and code that are refused before they are used."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenure.errors import InputError
from tenure.posterior import MOST_DRAWS, PARAMETERS, Posterior, PosteriorError
from tenure.registry import model_code

type Members = dict[str, bytes]


def as_bytes(values: object) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), allow_pickle=True)
    return stream.getvalue()


def header_of(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def members_of(posterior: Posterior, folder: Path) -> Members:
    posterior.save(folder / "honest.npz")
    with zipfile.ZipFile(folder / "honest.npz") as file:
        return {name: file.read(name) for name in file.namelist()}


def about(**changes: object) -> bytes:
    return as_bytes(json.dumps({"purchases": "bg_nbd", "origin": {}} | changes))


TAMPERED: dict[str, Callable[[Members], Members]] = {
    "int64": lambda m: m | {"r.npy": as_bytes(np.ones((2, 100), "<i8"))},
    "float32": lambda m: m | {"r.npy": as_bytes(np.ones((2, 100), "<f4"))},
    "bool": lambda m: m | {"r.npy": as_bytes(np.ones((2, 100), "?"))},
    "complex": lambda m: m | {"r.npy": as_bytes(np.ones((2, 100), "<c16"))},
    "big-endian": lambda m: m | {"r.npy": as_bytes(np.ones((2, 100), ">f8"))},
    "fortran": lambda m: m | {"r.npy": as_bytes(np.asfortranarray(np.ones((2, 100))))},
    "datetime": lambda m: m | {"r.npy": as_bytes(np.zeros((2, 100), "<M8[s]"))},
    "objects": lambda m: m | {"r.npy": as_bytes(np.array([[object()]]))},
    "shape": lambda m: m | {"r.npy": as_bytes(np.ones((100, 2)))},
    "scalar": lambda m: m | {"r.npy": as_bytes(1.0)},
    "no draws": lambda m: m | {f"{name}.npy": as_bytes(np.ones((2, 0))) for name in PARAMETERS},
    "nan": lambda m: m | {"r.npy": as_bytes(np.full((2, 100), np.nan))},
    "infinite": lambda m: m | {"p.npy": as_bytes(np.full((2, 100), np.inf))},
    "header claims a billion": lambda m: m | {"r.npy": header_of((1, 10**9))},
    "header claims less": lambda m: m | {"r.npy": m["r.npy"] + b"more"},
    "negative shape": lambda m: m | {"r.npy": header_of((-1, -1))},
    "bomb": lambda m: m | {"r.npy": header_of((1, 10**7)) + bytes(8 * 10**7)},
    "bomb of text": lambda m: m | {"about.npy": about(origin={"a": "x" * 10**7})},
    "too many draws": lambda m: m | {f"{n}.npy": as_bytes(np.full((1, MOST_DRAWS + 1), 2.0)) for n in PARAMETERS},
    "no array": lambda m: m | {"r.npy": b"text"},
    "empty member": lambda m: m | {"r.npy": b""},
    "member missing": lambda m: {name: content for name, content in m.items() if name != "v.npy"},
    "unknown member": lambda m: m | {"../../EXECUTED": b""},
    "about is no JSON": lambda m: m | {"about.npy": as_bytes("{")},
    "about is a list": lambda m: m | {"about.npy": as_bytes("[]")},
    "about is incomplete": lambda m: m | {"about.npy": as_bytes("{}")},
    "about is nested": lambda m: m | {"about.npy": as_bytes("[" * 100_000)},
    "about is objects": lambda m: m | {"about.npy": as_bytes(np.array(object(), dtype=object))},
    "unknown model": lambda m: m | {"about.npy": about(purchases="pareto")},
    "model is a list": lambda m: m | {"about.npy": about(purchases=["bg_nbd"])},
    "origin is a number": lambda m: m | {"about.npy": about(origin=3)},
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_a_changed_posterior_is_refused_in_one_line(kind: str, posterior: Posterior, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "changed.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in TAMPERED[kind](members_of(posterior, tmp_path)).items():
            file.writestr(name, content)
    with pytest.raises(PosteriorError, match="is not a posterior file") as caught:
        Posterior.load(tmp_path / "changed.npz")
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(posterior: Posterior, tmp_path: Path) -> None:
    members = members_of(posterior, tmp_path)
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as file:
        for name, content in [*members.items(), ("r.npy", members["alpha.npy"])]:
            file.writestr(name, content)
    with pytest.raises(PosteriorError, match="1 members too many; first: 'r'"):
        Posterior.load(tmp_path / "twice.npz")


@pytest.mark.parametrize("kind", ["half", "empty", "text", "flipped", "absent"])
def test_a_damaged_posterior_is_refused_in_one_line(kind: str, posterior: Posterior, tmp_path: Path) -> None:
    path = tmp_path / "posterior.npz"
    posterior.save(path)
    content = path.read_bytes()
    at = len(content) // 2
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    path.write_bytes({"half": content[:at], "empty": b"", "text": b"text", "flipped": flipped, "absent": b""}[kind])
    if kind == "absent":
        path.unlink()
    with pytest.raises(PosteriorError, match="is damaged") as caught:
        Posterior.load(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"from .errors import WHO\nHOME = {str(tmp_path)!r}\n")
    (folder / "errors.py").write_text("WHO = 'honest'\n")
    return folder


@pytest.mark.parametrize("name", ["errors/__init__.pyc", "errors.so", "errors.pyd", "data.txt", "errors.pth"])
def test_a_file_that_is_no_source_is_refused(name: str, code: Path) -> None:
    (code / name).parent.mkdir(exist_ok=True)
    (code / name).write_bytes(b"")
    with pytest.raises(ImportError, match="is no Python source file"):
        model_code.import_package(code)


def test_a_link_in_the_code_is_refused(code: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("")
    (code / "other.py").symlink_to(tmp_path / "other.py")
    with pytest.raises(ImportError, match=r"other\.py in the model's code"):
        model_code.import_package(code)


@pytest.mark.parametrize("poison", ["changed", "extra", "sourceless", "symlink", "file"])
def test_a_cache_that_was_changed_is_not_used(poison: str, code: Path, tmp_path: Path) -> None:
    cache = model_code._in_cache(code, model_code._digest(code))
    assert cache.parent == tmp_path / "cache" / "tenure"
    if poison == "changed":
        (cache / "errors.py").write_text("WHO = 'foreign'\n")
    elif poison == "extra":
        (cache / "extra.py").write_text("")
    elif poison == "sourceless":
        (cache / "errors").mkdir()
        (cache / "errors" / "__init__.pyc").write_bytes(b"")
    else:
        cache.rename(tmp_path / "moved")
        if poison == "symlink":
            cache.symlink_to(tmp_path / "moved")
        else:
            cache.write_text("")
    package = model_code.import_package(code)
    assert package.WHO == "honest"
    assert not Path(str(package.__file__)).is_relative_to(cache)
