"""Names of the public functions: none is the name of a module, which it would hide."""

import importlib.util
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path

import tenure

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src" / "tenure"
# The functions that start the commands have the commands' names.
ENTRIES = {
    entry.partition(":")[0]
    for entry in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].values()
}


def _modules() -> set[str]:
    files = {path.stem for path in SOURCES.rglob("*.py") if not path.stem.startswith("__")}
    return files | {path.parent.name for path in SOURCES.rglob("__init__.py")}


def _public() -> Iterator[tuple[str, str]]:
    """Yield the package and the name of each public function or class."""
    for path in sorted(SOURCES.rglob("__init__.py")):
        if path.parent.name == "spark" and importlib.util.find_spec("pyspark") is None:
            continue
        name = ".".join(("tenure", *path.parent.relative_to(SOURCES).parts))
        package = importlib.import_module(name)
        for public in getattr(package, "__all__", ()):
            if name not in ENTRIES and not inspect.ismodule(getattr(package, public)):
                yield name, public


def test_no_public_function_has_the_name_of_a_module_or_package() -> None:
    modules, public = _modules(), list(_public())
    assert {"fit", "rfm", "split", "report", "bg_nbd"} <= modules
    assert ("tenure.fit", "fit_models") in public
    assert [f"{package}.{name}" for package, name in public if name in modules] == []


def test_the_names_of_the_api_are_listed_and_lead_to_it() -> None:
    assert set(tenure.__all__) <= set(dir(tenure))
    for name in tenure.__all__:
        assert getattr(tenure, name) is not None
    assert inspect.isclass(tenure.CLV)
    assert all(inspect.isfunction(one) for one in (tenure.load, tenure.summarize, tenure.train))
    for public in (tenure.CLV, tenure.load, tenure.summarize, tenure.train):
        assert ">>> " in (public.__doc__ or ""), public  # a short example
