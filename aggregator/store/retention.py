"""What is old goes; what a source still lists leaves a tombstone.

`record` takes the tombstone away when the source no longer lists the entry.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, or_, select, update

from aggregator.store.bulk import chunks, delete_many, insert_many
from aggregator.store.calendar import forget_past
from aggregator.store.schema import (
    birth,
    entry,
    entry_content,
    listing,
    story,
    story_topic,
    tombstone,
)
from aggregator.store.values import to_micros, unpack_integers


def expire(
    connection: Connection,
    now: datetime,
    keep_unpublished: timedelta,
    keep_published: timedelta | None,
) -> int:
    """Remove entries that are too old, by effective date; how many.

    A story goes whole: one never announced when its youngest member is too old, an
    announced one when it was published before `keep_published` (None: never).
    """
    connection.execute(update(birth).values(believed=to_micros(now)))
    oldest = to_micros(now - keep_unpublished)
    stories = _silent_stories(connection, oldest)
    if keep_published is not None:
        stories += _published_stories(connection, to_micros(now - keep_published))
    removed = _loose_entries(connection, oldest) | _members(connection, stories)
    forget_past(connection, now)
    if removed:
        _bury(connection, removed)
        _remove(connection, removed, stories)
    return len(removed)


#: Source number, key hash and content hash.
_Removed = set[tuple[int, int, int]]

_removable = select(entry.c.source, entry.c.key_hash, entry.c.content_hash)


def _loose_entries(connection: Connection, oldest: int) -> _Removed:
    found = _removable.where(entry.c.story.is_(None), entry.c.effective < oldest)
    return {(row[0], row[1], row[2]) for row in connection.execute(found)}


def _members(connection: Connection, stories: Collection[int]) -> _Removed:
    members: _Removed = set()
    for part in chunks(stories):
        found = connection.execute(_removable.where(entry.c.story.in_(part)))
        members.update((row[0], row[1], row[2]) for row in found)
    return members


def _silent_stories(connection: Connection, oldest: int) -> list[int]:
    younger = exists().where(
        entry.c.story == story.c.number, entry.c.effective >= oldest
    )
    found = select(story.c.number).where(
        ~story.c.announced,
        # Both values, so that the index is of use.
        or_(story.c.withheld, ~story.c.withheld),
        story.c.published < oldest,
        ~younger,
    )
    return list(connection.execute(found).scalars())


def _published_stories(connection: Connection, oldest: int) -> list[int]:
    found = select(story.c.number).where(story.c.announced, story.c.published < oldest)
    return list(connection.execute(found).scalars())


def _bury(connection: Connection, removed: _Removed) -> None:
    listed = _listed(connection, {source for source, *_ in removed})
    rows = [row for row in removed if row[1] in listed.get(row[0], ())]
    insert_many(connection, tombstone, sorted(rows), replace=("content_hash",))


def _remove(
    connection: Connection, removed: _Removed, stories: Collection[int]
) -> None:
    keys = sorted(row[:2] for row in removed)
    delete_many(connection, entry_content, keys)
    delete_many(connection, entry, keys)
    for part in chunks(stories):
        connection.execute(delete(story_topic).where(story_topic.c.story.in_(part)))
        connection.execute(delete(story).where(story.c.number.in_(part)))


def _listed(connection: Connection, sources: Collection[int]) -> dict[int, set[int]]:
    """The key hashes in each source's last document."""
    listed: dict[int, set[int]] = {}
    for part in chunks(sources):
        found = select(listing.c.source, listing.c.key_hashes).where(
            listing.c.source.in_(part)
        )
        for number, packed in connection.execute(found):
            listed[number] = set(unpack_integers(packed))
    return listed
