"""Dates in another form than ISO 8601: the message holds the setting that reads them, as it is to be pasted."""

import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import purchases, settings

from tenure.jobs.compose import read_arguments
from tenure.transactions import TransactionsError, read
from tenure.transactions.date_advice import advise

DAYS = ["2024-01-05", "2024-01-16", "2024-02-09"]


def written(folder: Path, stamps: list[str], column: str) -> Path:
    rows = "".join(f"c{at};{stamp};1\n" for at, stamp in enumerate(stamps))
    path = folder / "log.csv"
    path.write_text(f"customer_id;{column};amount\n{rows}")
    return path


def refused(path: Path, **changes: Any) -> str:
    with pytest.raises(TransactionsError) as caught:
        read(settings(path, **changes))
    (fault,) = caught.value.faults
    return fault


def pasted(fault: str) -> dict[str, str]:
    """Return the settings in a message as a shell and the command take them."""
    found = re.search(r"""transactions\.query=".*"|'transactions\..*'|transactions\.\S+=\S+(?=\.$)""", fault)
    assert found
    arguments = shlex.split(found[0])
    reading = read_arguments("train", arguments)
    taken = dict(argument.lstrip("+").partition("=")[::2] for argument in reading.arguments)
    unquoted = {key: value[1:-1].replace("\\'", "'") if value[0] == "'" else value for key, value in taken.items()}
    return {key.rpartition(".")[2]: value for key, value in unquoted.items()}


def days_of(path: Path, **changes: Any) -> list[str]:
    return sorted(str(day.date()) for day in purchases(read(settings(path, **changes)))["date"])


@pytest.mark.parametrize(
    "stamps",
    few(
        [
            ["2024/01/05", "2024/01/16", "2024/02/09"],
            ["2024/1/5", "2024/1/16", "2024/2/9"],
            ["2024/01/05 10:00:01", "2024/01/16 00:00:00", "2024/02/09 23:59:59"],
            ["2024.01.05", "2024.01.16", "2024.02.09"],
            ["2024-1-5", "2024-1-16", "2024-2-9"],
            ["20240105", "20240116", "20240209"],
            ["20240105101530", "20240116101530", "20240209101530"],
            ["01/05/2024", "01/16/2024", "02/09/2024"],
            ["05/01/2024 09:30", "16/01/2024 10:30", "09/02/2024 23:59"],
            ["1/5/2024 3:04 PM", "1/16/2024 3:04 PM", "2/9/2024 12:04 AM"],
            ["2024-01-05 03:04:05 PM", "2024-01-16 03:04:05 PM", "2024-02-09 12:04:00 AM"],
            ["05.01.24", "16.01.24", "09.02.24"],
            ["05-JAN-2024", "16-JAN-2024", "09-FEB-2024"],
            ["Jan 5, 2024", "Jan 16, 2024", "Feb 9, 2024"],
            ["5 January 2024", "16 January 2024", "9 February 2024"],
            ["1704448800", "1705399200", "1707472800"],
            ["1704448800.5", "1705399200.25", "1707472800.0"],
            ["1704448800000", "1705399200000", "1707472800000"],
            ["1704448800000000", "1705399200000000", "1707472800000000"],
            ["45296", "45307", "45331"],
            ["45296.99", "45307.25", "45331.0"],
            ["45296,99", "45307,25", "45331,0"],
        ],
        3,
    ),
    ids=lambda stamps: stamps[0],
)
def test_what_the_message_says_to_paste_reads_the_dates(tmp_path: Path, stamps: list[str]) -> None:
    column = "Created (UTC), 'x'"
    path = written(tmp_path, stamps, column)
    changes = {"separator": ";", "date": column}
    settings_named = pasted(refused(path, **changes))
    assert settings_named.keys() in ({"date_format"}, {"query"})
    zone = {"timezone": "UTC"} if stamps[0].startswith("17") else {}
    assert days_of(path, **changes, **settings_named, **zone) == DAYS


def test_a_day_that_two_formats_fit_is_left_to_the_user(tmp_path: Path) -> None:
    fault = refused(written(tmp_path, ["05/01/2024", "06/01/2024"], "date"), separator=";")
    assert fault.endswith(
        "They fit transactions.csv.date_format=%d/%m/%Y and transactions.csv.date_format=%m/%d/%Y: set the right one."
    )


@pytest.mark.parametrize(
    "stamps",
    few(
        [
            ["2024-01-05", "2024/01/16", "2024-02-09"],  # most are ISO 8601
            ["2024/01/05", "16.01.2024"],
            ["5 janvier 2024", "16 janvier 2024"],
            ["2024-W01-5", "2024-W03-2"],
            ["2024-01", "2024-02"],
            ["1704448800", "1704448800000"],
            ["12345678901234", "22345678901234"],
        ],
        3,
    ),
)
def test_dates_of_no_one_known_form_have_the_general_advice(tmp_path: Path, stamps: list[str]) -> None:
    fault = refused(written(tmp_path, stamps, "date"), separator=";")
    assert "Dates are ISO 8601 (1997-12-31) unless" in fault


@pytest.mark.parametrize("unit", [1, 1_000])
def test_whole_numbers_of_a_parquet_file_have_their_advice_too(tmp_path: Path, unit: int) -> None:
    stamps = [second * unit for second in (1_704_448_800, 1_705_399_200, 1_707_472_800)]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"customer_id": [1, 2, 3], "date": stamps, "amount": [1.0, 1.0, 1.0]}), path)
    assert days_of(path, **pasted(refused(path)), timezone="UTC") == DAYS


def test_a_number_that_is_no_day_has_no_advice() -> None:
    assert advise([17, 18], "date") is None
    assert advise(["45296", "1704448800"], "date") is None
    assert advise([date(2024, 1, 5), "oops"], "date") is None
    assert re.search("spreadsheet's days", str(advise([45296, 45307.5], "date")))
