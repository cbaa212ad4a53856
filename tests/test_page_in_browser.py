"""What sources wrote, in a real browser: nothing runs, loads, submits or leads away."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aggregator.model import Entry, ParsedFeed, PublishedMember, PublishedStory
from aggregator.parse import parse_document
from aggregator.publish.pages.assets import assets
from aggregator.publish.pages.stories import render_stories
from tests.hostile.behaviour import TRAP
from tests.hostile.content import BEHAVIOURS, PAYLOADS, RUN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="no chromium here (apt-get install chromium)",
)

#: By the last four letters of a path.
TYPES = {
    ".css": "text/css",
    "e.js": "text/javascript",
    ".svg": "image/svg+xml",
    "": "text/html; charset=utf-8",
}
#: Of a page that did what a source wanted.
CONQUERED = "<title>PWNED</title>"
PATIENCE = 60
#: Characters of a text that is tried.
LONGEST = 20_000

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
SITE, story = sample["site"](), sample["story"]


@dataclass
class Visit:
    """What opening a page did."""

    #: The document as it stood at the end.
    dom: str
    #: Paths that were asked for besides the page's own.
    requests: list[str]
    #: Lines that the browser's console got.
    console: list[str]


class Browser:
    """Opens pages from a loopback server that sees every request."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._pages = {f"/{name}": data for name, data in assets().items()}
        self._requests: list[str] = []
        browser = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = browser._pages.get(self.path)
                if page is None:
                    browser._requests.append(self.path)
                self.send_response(200 if page is not None else 404)
                self.send_header("Content-Type", TYPES.get(self.path[-4:], TYPES[""]))
                self.end_headers()
                self.wfile.write(page or b"")

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def open(self, page: str | bytes) -> Visit:
        """Load the page and let what it starts happen."""
        data = page.encode() if isinstance(page, str) else page
        self._pages["/page"] = data.replace(TRAP.encode(), f"{self.url}/trap".encode())
        self._requests.clear()
        assert CHROMIUM is not None
        ended = subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                # Whatever a page wants: nothing leaves this machine.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                f"--user-data-dir={self._profile}",
                "--enable-logging=stderr",
                "--virtual-time-budget=3000",
                "--dump-dom",
                f"{self.url}/page",
            ],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        said = ended.stderr.decode("utf-8", "replace").splitlines()
        return Visit(
            dom=ended.stdout.decode("utf-8"),
            requests=[path for path in self._requests if path != "/favicon.ico"],
            console=[line for line in said if "CONSOLE" in line],
        )


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    thread = threading.Thread(target=browser.server.serve_forever, args=(0.02,))
    thread.start()
    yield browser
    browser.server.shutdown()
    thread.join()
    browser.server.server_close()


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """The entries of all sources that deceive, as they would be stored."""
    found = []
    for behaviour in BEHAVIOURS:
        if behaviour.answer is None:
            continue
        feed = parse_document(
            behaviour.answer.body,
            url="http://portal.example/feed",
            content_type=behaviour.answer.content_type,
        )
        assert isinstance(feed, ParsedFeed), behaviour.name
        found += feed.entries[:100]
    assert len(found) > 300
    return found


def as_story(number: int, lead: Entry) -> PublishedStory:
    """A story whose other reporter and whose sources are as bad as its lead."""
    payload = PAYLOADS[number % len(PAYLOADS)]
    source = replace(sample["HERALD"], name=payload)
    other = PublishedMember(
        source=replace(sample["HARBOUR"], name=payload),
        title=lead.title,
        link=lead.link,
        relation="report",
    )
    topics = ("culture",)
    return story(number, lead, source, members=(other,), topics=topics)


# --- would anything be noticed? -----------------------------------------------------------


def test_a_conquered_page_would_be_noticed(browser: Browser):
    visit = browser.open(
        f"<title>1</title><script>{RUN}</script><img src={TRAP}/pixel>"
        f"<meta http-equiv=Content-Security-Policy content=\"style-src 'none'\"><p>"
    )
    late = browser.open(f"<title>1</title><img src=x onerror={RUN}>")

    assert CONQUERED in visit.dom
    assert "/trap/pixel" in visit.requests
    assert CONQUERED in late.dom


def test_a_breach_of_the_policy_would_be_noticed(browser: Browser):
    page = render_stories(SITE, SITE.everything, []).decode()

    elsewhere = "<header><img src=http://127.0.0.2:9/pixel>"
    inline = f"<header><script>{RUN}</script>"
    for breach in (elsewhere, inline):
        visit = browser.open(page.replace("<header>", breach))

        assert CONQUERED not in visit.dom
        assert any("Content Security Policy" in line for line in visit.console)


# --- the page -----------------------------------------------------------------------------


def test_the_page_of_the_worst_sources_is_quiet(
    browser: Browser, entries: list[Entry], monkeypatch
):
    stories = [as_story(number, entry) for number, entry in enumerate(entries)]
    monkeypatch.setattr("aggregator.publish.pages.stories.PAGE_STORIES", len(stories))

    visit = browser.open(render_stories(SITE, SITE.everything, stories))

    assert f"<title>{SITE.title}</title>" in visit.dom
    assert visit.requests == []
    assert visit.console == []
    assert visit.dom.count("<article>") == len(stories)


# --- markup, in a reader that runs whatever it is given -----------------------------------


def test_markup_of_entries_runs_nothing_however_often_it_is_parsed(
    browser: Browser, entries: list[Entry]
):
    """Many readers put it into a page as it is, some by way of innerHTML."""
    markup = [
        text
        for entry in entries
        for text in (entry.summary, entry.content)
        if text and len(text) <= LONGEST
    ]
    assert len(markup) > 200

    visit = browser.open(reader_of(markup))

    assert "<title>quiet</title>" in visit.dom
    assert 'data-ended="yes"' in visit.dom
    assert set(visit.requests) <= {"/trap/pixel"}  # an image as any other


def test_such_a_reader_would_be_conquered(browser: Browser):
    visit = browser.open(reader_of(PAYLOADS[1:2]))

    assert CONQUERED in visit.dom


def reader_of(markup: Sequence[str]) -> str:
    """A page that shows each text, then makes markup of it three times more."""
    # "<" in a script's data could end the script.
    data = json.dumps(markup).replace("<", "\\u003c")
    shown = "".join(f"<div>{text}</div>" for text in markup)
    return f"""<!doctype html><title>quiet</title>{shown}<script>
        for (const html of {data}) {{
            const place = document.createElement("div");
            document.body.append(place);
            place.innerHTML = html;
            place.innerHTML = place.innerHTML;
            place.outerHTML = place.outerHTML;
        }}
        document.body.dataset.ended = "yes";
        </script>"""
