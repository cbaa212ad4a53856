"""Connections, transactions and what goes wrong with them, for both databases."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from aggregator.errors import StoreError
from aggregator.store.schema import APPLICATION_ID, REVISION

#: A backup or an operator's shell may hold SQLite's lock for some seconds.
BUSY_TIMEOUT_SECONDS = 10.0

#: Seconds after which a PostgreSQL server that is silent counts as gone: without them a
#: power cut over there would leave us waiting for hours.
SILENCE_SECONDS = 30

#: An entry's texts are some 3.5 KB: two fit into such a page (of 4 KB, one and waste).
#: A first crawl writes a quarter less, in a fifth less time.
PAGE_BYTES = 8192

#: Pages in the write-ahead log before they are copied over. SQLite's 1,000 would copy
#: after every batch; 4,000 are 32 MB.
CHECKPOINT_PAGES = 4000

_SQLITE_MAGIC = b"SQLite format 3\0"

_RECOVERY = (
    "It was left as it is. Put a backup in its place, or move it away and start"
    " afresh: what the sources still list comes back, as old news"
)
_SQLITE_FAULTS = {
    sqlite3.SQLITE_CORRUPT: f"is damaged. {_RECOVERY}",
    sqlite3.SQLITE_NOTADB: f"is not a SQLite database. {_RECOVERY}",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_READONLY: "cannot be written: no permission",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: is the folder there, and writable?",
    sqlite3.SQLITE_IOERR: "cannot be read or written: input/output error",
}


@dataclass(frozen=True, slots=True)
class Database:
    """An opened database: its engine, and its name in messages (no password)."""

    engine: Engine
    name: str
    #: None on PostgreSQL.
    path: Path | None
    #: The file as it was opened; None on PostgreSQL.
    file: os.stat_result | None = None

    @contextmanager
    def transaction(self, *, writing: bool = False) -> Iterator[Connection]:
        """One transaction: a snapshot to read from, or all that is written or nothing."""
        if writing:
            self._refuse_another_file()
        with self.translated(), self.engine.connect() as connection:
            if writing:
                connection = connection.execution_options(begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def checkpoint(self) -> None:
        """Copy SQLite's write-ahead log into the file, as far as readers allow."""
        if self.path is not None:
            with self.translated(), self.engine.connect() as connection:
                # Read to its end: while somebody holds the cursor (a debugger, a sampling
                # profiler), SQLite takes it for a write and refuses the next commit.
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()

    def _refuse_another_file(self) -> None:
        """StoreError when the file was deleted or replaced: we would write to the old one."""
        if self.path is None or self.file is None:
            return
        try:
            same = os.path.samestat(self.path.stat(), self.file)
        except OSError:
            same = False
        if not same:
            raise StoreError(
                f"{self.name} was moved or replaced while it was in use;"
                " start this program again"
            )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Database errors as StoreError, the cause kept."""
        try:
            yield
        # Values that a database cannot hold raise these: a lone surrogate, an integer of
        # more than 64 bits. What was JSON and is none was damaged.
        except (
            SQLAlchemyError,
            sqlite3.Error,
            UnicodeError,
            OverflowError,
            JSONDecodeError,
        ) as exc:
            raise StoreError(f"{self.name} {_fault(exc)}") from exc


def connect(url: str, *, writing: bool) -> Database:
    """The database behind a ``storage:`` address; on SQLite its file exists already."""
    address = parse_url(url)
    if address.get_backend_name() == "sqlite":
        path = sqlite_path(address)
        engine = _sqlite_engine(path, writing)
        return Database(engine, str(path), path, path.stat())
    return Database(
        _postgresql_engine(address),
        address.render_as_string(hide_password=True),
        None,
    )


def parse_url(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as exc:
        raise StoreError(f"storage is not a database address: {exc}") from exc
    if backend not in {"sqlite", "postgresql"}:
        raise StoreError("storage must begin with sqlite:/// or postgresql://")
    if backend == "sqlite" and address.database in {None, "", ":memory:"}:
        raise StoreError("storage needs a file, such as sqlite:///var/aggregator.db")
    return address


def sqlite_path(address: URL) -> Path:
    return Path(address.database or "")


def _sqlite_engine(path: Path, writing: bool) -> Engine:
    address = f"file:{quote(os.fspath(path.absolute()))}"

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{address}?{_mode(path, writing)}",
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,  # transactions begin where we say
            check_same_thread=False,  # the pool hands a connection to one at a time
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(
            f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * PAGE_BYTES}"
        )
        connection.execute("PRAGMA cache_size = -16000")  # KiB
        # Keys between tables are checked on PostgreSQL alone: here the check costs 7 µs
        # an entry, and the same statements pass it there in the tests.
        connection.execute("PRAGMA foreign_keys = OFF")
        if not writing:
            connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine("sqlite://", creator=open_file, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(options.get("begin", "BEGIN"))

    return engine


def _mode(path: Path, writing: bool) -> str:
    """How SQLite opens the file; never so that a mistyped path becomes a database."""
    if writing or (_can_write(path) and _can_write(path.parent)):
        return "mode=rw"
    # Another user's store. Its writer's log can be read; without a writer there is none,
    # and SQLite would want to make it.
    return "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"


def _can_write(path: Path) -> bool:
    return os.access(
        path, os.W_OK, effective_ids=os.access in os.supports_effective_ids
    )


def _postgresql_engine(address: URL) -> Engine:
    return create_engine(
        address.set(drivername="postgresql+psycopg"),
        # A snapshot for every transaction, as SQLite gives.
        isolation_level="REPEATABLE READ",
        pool_pre_ping=True,
        paramstyle="format",
        use_native_hstore=False,
        connect_args={
            # `lock` finds the holder's pid by it.
            "application_name": f"aggregator {os.getpid()}",
            **{
                name: value
                for name, value in _PATIENCE.items()
                if name not in address.query
            },
        },
    )


#: What an operator may set otherwise in the address. Waiting for another's lock ends as it
#: does on SQLite.
_PATIENCE = {
    "connect_timeout": 10,
    "options": f"-c lock_timeout={BUSY_TIMEOUT_SECONDS:.0f}s",
    "keepalives_idle": SILENCE_SECONDS // 2,
    "keepalives_interval": SILENCE_SECONDS // 6,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENCE_SECONDS * 1000,
}


# --- what kind of database it is --------------------------------------------------


def check_file(path: Path) -> None:
    """StoreError for a file that is something else; it is only read."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_MAGIC))
    except OSError as exc:
        raise StoreError(f"{path} cannot be read: {exc.strerror}") from exc
    if head not in {_SQLITE_MAGIC, b""}:
        raise StoreError(f"{path} {_SQLITE_FAULTS[sqlite3.SQLITE_NOTADB]}")


def revision(connection: Connection, name: str) -> str | None:
    """The schema's revision; None for an empty database, StoreError for a foreign one."""
    if connection.dialect.name == "sqlite":
        return _sqlite_revision(connection, name)
    found = connection.exec_driver_sql("SELECT to_regclass('alembic_version')")
    if found.scalar() is None:
        return None
    return _version(connection, name)


def _sqlite_revision(connection: Connection, name: str) -> str | None:
    application = connection.exec_driver_sql("PRAGMA application_id").scalar()
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    if application == 0 and not tables:
        return None
    if application != APPLICATION_ID:
        raise StoreError(f"{name} is another program's database. It was left as it is")
    return _version(connection, name) if tables else None


def _version(connection: Connection, name: str) -> str:
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    version = found.scalar()
    if version is None:
        raise StoreError(f"{name} says no schema version. {_RECOVERY}")
    return str(version)


def is_newer(version: str) -> bool:
    """Whether a later release wrote it; what is no number of ours is later too."""
    return not version.isdecimal() or int(version) > int(REVISION)


def _fault(exc: Exception) -> str:
    """The rest of a sentence that begins with the database's name."""
    cause: Any = exc.orig if isinstance(exc, DBAPIError) else exc
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _SQLITE_FAULTS:
        return _SQLITE_FAULTS[code & 0xFF]  # the low byte is the primary code
    if getattr(cause, "sqlstate", None) == "55P03":  # lock_not_available
        return _SQLITE_FAULTS[sqlite3.SQLITE_BUSY]
    message = str(cause).strip().partition("\n")[0]
    if isinstance(cause, JSONDecodeError) or message.startswith("Could not decode to"):
        return _SQLITE_FAULTS[sqlite3.SQLITE_CORRUPT]
    return f"failed: {type(cause).__name__}: {message[:500]}"
