"""A column of currencies: one is fine, several are refused with their counts and what to paste."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from cases import few
from logs import settings

from tenure.errors import InputError
from tenure.settings import ExcludeSettings
from tenure.transactions import Transactions, TransactionsError, read

HEAD = "customer_id,date,amount,cur\n"


def read_currencies(folder: Path, *currencies: str, **changes: Any) -> Transactions:
    rows = "".join(f"c{at},2024-01-0{at + 1},10,{currency}\n" for at, currency in enumerate(currencies))
    (folder / "log.csv").write_text(HEAD + rows)
    return read(settings(folder / "log.csv", **{"currency": "cur", **changes}))


@pytest.mark.parametrize("currencies", [("EUR", "eur", " Eur "), ("", " ", ""), ("EUR",)])
def test_one_currency_is_read(tmp_path: Path, currencies: tuple[str, ...]) -> None:
    assert read_currencies(tmp_path, *currencies).reconcile().revenue == 10 * len(currencies)


@pytest.mark.parametrize(
    ("currencies", "counts"),
    [
        (("EUR", "USD", "eur"), "2 currencies, by transactions.currency ('cur': 2 with 'EUR', 1 with 'USD')"),
        (("EUR", "", "EUR"), "2 currencies, by transactions.currency ('cur': 2 with 'EUR', 1 with no currency)"),
        (("a", "b", "c", "d", "d"), "4 currencies, by transactions.currency"),
    ],
)
def test_several_are_refused_with_their_counts(tmp_path: Path, currencies: tuple[str, ...], counts: str) -> None:
    with pytest.raises(TransactionsError, match=re.escape(counts)):
        read_currencies(tmp_path, *currencies)


def test_what_the_message_says_to_paste_works(tmp_path: Path) -> None:
    with pytest.raises(TransactionsError) as refused:
        read_currencies(tmp_path, "EUR", "usd", " eur", "CHF")
    message = str(refused.value)
    (pasted,) = re.findall(r'transactions\.query=".*"', message)
    query = shlex.split(pasted)[0].removeprefix("transactions.query='").removesuffix("'").replace("\\'", "'")
    assert read_currencies(tmp_path, "EUR", "usd", " eur", "CHF", query=query).reconcile().revenue == 20
    rules = pasted_rules(message)
    assert read_currencies(tmp_path, "EUR", "usd", " eur", "CHF", exclude=rules).reconcile().revenue == 20


def pasted_rules(message: str) -> dict[str, ExcludeSettings]:
    """Return the rules in a message as a file of settings takes them."""
    (text,) = re.findall(r"\(transactions\.exclude: (\{.*\})\)", message)
    return {name: ExcludeSettings(**rule) for name, rule in yaml.safe_load(text).items()}


@pytest.mark.parametrize("other", few(["O'R$", "a.b|c", "x\\y", "(€)"], 1))
@pytest.mark.parametrize("column", ["cur, (code)", "a: b", 'the "cur"', "{cur}"])
def test_what_the_message_says_to_paste_works_for_any_column(tmp_path: Path, column: str, other: str) -> None:
    quoted = column.replace('"', '""')
    path = tmp_path / "log.csv"
    path.write_text(
        f'customer_id;date;amount;"{quoted}"\na;2024-01-01;10;EUR\na;2024-01-02;10;EUR\nb;2024-01-02;9;{other}\n'
    )
    with pytest.raises(TransactionsError) as refused:
        read(settings(path, separator=";", currency=column))
    rules = pasted_rules(str(refused.value))
    assert read(settings(path, separator=";", currency=column, exclude=rules)).reconcile().revenue == 20


def test_rows_that_are_not_used_have_no_currency(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEAD + "a,2024-01-01,10,EUR\n,2024-01-02,10,USD\n")
    assert read(settings(tmp_path / "log.csv", currency="cur")).reconcile().revenue == 10


def test_a_column_that_is_not_there_or_has_another_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TransactionsError, match=r"no column 'curr' \(transactions.currency\)"):
        read_currencies(tmp_path, "EUR", currency="curr")
    with pytest.raises(InputError, match=r"transactions.currency must be a column of its own, or null"):
        read_currencies(tmp_path, "EUR", currency="amount")
