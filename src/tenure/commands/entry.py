"""The entry points: choose the command; print help or the version, else run the job."""

import difflib
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from tenure import invocation
from tenure.errors import InputError
from tenure.jobs.ending import end_with_reader
from tenure.text import shown

from .pages import PAGES

WRONG = 2
OTHERS = ("settings", "warm")


def train() -> None:
    """Run `tenure-train`."""
    _run("train", sys.argv[1:])


def score() -> None:
    """Run `tenure-score`."""
    _run("score", sys.argv[1:])


def decide() -> None:
    """Run `tenure-decide`."""
    _run("decide", sys.argv[1:])


def campaign() -> None:
    """Run `tenure-campaign`."""
    _run("campaign", sys.argv[1:])


def backtest() -> None:
    """Run `tenure-backtest`."""
    _run("backtest", sys.argv[1:])


def simulate() -> None:
    """Run `tenure-simulate`."""
    _run("simulate", sys.argv[1:])


def promote() -> None:
    """Run `tenure-promote`."""
    _run("promote", sys.argv[1:])


def report() -> None:
    """Run `tenure-report`."""
    _run("report", sys.argv[1:])


def main() -> None:
    """Run `tenure`: the command that its first argument names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name == "help":
        name, *arguments = [*arguments, "--help"]
    if name in PAGES or name in OTHERS:
        _run(name, arguments)
    elif is_option(name, "--version"):
        _print(_version())
    elif is_option(name, "--help"):
        from .help import overview

        _print(overview())
    else:
        _refuse(_unknown(name))


def is_option(argument: str, option: str) -> bool:
    """Return whether an argument is an option, in full or as far as it is unique.

    >>> is_option("--vers", "--version"), is_option("-h", "--help"), is_option("--h", "--help")
    (True, True, False)
    """
    is_short = argument == option[1:3] and option == "--help"
    return is_short or (option.startswith(argument) and len(argument) > len("--h"))


def _run(name: str, arguments: Sequence[str]) -> None:
    """Print the help or the version, where the arguments have that option; else run the command."""
    if any(is_option(argument, "--version") for argument in arguments):
        _print(_version())
    elif any(is_option(argument, "--help") for argument in arguments):
        _print(_help(name))
    elif name in OTHERS:
        _run_other(name, arguments)
    else:
        from tenure.jobs import app

        sys.argv[1:] = arguments
        job: Callable[[], None] = getattr(app, name)
        job()


def _run_other(name: str, arguments: Sequence[str]) -> None:
    try:
        if name == "settings":
            from .listing import list_settings

            _print(list_settings(arguments))
        else:
            from .warming import warm

            warm(arguments)
    except InputError as error:
        _refuse(str(error))


def _help(name: str) -> str:
    from .help import FURTHER, command_help

    return command_help(name) if name in PAGES else f"{invocation.command(name)}: {FURTHER[name]}."


def _version() -> str:
    return f"tenure {version('tenure')}"


def _unknown(name: str) -> str:
    names = [*PAGES, *OTHERS]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"there is no command {name!r}.{hint} The commands are: {', '.join(names)}"


def _print(text: str) -> None:
    end_with_reader()
    print(text, flush=True)


def _refuse(message: str) -> None:
    print(f"error: {shown(message)}", file=sys.stderr)
    sys.exit(WRONG)
