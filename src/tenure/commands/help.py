"""`--help` of each command, and of `tenure` itself."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from tenure import invocation
from tenure.settings.explain import Explanation, explain

from .pages import PAGES, Page

WIDTH = 110
KEY = 34  # columns of a key, after which its meaning begins
COMMENT = 66  # columns of an example, after which its comment begins
EMPTY = ("null", "[]", "{}")
FURTHER = {
    "settings": "list settings: key, default, meaning, range",
    "warm": "compile ahead what the first fit and scoring would compile, a minute",
}
OPTIONS = (
    ("-m", "run each combination of several values, such as seed=1,2,3, one after another"),
    ("--cfg job", "print the settings and do nothing"),
    ("--version", "print the version"),
    ("--hydra-help", "print Hydra's further options"),
)


def overview() -> str:
    """Return the help of `tenure`: the commands, a line each."""
    lines = {**{name: page.summary for name, page in PAGES.items()}, **FURTHER}
    commands = (f"  {name:<10} {summary}" for name, summary in lines.items())
    example = invocation.command("train", "transactions.path=sales.csv")
    return "\n".join(
        [
            "tenure: Bayesian customer lifetime value, from a purchase log to a registered model and scores.",
            "",
            *commands,
            "",
            f"To explain a command:   {invocation.command('train', '--help')}",
            f"To list all settings:   {invocation.command('settings')}",
            f"A setting is key=value: {example}",
        ]
    )


def command_help(name: str) -> str:
    """Return the help of a command: what it does, examples, options, common settings, exit codes."""
    page, command = PAGES[name], invocation.command(name)
    explanations = {one.key: one for one in explain(name)}
    codes = ", ".join(filter(None, ["Exit codes: 0 done, 1 internal error, 2 wrong setting or input", page.codes]))
    return "\n".join(
        [
            *_wrapped(f"{command}: {page.summary}."),
            *_wrapped(page.description),
            "",
            *_examples(command, page),
            "",
            *_rows(OPTIONS),
            "",
            "Settings (key=value):",
            *_rows((f"{key}=", _meaning(explanations[key])) for key in page.common),
            *_rows((f"{group}=", f"option: {options}") for group, options in page.groups.items()),
            "",
            f"All {len(explanations)} settings:   {invocation.command('settings', name)}",
            f"Those about a word: {invocation.command('settings', name, 'path')}",
            *_wrapped(f"{codes}."),
        ]
    )


def described(explanation: Explanation) -> Iterator[str]:
    """Yield the lines of a setting in a list: key and default, then type, meaning and range."""
    yield f"{explanation.key}={explanation.default_text}"
    yield from _wrapped(f"{explanation.type}: {explanation.meaning}", "    ")


def _meaning(explanation: Explanation) -> str:
    default = explanation.default_text
    return explanation.meaning if default in EMPTY else f"{explanation.meaning} [{default}]"


def _examples(command: str, page: Page) -> Iterator[str]:
    """Yield the examples, each with a comment: beside it, or above it where the line would be too long."""
    for arguments, comment in page.examples:
        line = f"  {command} {arguments}".rstrip()
        both = f"{line:<{COMMENT}}  # {comment}"
        yield from [both] if len(both) <= WIDTH else [f"  # {comment}", line]


def _rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for key, meaning in rows:
        first, *more = textwrap.wrap(meaning, WIDTH - KEY - 2, break_long_words=False, break_on_hyphens=False)
        yield f"  {key:<{KEY}}{first}" if len(key) < KEY else f"  {key} {first}"
        yield from (" " * (KEY + 2) + line for line in more)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
