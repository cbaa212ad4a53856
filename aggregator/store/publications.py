"""What was published in which feed, in which order; and what was taken back since.

A number is given once, when a story first appears in a feed, and never changes: archives
are cut by numbers, so their pages never shift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnClause,
    Connection,
    delete,
    func,
    literal_column,
    select,
    update,
)

from aggregator.store.bulk import chunks, insert_many
from aggregator.store.records import Published, Removal
from aggregator.store.schema import (
    decision,
    entry,
    publication,
    source,
    story,
    story_topic,
    withdrawal,
)
from aggregator.store.values import SECOND, from_micros, to_micros

#: The feed of all stories.
EVERYTHING = ""


def announce(connection: Connection) -> int:
    """Let documents show the stories that waited, in all feeds they belong to; how many."""
    waiting = ~story.c.announced & ~story.c.withheld
    rows = connection.execute(
        select(story.c.number, story.c.id)
        .where(waiting)
        .order_by(story.c.published, story.c.id)
    ).all()
    if not rows:
        return 0
    connection.execute(update(story).where(waiting).values(announced=True))
    feeds: dict[int, list[str]] = {row.number: [EVERYTHING] for row in rows}
    for part in chunks(feeds):
        found = select(story_topic.c.story, story_topic.c.topic)
        for number, key in connection.execute(
            found.where(story_topic.c.story.in_(part))
        ):
            feeds[number].append(key)
    number_stories(
        connection, [(row.id, feed) for row in rows for feed in feeds[row.number]]
    )
    return len(rows)


def number_stories(
    connection: Connection, published: Sequence[tuple[str, str]]
) -> None:
    """Give (story id, feed) numbers in the order given; those that have one keep it."""
    numbered: set[tuple[str, str]] = set()
    for part in chunks({id_ for id_, _ in published}):
        found = select(publication.c.story, publication.c.feed)
        numbered.update(
            (row.story, row.feed)
            for row in connection.execute(found.where(publication.c.story.in_(part)))
        )
    last: dict[str, int] = {}
    rows = []
    for id_, feed in published:
        if (id_, feed) in numbered:
            continue
        if feed not in last:
            last[feed] = last_number(connection, feed)
        last[feed] += 1
        rows.append((feed, last[feed], id_, False))
    insert_many(connection, publication, rows)


def last_number(connection: Connection, feed: str) -> int:
    """How many stories were ever published in a feed."""
    found = select(func.max(publication.c.number)).where(publication.c.feed == feed)
    return connection.execute(found).scalar() or 0


def published(
    connection: Connection, feed: str, first: int, last: int
) -> list[Published]:
    """What of a feed's publications from `first` to `last` may be shown now."""
    found = connection.execute(
        select(
            story.c.id,
            story.c.revision,
            source.c.id.label("source_id"),
            story.c.published,
            entry.c.ad,
        )
        .join_from(publication, story, story.c.id == publication.c.story)
        .join(source, source.c.number == story.c.lead_source)
        .join(
            entry,
            (entry.c.source == story.c.lead_source)
            & (entry.c.key_hash == story.c.lead_key),
        )
        .where(
            publication.c.feed == feed,
            publication.c.number.between(first, last),
            ~story.c.withheld,
        )
        .order_by(publication.c.number)
    )
    return [
        Published(
            id=id_,
            revision=revision,
            source=source_id,
            published=from_micros(published),
            ad=ad,
        )
        for id_, revision, source_id, published, ad in found
    ]


def numbers_of(connection: Connection, story_id: str) -> dict[str, int]:
    """The story's number in every feed in which it was published."""
    found = select(publication.c.feed, publication.c.number)
    rows = connection.execute(found.where(publication.c.story == story_id))
    return {row.feed: row.number for row in rows}


# --- what is taken back -----------------------------------------------------------


def removals(
    connection: Connection,
    feed: str,
    since: datetime,
    numbers: tuple[int, int] | None,
    limit: int,
) -> list[Removal]:
    """What was taken back from a feed since then, the latest first.

    `numbers`: of the publications from the first to the last of them alone.
    """
    found = (
        select(withdrawal.c.story, withdrawal.c.since)
        .join(publication, publication.c.story == withdrawal.c.story)
        .where(publication.c.feed == feed, withdrawal.c.since >= to_micros(since))
        .order_by(withdrawal.c.since.desc(), withdrawal.c.story)
        .limit(limit)
    )
    if numbers is not None:
        found = found.where(publication.c.number.between(*numbers))
    return [
        Removal(story=id_, since=from_micros(moment))
        for id_, moment in connection.execute(found)
    ]


def withdraw(
    connection: Connection,
    ids: Collection[str],
    now: datetime,
    *,
    for_good: bool = False,
) -> None:
    """Note that stories are taken back; what is for good stays so.

    Ids that were merged into one of them are taken back with it.
    """
    if not ids:
        return
    # Readers go by what is later: not before the `updated` that they have seen, whose
    # fraction of a second is made up.
    latest = to_micros(now)
    for part in chunks(ids):
        found = select(func.max(story.c.updated)).where(story.c.id.in_(part))
        latest = max(latest, connection.execute(found).scalar() or 0)
    since = latest + -latest % SECOND
    withdrawn = set(ids) | _merged_into(connection, ids)
    rows = [(id_, since, for_good) for id_ in sorted(withdrawn)]
    insert_many(connection, withdrawal, rows, replace=("for_good",) if for_good else ())


def restore(connection: Connection, ids: Collection[str]) -> None:
    for part in chunks(ids):
        connection.execute(delete(withdrawal).where(withdrawal.c.story.in_(part)))


def withdrawn_for_good(connection: Connection, ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(ids):
        rows = select(withdrawal.c.story).where(
            withdrawal.c.story.in_(part), withdrawal.c.for_good
        )
        found.update(connection.execute(rows).scalars())
    return found


def mark_stale(connection: Connection, ids: Collection[str]) -> None:
    """The archives of these stories, and of those they once were one with, are to be
    written again: closed ones show them as they were.
    """
    if not ids:
        return
    for part in chunks(_relatives(connection, ids)):
        connection.execute(
            update(publication)
            .where(publication.c.story.in_(part), ~publication.c.stale)
            .values(stale=True)
        )


def stale(connection: Connection) -> list[tuple[str, int]]:
    """Feed and number of the publications that are marked."""
    # Spelt as the index is: for ``stale = 1`` SQLite would read every publication.
    marked: ColumnClause[bool] = literal_column("publication.stale")
    found = select(publication.c.feed, publication.c.number).where(marked)
    return [(row.feed, row.number) for row in connection.execute(found)]


def _relatives(connection: Connection, ids: Iterable[str]) -> set[str]:
    """With all that a merge or a split ever tied to them."""
    found, new = set(ids), set(ids)
    while new:
        related = _decided(connection, new)
        new = {id_ for row in related for id_ in (row.story, row.other)} - found
        found |= new
    return found


def _merged_into(connection: Connection, ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    new = set(ids)
    while new:
        merged = {
            row.other
            for row in _decided(connection, new)
            if row.kind == "merge" and row.story in new
        }
        new = merged - found
        found |= new
    return found


def _decided(connection: Connection, ids: Collection[str]) -> list[Any]:
    rows: list[Any] = []
    for part in chunks(ids):
        for column in (decision.c.story, decision.c.other):
            rows += connection.execute(
                select(decision.c.kind, decision.c.story, decision.c.other).where(
                    column.in_(part)
                )
            )
    return rows
