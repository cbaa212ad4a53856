"""New databases, and older ones brought up to date. Alembic is imported only then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text

from aggregator.clock import Clock
from aggregator.errors import NoStore, StoreError
from aggregator.store.database import (
    BUSY_TIMEOUT_SECONDS,
    PAGE_BYTES,
    Database,
    check_file,
    connect,
    is_newer,
    parse_url,
    revision,
    sqlite_path,
)
from aggregator.store.schema import APPLICATION_ID, REVISION, birth
from aggregator.store.values import to_micros

#: Two processes that create the same PostgreSQL schema at once: one waits.
_UPGRADE_KEY = 0x736368656D61

_NO_STORE = "no store yet; `aggregator once` makes it"


def open_current(url: str, clock: Clock, *, writing: bool) -> Database:
    """A database with the newest schema; writing makes and upgrades what is missing."""
    database = _open(url, writing=writing)
    try:
        if writing:
            upgrade(database, clock)
        else:
            _check_current(database)
    except BaseException:
        database.engine.dispose()
        raise
    return database


def migrate(url: str, clock: Clock) -> tuple[str, str]:
    """Make or upgrade the database; the revisions before ("none": it is new) and after."""
    database = _open(url, writing=True)
    try:
        return upgrade(database, clock)
    finally:
        database.engine.dispose()


def _open(url: str, *, writing: bool) -> Database:
    address = parse_url(url)
    if address.get_backend_name() == "sqlite":
        path = sqlite_path(address)
        if path.exists():
            check_file(path)
        elif writing:
            _create_file(path)
        else:
            raise NoStore(f"{path}: {_NO_STORE}")
    return connect(url, writing=writing)


def upgrade(database: Database, clock: Clock) -> tuple[str, str]:
    """Bring the schema up to date, in one transaction; the revisions before and after."""
    with database.transaction() as connection:
        before = revision(connection, database.name)
    if before == REVISION:
        return before, REVISION
    _refuse_newer(before, database.name)
    if before is None and database.path is not None:
        _mark_file(database.path)
    with database.transaction(writing=True) as connection:
        if connection.dialect.name == "postgresql":
            # Not a snapshot from before the wait.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_KEY}
            )
        # Again: another process may have done it while this one waited.
        before = revision(connection, database.name)
        if before != REVISION:
            _run_revisions(connection)
        if before is None:
            now = clock.now().replace(microsecond=0)
            connection.execute(birth.insert().values(created=to_micros(now)))
    database.checkpoint()
    return before or "none", REVISION


def _check_current(database: Database) -> None:
    with database.transaction() as connection:
        found = revision(connection, database.name)
    if found is None:
        raise NoStore(f"{database.name}: {_NO_STORE}")
    _refuse_newer(found, database.name)
    if found != REVISION:
        raise StoreError(
            f"{database.name} has the schema of an older version;"
            " run `aggregator migrate`"
        )


def _refuse_newer(found: str | None, name: str) -> None:
    if found is not None and is_newer(found):
        raise StoreError(
            f"{name} was written by a newer version of this program (schema {found},"
            f" this one knows {REVISION}). It was left as it is; use the newer program"
        )


def _create_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as exc:
        raise StoreError(f"cannot create {path}: {exc.strerror}") from exc


def _mark_file(path: Path) -> None:
    """Set what a SQLite file takes only while it is empty, or outside a transaction."""
    try:
        with closing(
            sqlite3.connect(path, BUSY_TIMEOUT_SECONDS, isolation_level=None)
        ) as connection:
            if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                return  # another process is making this store just now
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as exc:
        raise StoreError(f"cannot create {path}: {exc}") from exc


def _run_revisions(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
