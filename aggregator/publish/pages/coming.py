"""Which events stand on the agenda, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from typing import TypeVar

from aggregator.model import CalendarEvent, Event

T = TypeVar("T")

#: Of the agenda; the calendar has them all.
AGENDA_EVENTS = 200


def on_agenda(
    coming: Iterable[tuple[T, CalendarEvent]], today: date
) -> list[tuple[T, CalendarEvent]]:
    """The soonest of `coming`, by date; what began before `today` stands first."""
    return sorted(coming, key=lambda pair: begins(pair[1].event, today))[:AGENDA_EVENTS]


def begins(event: Event, today: date) -> tuple[date, time]:
    """For the order: what is under way comes before what is still to begin."""
    if event.start is None or event.start.day < today:
        return date.min, time.min
    return event.start.day, event.start.time or time.min
