"""Bytes into clean entries: decoded, dated in UTC, links absolute, markup safe.

``parse_document`` runs in a worker process: a document that takes too much time or
memory is stopped there, so nothing here watches the clock.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import islice

from aggregator.model import (
    PageSelectors,
    ParsedFeed,
    Rung,
    SourceError,
    SourceKind,
    SourceWarning,
)
from aggregator.parse.dates import source_zone
from aggregator.parse.decode import Decoded, decode
from aggregator.parse.entries import parsed_feed
from aggregator.parse.jsonfeed import read_json_feed
from aggregator.parse.raw import RawFeed
from aggregator.parse.sniff import (
    binary_kind,
    is_html,
    not_a_feed,
    not_binary_feed,
)
from aggregator.parse.strict import read_feed as read_strictly
from aggregator.parse.xmltext import DOCTYPE_DROPPED, XmlText, holds_entries, xml_text

__all__ = ["parse_document"]

_ROOTS = frozenset({"rss", "feed", "rdf", "channel"})
# Warnings of a script, a blank page's tags: junk that some servers put before the feed.
_feed_start = re.compile(r"<\?xml\s|<(?:rss|feed|rdf:RDF|channel)[\s>]").finditer
_JUNK_CHARS = 20_000


def parse_document(
    body: bytes,
    *,
    url: str,
    content_type: str | None,
    encoding: str | None = None,
    timezone: str = "Europe/Moscow",
    kind: SourceKind = "feed",
    page: PageSelectors | None = None,
    now: datetime | None = None,
    rung: Rung = "guid",
    ladder: bool = True,
) -> ParsedFeed | SourceError:
    """The feed that ``body`` holds, or why there is none. Raises nothing but MemoryError.

    ``url`` is where the body came from, the base of relative links; ``content_type``
    the HTTP header; ``encoding`` overrides what the document says; ``timezone`` (IANA)
    is that of dates which name none. ``page`` belongs to the kind of that name, and
    ``now`` says what «сегодня» means on one.
    ``rung``: what the source's entries are known by; the feed says if that changed,
    which it does not without ``ladder``.
    """
    try:
        if kind == "page":
            from aggregator.parse.page import with_charset

            content_type = with_charset(body, content_type)
        decoded = _decoded(body, content_type, encoding)
        if isinstance(decoded, SourceError):
            return decoded
        zone = source_zone(timezone)
        today = now.astimezone(zone).date() if now else None
        raw = _read_as(kind, page, today, decoded, url)
        if isinstance(raw, SourceError):
            return raw
        return parsed_feed(
            raw,
            url=url,
            zone=zone,
            document_chars=len(decoded.text),
            rung=rung,
            # Pages and sitemaps have no guids to be in trouble with.
            ladder=ladder and kind == "feed",
            warnings=(*_encoding_warning(decoded), *raw.warnings),
        )
    except MemoryError:
        raise  # the worker's limit, which the worker's parent names
    except Exception as fault:  # whatever a parser makes of hostile input
        return SourceError(
            code="parse:xml",
            message=f"The document cannot be read: {type(fault).__name__}",
        )


def _decoded(
    body: bytes, content_type: str | None, encoding: str | None
) -> Decoded | SourceError:
    if not body.strip():
        return SourceError(code="empty", message="The document is empty.")
    kind = binary_kind(body)
    if kind:
        return not_binary_feed(kind)
    return decode(body, content_type, encoding) or SourceError(
        code="decode",
        message="The bytes are text in no encoding that is known or declared.",
    )


def _read_as(
    kind: SourceKind,
    page: PageSelectors | None,
    today: date | None,
    decoded: Decoded,
    url: str,
) -> RawFeed | SourceError:
    text = decoded.text.lstrip("\ufeff \t\r\n\0")
    if not text:
        return SourceError(
            code="empty", message="The document holds nothing but white space."
        )
    # What reads pages and sitemaps is imported by those who have some.
    if page is not None:
        from aggregator.parse.page import read_page

        return read_page(text, url, page, today)
    if kind == "sitemap":
        from aggregator.parse.sitemap import read_sitemap

        return read_sitemap(text, url)
    return _read(text, decoded, url)


def _read(text: str, decoded: Decoded, url: str) -> RawFeed | SourceError:
    """The feed in ``text``, the end of what was decoded."""
    if text[0] in "{[":
        return read_json_feed(text)
    document = xml_text(text)
    if document and _is_feed_root(document.root):
        start = len(decoded.text) - len(document.text)
        return _read_feed(document, decoded.from_character(start))
    return _read_behind_junk(text) or _read_without_root(text) or not_a_feed(text, url)


def _read_feed(document: XmlText, body: bytes | None = None) -> RawFeed | SourceError:
    raw: RawFeed | SourceError | None = read_strictly(document, body)
    if raw is None:
        # feedparser is half of what a worker imports, and most need it never.
        from aggregator.parse.feed import read_feed

        raw = read_feed(document)
    if isinstance(raw, RawFeed) and document.dropped:
        raw.recovered = raw.recovered or DOCTYPE_DROPPED
    return raw


def _read_behind_junk(text: str) -> RawFeed | None:
    """The feed behind a script's warnings or inside a page's tags, if it has entries."""
    for match in islice(_feed_start(text, 1, _JUNK_CHARS), 3):
        document = xml_text(text[match.start() :])
        if document and _is_feed_root(document.root):
            raw = _read_feed(document)
            if isinstance(raw, RawFeed) and raw.entries:
                raw.recovered = raw.recovered or "something stands before the feed"
                return raw
    return None


def _read_without_root(text: str) -> RawFeed | None:
    """The entries of a feed whose beginning is lost, if it has entries."""
    if is_html(text) or not holds_entries(text):
        return None
    raw = _read_feed(XmlText("rss", f"<rss>{text}", {}))
    if not isinstance(raw, RawFeed) or not raw.entries:
        return None
    raw.recovered = "the beginning of the feed is missing or broken"
    return raw


def _is_feed_root(name: str) -> bool:
    return name.rpartition(":")[2].lower() in _ROOTS


def _encoding_warning(decoded: Decoded) -> tuple[SourceWarning, ...]:
    if decoded.complaint is None:
        return ()
    return (SourceWarning(code="encoding", message=decoded.complaint[:500]),)
