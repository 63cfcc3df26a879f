"""Each language has every text, with the same names to fill in; formats are those of the locale."""

import datetime as dt
import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

from tenure.language import Language, catalogue, is_locale, languages, load_catalogue

ROOT = Path(__file__).parent.parent
OTHERS = [language for language in languages() if language != "en"]
SAME = {"page.span", "short.expected_value"}  # may be the same in every language


def fields_of(text: str) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(text) if name is not None})


def check(texts: dict[str, str], reference: dict[str, str]) -> list[str]:
    """Return what is wrong with a catalogue."""
    faults = [f"no {key}" for key in reference.keys() - texts.keys()]
    faults += [f"unknown {key}" for key in texts.keys() - reference.keys()]
    for key in texts.keys() & reference.keys():
        faults += [f"empty {key}"] if not texts[key].strip() else []
        faults += [f"fields of {key}"] if fields_of(texts[key]) != fields_of(reference[key]) else []
    return sorted(faults)


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_text_and_no_other(language: str) -> None:
    assert check(load_catalogue(language), load_catalogue("en")) == []


def test_the_check_sees_missing_unknown_and_empty_texts_and_other_names() -> None:
    reference = {"a": "{x} of {y}", "b": "text", "c": "text"}
    assert check({"a": "{x} de {z}", "b": " ", "d": "x"}, reference) == ["empty b", "fields of a", "no c", "unknown d"]


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_translated(language: str) -> None:
    english, own = load_catalogue("en"), load_catalogue(language)
    same = [key for key, text in english.items() if own[key] == text and len(text.split()) > 3]
    assert [
        key for key in same if key not in SAME and not re.fullmatch(r"[\w{} +/()x-]*_[\w{} +/()x-]*", own[key])
    ] == []


def test_french_has_its_own_spaces() -> None:
    for key, text in load_catalogue("fr").items():
        assert not re.search(r" [;:?!%»]", text), key  # these spaces do not break
        assert "'" not in text, key


def test_each_text_of_a_page_is_used() -> None:
    """A key that no source names is a text that nobody sees."""
    sources = "\n".join(
        path.read_text() for path in (ROOT / "src" / "tenure").rglob("*") if path.suffix in {".py", ".j2"}
    )
    composed = ("names.", "columns.", "dictionary.", "units.", "questions.", "reading.", "pictures.")
    parts = {"page.title", "page.heading", "value.more", "value.less", "win_back.on_redemption", "win_back.on_contact"}
    for key in load_catalogue("en").keys() - parts:
        own = key.removeprefix("campaign.")
        name = (
            own.rpartition(".")[2].removesuffix("_look").removesuffix("_means")
            if own.startswith(composed)
            else f'"{own}"'
        )
        assert name in sources, key


def test_a_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in catalogue.FOLDER.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    german = (tmp_path / "en.toml").read_text().replace('"The numbers behind it"', '"Die Zahlen dahinter"')
    (tmp_path / "de.toml").write_text(german)
    assert Language("de").code == "en"
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    assert languages() == ["de", "en", "fr"]
    assert Language("de_CH").code == "de"
    assert Language("de_CH").text("page.details") == "Die Zahlen dahinter"
    load_catalogue.cache_clear()


def test_numbers_and_days_are_those_of_the_country() -> None:
    swiss, french, german = Language("de_CH", "CHF"), Language("fr", "€"), Language("de", "€")
    assert swiss.money(1234567.0) == "CHF\u00a01’234’567"
    assert french.money(-1234567.4) == "-1\u202f234\u202f567\u00a0€"
    assert german.percent(0.0512, 1) == "5,1\u00a0%"
    assert french.span(0.5, 1000.0) == "de 0,50\u00a0€ à 1\u202f000\u00a0€"
    assert german.day(dt.date(2024, 3, 1)) == "1. März 2024"
    assert french.month("2024-02") == "févr. 2024"
    assert Language("en").money(float("nan")) == "–"
    assert Language("en", "$").money(-0.001) == "$0.00"
    assert Language("fr").percent(-0.25) == "-25\u00a0%"


@pytest.mark.parametrize(
    ("name", "right"), [("fr", True), ("fr-CA", True), ("en_GB", True), ("french", False), ("", False)]
)
def test_a_locale_is_one_that_exists(name: str, right: bool) -> None:
    assert is_locale(name) is right


def test_catalogues_have_no_key_twice() -> None:
    for path in catalogue.FOLDER.glob("*.toml"):
        assert tomllib.loads(path.read_text())["page"]  # a key twice is an error of TOML
