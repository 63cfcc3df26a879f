"""Moving the champion: tags, rollback, and races, in a real registry with versions that hold no model."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from stores import put_store

from tenure import registry
from tenure.registry import NoModelError, NotMovedError, RegistryError, Version, aliases

NAMES = (f"model{number}" for number in count())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    before = mlflow.get_tracking_uri()
    uri = put_store(tmp_path_factory.mktemp("store"))
    registry.use(uri)
    yield uri
    registry.use(before)


@pytest.fixture
def name(store: str) -> str:
    name = next(NAMES)
    MlflowClient().create_registered_model(name)
    return name


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work here unless a test has him be."""
    monkeypatch.setattr(aliases, "SETTLING_SECONDS", 0.0)


def add(name: str, verdict: str | None = "PASS") -> Version:
    tags = {"complete": "true"} if verdict is None else {"complete": "true", "verdict": verdict}
    made = MlflowClient().create_model_version(name, source="file:///nowhere", tags=tags)
    MlflowClient().set_registered_model_alias(name, "challenger", made.version)
    return registry.find_version(f"models:/{name}/{made.version}")


def pointers(name: str) -> dict[str, int]:
    return {alias: int(number) for alias, number in MlflowClient().get_registered_model(name).aliases.items()}


def tags_of(version: Version) -> dict[str, str]:
    return dict(registry.find_version(version.uri).tags)


def set_champion(new: Version, old: Version | None, **facts: Any) -> None:
    registry.set_champion(new, old, **{"by": "ana", "because": "a test", **facts})


def test_the_new_champion_carries_who_when_why_the_figures_and_whom_it_replaced(name: str) -> None:
    first, second = add(name), add(name, "REVIEW")
    set_champion(first, None)
    before = datetime.now(UTC).replace(microsecond=0)
    set_champion(second, first, because="season", figures={"spend.difference": -0.0123456789})
    tags = tags_of(second)
    assert pointers(name) == {"champion": 2}  # and no challenger any more
    assert tags["promotion.by"] == "ana"
    assert tags["promotion.because"] == "season"
    assert tags["promotion.replaced"] == "1"
    assert tags["promotion.spend.difference"] == "-0.0123457"
    assert before <= datetime.fromisoformat(tags["promotion.at"]) <= datetime.now(UTC)
    assert tags_of(first)["promotion.replaced"] == "none"
    assert registry.find_champion(name) == registry.find_version(second.uri)


def test_the_description_of_a_version_says_who_promoted_it_and_why(name: str) -> None:
    first, second = add(name), add(name, "REVIEW")
    client = MlflowClient()
    client.update_model_version(name, "2", "**REVIEW**: look\n\nat this")
    set_champion(first, None)
    assert client.get_model_version(name, "1").description == "Promoted by ana: a test"
    set_champion(second, first, because="season\nends")
    assert (
        client.get_model_version(name, "2").description == "Promoted by ana: season ends\n\n**REVIEW**: look\n\nat this"
    )
    set_champion(first, second)
    set_champion(second, first, by="ben", because="again")
    assert client.get_model_version(name, "2").description == "Promoted by ben: again\n\n**REVIEW**: look\n\nat this"


def test_a_long_description_leaves_room_for_the_promotion(name: str) -> None:
    only = add(name)
    MlflowClient().update_model_version(name, "1", "x" * 5000)
    set_champion(only, None)
    text = MlflowClient().get_model_version(name, "1").description
    assert text.startswith("Promoted by ana: a test\n\nxxx")
    assert len(text) == 5000


def test_a_missing_champion_names_the_promotion_first_and_the_scoring_second(name: str) -> None:
    with pytest.raises(NoModelError, match=f"There is no model {name} with alias champion") as nothing:
        registry.find_version(f"models:/{name}@champion")
    assert nothing.value.reason == "no_model"
    version = add(name, "REVIEW")
    with pytest.raises(registry.NoChampionError) as missing:
        registry.find_version(f"models:/{name}@champion")
    text = str(missing.value)
    assert (
        0
        < text.index(f"tenure-promote model={version.uri} reason=...")
        < text.index(f"tenure-score model={version.uri}")
    )
    MlflowClient().delete_registered_model_alias(name, "challenger")
    with pytest.raises(registry.NoChampionError, match=r"has no champion .* Its latest versions: 1") as without:
        registry.find_version(f"models:/{name}@champion")
    assert without.value.reason == "no_champion"


def test_another_challenger_stays_challenger(name: str) -> None:
    first, _ = add(name), add(name)
    set_champion(first, None)
    assert pointers(name) == {"champion": 1, "challenger": 2}


@pytest.mark.parametrize("verdict", ["FAIL", None, "pass", ""])
def test_a_fail_or_no_verdict_is_never_champion_and_changes_nothing(name: str, verdict: str | None) -> None:
    first, second = add(name), add(name, verdict)
    set_champion(first, None)
    before = tags_of(second)
    with pytest.raises(NotMovedError, match=r"no verdict, or FAIL") as refused:
        set_champion(second, first, because="the director wants it")
    assert refused.value.exit_code == 3
    assert pointers(name) == {"champion": 1, "challenger": 2}
    assert tags_of(second) == before


def test_a_champion_other_than_the_one_compared_with_is_a_lost_race_that_changes_nothing(name: str) -> None:
    first, second, third = add(name), add(name), add(name)
    set_champion(first, None)
    set_champion(second, first)
    before = tags_of(third)
    for old, was in [(first, "1"), (None, "none")]:
        with pytest.raises(NotMovedError, match=rf"is version 2 now, no longer {was}"):
            set_champion(third, old)
    assert pointers(name) == {"champion": 2, "challenger": 3}
    assert tags_of(third) == before


def test_a_rival_who_looked_before_us_and_sets_after_us_is_a_lost_race_that_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = add(name), add(name), add(name)
    set_champion(first, None)
    waited = []

    def rival_sets(seconds: float) -> None:
        waited.append(seconds)
        MlflowClient().set_registered_model_alias(name, "champion", str(third.number))

    monkeypatch.setattr(aliases.time, "sleep", rival_sets)
    with pytest.raises(NotMovedError, match="a moment later version 3 was"):
        set_champion(second, first)
    assert waited == [aliases.SETTLING_SECONDS]
    assert pointers(name)["champion"] == 3
    kept = {key: value for key, value in tags_of(second).items() if key.startswith("promotion.")}
    assert kept == {"promotion.lost_to": "3"}


def test_a_rival_who_is_champion_while_we_write_our_tags_is_not_overtaken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = add(name), add(name), add(name)
    set_champion(first, None)
    before, honest = tags_of(second), aliases._tag

    def rival_sets(version: Version, group: str, facts: dict[str, str]) -> None:
        honest(version, group, facts)
        MlflowClient().set_registered_model_alias(name, "champion", str(third.number))

    monkeypatch.setattr(aliases, "_tag", rival_sets)
    with pytest.raises(NotMovedError, match=r"is version 3 now, no longer 1.*Nothing was changed"):
        set_champion(second, first)
    assert pointers(name)["champion"] == 3
    assert tags_of(second) == before


def test_rollback_returns_to_who_was_champion_before_as_often_as_there_is_one(name: str) -> None:
    first, second, third = add(name), add(name), add(name)
    set_champion(first, None)
    set_champion(second, first)
    set_champion(third, second)
    left, back = registry.roll_back(name, by="ben", because="a wrong log")
    assert (left.number, back.number, pointers(name)) == (3, 2, {"champion": 2})
    tags = tags_of(third)
    assert (tags["rollback.by"], tags["rollback.because"], tags["rollback.to"]) == ("ben", "a wrong log", "2")
    assert registry.roll_back(name, by="ben", because="again")[1].number == 1
    with pytest.raises(NotMovedError, match="replaced no other version"):
        registry.roll_back(name, by="ben", because="once more")
    assert pointers(name) == {"champion": 1}


def test_a_champion_again_carries_its_new_promotion_alone(name: str) -> None:
    first, second = add(name), add(name)
    set_champion(first, None)
    set_champion(second, first, figures={"spend.difference": 0.5})
    registry.roll_back(name, by="ben", because="a wrong log")
    set_champion(registry.find_version(second.uri), first, because="the log was right")
    tags = tags_of(second)
    assert tags["promotion.because"] == "the log was right"
    assert tags["verdict"] == "PASS"
    assert not {"promotion.spend.difference", "rollback.by", "rollback.to"} & set(tags)


@pytest.mark.parametrize("uri", ["models:/{name}/7", "models:/nobody/1"])
def test_a_version_that_is_not_there_is_not_loaded_and_named(name: str, uri: str) -> None:
    with pytest.raises(NoModelError, match=rf"^There is no {uri.format(name=name)} in the registry at "):
        registry.load(uri.format(name=name))


def test_rollback_refuses_what_is_gone_or_has_failed_since(name: str) -> None:
    with pytest.raises(NoModelError, match=r"no champion|no model"):
        registry.roll_back(name, by="ben", because="-")
    first, second = add(name), add(name)
    set_champion(first, None)
    set_champion(second, first)
    MlflowClient().set_model_version_tag(name, "1", "verdict", "FAIL")
    with pytest.raises(NotMovedError, match="cannot become champion again"):
        registry.roll_back(name, by="ben", because="-")
    MlflowClient().delete_model_version(name, "1")
    with pytest.raises(NoModelError, match=f"There is no models:/{name}/1"):
        registry.roll_back(name, by="ben", because="-")
    assert pointers(name) == {"champion": 2}


def test_a_version_is_found_by_alias_and_number_or_said_to_be_missing(name: str) -> None:
    added = add(name, "REVIEW")
    assert registry.find_version(f"models:/{name}@challenger") == added
    assert added.verdict == "REVIEW"
    assert registry.find_champion(name) is None
    assert registry.find_champion("nobody") is None
    for uri in (f"models:/{name}/7", "models:/nobody/1", f"models:/{name}@champion", "models:/nobody@challenger"):
        with pytest.raises(NoModelError) as missing:
            registry.find_version(uri)
        assert missing.value.exit_code == 4


def test_where_nobody_has_a_name_login_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("no passwd entry")

    monkeypatch.setattr(aliases.getpass, "getuser", nameless)
    assert registry.login() is None
    assert issubclass(NotMovedError, RegistryError)


RIVAL = """
import sys, time
from tenure import registry
uri, version, at = sys.argv[1:]
registry.use(uri)
new = registry.find_version(version)
old = registry.find_champion(new.name)
time.sleep(max(0.0, float(at) - time.time()))
try:
    registry.set_champion(new, old, by="a rival", because="a race")
except registry.NotMovedError:
    sys.exit(3)
"""


@pytest.mark.slow
def test_of_two_who_promote_at_once_on_a_real_server_one_is_champion_and_the_other_is_told(
    server: str, store: str
) -> None:
    """Without the second look and the wait before it, both took themselves for champion in ten of twelve races."""
    try:
        registry.use(server)
        for race in range(4):
            name = f"race{race}"
            MlflowClient().create_registered_model(name)
            for _ in range(3):
                MlflowClient().create_model_version(
                    name, source="s3://nowhere/model", tags={"verdict": "PASS", "complete": "true"}
                )
            set_champion(registry.find_version(f"models:/{name}/1"), None)
            together = str(time.time() + 8)
            rivals = {
                number: subprocess.Popen([sys.executable, "-c", RIVAL, server, f"models:/{name}/{number}", together])
                for number in (2, 3)
            }
            codes = {number: rival.wait(120) for number, rival in rivals.items()}
            assert sorted(codes.values()) == [0, 3]
            assert codes[pointers(name)["champion"]] == 0
    finally:
        registry.use(store)
