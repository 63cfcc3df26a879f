import os
import re
import subprocess
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import tenure

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [os.environ.get("UV", "uv"), "build", "--wheel", "--out-dir", str(folder)]  # `uv run` sets UV
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_contains_the_sample_with_its_notice_and_the_licences(wheel):
    names = wheel.namelist()
    info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    for name in ("LICENSE", "NOTICE", "data/LICENSE"):
        assert wheel.read(f"{info}/licenses/{name}") == (ROOT / name).read_bytes()
    assert b"Cameron Davidson-Pilon" in wheel.read("tenure/data/LICENSE")
    assert "tenure/data/cdnow_sample.csv" in names
    assert "tenure/conf/train.yaml" in names


def test_the_wheel_is_typed_and_names_its_licence(wheel):
    assert "tenure/py.typed" in wheel.namelist()
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))).decode()
    assert "License-Expression: Apache-2.0" in metadata


def test_the_version_is_the_package_s():
    assert tenure.__version__ == version("tenure")


def test_the_packages_of_scoring_are_those_of_the_project():
    """The group repeats some of the dependencies: with the same bounds, and without the packages that fit and draw."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    scoring = project["dependency-groups"]["scoring"]
    assert set(scoring) <= set(project["project"]["dependencies"])
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in scoring}
    assert not names & {"arviz", "arviz-stats", "matplotlib", "nutpie", "pymc", "pymc-marketing", "pytensor", "xarray"}
