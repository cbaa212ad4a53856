"""Whether two texts tell the same event."""

from __future__ import annotations

from aggregator.events.places import is_venue
from aggregator.model import Event
from aggregator.russian import read_words

#: Shorter stems of a place's words say nothing: «в», «им», «№».
_SHORTEST = 3


def same_event(one: Event, other: Event) -> bool:
    """Whether two events of one story are one: the same day and hour, no other venue.

    A time or a place that one of them lacks agrees with any.
    """
    return _same_time(one, other) and same_place(one.place, other.place)


def _same_time(one: Event, other: Event) -> bool:
    if one.start is None or other.start is None:
        if one.end is None or other.end is None:
            return False
        return one.end.day == other.end.day
    if one.start.day != other.start.day:
        return False
    return (
        one.start.time is None
        or other.start.time is None
        or one.start.time == other.start.time
    )


def same_place(one: str | None, other: str | None) -> bool:
    """Whether two places may be one; a town may be any of its venues."""
    if one is None or other is None:
        return True
    mine, theirs = read_words(one), read_words(other)
    if {stem for stem in mine.stems if len(stem) >= _SHORTEST} & set(theirs.stems):
        return True
    named = (any(is_venue[form] for form in words.tokens) for words in (mine, theirs))
    return not all(named)
