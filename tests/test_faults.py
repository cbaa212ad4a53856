"""Faults of the machine below the whole program: nothing that was shown is lost."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest

from aggregator import app, documents
from aggregator.config import load_config
from aggregator.errors import Locked, PublishError, StoreError
from aggregator.publish import writer
from aggregator.publish.writer import OutputFolder
from aggregator.store import Store, database

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)
AT_ONCE = timedelta(0)
ATOM = "{http://www.w3.org/2005/Atom}"
WORDS = ("Мост", "Театр", "Школа", "Парк", "Музей", "Завод", "Порт", "Рынок")


class Portal(ThreadingHTTPServer):
    """A web server on loopback with one feed, whose number of entries a test sets."""

    daemon_threads = True
    count = 2
    polls = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/rss"

    def feed(self) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{n}</guid><title>{word} открыли утром</title>"
            f"<link>https://portal.example/{n}</link><description>{word} ждали год.</description>"
            f"<pubDate>{format_datetime(NOW - timedelta(hours=1))}</pubDate></item>"
            for n, word in enumerate(WORDS[: self.count])
        )
        return f"<rss version='2.0'><channel>{items}</channel></rss>".encode()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        portal = self.server
        assert isinstance(portal, Portal)
        portal.polls += 1
        body = portal.feed()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with Portal(("127.0.0.1", 0), Answer) as portal:
        thread = threading.Thread(target=portal.serve_forever, args=(0.01,))
        thread.start()
        yield portal
        portal.shutdown()
        thread.join()


@pytest.fixture
def portal(server):
    server.count, server.polls = 2, 0
    return server


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Site:
    """An aggregator's folder; `once` polls, `catch_up` runs when nothing is due."""

    folder: Path
    clock: Clock

    def configure(self, portal: Portal, storage: str) -> None:
        (self.folder / "feeds.yaml").write_text(
            "site: {title: Новости, url: https://news.example.org/}\n"
            f"storage: {storage}\n"
            "fetch: {gap: 0s, allow_private: [127.0.0.0/8]}\n"
            f"sources: [{{url: '{portal.url}', id: portal}}]\n",
            encoding="utf-8",
        )

    @property
    def config(self):
        return load_config(self.folder / "feeds.yaml")

    @property
    def database(self) -> Path:
        return self.folder / "var" / "aggregator.db"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def once(self) -> app.CycleReport:
        return app.once(self.config, clock=self.clock, everything=True)

    def catch_up(self) -> app.CycleReport:
        return app.once(self.config, clock=self.clock)

    def ids(self) -> dict[str | None, str | None]:
        """Published ids and when each was published."""
        feed = ElementTree.fromstring((self.output / "feed.atom").read_bytes())
        entries = feed.findall(f"{ATOM}entry")
        found = {
            entry.findtext(f"{ATOM}id"): entry.findtext(f"{ATOM}published")
            for entry in entries
        }
        assert len(found) == len(entries), "an id is published twice"
        return found

    def store(self, *, writing: bool = True) -> Store:
        return Store.open(self.config.storage, writing=writing)

    def integrity(self) -> str:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone()[0]


@pytest.fixture
def site(tmp_path, portal):
    site = Site(folder=tmp_path, clock=Clock())
    site.configure(portal, "sqlite:///var/aggregator.db")
    return site


# --- ends at the wrong moment -----------------------------------------------------------


class Killed(BaseException):
    """The process ends here: nothing that follows happens."""


@pytest.mark.parametrize("nth", [1, 3])
def test_what_was_committed_is_published_without_another_poll(
    site: Site, portal: Portal, monkeypatch, nth
):
    """A crash at the first or the last document of a publishing."""
    site.once()
    portal.count = 4
    put, calls = OutputFolder.put, []

    def die(folder, name, data):
        calls.append(name)
        if len(calls) == nth:
            (folder.path / f".aggregator-{name}-{'0' * 16}.tmp").write_bytes(data[:99])
            raise Killed
        return put(folder, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(OutputFolder, "put", die)
        with pytest.raises(Killed):
            site.once()
    polls = portal.polls

    site.catch_up()

    assert portal.polls == polls
    assert len(site.ids()) == 4
    assert not [name for name in os.listdir(site.output) if name.startswith(".")]


def test_killed_at_any_moment_the_next_run_goes_on(site: Site, portal: Portal):
    """A few moments out of the hundreds that were tried by hand."""
    before: dict[str | None, str | None] = {}
    code = "import aggregator.cli; aggregator.cli.main()"
    for number, seconds in enumerate((0.7, 1.1)):
        portal.count = 2 + number
        arguments = [sys.executable, "-c", code, "once", "--all"]
        process = subprocess.Popen(arguments, cwd=site.folder)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        site.clock.moment = datetime.now(UTC)
        site.once()
        assert site.integrity() == "ok"
        assert before.items() <= site.ids().items()
        before = site.ids()

    assert {path.name for path in site.database.parent.iterdir()} == {
        "aggregator.db",
        "aggregator.db.lock",
    }


def test_a_lost_log_costs_an_hour_at_most(site: Site):
    """SQLite's -wal deleted after kill -9: what was stored up to the last upkeep is there."""
    code = f"""
import os
from pathlib import Path
from aggregator import app
from aggregator.config import load_config
from datetime import datetime
import test_faults as t
config = load_config(Path("feeds.yaml"))
t.Store.close = lambda store: os.kill(os.getpid(), {signal.SIGKILL:d})
app.once(config, clock=t.Clock(), everything=True)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", code], cwd=site.folder, env=environment)
    Path(f"{site.database}-wal").unlink()

    with closing(site.store(writing=False)) as store:
        assert store.summary(NOW).stories == 2
    before = site.ids()
    site.catch_up()
    assert site.ids() == before


# --- the disk ---------------------------------------------------------------------------


def test_a_full_disk_under_the_documents_loses_no_poll(
    site: Site, portal: Portal, monkeypatch
):
    site.once()
    before, portal.count = site.ids(), 4

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(writer.os, "fsync", full)
        with pytest.raises(PublishError, match=r"feed-archive-1\.atom: No space left"):
            site.once()
    assert site.ids() == before
    polls = portal.polls

    site.catch_up()
    assert portal.polls == polls
    assert len(site.ids()) == 4


def test_a_full_disk_under_the_lock_leaves_the_lock(site: Site, monkeypatch):
    """The holder's name could not be written: the lock holds, and nobody sees a traceback."""

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)

    with (
        closing(site.store()) as store,
        store.lock(),
        pytest.raises(Locked, match="unknown"),
        store.lock(AT_ONCE),
    ):
        pass  # pragma: no cover


def test_other_peoples_files_and_what_links_point_to_stay(site: Site):
    site.output.mkdir()
    precious = site.folder / "precious"
    theirs = {precious, site.output / "CNAME", site.output / "old.atom"}
    for path in theirs:
        path.write_text("mine")
    for name in ("feed.atom", "index.html", "status.json"):
        (site.output / name).symlink_to(precious)

    site.once()

    assert {path.read_text() for path in theirs} == {"mine"}
    assert len(site.ids()) == 2


# --- other programs ---------------------------------------------------------------------


def test_a_locked_database_loses_nothing(site: Site, portal: Portal, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    site.once()
    before, portal.count = site.ids(), 4
    with closing(sqlite3.connect(site.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            site.once()
        assert site.ids() == before
        shell.execute("ROLLBACK")

    assert site.once().entries_new == 2
    assert len(site.ids()) == 4


def test_a_reader_sees_whole_documents_at_any_time(site: Site):
    site.once()
    done = threading.Event()
    faults: list[Exception] = []

    def read():
        while not done.is_set():
            try:
                assert len(site.ids()) == 2
                assert (site.output / "index.html").read_bytes().endswith(b"</html>\n")
            except Exception as fault:  # for the thread that waits
                faults.append(fault)
                return

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(8):
        text = (site.folder / "feeds.yaml").read_text("utf-8")
        changed = text.replace("title: Новости", f"title: Новости {number}", 1)
        (site.folder / "changed.yaml").write_text(changed, "utf-8")
        assert app.publish(load_config(site.folder / "changed.yaml"), site.clock)
    done.set()
    thread.join()

    assert faults == []


def test_a_link_in_the_locks_place_is_refused(site: Site):
    """Its target would be emptied."""
    precious = site.folder / "precious"
    precious.write_text("mine")
    site.database.parent.mkdir()
    Path(f"{site.database}.lock").symlink_to(precious)

    with pytest.raises(StoreError, match="cannot use the lock"):
        site.once()

    assert precious.read_text() == "mine"


def test_two_names_of_one_database_are_one_lock(site: Site):
    with closing(site.store()) as store, store.lock():
        alias = site.folder / "alias.db"
        alias.symlink_to(site.database)
        with (
            closing(Store.open(f"sqlite:///{alias}", writing=True)) as other,
            pytest.raises(Locked),
            other.lock(AT_ONCE),
        ):
            pass  # pragma: no cover


def test_a_deleted_lock_is_taken_again(site: Site):
    """Else a second writer would come in beside the first."""
    with closing(site.store()) as store, closing(site.store()) as other, store.lock():
        Path(f"{site.database}.lock").unlink()
        store.announce()
        with pytest.raises(Locked), other.lock(AT_ONCE):
            pass  # pragma: no cover


def test_a_lock_that_another_has_taken_meanwhile_stops_all_writing(site: Site):
    with (
        closing(site.store()) as store,
        closing(site.store()) as other,
        store.lock(AT_ONCE),
    ):
        Path(f"{site.database}.lock").unlink()
        with other.lock(AT_ONCE), pytest.raises(Locked, match=f"pid {os.getpid()}"):
            store.announce()
        store.announce()


def test_a_database_that_was_replaced_while_in_use_is_not_written(site: Site):
    """Without it what is polled goes to a file that no name leads to."""
    with closing(site.store()) as store, store.lock():
        store.backup(site.folder / "copy.db")
        os.replace(site.folder / "copy.db", site.database)
        content = site.database.read_bytes()

        with pytest.raises(StoreError, match="moved or replaced"):
            store.announce()

        site.database.unlink()
        with pytest.raises(StoreError, match="moved or replaced"):
            store.announce()
        site.database.write_bytes(content)


# --- damage, and other users ------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE source SET info = '[\"half'", id="no JSON"),
        pytest.param("UPDATE source SET info = CAST(x'5bff' AS TEXT)", id="no UTF-8"),
    ],
)
def test_damage_that_sqlite_does_not_see_is_reported_as_such(site: Site, change):
    site.once()
    with closing(sqlite3.connect(site.database)) as connection:
        connection.execute(change)
        connection.commit()

    with pytest.raises(StoreError, match=r"aggregator\.db is damaged.*backup"):
        site.catch_up()


@contextmanager
def nobody():
    """Root may read and write anything: be somebody else for a while."""
    user = os.geteuid()
    if user != 0:
        pytest.skip("only root can become another user")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("running", [True, False])
def test_another_users_store_can_be_read(portal: Portal, running):
    """`status` of an operator who is not the service's user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        site = Site(folder=Path(folder), clock=Clock())
        site.configure(portal, "sqlite:///var/aggregator.db")
        site.once()
        with ExitStack() as service:
            if running:
                store = service.enter_context(closing(site.store()))
                store.announce()

            with nobody(), closing(site.store(writing=False)) as found:
                assert found.summary(NOW).stories == 2


# --- the clock --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "there",
    [NOW - timedelta(days=1), NOW + timedelta(days=365)],
    ids=["back a day", "forward a year"],
)
def test_a_clock_that_jumps_and_returns_costs_nothing(site: Site, there):
    """Sources are due at once in both directions, and what was published comes back."""
    site.once()
    before = site.ids()
    polled = []
    for moment in (there, NOW + timedelta(minutes=30)):
        site.clock.moment = moment
        polled.append(site.catch_up().sources)

    assert polled == [1, 1]
    assert site.ids() == before


# --- PostgreSQL -------------------------------------------------------------------------


def end_connections(url: str) -> None:
    """What a restart of the server does to all who are connected."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.postgres
def test_a_cycle_on_postgresql_and_one_whose_server_restarts(
    site: Site, portal: Portal, postgres, monkeypatch
):
    site.configure(portal, postgres)
    site.once()
    before, portal.count = site.ids(), 4
    publish = documents.publish

    def restart(*arguments, **settings):
        end_connections(postgres)
        return publish(*arguments, **settings)

    monkeypatch.setattr(documents, "publish", restart)
    assert site.once().entries_new == 2
    assert before.items() <= site.ids().items()
    assert len(site.ids()) == 4


@pytest.fixture
def two_stores(postgres):
    with ExitStack() as both:
        yield [
            both.enter_context(closing(Store.open(postgres, writing=True)))
            for _ in range(2)
        ]


@pytest.mark.postgres
def test_the_lock_outlives_its_connection(postgres, two_stores):
    """It ends with the connection; a second writer would come in beside the first."""
    store, other = two_stores
    with store.lock():
        end_connections(postgres)
        store.announce()
        with pytest.raises(Locked) as caught, other.lock(AT_ONCE):
            pass  # pragma: no cover

    assert caught.value.pid == os.getpid()


@pytest.mark.postgres
def test_a_lost_lock_that_another_holds_stops_all_writing(postgres, two_stores):
    store, other = two_stores
    with store.lock(AT_ONCE):
        end_connections(postgres)
        with other.lock(AT_ONCE), pytest.raises(Locked):
            store.announce()
        store.announce()


@pytest.mark.postgres
def test_a_table_that_stays_locked_is_an_error(postgres):
    """As on SQLite; by default PostgreSQL waits for ever."""
    Store.open(postgres, writing=True).close()
    impatient = f"{postgres}?options=-c%20lock_timeout%3D50ms"
    with (
        psycopg.connect(postgres) as shell,
        closing(Store.open(impatient, writing=True)) as store,
    ):
        shell.execute("LOCK TABLE story IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="locked by another program"):
            store.announce()
        shell.rollback()

        store.announce()


@pytest.mark.postgres
def test_waiting_for_a_lock_has_an_end_by_default(postgres):
    engine = database.connect(postgres, writing=True).engine
    with engine.connect() as connection:
        waits = connection.exec_driver_sql("SHOW lock_timeout").scalar()
    engine.dispose()

    assert waits == f"{database.BUSY_TIMEOUT_SECONDS:.0f}s"
