"""The documents there are, and the writing of those whose content changed.

A document is rendered again when the stories it shows, their revisions or the words
around them changed, and written when its bytes did. What a crash left undone is found
out here too: a file that is missing or not as the manifest says is rendered again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aggregator import __version__
from aggregator.alerts import open_alerts
from aggregator.coming import settle_calendar
from aggregator.config import Config
from aggregator.errors import PublishError
from aggregator.model import (
    EVENTS,
    CalendarEvent,
    PublishedStory,
    SourceState,
    StoryHeader,
)
from aggregator.outage import as_shown
from aggregator.publish.select import cutoff, select
from aggregator.publish.status import render_status, source_state, status_document
from aggregator.publish.writer import OutputFolder
from aggregator.scheduler import as_planned
from aggregator.store import DocumentRecord, Store, Summary

if TYPE_CHECKING:
    from aggregator.publish.page import Page

INDEX = "index.html"
STATUS = "status.json"
#: Where the coming events go, as a calendar and as a page.
CALENDAR = "events.ics"
AGENDA = "events.html"
#: An event that is over stays so long: a calendar that is seldom online must still see
#: that it was cancelled.
PAST_EVENTS = timedelta(days=7)
#: The soonest; a programme of a year is a database, not a calendar.
MOST_EVENTS = 1_000
#: What is read less surely is for the operator (`explain`), not for calendars.
SURE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One published file that shows stories."""

    name: str
    #: Key of a topic or of a place; None: all stories.
    topic: str | None
    title: str


def feeds(config: Config) -> tuple[Document, ...]:
    """The Atom documents: all stories, then one document a topic, one a place."""
    merged = Document(name="feed.atom", topic=None, title=config.site.title)
    titles = {topic.key: topic.title for topic in config.topics}
    titles |= {place.key: place.title for place in config.places}
    return (
        merged,
        *(
            Document(
                name=f"{key}.atom", topic=key, title=f"{config.site.title}: {title}"
            )
            for key, title in titles.items()
        ),
    )


def documents(config: Config) -> tuple[Document, ...]:
    """Every document that shows stories, in the order in which they are written."""
    title = config.site.title
    index = Document(name=INDEX, topic=None, title=title)
    return (
        *feeds(config),
        *(
            Document(name=name, topic=topic.key, title=f"{title}: {topic.title}")
            for topic in config.topics
            if topic.key == EVENTS
            for name in (CALENDAR, AGENDA)
        ),
        index,
    )


def selected(
    store: Store, config: Config, topic: str | None, now: datetime
) -> list[StoryHeader]:
    """The stories that a document of this topic carries, newest first."""
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    headers = store.headers(topic, since)
    if config.publish.ads == "drop":
        # One may have become an advertisement since, or the operator changed his mind.
        headers = (header for header in headers if not header.ad)
    return select(
        headers,
        max_entries=config.publish.max_entries,
        source_share=config.publish.source_share,
    )


def publish(
    store: Store,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
    *,
    whole: bool = False,
) -> set[str]:
    """Bring ``output/`` up to date with the store; the names whose bytes changed.

    `whole` renders every document, as ``aggregator publish`` does. A document of a topic
    that is no longer configured is removed. PublishError when a file cannot be written:
    it is as it was, and the others are up to date.
    """
    store.announce()
    if _has_calendar(config):
        settle_calendar(store, config, now)
    output = OutputFolder(config.output)
    output.clean_up()
    manifest = store.documents()
    records: list[DocumentRecord] = []
    written: set[str] = set()
    refused: list[PublishError] = []
    for document in documents(config):
        inputs, render = _edition(store, config, document, now, states)
        known = manifest.pop(document.name, None)
        if not whole and known and _stands(config.output, known, inputs):
            continue
        data = render()
        try:
            if output.put(document.name, data):
                written.add(document.name)
        except PublishError as error:
            refused.append(error)
            continue
        digest = hashlib.sha256(data).hexdigest()
        records.append(
            DocumentRecord(name=document.name, fingerprint=inputs, digest=digest)
        )
    for record in manifest.values():
        output.remove(record.name, record.digest)
    store.save_documents(records, gone=manifest.keys())
    if refused:
        raise refused[0]
    return written


def recover(
    store: Store, config: Config, now: datetime, states: Mapping[str, SourceState]
) -> set[str]:
    """Publish what a crash left undone; nothing on a store that never published."""
    return publish(store, config, now, states) if store.documents() else set()


def write_status(
    store: Store, config: Config, now: datetime, states: Mapping[str, SourceState]
) -> None:
    """status.json: the one document in which time passes; never counted as news."""
    shown = status(store, config, now, states)
    # Alerts are the operator's: no document of a reader holds them.
    data = render_status(shown | {"alerts": []})
    OutputFolder(config.output).put(STATUS, data)


def status(
    store: Store | None,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
) -> dict[str, Any]:
    """What ``aggregator status --json`` holds; None: no store yet."""
    summary = (
        store.summary(now) if store else Summary(stories=0, updated=None, sources={})
    )
    offline_since = store.offline_since() if store else None
    states = as_planned(config.sources, states, now)
    return status_document(
        sources=config.sources,
        states=as_shown(states, offline_since, now),
        offline=offline_since is not None,
        counts=summary.sources,
        alerts=open_alerts(store, config, states, now) if store else (),
        stories=summary.stories,
        updated=summary.updated,
        now=now,
    )


def count_states(
    config: Config,
    states: Mapping[str, SourceState],
    now: datetime,
    *,
    offline: bool,
) -> Counter[str]:
    """How many of the configured sources are in each state."""
    return Counter(
        source_state(
            source,
            states.get(source.id, SourceState(id=source.id)),
            now,
            offline=offline,
        )
        for source in config.sources
    )


def _stands(folder: Path, record: DocumentRecord, inputs: str) -> bool:
    """Whether the file is what was written last, and would be written again."""
    if record.fingerprint != inputs:
        return False
    try:
        data = (folder / record.name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == record.digest


#: A digest of all that a document's bytes depend on, and what renders it.
_Edition = tuple[str, Callable[[], bytes]]


def _edition(
    store: Store,
    config: Config,
    document: Document,
    now: datetime,
    states: Mapping[str, SourceState],
) -> _Edition:
    if document.name in (CALENDAR, AGENDA):
        return _calendar_edition(store, config, document, now)
    headers = selected(store, config, document.topic, now)
    events = _events_of(store, config, [header.id for header in headers])
    inputs = _inputs(config, document.name, headers, states, events)
    return inputs, lambda: _rendered(store, config, document, headers, events)


def _rendered(
    store: Store,
    config: Config,
    document: Document,
    headers: Sequence[StoryHeader],
    events: Mapping[str, tuple[CalendarEvent, ...]],
) -> bytes:
    stories = [
        replace(story, events=events.get(story.id, ()))
        for story in _stories(store, config, [header.id for header in headers])
    ]
    if document.name == INDEX:
        return _index(config, stories)
    return _atom(config, document, stories, store.created)


def _stories(store: Store, config: Config, ids: Sequence[str]) -> list[PublishedStory]:
    """Whole stories, with the topics and places that are configured now."""
    topics = {topic.key for topic in config.topics}
    return [
        replace(
            story,
            topics=tuple(key for key in story.topics if key in topics),
            places=tuple(
                place.key for place in config.gazetteer if place.key in story.topics
            ),
        )
        for story in store.stories(ids)
    ]


def _events_of(
    store: Store, config: Config, ids: Sequence[str]
) -> dict[str, tuple[CalendarEvent, ...]]:
    """By story id, the events that documents show, by date."""
    if not _has_calendar(config):
        return {}
    return {
        story: tuple(sorted(filter(_is_shown, rows), key=_by_date))
        for story, rows in store.calendar_of(ids).items()
    }


def _is_shown(row: CalendarEvent) -> bool:
    # Nobody was told of what is cancelled at first sight.
    unheard_of = row.event.cancelled and row.sequence == 0
    return bool(row.tellings) and row.event.confidence >= SURE and not unheard_of


def _by_date(row: CalendarEvent) -> tuple[str, str]:
    when = row.event.start or row.event.end
    return (when.isoformat() if when else "", row.uid)


def _has_calendar(config: Config) -> bool:
    return any(topic.key == EVENTS for topic in config.topics)


def _calendar_edition(
    store: Store, config: Config, document: Document, now: datetime
) -> _Edition:
    today = now.astimezone(ZoneInfo(config.site.timezone)).date()
    since = today if document.name == AGENDA else today - PAST_EVENTS
    rows = sorted(filter(_is_shown, store.calendar(since)), key=_by_date)[:MOST_EVENTS]
    # An event has the page and the title of the first story that told of it.
    ids = list(dict.fromkeys(row.tellings[0].story for row in rows))
    stories = {story.id: story for story in _stories(store, config, ids)}
    pairs = [
        (story, row)
        for row in rows
        if (story := stories.get(row.tellings[0].story)) is not None
        and not (story.ad and config.publish.ads == "drop")
    ]
    parts = (
        __version__,
        document.name,
        config.site,
        config.publish,
        [(topic.key, topic.title) for topic in config.topics],
        # What is under way changes at midnight; the calendar says nothing of it.
        today if document.name == AGENDA else None,
        [(story.id, story.revision, story.topics, row) for story, row in pairs],
    )
    inputs = hashlib.sha256(repr(parts).encode()).hexdigest()
    return inputs, lambda: _calendar(store, config, document, pairs, today)


def _calendar(
    store: Store,
    config: Config,
    document: Document,
    pairs: Sequence[tuple[PublishedStory, CalendarEvent]],
    today: date,
) -> bytes:
    if document.name == AGENDA:
        from aggregator.publish.page import render_events

        return render_events(_page(config), pairs, today)
    from aggregator.publish.calendar import CalendarDocument, render_calendar

    site = config.site
    return render_calendar(
        CalendarDocument(
            title=document.title,
            self_url=f"{site.url}{document.name}",
            site_url=site.url,
            language=site.language,
            timezone=site.timezone,
            topics={topic.key: topic.title for topic in config.topics},
            summary_length=config.publish.summary_length,
            empty_year=store.created.year,
        ),
        pairs,
    )


def _inputs(
    config: Config,
    name: str,
    headers: Sequence[StoryHeader],
    states: Mapping[str, SourceState],
    events: Mapping[str, tuple[CalendarEvent, ...]],
) -> str:
    """A digest of all that the document's bytes depend on."""
    shown = {header.source for header in headers}
    sources = [
        (source.id, source.name, source.url, source.content, source.rights)
        for source in config.sources
        if source.id in shown
    ]
    # What a source says of itself, but for its dates: they change without news.
    infos = [
        (info.title, info.link, info.id, info.rights)
        for key in sorted(shown)
        if key in states
        for info in [states[key].info]
    ]
    topics = [(topic.key, topic.title) for topic in config.topics]
    places = [(place.key, place.title) for place in config.gazetteer]
    # Another story may cancel what this one announced.
    stories = [
        (header.id, header.revision, events.get(header.id, ())) for header in headers
    ]
    parts = (
        __version__,
        name,
        config.site,
        config.publish,
        topics,
        places,
        sources,
        infos,
        stories,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _atom(
    config: Config,
    document: Document,
    stories: Sequence[PublishedStory],
    created: datetime,
) -> bytes:
    from aggregator.publish.atom import AtomDocument, render_atom

    site = config.site
    return render_atom(
        AtomDocument(
            id=f"{site.url}{document.name}",
            title=document.title,
            self_url=f"{site.url}{document.name}",
            site_url=site.url,
            language=site.language,
            timezone=site.timezone,
            author=site.author or site.title,
            topics={topic.key: topic.title for topic in config.topics},
            places={place.key: place.title for place in config.gazetteer},
            summary_length=config.publish.summary_length,
            empty_updated=created,
        ),
        stories,
    )


def _index(config: Config, stories: Sequence[PublishedStory]) -> bytes:
    from aggregator.publish.page import render_index

    return render_index(_page(config), stories)


def _page(config: Config) -> Page:
    from aggregator.publish.page import FeedLink, Page

    site = config.site
    return Page(
        title=site.title,
        site_url=site.url,
        language=site.language,
        timezone=site.timezone,
        feeds=tuple(
            FeedLink(title=feed.title, name=feed.name) for feed in feeds(config)
        ),
        topics={topic.key: topic.title for topic in config.topics},
        summary_length=config.publish.summary_length,
        calendar=CALENDAR if _has_calendar(config) else None,
    )
