"""DuckDB that translates a query to SQL once in a process: the next log of the same columns and settings has the text.

A translation takes longer than the query where a log is small. It depends on the query alone, not on the rows.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import ibis
import ibis.expr.operations as ops
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend
from ibis.expr.operations.core import Node
from ibis.formats import TableProxy

GENERATED = re.compile(r"ibis_\w+_[a-z2-7]{26}")  # what `ibis.util.gen_name` returns
MOST = 200  # texts in memory; beyond, all are forgotten
_texts: dict[Hashable, tuple[str, tuple[str, ...]]] = {}  # by shape, with the generated names in the text


class Engine(Backend):  # type: ignore[misc]
    """DuckDB, as Ibis has it, with remembered translations."""

    def compile(self, expr: Any, /, **options: Any) -> str:
        """Return the SQL of a query."""
        if any(value is not None for value in options.values()):
            return str(super().compile(expr, **options))
        shape, names = _shape(expr.as_table().op())
        remembered = _texts.get(shape)
        if remembered is None:
            if len(_texts) >= MOST:
                _texts.clear()
            remembered = _texts[shape] = super().compile(expr), names
        text, old = remembered
        new = dict(zip(old, names, strict=True))
        return GENERATED.sub(lambda name: new.get(name[0], name[0]), text)

    def create_table(self, name: str, /, obj: Any = None, *, schema: Any = None, **options: Any) -> Any:
        """Return a new table with the rows of a query, if one is given."""
        if not isinstance(obj, ibis.Table) or options != {"temp": True}:
            return super().create_table(name, obj, schema=schema, **options)
        table = super().create_table(name, schema=schema or obj.schema(), temp=True)
        self._run_pre_execute_hooks(obj)
        self.raw_sql(f'INSERT INTO temp.main."{name}" {self.compile(obj)}')
        return table


def _shape(root: Node) -> tuple[Hashable, tuple[str, ...]]:
    """Return all that the SQL of a query depends on but for generated names, and these names in order."""
    places, nodes, names = dict[int, int](), list[Hashable](), list[str]()

    def visit(value: Any) -> Any:
        if isinstance(value, Node):
            if id(value) not in places:
                parts = [visit(part) for part in value.__args__]
                if isinstance(value, ops.PhysicalTable) and GENERATED.fullmatch(value.name):
                    names.append(value.name)
                    parts[0] = None
                places[id(value)] = len(nodes)
                nodes.append((type(value), *parts))
            return Node, places[id(value)]
        if isinstance(value, tuple):
            return tuple(map(visit, value))
        if isinstance(value, Mapping):
            return tuple((key, visit(part)) for key, part in value.items())
        return None if isinstance(value, BaseBackend | TableProxy) else value  # a text depends on neither

    visit(root)
    return tuple(nodes), tuple(names)
