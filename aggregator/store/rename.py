"""Entries under another key: all rows that name one, in the batch's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from aggregator.model import PollOutcome
from aggregator.store.batch import Batch
from aggregator.store.schema import entry, entry_content, signature, story

_theirs = (entry.c.source == bindparam("of_source")) & (
    entry.c.key_hash == bindparam("old_hash")
)
_content = (entry_content.c.source == bindparam("of_source")) & (
    entry_content.c.key_hash == bindparam("old_hash")
)
_KEPT = tuple(column for column in entry.c if column.name not in {"key_hash", "key"})

# An entry's content refers to it: it is written again, then the old row goes.
_copy = insert(entry).from_select(
    ["key_hash", "key", *(column.name for column in _KEPT)],
    select(
        bindparam("new_hash", type_=BigInteger),
        bindparam("new_key", type_=Text),
        *_KEPT,
    ).where(_theirs),
)
_move_content = (
    update(entry_content).where(_content).values(key_hash=bindparam("new_hash"))
)
_move_signature = (
    update(signature)
    .where(
        signature.c.source == bindparam("of_source"),
        signature.c.key_hash == bindparam("old_hash"),
    )
    .values(key_hash=bindparam("new_hash"))
)
_remove = delete(entry).where(_theirs)
# The entry leads its own story, if any: found by number, not by looking through all.
_lead = (
    update(story)
    .where(
        story.c.number.in_(select(entry.c.story).where(_theirs)),
        story.c.lead_source == bindparam("of_source"),
        story.c.lead_key == bindparam("old_hash"),
    )
    .values(lead_key=bindparam("new_hash"))
)


def rename_entries(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> None:
    """Give entries the key by which their source calls them now; dates and ids stay."""
    renames = [
        {
            "of_source": batch.numbers[outcome.state.id],
            "old_hash": rename.old,
            "new_hash": rename.new,
            "new_key": rename.key,
        }
        for outcome in outcomes
        for rename in outcome.renamed
    ]
    if not renames:
        return
    for statement in (_copy, _lead, _move_content, _move_signature, _remove):
        connection.execute(statement, renames)
