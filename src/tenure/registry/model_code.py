"""The registered model, as MLflow loads it: code that travels with the posterior, and nothing else.

The scorer's own modules are an artifact beside it, imported under a name made from their content. So two versions
with different code run in one process, each with its own code, independent of an installed `tenure`. Where the
installed `tenure` has the same code to the byte, its modules are used: their compiled functions exist already.
"""

import atexit
import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pandas as pd

USED = ("posterior", "scorer", "summary")  # modules of the package


class ClvModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Customer summaries in, customer lifetime value with intervals out."""

    def load_context(self, context: Any) -> None:
        """Import the code and read the posterior that were logged."""
        package = import_package(Path(context.artifacts["code"]))
        posterior = package.posterior.Posterior.load(context.artifacts["posterior"])
        checked = (context.model_config or {}).get("validated_horizon_days")
        self.scorer = package.scorer.Scorer(posterior, validated_horizon_days=checked)
        self.drifts = context.artifacts.get("drifts")  # a file for totals; no row depends on it

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score customer summaries; the answer's `attrs["params"]` are the params used."""
        table: pd.DataFrame = self.scorer.score(model_input, **(params or {})).table
        return table


def import_package(folder: Path) -> Any:
    """Import the package in `folder` under a name made from its content, once per process, or the installed same."""
    digest = _digest(folder)
    if _is_installed(folder):
        return SimpleNamespace(**{name: importlib.import_module(f"tenure.{name}") for name in USED})
    name = f"tenure_scorer_{digest}"
    if name not in sys.modules:
        home = _in_cache(folder, digest)
        spec = importlib.util.spec_from_file_location(
            name, home / "__init__.py", submodule_search_locations=[str(home)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"There is no scorer package in {folder}.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _is_installed(folder: Path) -> bool:
    """Return whether the installed `tenure` has the same code: every file but the package's own `__init__.py`."""
    try:
        spec = importlib.util.find_spec("tenure")
    except ImportError:
        return False
    names = [path.relative_to(folder) for path in _files(folder)]
    if spec is None or spec.origin is None or Path("posterior.py") not in names:
        return False
    package = Path(spec.origin).parent
    pairs = [(folder / name, package / name) for name in names if name != Path("__init__.py")]
    return all(own.is_file() and own.read_bytes() == copied.read_bytes() for copied, own in pairs)


def _files(folder: Path) -> list[Path]:
    """List all files of a package; anything but regular `.py` files raises ImportError.

    A compiled module would shadow the source of the same name, and a link may change after it was read.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.relative_to(folder).parts:
            continue  # neither digested nor copied: Numba's cached files
        if path.is_symlink() or not (path.is_dir() or (path.is_file() and path.suffix == ".py")):
            raise ImportError(f"{path.relative_to(folder)} in the model's code is no Python source file.")
        if path.is_file():
            files.append(path)
    return files


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        name, content = path.relative_to(folder).as_posix().encode(), path.read_bytes()
        digest.update(b"%d %d\0" % (len(name), len(content)) + name + content)
    return digest.hexdigest()


def _is_sound(cache: Path, digest: str) -> bool:
    """Return whether a cache folder can be written and contains the code of this digest, and nothing else."""
    try:
        is_own = cache.is_dir() and not cache.is_symlink() and os.access(cache, os.W_OK)
        return is_own and _digest(cache) == digest
    except (ImportError, OSError):
        return False


def _in_cache(folder: Path, digest: str) -> Path:
    """Copy the code to the user's cache folder, where compiled code is kept from one load to the next.

    So nothing is written beside the model. Where the cache cannot be written, or has other content under the name, the
    copy is temporary and removed when the process ends.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenure" / digest
    try:
        if not os.path.lexists(cache):
            cache.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache.parent) as scratch:
                os.rename(_copy(folder, Path(scratch)), cache)
    except OSError:
        pass  # not writable, or another process was first
    if _is_sound(cache, digest):
        return cache
    scratch = tempfile.mkdtemp(prefix="tenure-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return _copy(folder, Path(scratch))


def _copy(folder: Path, parent: Path) -> Path:
    """Copy the files that are digested, and no others."""
    home = parent / "code"
    for path in _files(folder):
        target = home / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return home


mlflow.models.set_model(ClvModel())
