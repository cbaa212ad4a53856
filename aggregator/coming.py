"""The calendar, brought up to date with the stories that documents show."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from aggregator.config import Config
from aggregator.model import EVENTS, CalendarEvent, ToldStory
from aggregator.publish.select import cutoff
from aggregator.store import Store

#: Rows of other stories that a story may be telling of lie no further from a day that
#: it names: what is put off is put off by weeks.
NEAR_DAYS = 62


def settle_calendar(store: Store, config: Config, now: datetime) -> None:
    """Read the stories that tell of events and were not read as they are.

    One transaction: what a crash left unread is read the next time.
    """
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    unread = store.unread_stories(EVENTS, since)
    if not unread:
        return  # the grammar's words would be loaded for nothing: 35 to 75 ms
    from aggregator.events import settle

    near = [_near(told) for told in unread]
    first = min((days.start for days in near if days), default=0)
    stop = max((days.stop for days in near), default=0)
    ids = [told.id for told in unread]
    calendar = _Calendar(store.calendar_around(ids, range(first, stop)))
    changed: dict[str, CalendarEvent] = {}
    for told, days in zip(unread, near, strict=True):
        for row in settle(calendar.around(told.id, days), told, now):
            calendar.put(row)
            changed[row.uid] = row
    store.save_calendar(list(changed.values()), unread)


def _near(told: ToldStory) -> range:
    """The days, as ordinals, around those that a story names; empty: it names none."""
    days = [
        day.toordinal()
        for event in told.events
        for day in (
            event.start and event.start.day,
            event.end and event.end.day,
            event.moved_from,
        )
        if day
    ]
    return range(min(days) - NEAR_DAYS, max(days) + NEAR_DAYS + 1) if days else range(0)


class _Calendar:
    """The rows near some stories, as reading these changes them.

    A question for each story would read the same rows again and again.
    """

    def __init__(self, rows: Iterable[CalendarEvent]) -> None:
        self._rows: dict[str, CalendarEvent] = {}
        #: First day, uid, last day; in order.
        self._places: list[tuple[int, str, int]] = []
        #: By story, what it told or minted.
        self._own: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            self.put(row)

    def put(self, row: CalendarEvent) -> None:
        known = self._rows.get(row.uid)
        if known is not None:
            self._places.remove(_place(known))
        self._rows[row.uid] = row
        insort(self._places, _place(row))
        for story in (row.minted_by, *(telling.story for telling in row.tellings)):
            self._own[story].add(row.uid)

    def around(self, story: str, days: range) -> list[CalendarEvent]:
        """What the story told or minted, and what touches these days.

        By first day, then uid.
        """
        own = self._own.get(story, ())
        return [
            self._rows[uid]
            for first, uid, last in self._places
            if (first < days.stop and last >= days.start) or uid in own
        ]


def _place(row: CalendarEvent) -> tuple[int, str, int]:
    days = [when.day.toordinal() for when in (row.event.start, row.event.end) if when]
    return min(days), row.uid, max(days)
