"""The commands as they are started: help, versions, the list of settings, the names in messages."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cases import few
from job_runs import without_uv

from tenure import invocation
from tenure.commands import entry, help, listing, main
from tenure.commands.pages import PAGES
from tenure.jobs.compose import compose_settings
from tenure.jobs.groups import Command
from tenure.settings import COMMANDS, shipped
from tenure.settings.explain import explain

BIN = Path(sys.executable).parent
LONGEST = 80


def printed(*arguments: str, program: str = "tenure") -> subprocess.CompletedProcess[str]:
    """Run a command by its path, in a process of its own."""
    typed = [str(BIN / program)] if program != "python" else [sys.executable, "-m", "tenure"]
    environment = {**without_uv(), "PATH": "/usr/bin:/bin"}
    return subprocess.run([*typed, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Start commands as a shell finds them."""
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.setenv("PATH", f"{BIN}:/usr/bin")
    return monkeypatch


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("script", ["tenure", "tenure-x", "/usr/lib/python3/site-packages/tenure/__main__.py"])
def test_help_explains_every_common_setting_in_at_most_80_lines(
    name: str, script: str, start: pytest.MonkeyPatch
) -> None:
    start.setattr(sys, "argv", [script])
    start.setenv("UV_RUN_RECURSION_DEPTH", "1")
    lines = help.command_help(name).splitlines()
    assert len(lines) <= LONGEST
    explanations = {one.key: one for one in explain(name)}
    text = " ".join(" ".join(lines).split())
    for key in PAGES[name].common:
        assert f"{key}= {explanations[key].meaning}" in text


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("train", "transactions.path transactions.columns.customer_id transactions.columns.date "
                  "transactions.columns.amount transactions.columns.order_id rfm.cutoff rfm.end fit.method "
                  "fit.purchase_model fit.spend_model score.horizon_days score.discount_rate score.margin score.level "
                  "seed registry.register result.path"),
        ("score", "model summary.path output transactions.path score.horizon_days result.path"),
    ],
)  # fmt: skip
def test_the_settings_that_others_script_against_are_common_ones(name: str, keys: str) -> None:
    assert set(keys.split()) <= set(PAGES[name].common)


@pytest.mark.parametrize("name", few(PAGES, 3))
def test_every_example_composes_and_every_group_exists(name: str) -> None:
    for arguments, _ in PAGES[name].examples:
        compose_settings(name, [one for one in shlex.split(arguments) if one != "-m"] if "-m" not in arguments else [])
    command = Command(name, COMMANDS, (Path(shipped("conf")),))
    for group, options in PAGES[name].groups.items():
        assert {word.strip(",:").split()[0] for word in options.split(":")[0].replace("(default)", "").split(",")} <= {
            *command.options(group)
        }


def test_tenure_lists_the_commands_with_a_line_each() -> None:
    for arguments in ([], ["--help"], ["-h"], ["help"]):
        shown = printed(*arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        for name in (*PAGES, "settings", "warm"):
            assert sum(line.split()[:1] == [name] for line in shown.stdout.splitlines()) == 1


@pytest.mark.parametrize("name", few(PAGES, 2))  # five processes each
def test_every_command_has_a_version_and_help_in_every_form(name: str) -> None:
    forms = [["tenure-" + name], ["tenure", name], ["python", name]]
    helps = [printed(*rest, "--help", program=program) for program, *rest in forms]
    assert {done.returncode for done in helps} == {0}
    assert helps[0].stdout.startswith(f"{BIN}/tenure-{name}: ")
    assert helps[1].stdout.startswith(f"{BIN}/tenure {name}: ")
    assert helps[2].stdout.startswith(f"{sys.executable} -m tenure {name}: ")
    assert printed("--version", program="tenure-" + name).stdout == printed("--version").stdout
    assert printed("--version").stdout.startswith("tenure 0.")


def test_help_and_settings_import_nothing_heavy() -> None:
    """Hydra alone takes more than twice the time."""
    script = (
        "import sys; from tenure.commands import main\n"
        "for arguments in (['train', '--help'], ['settings', 'train'], ['--version'], ['score', '--version']):\n"
        "    sys.argv[1:] = arguments; main()\n"
        "print(*sorted({'hydra', 'omegaconf', 'numpy', 'pandas', 'mlflow', 'numba', 'rich'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "there is no command 'trian'. Did you mean train? The commands are: train, score"),
        (["transactions.path=x.csv"], "there is no command 'transactions.path=x.csv'. The commands are: "),
        (["settings", "zzz"], "no setting has 'zzz' in its key or meaning"),
        (["settings", "score", "marign"], "Did you mean margin?"),
        (
            ["settings", "scoer", "margin"],
            "takes a command (train, score, decide, campaign, backtest, promote, report, simulate)",
        ),
        (["warm", "bg"], "there is no purchase model 'bg'. The models are: bg_nbd, mbg_nbd, pareto_nbd, zi_bg_nbd"),
        (["train", "--foo"], "unrecognized arguments: --foo. A setting is key=value; "),
        (["score", "-c", "bogus"], "invalid choice: 'bogus'"),
    ],
)
def test_a_wrong_command_ends_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenure", *arguments])
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # a command wraps it
    with pytest.raises(SystemExit) as ended:
        main()
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["--he", "--help", "-h"])
def test_help_may_be_anywhere_and_shortened(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry._run("simulate", ["seed=1", option])
    assert "Settings (key=value):" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--hydra-help", "--cfg", "--h", "seed=--help", "-m"])
def test_other_options_are_not_help(option: str) -> None:
    assert not entry.is_option(option, "--help")
    assert not entry.is_option(option, "--version")


def test_settings_are_listed_by_command_and_by_pattern() -> None:
    every = listing.list_settings(["train"])
    assert all(f"{one.key}={one.default_text}\n" in every for one in explain("train"))
    assert listing.list_settings(["score", "margin"]).splitlines() == [
        "score.margin=1.0",
        "    a number: share of spend that is kept, above 0 and at most 1.",
    ]
    assert "score.margin=1.0  (train, score, decide, campaign)" in listing.list_settings(["margin"])
    assert listing.list_settings(["score", "Score.*"]) == listing.list_settings(["score", "score."])
    assert listing.list_settings(["score", "score.margin=0.3"]) == listing.list_settings(["score", "score.margin"])
    assert listing.list_settings([]).count("\ntransactions.path=") == 1  # two commands: one is another setting


@pytest.mark.parametrize(
    ("argv", "orig", "uv", "expected"),
    [
        (f"{BIN}/tenure-train", "python", False, "tenure-score model=m"),
        (f"{BIN}/tenure-train", "python", True, "uv run tenure-score model=m"),
        (f"{BIN}/tenure", "python", False, "tenure score model=m"),
        (f"{BIN}/tenure", "python", True, "uv run tenure score model=m"),
        (".venv/bin/tenure-train", "python", False, ".venv/bin/tenure-score model=m"),
        ("/my env/bin/tenure", "python", False, "'/my env/bin'/tenure score model=m"),
        ("/lib/tenure/__main__.py", "python3", False, "python3 -m tenure score model=m"),
        ("/lib/tenure/__main__.py", "venv/bin/python", False, "venv/bin/python -m tenure score model=m"),
        ("/lib/tenure/__main__.py", "/x/.venv/bin/python", True, "uv run python -m tenure score model=m"),
        ("/lib/other/__main__.py", "python", False, "tenure-score model=m"),
        ("/lib/ipykernel_launcher.py", "python", False, "tenure-score model=m"),
        ("", "python", False, "tenure-score model=m"),
    ],
)
def test_messages_name_a_command_as_the_user_started_this_one(
    argv: str, orig: str, expected: str, start: pytest.MonkeyPatch, *, uv: bool
) -> None:
    start.setattr(sys, "argv", [argv])
    start.setattr(sys, "orig_argv", [orig])
    if uv:
        start.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert invocation.command("score", "model=m") == expected
    assert invocation.program("mlflow") == expected.replace("tenure score model=m", "mlflow").replace(
        "tenure-score model=m", "mlflow"
    )
