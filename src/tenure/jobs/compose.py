"""Compose settings by Hydra, inside a command and outside of one: which YAML there is, and the types that it fills."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from tenure.settings import (
    BacktestJobSettings,
    PromoteSettings,
    ReportJobSettings,
    ScoreJobSettings,
    SimulateJobSettings,
    TrainSettings,
)

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(path: str) -> str:
    """Find a file or folder that the project ships: in the checkout, or inside the installed package."""
    checkout = PACKAGE.parents[1]
    is_checkout = (checkout / "conf" / "train.yaml").is_file()
    return str((checkout if is_checkout else PACKAGE) / path)


OmegaConf.register_new_resolver("shipped", shipped, replace=True)
ConfigStore.instance().store("train_settings", node=TrainSettings)
ConfigStore.instance().store("score_settings", node=ScoreJobSettings)
ConfigStore.instance().store("simulate_settings", node=SimulateJobSettings)
ConfigStore.instance().store("promote_settings", node=PromoteSettings)
ConfigStore.instance().store("backtest_settings", node=BacktestJobSettings)
ConfigStore.instance().store("report_settings", node=ReportJobSettings)


def compose_settings(name: str, overrides: Sequence[str] = ()) -> Any:
    """Compose a command's settings (`train`, `score`, ...) outside of it, as scripts and tests need them."""
    with _beside_a_running_command():
        with hydra.initialize_config_dir(shipped("conf"), version_base="1.3"):
            config = hydra.compose(name, list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(config)  # which `${hydra:...}` reads
        with open_dict(config):
            del config["hydra"]
        return OmegaConf.to_object(config)


@contextmanager
def _beside_a_running_command() -> Iterator[None]:
    """Put aside what Hydra knows of the command that runs, which may ask for the settings of another; then restore."""
    of_hydra, of_settings = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = of_hydra, of_settings
