"""``aggregator demo``: the main job, from sample sources to a page in a browser."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

from aggregator import app, documents, report
from aggregator.config import Config, load_config
from aggregator.demo import SampleServer, sample_config, shipped_topics


def run(folder: Path, *, port: int, serve_after: bool, as_json: bool) -> int:
    """Poll the samples and publish below `folder`; the exit code.

    Writes ``var/demo/`` and ``output/``; with `serve_after` serves until Ctrl-C.
    """
    home = folder / "var" / "demo"
    home.mkdir(parents=True, exist_ok=True)
    with _samples(home / "samples.json") as sources_url:
        path = home / "feeds.yaml"
        path.write_text(
            sample_config(
                sources_url=sources_url, port=port, topics_yaml=shipped_topics()
            ),
            encoding="utf-8",
        )
        config = load_config(path)
        found = _poll(config)
        if as_json:
            print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
        else:
            _show(config, found)
        if serve_after:
            _serve(config)
    return 1 if found.sources and found.failed == found.sources else 0


@contextmanager
def _samples(memory: Path) -> Iterator[str]:
    """The sample server, at the address and with the dates of the last run where it can."""
    port, now = _remembered(memory)
    try:
        server = SampleServer(port=port, now=now)
    except OSError:  # somebody has taken the port since
        server = SampleServer(port=0, now=now)
    with server:
        taken = int(server.url.rpartition(":")[2])
        memory.write_text(json.dumps({"port": taken, "now": now.isoformat()}))
        yield server.url


def _remembered(memory: Path) -> tuple[int, datetime]:
    try:
        found = json.loads(memory.read_text())
        return int(found["port"]), datetime.fromisoformat(found["now"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, datetime.now(UTC)


def _poll(config: Config) -> app.CycleReport:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task: TaskID = progress.add_task("Polling the sample sources", total=None)
        return app.once(
            config,
            everything=True,
            on_start=lambda count: progress.update(task, total=count),
            on_poll=lambda source: progress.advance(task),
        )


def _show(config: Config, found: app.CycleReport) -> None:
    report.print_status(app.status(config), config.site.timezone)
    print()
    for name, value in found.as_json().items():
        print(f"{name.replace('_', ' '):18} {value}")
    # Not "var/demo/../../output", as feeds.yaml has it.
    print(f"\nDocuments in {os.path.normpath(str(config.output))}:")
    for channel in documents.channels(config):
        print(f"  {channel.title:40} {config.site.url}{channel.stem}.atom")


def _serve(config: Config) -> None:
    from aggregator.serve.headers import Delivery
    from aggregator.serve.server import serve

    assert config.serve is not None  # noqa: S101 - sample_config sets it
    assert isinstance(config.output, Path)  # noqa: S101 - likewise
    serve(
        config.output,
        host=config.serve.host,
        port=config.serve.port,
        delivery=Delivery.of(config),
        ready=lambda address: print(f"\nOpen {address} (Ctrl-C ends)", file=sys.stderr),
    )
