"""The writer's lock: one process at a time changes the store and ``output/``.

The system takes it back when its holder ends, however it ends: there is no stale lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from aggregator.errors import Locked, StoreError
from aggregator.store.database import Database

#: Any number that no other program on the same database uses; "aggregat" in ASCII.
_ADVISORY_KEY = 0x6167677265676174

_POLL_SECONDS = 0.05


@contextmanager
def writers_lock(database: Database, timeout: timedelta) -> Iterator[None]:
    """Hold the lock; Locked with the holder's pid when it is not free in time."""
    held = (
        _file_lock(Path(f"{database.path}.lock"), timeout)
        if database.path is not None
        else _advisory_lock(database, timeout)
    )
    with held:
        yield


@contextmanager
def _file_lock(path: Path, timeout: timedelta) -> Iterator[None]:
    try:
        # Not inherited by child processes: a worker must not keep the lock alive.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as exc:
        raise StoreError(f"cannot open the lock {path}: {exc.strerror}") from exc
    try:
        if not _wait(lambda: _take_file(descriptor), timeout):
            raise Locked(_pid(os.pread(descriptor, 32, 0).decode("ascii", "replace")))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        # The file stays: deleting it would let two processes lock two files.
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take_file(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _advisory_lock(database: Database, timeout: timedelta) -> Iterator[None]:
    # The lock belongs to the connection; it ends with it.
    with database.translated():
        connection = database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        )
    try:
        with database.translated():
            taken = _wait(lambda: _take_advisory(connection), timeout)
            holder = None if taken else _holder(connection)
        if not taken:
            raise Locked(holder)
        yield
    finally:
        connection.invalidate()
        connection.close()


def _take_advisory(connection: Connection) -> bool:
    statement = text("SELECT pg_try_advisory_lock(:key)")
    return bool(connection.execute(statement, {"key": _ADVISORY_KEY}).scalar())


def _holder(connection: Connection) -> int | None:
    statement = text(
        "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND pg_locks.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND classid = :high AND objid = :low"
    )
    halves = {"high": _ADVISORY_KEY >> 32, "low": _ADVISORY_KEY & 0xFFFFFFFF}
    name = connection.execute(statement, halves).scalar()
    return _pid(str(name or "").removeprefix("aggregator "))


def _wait(take: Callable[[], bool], timeout: timedelta) -> bool:
    deadline = time.monotonic() + timeout.total_seconds()
    while not take():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _pid(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
