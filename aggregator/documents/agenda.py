"""What is coming, as a calendar and as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from aggregator.documents.desk import (
    Desk,
    Edition,
    by_date,
    channels,
    is_shown,
    versions,
)
from aggregator.documents.pages import CALENDAR, site_of
from aggregator.model import EVENTS, CalendarEvent, PublishedStory, StoryHeader
from aggregator.publish.pages.coming import on_agenda
from aggregator.publish.pages.site import AGENDA

#: An event that is over stays so long: a calendar that is seldom online must still see
#: that it was cancelled.
PAST_EVENTS = timedelta(days=7)
#: The soonest; a programme of a year is a database, not a calendar.
MOST_EVENTS = 1_000

#: An event and the first story that told of it, whose page and title it has.
_Listed = tuple[StoryHeader, CalendarEvent]


def calendar_editions(desk: Desk) -> Iterator[Edition]:
    if desk.has_calendar:
        # What is under way changes at midnight; the calendar says nothing of it.
        listed = _listed(desk, desk.today - PAST_EVENTS)
        yield _edition(desk, CALENDAR, listed, partial(_calendar, desk, listed))


def page_editions(desk: Desk) -> Iterator[Edition]:
    if desk.has_calendar:
        listed = _listed(desk, desk.today)
        render = partial(_agenda, desk, listed)
        known = site_of(desk.config)
        edition = _edition(desk, AGENDA, listed, render, desk.today, known)
        shown = [story.id for story, _ in on_agenda(listed, desk.today)]
        yield replace(edition, stories=shown)


def _listed(desk: Desk, since: date) -> list[_Listed]:
    rows = sorted(filter(is_shown, desk.store.calendar(since)), key=by_date)
    del rows[MOST_EVENTS:]
    ids = dict.fromkeys(row.tellings[0].story for row in rows)
    stories = {story.id: story for story in desk.store.headers_of(ids)}
    return [
        (story, row)
        for row in rows
        if (story := stories.get(row.tellings[0].story)) is not None
        and not (story.ad and desk.config.publish.ads == "drop")
    ]


def _edition(
    desk: Desk,
    name: str,
    listed: Sequence[_Listed],
    render: Callable[[], bytes],
    *parts: object,
) -> Edition:
    shown = [(story.id, story.revision, versions([row])) for story, row in listed]
    return Edition(
        name=name,
        inputs=desk.digest(name, shown, *parts),
        render=render,
        stories=[story.id for story, _ in listed],
    )


def _told(
    desk: Desk, listed: Sequence[_Listed]
) -> list[tuple[PublishedStory, CalendarEvent]]:
    """With whole stories."""
    ids = list(dict.fromkeys(header.id for header, _ in listed))
    stories = {story.id: story for story in desk.kept(ids)}
    return [(stories[header.id], row) for header, row in listed]


def _agenda(desk: Desk, listed: Sequence[_Listed]) -> bytes:
    from aggregator.publish.pages.agenda import render_agenda

    return render_agenda(site_of(desk.config), _told(desk, listed), desk.today)


def _calendar(desk: Desk, listed: Sequence[_Listed]) -> bytes:
    from aggregator.publish.calendar import CalendarDocument, render_calendar

    site = desk.config.site
    title = next(each.title for each in channels(desk.config) if each.key == EVENTS)
    return render_calendar(
        CalendarDocument(
            title=title,
            self_url=f"{site.url}{CALENDAR}",
            site_url=site.url,
            language=site.language,
            timezone=site.timezone,
            topics={topic.key: topic.title for topic in desk.config.topics},
            summary_length=desk.config.publish.summary_length,
            empty_year=desk.store.created.year,
        ),
        _told(desk, listed),
    )
