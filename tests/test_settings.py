"""Settings that are refused, defaults, experiments."""

import ast
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml  # type: ignore[import-untyped]
from cases import few
from job_runs import command, in_process
from omegaconf import OmegaConf

from tenure import settings
from tenure.errors import InputError
from tenure.jobs.compose import compose_settings, schema
from tenure.scorer import Params
from tenure.settings import COMMANDS, ScoreJobSettings, read_priors

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("override", "said"),
    few(
        [
            ("fit.chainz=3", "fit.chainz"),
            ("fit.draws=abc", "fit.draws"),
            ("score.level=1.5", "score.level must be above 0 and below 1, got 1.5"),
            ("experiment=nope", "there is no experiment=nope. The options of experiment are: cdnow, compare"),
        ],
        2,
    ),
)
def test_a_wrong_setting_is_refused_before_any_data_is_read(tmp_path: Path, override: str, said: str) -> None:
    run = command if override.startswith("experiment") else in_process  # one process is enough: it takes seconds
    refused = run("train", "transactions.path=missing.csv", override, folder=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert "missing.csv" not in refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("override", "key"),
    few(
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
        3,
    ),
)
def test_settings_out_of_range_are_refused_with_their_full_key(override: str, key: str) -> None:
    with pytest.raises(InputError, match=key):
        compose_settings("train", [override])


def test_the_settings_defaults_are_the_scorers() -> None:
    score, params = ScoreJobSettings().score, Params()
    for name in ("horizon_days", "discount_rate", "margin", "level"):
        assert getattr(score, name) == getattr(params, name)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_composes(path: Path) -> None:
    compose_settings("train", [f"experiment={path.stem}"])


def _leaves(content: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a YAML file with its dotted key; `fit/priors` is a key as `fit.priors` is."""
    for name, value in content.items():
        key = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _default(kind: type, key: str) -> Any:
    """Return the default of a dotted key of a settings class; MISSING where the class has none, or no such key."""
    name, _, rest = key.partition(".")
    field = {one.name: one for one in fields(kind)}.get(name)  # type: ignore[arg-type]
    if field is None:
        return MISSING
    hint = get_type_hints(kind)[name]
    if rest:
        return _default(hint, rest) if is_dataclass(hint) else MISSING
    return field.default_factory() if field.default_factory is not MISSING else field.default


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("*.yaml")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_of_conf_repeats_a_default_of_the_classes(path: Path) -> None:
    group = path.relative_to(ROOT / "conf").parent.as_posix().replace(".", "").replace("/", ".")
    if group.startswith("hydra"):
        return
    above = "" if group in ("", "experiment") else f"{group}."
    kinds = [COMMANDS[path.stem]] if group == "" else list(COMMANDS.values())
    values = {key: value for key, value in _leaves(yaml.safe_load(path.read_text()), above) if "hydra" not in key}
    repeated = [key for key, value in values.items() for kind in kinds if _default(kind, key) == value]
    assert not repeated


def test_a_default_that_conf_repeats_would_be_seen() -> None:
    assert dict(_leaves({"fit": {"draws": 1000}, "seed": 0})) == {"fit.draws": 1000, "seed": 0}
    assert _default(COMMANDS["train"], "fit.draws") == 1000
    assert _default(COMMANDS["train"], "transactions.csv.decimal") == "."
    assert _default(COMMANDS["simulate"], "simulate.customers") is MISSING


def _numbers(path: Path) -> Iterator[str]:
    """Yield the numbers and names that are defaults of the fields of a module's dataclasses."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Constant):
                    value = line.value.value
                    if isinstance(value, int | float) and not isinstance(value, bool) and value:
                        yield f"{ast.unparse(line.target)} = {value}"


def test_the_params_of_scoring_have_their_defaults_in_one_place() -> None:
    """The settings and the scorer, which travels without them, share the names of `bounds`."""
    names = "horizon_days|discount_rate|margin|level"
    for module in ("scorer/params.py", "settings/score.py", "settings/jobs.py"):
        assert not [line for line in _numbers(ROOT / "src/tenure" / module) if re.match(names, line)]


def test_commands_compose_the_defaults_of_the_classes() -> None:
    for name, kind in COMMANDS.items():
        if name != "simulate":  # its population is a named alternative
            assert compose_settings(name) == kind()


def test_other_named_priors_replace_the_default_ones(tmp_path: Path) -> None:
    text = (ROOT / "conf" / "fit" / "priors" / "weak.yaml").read_text()
    own = text.replace("{distribution: LogNormal, parameters: {mu: 0.0, sigma: 1.0}}",
                       "{distribution: Gamma, parameters: {alpha: 2.0, beta: 2.0}}")  # fmt: skip
    path = tmp_path / "mine.yaml"
    path.write_text(own)
    merged = OmegaConf.merge(schema(settings.FitSettings, "fit."), {"priors": yaml.safe_load(own)})
    priors = OmegaConf.to_object(merged).priors
    assert priors.gamma_gamma.mean_spend.parameters == {"alpha": 2.0, "beta": 2.0}
    assert priors == read_priors(str(path))
    assert compose_settings("backtest", ["fit/priors=vague"]).fit.priors == read_priors("vague")
