"""A feed document but for its stories, whatever its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A story that is taken back (RFC 6721)."""

    #: The story's.
    id: str
    when: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    #: For ever; the document's public address serves, as it is what subscribers keep.
    id: str
    title: str
    subtitle: str | None = None
    #: ``site.url`` + file name.
    self_url: str
    #: ``site.url``; ends in "/".
    site_url: str
    #: The page that shows the same stories; None: ``site_url`` does.
    page_url: str | None = None
    #: BCP 47.
    language: str
    #: IANA name of the zone in which dates are written.
    timezone: str
    author: str
    rights: str | None = None
    #: Topic key -> title, for category labels; places likewise.
    topics: Mapping[str, str]
    places: Mapping[str, str]
    #: Most characters of a summary.
    summary_length: int
    #: The feed's ``updated`` while it has no entry.
    empty_updated: datetime
    #: WebSub hubs that are told of changes.
    hubs: tuple[str, ...] = ()
    #: History (RFC 5005, 4): the addresses of the neighbours, where there are any.
    prev_archive: str | None = None
    next_archive: str | None = None
    #: Of an archive document: the feed that it continues.
    current: str | None = None
    tombstones: tuple[Tombstone, ...] = ()

    @property
    def is_archive(self) -> bool:
        """Whether to mark it as an archive document (RFC 5005, 4).

        The first one is not marked until there is another: an archive without
        neighbours is one that the strictest validator takes for incomplete.
        """
        neighbours = self.prev_archive or self.next_archive
        return self.current is not None and neighbours is not None

    @property
    def alternate(self) -> str:
        """The page for people."""
        return self.page_url or self.site_url
