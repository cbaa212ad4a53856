"""Commands: arguments in, exit code out.

0: done. 1: done, but what was asked failed. 2: configuration or arguments are wrong.
What a command needs is imported when it runs: `--help` and `check` stay quick.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from aggregator import logs
from aggregator.errors import AggregatorError, ConfigError, Fault

if TYPE_CHECKING:
    from aggregator.config import Config

cli = typer.Typer(
    name="aggregator",
    help="Polls a region's news sources, tells every story once, publishes feeds by topic.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration.", show_default=True)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output.")
]
DEFAULT_CONFIG = Path("feeds.yaml")

#: For `sys.setswitchinterval`, seconds. While the writer computes, each step of handing a
#: document to a worker and each answer of the server waited for Python's own 5 ms.
SWITCH_AFTER = 0.0005


def main() -> NoReturn:
    """Run the command that the arguments name; ends the process with its exit code."""
    logs.configure(logging.WARNING)
    sys.setswitchinterval(SWITCH_AFTER)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="replace"
        )  # Russian on a terminal that knows none
    try:
        code = cli(standalone_mode=False)
        sys.stdout.flush()
    except ConfigError as error:
        _print_faults(error.faults)
        code = 2
    except AggregatorError as error:
        _say(str(error))
        code = 1
    except typer.Abort:
        code = 1
    except typer.TyperException as error:
        code = _wrong_arguments(error)
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        # Standard output is full or closed; what is left in its buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _say(str(error))
        code = 1
    raise SystemExit(code or 0)


# --- the main job -----------------------------------------------------------------------


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Where the documents are served.")] = 8080,
    once: Annotated[
        bool, typer.Option("--once", help="End when all is published.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """The main job on bundled sample sources, over real HTTP on loopback."""
    from aggregator.demo import command

    return command.run(Path.cwd(), port=port, serve_after=not once, as_json=as_json)


@cli.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Poll, publish and serve until SIGTERM; feeds.yaml is read again when it changes."""
    from aggregator.app import service

    logs.configure(logging.INFO)
    service.run(config)


@cli.command()
def once(
    config: ConfigOption = DEFAULT_CONFIG,
    everything: Annotated[
        bool, typer.Option("--all", help="Every enabled source, due or not.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """One cycle over the sources that are due, then publish what changed."""
    from aggregator import app

    report = app.once(_load(config), everything=everything)
    if as_json:
        _print_json(report.as_json())
    else:
        for name, value in report.as_json().items():
            print(f"{name.replace('_', ' '):18} {value}")
    return 1 if report.sources and report.failed == report.sources else 0


@cli.command()
def publish(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Render all documents from the store."""
    from aggregator import app

    written = sorted(app.publish(_load(config)))
    if as_json:
        _print_json({"documents_written": len(written), "documents": written})
    else:
        print("\n".join(written) or "every document is as it was")


@cli.command()
def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Serve output/ without polling."""
    from aggregator.config import ServeSettings
    from aggregator.serve.headers import Delivery
    from aggregator.serve.server import serve as serve_folder

    loaded = _load(config)
    settings = loaded.serve or ServeSettings()
    folder = loaded.output
    if not isinstance(folder, Path):
        message = f"nothing to serve: documents go to {folder}, which delivers them"
        fault = Fault(file=str(config), line=0, column=0, key="output", message=message)
        raise ConfigError((fault,))
    folder.mkdir(parents=True, exist_ok=True)
    metrics = None
    if settings.metrics:
        from aggregator import app

        metrics = app.serving_store_metrics(loaded, *settings.metrics)
    serve_folder(
        folder,
        host=settings.host,
        port=settings.port,
        delivery=Delivery.of(loaded),
        ready=lambda address: _say(f"serving {folder} on {address}"),
        metrics=metrics,
    )


# --- looking ------------------------------------------------------------------------------


@cli.command()
def check(
    config: ConfigOption = DEFAULT_CONFIG,
    probe: Annotated[
        bool, typer.Option("--probe", help="Fetch every source once, store nothing.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of feeds.yaml.")
    ] = False,
    try_: Annotated[
        str | None,
        typer.Option(
            "--try",
            metavar="TERM",
            help="What a term would match in the last 1,000 stored entries.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Validate feeds.yaml."""
    if schema:
        from aggregator.config import json_schema

        _print_json(json_schema())
        return 0
    loaded = _load(config)
    if probe:
        return _probe(loaded, as_json=as_json)
    if try_ is not None:
        _try(loaded, try_, as_json=as_json)
        return 0
    summary = {
        "sources": len(loaded.sources),
        "topics": [topic.key for topic in loaded.topics],
    }
    if as_json:
        _print_json(summary | {"faults": []})
    else:
        print(
            f"{config}: {len(loaded.sources)} sources, {len(loaded.topics)} topics, no faults"
        )
    return 0


def _try(config: Config, written: str, *, as_json: bool) -> None:
    from aggregator import app, report
    from aggregator.config import read_term

    term = read_term(written)
    from aggregator.retag import try_term  # the dictionaries, once the term is one

    with app.open_store(config, writing=False) as store:
        found = try_term(store, config, term)
    if as_json:
        _print_json(found)
    else:
        report.print_trial(found)


def _probe(config: Config, *, as_json: bool) -> int:
    from aggregator import app, report

    rows = report.probe_rows(app.probe(config))
    if as_json:
        _print_json({"sources": rows})
    else:
        report.print_probe(rows, config.site.timezone)
    return 1 if any(row["error"] for row in rows) else 0


@cli.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 while an alert is open.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """A row per source: how polling goes, what it gave, when the next poll is due."""
    from aggregator import app, report

    loaded = _load(config)
    found = app.status(loaded)
    if as_json:
        _print_json(found)
    else:
        report.print_status(found, loaded.site.timezone)
    return 1 if check and found["alerts"] else 0


@cli.command()
def explain(
    what: Annotated[
        str, typer.Argument(metavar="URL-OR-ID", help="A link, guid or published id.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> int:
    """An entry's whole way: source, story, topics and why, documents or why not."""
    from aggregator import app, report
    from aggregator.clock import SystemClock
    from aggregator.explain import explain as explain_entry

    loaded = _load(config)
    with app.open_store(loaded, writing=False) as store:
        found = explain_entry(store, loaded, what, SystemClock().now())
    if found is None:
        _say(f"nothing stored matches {what}")
        return 1
    if as_json:
        _print_json(found)
    else:
        report.print_explanation(found)
    return 0


class Kind(StrEnum):
    """What can be measured."""

    TOPICS = "topics"
    EVENTS = "events"
    STORIES = "stories"


@cli.command()
def evaluate(
    kind: Annotated[Kind, typer.Argument(help="What is measured.")],
    file: Annotated[
        Path, typer.Argument(help="Labelled entries, one JSON object a line.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    misses: Annotated[
        bool, typer.Option("--misses", help="Name what was wrong.")
    ] = False,
    no_gate: Annotated[
        bool,
        typer.Option("--no-gate", help="events: in every entry, whatever its topics."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Precision, recall and F1 on a labelled file."""
    from aggregator import evaluate as figures
    from aggregator import report

    loaded = _load(config)
    match kind:
        case Kind.TOPICS:
            evaluation = figures.evaluate_topics(file, loaded.topics, misses=misses)
        case Kind.EVENTS:
            evaluation = figures.evaluate_events(
                file,
                loaded.topics,
                timezone=loaded.site.timezone,
                misses=misses,
                gate=not no_gate,
            )
        case Kind.STORIES:
            evaluation = figures.evaluate_stories(file, misses=misses)
    found = evaluation.as_json()
    if as_json:
        _print_json(found)
    else:
        report.print_evaluation(found)


# --- feeds.yaml -----------------------------------------------------------------------------


@cli.command()
def add(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="A feed, or a page that names one.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[
        str | None, typer.Option(help="For readers; else the feed's own title.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Look what an address has to offer, and add its feed to feeds.yaml."""
    from aggregator import app, report

    found = app.add_source(config, url, name)
    if as_json:
        _print_json(found)
    else:
        report.print_adding(found, config)
    return 0 if found["added"] else 1


opml_cli = typer.Typer(help="Lists of feeds, from other readers and for them.")
cli.add_typer(opml_cli, name="opml", no_args_is_help=True)


@opml_cli.command("import")
def import_opml(
    file: Annotated[Path, typer.Argument(help="As another reader exports it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> int:
    """Add the feeds of a list to feeds.yaml; folders called like a topic give it."""
    from aggregator import report
    from aggregator.adding import import_opml as import_list

    found = import_list(config, file)
    if as_json:
        _print_json(found)
    else:
        report.print_import(found, config, file)
    return 1 if found["refused"] and not (found["added"] or found["already"]) else 0


@opml_cli.command("export")
def export_opml(
    config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Print the sources as OPML, whole addresses and all."""
    from aggregator import app

    opml, left_out = app.export_opml(_load(config))
    if as_json:
        names = [source.id for source in left_out]
        _print_json({"opml": opml.decode(), "left_out": names})
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(opml)
    for source in left_out:
        _say(f"left out: {source.id} is no feed, but kind: {source.kind}")


# --- the store ------------------------------------------------------------------------------


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the store into a new file, while `run` goes on."""
    from aggregator import app

    loaded = _load(config)
    with app.open_store(loaded, writing=False) as store:
        store.backup(file)
    _say(f"wrote {file}")


story_cli = typer.Typer(help="Put right what was wrongly joined, or not joined.")
cli.add_typer(story_cli, name="story", no_args_is_help=True)


@story_cli.command("split")
def split_story(
    entries: Annotated[
        list[str], typer.Argument(metavar="ENTRY…", help="A link or guid each.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take entries out of their story, each into one of its own; for good."""
    from aggregator import app

    found = app.split_story(_load(config), entries)
    if as_json:
        _print_json(found)
    else:
        _say(f"{found['story']} lost {len(found['made'])}: {', '.join(found['made'])}")


@story_cli.command("merge")
def merge_stories(
    one: Annotated[
        str, typer.Argument(metavar="ID", help="A story's id, or an entry of it.")
    ],
    other: Annotated[str, typer.Argument(metavar="ID")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make two stories one: the older one that was published keeps its id."""
    from aggregator import app

    found = app.merge_stories(_load(config), one, other)
    if as_json:
        _print_json(found)
    else:
        _say(f"{found['story']} has the entries of {found['gone']} now")


@cli.command()
def withdraw(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A published id, a link or a guid; with --source its id."
        ),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    source: Annotated[
        bool, typer.Option("--source", help="All that this source has told.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring back what was withdrawn so.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take a story out of every document and archive, for good; also while `run` runs."""
    from aggregator import app

    loaded = _load(config)
    found = app.withdraw(loaded, what, of_source=source, undo=undo)
    if as_json:
        _print_json(found)
        return
    _say(f"{what} is {'published again' if undo else 'withdrawn'}")
    polled = [one for one in loaded.sources if one.id == what and one.enabled]
    if source and polled and not undo:
        _say(
            "The source is polled on, and what it tells from now on is published. To end"
            " that, its line in feeds.yaml:\n"
            f"  - {{id: {what}, url: {polled[0].url}, enabled: false}}"
        )


@cli.command()
def retag(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring stored entries under changed rules: topics, places, events."""
    from aggregator import app, report

    found = app.retag(_load(config), dry_run=dry_run)
    if as_json:
        _print_json(found)
    else:
        report.print_retagging(found)


@cli.command()
def migrate(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Bring the store to this version's schema."""
    from aggregator.store import migrate as migrate_store

    before, after = migrate_store(_load(config).storage)
    _say(
        f"already at {after}"
        if before == after
        else f"from {before or 'nothing'} to {after}"
    )


# --- printing ---------------------------------------------------------------------------------


def _load(path: Path) -> Config:
    from aggregator.config import load_config

    return load_config(path)


def _wants_json() -> bool:
    return "--json" in sys.argv


def _print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _print_faults(faults: tuple[Fault, ...]) -> None:
    if _wants_json():
        _print_json({"faults": [fault.as_json() for fault in faults]})
    else:
        for fault in faults:
            _say(str(fault))


def _wrong_arguments(error: typer.TyperException) -> int:
    """Usage errors end with 2, like faults of the configuration, and print like them."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if _wants_json():
        fault = Fault(file="", line=0, column=0, key="", message=message)
        _print_json({"faults": [fault.as_json()]})
    else:
        _say(f"{message}\nTry `aggregator --help`.")
    return int(getattr(error, "exit_code", 2))


def _say(text: str) -> None:
    print(text, file=sys.stderr)
