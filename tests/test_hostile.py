"""Every behaviour of tests/hostile in one feeds.yaml, polled and published for real."""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
import subprocess
import sys
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from typing import Any
from xml.etree import ElementTree

import pytest

from aggregator import app, documents
from aggregator.config import load_config
from aggregator.text import clean_text
from tests.forms import check_forms
from tests.hostile import BEHAVIOURS
from tests.hostile.behaviour import NOW, Bad, Good
from tests.rfc4287 import check
from tests.strict import objections

ATOM = "{http://www.w3.org/2005/Atom}"
GOOD = [name for name in BEHAVIOURS if name.startswith("good_")]
CHANGING = [name for name, one in BEHAVIOURS.items() if len(one.outcomes) > 1]
#: Every outcome of every behaviour: (name, poll).
OUTCOMES = [
    (name, poll)
    for name, behaviour in BEHAVIOURS.items()
    for poll in range(len(behaviour.outcomes))
]

#: Seconds a fetch may take here; some sources take them all, side by side.
TIMEOUT = 6
#: Seconds of the first cycle, on a machine that has other things to do as well.
LONGEST_CYCLE = 60
#: What a cycle may add to the main process. Bodies in flight are the most of it: 2 MB
#: each, as sent and as inflated.
MOST_MEMORY = 300 * 2**20


@dataclass
class FixedClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Cycle:
    """What stood there after a cycle."""

    at: datetime
    report: app.CycleReport
    seconds: float
    #: Bytes that the main process took more than before, at its worst.
    memory: int
    #: Source -> its row of the status.
    status: dict[str, dict[str, Any]]
    #: Name -> bytes.
    documents: dict[str, bytes]
    #: Source -> titles of what feed.atom has of it.
    titles: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Trial:
    cycles: list[Cycle]
    #: What the server saw: "trapped" and "requests".
    seen: dict[str, Any]
    #: Errors that were logged.
    log: str
    #: Documents whose bytes a last publishing of everything changed.
    rewritten: set[str]


@pytest.fixture(scope="module")
def trial(tmp_path_factory) -> Trial:
    """Three cycles: all sources, then those that change, twice."""
    folder = tmp_path_factory.mktemp("hostile")
    errors = Errors()
    logging.getLogger("aggregator").addHandler(errors)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            said = json.loads(server.stdout.readline())
            clock = FixedClock()
            cycles = []
            for names in (list(BEHAVIOURS), CHANGING, CHANGING):
                configure(folder, {name: said["sources"][name] for name in names})
                cycles.append(cycle(folder, clock))
                clock.moment += timedelta(hours=1)
            rewritten = app.publish(load_config(folder / "feeds.yaml"), clock)
            with urllib.request.urlopen(said["control"]) as answer:
                seen = json.load(answer)
        finally:
            server.stdin.close()
            server.terminate()
            logging.getLogger("aggregator").removeHandler(errors)
    return Trial(
        cycles=cycles, seen=seen, log="\n".join(errors.lines), rewritten=rewritten
    )


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def configure(folder: Path, urls: dict[str, str]) -> None:
    """As an operator would write it; every entry is to be seen, in full."""
    config = {
        "site": {"title": "Новости", "url": "https://news.example.org/"},
        "fetch": {
            "timeout": f"{TIMEOUT}s",
            "max_bytes": "2MB",
            "gap": "0s",
            "allow_private": ["127.0.0.0/16"],
        },
        "publish": {"max_entries": 5000, "content": "full", "first_sight": "all"},
        "topics": {
            "theatre": {"title": "Театр", "threshold": 1, "words": ["театр", "спект*"]},
        },
        "sources": [
            {"url": url, "id": name, **BEHAVIOURS[name].settings}
            for name, url in urls.items()
        ],
    }
    (folder / "feeds.yaml").write_text(json.dumps(config), encoding="utf-8")


def cycle(folder: Path, clock: FixedClock) -> Cycle:
    config = load_config(folder / "feeds.yaml")
    before = reset_peak_memory()
    started = monotonic()
    report = app.once(config, everything=True, clock=clock)
    seconds = monotonic() - started
    memory = peak_memory() - before
    with app.open_store(config, writing=False) as store:
        status = documents.status(store, config, clock.now(), store.states())
    files = {path.name: path.read_bytes() for path in config.output.iterdir()}
    return Cycle(
        at=clock.now(),
        report=report,
        seconds=seconds,
        memory=memory,
        status={row["id"]: row for row in status["sources"]},
        documents=files,
        titles=titles_by_source(files["feed.atom"], config.sources),
    )


def titles_by_source(atom: bytes, sources) -> dict[str, list[str]]:
    ids = {source.url: source.id for source in sources}
    titles = defaultdict(list)
    for entry in ElementTree.fromstring(atom).iterfind(f"{ATOM}entry"):
        url = entry.find(f"{ATOM}source/{ATOM}link[@rel='self']").get("href")
        titles[ids.get(url, url)].append(entry.findtext(f"{ATOM}title"))
    return dict(titles)


def reset_peak_memory() -> int:
    """Resident bytes now; from here on the peak is counted anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def peak_memory() -> int:
    return memory("VmHWM")


def memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


# --- behaviour by behaviour -------------------------------------------------------------


@pytest.mark.parametrize(("name", "poll"), OUTCOMES)
def test_outcome(trial: Trial, name: str, poll: int):
    wanted, cycle = BEHAVIOURS[name].outcomes[poll], trial.cycles[poll]
    row = cycle.status[name]

    error = row["error"]
    found = Bad(code=error["code"], entries=row["entries"]) if error else Good(
        entries=row["entries"],
        warnings=frozenset(warning["code"] for warning in row["warnings"]),
        titles=wanted.titles if isinstance(wanted, Good) else None,
    )  # fmt: skip

    assert found == wanted, (error, row["warnings"])
    if isinstance(wanted, Good) and wanted.titles is not None:
        assert sorted(cycle.titles.get(name, ())) == sorted(wanted.titles)


def test_every_good_source_is_published_whole(trial: Trial):
    published = trial.cycles[0].titles

    assert {name: len(published.get(name, ())) for name in GOOD} == dict.fromkeys(
        GOOD, 3
    )


# --- what the cycle cost ------------------------------------------------------------------


def test_a_cycle_ends_in_time(trial: Trial):
    """Silent servers wait side by side; no document keeps a worker for long."""
    first = trial.cycles[0]

    assert first.report.sources == len(BEHAVIOURS)
    assert first.seconds < LONGEST_CYCLE


def test_the_main_process_stays_small(trial: Trial):
    assert max(cycle.memory for cycle in trial.cycles) < MOST_MEMORY


def test_no_bug_was_met(trial: Trial):
    """A poll that ends by an exception, a story left out: both are logged as errors."""
    assert trial.log == ""


def test_no_worker_is_left():
    assert multiprocessing.active_children() == []


# --- who was contacted --------------------------------------------------------------------


def test_nobody_was_contacted_who_may_not_be(trial: Trial):
    """By redirects, entities, hubs, images, enclosures, alternates of pages."""
    assert trial.seen["trapped"] == []


def test_requests_say_nothing_that_servers_put_into_them(trial: Trial):
    said = {
        name
        for polls in trial.seen["requests"].values()
        for one in polls
        for name in one
    }

    assert said <= {
        "host", "user-agent", "connection", "accept", "accept-encoding",
        "if-none-match", "if-modified-since",
    }  # fmt: skip


# --- what stands in the output ------------------------------------------------------------


def test_only_documents_are_written(trial: Trial):
    for cycle in trial.cycles:
        written = {
            re.sub(r"-archive-\d+(?=\.atom$)", "", name) for name in cycle.documents
        }
        assert written == {
            "feed.atom", "feed.rss", "feed.json", "index.html", "embed-feed.html",
            "theatre.atom", "theatre.rss", "theatre.json", "theatre.html",
            "embed-theatre.html", "embed.js", "site.css", "site.js", "site.svg",
            "feeds.html", "feeds.opml", "sources.opml", "status.html", "status.json",
            "sitemap.xml", "robots.txt",
        }  # fmt: skip


@pytest.mark.parametrize("stem", ["feed", "theatre"])
def test_feeds_are_valid_and_tell_the_same(trial: Trial, stem: str):
    documents = trial.cycles[-1].documents
    forms = {form: documents[f"{stem}.{form}"] for form in ("atom", "rss", "json")}

    assert check_forms(forms)
    for data in forms.values():
        text = data.decode("utf-8")
        assert clean_text(text) == text


@pytest.mark.parametrize("name", ["feed.atom", "theatre.atom"])
def test_archives_are_valid(trial: Trial, name: str):
    documents = trial.cycles[-1].documents
    archives = [one for one in documents if one.startswith(f"{name[:-5]}-archive-")]

    assert archives
    for archive in archives:
        check(documents[archive])
        assert objections(documents[archive]) == []


def test_markup_of_entries_neither_runs_nor_loads_nor_lays_out(trial: Trial):
    feed = ElementTree.fromstring(trial.cycles[0].documents["feed.atom"])
    markup = [
        element.text or ""
        for entry in feed.iterfind(f"{ATOM}entry")
        for element in (entry.find(f"{ATOM}content"), entry.find(f"{ATOM}summary"))
        if element is not None and element.get("type") == "html"
    ]

    assert len(markup) > 300
    for html in markup:
        Fragment(html)


def test_the_page_runs_and_loads_nothing(trial: Trial):
    for cycle in trial.cycles:
        page = Markup(cycle.documents["index.html"].decode("utf-8"))

        assert not page.tags & {
            "img",
            "iframe",
            "svg",
            "object",
            "form",
            "base",
        }
        assert page.attributes <= {
            "lang", "charset", "http-equiv", "content", "name", "rel", "type", "title",
            "href", "class", "id", "datetime", "src", "defer", "property", "tabindex",
            "aria-label", "aria-current",
        }  # fmt: skip
        # Our own script, and data for search engines.
        assert cycle.documents["index.html"].count(b"<script") == 2
        for address in page.addresses:
            assert re.match(r"https?://|#|[a-z0-9-]+\.[a-z]+$", address)


def test_nothing_of_this_machine_is_published(trial: Trial):
    for cycle in trial.cycles:
        for name, data in cycle.documents.items():
            assert b"root:x:0" not in data, name
            assert str(Path.home()).encode() + b"/" not in data, name


def test_no_message_carries_a_payload_or_an_inner_address(trial: Trial):
    for cycle in trial.cycles:
        for row in cycle.status.values():
            found = [row["error"]] if row["error"] else []
            for message in (one["message"] for one in found + row["warnings"]):
                assert len(message) <= 500
                assert clean_text(message) == message
                assert "\n" not in message
                assert not re.search(r"127\.66|::1|169\.254|<script|secret", message)


def test_dates_are_never_in_the_future_and_ids_are_for_ever(trial: Trial):
    published: dict[str, str] = {}
    for cycle in trial.cycles:
        found = {
            entry.findtext(f"{ATOM}id"): entry.findtext(f"{ATOM}published")
            for entry in ElementTree.fromstring(cycle.documents["feed.atom"]).iterfind(
                f"{ATOM}entry"
            )
        }
        assert published.items() <= found.items()
        assert max(map(datetime.fromisoformat, found.values())) <= cycle.at
        published = found


def test_a_flood_reaches_readers_in_portions(trial: Trial):
    assert [len(cycle.titles["flood"]) for cycle in trial.cycles] == [200, 400, 600]


def test_the_same_store_gives_the_same_bytes(trial: Trial):
    assert trial.rewritten == set()


class Markup(HTMLParser):
    """The tags, attributes and addresses of a text, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [
            value or "" for name, value in attrs if name in ("href", "src")
        ]


class Fragment(Markup):
    """An entry's text: well-nested, of harmless tags, links to the web alone."""

    VOID = frozenset({"br", "hr", "img"})

    def __init__(self, html: str) -> None:
        self.open: list[str] = []
        super().__init__(html)
        assert self.open == []
        assert not self.tags & {
            "script", "style", "iframe", "object", "embed", "svg", "math", "form", "input",
            "button", "meta", "base", "link", "video", "audio", "source", "template",
            "title", "textarea", "select", "noscript", "plaintext", "xmp", "body", "html",
        }  # fmt: skip
        assert not self.attributes & {
            "style",
            "id",
            "class",
            "name",
            "srcset",
            "background",
        }
        assert not any(name.startswith("on") for name in self.attributes)
        for address in self.addresses:
            assert re.match(r"https?://[^/@\s]+(?:/|$|\?)|mailto:", address), address

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment
