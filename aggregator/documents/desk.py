"""What documents are made from: the store as it is now, read once for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from aggregator import __version__
from aggregator.config import Config
from aggregator.model import (
    EVENTS,
    CalendarEvent,
    PublishedStory,
    SourceState,
    StoryHeader,
)
from aggregator.publish.feed import Feed
from aggregator.publish.item import Item, items
from aggregator.publish.select import cutoff, select
from aggregator.store import Removal, Store

#: What is read less surely is for the operator (`explain`), not for documents.
SURE = 0.5

#: Stories in a document of a feed's history; contracts.
ARCHIVE_PAGE = 500
#: So long a feed says what was taken back (RFC 6721).
TOLD_OF_REMOVALS = timedelta(days=30)
#: In one document; a source whose every story is taken back must not swell it.
MOST_REMOVALS = ARCHIVE_PAGE
#: Characters of the stories that wait for a second document, and what one counts at
#: least: 3,000 with a summary, or some hundreds of whole articles.
MOST_KEPT, LEAST_KEPT = 9_000_000, 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """All stories, or those of a topic or a place: one selection, told in several forms."""

    #: Of the topic or place; None: all stories.
    key: str | None
    #: The documents'.
    title: str
    #: Whether its history is published.
    is_archived: bool = False

    @property
    def stem(self) -> str:
        """Of the documents' names: ``culture.atom``."""
        return self.key or "feed"

    @property
    def feed(self) -> str:
        """As publications are counted by the store."""
        return self.key or ""

    def archive(self, page: int) -> str:
        """Name of a document of its history; pages begin with 1, the oldest."""
        return f"{self.stem}-archive-{page}.atom"


def channels(config: Config) -> tuple[Channel, ...]:
    """All stories first, then the topics, then the places with documents of their own."""
    site = config.site.title
    return (
        Channel(key=None, title=site, is_archived=True),
        *(
            Channel(key=one.key, title=f"{site}: {one.title}", is_archived=archived)
            for listed, archived in ((config.topics, True), (config.places, False))
            for one in listed
        ),
    )


def day_of(config: Config, now: datetime) -> date:
    """In the site's zone: all that documents know of the time."""
    return now.astimezone(ZoneInfo(config.site.timezone)).date()


def page_of(number: int) -> int:
    """Page of the archive for the publication with this number; 0 for 0."""
    return (number + ARCHIVE_PAGE - 1) // ARCHIVE_PAGE


def numbers_on(page: int) -> tuple[int, int]:
    """Numbers of the first and the last publication on a page of the archive."""
    return (page - 1) * ARCHIVE_PAGE + 1, page * ARCHIVE_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A document as it ought to stand now."""

    name: str
    #: Digest of all that its bytes depend on.
    inputs: str
    render: Callable[[], bytes]
    #: Ids of the stories that it shows; of archives the store knows.
    stories: Sequence[str] = ()
    #: The file was written for good: only what is taken back has it written again.
    is_closed: bool = False
    #: It shows what is taken back.
    is_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The stories that a channel's documents show, newest first."""

    headers: tuple[StoryHeader, ...]
    #: By story id, by date.
    events: Mapping[str, tuple[CalendarEvent, ...]]
    #: Of all that a form can show of the stories.
    digest: str

    @property
    def ids(self) -> list[str]:
        return [header.id for header in self.headers]


class Desk:
    """One look at the store, for one publishing; what it has read it keeps."""

    def __init__(
        self,
        store: Store,
        config: Config,
        now: datetime,
        states: Mapping[str, SourceState],
    ) -> None:
        self.store = store
        self.config = config
        #: Days and cut-offs are taken from it, never times: see `cutoff`.
        self._now = now
        self.states = states
        self._selections: dict[str | None, Selection] = {}
        self._stories: dict[str, PublishedStory] = {}
        self._items: dict[str, Item] = {}
        self._room = MOST_KEPT
        self._events: dict[str, tuple[CalendarEvent, ...]] = {}
        self._last_numbers: dict[str, int] = {}

    @cached_property
    def today(self) -> date:
        return day_of(self.config, self._now)

    @property
    def has_calendar(self) -> bool:
        return any(topic.key == EVENTS for topic in self.config.topics)

    def selection(self, channel: Channel) -> Selection:
        known = self._selections.get(channel.key)
        if known is None:
            publish = self.config.publish
            found = self.headers(channel.key, publish.max_age)
            known = self.choose(found, max_entries=publish.max_entries)
            self._selections[channel.key] = known
        return known

    def stories(
        self, selection: Selection, most: int | None = None
    ) -> list[PublishedStory]:
        """Whole stories, with the events that documents show; the first `most` alone."""
        return _with_events(self.kept(selection.ids[:most]), selection.events)

    def items(self, document: Feed, ids: Sequence[str]) -> list[Item]:
        """The stories as every feed tells them, whatever its form, in the order given.

        Those that other documents show, too, are kept. One that cannot be told is left
        out. `document`: a channel's; what it says of all its stories is all alike.
        """
        missing = [id_ for id_ in ids if id_ not in self._items]
        known = [self._stories[id_] for id_ in missing if id_ in self._stories]
        read = self.load([id_ for id_ in missing if id_ not in self._stories])
        events = self.events(missing)
        told = items(document, _with_events([*known, *read], events))
        made = {item.id: item for item in told}
        found = [item for id_ in ids if (item := self._items.get(id_) or made.get(id_))]
        size = sum(max(len(item.text.content), LEAST_KEPT) for item in told)
        if size <= self._room:
            self._room -= size
            self._items |= {item.id: item for item in told if item.categories}
            # The calendar and the page of events want them whole.
            self._stories |= {story.id: story for story in read if story.id in events}
        return found

    def updated(self, ids: Sequence[str]) -> datetime | None:
        """When one of the stories changed last; None when there are none."""
        return max((story.updated for story in self.kept(ids)), default=None)

    def kept(self, ids: Sequence[str]) -> list[PublishedStory]:
        """Whole stories, without events; what was read once is not read again."""
        missing = [id_ for id_ in ids if id_ not in self._stories]
        for story in self.load(missing):
            self._stories[story.id] = story
        return [self._stories[id_] for id_ in ids if id_ in self._stories]

    def load(self, ids: Sequence[str]) -> list[PublishedStory]:
        """Whole stories without events, read anew and not kept.

        With the topics and places that are configured now.
        """
        return list(map(self._as_configured, self.store.stories(ids)))

    def _as_configured(self, story: PublishedStory) -> PublishedStory:
        if self._topics.issuperset(story.topics):
            return story  # and mentions no place
        return replace(
            story,
            topics=tuple(key for key in story.topics if key in self._topics),
            places=tuple(
                place.key
                for place in self.config.gazetteer
                if place.key in story.topics
            ),
        )

    @cached_property
    def _topics(self) -> frozenset[str]:
        return frozenset(topic.key for topic in self.config.topics)

    def events(self, ids: Sequence[str]) -> dict[str, tuple[CalendarEvent, ...]]:
        """By story id, the events that documents show, by date; of those that have any."""
        if not self.has_calendar:
            return {}
        missing = [id_ for id_ in ids if id_ not in self._events]
        if missing:
            rows = self.store.calendar_of(missing)
            for id_ in missing:
                told = filter(is_shown, rows.get(id_, ()))
                self._events[id_] = tuple(sorted(told, key=by_date))
        return {id_: listed for id_ in ids if (listed := self._events[id_])}

    def last_number(self, channel: Channel) -> int:
        """How many stories were ever published in the channel."""
        known = self._last_numbers.get(channel.feed)
        if known is None:
            known = self.store.last_number(channel.feed)
            self._last_numbers[channel.feed] = known
        return known

    @cached_property
    def stale_publications(self) -> list[tuple[str, int]]:
        """Feed and number of those whose archive shows what is taken back."""
        return self.store.stale_publications()

    def removals(
        self, channel: Channel, numbers: tuple[int, int] | None = None
    ) -> list[Removal]:
        """What was taken back lately; of a whole channel the latest alone."""
        timezone = self.config.site.timezone
        return self.store.removals(
            channel.feed,
            cutoff(self._now, timezone, TOLD_OF_REMOVALS),
            numbers=numbers,
            limit=MOST_REMOVALS,
        )

    def digest(self, *parts: object) -> str:
        """Of `parts`, the configuration that every document shows, and the program's version.

        The parts' representations must tell all of them: dataclasses, not plain objects.
        """
        digest = self._digest_of_configuration.copy()
        digest.update(repr(parts).encode())
        return digest.hexdigest()

    @cached_property
    def _digest_of_configuration(self) -> hashlib._Hash:
        config = self.config
        shown_everywhere = (
            __version__,
            config.site,
            config.publish,
            [(topic.key, topic.title) for topic in config.topics],
            [(place.key, place.title) for place in config.gazetteer],
        )
        return hashlib.sha256(repr(shown_everywhere).encode())

    def headers(self, key: str | None, max_age: timedelta) -> Iterable[StoryHeader]:
        """Stories of a topic or a place, or all, newest first."""
        since = cutoff(self._now, self.config.site.timezone, max_age)
        return self.store.headers(key, since)

    def choose(
        self,
        found: Iterable[StoryHeader],
        *,
        max_entries: int,
        ads: bool = True,
    ) -> Selection:
        """What of `found` a document shows; without `ads` no advertising in any case."""
        publish = self.config.publish
        if publish.ads == "drop" or not ads:
            # One may have become an advertisement since, or the operator changed his mind.
            found = (header for header in found if not header.ad)
        headers = tuple(
            select(found, max_entries=max_entries, source_share=publish.source_share)
        )
        events = self.events([header.id for header in headers])
        return Selection(
            headers=headers,
            events=events,
            digest=self.digest(
                self.said_of_sources({header.source for header in headers}),
                # Another story may cancel what this one announced.
                [
                    (each.id, each.revision, versions(events.get(each.id, ())))
                    for each in headers
                ],
            ),
        )

    def said_of_sources(self, ids: set[str]) -> list[object]:
        """What operator and sources say of the sources, but for dates: those change
        without news.
        """
        config, states = self.config, self.states
        return [
            *(
                (source.id, source.name, source.url, source.content, source.rights)
                for source in config.sources
                if source.id in ids
            ),
            *(
                (info.title, info.link, info.id, info.rights)
                for key in sorted(ids)
                if key in states
                for info in [states[key].info]
            ),
        ]


def _with_events(
    stories: Iterable[PublishedStory],
    events: Mapping[str, tuple[CalendarEvent, ...]],
) -> list[PublishedStory]:
    return [
        replace(story, events=listed) if (listed := events.get(story.id)) else story
        for story in stories
    ]


def versions(rows: Iterable[CalendarEvent]) -> list[tuple[str, int, datetime]]:
    """What tells whether anything changed that documents show of the rows."""
    return [(row.uid, row.sequence, row.changed) for row in rows]


def is_shown(row: CalendarEvent) -> bool:
    # Nobody was told of what is cancelled at first sight.
    unheard_of = row.event.cancelled and row.sequence == 0
    return bool(row.tellings) and row.event.confidence >= SURE and not unheard_of


def by_date(row: CalendarEvent) -> tuple[str, str]:
    when = row.event.start or row.event.end
    return (when.isoformat() if when else "", row.uid)
