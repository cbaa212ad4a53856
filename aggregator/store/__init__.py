"""Everything that is remembered, in SQLite or PostgreSQL: one implementation, two databases.

The only room that knows SQLAlchemy, Alembic and psycopg.
"""

from aggregator.store.records import (
    DocumentRecord,
    EntryHistory,
    MemberHistory,
    Published,
    Recorded,
    Removal,
    Request,
    Summary,
)
from aggregator.store.store import LOCK_TIMEOUT, Store, migrate

__all__ = [
    "LOCK_TIMEOUT",
    "DocumentRecord",
    "EntryHistory",
    "MemberHistory",
    "Published",
    "Recorded",
    "Removal",
    "Request",
    "Store",
    "Summary",
    "migrate",
]
