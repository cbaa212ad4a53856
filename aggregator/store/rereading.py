"""Stored entries read again under other rules: which there are, and what they say now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, select

from aggregator.model import EntryRef, WordsRead
from aggregator.store.bulk import chunks, update_many
from aggregator.store.entry_rows import WORDS_COLUMNS, placed_row, tagged_row, words_row
from aggregator.store.record_stories import rewrite_topics
from aggregator.store.schema import entry, entry_content, source, story
from aggregator.store.values import to_micros


def stories_since(connection: Connection, since: datetime) -> list[int]:
    """Numbers of the stories published from `since` on."""
    found = (
        select(story.c.number)
        .where(story.c.published >= to_micros(since))
        .order_by(story.c.number)
    )
    return list(connection.execute(found).scalars())


def loose_since(connection: Connection, since: datetime) -> list[EntryRef]:
    """Entries in no story, dated from `since` on: they may still join one."""
    found = (
        select(source.c.id, entry.c.key_hash)
        .join_from(entry, source, source.c.number == entry.c.source)
        .where(entry.c.story.is_(None), entry.c.effective >= to_micros(since))
        .order_by(source.c.id, entry.c.key_hash)
    )
    return [(row[0], row[1]) for row in connection.execute(found)]


def latest(connection: Connection, limit: int) -> list[EntryRef]:
    """The entries stored last, the newest first."""
    found = (
        select(source.c.id, entry.c.key_hash)
        .join_from(entry, source, source.c.number == entry.c.source)
        .order_by(
            entry.c.first_seen.desc(),
            entry.c.effective.desc(),
            source.c.id,
            entry.c.key_hash,
        )
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(found)]


def count_entries(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(entry)).scalar_one()


def save_words(
    connection: Connection,
    read: Mapping[EntryRef, WordsRead],
    stories: Collection[str],
) -> None:
    """Replace what entries say; `stories` are those that show it."""
    numbers = _source_numbers(connection, read)
    keys = {ref: (numbers[ref[0]], ref[1]) for ref in read if ref[0] in numbers}
    update_many(
        connection,
        entry,
        ("tagged", "placed"),
        [
            (tagged_row(read[ref].topics), placed_row(read[ref].places), *key)
            for ref, key in keys.items()
        ],
    )
    update_many(
        connection,
        entry_content,
        WORDS_COLUMNS,
        [(*words_row(read[ref]), *key) for ref, key in keys.items()],
    )
    changed: list[int] = []
    for part in chunks(stories):
        found = select(story.c.number).where(story.c.id.in_(part))
        changed += connection.execute(found).scalars()
    rewrite_topics(connection, changed)


def _source_numbers(
    connection: Connection, refs: Collection[EntryRef]
) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for part in chunks({source_id for source_id, _ in refs}):
        found = select(source.c.id, source.c.number).where(source.c.id.in_(part))
        numbers.update((row[0], row[1]) for row in connection.execute(found))
    return numbers
