"""The structure that docs/architecture.md promises, read from the code's own imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aggregator"
STAGES = {"fetch", "parse", "dedup", "tag", "events", "publish"}
NOUNS = {
    "media",
    "model",
    "text",
    "language",
    "links",
    "russian",
    "http",
    "errors",
    "clock",
    "content_policy",
}

#: Library -> the one room that may import it.
IMPORTERS = {
    "apscheduler": "scheduler.py",
    "alembic": "store",
    "brotli": "serve/folder.py",
    "feedgen": "publish",
    "feedparser": "parse",
    "httpcore": "http/client.py",
    "httptools": None,
    "httpx": "http/client.py",
    "icalendar": "publish/calendar.py",
    "jinja2": "publish/pages",
    "lxml": None,
    "nh3": "parse/html.py",
    "obstore": "publish/bucket.py",
    "prometheus_client": "metrics.py",
    "psycopg": "store",
    "publicsuffixlist": "links.py",
    "pydantic": "config",
    "pymorphy3": "russian",
    "selectolax": "parse/page.py",
    "sqlalchemy": "store",
    "starlette": "serve",
    "Stemmer": "russian",
    "typer": "cli.py",
    "uvicorn": "serve",
    "yaml": "config",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Dotted names that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "aggregator" and len(parts) > 1 else None


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_imports_nouns_and_never_another_stage(stage):
    for path in (PACKAGE / stage).rglob("*.py"):
        rooms = {room(name) for name in imports(path)} - {None, "__version__"}

        assert rooms <= NOUNS | {stage}, path


def test_nouns_import_no_stage():
    for noun in NOUNS:
        paths = [PACKAGE / f"{noun}.py"] if (PACKAGE / f"{noun}.py").exists() else []
        for path in [*paths, *(PACKAGE / noun).rglob("*.py")]:
            assert not {room(name) for name in imports(path)} & STAGES, path


@pytest.mark.parametrize(("library", "importer"), IMPORTERS.items())
def test_each_library_has_one_importer(library, importer):
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == library for name in imports(path))
    }

    assert all(
        importer is not None and (name == importer or name.startswith(f"{importer}/"))
        for name in importing
    ), importing


def test_only_the_clock_reads_the_clock():
    for path in modules():
        if path.name in ("clock.py", "command.py"):
            continue  # the demo's dates are made relative to now
        text = path.read_text(encoding="utf-8")

        assert "datetime.now(" not in text, path
        assert "time.time(" not in text, path


def test_architecture_names_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        path.name if path.suffix else f"{path.name}/"
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or path.is_dir()) and not path.name.startswith("_")
    }

    assert {name for name in rooms if f"`{name}`" not in page} == set()
