"""Bind a compiled engine to a model by the types of its arguments.

Numba keeps compiled code on disk only for functions that are bound by static import: neither arguments nor closures may
be functions. So an engine calls a stub, and the compiler replaces it by the function of that name of the model whose
named tuples are among the arguments. Every model thereby has compiled engines of its own, with no branch in them, and a
further model does not lengthen the compilation of the others.
"""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from numba import types
from numba.extending import overload

type Modules = tuple[ModuleType, ...]


def index_types(models: Iterable[Modules]) -> dict[type, Modules]:
    """Return the modules of each model by the named tuples that they define."""
    return {
        kind: modules
        for modules in models
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, tuple) and kind.__module__ == module.__name__
    }


def bind(name: str, models: Mapping[type, Modules]) -> Callable[..., Any]:
    """Return a stub that compiled code calls; the compiler takes the function `name` of the arguments' model."""

    def stub(*_: Any) -> Any:
        raise TypeError(f"{name} can be called from compiled code only.")

    def choose(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, types.BaseNamedTuple) and argument.instance_class in models:
                functions = (getattr(module, name, None) for module in models[argument.instance_class])
                return next(function.py_func for function in functions if function is not None)
        return None

    stub.__name__ = stub.__qualname__ = name
    overload(stub, strict=False)(choose)
    return stub
