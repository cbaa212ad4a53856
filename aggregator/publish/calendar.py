"""events.ics: RFC 5545, one VEVENT an event, the same bytes every time.

icalendar makes the lines. The clock stays out: DTSTAMP, which RFC 5545 (3.8.7.2) takes
for the moment of the last change where no METHOD is given, is the event's own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone

from aggregator.model import CalendarEvent, PublishedStory
from aggregator.publish import shown
from aggregator.publish.iri import http_iri
from aggregator.publish.wording import wording

log = logging.getLogger(__name__)

PRODID = "-//aggregator//events//RU"
#: How often calendars ask again; their own defaults go up to a week.
REFRESH = timedelta(hours=1)
#: Of a line; with the space before what is folded 75, which is the standard's most.
MOST_OCTETS = 74
#: How many years of a zone's rules are told: with its changes of the clock, two lines each.
MOST_YEARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDocument:
    """A calendar but for its events."""

    title: str
    #: Its own public address.
    self_url: str
    site_url: str
    #: BCP 47.
    language: str
    #: IANA name of the zone of all times.
    timezone: str
    #: Topic key -> title.
    topics: Mapping[str, str]
    #: Most characters of a summary.
    summary_length: int
    #: The VTIMEZONE's year while there is no event.
    empty_year: int


#: A story and one of its events.
StoryEvent = tuple[PublishedStory, CalendarEvent]


def render_calendar(document: CalendarDocument, events: Sequence[StoryEvent]) -> bytes:
    """The calendar with `events` in the order given; depends on its arguments alone.

    One that cannot be told is logged and left out: it never costs the others theirs.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    # RFC 7986, and what Apple, Google and Outlook read instead.
    title = shown.one_line(document.title)
    calendar.add("name", title)
    calendar.add("x-wr-calname", title)
    calendar.add("x-wr-timezone", document.timezone)
    calendar.add("url", document.site_url)
    calendar.add("source", document.self_url, parameters={"VALUE": "URI"})
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    # Also the one component that a calendar without events must have (3.6).
    years = [
        when.day.year
        for _, listed in events
        for when in (listed.event.start, listed.event.end)
        if when is not None
    ] or [document.empty_year]
    first = min(years)
    last = min(max(years), first + MOST_YEARS)
    calendar.add_component(_timezone(document.timezone, first, last))
    for story, listed in events:
        try:
            calendar.add_component(_event(document, story, listed))
        except Exception:
            log.exception("event left out of %s: %s", document.self_url, listed.uid)
    lines = calendar.content_lines()
    return b"".join(_folded(line) + b"\r\n" for line in lines if line)


def _folded(line: str) -> bytes:
    """The line as icalendar folds it (RFC 5545, 3.1), which goes by single characters.

    It splits no character, and no escape behind its backslash or caret.
    """
    data = line.encode()
    parts = []
    start = 0
    while len(data) - start > MOST_OCTETS:
        end = start + MOST_OCTETS
        while data[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        if data[end - 1] in b"\\^":
            end -= 1
        parts.append(data[start:end])
        start = end
    return b"\r\n ".join([*parts, data[start:]])


@lru_cache(8)  # 50 ms each
def _timezone(name: str, first: int, last: int) -> Timezone:
    """The zone's rules for whole years around the events: few changes of bytes."""
    found = Timezone.from_tzid(
        name, first_date=date(first - 1, 1, 1), last_date=date(last + 2, 1, 1)
    )
    found.pop("comment", None)  # the library's remark on its range
    return found


def _event(
    document: CalendarDocument, story: PublishedStory, listed: CalendarEvent
) -> Event:
    words, zone = wording(document.language), ZoneInfo(document.timezone)
    component = Event()
    component.add("uid", listed.uid)
    changed = listed.changed.astimezone(UTC).replace(microsecond=0)
    component.add("dtstamp", changed)
    component.add("last-modified", changed)
    component.add("sequence", listed.sequence)
    component.add("status", "CANCELLED" if listed.event.cancelled else "CONFIRMED")
    first_told = story.published.astimezone(zone).date()
    for name, moment in zip(
        ("dtstart", "dtend"), _span(listed, first_told), strict=True
    ):
        if isinstance(moment, datetime):
            component.add(name, moment.replace(tzinfo=zone))
        elif moment is not None:
            component.add(name, moment)
    # Nobody is busy because a city has a concert.
    component.add("transp", "TRANSPARENT")
    component.add("summary", shown.title(story, words))
    if place := shown.one_line(listed.event.place):
        component.add("location", place)
    url = http_iri(story.lead.link)
    if url:
        component.add("url", url)
    source = shown.one_line(story.source.name) or story.source.id
    lines = (
        shown.summary(story, document.summary_length),
        f"{words.source}: {source}",
        url,
    )
    component.add("description", "\n".join(line for line in lines if line))
    labels = [shown.one_line(document.topics.get(key)) or key for key in story.topics]
    if labels:
        component.add("categories", labels)
    return component


def _span(
    listed: CalendarEvent, first_told: date
) -> tuple[date | datetime, date | datetime | None]:
    """DTSTART and DTEND: of one type, the end exclusive (RFC 5545, 3.6.1).

    What is open already began, for a calendar, on the day it was told of.
    """
    start, end = listed.event.start, listed.event.end
    if start is not None and start.time is not None:
        begin = datetime.combine(start.day, start.time)
        if end is None:
            return begin, None
        finish = datetime.combine(end.day, end.time or time())
        if end.time is None:
            finish += timedelta(days=1)
        return begin, finish if finish > begin else None
    day = start.day if start else min(first_told, end.day if end else first_told)
    # Texts name the last day, which still belongs to the event.
    last = end.day + timedelta(days=1) if end is not None and end.day >= day else None
    return day, last
