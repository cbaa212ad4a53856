"""What happens to the store: other writers, broken files, kill -9, full disks."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from aggregator.errors import Locked, StoreError
from aggregator.model import (
    Admission,
    Entry,
    EntryRead,
    Fingerprint,
    Grouping,
    NewEntry,
    PollOutcome,
    Source,
    SourceState,
)
from aggregator.store import Store, database

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)
KUB = "kubnews.ru/rss"
SOURCE = Source(
    id=KUB,
    url="https://kubnews.ru/rss",
    name="Кубанские новости",
    order=0,
    interval=timedelta(minutes=15),
    timezone="Europe/Moscow",
    content="summary",
    max_bytes=10_000_000,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "var" / "aggregator.db"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def url(request, path):
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def make(request):
    """Opens stores and closes them when the test is over."""

    def open_(url, *, writing=True):
        store = Store.open(str(url), writing=writing)
        request.addfinalizer(store.close)
        return store

    return open_


def sqlite_url(path):
    return f"sqlite:///{path}"


def poll(*numbers, size=10):
    """A poll that found one entry for each number."""
    new = [
        NewEntry(
            read=EntryRead(
                entry=Entry(
                    key=str(number),
                    title="Новость",
                    link=None,
                    canonical_link=None,
                    summary=None,
                    content="Текст. " * size,
                    text="",
                    position=0,
                ),
                ad=False,
                fingerprint=Fingerprint(
                    key=number, content=number, link=None, title=None, start=None
                ),
            ),
            first_seen=NOW,
            admission=Admission(effective=NOW),
        )
        for number in numbers
    ]
    return PollOutcome(state=SourceState(id=KUB), seen=numbers, new=tuple(new))


def record(store, *numbers, size=10):
    nothing = Grouping(stories=(), minted=frozenset(), joins=())
    store.record([poll(*numbers, size=size)], nothing)


def filled(store, count=200):
    store.sync_sources([SOURCE])
    record(store, *range(count), size=100)
    return store


def start(code, *arguments):
    """Another process that says a line when it is where the test wants it."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, signal_=None):
    if signal_ is not None:
        process.send_signal(signal_)
    process.communicate()  # closes its input, on which it waits


# --- opening ----------------------------------------------------------------------


def test_writing_makes_the_folder_and_the_database(make, path):
    store = make(sqlite_url(path))

    assert path.is_file()
    assert store.created.microsecond == 0
    assert make(sqlite_url(path), writing=False).created == store.created


def test_reading_makes_nothing(path):
    with pytest.raises(StoreError, match="no store yet"):
        Store.open(sqlite_url(path), writing=False)

    assert not path.parent.exists()


def test_an_empty_file_is_a_database_to_be(make, path):
    path.parent.mkdir()
    path.touch()

    with pytest.raises(StoreError, match="no store yet"):
        Store.open(sqlite_url(path), writing=False)
    assert make(sqlite_url(path)).states() == {}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xd0\x9d\xd0\xb5\xd1\x82" * 1000, id="text"),
        pytest.param(os.urandom(4096), id="random"),
        pytest.param(b"SQLite format 3\0" + b"\xff" * 4080, id="magic alone"),
    ],
)
@pytest.mark.parametrize("writing", [True, False])
def test_what_is_no_database_is_refused_and_left_alone(path, content, writing):
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"not a SQLite database|damaged"):
        Store.open(sqlite_url(path), writing=writing)

    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("application_id", [0, 0x0F055112])
@pytest.mark.parametrize("writing", [True, False])
def test_another_programs_database_is_refused_and_left_alone(
    path, application_id, writing
):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entry (id)")
        connection.execute(f"PRAGMA application_id = {application_id}")
    content = path.read_bytes()

    with pytest.raises(StoreError, match="another program"):
        Store.open(sqlite_url(path), writing=writing)

    assert path.read_bytes() == content


@pytest.mark.parametrize("writing", [True, False])
def test_a_newer_schema_is_refused_and_left_alone(make, path, writing):
    make(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    content = path.read_bytes()

    with pytest.raises(StoreError, match="newer version"):
        Store.open(sqlite_url(path), writing=writing)

    assert path.read_bytes() == content


def test_reading_an_older_schema_says_how_to_upgrade(make, path):
    make(sqlite_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()

    with pytest.raises(StoreError, match="run `aggregator migrate`"):
        Store.open(sqlite_url(path), writing=False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "sqlite:/// or postgresql://"),
        ("sqlite://", "needs a file"),
        ("var/aggregator.db", "not a database address"),
        ("postgresql://nobody:secret@127.0.0.1:1/x", "failed"),
    ],
)
def test_a_bad_address_is_one_sentence_without_the_password(url, words):
    with pytest.raises(StoreError, match=words) as caught:
        Store.open(url, writing=True)

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


# --- damage -----------------------------------------------------------------------


def overwrite(path, page):
    """Zero one page of the file, the first one being 0."""
    with path.open("r+b") as file:
        file.seek(page * database.PAGE_BYTES)
        file.write(bytes(database.PAGE_BYTES))
    return path.read_bytes()


def test_a_truncated_file_is_refused_and_kept(make, path):
    filled(make(sqlite_url(path))).close()
    os.truncate(path, path.stat().st_size // 2)
    content = path.read_bytes()

    for writing in (True, False):
        with pytest.raises(StoreError, match=r"aggregator\.db is damaged.*backup"):
            Store.open(sqlite_url(path), writing=writing)

    assert path.read_bytes() == content


def test_zeroed_pages_are_reported_and_the_file_kept(make, path):
    filled(make(sqlite_url(path))).close()
    pages = path.stat().st_size // database.PAGE_BYTES
    for page in range(1, pages):
        content = overwrite(path, page)

    def use():
        store = make(sqlite_url(path))
        store.states()
        record(store, 1_000_000)

    with pytest.raises(StoreError, match=r"aggregator\.db is damaged.*backup"):
        use()

    assert path.read_bytes() == content


def test_no_backup_is_made_of_a_damaged_store(make, path, tmp_path):
    filled(make(sqlite_url(path))).close()
    overwrite(path, path.stat().st_size // database.PAGE_BYTES - 1)
    store = make(sqlite_url(path))

    with pytest.raises(StoreError, match="damaged"):
        store.backup(tmp_path / "copy.db")

    assert [each.name for each in tmp_path.iterdir()] == ["var"]


def test_a_full_disk_loses_nothing_that_was_stored(make, path):
    filled(make(sqlite_url(path)))
    code = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
import test_store_faults as t
store = t.Store.open(sys.argv[1], writing=True)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
try:
    t.record(store, *range(1000, 3000), size=300)
except t.StoreError as exc:
    assert "aggregator.db" in str(exc), exc
    assert len(store.known(t.KUB)) == 200
    t.record(store, 9999)
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, sqlite_url(path), Path(__file__).parent],
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("refused\n", "")
    assert len(make(sqlite_url(path)).known(KUB)) == 201
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_kill_during_a_transaction_loses_that_transaction_alone(make, path):
    filled(make(sqlite_url(path)))
    code = """
import sys
sys.path.insert(0, sys.argv[2])
import test_store_faults as t
store = t.Store.open(sys.argv[1], writing=True)
with store._database.transaction(writing=True) as connection:
    connection.exec_driver_sql("DELETE FROM entry_content")
    connection.exec_driver_sql("DELETE FROM entry")
    print("ready", flush=True)
    sys.stdin.read()
"""
    process = start(code, sqlite_url(path), Path(__file__).parent)
    end(process, signal.SIGKILL)

    store = make(sqlite_url(path))
    record(store, 1_000_000)
    assert len(store.known(KUB)) == 201


# --- others at the same time ------------------------------------------------------


def test_a_busy_database_is_an_error_and_the_next_attempt_works(
    make, path, monkeypatch
):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    store = filled(make(sqlite_url(path)))
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            record(store, 1_000_000)
        assert len(store.known(KUB)) == 200, "reading goes on"
        shell.execute("ROLLBACK")

    record(store, 1_000_000)
    assert len(store.known(KUB)) == 201


def test_reading_beside_a_writer_sees_whole_batches(make, url):
    writer, reader = filled(make(url), 100), make(url, writing=False)
    base = len(writer.known(KUB))
    sizes = []
    writing = threading.Event()

    def read():
        writing.wait()
        for _ in range(50):
            sizes.append(len(reader.known(KUB)) - base)

    thread = threading.Thread(target=read)
    thread.start()
    for batch in range(10):
        record(writer, *range(1000 + batch * 50, 1050 + batch * 50))
        writing.set()
    thread.join()

    assert len(sizes) == 50
    assert all(size % 50 == 0 for size in sizes)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("writing", [True, False])
def test_a_reader_cannot_write(make, path, writing):
    filled(make(sqlite_url(path)))
    store = make(sqlite_url(path), writing=writing)

    if writing:
        record(store, 1_000_000)
    else:
        with pytest.raises(StoreError):
            record(store, 1_000_000)


# --- the writer's lock ------------------------------------------------------------

HOLD = """
import sys
from aggregator.store import Store
store = Store.open(sys.argv[1], writing=True)
with store.lock():
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_the_lock_is_held_by_one_process(make, url):
    store = make(url)
    holder = start(HOLD, url)
    try:
        with pytest.raises(Locked) as caught, store.lock(AT_ONCE):
            pass  # pragma: no cover
    finally:
        end(holder)

    assert caught.value.pid == holder.pid
    assert str(caught.value) == f"already running (pid {holder.pid})"
    with store.lock(timedelta(seconds=5)):
        pass


def test_the_lock_of_a_killed_process_is_free(make, url):
    store = make(url)
    end(start(HOLD, url), signal.SIGKILL)

    with store.lock(timedelta(seconds=5)):
        pass


def test_the_lock_waits_for_its_turn(make, url):
    store = make(url)
    holder = start(HOLD, url)
    release = threading.Timer(0.2, lambda: end(holder))
    release.start()

    with store.lock(timedelta(seconds=10)):
        pass
    release.join()


def test_the_lock_is_given_back_and_not_reentrant(make, url):
    one, other = make(url), make(url)

    with one.lock():
        with pytest.raises(Locked) as caught, other.lock(AT_ONCE):
            pass  # pragma: no cover
        assert caught.value.pid == os.getpid()
    with other.lock(timedelta(seconds=5)), pytest.raises(RuntimeError):
        raise RuntimeError
    with one.lock(timedelta(seconds=5)):
        pass


# --- backup -----------------------------------------------------------------------


def test_a_backup_is_a_store(make, path, tmp_path):
    store = filled(make(sqlite_url(path)))
    copy = tmp_path / "copy.db"
    make(sqlite_url(path), writing=False).backup(copy)

    assert make(sqlite_url(copy)).known(KUB) == store.known(KUB)
    assert store.created == make(sqlite_url(copy)).created


def test_a_backup_overwrites_nothing(make, path, tmp_path):
    store = filled(make(sqlite_url(path)))
    there = tmp_path / "copy.db"
    there.write_text("mine")

    with pytest.raises(StoreError, match="exists already"):
        store.backup(there)
    with pytest.raises(StoreError, match=r"nowhere.*No such file"):
        store.backup(tmp_path / "nowhere" / "copy.db")

    assert there.read_text() == "mine"


def test_a_backup_while_another_process_writes_is_whole(make, path, tmp_path):
    reader = filled(make(sqlite_url(path)))
    code = """
import sys
sys.path.insert(0, sys.argv[2])
import test_store_faults as t
store = t.Store.open(sys.argv[1], writing=True)
print("ready", flush=True)
batch = 0
while batch < 500:
    batch += 1
    t.record(store, *range(batch * 1000, batch * 1000 + 50), size=100)
"""
    process = start(code, sqlite_url(path), Path(__file__).parent)
    copies = [tmp_path / f"{number}.db" for number in range(3)]
    for copy in copies:
        reader.backup(copy)
    end(process, signal.SIGKILL)

    files = {each.name for each in tmp_path.iterdir() if each.is_file()}
    assert files == {copy.name for copy in copies}
    for copy in copies:
        assert len(make(sqlite_url(copy)).known(KUB)) % 50 == 0


@pytest.mark.postgres
def test_a_postgresql_backup_is_what_pg_dump_writes(make, postgres_url, tmp_path):
    store = make(postgres_url)
    copy = tmp_path / "copy.dump"
    try:
        store.backup(copy)
    except StoreError as exc:
        if "pg_dump is not installed" in str(exc) or "version mismatch" in str(exc):
            pytest.skip(str(exc))
        raise

    assert copy.read_bytes().startswith(b"PGDMP")
    assert [each.name for each in tmp_path.iterdir()] == ["copy.dump"]


@pytest.mark.postgres
def test_without_pg_dump_the_error_says_what_to_run(
    make, postgres_url, tmp_path, monkeypatch
):
    store = make(postgres_url)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StoreError, match="pg_dump --format=custom"):
        store.backup(tmp_path / "copy.dump")

    assert list(tmp_path.iterdir()) == []


def test_a_cursor_that_somebody_holds_blocks_no_commit(make, path, monkeypatch):
    """A sampling profiler keeps frames alive, and with them what they have executed."""
    store, held = make(sqlite_url(path)), []
    execute = Connection.exec_driver_sql

    def executed(*arguments, **options):
        held.append(execute(*arguments, **options))
        return held[-1]

    monkeypatch.setattr(Connection, "exec_driver_sql", executed)

    store.expire(datetime(2026, 9, 1, tzinfo=UTC), timedelta(days=90), None)

    assert store.states() == {}
    assert held
