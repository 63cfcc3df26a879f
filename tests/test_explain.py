"""The explanations of settings: one text for help, list and documentation, with the defaults that apply."""

import dataclasses
from typing import Any

import pytest
from cases import few

from tenure.jobs.compose import compose_settings
from tenure.settings import COMMANDS, SCORE_COLUMNS, backtest, fit, log
from tenure.settings.explain import NAME, NONE, arguments, explain
from tenure.settings.hints import fields_of, plain

CHOICES = {
    **{f"fit.{name}": choices for name, choices in fit.CHOICES.items()},
    **{f"transactions.{name}": choices for name, choices in log.LOG_CHOICES.items()},
    "transactions.normalize_ids": log.NORMALIZE_IDS,
    "transactions.not_placeholders": log.PLACEHOLDERS,
    "backtest.baselines.names": backtest.BASELINES,
    "score.columns": SCORE_COLUMNS,
}


def classes_of(kind: type) -> set[type]:
    """Return a settings class and those within it."""
    inner = {plain(hint)[0] for hint in fields_of(kind).values()}
    within = [classes_of(one) for one in inner if dataclasses.is_dataclass(one) and isinstance(one, type)]
    return {kind}.union(*within)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_setting_is_explained(name: str) -> None:
    for one in explain(name):
        assert one.meaning.endswith("."), one.key
        assert one.meaning[0] == one.meaning[0].lower() or one.meaning.startswith(("CSV", "SQL", "LogNormal")), one.key


CLASSES = sorted(set().union(*map(classes_of, COMMANDS.values())), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_docstring_names_the_fields_of_its_class_and_no_others(kind: type) -> None:
    assert list(arguments(kind)) == [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize("name", few(COMMANDS, 3))
def test_the_defaults_are_those_of_a_command_without_arguments(name: str) -> None:
    settings = compose_settings(name)
    for one in explain(name):
        if NAME in one.key.split("."):
            continue
        value: Any = settings
        for part in one.key.split("."):
            value = getattr(value, part)
        if one.key == "transactions.path" and value is not None:
            assert one.default_text.split()[0] in str(value)
        elif one.key == "review.checks":
            assert list(value) == list(one.default)
        else:
            assert value == one.default, one.key


@pytest.mark.parametrize("key", CHOICES)
def test_a_meaning_names_every_choice(key: str) -> None:
    one = next(one for name in COMMANDS for one in explain(name) if one.key == key)
    for choice in CHOICES[key]:
        assert choice in one.meaning, (key, choice)


def test_a_setting_within_a_table_of_the_users_names_is_explained() -> None:
    keys = {one.key: one for one in explain("train")}
    assert keys["transactions.exclude.NAME.column"].default is NONE
    assert keys["transactions.exclude.NAME.column"].default_text == ""
    assert keys["fit.priors.bg_nbd.mean_rate.parameters"].default == {"mu": 0.0, "sigma": 2.0}
    assert keys["score.discount_rate"].type == "a number"
    assert {one.key: one for one in explain("backtest")}["fit.method"].default == "laplace"
