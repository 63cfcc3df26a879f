"""The README and the documentation: length, links, commands, Python examples, and the built pages."""

import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from documents import DOCUMENTS, PAGES, ROOT, commands, examples, execute, files, foreign, is_foreign, name_of, scripts
from job_runs import Ran

from tenure import purchase, registry
from tenure.api.words import AllWords
from tenure.errors import Reason
from tenure.jobs.compose import compose_settings, read_arguments
from tenure.settings import COMMANDS
from tenure.settings.explain import explain

WITH_COMMANDS = [path for path in DOCUMENTS if commands(path.read_text())]
WITH_PYTHON = [path for path in (ROOT / "README.md", *PAGES) if examples(path.read_text())]
FIRST_READ = {"README", "tutorial", "scoring"}


def in_fast_tests(path: Path) -> Any:
    """Mark a document `slow` unless it is one that a new user reads first."""
    return path if path.stem in FIRST_READ else pytest.param(path, marks=pytest.mark.slow)


# ---- the README


def test_the_readme_has_at_most_130_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_and_picture_of_a_document_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text())
    assert not [link for link in links if not (path.parent / link).is_file()]


# ---- commands


@pytest.mark.parametrize("path", [in_fast_tests(path) for path in WITH_COMMANDS], ids=name_of)
def test_every_documented_command_line_composes(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell makes of each documented line of a command, quotes and all, is taken by Hydra."""
    monkeypatch.chdir(tmp_path)
    for name, content in files(path.read_text()).items():
        Path(name).write_text(content)
    for name, arguments in commands(path.read_text()):
        if "-m" in arguments:
            read_arguments(name, arguments)  # raises for a wrong one
        else:
            compose_settings(name, arguments)


def test_commands_are_found_in_documents() -> None:
    indented = 'To try:\n\n    A=b uv run tenure-train x=1 \\\n        "y=a b"   # why\n'
    text = f"{indented}```\ntenure score\n```\n`tenure-train` is\n"
    assert commands(text) == [("train", ["x=1", "y=a b"]), ("score", [])]
    names = {name for path in WITH_COMMANDS for name, _ in commands(path.read_text())}
    assert names == set(COMMANDS)


# ---- the nightly script


YESTERDAY = subprocess.run(
    ["date", "-d", "yesterday", "+%F"], capture_output=True, text=True, check=True
).stdout.strip()
STUB = """#!/bin/bash
echo run >> calls
read -r code reason < <(sed -n "$(wc -l < calls)p" codes)
for word in "$@"; do
    [[ $word == output=* ]] && echo "$word" > "${word#output=}"
    [[ $word == result.path=* ]] && echo "  \\"reason\\": \\"$reason\\"," > "${word#result.path=}"
done
exit $code
"""


def run_script(
    folder: Path, codes: list[int], *, is_fed: bool = True, reason: Reason = Reason.STORE_UNREACHABLE
) -> tuple[int, int]:
    """Run the nightly script with a scorer that ends with each code in turn; return its code and the scorer's runs."""
    (script,) = scripts((ROOT / "docs" / "scoring.md").read_text())
    (folder / "bin").mkdir(parents=True)
    (folder / "sales").mkdir()
    if is_fed:
        (folder / "sales" / f"{YESTERDAY}.parquet").touch()
    (folder / "codes").write_text("".join(f"{code} {reason if code == 5 else Reason.BAD_LOG}\n" for code in codes))
    (folder / "bin" / "tenure-score").write_text(STUB)
    (folder / "bin" / "tenure-score").chmod(0o755)
    script = script.replace("/srv/tenure/.venv/bin", str(folder / "bin")).replace("/srv/clv", str(folder))
    done = subprocess.run(["bash", "-c", script], env={"PAUSE": "0"}, capture_output=True, text=True, check=False)
    calls = folder / "calls"
    return done.returncode, len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.mark.parametrize(
    ("codes", "code", "runs"),
    [([0], 0, 1), ([5, 5, 0], 0, 3), ([5, 5, 5], 5, 3), ([4], 4, 1), ([2], 2, 1), ([5, 2], 2, 2)],
)
def test_the_nightly_script_repeats_what_may_pass_and_links_complete_scores_alone(
    codes: list[int], code: int, runs: int, tmp_path: Path
) -> None:
    assert run_script(tmp_path, codes) == (code, runs)
    latest = tmp_path / "scores" / "latest.parquet"
    assert latest.is_symlink() == (code == 0)
    if code == 0:
        assert latest.read_text() == f"output=scores/{YESTERDAY}.parquet\n"


def test_the_nightly_script_waits_for_no_store_that_does_not_exist(tmp_path: Path) -> None:
    assert run_script(tmp_path, [5, 0], reason=Reason.STORE_MISSING) == (5, 1)


def test_the_nightly_script_does_not_score_before_the_feed(tmp_path: Path) -> None:
    assert run_script(tmp_path, [0], is_fed=False) == (75, 0)
    assert not list((tmp_path / "scores").iterdir())


# ---- Python


@pytest.mark.parametrize("path", [in_fast_tests(path) for path in WITH_PYTHON], ids=name_of)
def test_every_python_example_runs_and_its_numbers_are_right(
    path: Path, trained: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.code == 0, trained.err
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    registry.use(trained.store)
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of horizons and heavy tails, which the pages explain
        for source in examples(path.read_text()):
            for number in execute(source, names):
                assert number.value == pytest.approx(number.documented, abs=number.error), number.expression


def test_a_wrong_number_of_an_example_would_be_seen() -> None:
    (number,) = execute("x = 1_234.5\nx * 2  # 2,469 ± 0.5\nx  # no number\n", {})
    assert number == ("x * 2", 2469.0, 2469.0, 0.5)
    with pytest.raises(NameError):
        list(execute("y  # 1 ± 0\n", {}))


def test_the_tutorial_has_numbers_that_are_checked() -> None:
    assert len(re.findall(r"# .* ± ", (ROOT / "docs" / "tutorial.md").read_text())) >= 4


# ---- the built pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation as `just docs` does: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-d", str(folder / "doctrees")]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder / "html")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


class Addresses(HTMLParser):
    """The foreign addresses of a page, those in its styles among them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += foreign(dict(attrs)) + [one for name, value in attrs if name == "style" for one in of_css(value)]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.found += of_css(data)
        self.text += data


def of_css(text: str | None) -> list[str]:
    """Return the foreign addresses of a style sheet."""
    without_comments = re.sub(r"/\*.*?\*/", "", text or "", flags=re.DOTALL)
    addresses = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", without_comments)
    return [address for address in addresses if is_foreign(address)]


def page(path: Path) -> Addresses:
    addresses = Addresses()
    addresses.feed(path.read_text(encoding="utf-8"))
    return addresses


@pytest.mark.slow
def test_no_page_of_the_documentation_holds_a_foreign_address(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert {path.stem for path in PAGES} <= {path.stem for path in pages}
    assert not {path.name: found for path in pages if (found := page(path).found)}
    assert not {path.name: found for path in site.rglob("*.css") if (found := of_css(path.read_text()))}


def test_scripts_of_the_documentation_fetch_from_no_other_machine(site: Path) -> None:
    namespaces = "http://www.w3.org/"
    for path in site.rglob("*.js"):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        literals = re.findall(r"""["'`]((?:https?:)?//[^"'`\s]+)["'`]""", code)
        assert not [one for one in literals if not one.startswith(namespaces)], path.name


@pytest.mark.parametrize(
    ("html", "addresses"),
    [
        ('<link href="https://fonts.example/a.css">', ["https://fonts.example/a.css"]),
        ('<script src="//cdn.example/a.js"></script>', ["//cdn.example/a.js"]),
        ("<style>@import 'http://a.example/b'; p {background: url(//c.example)}</style>", 2),
        ('<a href="page.html#part">https://in.text</a><img src="data:image/png;base64,AA">', []),
        ('<p style="background: url(https://a.example/b.png)">', ["https://a.example/b.png"]),
    ],
)
def test_a_foreign_address_would_be_seen(html: str, addresses: list[str] | int) -> None:
    parser = Addresses()
    parser.feed(html)
    assert (len(parser.found) if isinstance(addresses, int) else parser.found) == addresses


def test_the_settings_page_has_every_setting_with_its_meaning(site: Path) -> None:
    text = " ".join(page(site / "settings.html").text.split())
    for name in COMMANDS:
        for one in explain(name):
            assert one.key in text
            assert " ".join(one.meaning.replace("`", "").split()) in text, one.key


def test_the_reference_has_every_public_name_and_word(site: Path) -> None:
    text = page(site / "reference.html").text
    for name in ("CLV", "summarize", "train", "Training", "load", "Scores"):
        assert f"tenure.{name}" in text
    for word in AllWords.__annotations__:
        assert word in text
    for method in ("fit", "score", "expect", "residual", "new_customer", "backtest", "save", "to_pymc_marketing"):
        assert f"{method}(" in text


@pytest.mark.parametrize("name", purchase.MODELS)
def test_every_purchase_model_is_on_the_page_of_models(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "models.md").read_text()
