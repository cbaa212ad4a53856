"""Metrics for Prometheus, on an address of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregator import app
from aggregator.config import load_config
from aggregator.metrics import MachineMetrics, Metrics, Present
from aggregator.model import Failed, Source, SourceError, SourceState
from aggregator.pipeline import Poll
from aggregator.store import Recorded

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 9, 1, tzinfo=UTC)
FEED = """<rss version='2.0'><channel><title>t</title>
<item><guid isPermaLink='false'>1</guid><title>Мост через реку открыли утром</title></item>
<item><guid isPermaLink='false'>2</guid><title>Музей показал новую выставку</title></item>
</channel></rss>"""


@pytest.fixture
def portal():
    """``/rss`` is a feed, all else 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/rss")
            body = FEED.encode() if found else b"no"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ports():
    """Two that are free: of the documents and of the metrics."""
    loopback = ("127.0.0.1", 0)
    with socket.create_server(loopback) as one, socket.create_server(loopback) as other:
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def folder(tmp_path, portal, ports):
    (tmp_path / "feeds.yaml").write_text(
        "site: {title: Новости, url: https://news.example.org/}\n"
        "fetch: {gap: 0s, allow_private: [127.0.0.0/8]}\n"
        "alerts: {after: 1s}\n"
        f"serve: {{port: {ports[0]}, metrics: '127.0.0.1:{ports[1]}'}}\n"
        f"sources: ['{portal}/rss?key=s3cret', '{portal}/gone?key=s3cret']\n",
        encoding="utf-8",
    )
    return tmp_path


@contextmanager
def running(folder: Path, command: str):
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "aggregator", command],
            cwd=folder,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        )
    try:
        yield program
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0, (folder / "log").read_text("utf-8")
    finally:
        program.kill()
        program.wait()
    assert "Traceback" not in (folder / "log").read_text("utf-8")


def scraped(port: int) -> str | None:
    """None while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith(
                "text/plain; version=0.0.4"
            )
            return answer.read().decode()
    except urllib.error.HTTPError:
        raise
    except OSError:
        return None


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and label values."""
    return {
        (
            sample.name,
            *(sample.labels[key] for key in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def wait_for(look, seconds: float = 60):
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def test_run_tells_what_it_does(folder, ports):
    def look():
        text = scraped(ports[1])
        found = samples(text) if text else {}
        done = found.get(("aggregator_alerts_open", "failing")) and found.get(
            ("aggregator_documents_written_total",)
        )
        return (text, found) if done else None

    with running(folder, "run"):
        text, found = wait_for(look)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            scraped(ports[0])

    assert found["aggregator_polls_total", "read"] == 1
    assert found["aggregator_polls_total", "http_404"] >= 1
    assert found["aggregator_poll_duration_seconds_count",] >= 2
    assert found["aggregator_entries_total", "new"] == 2
    assert found["aggregator_entries_total", "updated"] == 0
    assert found["aggregator_stories_total",] == 2
    assert found["aggregator_commit_duration_seconds_count",] >= 1
    assert found["aggregator_sources", "ok"] == 1
    assert found["aggregator_sources", "failing"] == 1
    assert found["aggregator_pool_queue_length",] == 0
    published = (folder / "output" / "status.json").stat().st_mtime
    last = found["aggregator_last_publish_timestamp_seconds",]
    assert timedelta(0) <= timedelta(seconds=published - last) < timedelta(minutes=5)
    assert "s3cret" not in text
    assert "127.0.0.1" not in text


def test_serve_tells_what_is_stored(folder, ports):
    with running(folder, "serve"):
        before = samples(wait_for(lambda: scraped(ports[1])))
        app.once(load_config(folder / "feeds.yaml"))
        after = samples(scraped(ports[1]))

    assert before["aggregator_sources", "new"] == 2
    assert ("aggregator_last_publish_timestamp_seconds",) not in before
    assert after["aggregator_sources", "ok"] == 1
    assert after["aggregator_last_publish_timestamp_seconds",] > 0
    assert ("aggregator_polls_total", "read") not in after


def test_an_address_that_is_taken_is_said(folder, ports):
    with socket.create_server(("127.0.0.1", ports[1])):
        done = subprocess.run(
            [sys.executable, "-m", "aggregator", "serve"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    assert done.returncode == 1
    assert f"cannot serve on 127.0.0.1, port {ports[1]}" in done.stderr


SOURCE = Source(
    id="https://x.example/?key=s3cret",
    url="https://x.example/?key=s3cret",
    name="x",
    order=0,
    interval=timedelta(minutes=15),
    timezone="UTC",
    content="summary",
    max_bytes=1,
)


def test_servers_cannot_make_up_labels(tmp_path):
    metrics = MachineMetrics(lambda: Present(sources={}, alerts={}), lambda: None)
    codes = [f"http_{status}" for status in range(100, 1000)]
    for code in [*codes, "not_a_feed:html", "not_a_feed:json"]:
        error = SourceError(code=code, message="no")
        failed = Failed(error=error, fetched_at=NOW)
        state = SourceState(id=SOURCE.id)
        metrics.polled(Poll(source=SOURCE, state=state, result=failed), 0.1)

    found = samples(metrics.render().decode())
    results = {key[1] for key in found if key[0] == "aggregator_polls_total"}
    assert len(results) < 70
    assert found["aggregator_polls_total", "not_a_feed"] == 2
    assert found["aggregator_polls_total", "http_404"] == 1
    assert found["aggregator_polls_total", "http_other"] > 800


def test_two_of_them_do_not_meet(tmp_path):
    """A registry of its own: no names that are taken, nothing shared."""
    one, other = (
        MachineMetrics(lambda: Present(sources={}, alerts={}), lambda: None)
        for _ in "ab"
    )
    one.committed(Recorded(entries_new=3), 0.1)

    found = samples(other.render().decode())

    assert found["aggregator_entries_total", "new"] == 0


def test_looking_happens_when_somebody_asks(tmp_path):
    counts = {"ok": 1}
    metrics = Metrics(lambda: Present(sources=counts, alerts={}), lambda: None)
    counts["ok"] = 5

    assert samples(metrics.render().decode())["aggregator_sources", "ok"] == 5


def test_the_library_is_imported_only_when_metrics_are_served(folder):
    code = (
        "import sys; from aggregator import app, cli; from aggregator.config import "
        "load_config; from pathlib import Path; app.once(load_config(Path('feeds.yaml')));"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )

    assert done.returncode == 0
