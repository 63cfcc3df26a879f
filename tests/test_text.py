"""Texts that come from data are shown without their force: no control characters, no formulas."""

import io

import pandas as pd
import pytest

from tenure.spreadsheets import spreadsheet_safe
from tenure.text import printable, shown

SIGNS = ["\x1b", "\n", "\r", "\x00", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\ud800"]


@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
def test_control_direction_and_invisible_characters_are_written_as_escapes(sign: str) -> None:
    assert printable(f"a{sign}b").isprintable()
    assert printable(f"a{sign}b") not in ("ab", f"a{sign}b")


def test_other_characters_stay() -> None:
    assert printable("Müller 東京 🙂 [/sale] a\\n") == "Müller 東京 🙂 [/sale] a\\n"
    assert shown("one\ntwo\x1b[31m") == "one\ntwo\\x1b[31m"


@pytest.mark.parametrize("text", ["=1+1", "+1-2", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(text: str) -> None:
    table = pd.DataFrame({"group": [text], "clv": [-1.5]}).set_index("group")
    line = next(iter(pd.read_csv(io.StringIO(spreadsheet_safe(table).to_csv()))["group"]))
    safe = "'" + text.replace("\r", "\\r")
    assert line == safe
    assert spreadsheet_safe(pd.DataFrame({text: [1]})).columns.tolist() == [safe]
    assert spreadsheet_safe(pd.DataFrame({"a": [text]})).loc[0, "a"] == safe


def test_numbers_stay_numbers_and_tables_stay_themselves() -> None:
    table = pd.DataFrame({"a": [-1.0, 2.0], "b": ["-3.5", "x"], "c": [None, "y"], "d": [True, False]})
    pd.testing.assert_frame_equal(spreadsheet_safe(table).astype(table.dtypes), table)
    many = pd.DataFrame({"n": [1]}, index=pd.MultiIndex.from_tuples([("=a", 1)], names=["g", "@h"]))
    safe = spreadsheet_safe(many)
    assert safe.index.tolist() == [("'=a", 1)]
    assert list(safe.index.names) == ["g", "'@h"]
