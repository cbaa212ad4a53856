"""Stories of a batch, worked out from the rows of their members, and written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from aggregator.errors import StoreError
from aggregator.model import Grouping, StoryMembers
from aggregator.store import publications
from aggregator.store.batch import Batch
from aggregator.store.bulk import among, delete_many, insert_many, update_many
from aggregator.store.entries import Key
from aggregator.store.entry_rows import tagged_of
from aggregator.store.moments import free_moments, whole_second
from aggregator.store.schema import entry, story, story_topic
from aggregator.store.values import SECOND, to_micros

#: Moves of ``updated`` that one entry may cause: a source that rewrites its news for
#: ever (live tickers do) must not come back as unread for ever.
MAX_MOVES = 10


@dataclass(frozen=True, slots=True)
class _Lead:
    story: int
    effective: int
    position: int
    withheld: bool
    withdrawn: bool
    moves: int


def save_stories(connection: Connection, grouping: Grouping, batch: Batch) -> bool:
    """Bring the rows of the batch's stories up to date; whether any changed."""
    numbers = batch.changed.union(batch.stories.values())
    before = _stored_stories(connection, numbers)
    leads, topics = _members(connection, numbers)
    grouped = {batch.stories[each.id]: each for each in grouping.stories}
    rows: dict[int, list[Any]] = {}
    removed = _removed(connection, before, grouping)
    taken_back: set[str] = set()
    back: set[str] = set()
    unplaced: dict[int, tuple[int, str]] = {}
    moved: list[tuple[int, int, int]] = []
    for number in sorted(numbers):
        old = before.get(number)
        key = _lead_key(old, grouped.get(number), batch, leads)
        lead = leads.get(key)
        id_ = grouped[number].id if old is None else old.id
        if lead is None:
            raise StoreError(f"the lead of {id_} is not stored")
        news = batch.news.get(key)
        if old is not None and key != (old.lead_source, old.lead_key):
            news = news or batch.now
        withheld = _is_withheld(old, lead) or id_ in removed
        if old is not None and old.announced and withheld is not old.withheld:
            (taken_back if withheld else back).add(id_)
            if not withheld and batch.now is not None:
                # Readers have buried it: only a later `updated` brings it back, and
                # they know the moment in whole seconds.
                news = batch.now + timedelta(seconds=1)
        second = _updated_second(old, lead, news)
        if old is None or second != whole_second(old.updated):
            unplaced[number] = second, id_
        if old is not None and old.announced and number in unplaced:
            moved.append((lead.moves + 1, *key))
        rows[number] = _story_row(
            number, id_, key, lead, old, withheld, number in batch.changed
        )
    moments = free_moments(connection, list(unplaced.values()))
    for number, moment in zip(unplaced, moments, strict=True):
        rows[number][_UPDATED] = moment
    update_many(connection, entry, ("moves",), moved)
    changed = _write_stories(connection, rows.values(), before)
    _write_topics(connection, rows.values(), before, topics)
    if taken_back and batch.now is not None:
        publications.withdraw(connection, taken_back, batch.now)
    publications.restore(connection, back)
    stale = {rows[number][_ID] for number in batch.stale & rows.keys()}
    publications.mark_stale(connection, stale | taken_back | back)
    return changed


def rewrite_topics(connection: Connection, numbers: Collection[int]) -> None:
    """Give stories their members' topics and places of now; their revisions rise."""
    before = _stored_stories(connection, numbers)
    _, topics = _members(connection, numbers)
    rows = [list(row) for row in before.values()]
    for row in rows:
        row[_REVISION] += 1
    _write_stories(connection, rows, before)
    _write_topics(connection, rows, before, topics)


#: Place of `updated` in a row of `story`.
_UPDATED = list(story.c.keys()).index("updated")
_REVISION = list(story.c.keys()).index("revision")
_ID = list(story.c.keys()).index("id")
_PUBLISHED = list(story.c.keys()).index("published")
_ANNOUNCED = list(story.c.keys()).index("announced")


def _stored_stories(connection: Connection, numbers: Collection[int]) -> dict[int, Any]:
    asked = select(story).where(among(connection, story.c.number, numbers))
    return {row.number: row for row in connection.execute(asked).all()}


def _members(
    connection: Connection, numbers: Collection[int]
) -> tuple[dict[Key, _Lead], dict[int, set[str]]]:
    """Every member as a possible lead; by story, the union of topics and places."""
    leads: dict[Key, _Lead] = {}
    topics: dict[int, set[str]] = {number: set() for number in numbers}
    asked = select(
        entry.c.source,
        entry.c.key_hash,
        entry.c.story,
        entry.c.effective,
        entry.c.position,
        entry.c.withheld,
        entry.c.withdrawn,
        entry.c.moves,
        entry.c.tagged,
        entry.c.placed,
    ).where(among(connection, entry.c.story, numbers))
    for row in connection.execute(asked).all():
        source, key, number, effective, position, withheld, withdrawn, moves, *told = (
            row
        )
        leads[source, key] = _Lead(
            story=number,
            effective=effective,
            position=position,
            withheld=withheld is not None or withdrawn is not None,
            withdrawn=withdrawn is not None,
            moves=moves,
        )
        if withdrawn is None:
            topics[number].update(*map(tagged_of, told))
    return leads, topics


def _lead_key(
    old: Any, grouped: StoryMembers | None, batch: Batch, leads: dict[Key, _Lead]
) -> Key:
    """Once announced, a story keeps its lead until that is withdrawn, or split off."""
    if old is not None:
        stored = old.lead_source, old.lead_key
        lead = leads.get(stored)
        gone = lead is not None and (lead.withdrawn or lead.story != old.number)
        kept = old.announced and not gone
        if grouped is None or kept:
            return stored
    assert grouped is not None  # noqa: S101 - what is new was grouped
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


def _removed(
    connection: Connection, before: dict[int, Any], grouping: Grouping
) -> set[str]:
    """Ids of those that the operator withdrew."""
    ids = {row.id for row in before.values()}
    return publications.withdrawn_for_good(
        connection, ids.union(each.id for each in grouping.stories)
    )


def _is_withheld(old: Any, lead: _Lead) -> bool:
    """What would keep a story from being announced does not end one that was."""
    return lead.withdrawn if old is not None and old.announced else lead.withheld


def _story_row(
    number: int,
    id_: str,
    key: Key,
    lead: _Lead,
    old: Any,
    withheld: bool,
    changed: bool,
) -> list[Any]:
    """A row of `story`; `updated` is filled in by the caller when it moves."""
    if old is None:
        return [
            *(number, id_, *key, lead.position, withheld, lead.effective),
            *(0, 1, False),
        ]
    announced = old.announced
    return [
        *(number, id_, *key),
        old.position if announced else lead.position,
        withheld,
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
    asked = select(story_topic).where(
        among(connection, story_topic.c.story, before.keys())
    )
    stored = {tuple(row) for row in connection.execute(asked).all()}
    delete_many(connection, story_topic, [row[:2] for row in stored - wanted])
    insert_many(connection, story_topic, sorted(wanted - stored))
    announced = {row[0]: row for row in rows if row[_ANNOUNCED]}
    gained = sorted(
        (announced[number][_PUBLISHED], announced[number][_ID], key)
        for number, key, *_ in wanted - stored
        if number in announced
    )
    publications.number_stories(connection, [(id_, key) for _, id_, key in gained])
