"""The documents that users read, and the commands and Python examples in them."""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tenure.settings import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "data" / "README.md", *PAGES]
_COMMAND = re.compile(rf"^ *(?:[A-Z_]+=\S+ +)*(?:uv run )?tenure[- ]({'|'.join(COMMANDS)})((?: +\S.*)?)$", re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SCRIPT = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIABLES = {"$day": "2025-06-30"}  # of scripts
_NUMBER = re.compile(r"#\s+(-?[\d,.]+) ± ([\d,.]+)$")


class Number(NamedTuple):
    """A documented number: the expression, its value when executed, what the page says, and the error it may have."""

    expression: str
    value: float
    documented: float
    error: float


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Return the documented command lines: the command, and the arguments that a shell makes of the rest."""
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    lines = _COMMAND.findall(re.sub(r"\\\n\s*", " ", text))
    return [(name, shlex.split(rest, comments=True)) for name, rest in lines]


def scripts(text: str) -> list[str]:
    """Return the shell scripts of a document."""
    return _SCRIPT.findall(text)


def files(text: str) -> dict[str, str]:
    """Return the YAML files of a document, by the names in their first lines."""
    return {name: f"# {name}\n{rest}" for name, rest in _FILE.findall(text)}


def examples(text: str) -> list[str]:
    """Return the blocks of Python of a document."""
    return _PYTHON.findall(text)


def execute(source: str, names: dict[str, Any]) -> Iterator[Number]:
    """Execute a block, and yield each expression that the page gives a number for."""
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        code = ast.unparse(statement)
        number = _NUMBER.search(lines[(statement.end_lineno or 1) - 1])
        if number is None:
            exec(code, names)
            continue
        value, error = (float(part.replace(",", "")) for part in number.groups())
        yield Number(code, float(eval(code, names)), value, error)


def foreign(attributes: Mapping[str, str | None]) -> list[str]:
    """Return the addresses of other machines among the attributes of an element."""
    places = ("href", "src", "srcset", "action", "data", "poster", "xlink:href")
    return [value for name, value in attributes.items() if name in places and value and is_foreign(value)]


def is_foreign(address: str) -> bool:
    return re.match(r"\s*(?:(?!data:)[a-z][a-z0-9+.-]*:|//)", address, re.IGNORECASE) is not None
