"""What a long stage shows: a bar on a terminal, plain lines elsewhere, and that it compiles."""

import logging
import sys
from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest

from tenure import caching
from tenure.fit import nuts
from tenure.jobs import console
from tenure.jobs.compose import compose_settings


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Replace stderr by a terminal that the log goes to."""
    terminal = Terminal()
    for name in ("stderr", "__stderr__"):
        monkeypatch.setattr(sys, name, terminal)
    monkeypatch.setenv("TERM", "xterm")
    handler, log = logging.StreamHandler(terminal), logging.getLogger("tenure")
    logging.getLogger().addHandler(handler)
    before = log.level
    log.setLevel(logging.INFO)
    yield terminal
    log.setLevel(before)
    logging.getLogger().removeHandler(handler)


def lines(screen: StringIO, text: str) -> list[str]:
    return [line for line in screen.getvalue().splitlines() if text in line]


def test_a_log_line_is_printed_above_the_bar(screen: Terminal) -> None:
    handler = logging.getLogger().handlers[-1]
    assert isinstance(handler, logging.StreamHandler)
    with console.progress("score", 100) as advance:
        advance(40)
        assert handler.stream is not screen  # it goes through the bar's console
        logging.getLogger("tenure").warning("the horizon is long")
        advance(60)
    assert handler.stream is screen
    (line,) = lines(screen, "the horizon is long")
    assert "/100" not in line
    assert "40/100" in screen.getvalue() or "100/100" in screen.getvalue()


def test_a_stage_has_a_bar_with_its_share_and_lines_at_its_start_and_end(screen: Terminal) -> None:
    with console.stage("fit [calibration]") as progress:
        assert progress is not None
        progress(30, 120)
    assert lines(screen, "fit [calibration] ...")
    assert lines(screen, "fit [calibration]: 0.0 s")
    assert "25%" in screen.getvalue()


def test_a_stage_within_a_stage_has_lines_and_no_bar_of_its_own(screen: Terminal) -> None:
    with console.stage("compare") as outer, console.stage("fit the champion") as inner:
        assert outer is not None
        assert inner is None
    assert lines(screen, "fit the champion: ")
    with console.stage("the next one") as progress:
        assert progress is not None


def test_a_stage_that_fails_leaves_no_bar_behind(screen: Terminal) -> None:
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
    target = SimpleNamespace(density=lambda u: (-0.5 * float(u @ u), -u))
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
