"""The types of settings, and what they take in words."""

import types
from typing import Any, Union, get_args, get_origin


def plain(hint: Any) -> tuple[Any, bool]:
    """Return a type without `| None`, and whether it may be null.

    >>> plain(str | None)
    (<class 'str'>, True)
    """
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0], len(kinds) < len(get_args(hint))


def described(hint: Any) -> str:
    """Return the values that a type takes, in words.

    >>> described(int | None), described(list[str])
    ('a whole number or null', 'a list of texts')
    """
    kind, may_be_null = plain(hint)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(kind)
    if words is None and get_origin(kind) is list:
        words = {int: "a list of whole numbers", float: "a list of numbers"}.get(get_args(kind)[0], "a list of texts")
    return (words or "settings in braces such as {name: value}") + (" or null" if may_be_null else "")
