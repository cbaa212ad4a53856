"""Alerts in the whole program: `once`, `run`, `status`, and what readers see of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aggregator import app
from aggregator.app import telling
from aggregator.config import load_config

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 9, 1, 10, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Web:
    """A portal and the newsroom's webhook, on loopback."""

    url: str = ""
    #: Of the feed; None: 404.
    feed: str | None = None
    #: What the webhook answers.
    status: int = 204
    #: Holds the webhook's answer back.
    hold: threading.Event = field(default_factory=threading.Event)
    notices: list[dict] = field(default_factory=list)


@pytest.fixture
def web():
    web = Web()
    web.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (web.feed or "").encode()
            self.send_response(404 if web.feed is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            web.notices.append(json.loads(body))
            web.hold.wait(30)
            self.send_response(web.status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


def rss(*dates: datetime) -> str:
    items = "".join(
        f"<item><guid isPermaLink='false'>{date:%j%H}</guid><title>Новость {date:%j%H}</title>"
        f"<pubDate>{format_datetime(date)}</pubDate></item>"
        for date in dates
    )
    return f"<rss version='2.0'><channel><title>Портал</title>{items}</channel></rss>"


@dataclass
class Newsroom:
    folder: Path
    web: Web
    storage: str
    clock: Clock = field(default_factory=Clock)

    def configure(self, extra: str = "", *, webhook: bool = True, after: str = "24h"):
        hook = f", webhook: {self.web.url}/s3cret" if webhook else ""
        (self.folder / "feeds.yaml").write_text(
            "site: {title: Новости, url: https://news.example.org/}\n"
            f"storage: {self.storage}\n"
            "fetch: {gap: 0s, allow_private: [127.0.0.0/8]}\n"
            f"alerts: {{after: {after}{hook}}}\n{extra}"
            f"sources: [{{url: {self.web.url}/rss, id: kub, name: Кубань}}]\n",
            encoding="utf-8",
        )

    @property
    def config(self):
        return load_config(self.folder / "feeds.yaml")

    def once(self, later: timedelta = timedelta(0)) -> None:
        self.clock.moment += later
        app.once(self.config, everything=True, clock=self.clock)

    def status(self) -> dict:
        return app.status(self.config, self.clock)

    def phases(self) -> list[str]:
        return [notice["phase"] for notice in self.web.notices]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def newsroom(request, tmp_path, web):
    storage = "sqlite:///var/aggregator.db"
    if request.param == "postgresql":
        storage = request.getfixturevalue("postgres")
    newsroom = Newsroom(tmp_path, web, storage)
    newsroom.configure()
    return newsroom


def test_opening_and_closing_are_told_once(newsroom, web):
    for _ in range(8):
        newsroom.once(6 * HOUR)
    (alert,) = newsroom.status()["alerts"]

    (told,) = web.notices
    assert (told["phase"], told["source"], told["code"]) == ("opened", "kub", "failing")
    assert told["since"] == "2026-09-01T16:00:00Z"
    assert told["message"].startswith("Источник «Кубань» не читается с 1 сентября")
    assert {key: told[key] for key in alert} == alert

    web.feed = rss(newsroom.clock.moment)
    for _ in range(2):
        newsroom.once(HOUR)

    assert newsroom.phases() == ["opened", "closed"]
    closed = web.notices[1]
    assert closed["message"] == "Источник «Кубань» снова читается."
    assert (closed["fix"], closed["alert"]) == (None, told["alert"])
    assert closed["id"] != told["id"]
    assert newsroom.status()["alerts"] == []


def test_what_was_not_accepted_comes_again_and_the_same(newsroom, web):
    web.status = 500
    newsroom.once()
    newsroom.once(DAY)
    newsroom.once(HOUR)
    web.status = 200
    newsroom.once(HOUR)
    newsroom.once(HOUR)

    assert len(web.notices) == 3
    assert web.notices[0] == web.notices[1] == web.notices[2]


def test_no_document_of_a_reader_holds_an_alert(newsroom):
    newsroom.once()
    newsroom.once(DAY)
    (alert,) = newsroom.status()["alerts"]

    published = {
        path.name: path.read_text("utf-8")
        for path in (newsroom.folder / "output").iterdir()
    }

    assert json.loads(published["status.json"])["alerts"] == []
    for text in published.values():
        assert alert["message"] not in text
        assert alert["fix"] not in text
        assert "s3cret" not in text


def test_a_silent_source_has_an_alert_and_a_warning(newsroom, web):
    web.feed = rss(*(NOW - day * DAY for day in range(10, 20)))

    newsroom.once()
    status = newsroom.status()

    (alert,) = status["alerts"]
    assert (alert["code"], alert["since"]) == ("silent", "2026-08-22T10:00:00Z")
    (warning,) = status["sources"][0]["warnings"]
    assert (warning["code"], warning["since"]) == ("silent", alert["since"])
    web.feed = rss(NOW)
    newsroom.once(HOUR)
    assert newsroom.status()["alerts"] == []
    assert newsroom.phases() == ["opened", "closed"]


def test_a_source_taken_out_closes_its_alert(newsroom, web):
    newsroom.once()
    newsroom.once(DAY)
    text = (newsroom.folder / "feeds.yaml").read_text("utf-8")
    (newsroom.folder / "feeds.yaml").write_text(
        text.replace("name: Кубань", "name: Кубань, enabled: false"), "utf-8"
    )

    newsroom.once(HOUR)

    assert newsroom.phases() == ["opened", "closed"]
    assert web.notices[1]["message"] == "Источник «Кубань» больше не опрашивается."


def test_a_receiver_that_never_answers_holds_once_for_a_bounded_time(
    newsroom, web, monkeypatch
):
    monkeypatch.setattr(telling, "TELLING", timedelta(seconds=0.3))
    web.hold.clear()
    newsroom.once()
    started = time.monotonic()

    newsroom.once(DAY)

    assert time.monotonic() - started < 5
    assert (newsroom.folder / "output" / "feed.atom").exists()
    web.hold.set()
    newsroom.once(HOUR)
    assert newsroom.phases() == ["opened", "opened"]


def test_nothing_opens_while_this_machine_is_offline(newsroom):
    newsroom.configure(after="10s")
    newsroom.once()
    newsroom.clock.moment += timedelta(seconds=20)
    found = []
    with app.open_store(newsroom.config, writing=True) as store:
        for offline_since in (newsroom.clock.moment, None):
            store.save_outage(offline_since)
            found.append([alert["code"] for alert in newsroom.status()["alerts"]])

    assert found == [[], ["failing"]]


def aggregator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aggregator", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def test_status_check_ends_with_1_while_an_alert_is_open(newsroom, web):
    newsroom.configure(after="1s", webhook=False)
    assert aggregator(newsroom.folder, "status", "--check").returncode == 0
    newsroom.once()
    newsroom.clock.moment = datetime.now(UTC)
    newsroom.once(-2 * DAY)
    newsroom.once(2 * DAY)

    found = aggregator(newsroom.folder, "status", "--check", "--json")
    assert found.returncode == 1
    (alert,) = json.loads(found.stdout)["alerts"]
    assert list(alert) == ["source", "code", "since", "message", "fix"]
    plain = aggregator(newsroom.folder, "status")
    assert plain.returncode == 0
    assert plain.stdout.startswith(f"! kub failing: {alert['message']}\n")
    web.feed = rss(NOW)
    newsroom.once()
    assert aggregator(newsroom.folder, "status", "--check").returncode == 0


def test_run_tells_while_it_polls(newsroom, web):
    newsroom.configure(after="1s")
    web.hold.clear()
    with (newsroom.folder / "log").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "aggregator", "run"],
            cwd=newsroom.folder,
            stderr=log,
            env=environment(),
        )
    try:
        wait_for(lambda: web.notices)
        # The receiver is silent, and documents are published all the same.
        assert (newsroom.folder / "output" / "feed.atom").exists()
        status = aggregator(newsroom.folder, "status", "--check")
        assert status.returncode == 1
        web.hold.set()
        program.terminate()
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()
    text = (newsroom.folder / "log").read_text("utf-8")
    assert "alert opened source=kub code=failing" in text
    assert "s3cret" not in text
    assert "Traceback" not in text


def wait_for(condition, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
