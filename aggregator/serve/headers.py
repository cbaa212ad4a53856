"""What every answer of a document says beside the document: from its name, and feeds.yaml.

docs/serving/nginx.conf and docs/serving/Caddyfile say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from aggregator.content_policy import content_policy
from aggregator.media import TEXT_TYPES

if TYPE_CHECKING:
    from aggregator.config import Config

#: As ASGI takes them: names are lower-case.
HeaderList = list[tuple[bytes, bytes]]

#: Scripts of other sites may read them.
_SHARED = {".atom", ".ics", ".json", ".opml", ".rss", ".xml"}

#: Never guess a type; tell nobody which page a reader came from.
SAFETY: HeaderList = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
SHARING: HeaderList = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Last-Modified, Link"),
]
#: If-None-Match has a browser ask first whether it may.
PREFLIGHT: HeaderList = [
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How documents are delivered."""

    #: Seconds for which caches need not ask again: the pace at which documents change.
    max_age: int = 60
    #: Public address of the folder; ends in "/".
    url: str = "http://localhost/"
    #: WebSub hubs, and names of the documents that they deliver.
    hubs: tuple[str, ...] = ()
    delivered: frozenset[str] = frozenset()
    #: Whether pages show pictures from other servers.
    page_images: bool = False

    @classmethod
    def of(cls, config: Config) -> Self:
        delivered: frozenset[str] = frozenset()
        if config.publish.hubs:
            from aggregator.documents import feed_names

            delivered = frozenset(feed_names(config))
        return cls(
            max_age=int(config.publish.interval.total_seconds()),
            url=config.site.url,
            hubs=config.publish.hubs,
            delivered=delivered,
            page_images=config.publish.page_images,
        )


#: As if feeds.yaml said nothing.
DEFAULT = Delivery()


def is_text(name: str) -> bool:
    return _suffix(name) in TEXT_TYPES


def policy(name: str, delivery: Delivery) -> HeaderList:
    """What every answer under this name says, also that there is no such file."""
    headers = [*SAFETY]
    if _suffix(name) in _SHARED:
        headers += SHARING
    if _suffix(name) == ".html":
        headers.append((b"content-security-policy", _content_policy(name, delivery)))
    return headers


def caching(name: str, delivery: Delivery) -> HeaderList:
    """What a document says besides: how long it is good, and who delivers it."""
    age = f"public, max-age={delivery.max_age}"
    headers = [(b"cache-control", age.encode())]
    if is_text(name):
        headers.append((b"vary", b"Accept-Encoding"))
    if name in delivery.delivered:
        # WebSub, 4: hubs in the wild deliver only what says so in its headers.
        links = [f'<{hub}>; rel="hub"' for hub in delivery.hubs]
        links.append(f'<{delivery.url}{name}>; rel="self"')
        headers.append((b"link", ", ".join(links).encode("ascii")))
    return headers


def _content_policy(name: str, delivery: Delivery) -> bytes:
    # The embeddable blocks are made to be shown by other sites.
    frames = "*" if name.startswith("embed-") else "'none'"
    policy = content_policy(pictures=delivery.page_images)
    return f"{policy}; frame-ancestors {frames}".encode()


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
