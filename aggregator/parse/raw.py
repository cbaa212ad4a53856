"""What a reader of one format found, before anything is cleaned.

The readers (``feed``, ``jsonfeed``) fill these from text; ``entries`` makes
``model.ParsedFeed`` of them, for all formats alike. A reader decides what stands
where in its format; it neither sanitises nor resolves nor reads dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from aggregator.model import SourceWarning

#: contracts, Numbers.
MAX_ENTRIES = 5000


@dataclass(slots=True)
class RawText:
    value: str
    #: HTML to be sanitised; else plain text to be taken literally.
    html: bool = True
    #: xml:base in force, possibly relative; None or "": the document's address.
    base: str | None = None


@dataclass(slots=True)
class RawEnclosure:
    url: str
    type: str | None = None
    length: str | int | float | None = None


@dataclass(slots=True)
class RawEntry:
    guid: str | None = None
    #: The guid may stand in for a missing link (RSS 2.0, isPermaLink).
    guid_is_link: bool = False
    #: Candidates for the link, best first.
    links: list[str] = field(default_factory=list)
    title: RawText | None = None
    summary: RawText | None = None
    content: RawText | None = None
    published: str | None = None
    updated: str | None = None
    authors: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    enclosures: list[RawEnclosure] = field(default_factory=list)
    language: str | None = None
    #: What the entry names as the feed that it comes from.
    origin_title: RawText | None = None
    origin_link: str | None = None
    #: xml:base of the entry, possibly relative.
    base: str | None = None


@dataclass(slots=True)
class RawFeed:
    entries: list[RawEntry] = field(default_factory=list)
    title: RawText | None = None
    link: str | None = None
    id: str | None = None
    updated: str | None = None
    rights: RawText | None = None
    language: str | None = None
    fresh_for: timedelta | None = None
    #: rel=hub and rel=self, possibly relative.
    hubs: list[str] = field(default_factory=list)
    self_link: str | None = None
    #: Hours of the week in GMT (FeedInfo.skipped).
    skipped: frozenset[int] = frozenset()
    #: There were more than MAX_ENTRIES.
    cut: bool = False
    #: Something was nested too deep, and left out.
    too_deep: bool = False
    #: Why the document was not well-formed; None when it was.
    recovered: str | None = None
    #: What only the reader could notice.
    warnings: tuple[SourceWarning, ...] = ()
