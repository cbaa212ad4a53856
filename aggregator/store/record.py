"""One batch of polls, written: states, entries, edits, and the stories they make.

Rows are made from the batch, then stories are worked out from the rows that stand in
the database, so that recording the same batch again finds nothing left to do.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from sys import byteorder
from typing import Any

from sqlalchemy import Connection, func, select

from aggregator.errors import StoreError
from aggregator.model import (
    ChangedEntry,
    Edit,
    Grouping,
    NewEntry,
    PollOutcome,
    StoryMembers,
)
from aggregator.store.bulk import chunks, delete_many, insert_many, update_many
from aggregator.store.entries import ENTRY_KEY, Key
from aggregator.store.moments import free_moments, whole_second
from aggregator.store.records import Recorded
from aggregator.store.rows import (
    CONTENT_COLUMNS,
    SECOND,
    content_row,
    tagged_of,
    tagged_row,
    to_json,
    to_micros,
)
from aggregator.store.schema import (
    entry,
    entry_content,
    listing,
    story,
    story_topic,
    tombstone,
)
from aggregator.store.sources import save_states, source_numbers

#: Moves of ``updated`` that one entry may cause: a source that rewrites its news for
#: ever (live tickers do) must not come back as unread for ever.
MAX_MOVES = 10

#: Membership of an entry in no story: story, relation, score, why, own_site.
_NO_STORY = (None, None, None, None, None)
_MEMBERSHIP = ("own_site", "story", "relation", "score", "why")


@dataclass(slots=True)
class _Batch:
    """What the batch turned out to change, collected on the way."""

    numbers: dict[str, int]
    #: Story id to number, of every story in the grouping.
    stories: dict[str, int]
    minted: set[int]
    #: Membership columns by entry, from the grouping.
    membership: dict[Key, tuple[Any, ...]]
    #: Those of them that were stored before.
    stored: set[Key] = field(default_factory=set)
    #: Stories with a new member or an edited one.
    changed: set[int] = field(default_factory=set)
    #: News about an entry that may lead: when it was seen.
    news: dict[Key, datetime] = field(default_factory=dict)
    entries_new: int = 0
    entries_updated: int = 0


def record(
    connection: Connection, outcomes: Sequence[PollOutcome], grouping: Grouping
) -> Recorded:
    """Write a batch; the caller's transaction makes it whole or nothing."""
    batch = _prepare(connection, outcomes, grouping)
    save_states(connection, [outcome.state for outcome in outcomes], batch.numbers)
    _save_listings(connection, outcomes, batch)
    _join_stored_entries(connection, batch)
    _insert_entries(connection, outcomes, batch)
    _apply_edits(connection, outcomes, batch)
    changed = _save_stories(connection, grouping, batch)
    return Recorded(
        entries_new=batch.entries_new,
        entries_updated=batch.entries_updated,
        stories_new=len(batch.minted),
        stories_changed=changed,
    )


def _prepare(
    connection: Connection, outcomes: Sequence[PollOutcome], grouping: Grouping
) -> _Batch:
    ids = {outcome.state.id for outcome in outcomes}
    ids.update(member.ref[0] for each in grouping.stories for member in each.members)
    numbers = source_numbers(connection, ids)
    stories, minted = _story_numbers(connection, [each.id for each in grouping.stories])
    return _Batch(
        numbers=numbers,
        stories=stories,
        minted=minted,
        membership=_membership(grouping, stories, numbers),
    )


def _story_numbers(
    connection: Connection, ids: Sequence[str]
) -> tuple[dict[str, int], set[int]]:
    """Numbers of stored and of new stories, and which are new."""
    numbers: dict[str, int] = {}
    for part in chunks(ids):
        found = select(story.c.id, story.c.number).where(story.c.id.in_(part))
        numbers.update((row[0], row[1]) for row in connection.execute(found))
    new = [id_ for id_ in ids if id_ not in numbers]
    if not new:
        return numbers, set()
    last = connection.execute(select(func.max(story.c.number))).scalar() or 0
    fresh = {id_: last + place for place, id_ in enumerate(new, 1)}
    return numbers | fresh, set(fresh.values())


def _membership(
    grouping: Grouping, stories: dict[str, int], numbers: dict[str, int]
) -> dict[Key, tuple[Any, ...]]:
    joins = {join.entry: join for join in grouping.joins}
    membership = {}
    for each in grouping.stories:
        for member in each.members:
            join = joins.get(member.ref)
            source_id, key = member.ref
            membership[numbers[source_id], key] = (
                member.own_site,
                stories[each.id],
                join.relation if join else member.relation,
                join.score if join else None,
                to_json(join.why) if join else None,
            )
    return membership


# --- entries ----------------------------------------------------------------------


def _save_listings(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: _Batch
) -> None:
    rows = [
        (batch.numbers[outcome.state.id], pack_keys(outcome.seen))
        for outcome in outcomes
        if outcome.seen
    ]
    insert_many(connection, listing, rows, replace=("key_hashes",))


def pack_keys(keys: Sequence[int]) -> bytes:
    packed = array("q", keys)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_keys(packed: bytes) -> array[int]:
    keys = array("q", packed)
    if byteorder == "big":
        keys.byteswap()
    return keys


def _insert_entries(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: _Batch
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
            membership = batch.membership.get(key, _NO_STORY)
            if membership is not _NO_STORY and key not in batch.stored:
                batch.changed.add(membership[1])
            rows.append(_entry_row(number, new, membership))
            contents.append((*key, *content_row(new.read.entry, new.read.topics)))
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
        0,
        *story_columns,
    )


def _tombstones(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: _Batch
) -> set[Key]:
    """Of the sources that were read; those no longer listed are forgotten."""
    listed = {
        batch.numbers[outcome.state.id]: set(outcome.seen)
        for outcome in outcomes
        if outcome.seen
    }
    expired: set[Key] = set()
    for part in chunks(listed):
        found = select(tombstone.c.source, tombstone.c.key_hash).where(
            tombstone.c.source.in_(part)
        )
        expired.update((row[0], row[1]) for row in connection.execute(found))
    forgotten = {key for key in expired if key[1] not in listed[key[0]]}
    delete_many(connection, tombstone, sorted(forgotten))
    return expired - forgotten


def _join_stored_entries(connection: Connection, batch: _Batch) -> None:
    """Give members their story where their row doesn't say it yet."""
    joining = []
    for part in chunks(batch.membership):
        found = select(entry.c.source, entry.c.key_hash, entry.c.story)
        for source, hash_, number in connection.execute(
            found.where(ENTRY_KEY.in_(part))
        ):
            key = source, hash_
            batch.stored.add(key)
            membership = batch.membership[key]
            if number != membership[1]:
                joining.append((*membership, *key))
                batch.changed.add(membership[1])
    update_many(connection, entry, _MEMBERSHIP, joining)


def _apply_edits(
    connection: Connection, outcomes: Sequence[PollOutcome], batch: _Batch
) -> None:
    changes = {
        (batch.numbers[outcome.state.id], changed.read.fingerprint.key): changed
        for outcome in outcomes
        for changed in outcome.changed
    }
    stored = _edited(connection, changes)
    noise, rows, contents, gone = [], [], [], []
    for key, changed in changes.items():
        found = changed.read.fingerprint
        if key not in stored:
            gone.append((found.content, *key))
            continue
        content_hash, number = stored[key]
        if content_hash == found.content:
            continue  # recorded before
        if changed.edit is Edit.NOISE:
            noise.append((found.content, *key))
            continue
        rows.append((*_replaced(changed), *key))
        contents.append((*content_row(changed.read.entry, changed.read.topics), *key))
        if number is not None:
            batch.changed.add(number)
        if changed.edit is Edit.NEWS:
            batch.entries_updated += 1
            batch.news[key] = changed.seen_at
    update_many(connection, entry, ("content_hash",), noise)
    update_many(connection, entry, _REPLACED, rows)
    update_many(connection, entry_content, CONTENT_COLUMNS, contents)
    # An expired entry that its source edits stays expired, and is not sent again.
    update_many(connection, tombstone, ("content_hash",), gone)


_REPLACED = ("content_hash", "link_hash", "title_hash", "start_hash", "tagged")


def _replaced(changed: ChangedEntry) -> tuple[Any, ...]:
    """Columns that an edit replaces. Dates and position stay: it is the same news."""
    found = changed.read.fingerprint
    return (
        found.content,
        found.link,
        found.title,
        found.start,
        tagged_row(changed.read.topics),
    )


def _edited(
    connection: Connection, keys: Collection[Key]
) -> dict[Key, tuple[int, int | None]]:
    """Content hash and story of those that are stored."""
    stored: dict[Key, tuple[int, int | None]] = {}
    for part in chunks(keys):
        found = select(
            entry.c.source, entry.c.key_hash, entry.c.content_hash, entry.c.story
        ).where(ENTRY_KEY.in_(part))
        for source, key_hash, content_hash, number in connection.execute(found):
            stored[source, key_hash] = content_hash, number
    return stored


# --- stories ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lead:
    effective: int
    position: int
    withheld: bool
    moves: int


def _save_stories(connection: Connection, grouping: Grouping, batch: _Batch) -> bool:
    """Bring the rows of the batch's stories up to date; whether any changed."""
    numbers = batch.changed.union(batch.stories.values())
    before = _stored_stories(connection, numbers)
    leads, topics = _members(connection, numbers)
    grouped = {batch.stories[each.id]: each for each in grouping.stories}
    rows: dict[int, list[Any]] = {}
    unplaced: dict[int, tuple[int, str]] = {}
    moved: list[tuple[int, int, int]] = []
    for number in sorted(numbers):
        old = before.get(number)
        key = _lead_key(old, grouped.get(number), batch)
        lead = leads.get(key)
        id_ = grouped[number].id if old is None else old.id
        if lead is None:
            raise StoreError(f"the lead of {id_} is not stored")
        second = _updated_second(old, lead, batch.news.get(key))
        if old is None or second != whole_second(old.updated):
            unplaced[number] = second, id_
        if old is not None and old.announced and number in unplaced:
            moved.append((lead.moves + 1, *key))
        rows[number] = _story_row(number, id_, key, lead, old, number in batch.changed)
    moments = free_moments(connection, list(unplaced.values()))
    for number, moment in zip(unplaced, moments, strict=True):
        rows[number][_UPDATED] = moment
    update_many(connection, entry, ("moves",), moved)
    changed = _write_stories(connection, rows.values(), before)
    _write_topics(connection, rows.values(), before, topics)
    return changed


#: Place of `updated` in a row of `story`.
_UPDATED = list(story.c.keys()).index("updated")


def _stored_stories(connection: Connection, numbers: Collection[int]) -> dict[int, Any]:
    stored: dict[int, Any] = {}
    for part in chunks(numbers):
        found = connection.execute(select(story).where(story.c.number.in_(part)))
        stored.update((row.number, row) for row in found)
    return stored


def _members(
    connection: Connection, numbers: Collection[int]
) -> tuple[dict[Key, _Lead], dict[int, set[str]]]:
    """Every member as a possible lead, and the union of topics by story number."""
    leads: dict[Key, _Lead] = {}
    topics: dict[int, set[str]] = {number: set() for number in numbers}
    for part in chunks(numbers):
        found = select(
            entry.c.source,
            entry.c.key_hash,
            entry.c.story,
            entry.c.effective,
            entry.c.position,
            entry.c.withheld,
            entry.c.moves,
            entry.c.tagged,
        ).where(entry.c.story.in_(part))
        for source, key_hash, number, *lead, tagged in connection.execute(found):
            effective, position, withheld, moves = lead
            leads[source, key_hash] = _Lead(
                effective, position, withheld is not None, moves
            )
            topics[number] |= tagged_of(tagged)
    return leads, topics


def _lead_key(old: Any, grouped: StoryMembers | None, batch: _Batch) -> Key:
    """Once announced, a story keeps its lead whatever the grouping says."""
    if grouped is None or (old is not None and old.announced):
        return old.lead_source, old.lead_key
    source_id, key = grouped.lead
    return batch.numbers[source_id], key


def _updated_second(old: Any, lead: _Lead, news: datetime | None) -> int:
    if old is None or not old.announced:
        return whole_second(lead.effective)
    current = whole_second(old.updated)
    if news is None or lead.moves >= MAX_MOVES:
        return current
    # Forward, even when the clock went back: readers ignore an older `updated`.
    return max(whole_second(to_micros(news)), current + SECOND)


def _story_row(
    number: int, id_: str, key: Key, lead: _Lead, old: Any, changed: bool
) -> list[Any]:
    """A row of `story`; `updated` is filled in by the caller when it moves."""
    if old is None:
        return [
            *(number, id_, *key, lead.position, lead.withheld, lead.effective),
            *(0, 1, False),
        ]
    announced = old.announced
    return [
        *(number, id_, *key),
        old.position if announced else lead.position,
        old.withheld if announced else lead.withheld,
        old.published if announced else lead.effective,
        old.updated,
        old.revision + (changed or key != (old.lead_source, old.lead_key)),
        announced,
    ]


def _write_stories(
    connection: Connection, rows: Iterable[list[Any]], before: dict[int, Any]
) -> bool:
    new = [tuple(row) for row in rows if row[0] not in before]
    changed = [
        row for row in rows if row[0] in before and tuple(row) != tuple(before[row[0]])
    ]
    insert_many(connection, story, new)
    columns = tuple(story.c.keys())[1:]
    update_many(connection, story, columns, [(*row[1:], row[0]) for row in changed])
    return bool(new or changed)


def _write_topics(
    connection: Connection,
    rows: Iterable[list[Any]],
    before: dict[int, Any],
    topics: dict[int, set[str]],
) -> None:
    wanted = {
        (row[0], key, row[6], row[4]) for row in rows for key in topics.get(row[0], ())
    }
    stored: set[tuple[Any, ...]] = set()
    for part in chunks(before):
        found = select(story_topic).where(story_topic.c.story.in_(part))
        stored.update(tuple(row) for row in connection.execute(found))
    delete_many(connection, story_topic, [row[:2] for row in stored - wanted])
    insert_many(connection, story_topic, sorted(wanted - stored))
