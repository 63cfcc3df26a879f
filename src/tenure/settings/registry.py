"""The settings of the MLflow store and the registered model."""

import re
from dataclasses import dataclass, field

from .checks import require

LONGEST_NAME, LONGEST_TAG = 250, 5000
TAG = r"(?![/.])[\w\-.:/ ]{1,250}(?<!/)"


@dataclass
class RegistrySettings:
    """The tracking store, the experiment and the model.

    Args:
        tracking_uri: address of the MLflow store; MLFLOW_TRACKING_URI in the environment has priority.
        experiment: name of the MLflow experiment, 1 to 250 printable characters.
        name: name of the registered model, 1 to 250 characters, none of them / : . % or a quote.
        register: whether a model that does not fail is registered; null: a single run registers, the runs of a sweep do
            not.
        run_name: name of the run, 1 to 250 printable characters; null: MLflow chooses one.
        tags: further tags of the run, such as {team: retention}; values of 5,000 characters at most.
    """

    tracking_uri: str = "sqlite:///mlflow.db"
    experiment: str = "tenure"
    name: str = "clv"
    register: bool | None = None
    run_name: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise SettingsError for names that MLflow would refuse after the work is done."""
        rule = f"1 to {LONGEST_NAME} characters, none of them / : . % or a quote"
        is_right = len(self.name.strip()) > 0 and len(self.name) <= LONGEST_NAME and not set(self.name) & set("/:.%\"'")
        require(is_right and self.name.isprintable(), "registry.name", rule, self.name)
        names = {"registry.experiment": self.experiment, "registry.run_name": self.run_name}
        for key, name in names.items():
            is_named = name is None or (len(name.strip()) > 0 and len(name) <= LONGEST_NAME and name.isprintable())
            require(is_named, key, f"1 to {LONGEST_NAME} printable characters", name)
        for key, value in self.tags.items():
            is_tag = re.fullmatch(TAG, key) is not None and ".." not in key.split("/")
            require(is_tag, "registry.tags", "named by letters, digits, spaces and _ - . : /, 250 at most", key)
            require(len(value) <= LONGEST_TAG, f"registry.tags.{key}", f"{LONGEST_TAG:,} characters at most", value)
