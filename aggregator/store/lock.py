"""The writer's lock: one process at a time changes the store and ``output/``.

The system takes it back when its holder ends, however it ends: there is no stale lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from aggregator.errors import Locked, StoreError
from aggregator.store.database import Database

#: Any number that no other program on the same database uses; "aggregat" in ASCII.
_ADVISORY_KEY = 0x6167677265676174

_POLL_SECONDS = 0.05


@contextmanager
def writers_lock(
    database: Database, timeout: timedelta
) -> Iterator[Callable[[], None]]:
    """Hold the lock; Locked with the holder's pid when it is not free in time.

    Gives a function that is called before every write: a lock that was lost (its file
    deleted, the database server started again) is taken anew, or it raises as this does.
    """
    lock = (
        _FileLock(database.path)
        if database.path is not None
        else _AdvisoryLock(database)
    )
    lock.take(timeout)
    try:
        yield lambda: lock.keep(timeout)
    finally:
        lock.release()


class _FileLock:
    """flock on a file beside the database."""

    def __init__(self, database: Path) -> None:
        # Beside the file itself: all links to one database lead to one lock.
        self._path = Path(f"{database.resolve()}.lock")
        self._descriptor: int | None = None

    def take(self, timeout: timedelta) -> None:
        # Not inherited by child processes: a worker must not keep the lock alive. A link
        # could make us empty what it points to.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = self._descriptor = os.open(self._path, flags, 0o644)
            taken = _wait(lambda: _take_file(descriptor), timeout)
            holder = None if taken else os.pread(descriptor, 32, 0)
        except OSError as exc:
            self._close()
            raise StoreError(
                f"cannot use the lock {self._path}: {exc.strerror}"
            ) from exc
        if holder is not None:
            self._close()
            raise Locked(_pid(holder.decode("ascii", "replace")))
        self._write(f"{os.getpid()}\n".encode())

    def keep(self, timeout: timedelta) -> None:
        if not self._is_in_place():
            self._close()
            self.take(timeout)

    def release(self) -> None:
        # The file stays: deleting it would let two processes lock two files.
        self._write(b"")
        self._close()

    def _is_in_place(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._descriptor))

    def _write(self, holder: bytes) -> None:
        if self._descriptor is None:
            return
        # On a full disk the lock holds, and its holder's name is not known.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, holder, 0)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take_file(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _AdvisoryLock:
    """A lock of the database's own, which belongs to a connection and ends with it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def take(self, timeout: timedelta) -> None:
        with self._database.translated():
            connection = self._connection = (
                self._database.engine.connect().execution_options(
                    isolation_level="AUTOCOMMIT"
                )
            )
        try:
            with self._database.translated():
                taken = _wait(lambda: _take_advisory(connection), timeout)
                holder = None if taken else _holder(connection)
            if not taken:
                raise Locked(holder)
        except BaseException:
            self.release()
            raise

    def keep(self, timeout: timedelta) -> None:
        if not self._is_alive():
            self.release()
            self.take(timeout)

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _is_alive(self) -> bool:
        if self._connection is None:
            return False
        try:
            with self._database.translated():
                self._connection.execute(text("SELECT 1"))
        except StoreError:
            return False
        return True


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
