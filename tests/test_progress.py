"""What a long stage shows: a bar on a terminal, plain lines elsewhere, and that it compiles."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tenure import caching
from tenure.fit import nuts
from tenure.jobs import console
from tenure.jobs.compose import compose_settings


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[tuple[Terminal, logging.StreamHandler[Any]]]:
    """Replace stderr by a terminal that the log goes to; within a test, as pytest replaces stderr after set-up."""
    screen, log = Terminal(), logging.getLogger("tenure")
    handler, level = logging.StreamHandler(screen), log.level
    with pytest.MonkeyPatch.context() as patch:
        for name in ("stderr", "__stderr__"):
            patch.setattr(sys, name, screen)
        patch.setenv("TERM", "xterm")
        logging.getLogger().addHandler(handler)
        log.setLevel(logging.INFO)
        yield screen, handler
        log.setLevel(level)
        logging.getLogger().removeHandler(handler)


def lines(screen: StringIO, text: str) -> list[str]:
    return [line for line in screen.getvalue().splitlines() if text in line]


def test_a_log_line_is_printed_above_the_bar() -> None:
    with terminal() as (screen, handler):
        with console.progress("score", 100) as advance:
            advance(40)
            assert handler.stream is not screen  # it goes through the bar's console
            logging.getLogger("tenure").warning("the horizon is long")
            advance(60)
        assert handler.stream is screen
    (line,) = lines(screen, "the horizon is long")
    assert "/100" not in line
    assert "40/100" in screen.getvalue() or "100/100" in screen.getvalue()


def test_a_stage_has_a_bar_with_its_share_and_lines_at_its_start_and_end() -> None:
    with terminal() as (screen, _), console.stage("fit [calibration]") as progress:
        assert progress is not None
        progress(30, 120)
    assert lines(screen, "fit [calibration] ...")
    assert lines(screen, "fit [calibration]: 0.")
    assert "25%" in screen.getvalue()


def test_a_stage_within_a_stage_has_lines_and_no_bar_of_its_own() -> None:
    with terminal() as (screen, _):
        with console.stage("compare") as outer, console.stage("fit the champion") as inner:
            assert outer is not None
            assert inner is None
        with console.stage("the next one") as progress:
            assert progress is not None
    assert lines(screen, "fit the champion: ")


def test_a_stage_that_fails_leaves_no_bar_behind() -> None:
    with terminal():
        with pytest.raises(ZeroDivisionError), console.stage("fit"):
            raise ZeroDivisionError
        with console.stage("the next one") as progress:
            assert progress is not None


def test_without_a_terminal_there_are_lines_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stderr", StringIO())
    with caplog.at_level(logging.INFO, "tenure"), console.stage("fit") as progress:
        assert progress is None
    assert [record.getMessage() for record in caplog.records] == ["fit ...", "fit: 0.0 s"]
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_sampling_reports_its_draws() -> None:
    fit = compose_settings("train", ["fit.draws=500", "fit.tune=200", "fit.joint_draws=500", "fit.chains=2"]).fit
    target = SimpleNamespace(density=lambda u: (-0.5 * float(u @ u), -u), restore=lambda u: u)
    mode = SimpleNamespace(point=np.zeros(2), factor=np.eye(2), log_density=0.0)
    seen: list[tuple[int, int]] = []
    nuts.sample(target, mode, fit, seed=1, progress=lambda done, total: seen.append((done, total)))  # type: ignore[arg-type]
    assert seen
    assert {total for _, total in seen} == {2 * 700}
    assert seen[-1][0] <= 2 * 700


def test_compiling_is_announced_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching._Cache, "save_overload", lambda *_: None)
    monkeypatch.setattr(caching.FunctionCache, "load_overload", lambda *_: None)
    caching._announce.cache_clear()

    @caching.njit()
    def double(x):  # type: ignore[no-untyped-def]
        return 2 * x

    with caplog.at_level(logging.INFO, "tenure"):
        assert (double(1), double(1.5)) == (2, 3.0)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("compiling once, this takes a minute")


def test_what_is_on_disk_is_not_announced(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.FunctionCache, "load_overload", lambda *_: "machine code")
    caching._announce.cache_clear()
    cache = object.__new__(caching._Cache)
    with caplog.at_level(logging.INFO, "tenure"):
        assert cache.load_overload(None, None) == "machine code"
    assert not caplog.records
