"""One batch of polls, written: states, entries, edits, and the stories they make.

Rows are made from the batch, then stories are worked out from the rows that stand in
the database, so that recording the same batch again finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from aggregator.model import Grouping, PollOutcome
from aggregator.store.batch import prepare
from aggregator.store.record_entries import (
    apply_edits,
    insert_entries,
    join_stored_entries,
    save_listings,
    withdraw_entries,
)
from aggregator.store.record_stories import save_stories
from aggregator.store.records import Recorded
from aggregator.store.rename import rename_entries
from aggregator.store.sources import save_states
from aggregator.store.words import Recent, index_entries


def record(
    connection: Connection,
    outcomes: Sequence[PollOutcome],
    grouping: Grouping,
    recent: Recent,
) -> Recorded:
    """Write a batch; the caller's transaction makes it whole or nothing."""
    batch = prepare(connection, outcomes, grouping)
    save_states(connection, [outcome.state for outcome in outcomes], batch.numbers)
    save_listings(connection, outcomes, batch)
    join_stored_entries(connection, batch)
    insert_entries(connection, outcomes, batch)
    apply_edits(connection, outcomes, batch)
    withdraw_entries(connection, outcomes, batch)
    changed = save_stories(connection, grouping, batch)
    if grouping.index is not None:
        index_entries(connection, recent, grouping.index, batch.numbers)
    # Last: until here all are called by the keys that they had.
    rename_entries(connection, outcomes, batch)
    return Recorded(
        entries_new=batch.entries_new,
        entries_updated=batch.entries_updated,
        stories_new=len(batch.minted),
        stories_changed=changed,
    )
