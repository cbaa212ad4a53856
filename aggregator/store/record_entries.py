"""Entries of a batch, written: new ones, those that join a story, edits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from aggregator.model import ChangedEntry, Edit, NewEntry, PollOutcome
from aggregator.store.batch import Batch
from aggregator.store.bulk import (
    among_keys,
    chunks,
    delete_many,
    insert_many,
    update_many,
)
from aggregator.store.entries import ENTRY_KEY, Key
from aggregator.store.entry_rows import (
    CONTENT_COLUMNS,
    content_row,
    placed_row,
    tagged_row,
)
from aggregator.store.schema import entry, entry_content, listing, tombstone
from aggregator.store.values import pack_integers, to_micros

#: Membership of an entry in no story: story, relation, score, why.
_NO_STORY = (None, None, None, None)
_MEMBERSHIP = ("own_site", "story", "relation", "score", "why")


def save_listings(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> None:
    rows = [
        (batch.numbers[outcome.state.id], pack_integers(outcome.seen))
        for outcome in outcomes
        if outcome.seen
    ]
    insert_many(connection, listing, rows, replace=("key_hashes",))


def insert_entries(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> None:
    """New entries; one that is stored stays, one that has expired stays expired."""
    rows: list[tuple[Any, ...]] = []
    contents: list[tuple[Any, ...]] = []
    expired = _tombstones(connection, outcomes, batch)
    for outcome in outcomes:
        number = batch.numbers[outcome.state.id]
        for new in outcome.new:
            key = (number, new.read.fingerprint.key)
            if key in expired:
                continue
            membership = batch.membership.get(key)
            if membership is None:
                membership = (batch.own_sites.get(key), *_NO_STORY)
            elif key not in batch.stored:
                batch.changed.add(membership[1])
            rows.append(_entry_row(number, new, membership))
            contents.append((*key, *content_row(new.read)))
    batch.entries_new = insert_many(connection, entry, rows)
    insert_many(connection, entry_content, contents)


def _entry_row(
    number: int, new: NewEntry, membership: tuple[Any, ...]
) -> tuple[Any, ...]:
    read, admission = new.read, new.admission
    found = read.fingerprint
    own_site, *story_columns = membership
    return (
        number,
        found.key,
        read.entry.key,
        found.content,
        found.link,
        found.title,
        found.start,
        read.entry.position,
        to_micros(new.first_seen),
        to_micros(admission.effective),
        admission.withheld,
        admission.ad,
        own_site,
        tagged_row(read.topics),
        placed_row(read.places),
        0,
        *story_columns,
        *(None, None),
    )


def _tombstones(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> set[Key]:
    """Of the sources that were read; those no longer listed are forgotten.

    What a document read in part lacks may be listed all the same.
    """
    listed = {
        batch.numbers[outcome.state.id]: set(outcome.seen)
        for outcome in outcomes
        if outcome.seen or outcome.new
    }
    partly = {
        batch.numbers[outcome.state.id] for outcome in outcomes if not outcome.whole
    }
    expired: set[Key] = set()
    for part in chunks(listed):
        found = select(tombstone.c.source, tombstone.c.key_hash).where(
            tombstone.c.source.in_(part)
        )
        expired.update((row[0], row[1]) for row in connection.execute(found))
    forgotten = {
        key for key in expired if key[1] not in listed[key[0]] and key[0] not in partly
    }
    delete_many(connection, tombstone, sorted(forgotten))
    return expired - forgotten


def join_stored_entries(connection: Connection, batch: Batch) -> None:
    """Give members their story where their row doesn't say it yet."""
    joining = []
    found = select(entry.c.source, entry.c.key_hash, entry.c.story).where(
        among_keys(connection, ENTRY_KEY, batch.membership.keys())
    )
    for source, hash_, number in connection.execute(found):
        key = source, hash_
        batch.stored.add(key)
        membership = batch.membership[key]
        if number != membership[1]:
            joining.append((*membership, *key))
            batch.changed.add(membership[1])
    update_many(connection, entry, _MEMBERSHIP, joining)


def apply_edits(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> None:
    changes = {
        (batch.numbers[outcome.state.id], changed.read.fingerprint.key): changed
        for outcome in outcomes
        for changed in outcome.changed
    }
    stored = _edited(connection, changes)
    noise, rows, contents, gone, back = [], [], [], [], []
    for key, changed in changes.items():
        found = changed.read.fingerprint
        if key not in stored:
            gone.append((found.content, *key))
            continue
        old = stored[key]
        number = old.story
        if old.withdrawn is not None and old.removed is None:
            back.append((None, *key))
            if number is not None:
                batch.changed.add(number)
                batch.stale.add(number)
        if old.content_hash == found.content:
            continue  # recorded before
        if changed.edit is Edit.NOISE:
            noise.append((found.content, *key))
            continue
        rows.append((*_replaced(changed), *key))
        contents.append((*content_row(changed.read), *key))
        if number is not None:
            batch.changed.add(number)
            if changed.read.ad is not old.ad:
                batch.stale.add(number)
        if changed.edit is Edit.NEWS:
            batch.entries_updated += 1
            batch.news[key] = changed.seen_at
    update_many(connection, entry, ("withdrawn",), back)
    update_many(connection, entry, ("content_hash",), noise)
    update_many(connection, entry, _REPLACED, rows)
    update_many(connection, entry_content, CONTENT_COLUMNS, contents)
    # An expired entry that its source edits stays expired, and is not sent again.
    update_many(connection, tombstone, ("content_hash",), gone)


_REPLACED = (
    "content_hash",
    "link_hash",
    "title_hash",
    "start_hash",
    "ad",
    "tagged",
    "placed",
)


def _replaced(changed: ChangedEntry) -> tuple[Any, ...]:
    """Columns that an edit replaces. Dates and position stay: it is the same news."""
    found = changed.read.fingerprint
    return (
        found.content,
        found.link,
        found.title,
        found.start,
        changed.read.ad,
        tagged_row(changed.read.topics),
        placed_row(changed.read.places),
    )


def _edited(connection: Connection, keys: Collection[Key]) -> dict[Key, Any]:
    """Those that are stored, as far as edits ask."""
    found = select(
        entry.c.source,
        entry.c.key_hash,
        entry.c.content_hash,
        entry.c.story,
        entry.c.ad,
        entry.c.withdrawn,
        entry.c.removed,
    ).where(among_keys(connection, ENTRY_KEY, keys))
    return {(row.source, row.key_hash): row for row in connection.execute(found)}


def withdraw_entries(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: Batch
) -> None:
    """Mark what sources have taken back, with the time when that was found."""
    found_at = {
        (batch.numbers[outcome.state.id], key): to_micros(outcome.state.last_poll)
        for outcome in outcomes
        for key in outcome.withdrawn
    }
    marks = []
    for key, old in _edited(connection, found_at).items():
        if old.withdrawn is None:
            marks.append((found_at[key], *key))
            if old.story is not None:
                batch.changed.add(old.story)
                batch.stale.add(old.story)
    update_many(connection, entry, ("withdrawn",), marks)
