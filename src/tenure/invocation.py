"""How the user started this process, so that messages name the commands in the same way.

`uv run tenure-train` only where it was started so: an installed package needs no uv.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

MODULE = "__main__.py"
_UV_RUN = "UV_RUN_RECURSION_DEPTH"  # set by `uv run` for what it starts


def command(name: str, *arguments: str) -> str:
    """Return a command of Tenure as a shell takes it: `tenure-score`, `tenure score` or `python -m tenure score`."""
    return " ".join([_start(name), *map(shlex.quote, arguments)])


def title(name: str) -> str:
    """Return the name of a command within a sentence: `tenure-score`, or `tenure score`."""
    joint = " " if _is_module() or _script().name == "tenure" or not has_script(name) else "-"
    return f"tenure{joint}{name}"


def program(name: str) -> str:
    """Return another program of the environment, such as `mlflow`, started in the same way."""
    if _is_module():
        return f"{_uv()}{_python()} -m {name}"
    return f"{_uv()}{_folder()}{name}"


def _start(name: str) -> str:
    place = f"{_python()} -m " if _is_module() else _folder()
    return f"{_uv()}{place}{title(name)}"


def has_script(name: str) -> bool:
    """Return whether a command has a script of its own, such as `tenure-train`."""
    return name not in ("settings", "warm")


def _script() -> Path:
    return Path(sys.argv[0])


def _is_module() -> bool:
    return _script().name == MODULE and _script().parent.name == "tenure"


def _uv() -> str:
    return "uv run " if os.environ.get(_UV_RUN) else ""


def _python() -> str:
    """Return the interpreter as it was typed; its name alone where the shell or `uv run` found it."""
    typed = sys.orig_argv[0]
    name = Path(typed).name
    return name if os.environ.get(_UV_RUN) or shutil.which(name) == typed else shlex.quote(typed)


def _folder() -> str:
    """Return the folder of the script as it was typed; empty where the shell or `uv run` found the script."""
    script = _script()
    is_typed = script.name.partition("-")[0] == "tenure" and not os.environ.get(_UV_RUN)
    if not is_typed or shutil.which(script.name) == str(script):
        return ""
    return f"{shlex.quote(str(script.parent))}/"
