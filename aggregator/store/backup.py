"""A copy of the store in one file, taken while another process writes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aggregator.errors import StoreError
from aggregator.store.database import Database


def backup(database: Database, path: Path) -> None:
    """Write a new file: it is there whole, or not at all.

    A SQLite store gives a SQLite file that takes the store's place as it is; PostgreSQL
    gives what ``pg_restore`` reads.
    """
    if os.path.lexists(path):
        raise StoreError(f"{path} exists already; a backup overwrites nothing")
    try:
        with _new_file(path) as temporary:
            if database.path is not None:
                _copy_sqlite(database, temporary)
            else:
                _dump_postgresql(database, temporary)
    except FileExistsError as exc:
        raise StoreError(f"{path} exists already; a backup overwrites nothing") from exc
    except OSError as exc:
        raise StoreError(f"cannot write {path}: {exc.strerror or exc}") from exc


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what stands there at the end gets its name."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.touch(mode=0o600, exist_ok=False)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike rename, never replaces what came meanwhile
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_sqlite(database: Database, target: Path) -> None:
    with (
        database.translated(),
        database.engine.connect() as connection,
        closing(sqlite3.connect(target)) as copy,
    ):
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
        # In one step: a snapshot, which a writer neither waits for nor starts over.
        driver.backup(copy)
        # One file, without a log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        fault = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise StoreError(f"{database.name} is damaged, no backup was made: {fault}")


def _dump_postgresql(database: Database, target: Path) -> None:
    address = database.engine.url.set(drivername="postgresql")
    program = shutil.which("pg_dump")
    if program is None:
        raise StoreError(
            "pg_dump is not installed; on a machine that has it run:"
            f" pg_dump --format=custom --file=FILE '{address.set(password=None)}'"
        )
    environment = dict(os.environ)
    if address.password is not None:
        # Not among the arguments, which everyone on the machine can read.
        environment["PGPASSWORD"] = str(address.password)
    uri = address.set(password=None).render_as_string()
    done = subprocess.run(  # noqa: S603 - no shell; the address is the operator's
        [program, "--format=custom", f"--file={target}", f"--dbname={uri}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StoreError(f"pg_dump failed: {reason[:500]}")
