"""Pages: the latest stories by day, what is coming by date, and the feeds' addresses.

A page loads nothing and runs nothing; its policy says so to the browser. Times are
absolute: it is written once and read whenever.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from aggregator.model import CalendarEvent, Event, PublishedStory
from aggregator.publish import shown
from aggregator.publish.iri import http_iri
from aggregator.publish.wording import Wording, iso_moment, wording

#: Characters of a title; a longer one is markup or an article gone astray.
TITLE_LENGTH = 300
#: Paragraphs of a summary; a letter a line would push the next story out of sight.
SUMMARY_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    """A feed to subscribe to."""

    title: str
    #: File name below ``site.url``, such as ``culture.atom``.
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page but for its stories."""

    title: str
    #: ``site.url``; ends in "/".
    site_url: str
    #: BCP 47; chooses the words as well.
    language: str
    #: IANA name of the zone in which times are printed.
    timezone: str
    #: The merged feed first.
    feeds: tuple[FeedLink, ...]
    #: Topic key -> title.
    topics: Mapping[str, str]
    #: Most characters of a summary.
    summary_length: int
    #: The calendar's file name; None: there is none.
    calendar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _OtherSource:
    name: str
    href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    title: str
    href: str | None
    #: Local time.
    published: datetime
    source: str
    topics: tuple[str, ...]
    events: tuple[str, ...]
    summary: str
    others: tuple[_OtherSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    title: str
    href: str | None
    line: str
    source: str
    topics: tuple[str, ...]


def render_index(page: Page, stories: Sequence[PublishedStory]) -> bytes:
    """The page with ``stories`` in the order given; depends on its arguments alone."""
    zone, words = ZoneInfo(page.timezone), wording(page.language)
    items = (_item(story, page, zone, words) for story in stories)
    return _rendered("index.html.j2", "", page, stories, days=_by_day(items, words))


def render_events(
    page: Page, coming: Sequence[tuple[PublishedStory, CalendarEvent]], today: date
) -> bytes:
    """What takes place, by date; what began before `today` stands first."""
    words = wording(page.language)
    ordered = sorted(coming, key=lambda pair: _begins(pair[1].event, today))
    days = [
        (
            words.day(day) if day >= today else words.under_way,
            [_coming(*pair, page, words, today) for pair in pairs],
        )
        for day, pairs in groupby(
            ordered, key=lambda pair: _begins(pair[1].event, today)[0]
        )
    ]
    return _rendered(
        "events.html.j2",
        "events.html",
        page,
        [story for story, _ in coming],
        days=days,
        structured_data=_structured_data(ordered, page),
    )


def _rendered(
    template: str,
    name: str,
    page: Page,
    stories: Sequence[PublishedStory],
    **parts: object,
) -> bytes:
    newest = max((story.updated for story in stories), default=None)
    html = _template(template).render(
        page=page,
        name=name,
        words=wording(page.language),
        updated=newest.astimezone(ZoneInfo(page.timezone)) if newest else None,
        style_hash=_style_hash(),
        **parts,
    )
    return html.encode("utf-8", "replace")


def _begins(event: Event, today: date) -> tuple[date, time]:
    """For the order: what is under way comes before what is still to begin."""
    if event.start is None or event.start.day < today:
        return date.min, time.min
    return event.start.day, event.start.time or time.min


def _coming(
    story: PublishedStory,
    listed: CalendarEvent,
    page: Page,
    words: Wording,
    today: date,
) -> _Coming:
    return _Coming(
        title=_title(story, words),
        href=http_iri(story.lead.link),
        line=shown.event_line(listed, words, today.year),
        source=shown.one_line(story.source.name) or story.source.id,
        topics=tuple(page.topics.get(key, key) for key in story.topics),
    )


def _structured_data(
    coming: Sequence[tuple[PublishedStory, CalendarEvent]], page: Page
) -> Markup:
    """schema.org's Event as JSON-LD, for search engines."""
    zone, words = ZoneInfo(page.timezone), wording(page.language)
    found = []
    for story, listed in coming:
        event = listed.event
        if event.start is None:
            continue  # schema.org asks for a start
        state = "EventCancelled" if event.cancelled else "EventScheduled"
        data: dict[str, object] = {
            "@type": "Event",
            "name": _title(story, words),
            "startDate": iso_moment(event.start, zone),
            "eventStatus": f"https://schema.org/{state}",
        }
        if event.end:
            data["endDate"] = iso_moment(event.end, zone)
        if place := shown.one_line(event.place):
            data["location"] = {"@type": "Place", "name": place, "address": place}
        if url := http_iri(story.lead.link):
            data["url"] = url
        found.append(data)
    graph = {"@context": "https://schema.org", "@graph": found}
    text = json.dumps(graph, ensure_ascii=False)
    # Nothing may end the element early; JSON reads the escape as the character.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def _by_day(items: Iterable[_Item], words: Wording) -> list[tuple[str, list[_Item]]]:
    return [
        (words.day(group[0].published), group)
        for _, equals in groupby(items, key=lambda item: item.published.date())
        if (group := list(equals))
    ]


def _item(story: PublishedStory, page: Page, zone: ZoneInfo, words: Wording) -> _Item:
    return _Item(
        title=_title(story, words),
        href=http_iri(story.lead.link),
        published=story.published.astimezone(zone),
        source=shown.one_line(story.source.name) or story.source.id,
        topics=tuple(page.topics.get(key, key) for key in story.topics),
        events=tuple(shown.events(story, words, page.timezone)),
        summary=_few_lines(shown.summary(story, page.summary_length)),
        others=tuple(
            _OtherSource(
                name=shown.one_line(member.source.name) or member.source.id,
                href=http_iri(member.link),
            )
            for member in shown.others(story)
        ),
    )


def _title(story: PublishedStory, words: Wording) -> str:
    title = shown.title(story, words)
    return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…"


def _few_lines(text: str) -> str:
    """The text with its last lines, if there are too many, made one."""
    *first, last = text.split("\n", SUMMARY_LINES - 1)
    return "\n".join([*first, last.replace("\n", " ")])


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("aggregator.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _style_hash() -> str:
    """The policy's name for index.css as included: no style from elsewhere applies."""
    folder = resources.files("aggregator.publish") / "templates"
    style = "\n" + (folder / "index.css").read_text(encoding="utf-8")
    return (
        f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"
    )
