"""Code of a model that was changed is refused before it is used; `test_posterior.py` does it for posteriors."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tenure.scorer
from tenure.registry import model_code, packing


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


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Copy the installed code as a registration does."""
    folder = tmp_path / "packed"
    folder.mkdir()
    packing.pack_code(folder)
    return folder / "code"


def test_code_that_is_installed_is_not_copied(installed: Path) -> None:
    assert model_code.import_package(installed).scorer is tenure.scorer


@pytest.mark.parametrize(
    "change",
    [
        lambda code: (code / "scorer" / "columns.py").write_text("# changed\n"),
        lambda code: (code / "scorer" / "further.py").write_text(""),
        lambda code: (code / "posterior.py").unlink(),
    ],
    ids=["changed", "further", "missing"],
)
def test_code_that_differs_from_the_installed_one_in_any_file_is_copied(
    installed: Path, change: Callable[[Path], None]
) -> None:
    assert model_code._is_installed(installed)
    change(installed)
    assert not model_code._is_installed(installed)


def test_code_is_copied_where_tenure_is_not_installed(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_code.importlib.util, "find_spec", lambda _: None)
    assert not model_code._is_installed(installed)
