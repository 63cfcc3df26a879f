"""Settings that are refused, defaults, experiments, documented command lines."""

import re
import shlex
from pathlib import Path

import pytest
from job_runs import command

from tenure.errors import InputError
from tenure.jobs.compose import compose_settings
from tenure.scorer import Params
from tenure.settings import COMMANDS

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("fit.chainz=3", "fit.chainz"),
        ("fit.draws=abc", "fit.draws"),
        ("score.level=1.5", "score.level must be above 0 and below 1, got 1.5"),
        ("experiment=nope", "there is no experiment=nope. The options of experiment are: cdnow, compare"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_data_is_read(tmp_path: Path, override: str, said: str) -> None:
    refused = command("train", "transactions.path=missing.csv", override, folder=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert "missing.csv" not in refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("score.horizon_days=0", "score.horizon_days"),
        ("score.horizon_days=10951", "score.horizon_days"),
        ("score.discount_rate=10", "score.discount_rate"),
        ("score.margin=0", "score.margin"),
        ("rfm.cutoff=19970930", "rfm.cutoff"),
        ("rfm.end=1997-13-01", "rfm.end"),
        ("fit.method=magic", "fit.method"),
        ("fit.purchase_model=pareto", "fit.purchase_model"),
        ("fit.sampler=stan", "fit.sampler"),
        ("fit.no_repeat_buyers=guess", "fit.no_repeat_buyers"),
        ("fit.chains=1", "fit.chains"),
        ("fit.joint_draws=5000", "fit.joint_draws"),
        ("fit.target_accept=1.0", "fit.target_accept"),
        ("fit.scale.money=-1", "fit.scale.money"),
        ("fit.priors.gamma_gamma.mean_spend.distribution=Normal", "fit.priors.gamma_gamma.mean_spend.distribution"),
        ("fit.priors.bg_nbd.mean_rate.parameters.sigma=0", "fit.priors.bg_nbd.mean_rate.parameters.sigma"),
        ("transactions.zero_amounts=maybe", "transactions.zero_amounts"),
        ("seed=-1", "seed"),
        ("review.checks.rhat.review=[2,1]", "review.checks.rhat.review"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_full_key(override: str, key: str) -> None:
    with pytest.raises(InputError, match=key):
        compose_settings("train", [override])


def test_the_settings_defaults_are_the_scorers() -> None:
    score, params = compose_settings("score").score, Params()
    for name in ("horizon_days", "discount_rate", "margin", "level"):
        assert getattr(score, name) == getattr(params, name)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_composes(path: Path) -> None:
    compose_settings("train", [f"experiment={path.stem}"])


@pytest.mark.parametrize("source", ["README.md"])
def test_every_documented_command_line_composes(source: str) -> None:
    """What a shell makes of each documented line of a command, quotes and all, is taken by Hydra."""
    text = (ROOT / source).read_text().replace("\\\n", " ")
    setting = r""" +[^\s#"=]+=(?:"[^"\n]*"|[^\s#"]+)"""
    lines = re.findall(rf"^ +(?:uv run )?tenure-({'|'.join(COMMANDS)})((?:{setting})+)", text, re.MULTILINE)
    assert lines
    for name, overrides in lines:
        compose_settings(name, shlex.split(overrides))
