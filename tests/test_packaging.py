"""The wheel holds what the program needs when it is not run from its repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.Path:
    """Built from a copy: setuptools leaves what it builds beside the source."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    shutil.copytree(
        ROOT / "aggregator",
        copy / "aggregator",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "-w", folder, copy],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    names = set(wheel.root.namelist())
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "aggregator").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert needed - names == set()


def test_the_wheel_names_its_command(wheel):
    (folder,) = [path for path in wheel.iterdir() if path.name.endswith(".dist-info")]

    assert (
        "aggregator = aggregator.__main__:main"
        in (folder / "entry_points.txt").read_text()
    )
