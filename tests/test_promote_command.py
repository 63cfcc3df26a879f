"""`tenure-promote` end to end: two recipes trained on the sample, then promoted, refused and rolled back."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import hydra
import mlflow
import pytest
from omegaconf import OmegaConf
from stores import put_store

from tenure import promote, registry
from tenure.errors import InputError
from tenure.jobs import promoting, training
from tenure.jobs.compose import compose_settings
from tenure.jobs.run_settings import RecipeError, read_fit, read_recipe
from tenure.settings import TrainSettings, shipped

QUICK = ["fit.method=laplace", "fit.draws=200", "fit.joint_draws=200", "backtest.baselines.names=[zero]"]
RELAXED = [
    *(f"review.checks.{outcome}_bias.review=[-0.24,0.24]" for outcome in ("purchases", "spend")),
    "review.checks.refit_drift.review=[-0.4,0.4]",
    "review.checks.p_purchase_gap.review=[null,0.4]",
    "review.checks.top_decile_tails.review=[0.0,0.2]",  # of 200 draws, a tail of 0.02 is 0.014 off
]

# Of few draws: that a mean may rest on one of them is said, and is not what is tested here.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")]

type Run = Callable[..., int]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a folder and a store of its own; the address is absolute, as MLflow keeps a store open by its address."""
    folder, here, before = tmp_path_factory.mktemp("work"), Path.cwd(), mlflow.get_tracking_uri()
    os.chdir(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", put_store(folder))
        yield folder
    os.chdir(here)
    registry.use(before)


def address() -> str:
    """Set the store's address, absolute: MLflow keeps the connection to one, and a relative one is any folder's."""
    return f"registry.tracking_uri=sqlite:///{Path.cwd() / 'mlflow.db'}"


def train(*overrides: str) -> int:
    settings = compose_settings("train", [*QUICK, address(), *overrides])
    return training.run(settings, OmegaConf.to_yaml(OmegaConf.structured(settings)), is_sweep=False).exit_code


def promote_now(*overrides: str) -> int:
    settings = compose_settings("promote", ["by=ana", address(), *overrides])
    return promoting.run(settings, OmegaConf.to_yaml(OmegaConf.structured(settings))).exit_code


@pytest.fixture(scope="module")
def reviewed(store: Path) -> registry.Version:
    """Train the first model, which a person has to look at."""
    assert train() == 0
    return registry.find_version("models:/clv@challenger")


@pytest.fixture(scope="module")
def passed(reviewed: registry.Version) -> registry.Version:
    """Make the first champion by a reason; then train another recipe that passes, and so stands against it."""
    assert promote_now() == 3
    assert registry.find_champion("clv") is None
    assert promote_now("reason='the bias, at Christmas, is known'") == 0
    assert train("fit.purchase_model=mbg_nbd", *RELAXED) == 0
    return registry.find_version("models:/clv/2")


def test_training_that_passes_stands_against_the_champion_and_takes_its_place(passed: registry.Version) -> None:
    first = registry.find_version("models:/clv/1")
    assert (first.verdict, passed.verdict) == ("REVIEW", "PASS")
    assert first.tags["promotion.because"] == "the bias, at Christmas, is known"
    assert first.tags["promotion.by"] == "ana"
    assert registry.find_champion("clv") == passed
    assert passed.tags["promotion.replaced"] == "1"
    run = registry.evidence(passed.run_id)
    assert (run.tags["champion"], run.tags["challenger"]) == ("models:/clv/1", "models:/clv/2")
    assert (run.tags["promotion.cutoff"], run.tags["promotion.end"]) == ("1997-09-30", "1998-06-30")
    # The champion's recipe was fitted anew, to the days that it is not judged on; the challenger's is the one at hand.
    assert run.metrics["promotion.spend.challenger_bias"] == pytest.approx(run.metrics["spend.bias"], abs=1e-6)
    assert run.metrics["promotion.spend.challenger_crps"] == pytest.approx(run.metrics["spend.crps"], rel=0.02)
    theirs = registry.evidence(first.run_id).metrics["spend.bias"]
    assert run.metrics["promotion.spend.champion_bias"] == pytest.approx(theirs, abs=0.01)
    assert run.metrics["promotion.champion.purchases.proposal_khat"] < 0.7
    assert list(run.table("promotion/comparison")["outcome"]) == ["purchases", "spend"]


def test_the_command_rolls_back_and_promotes_again_by_the_figures(passed: registry.Version, store: Path) -> None:
    before = registry.find_version(passed.uri).tags
    assert promote_now("rollback=true", "reason=a wrong log") == 0
    champion = registry.find_champion("clv")
    assert champion is not None
    assert champion.number == 1
    assert registry.find_version(passed.uri).tags["rollback.because"] == "a wrong log"
    program = Path(sys.executable).with_name("tenure-promote")
    asked = [str(program), "model=models:/clv/2", "by=ben"]
    done = subprocess.run(asked, cwd=store, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for said in ("mean CRPS of spend", "bias of purchases", "Verdict of models:/clv/2: PASS", "in the place of"):
        assert said in done.stdout
    again = registry.find_version(passed.uri).tags
    assert again["promotion.by"] == "ben"
    assert "rollback.because" not in again
    for key in ("spend.champion_crps", "spend.challenger_crps"):
        assert float(again[f"promotion.{key}"]) == pytest.approx(float(before[f"promotion.{key}"]), rel=0.02)


def test_what_is_champion_already_is_left_alone(passed: registry.Version, capsys: pytest.CaptureFixture[str]) -> None:
    champion = registry.find_champion("clv")
    assert promote_now("model=models:/clv@champion") == 0
    assert "is the champion already" in capsys.readouterr().out
    assert registry.find_champion("clv") == champion


def test_figures_that_say_no_are_logged_and_refuse_unless_a_person_gives_a_reason(
    passed: registry.Version, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert promote_now("rollback=true") == 0
    monkeypatch.setattr(promote, "TOLERATED", -1000.0)  # nobody is good enough
    capsys.readouterr()
    assert promote_now("model=models:/clv/2") == 3
    out = capsys.readouterr().out
    assert "models:/clv/2 was not promoted: the challenger is worse" in out
    run = registry.evidence(out.partition("Run ")[2].partition(".")[0])
    assert run.tags["promotion.promoted"] == "False"
    assert run.params["model"] == "models:/clv/2"
    assert "promotion.spend.difference_se" in run.metrics
    champion = registry.find_champion("clv")
    assert champion is not None
    assert champion.number == 1
    assert promote_now("model=models:/clv/2", "reason=the old one cannot do without its owner") == 0
    assert "promotion.spend.difference" in registry.find_version(passed.uri).tags


def test_another_log_than_the_challengers_is_refused_and_a_reason_does_without_figures(
    passed: registry.Version, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert promote_now("rollback=true") == 0
    other = store / "other.csv"
    other.write_text("customer_id,date,amount\n1,1997-01-01,1\n1,1998-06-30,1\n")
    asked = ["model=models:/clv/2", f"transactions.path={other}"]
    with pytest.raises(InputError, match=r"is not the log that models:/clv/2 was trained on"):
        promote_now(*asked)
    with caplog.at_level(logging.WARNING, "tenure"):
        assert promote_now(*asked, "reason=checked by hand") == 0
    assert "the recipes cannot be compared; the reason alone decides" in caplog.text
    tags = registry.find_version(passed.uri).tags
    assert tags["promotion.because"] == "checked by hand"
    assert "promotion.spend.difference" not in tags


def test_the_sql_of_another_persons_run_is_shown_and_runs_only_where_it_is_trusted(
    passed: registry.Version, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = compose_settings("train", [*QUICK, "transactions.query='select * from log'"])
    text = OmegaConf.to_yaml(OmegaConf.structured(recipe))
    monkeypatch.setattr("tenure.registry.reading.Evidence.recipe", lambda self: text)
    asked = ["model=models:/clv/2"]
    assert promote_now("model=models:/clv/1", "reason=a person decided") == 0
    with pytest.raises(promote.PromoteError, match=r"trust_query=true: 'select \* from log'"):
        promote_now(*asked)
    with caplog.at_level(logging.INFO, "tenure"), pytest.raises(InputError, match="is not the log that"):
        promote_now(*asked, "transactions.trust_query=true")
    assert "run the query of models:/clv/2: 'select * from log'" in caplog.text


def test_a_failed_version_is_refused_whatever_the_reason(passed: registry.Version) -> None:
    client = mlflow.MlflowClient()
    made = client.create_model_version("clv", source="file:///nowhere", tags={"verdict": "FAIL", "complete": "true"})
    assert promote_now(f"model=models:/clv/{made.version}", "reason=the director wants it") == 3
    assert registry.find_champion("clv") != registry.find_version(f"models:/clv/{made.version}")


def test_what_does_not_exist_is_exit_code_four(passed: registry.Version) -> None:
    for model in ("models:/nobody@challenger", "models:/clv/77"):
        with pytest.raises(registry.NoModelError) as missing:
            promote_now(f"model={model}")
        assert missing.value.exit_code == 4


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("model=clv", "model"),
        ("model=runs:/abc/model", "model"),
        ("model=models:/clv/1/2", "model"),
        ("reason='  '", "reason"),
        ("by=''", "by"),
        (f"by={'a' * 2001}", "by"),
        ("seed=-1", "seed"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_key(override: str, key: str) -> None:
    with pytest.raises(InputError, match=f"^{key} must be"):
        compose_settings("promote", [override])


def test_a_recipe_reads_back_as_it_was_set() -> None:
    settings = compose_settings(
        "train", ["fit.method=laplace", "rfm.cutoff='1997-09-30'", "transactions.path=sales.csv"]
    )
    assert read_recipe(OmegaConf.to_yaml(asdict(settings))) == settings
    assert read_fit(OmegaConf.to_yaml(asdict(settings))) == settings.fit


def test_an_older_recipe_takes_todays_defaults_for_what_came_later_and_keeps_its_own_priors(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = asdict(TrainSettings())
    del settings["fit"]["no_repeat_buyers"], settings["fit"]["priors"]["gamma_gamma"], settings["transactions"]
    settings["fit"]["priors"]["bg_nbd"]["mean_rate"] = {"distribution": "Exponential", "parameters": {"lam": 2.0}}
    with caplog.at_level(logging.WARNING, "tenure"):
        found = read_fit(OmegaConf.to_yaml(settings))
    assert "the run has no fit.no_repeat_buyers, fit.priors.gamma_gamma: they take" in caplog.text
    assert found.priors.bg_nbd.mean_rate.parameters == {"lam": 2.0}
    assert found.priors.gamma_gamma == TrainSettings().fit.priors.gamma_gamma


def test_an_older_recipe_is_followed_while_a_command_runs_and_the_command_goes_on() -> None:
    """The shipped defaults are composed inside of a job, whose own Hydra is at work."""
    settings = asdict(TrainSettings())
    del settings["fit"]["no_repeat_buyers"]
    with hydra.initialize_config_dir(shipped("conf"), version_base="1.3"):
        assert read_fit(OmegaConf.to_yaml(settings)).no_repeat_buyers == "refuse"
        assert hydra.compose("train", ["seed=7"]).seed == 7


def test_a_recipe_reads_nothing_of_this_machine() -> None:
    recipe = asdict(TrainSettings())
    recipe["transactions"]["path"] = "${oc.env:HOME}/sales.csv"
    with pytest.raises(RecipeError, match="interpolation, which is not resolved"):
        read_recipe(OmegaConf.to_yaml(recipe))


@pytest.mark.parametrize("text", ["", "seed: 1", "fit: null", "fit: [1]"])
def test_settings_without_a_fit_are_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="settings name no fit"):
        read_fit(text)


@pytest.mark.parametrize("fit", [{"magic": 1}, {"method": "magic"}, {"chains": "many"}])
def test_a_recipe_that_cannot_be_followed_is_refused(fit: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="cannot use the settings of the run"):
        read_fit(OmegaConf.to_yaml({"fit": fit}))
