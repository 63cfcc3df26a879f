"""Baselines, figures and the report: what fails is named and left out, and raised in the test suite."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tenure import figures
from tenure.failures import STRICT, Failures


def fail_by(message: str, ids: tuple[str, ...] = ()) -> Failures:
    failures = Failures(ids)
    with failures.contain("baseline boosting"):
        raise ValueError(message)
    return failures


def test_the_suite_itself_is_strict() -> None:
    with pytest.raises(ValueError, match="broken"):
        fail_by("broken")


def test_a_failure_has_its_part_its_cause_and_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRICT)
    (failure,) = fail_by("two\nlines").failures
    assert (failure.part, failure.cause) == ("baseline boosting", "ValueError: two lines")
    assert failure.path == "failures/baseline_boosting.txt"
    assert "test_failures.py" in failure.trace
    assert failure.trace.endswith("ValueError: two lines\n")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("(first: 'zq-1', '7')", "(first: <customer>, <customer>)"),
        ("7 of 12 customers, zq-1 among them", "7 of 12 customers, <customer> among them"),
        ("the column 'frequency' of \"zq-1\"", "the column 'frequency' of <customer>"),
    ],
)
def test_no_cause_names_a_customer(message: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRICT)
    (failure,) = fail_by(message, ("zq-1", "7")).failures
    assert failure.cause == f"ValueError: {said}"
    assert "zq-1" not in failure.trace


def test_an_interruption_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRICT)
    failures = Failures()
    with pytest.raises(KeyboardInterrupt), failures.contain("report"):
        raise KeyboardInterrupt
    assert not failures.failures


def test_a_figure_that_cannot_be_rendered_is_left_out_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRICT)

    def sound() -> Figure:
        figure = Figure()
        figure.subplots().plot([0, 1], [0, 1])
        return figure

    def unfinished() -> Figure:
        figure = Figure()
        figure.subplots().set_title("$\\unknown{$")  # is found while it is rendered
        return figure

    def undrawn() -> Figure:
        raise np.linalg.LinAlgError("Singular matrix")

    failures = Failures()
    drawn = figures.draw("backtest", {"undrawn": undrawn, "sound": sound, "unfinished": unfinished}, failures)
    assert list(drawn) == ["sound"]
    parts = [failure.part for failure in failures.failures]
    assert parts == ["figure backtest/undrawn", "figure backtest/unfinished"]
    assert failures.failures[0].cause == "LinAlgError: Singular matrix"
