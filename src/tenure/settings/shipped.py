"""The files of the project: in the checkout, or inside the installed package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(path: str) -> str:
    """Return the path of a file or folder of the project: in the checkout, or inside the installed package."""
    checkout = PACKAGE.parents[1]
    is_checkout = (checkout / "conf" / "train.yaml").is_file()
    return str((checkout if is_checkout else PACKAGE) / path)
