"""Everything that is remembered, in SQLite or PostgreSQL: one implementation, two databases.

The only room that knows SQLAlchemy, Alembic and psycopg.
"""

from aggregator.store.records import (
    DocumentRecord,
    EntryHistory,
    MemberHistory,
    Recorded,
    Summary,
)
from aggregator.store.store import Store, migrate

__all__ = [
    "DocumentRecord",
    "EntryHistory",
    "MemberHistory",
    "Recorded",
    "Store",
    "Summary",
    "migrate",
]
