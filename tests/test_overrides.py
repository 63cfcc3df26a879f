"""What a user types after a command's name: texts as they are, tables, sweeps, and faults in plain words."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cases import few
from omegaconf import OmegaConf

from tenure.jobs import app
from tenure.jobs.compose import compose_settings, read_arguments
from tenure.jobs.keys import FaultError, keys_of
from tenure.jobs.sweeps import Result
from tenure.settings import COMMANDS, ExcludeSettings, read_priors

TEXTS = [
    "my orders (2024).csv",
    "Created (UTC)",
    "a=b",
    "x, y",
    "#1",
    "[x]",
    "{y}",
    "it's",
    '5" nails',
    "'a' and 'b'",
    "C:\\data\\new\\",
    "\\\\server\\share",
    "a\\,b",
    "${HOME}",
    "${unclosed",
    "a\\${x}\\\\${y}",
    "@id",
    "&id",
    "Größe",
    "客户",
    " leading",
    "trailing ",
    "007",
    "1_000",
    "1.50",
    "1e3",
    "True",
    "NaN",
    "a: b",
    "choice(a,b)",
    "int(3)",
    "two\nlines",
    "a;b|c<d>e!",
    "~/orders.csv",
    "+more",
    "*?",
]


def asked(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = settings[part] if isinstance(settings, dict) else getattr(settings, part)
    return settings


@pytest.mark.parametrize("text", few(TEXTS, 3))
def test_a_text_setting_takes_what_is_typed(text: str) -> None:
    settings = compose_settings("score", [f"transactions.path={text}", f"+transactions.columns.date={text}"])
    assert (settings.transactions.path, settings.transactions.columns.date) == (text, text)


def test_a_list_takes_any_text_in_quotes_and_a_table_any_name() -> None:
    listed = [text for text in TEXTS if "\\" not in text]
    quoted = ", ".join("'" + text.replace("'", "\\'") + "'" for text in listed)
    assert compose_settings("score", [f"by=[a, {quoted}]"]).by == ["a", *listed]
    names = [text for text in TEXTS if "=" not in text]
    typed = [f"transactions.segments.{name}=first" for name in names]
    assert compose_settings("train", typed).transactions.segments == dict.fromkeys(names, "first")


def test_entries_of_one_free_table_are_one_argument_so_that_a_sweep_keeps_them_all() -> None:
    typed = ["review.checks.customers.fail=[10,null]", "review.checks.customers.review=[50,null]"]
    reading = read_arguments("train", typed)
    (argument,) = [each for each in reading.arguments if each.startswith("++review.checks=")]
    assert reading.as_typed([argument]) == typed
    limit = compose_settings("train", typed).review.checks["customers"]
    assert (limit.fail, limit.review) == ([10.0, None], [50.0, None])


@pytest.mark.parametrize(
    ("name", "typed", "key", "value"),
    few(
        [
            ("train", "transactions.csv.separator=;", "transactions.csv.separator", ";"),
            ("train", "transactions.csv.separator=','", "transactions.csv.separator", ","),
            ("train", "transactions.csv.separator=,", "transactions.csv.separator", ","),
            ("train", 'transactions.csv.separator=";"', "transactions.csv.separator", ";"),
            ("train", "transactions.csv.separator='\\t'", "transactions.csv.separator", "\t"),
            ("train", "transactions.csv.separator=\\t", "transactions.csv.separator", "\t"),
            ("train", "transactions.csv.separator=\t", "transactions.csv.separator", "\t"),
            ("train", "transactions.csv.separator=null", "transactions.csv.separator", None),
            ("train", "registry.run_name='^C(.*)'", "registry.run_name", "^C(.*)"),
            ("train", "registry.run_name=^C(.*)", "registry.run_name", "^C(.*)"),
            ("train", "registry.run_name=of ${fit.purchase_model}", "registry.run_name", "of bg_nbd"),
            ("train", "registry.run_name='null'", "registry.run_name", "null"),
            ("score", "by=[Created (UTC), 'a, b', \"c\", country]", "by", ["Created (UTC)", "a, b", "c", "country"]),
            ("score", "by=[]", "by", []),
            (
                "train",
                "transactions.placeholders=[NaN, null, 007, -]",
                "transactions.placeholders",
                ["NaN", "null", "007", "-"],
            ),
            ("score", "residual=yes", "residual", True),
            ("train", "fit.draws='2000'", "fit.draws", 2000),
            ("train", "+fit.draws=2000", "fit.draws", 2000),
            ("train", "++fit.draws=2_000", "fit.draws", 2000),
            ("train", "fit.scale.money=null", "fit.scale.money", None),
            ("train", "experiment=cdnow", "rfm.cutoff", "1997-09-30"),
            ("train", "+experiment=cdnow", "fit.draws", 4000),
            ("train", "+registry.tags={a: 1.50}", "registry.tags", {"a": "1.5"}),
            ("train", "registry.tags.note=x, y", "registry.tags", {"note": "x, y"}),
            ("train", "registry.tags.team.note=x", "registry.tags", {"team.note": "x"}),
            (
                "train",
                "+transactions.segments.Shipping Country=mode",
                "transactions.segments",
                {"Shipping Country": "mode"},
            ),
            (
                "simulate",
                "simulate.segments.country={DE: 0.5, FR: 0.5}",
                "simulate.segments.country",
                {"DE": 0.5, "FR": 0.5},
            ),
        ],
        3,
    ),
)
def test_a_setting_is_read_by_its_type(name: str, typed: str, key: str, value: object) -> None:
    assert asked(compose_settings(name, [typed]), key) == value


@pytest.mark.parametrize("plus", few(["", "+", "++"], 1))
@pytest.mark.parametrize("matches", ["'^test'", "^test"])
def test_a_rule_that_leaves_rows_out_is_added_with_and_without_a_plus(plus: str, matches: str) -> None:
    rules = ["tests", "test orders", "Prüfung #1"]
    typed = [f"{plus}transactions.exclude.{rule}={{column: channel, matches: {matches}}}" for rule in rules]
    excluded = compose_settings("train", typed).transactions.exclude
    assert excluded == dict.fromkeys(rules, ExcludeSettings("channel", "^test"))


def test_a_rule_is_added_field_by_field_and_taken_away() -> None:
    fields = ["transactions.exclude.big.column=amount", "transactions.exclude.big.above=1000"]
    assert compose_settings("train", fields).transactions.exclude == {"big": ExcludeSettings("amount", above=1000.0)}
    assert compose_settings("train", [*fields, "~transactions.exclude.big"]).transactions.exclude == {}


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("train", "fit.metod=laplace", "there is no setting fit.metod. Did you mean fit.method?"),
        ("train", "+fit.metod=laplace", "there is no setting fit.metod. Did you mean fit.method?"),
        ("train", "horizon_days=30", "there is no setting horizon_days. Did you mean score.horizon_days?"),
        ("train", "transactions.csv.seperator=;", "Did you mean transactions.csv.separator?"),
        ("train", "transactions.csv={seperator: x}", "Did you mean transactions.csv.separator?"),
        ("train", "transactions.exclude.tests={colum: a}", "Did you mean transactions.exclude.tests.column?"),
        ("score", "fit.method=nuts", "no setting fit.method in tenure-score: tenure-train and tenure-backtest have it"),
        ("train", "by=[a]", "there is no setting by in tenure-train: tenure-score and tenure-promote have it"),
        ("train", "zzzzzz=1", "tenure settings train lists them"),
        ("train", "fit/priors=strong", "there is no fit/priors=strong. The options of fit/priors are: vague, weak"),
        ("train", "fit/prior=weak", "there is no setting fit/prior. Did you mean fit/priors?"),
        ("train", "review=strict", "there is no review=strict. The options of review are: default"),
        ("backtest", "fit/priors=cdnow", "The options of fit/priors are: vague, weak"),
        ("simulate", "simulate=big", "The options of simulate are: cdnow, heavy, loyal"),
        ("promote", "transactions=log", "transactions takes settings in braces such as {name: value}, got 'log'"),
        ("train", "experiment=nope", "The options of experiment are: cdnow, compare"),
        ("score", "score.horizon_days=1y", "score.horizon_days takes a whole number, got '1y'"),
        ("score", "seed=1.5", "seed takes a whole number, got '1.5'"),
        ("score", "seed=null", "seed takes a whole number, got null"),
        ("score", "seed=", "seed takes a whole number, got ''"),
        ("score", "seed=[1]", "seed takes a whole number, got [1]"),
        ("score", "seed=true", "seed takes a whole number, got 'true'"),
        ("score", "seed=1,2", "-m runs several values one after another"),
        ("score", "score.margin=ten%", "score.margin takes a number, got 'ten%'"),
        ("score", "residual=maybe", "residual takes true or false, got 'maybe'"),
        ("score", "residual=2", "residual takes true or false, got '2'"),
        ("score", "by=country", "by takes a list of texts, got 'country': write 'by=[country]'"),
        ("score", "output=null", "output takes a text, got null"),
        ("train", "registry.register=perhaps", "registry.register takes true or false or null, got 'perhaps'"),
        ("train", "transactions.csv=;", "transactions.csv takes settings in braces such as {name: value}, got ';'"),
        ("train", "fit.priors=vague", "got 'vague'. Did you mean fit/priors=vague?"),
        ("train", "transactions.path=???", "transactions.path needs a value, got '???'"),
        ("train", "seed=${nope}", "seed takes a whole number, got '${nope}'"),
        ("train", "seed", "'seed' is no setting: write key=value"),
        ("train", "~fit.draws", "fit.draws cannot be removed"),
        ("train", "fit.purchase_model=bg", "fit.purchase_model must be one of"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(name: str, typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        compose_settings(name, [typed])
    message = str(refused.value)
    assert said in message
    assert "\n" not in message
    assert not [word for word in ("+", "hydra", "omegaconf", "mismatched", "token") if word in message.lower()]


def test_several_faults_are_said_at_once() -> None:
    with pytest.raises(FaultError) as refused:
        read_arguments("score", ["fit.method=nuts", "seed=x", "--cfg", "job", "by=[a]", "residual=perhaps"])
    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["there", "seed", "residual"]


def test_the_forms_that_a_message_proposes_can_be_pasted() -> None:
    with pytest.raises(FaultError) as refused:
        read_arguments("score", ["by=Shipping Country's"])
    (pasted,) = shlex.split(str(refused.value).partition("write ")[2])
    assert compose_settings("score", [pasted]).by == ["Shipping Country's"]
    with pytest.raises(FaultError) as refused:
        read_arguments("train", ["transactions.path=null"])
    (pasted,) = shlex.split(str(refused.value).partition("as a text: ")[2])
    assert compose_settings("train", [pasted]).transactions.path == "null"


def test_options_of_the_engine_and_sweeps_are_passed_on() -> None:
    typed = ["-m", "fit.draws=1000,2000", "rfm.cutoff=1997-09-30,1997-12-31", "hydra.sweep.dir=x", "fit/priors=glob(*)"]
    assert sorted(read_arguments("train", typed).arguments) == sorted(typed)
    for alone in ([], ["--help"], ["--info", "defaults"], ["--config-name", "score", "by=["]):
        assert read_arguments("train", alone).arguments == alone
    with pytest.raises(FaultError, match=r"fit\.draws takes a whole number, got 'x'"):
        read_arguments("train", ["-m", "fit.draws=1000,x"])
    with pytest.raises(FaultError, match="The options of fit/priors are: vague, weak"):
        read_arguments("train", ["-m", "fit/priors=weak,strong"])


def test_an_experiment_that_is_a_sweep_takes_other_values_to_sweep() -> None:
    typed = ["experiment=compare", "rfm.cutoff=2024-06-30,2024-12-31"]
    assert read_arguments("train", typed).arguments == typed
    alone = read_arguments("train", [*typed, "hydra.mode=RUN"]).arguments
    assert "rfm.cutoff='2024-06-30,2024-12-31'" in alone


def test_an_option_of_ones_own_folder_is_known(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nfit: {draws: 700}\n")
    typed = ["--config-dir", str(tmp_path), "experiment=mine"]
    assert sorted(read_arguments("train", typed).arguments) == sorted(typed)
    with pytest.raises(FaultError, match=r"experiment are: cdnow, compare, mine"):
        read_arguments("train", [*typed[:2], "experiment=other"])


def test_what_is_recorded_is_what_was_typed() -> None:
    typed = ["transactions.path=my (1).csv", "+transactions.segments.Größe=first", "fit.draws=2_000"]
    reading = read_arguments("train", typed)
    assert sorted(reading.as_typed(reading.arguments)) == sorted(typed)
    assert reading.as_typed(["transactions.path=a\\ b.csv"]) == ["transactions.path='a b.csv'"]  # of a sweep's run


@pytest.mark.parametrize("name", few(COMMANDS, 1))
def test_every_default_can_be_typed(name: str) -> None:
    """Each scalar, list and table that a command has is taken back as it is shown."""
    config = OmegaConf.structured(compose_settings(name))
    values = {key: OmegaConf.select(config, key) for key in keys_of(COMMANDS[name])}
    typed = [
        f"{key}={'null' if value is None else value}" for key, value in values.items() if not OmegaConf.is_config(value)
    ]
    assert compose_settings(name, typed) == compose_settings(name)


@pytest.mark.parametrize(
    ("experiment", "said"),
    few(
        [
            (
                "fit: {metod: x}",
                "error: there is no setting fit.metod. Did you mean fit.method? (in experiment/mine.yaml)",
            ),
            ("fit: {draws: many}", "error: fit.draws takes a whole number, got 'many' (in experiment/mine.yaml)"),
            ("seed: ${oc.env:TENURE_NO_SUCH}", "error: a setting refers to TENURE_NO_SUCH, which has no value"),
            ("fit: {draws: [}", "mine.yaml, line 2: "),
        ],
        1,
    ),
)
def test_a_mistake_in_a_file_of_ones_own_is_said_in_one_line(tmp_path: Path, experiment: str, said: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{experiment}\n")
    line = ["--config-dir", str(tmp_path), "experiment=mine", "--cfg", "job", "--resolve"]
    script = "import sys; from tenure.jobs import app; app.train()"
    done = subprocess.run([sys.executable, "-c", script, *line], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr


def test_a_job_gets_the_texts_and_the_command_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, str]] = []

    def job(settings: Any, config: str, *, is_sweep: bool) -> Result:
        got.append((settings.transactions.path, config.splitlines()[0]))
        return Result()

    monkeypatch.setattr(app, "_train", job)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(
        sys, "argv", ["tenure-train", "transactions.path=my (1).csv", "transactions.segments.Größe=mode"]
    )
    with pytest.raises(SystemExit) as ended:
        app.train()
    assert ended.value.code == 0
    ((path, header),) = got
    assert path == "my (1).csv"
    assert sorted(shlex.split(header.removeprefix("# "))) == sorted(
        ["tenure-train", "transactions.path=my (1).csv", "transactions.segments.Größe=mode"]
    )


MINE = "bg_nbd:\n  mean_rate: {distribution: Gamma, parameters: {alpha: 2, beta: 1}}\n"


@pytest.mark.parametrize("key", few(["fit.priors", "fit/priors"], 1))
@pytest.mark.parametrize("name", ["train", "backtest"])
def test_priors_of_a_file_change_the_default_ones(tmp_path: Path, key: str, name: str) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    settings = compose_settings(name, [f"{key}={tmp_path / 'mine.yaml'}"])
    assert settings.fit.priors.bg_nbd.mean_rate.distribution == "Gamma"
    assert settings.fit.priors.bg_nbd.mean_rate.parameters == {"alpha": 2.0, "beta": 1.0}
    assert settings.fit.priors.mbg_nbd == read_priors("weak").mbg_nbd
    assert settings.fit.priors.bg_nbd.heterogeneity == read_priors("weak").bg_nbd.heterogeneity


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file"),
        ("- a\n", "must be names and values"),
        ("bg_nbd: {mean_rat: {distribution: Gamma}}\n", "Did you mean fit.priors.bg_nbd.mean_rate?"),
        ("defaults: [weak]\n", "there is no setting fit.priors.defaults"),
    ],
)
def test_a_file_that_holds_no_priors_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(FaultError, match=re.escape(said)):
        compose_settings("train", [f"fit.priors={tmp_path / 'mine.yaml'}"])
