"""Commands as programs call them: exit codes, JSON, signals, two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FEED = """<rss version="2.0"><channel><title>Портал</title>
<item><guid>1</guid><title>Мост через Лабу открыли [/b]</title><link>https://p.example/1</link>
<description>Движение пустили утром.</description></item>%s</channel></rss>"""


def aggregator(
    *arguments: str, cwd: Path, timeout: float = 60
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "aggregator", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
    )


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def portal():
    """A feed on loopback; `portal.more` is put into it, `portal.wait` holds answers back."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.set()
            server.wait.wait(30)
            body = (FEED % server.more).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.more, server.wait, server.asked = "", threading.Event(), threading.Event()
    server.wait.set()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/rss"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.wait.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, portal) -> Path:
    configure(tmp_path, portal.url)
    return tmp_path


def configure(folder: Path, *urls: str, extra: str = "") -> None:
    (folder / "feeds.yaml").write_text(
        "site: {title: Новости, url: https://news.example.org/}\n"
        "fetch: {gap: 0s, allow_private: [127.0.0.0/8]}\n"
        f"{extra}sources: [{', '.join(urls)}]\n",
        encoding="utf-8",
    )


def test_once_reports_as_the_contract_says(folder: Path):
    done = aggregator("once", "--json", cwd=folder)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report) == [
        "sources",
        "fetched",
        "not_modified",
        "failed",
        "entries_new",
        "entries_updated",
        "stories_new",
        "documents_written",
        "seconds",
    ]
    assert (report["sources"], report["entries_new"]) == (1, 1)
    assert (folder / "output" / "feed.atom").exists()


def test_looking_commands_after_a_cycle(folder: Path):
    """status and explain, for people and as JSON; a title with brackets stays text."""
    aggregator("once", cwd=folder)

    status = json.loads(aggregator("status", "--json", cwd=folder).stdout)
    found = json.loads(
        aggregator("explain", "https://p.example/1", "--json", cwd=folder).stdout
    )
    printed = aggregator("explain", "https://p.example/1", cwd=folder)
    table = aggregator("status", cwd=folder)
    nothing = aggregator("explain", "https://p.example/2", cwd=folder)

    (row,) = status["sources"]
    assert (row["state"], row["entries"], status["stories"]) == ("ok", 1, 1)
    assert set(found["published"]["documents"]) == {
        *("feed.atom", "feed.rss", "feed.json", "feed-archive-1.atom"),
        *("index.html", "embed-feed.html"),
    }
    assert "[/b]" in printed.stdout
    assert table.returncode == 0
    assert row["id"] in table.stdout
    assert nothing.returncode == 1


def test_faults_end_with_2_and_touch_nothing(folder: Path):
    configure(
        folder, "https://a.example/rss", extra="keep: {unpublishd: 90d}\ninterval: 5\n"
    )

    printed = aggregator("once", cwd=folder)
    data = aggregator("check", "--json", cwd=folder)

    assert (printed.returncode, data.returncode) == (2, 2)
    assert "feeds.yaml:3:8: keep.unpublishd:" in printed.stderr
    assert "Traceback" not in printed.stderr
    faults = json.loads(data.stdout)["faults"]
    assert [fault["key"] for fault in faults] == ["keep.unpublishd", "interval"]
    assert faults[0]["did_you_mean"] == "unpublished"
    assert sorted(path.name for path in folder.iterdir()) == ["feeds.yaml"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["once", "--al"],
        ["evaluate", "weather", "x"],
        ["no-such-command"],
        ["status", "-c", "missing.yaml"],
    ],
)
def test_wrong_arguments_end_with_2(tmp_path: Path, arguments: list[str]):
    plain = aggregator(*arguments, cwd=tmp_path)
    data = aggregator(*arguments, "--json", cwd=tmp_path)

    assert (plain.returncode, data.returncode) == (2, 2)
    assert plain.stderr
    assert "Traceback" not in plain.stderr
    assert json.loads(data.stdout)["faults"]


def test_once_ends_with_1_when_every_source_failed(folder: Path):
    configure(folder, "http://127.0.0.1:9/nobody")

    assert aggregator("once", cwd=folder).returncode == 1


def test_nothing_due_is_done(folder: Path):
    aggregator("once", cwd=folder)

    assert aggregator("once", cwd=folder).returncode == 0


def test_an_output_that_cannot_be_written_ends_with_1_and_loses_nothing(folder: Path):
    (folder / "output").mkdir()
    (folder / "output" / "feed.atom").mkdir()

    failed = aggregator("once", cwd=folder)
    (folder / "output" / "feed.atom").rmdir()
    later = aggregator("once", "--json", cwd=folder)

    assert failed.returncode == 1
    assert "feed.atom" in failed.stderr
    assert json.loads(later.stdout)["sources"] == 0
    assert b"<entry>" in (folder / "output" / "feed.atom").read_bytes()


def test_a_store_that_is_no_database_ends_with_1_and_stays(folder: Path):
    (folder / "var").mkdir()
    (folder / "var" / "aggregator.db").write_bytes(
        b"not a database, but somebody's text"
    )

    done = aggregator("once", cwd=folder)

    assert done.returncode == 1
    assert "aggregator.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "var" / "aggregator.db").read_bytes().startswith(b"not a database")


def test_before_the_first_cycle_every_source_is_new(folder: Path):
    status = aggregator("status", "--json", cwd=folder)
    explained = aggregator("explain", "https://p.example/1", cwd=folder)

    assert status.returncode == 0
    assert [row["state"] for row in json.loads(status.stdout)["sources"]] == ["new"]
    assert explained.returncode == 1
    assert "Traceback" not in explained.stderr
    assert not (folder / "var").exists()


def test_backup_is_a_store_and_never_overwrites(folder: Path):
    aggregator("once", cwd=folder)

    first = aggregator("backup", "copy.db", cwd=folder)
    second = aggregator("backup", "copy.db", cwd=folder)
    configured = (folder / "feeds.yaml").read_text("utf-8")
    (folder / "feeds.yaml").write_text(
        f"storage: sqlite:///copy.db\n{configured}", "utf-8"
    )
    status = json.loads(aggregator("status", "--json", cwd=folder).stdout)

    assert (first.returncode, second.returncode) == (0, 1)
    assert status["stories"] == 1


def test_check_probe_says_what_is_there(folder: Path):
    done = aggregator("check", "--probe", "--json", cwd=folder)

    (row,) = json.loads(done.stdout)["sources"]
    assert (done.returncode, row["entries"], row["error"]) == (0, 1, None)
    assert not (folder / "var").exists()


def test_a_full_or_closed_standard_output_is_no_traceback(folder: Path):
    command = [sys.executable, "-m", "aggregator", "check", "--schema"]
    for output in ("/dev/full", None):
        reader, writer = os.pipe()
        os.close(reader)
        with open(output or writer, "wb") as stdout:
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=environment(),
            )
        if output:
            os.close(writer)

        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


def test_schema_is_json_schema(tmp_path: Path):
    schema = json.loads(aggregator("check", "--schema", cwd=tmp_path).stdout)

    assert schema["properties"]["sources"]


# --- run ------------------------------------------------------------------------------


class Running:
    """`aggregator run` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aggregator", "run"],
                cwd=folder,
                stderr=log,
                env=environment(),
            )

    def says(self, words: str, seconds: float = 30) -> None:
        """Wait until the log holds these words."""
        until = time.monotonic() + seconds
        while words not in self.log.read_text("utf-8"):
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < until, self.log.read_text("utf-8")
            time.sleep(0.05)

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(20)


@pytest.fixture
def running(folder: Path):
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(folder))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def wait_for(condition, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_run_polls_publishes_serves_and_ends_with_0(folder: Path, running, portal):
    port = free_port()
    configure(
        folder,
        portal.url,
        extra=f"serve: {{port: {port}}}\n"
        "publish: {interval: 2s, hubs: [https://hub.invalid/]}\n",
    )
    program = running()
    feed = folder / "output" / "feed.atom"
    wait_for(lambda: feed.exists() and b"<entry>" in feed.read_bytes())

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/feed.atom") as answer:
        served, headers = answer.read(), answer.headers

    assert served == feed.read_bytes()
    assert headers["Cache-Control"] == "public, max-age=2"
    assert headers["Link"] == (
        '<https://hub.invalid/>; rel="hub", '
        '<https://news.example.org/feed.atom>; rel="self"'
    )
    assert program.end() == 0
    assert "Traceback" not in program.log.read_text("utf-8")


def test_sigterm_during_a_fetch_ends_within_ten_seconds(folder: Path, running, portal):
    portal.wait.clear()
    program = running()
    assert portal.asked.wait(30)
    began = time.monotonic()

    assert program.end() == 0
    assert time.monotonic() - began < 15


def test_a_second_writer_says_who_runs(folder: Path, running):
    program = running()
    program.says("polled")

    second = aggregator("once", cwd=folder)
    reading = aggregator("status", cwd=folder)

    assert second.returncode == 1
    assert f"already running (pid {program.process.pid})" in second.stderr
    assert reading.returncode == 0


def test_after_kill_9_the_next_run_goes_on(folder: Path, running):
    program = running()
    program.says("polled")
    program.end(signal.SIGKILL)

    done = aggregator("once", "--all", "--json", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert b"<entry>" in (folder / "output" / "feed.atom").read_bytes()
    assert not [
        path for path in (folder / "output").iterdir() if path.name.startswith(".")
    ]


def test_feeds_yaml_is_read_again_and_a_broken_one_is_not(
    folder: Path, running, portal
):
    port = free_port()
    serve = f"serve: {{port: {port}}}\n"
    configure(folder, "http://127.0.0.1:9/nobody", extra=serve)
    program = running()
    program.says("polled")
    configure(folder, "sources: {broken")
    program.says("feeds.yaml is wrong")
    configure(folder, portal.url, extra=f"{serve}publish: {{interval: 5m}}\n")
    program.says("feeds.yaml read again")
    program.says("result=read")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/feed.atom") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=300"

    assert program.end() == 0
    assert program.log.read_text("utf-8").count("feeds.yaml is wrong") == 1


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


# --- demo -----------------------------------------------------------------------------


def test_the_demo_twice(tmp_path: Path):
    """The main job on the samples; the second run finds everything known."""
    first = aggregator("demo", "--once", cwd=tmp_path, timeout=120)
    again = json.loads(aggregator("demo", "--once", "--json", cwd=tmp_path).stdout)
    status = aggregator("status", "-c", "var/demo/feeds.yaml", "--json", cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    assert f"\nDocuments in {tmp_path / 'output'}:\n" in first.stdout
    assert again["entries_new"] == again["documents_written"] == 0
    rows = {row["id"]: row for row in json.loads(status.stdout)["sources"]}
    assert len(rows) >= 12
    assert {row["error"]["code"] for row in rows.values() if row["error"]} == {
        "http_500",
        "not_a_feed:html",
    }
    names = {path.name for path in (tmp_path / "output").iterdir()}
    assert {
        "feed.atom",
        "culture.atom",
        "health.atom",
        "events.atom",
        "index.html",
    } <= names
