"""What operators decided about stories, carried out and remembered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from aggregator.model import EntryRef, Grouping
from aggregator.store.batch import prepare
from aggregator.store.bulk import chunks, insert_many
from aggregator.store.entries import entry_keys
from aggregator.store.record_entries import join_stored_entries
from aggregator.store.record_stories import save_stories
from aggregator.store.records import Decision
from aggregator.store.schema import decision, entry, story, story_topic
from aggregator.store.values import from_micros, to_micros


def split(connection: Connection, grouping: Grouping, now: datetime) -> None:
    """Carry out ``dedup.decided.split``, whose first story is the one that stays."""
    stays = grouping.stories[0]
    _regroup(connection, grouping, now)
    remember(
        connection,
        now,
        [("split", stays.id, each.id, each.lead) for each in grouping.stories[1:]],
    )


def merge(connection: Connection, grouping: Grouping, gone: str, now: datetime) -> None:
    """Carry out ``dedup.decided.merge``."""
    (kept,) = grouping.stories
    _regroup(connection, grouping, now)
    number = connection.execute(
        select(story.c.number).where(story.c.id == gone)
    ).scalar_one()
    connection.execute(delete(story_topic).where(story_topic.c.story == number))
    connection.execute(delete(story).where(story.c.number == number))
    remember(connection, now, [("merge", kept.id, gone, None)])


def taken_ids(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of the ids that a story has, or had before it was merged."""
    taken: set[str] = set()
    for part in chunks(ids):
        for column in (story.c.id, decision.c.other):
            found = connection.execute(select(column).where(column.in_(part)))
            taken.update(found.scalars())
    return taken


def of_story(connection: Connection, story_id: str) -> list[Decision]:
    """What was decided about a story, in order."""
    found = connection.execute(
        select(
            decision.c.decided,
            decision.c.kind,
            decision.c.story,
            decision.c.other,
            entry.c.key,
        )
        .select_from(
            decision.outerjoin(
                entry,
                (entry.c.source == decision.c.source)
                & (entry.c.key_hash == decision.c.key_hash),
            )
        )
        .where((decision.c.story == story_id) | (decision.c.other == story_id))
        .order_by(decision.c.number)
    )
    return [
        Decision(
            decided=from_micros(row.decided),
            kind=row.kind,
            story=row.story,
            other=row.other,
            entry=row.key,
        )
        for row in found
    ]


def _regroup(connection: Connection, grouping: Grouping, now: datetime) -> None:
    batch = prepare(connection, (), grouping)
    batch.now = now
    # Every one of them reads otherwise now.
    batch.changed.update(batch.stories.values())
    join_stored_entries(connection, batch)
    save_stories(connection, grouping, batch)


def remember(
    connection: Connection,
    now: datetime,
    decided: list[tuple[str, str, str, EntryRef | None]],
) -> None:
    last = connection.execute(select(func.max(decision.c.number))).scalar() or 0
    rows = []
    for number, (kind, stays, other, ref) in enumerate(decided, last + 1):
        key = entry_keys(connection, [ref])[0] if ref else (None, None)
        rows.append((number, to_micros(now), kind, stays, other, *key))
    insert_many(connection, decision, rows)
