"""Numba's `njit` with a cache on disk that is keyed by everything the machine code was compiled from.

Numba's own key is the file of the function alone, but machine code contains the helpers and constants from other files
too. Here a digest of all of them is part of the names of the cache's files. Where the files lie is Numba's choice, and
Numba's configuration, which other packages share, is not changed.

Compiled functions import helpers and constants by name, or a module of their own package that holds them.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.dispatcher import Dispatcher

log = logging.getLogger("tenure")
CACHE = "_cache"  # the attribute of a dispatcher that holds its cache
SOURCES = "_sources"  # the attribute of a stub that holds the modules whose functions the compiler puts in its place


def njit(*, nogil: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function at its first call, or loads it from the cache."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=nogil)(function)
        if isinstance(dispatcher, Dispatcher):  # with NUMBA_DISABLE_JIT it is the function itself
            setattr(dispatcher, CACHE, _Cache(function))
        return dispatcher

    return decorate


def digest_of(compiled: Any) -> str:
    """Return the digest of what a compiled function is compiled from."""
    cache, function = getattr(compiled, CACHE, None), getattr(compiled, "py_func", compiled)
    return str(getattr(cache, "digest", None) or _digest(function))


class _CacheFiles(CompileResultCacheImpl):  # type: ignore[misc]
    """Names of one function's cache files, with the digest of what it is compiled from."""

    def __init__(self, function: Any) -> None:
        self.digest = _digest(function)
        super().__init__(function)

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Return the start of the files' names."""
        self.name = super().get_filename_base(fullname, abiflags)
        return f"{self.name}-{self.digest}"


class _Cache(FunctionCache):  # type: ignore[misc]
    """Cache of one function that keeps the machine code of its present sources only."""

    _impl_class = _CacheFiles

    @property
    def digest(self) -> str:
        """Return the digest of what the function is compiled from."""
        return str(self._impl.digest)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the machine code for one signature; None where there is none yet, which is announced once."""
        loaded = super().load_overload(sig, target_context)
        if loaded is None:
            _announce()
        return loaded

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the machine code for one signature, and remove that of earlier sources."""
        super().save_overload(sig, data)
        for path in Path(self.cache_path).glob(f"{self._impl.name}-*.nb[ic]"):
            if not path.name.startswith(self._impl.filename_base):
                path.unlink(missing_ok=True)


@lru_cache
def _announce() -> None:
    """Log, once in a process, that it compiles."""
    log.info("compiling once, this takes a minute; later commands load the result from disk")


def _digest(function: Any) -> str:
    """Return a digest of a function's file and of the values that the file has imported or computed before it."""
    return _digest_of_globals(function.__code__.co_filename, function.__globals__)


@lru_cache
def _digest_of_module(module: ModuleType) -> str:
    return _digest_of_globals(str(module.__file__), vars(module))


def _digest_of_globals(path: str, values: Mapping[str, Any]) -> str:
    digest, package = hashlib.sha256(_source(path)), values["__name__"].partition(".")[0]
    for name, value in sorted(values.items()):
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == package:
            digest.update(_digest_of_module(value).encode())
        elif not name.startswith("__"):
            for part in (name.encode(), *_content(value, path)):
                digest.update(b"%d\0" % len(part) + part)
    return digest.hexdigest()[:16]


@lru_cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


def _content(value: Any, path: str) -> Iterator[bytes]:
    """Yield the bytes of a value that compiled code may contain, in the file `path`; nothing for other values."""
    if isinstance(value, Dispatcher):
        function: Any = value.py_func
        if function.__code__.co_filename != path:  # the file's own functions are in its text
            yield digest_of(value).encode()
    elif hasattr(value, SOURCES):
        for module in getattr(value, SOURCES):
            yield _digest_of_module(module).encode()
    elif isinstance(value, np.ndarray):
        yield from (str((value.dtype, value.shape)).encode(), value.tobytes())
    elif isinstance(value, tuple):
        for item in value:
            yield from _content(item, path)
    elif isinstance(value, type) and issubclass(value, tuple):
        yield repr(getattr(value, "_fields", ())).encode()
    elif isinstance(value, bool | int | float | complex | str | np.generic):
        yield repr(value).encode()
