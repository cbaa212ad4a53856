"""The calendar's rows: events, who tells them, and which stories were read for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, union

from aggregator.model import CalendarEvent, Event, Telling, ToldStory
from aggregator.store.bulk import chunks, delete_many, insert_many
from aggregator.store.entries import WITH_CONTENT
from aggregator.store.event_rows import event_columns, event_of, events_of
from aggregator.store.schema import (
    calendar_event,
    calendar_story,
    calendar_telling,
    entry,
    entry_content,
    story,
    story_topic,
)
from aggregator.store.values import decode, encode, from_micros, to_micros

#: Past events stay for a year, and for those who look a little later.
KEPT = timedelta(days=400)


def unread_stories(
    connection: Connection, topic: str, since: datetime
) -> list[ToldStory]:
    """Announced stories, by their dates, that the calendar has not read as they are.

    Of those that it never read, the ones of a topic since then. Each row of a story that
    it has read is compared, 2 µs.
    """
    changed = select(story.c.number).join(
        calendar_story,
        (calendar_story.c.story == story.c.id)
        & (calendar_story.c.revision != story.c.revision),
    )
    never = (
        select(story_topic.c.story)
        .join(story, story.c.number == story_topic.c.story)
        .outerjoin(calendar_story, calendar_story.c.story == story.c.id)
        .where(
            story_topic.c.topic == topic,
            story_topic.c.published >= to_micros(since),
            calendar_story.c.story.is_(None),
        )
    )
    numbers = connection.execute(union(changed, never)).scalars().all()
    events = _told(connection, numbers)
    found: list[Row[Any]] = []
    for part in chunks(numbers):
        found += connection.execute(
            select(
                story.c.number,
                story.c.id,
                story.c.revision,
                story.c.published,
                story.c.withheld,
                entry_content.c.title,
            )
            .join(
                entry_content,
                (entry_content.c.source == story.c.lead_source)
                & (entry_content.c.key_hash == story.c.lead_key),
            )
            .where(story.c.number.in_(part), story.c.announced)
        )
    return [
        ToldStory(
            id=row.id,
            title=row.title,
            revision=row.revision,
            # What is taken back tells nothing any more.
            events=() if row.withheld else tuple(events.get(row.number, ())),
        )
        for row in sorted(found, key=lambda row: (row.published, row.number))
    ]


def _told(connection: Connection, numbers: Collection[int]) -> dict[int, list[Event]]:
    """By story number, of members that stand, by effective date."""
    told: dict[int, list[Event]] = {}
    for part in chunks(numbers):
        found = connection.execute(
            select(entry.c.story, entry_content.c.events)
            .select_from(WITH_CONTENT)
            .where(
                entry.c.story.in_(part),
                entry_content.c.events.is_not(None),
                entry.c.withdrawn.is_(None),
            )
            .order_by(entry.c.effective, entry.c.source, entry.c.key_hash)
        )
        for number, column in found:
            told.setdefault(number, []).extend(events_of(column))
    return told


def rows_around(
    connection: Connection, stories: Collection[str], days: range
) -> list[CalendarEvent]:
    """The rows that stories told or minted, and those that touch these days (ordinals).

    In any order.
    """
    wanted = (calendar_event.c.last_day >= days.start) & (
        calendar_event.c.first_day < days.stop
    )
    found = {row.uid: row for row in _rows(connection, wanted)}
    # A row is called after the story that minted it, with a number behind.
    minted_by = func.rtrim(calendar_event.c.uid, "0123456789")
    for part in chunks(stories):
        told = select(calendar_telling.c.uid).where(calendar_telling.c.story.in_(part))
        ours = calendar_event.c.uid.in_(told) | minted_by.in_(f"{id_}/" for id_ in part)
        found.update((row.uid, row) for row in _rows(connection, ours))
    return list(found.values())


def calendar(connection: Connection, since: date) -> list[CalendarEvent]:
    """What is told and not over before that day: by first day, then uid."""
    wanted = calendar_event.c.last_day >= since.toordinal()
    return [row for row in _rows(connection, wanted) if row.tellings]


def calendar_of(
    connection: Connection, stories: Collection[str]
) -> dict[str, list[CalendarEvent]]:
    """The events that stories tell, by the stories' ids."""
    found: dict[str, list[CalendarEvent]] = {}
    for part in chunks(stories):
        asked = frozenset(part)
        uids = select(calendar_telling.c.uid).where(calendar_telling.c.story.in_(part))
        for row in _rows(connection, calendar_event.c.uid.in_(uids)):
            for telling in row.tellings:
                if telling.story in asked:
                    found.setdefault(telling.story, []).append(row)
    return found


def save_calendar(
    connection: Connection, rows: Sequence[CalendarEvent], told: Sequence[ToldStory]
) -> None:
    """Rows as they are now, and that the stories were read."""
    insert_many(
        connection,
        calendar_event,
        [_event_row(row) for row in rows],
        replace=("first_day", "last_day", "sequence", "changed", "event"),
    )
    for part in chunks([row.uid for row in rows]):
        connection.execute(
            delete(calendar_telling).where(calendar_telling.c.uid.in_(part))
        )
    insert_many(
        connection,
        calendar_telling,
        [
            (
                row.uid,
                each.story,
                each.title,
                to_micros(each.since),
                encode(event_columns(each.event)),
            )
            for row in rows
            for each in row.tellings
        ],
    )
    insert_many(
        connection,
        calendar_story,
        [(each.id, each.revision) for each in told],
        replace=("revision",),
    )


def forget_past(connection: Connection, now: datetime) -> None:
    """Events long over go, and the marks of stories that are no longer stored."""
    before = (now - KEPT).date().toordinal()
    past = select(calendar_event.c.uid).where(calendar_event.c.last_day < before)
    uids = [(uid,) for uid in connection.execute(past).scalars()]
    for part in chunks(uids):
        over = [uid for (uid,) in part]
        connection.execute(
            delete(calendar_telling).where(calendar_telling.c.uid.in_(over))
        )
    delete_many(connection, calendar_event, uids)
    connection.execute(
        delete(calendar_story).where(calendar_story.c.story.not_in(select(story.c.id)))
    )


def _event_row(row: CalendarEvent) -> tuple[Any, ...]:
    days = [when.day for when in (row.event.start, row.event.end) if when]
    return (
        row.uid,
        min(days).toordinal(),
        max(days).toordinal(),
        row.sequence,
        to_micros(row.changed),
        encode(event_columns(row.event)),
    )


def _rows(connection: Connection, wanted: Any) -> list[CalendarEvent]:
    rows = connection.execute(
        select(calendar_event)
        .where(wanted)
        .order_by(calendar_event.c.first_day, calendar_event.c.uid)
    ).all()
    tellings = _tellings(connection, [row.uid for row in rows])
    return [
        CalendarEvent(
            uid=row.uid,
            sequence=row.sequence,
            changed=from_micros(row.changed),
            event=event_of(decode(row.event)),
            tellings=tuple(map(_telling, tellings.get(row.uid, ()))),
        )
        for row in rows
    ]


def _tellings(
    connection: Connection, uids: Collection[str]
) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for part in chunks(uids):
        rows = connection.execute(
            select(calendar_telling)
            .where(calendar_telling.c.uid.in_(part))
            .order_by(calendar_telling.c.since, calendar_telling.c.story)
        )
        for row in rows:
            found.setdefault(row.uid, []).append(row)
    return found


def _telling(row: Row[Any]) -> Telling:
    return Telling(
        story=row.story,
        title=row.title,
        since=from_micros(row.since),
        event=event_of(decode(row.event)),
    )
