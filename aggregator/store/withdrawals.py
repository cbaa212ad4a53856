"""What operators take back, and bring back: stories, or all that a source told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from aggregator.model import EntryRef, Grouping
from aggregator.store import publications
from aggregator.store.batch import prepare
from aggregator.store.bulk import among_keys, insert_many, update_many
from aggregator.store.decisions import remember
from aggregator.store.entries import ENTRY_KEY, entry_keys
from aggregator.store.record_stories import save_stories
from aggregator.store.records import Request
from aggregator.store.schema import decision, entry, request, source, story, withdrawal
from aggregator.store.values import from_micros, to_micros

_NO_STORIES = Grouping(stories=(), minted=frozenset(), joins=())


# --- what is asked ----------------------------------------------------------------


def ask(connection: Connection, asked: Request) -> None:
    row = (asked.scope, asked.target, asked.undo, to_micros(asked.asked))
    insert_many(connection, request, [row], replace=("undo", "asked"))


def requests(connection: Connection) -> list[Request]:
    """In the order in which they were asked."""
    found = connection.execute(
        select(request).order_by(request.c.asked, request.c.scope, request.c.target)
    )
    return [
        Request(
            scope=row.scope,
            target=row.target,
            undo=row.undo,
            asked=from_micros(row.asked),
        )
        for row in found
    ]


def settle(connection: Connection, done: Sequence[Request]) -> None:
    """Forget requests; one that was asked anew meanwhile stays."""
    for each in done:
        connection.execute(
            delete(request).where(
                request.c.scope == each.scope,
                request.c.target == each.target,
                request.c.asked == to_micros(each.asked),
            )
        )


# --- stories ----------------------------------------------------------------------


def present_id(connection: Connection, story_id: str) -> str | None:
    """The id that a story has now, after merges; None when there never was one.

    Of a story that has expired the id that archives know.
    """
    id_ = story_id
    while merged := connection.execute(
        select(decision.c.story).where(
            decision.c.kind == "merge", decision.c.other == id_
        )
    ).scalar():
        id_ = merged
    stored = connection.execute(select(story.c.number).where(story.c.id == id_))
    known = stored.scalar() is not None or publications.numbers_of(connection, id_)
    return id_ if known else None


def withdraw_story(connection: Connection, story_id: str, now: datetime) -> None:
    """Take a story back for good: nothing that sources do brings it back."""
    if publications.withdrawn_for_good(connection, {story_id}):
        return
    publications.withdraw(connection, {story_id}, now, for_good=True)
    _save_again(connection, story_id, now)
    publications.mark_stale(connection, {story_id})
    remember(connection, now, [("withdraw", story_id, story_id, None)])


def restore_story(connection: Connection, story_id: str, now: datetime) -> None:
    """Undo `withdraw_story`; what its source took back as well stays so."""
    if not publications.withdrawn_for_good(connection, {story_id}):
        return
    connection.execute(
        update(withdrawal).where(withdrawal.c.story == story_id).values(for_good=False)
    )
    if not _save_again(connection, story_id, now):
        publications.restore(connection, {story_id})
    publications.mark_stale(connection, {story_id})
    remember(connection, now, [("restore", story_id, story_id, None)])


def _save_again(connection: Connection, story_id: str, now: datetime) -> bool:
    """Bring a story's row up to date; whether it is still withheld."""
    number = connection.execute(
        select(story.c.number).where(story.c.id == story_id)
    ).scalar()
    if number is None:
        return False  # expired: only archives show it
    _save(connection, {number}, _NO_STORIES, now)
    withheld: bool = connection.execute(
        select(story.c.withheld).where(story.c.number == number)
    ).scalar_one()
    return withheld


# --- sources ----------------------------------------------------------------------


def told_by(connection: Connection, source_id: str) -> list[EntryRef]:
    """A source's entries in stories, but for those that the operator took back."""
    found = (
        select(entry.c.key_hash)
        .join(source, source.c.number == entry.c.source)
        .where(
            source.c.id == source_id,
            entry.c.story.is_not(None),
            entry.c.removed.is_(None),
        )
        .order_by(entry.c.story, entry.c.key_hash)
    )
    return [(source_id, key) for key in connection.execute(found).scalars()]


def withdraw_entries(
    connection: Connection,
    refs: Collection[EntryRef],
    grouping: Grouping,
    now: datetime,
) -> None:
    """Take entries back for good; `grouping`: their stories without them."""
    moment = to_micros(now)
    keys = entry_keys(connection, refs)
    stories: set[int] = set()
    marks = []
    found = select(
        entry.c.source, entry.c.key_hash, entry.c.story, entry.c.withdrawn
    ).where(among_keys(connection, ENTRY_KEY, keys))
    for source_number, key_hash, number, withdrawn in connection.execute(found):
        marks.append((withdrawn or moment, moment, source_number, key_hash))
        stories.add(number)
    update_many(connection, entry, ("withdrawn", "removed"), marks)
    _save(connection, stories - {None}, grouping, now)


def restore_entries(connection: Connection, source_id: str, now: datetime) -> None:
    """Undo `withdraw_entries` for all of a source's; what it took back itself stays so.

    A story that another entry leads by now keeps that lead.
    """
    theirs = (
        entry.c.source
        == select(source.c.number).where(source.c.id == source_id).scalar_subquery()
    ) & entry.c.removed.is_not(None)
    stories = set(connection.execute(select(entry.c.story).where(theirs)).scalars())
    by_operator = theirs & (entry.c.withdrawn == entry.c.removed)
    connection.execute(update(entry).where(by_operator).values(withdrawn=None))
    connection.execute(update(entry).where(theirs).values(removed=None))
    _save(connection, stories - {None}, _NO_STORIES, now)


def _save(
    connection: Connection, numbers: Collection[int], grouping: Grouping, now: datetime
) -> None:
    batch = prepare(connection, (), grouping)
    batch.now = now
    batch.changed.update(numbers)
    batch.stale.update(numbers)
    save_stories(connection, grouping, batch)
