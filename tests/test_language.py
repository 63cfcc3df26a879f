"""The words of CONTRIBUTING.md hold in tracked text files, docstrings, names and output."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from job_runs import Ran
from words import PLAIN_VERBS, RETIRED, VAGUE_NAMES, retired_words

from tenure import registry

ROOT = Path(__file__).parent.parent
SKIPPED = ("tests/words.py", "tests/test_language.py")


@cache
def tracked_files() -> tuple[str, ...]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(name for name in listing.split("\0") if name)


def is_users_data(name: str) -> bool:
    return name.startswith("data/") and name.endswith(".csv")


def text_of(name: str) -> str:
    """Return a tracked file's text: nothing of a binary file, and CONTRIBUTING without its table of words."""
    try:
        text = (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
    if name != "CONTRIBUTING.md":
        return text
    before, language = text.split("## Language\n")
    return before + "\n".join("" if line.startswith("|") else line for line in language.splitlines())


def require_none(uses: dict[str, list[str]]) -> None:
    """Fail with a line for each place: how many, and the first few."""
    lines = [f"{len(items):4} {name}  {', '.join(items[:3])}" for name, items in sorted(uses.items()) if items]
    if lines:
        pytest.fail(f"{sum(map(len, uses.values()))} in {len(lines)} places\n" + "\n".join(lines), pytrace=False)


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for name in tracked_files():
        if name.endswith(".py") and name.startswith(folders):
            yield name, ast.parse((ROOT / name).read_text(encoding="utf-8"))


def test_no_tracked_text_uses_a_retired_word() -> None:
    names = [name for name in tracked_files() if name not in SKIPPED and not is_users_data(name)]
    uses = {name: retired_words(f"{text_of(name)}\n{name}") for name in names if (ROOT / name).is_file()}
    require_none(uses)


def test_contributing_lists_every_retired_word() -> None:
    language = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Language\n")[1]
    table = [line for line in language.splitlines() if line.startswith("|")]
    listed = {use.split(": ")[1].lower() for use in retired_words("\n".join(table))}
    assert listed == set(RETIRED)


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("a Made-up log\nand what it TOLD", ["1: Made-up", "2: TOLD"]),
        ("untold lessons_kept crowned, crown.", ["1: crown"]),
        ("machine learning, fitted, simulated", []),
    ],
)
def test_retired_words_are_whole_words_in_any_case(text: str, uses: list[str]) -> None:
    assert retired_words(text) == uses


def first_verbs(tree: ast.Module) -> list[str]:
    """Return 'line: verb' of each function whose docstring starts with another word than a plain verb."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    texts = [(node.lineno, ast.get_docstring(node)) for node in functions]
    verbs = [(line, text.split()[0].rstrip(",;:.")) for line, text in texts if text]
    return [f"{line}: {verb}" for line, verb in verbs if verb not in PLAIN_VERBS]


def test_docstrings_of_functions_start_with_a_plain_verb() -> None:
    uses = {name: first_verbs(tree) for name, tree in sources("src/")}
    require_none(uses)


def vague_names(tree: ast.Module) -> list[str]:
    """Return 'line: name' of each variable and argument that is called by a vague word alone."""
    assigned = [
        (node.lineno, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    ]
    arguments = [(node.lineno, node.arg) for node in ast.walk(tree) if isinstance(node, ast.arg)]
    return [f"{line}: {name}" for line, name in sorted(assigned + arguments) if name in VAGUE_NAMES]


def test_no_variable_is_called_by_a_vague_word_alone() -> None:
    uses = {name: vague_names(tree) for name, tree in sources("src/", "experiments/")}
    require_none(uses)


READ_BY_PEOPLE = (".html", ".json", ".md", ".txt", ".yaml")


@pytest.fixture(params=["trained", "failed", "rolled"])
def ran(request: pytest.FixtureRequest) -> Ran:
    """Return each shared job: a training, a training that the review fails, a backtest."""
    job: Ran = request.getfixturevalue(request.param)
    return job


def test_no_output_of_a_job_uses_a_retired_word(ran: Ran) -> None:
    texts = {"stdout": ran.out, "stderr": ran.err}
    for run_id in ran.run_ids:
        (folder,) = ran.folder.glob(f"mlruns/*/{run_id}/artifacts")
        paths = [path for path in folder.rglob("*") if path.suffix in READ_BY_PEOPLE]
        texts |= {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in paths}
    assert len(texts) > 5
    require_none({name: retired_words(text) for name, text in texts.items()})


def test_no_key_of_a_run_uses_a_retired_word(ran: Ran) -> None:
    registry.use(ran.store)
    for run_id in ran.run_ids:
        evidence = registry.evidence(run_id)
        keys = [*evidence.metrics, *evidence.tags, *evidence.params]
        require_none({key: retired_words(re.sub(r"[._]", " ", key)) for key in keys})
