"""The page of events: what takes place, by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from aggregator.model import CalendarEvent, PublishedStory
from aggregator.publish import shown
from aggregator.publish.iri import http_iri
from aggregator.publish.pages.coming import begins, on_agenda
from aggregator.publish.pages.rendering import Head, render
from aggregator.publish.pages.site import AGENDA, Site
from aggregator.publish.pages.stories import (
    Named,
    source_name,
    title,
    topic_labels,
)
from aggregator.publish.typography import typeset
from aggregator.publish.wording import iso_moment

#: Of the events told to search engines.
DESCRIBED_EVENTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    title: str
    href: str | None
    line: str
    source: str
    topics: tuple[Named, ...]


def render_agenda(
    site: Site, coming: Sequence[tuple[PublishedStory, CalendarEvent]], today: date
) -> bytes:
    """The soonest of `coming`, by date; what began before `today` stands first."""
    words = site.words.pages
    on_page = on_agenda(coming, today)
    days = [
        (
            typeset(site.words.day(day)) if day >= today else words.under_way,
            [_coming(site, *pair, today) for pair in pairs],
        )
        for day, pairs in groupby(
            on_page, key=lambda pair: begins(pair[1].event, today)[0]
        )
    ]
    newest = max((story.updated for story, _ in on_page), default=None)
    head = Head(
        name=AGENDA,
        title=words.events,
        description=words.events_description,
        feeds=tuple(
            feed
            for section in site.sections
            if section.page == AGENDA or section.key is None
            for feed in section.feeds
        ),
        data={"@graph": _events(site, on_page[:DESCRIBED_EVENTS])},
    )
    return render(
        "events.html.j2",
        site,
        head,
        days=days,
        updated=newest.astimezone(site.zone) if newest else None,
        more=len(coming) > len(on_page),
    )


def _coming(
    site: Site, story: PublishedStory, listed: CalendarEvent, today: date
) -> _Coming:
    return _Coming(
        title=title(site, story),
        href=http_iri(story.lead.link),
        line=typeset(shown.event_line(listed, site.words, today.year)),
        source=source_name(story),
        topics=tuple(each for each in topic_labels(site, story) if each.href != AGENDA),
    )


def _events(
    site: Site, coming: Sequence[tuple[PublishedStory, CalendarEvent]]
) -> list[dict[str, Any]]:
    """schema.org's Event, for search engines."""
    found = []
    for story, listed in coming:
        event = listed.event
        if event.start is None:
            continue  # schema.org asks for a start
        state = "EventCancelled" if event.cancelled else "EventScheduled"
        data: dict[str, Any] = {
            "@type": "Event",
            "name": title(site, story),
            "startDate": iso_moment(event.start, site.zone),
            "eventStatus": f"https://schema.org/{state}",
        }
        if event.end:
            data["endDate"] = iso_moment(event.end, site.zone)
        if place := shown.one_line(event.place):
            data["location"] = {"@type": "Place", "name": place, "address": place}
        if url := http_iri(story.lead.link):
            data["url"] = url
        found.append(data)
    return found
