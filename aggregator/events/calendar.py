"""The calendar: events with a life of their own, told by stories that come and go.

A story's text is read anew with each edit; a reader's calendar needs the same event to
stay the same event when its day, its hour or its place changes, also when another
story brings the news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from aggregator.events.cues import DECIDING, cues_of
from aggregator.events.same import same_event, same_place
from aggregator.model import CalendarEvent, Event, Telling, ToldStory
from aggregator.russian import read_words

#: Between tellings that one publishing read: they keep their order.
_MOMENT = timedelta(microseconds=1)
#: Words of a title that two stories of one event share; one does when there is no more.
_SHARED_WORDS = 2
#: Shorter words tie sentences together and name nothing.
_SHORTEST_WORD = 4


def unite(told: Iterable[Event]) -> tuple[Event, ...]:
    """The events in what several texts tell, the earliest text first.

    The same event counts once, with what any of them knows of it; a later text moves
    and cancels.
    """
    united: list[Event] = []
    for event in told:
        place = next(
            (i for i, known in enumerate(united) if _is_of(event, known)), None
        )
        if place is None:
            united.append(event)
        else:
            united[place] = _told_again(united[place], event)
    return tuple(united)


def settle(
    calendar: Sequence[CalendarEvent], story: ToldStory, now: datetime
) -> tuple[CalendarEvent, ...]:
    """The rows of the calendar that a story's telling makes or changes.

    ``calendar`` holds the rows that the story told before, and those of other stories
    that lie near the days it names. An event the story no longer tells loses its
    telling, never its uid.
    """
    rows = {row.uid: row for row in calendar}
    own: list[CalendarEvent] = []
    others: list[CalendarEvent] = []
    for row in calendar:
        (own if _is_own(row, story.id) else others).append(row)
    told: dict[str, Event] = {}
    left = list(unite(story.events))
    for same in (same_event, _is_of):
        for row in own:
            before = _said(row, story.id)
            match = next((event for event in left if same(event, before)), None)
            if row.uid not in told and match is not None:
                told[row.uid] = match
                left.remove(match)
    lost = [row for row in own if row.uid not in told and _telling(row, story.id)]
    if len(lost) == len(left) == 1:  # an edit that says nothing of moving
        told[lost[0].uid] = left.pop()
    for row in others:
        if not left:
            break
        match = next((event for event in left if _is_told_by(row, story, event)), None)
        if match is not None:
            told[row.uid] = match
            left.remove(match)
    minted = _minted(rows, story, left, now)
    changed = [
        _with_telling(row, story, told.get(row.uid), now)
        for row in (*own, *(row for row in others if row.uid in told))
    ]
    return (*(row for row in changed if row != rows[row.uid]), *minted)


def _minted(
    rows: dict[str, CalendarEvent],
    story: ToldStory,
    events: Sequence[Event],
    now: datetime,
) -> list[CalendarEvent]:
    minted: list[CalendarEvent] = []
    number = 1
    for event in events:
        while f"{story.id}/{number}" in rows:
            number += 1
        telling = Telling(story=story.id, title=story.title, since=now, event=event)
        minted.append(
            CalendarEvent(
                uid=f"{story.id}/{number}",
                sequence=0,
                changed=now,
                event=event,
                tellings=(telling,),
            )
        )
        number += 1
    return minted


def _with_telling(
    row: CalendarEvent, story: ToldStory, event: Event | None, now: datetime
) -> CalendarEvent:
    """The row as it is when the story says this of it; None: nothing."""
    before = _telling(row, story.id)
    tellings = [each for each in row.tellings if each is not before]
    if event is not None:
        since = max([now, *(each.since + _MOMENT for each in tellings)])
        if before and _facts(before.event) == _facts(event):
            # Other words for the same are no news that another story could be behind.
            since = before.since
        tellings.append(
            Telling(story=story.id, title=story.title, since=since, event=event)
        )
    tellings.sort(key=lambda each: each.since)
    whole = _whole(tellings) if tellings else row.event
    news = _facts(whole) != _facts(row.event) or bool(tellings) != bool(row.tellings)
    return replace(
        row,
        event=whole,
        tellings=tuple(tellings),
        sequence=row.sequence + news,
        changed=now if news else row.changed,
    )


def _whole(tellings: Sequence[Telling]) -> Event:
    whole = tellings[0].event
    for telling in tellings[1:]:
        whole = _told_again(whole, telling.event)
    return whole


def _facts(event: Event) -> tuple[object, ...]:
    return event.start, event.end, event.place, event.cancelled


def _telling(row: CalendarEvent, story: str) -> Telling | None:
    return next((each for each in row.tellings if each.story == story), None)


def _is_own(row: CalendarEvent, story: str) -> bool:
    """Whether the story tells it, or was the first to, and may again."""
    tellers = [each.story for each in row.tellings]
    return story in tellers or row.minted_by == story


def _said(row: CalendarEvent, story: str) -> Event:
    before = _telling(row, story)
    return before.event if before else row.event


def _is_told_by(row: CalendarEvent, story: ToldStory, event: Event) -> bool:
    """Whether another story's row is what this story tells of."""
    # Moved, and from when is not told.
    silent = event.moved and event.moved_from is None
    return (
        _is_of(event, row.event)
        or (silent and same_place(event.place, row.event.place))
    ) and any(_alike(each.title, story.title) for each in row.tellings)


def _is_of(event: Event, known: Event) -> bool:
    """Whether a text's event is one that is known, maybe moved."""
    if same_event(event, known):
        return True
    return (
        event.moved_from is not None
        and known.start is not None
        and known.start.day == event.moved_from
    )


def _told_again(known: Event, event: Event) -> Event:
    """What is known, as a later text has it: it moves, cancels and fills in."""
    if not same_event(event, known):
        return replace(event, place=event.place or known.place)
    start, end = known.start, known.end
    if event.start is not None and (start is None or start.time is None):
        start = event.start
    if event.end is not None and (end is None or end.time is None):
        end = event.end
    return replace(
        known,
        start=start,
        end=end,
        place=known.place or event.place,
        cancelled=known.cancelled or event.cancelled,
        confidence=max(known.confidence, event.confidence),
    )


def _alike(one: str, other: str) -> bool:
    """Whether two titles name the same thing, whatever they say of it."""
    mine, theirs = _naming(one), _naming(other)
    shared = len(mine & theirs)
    return shared >= min(_SHARED_WORDS, len(mine), len(theirs)) > 0


@lru_cache(maxsize=4096)  # a story's is compared with those of all near it
def _naming(title: str) -> frozenset[str]:
    """The stems of a title's words that are no verbs, no news and no numbers."""
    words = read_words(title)
    return frozenset(
        stem
        for form, stem in zip(words.tokens, words.stems, strict=True)
        if len(form) >= _SHORTEST_WORD
        and not form.isdigit()
        and DECIDING.isdisjoint(cues_of[form])
    )
