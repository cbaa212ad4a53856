"""What every page knows of the site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from aggregator.publish.wording import Wording, wording

INDEX = "index.html"
AGENDA = "events.html"
SUBSCRIBE = "feeds.html"
SOURCES = "status.html"
EMBED_SCRIPT = "embed.js"

#: Of a page: with titles of 65 letters, full summaries and labels the first load, style and
#: script included, stays under 50 kB uncompressed (11 kB as sent).
PAGE_STORIES = 30
#: Of a block.
EMBED_STORIES = 20

#: Of a feed's file name: what people call the form, and its media type.
FORMS = {
    ".atom": ("Atom", "application/atom+xml"),
    ".rss": ("RSS", "application/rss+xml"),
    ".json": ("JSON Feed", "application/feed+json"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    #: ``culture.atom``.
    name: str
    title: str

    @property
    def form(self) -> str:
        return FORMS[self._suffix][0]

    @property
    def type(self) -> str:
        return FORMS[self._suffix][1]

    @property
    def _suffix(self) -> str:
        return self.name[self.name.rindex(".") :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """All stories, or those of a topic or a place: with a page, feeds and a block."""

    #: Of the topic or place; None: all stories.
    key: str | None
    #: «Культура»; of all stories the site's.
    title: str
    kind: Literal["all", "topic", "place"]
    feeds: tuple[FeedFile, ...]

    @property
    def page(self) -> str:
        return f"{self.key}.html" if self.key else INDEX

    @property
    def embed_key(self) -> str:
        """As ``data-topic`` names it."""
        return self.key or "feed"

    @property
    def embed(self) -> str:
        return f"embed-{self.embed_key}.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    title: str
    #: Public address of all documents; ends in "/".
    url: str
    #: BCP 47; chooses the words as well.
    language: str
    #: IANA name of the zone in which times are printed.
    timezone: str
    #: All stories first, then topics, then places.
    sections: tuple[Section, ...]
    #: Key -> title, of all that stories may be labelled with.
    topics: Mapping[str, str]
    places: Mapping[str, str]
    #: Most characters of a summary.
    summary_length: int
    #: File names; None or empty: there is none.
    calendar: str | None = None
    feed_list: str | None = None
    source_list: str | None = None
    #: Whether pages show sources' pictures, from the sources' servers.
    images: bool = False

    @property
    def words(self) -> Wording:
        return wording(self.language)

    @property
    def calendar_program(self) -> str | None:
        """The calendar's address in the scheme that calendar programs are asked by."""
        return (
            self.calendar and re.sub(r"^https?:", "webcal:", self.url) + self.calendar
        )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def everything(self) -> Section:
        return self.sections[0]

    @property
    def topic_sections(self) -> tuple[Section, ...]:
        return tuple(each for each in self.sections if each.kind == "topic")

    @property
    def place_sections(self) -> tuple[Section, ...]:
        return tuple(each for each in self.sections if each.kind == "place")
