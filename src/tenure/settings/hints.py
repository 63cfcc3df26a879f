"""The types of settings: the fields of a class, and the values that a type takes, in words."""

import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints


@functools.cache
def fields_of(kind: type) -> Mapping[str, Any]:
    """Return the types of a settings class by field name."""
    return get_type_hints(kind)


def required_of(kind: type) -> set[str]:
    """Return the names of a settings class's fields without a default."""
    fields = dataclasses.fields(kind)
    return {one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING}


def plain(hint: Any) -> tuple[Any, bool]:
    """Return a type without `| None`, and whether it may be null.

    >>> plain(str | None)
    (<class 'str'>, True)
    """
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0], len(kinds) < len(get_args(hint))


def is_free(hint: Any) -> bool:
    """Return whether a type is a table whose names the user chooses."""
    return get_origin(plain(hint)[0]) is dict


def described(hint: Any) -> str:
    """Return the values that a type takes, in words.

    >>> described(int | None), described(list[str])
    ('a whole number or null', 'a list of texts')
    """
    kind, may_be_null = plain(hint)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(kind)
    if words is None and get_origin(kind) is list:
        words = {int: "a list of whole numbers", float: "a list of numbers"}.get(
            plain(get_args(kind)[0])[0], "a list of texts"
        )
    return (words or "settings in braces such as {name: value}") + (" or null" if may_be_null else "")
