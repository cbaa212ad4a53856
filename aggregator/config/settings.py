"""What feeds.yaml says, read and complete: every default filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from aggregator.model import Bucket, Place, Source, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    title: str
    #: Public address of the output folder; ends in "/".
    url: str
    #: BCP 47.
    language: str
    #: IANA name; its midnight is the cut-off of documents.
    timezone: str
    author: str | None = None
    #: An e-mail or web address.
    contact: str | None = None

    @property
    def host(self) -> str:
        """The host of ``url`` in ASCII, without port: part of every story's id."""
        host = urlsplit(self.url).hostname or ""
        return host if host.isascii() else host.encode("idna").decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    unpublished: timedelta
    #: None: for ever.
    published: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    #: Where adapting starts, for sources without an interval of their own.
    interval: timedelta
    #: Bounds of adapting; ``interval`` lies between them.
    min_interval: timedelta
    max_interval: timedelta
    #: Of the whole fetch: look-up, redirects, body; not of the wait for a turn.
    timeout: timedelta
    max_bytes: int
    concurrency: int
    per_host: int
    #: Between two starts at one registrable domain.
    gap: timedelta
    #: May be contacted besides public addresses.
    allow_private: tuple[IPv4Network | IPv6Network, ...]


#: What a partner's document is written in.
Dialect = Literal["atom", "rss", "json", "yandex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A document of a partner's own, and what stands in it."""

    key: str
    dialect: Dialect
    #: None: the site's.
    title: str | None
    #: Keys, of which a story needs one; empty: any.
    topics: tuple[str, ...]
    places: tuple[str, ...]
    #: Ids of the sources that may lead a story, in the order of feeds.yaml.
    sources: tuple[str, ...]
    #: The most that is given of an entry; None: what its source allows.
    content: Literal["title", "summary", "full"] | None
    max_entries: int
    max_age: timedelta
    #: Of every entry, in Yandex's words.
    genre: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    max_entries: int
    max_age: timedelta
    content: Literal["title", "summary", "full"]
    summary_length: int
    #: How far back the first good poll of a source publishes.
    first_sight: timedelta | Literal["all", "none"]
    #: Above 0, at most 1.
    source_share: Fraction
    interval: timedelta
    ads: Literal["drop", "label"]
    #: URIs of WebSub hubs, none twice.
    hubs: tuple[str, ...]
    #: Whether pages show pictures from other servers.
    page_images: bool
    profiles: tuple[Profile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    host: str = "127.0.0.1"
    port: int = 8080
    #: Host and port of the metrics alone; None: there are none.
    metrics: tuple[str, int] | None = None
    #: Where the web reaches this server; ends in "/".
    public_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    #: A source that failed for so long needs a look.
    after: timedelta
    #: Told of openings and closings. It may hold a secret: never shown.
    webhook: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupSettings:
    #: What is joined: reports of one happening, copies alone, nothing.
    level: Literal["story", "copy", "none"]
    #: How far apart, by effective date, entries of one story may be.
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    #: As it was named.
    path: Path
    #: Absolute folder of ``path``: relative paths begin here.
    folder: Path
    site: Site
    #: SQLAlchemy URL; the path of SQLite is absolute.
    storage: str
    #: A folder (absolute; need not exist yet), or a bucket of an object store.
    output: Path | Bucket
    keep: Keep
    fetch: FetchSettings
    publish: PublishSettings
    #: None: ``run`` serves nothing.
    serve: ServeSettings | None
    alerts: AlertSettings
    dedup: DedupSettings
    topics: tuple[Topic, ...]
    #: Every place of the gazetteer.
    gazetteer: tuple[Place, ...]
    #: Those with documents of their own, in the order of feeds.yaml.
    places: tuple[Place, ...]
    sources: tuple[Source, ...]
