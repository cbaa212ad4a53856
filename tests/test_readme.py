"""What the README promises: its commands exist, its example loads, its pages are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.testing

from aggregator import cli
from aggregator.config import load_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))

    assert {"run", "test", "venv", "bench", "lint"} <= targets
    assert set(re.findall(r"\bmake ([a-z]+)", README)) <= targets


def test_ci_runs_what_the_readme_names():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert "make test" in steps
    assert "make test" in README


@pytest.mark.parametrize(
    "command",
    sorted(set(re.findall(r"(?:bin/|`)aggregator ([a-z]+)", README + OPERATING))),
)
def test_commands_exist(command):
    answer = typer.testing.CliRunner().invoke(cli.cli, [command, "--help"])

    assert answer.exit_code == 0, answer.output


def test_every_command_is_documented():
    names = {
        command.name or command.callback.__name__
        for command in cli.cli.registered_commands
    }

    assert {name for name in names if f"`aggregator {name}" not in OPERATING} == set()


def test_documented_options_exist():
    for command, options in re.findall(r"`aggregator ([a-z]+)([^`]*)`", OPERATING):
        help_text = (
            typer.testing.CliRunner().invoke(cli.cli, [command, "--help"]).output
        )
        for option in re.findall(r"--[a-z]+", options):
            assert option in help_text, (command, option)


def test_the_example_loads(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "feeds.yaml"
    path.write_text(example, encoding="utf-8")

    config = load_config(path)

    assert len(example.splitlines()) <= 12
    assert config.sources


def test_pages_and_pictures_that_are_linked_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (page.parent / target).exists(), (page.name, target)


def test_every_error_code_and_warning_is_documented():
    """The codes that the program can give, found in its own source."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "aggregator").rglob("*.py")
    )
    codes = set(re.findall(r'code="([a-z_]+(?::[a-z]+)?)"', source))

    assert codes
    assert {code for code in codes if code.split(":")[0] not in OPERATING} == set()
