"""What stands in a feed's elements, as raw entries: the same for both readers of XML.

They name what they find as feedparser does: ``title`` and ``title_detail`` (its
type), ``links``, ``content``, ``tags`` and so on, whatever the dialect called it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from mimetypes import guess_type
from typing import Any

from aggregator.parse.raw import RawEnclosure, RawEntry, RawFeed, RawText

#: Values of a feed or an entry under feedparser's names.
Found = dict[str, Any]

#: contracts, Numbers: server hints are floors up to 24 h.
MAX_FRESH = timedelta(hours=24)
#: Categories looked at; a tenth of them may be kept.
MAX_TAGS = 500

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
# Yandex.News and Rambler put the article's text there, under any prefix or none.
FULL_TEXT = frozenset({"full-text", "fulltext"})
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "dayly": timedelta(days=1),  # seen in the wild
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Whole numbers by the module's word; 0.5 is seen too.
_is_frequency = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5})?", re.ASCII).fullmatch


def raw_feed(data: Found, entries: Iterable[Found], *, atom: bool) -> RawFeed:
    """The feed of what stands in it and in its entries."""
    links = _links(data.get("links"))
    return RawFeed(
        entries=[_entry(each, atom) for each in entries],
        title=_text(data, "title", atom),
        link=links[0] if links else None,
        id=data.get("id"),
        updated=data.get("updated") or data.get("published"),
        rights=_text(data, "rights", atom),
        language=data.get("language"),
        fresh_for=_fresh_for(data),
        hubs=_of_rel(data, "hub"),
        self_link=next(iter(_of_rel(data, "self")), None),
        skipped=_skipped(data),
    )


def _entry(data: Found, atom: bool) -> RawEntry:
    get = data.get
    origin = get("source")
    if not isinstance(origin, dict):  # of a ``<source>`` that is never closed
        origin = {}
    content = _content(data["content"]) if "content" in data else None
    summary = _text(data, "summary", atom) or _media_description(data)
    if content and summary and summary.value == content.value:
        summary = None  # feedparser copies what stands alone
    published = get("published") or get("created")
    updated = get("updated")
    if not published and not atom:
        published, updated = updated, None  # dc:date is an RSS item's only date
    return RawEntry(
        guid=get("id"),
        guid_is_link=bool(get("guidislink", not atom)),
        links=_links(get("links")),
        title=_text(data, "title", atom) or _media_title(data),
        summary=summary,
        content=content,
        published=published,
        updated=updated,
        authors=[person.get("name") or "" for person in get("authors") or ()],
        categories=[_category(tag) for tag in get("tags") or ()],
        enclosures=_enclosures(data),
        language=get("_lang"),
        origin_title=_text(origin, "title", atom),
        origin_link=_origin_link(origin, atom),
        base=get("_base") or None,
    )


def _origin_link(origin: Found, atom: bool) -> str | None:
    """Not its "link", which an id becomes to feedparser, as a person's page does "href"."""
    links = _links(origin.get("links"))
    return links[0] if links else None if atom else origin.get("href")


def _text(data: Found, key: str, atom: bool) -> RawText | None:
    value = data.get(key)
    if not value:
        return None
    detail = data.get(f"{key}_detail") or {}
    kind = detail.get("type", "text/html")
    # RSS has no types: its titles hold entities and tags whatever feedparser thinks.
    html = kind in HTML_TYPES or (not atom and key == "title")
    return RawText(value, html, detail.get("base") or None)


def _content(contents: Iterable[dict[str, Any]]) -> RawText | None:
    """The longest of those that are text."""
    texts = [
        RawText(each["value"], each["type"] in HTML_TYPES, each.get("base") or None)
        for each in contents
        if each.get("value")
        and str(each.get("type", "")).startswith(("text/", "application/xhtml"))
    ]
    return max(texts, key=lambda text: len(text.value), default=None)


def _media_description(data: Found) -> RawText | None:
    value = data.get("mediatext_description")
    return RawText(value, "</" in value) if value else None


def _media_title(data: Found) -> RawText | None:
    value = data.get("mediatext_title")
    return RawText(value) if value else None


def _links(found: list[dict[str, Any]] | None) -> list[str]:
    """Alternates, pages before other types, in the document's order."""
    alternates = [
        link
        for link in found or ()
        if link.get("rel") == "alternate" and link.get("href")
    ]
    if len(alternates) > 1:
        alternates.sort(key=lambda link: link.get("type") not in HTML_TYPES)
    return [link["href"] for link in alternates]


def _category(tag: dict[str, Any]) -> str:
    name = tag.get("label") or tag.get("term") or ""
    # Blogger files its own kind of entry under a category.
    return "" if name.startswith("http://schemas.google.com/") else str(name)


def _of_rel(data: Found, rel: str) -> list[str]:
    links = data.get("links") or ()
    return [
        link["href"] for link in links if link.get("rel") == rel and link.get("href")
    ]


def _enclosures(data: Found) -> list[RawEnclosure]:
    found = [
        RawEnclosure(link["href"], link.get("type"), link.get("length"))
        for link in data.get("links") or ()
        if link.get("rel") == "enclosure" and link.get("href")
    ]
    for media in data.get("media_content") or ():
        url = media.get("url")
        kind = media.get("type") or (
            guess_type(url)[0] if url and len(url) < 2000 else None
        )
        if url and kind:
            found.append(RawEnclosure(url, kind, media.get("filesize")))
    return found


def _skipped(data: Found) -> frozenset[int]:
    """``skipHours`` (0 to 23, in RSS 0.91 up to 24) and ``skipDays`` of RSS 2.0, in GMT.

    Nothing when it would leave no hour of the week.
    """
    hours = {
        int(text) % 24
        for text in map(str.strip, data.get("skip_hours") or ())
        if text.isascii() and text.isdigit() and len(text) < 3 and int(text) <= 24
    }
    names = {text.strip().lower() for text in data.get("skip_days") or ()}
    days = {number for number, name in enumerate(_DAYS) if name in names}
    if not hours and not days:
        return frozenset()
    skipped = frozenset(
        hour for hour in range(168) if hour % 24 in hours or hour // 24 in days
    )
    return skipped if len(skipped) < 168 else frozenset()


def _fresh_for(data: Found) -> timedelta | None:
    """``ttl`` in minutes (RSS 2.0), or the syndication module's period."""
    hints = []
    ttl = str(data.get("ttl") or "").strip()
    if ttl.isascii() and ttl.isdigit() and len(ttl) < 9:
        hints.append(timedelta(minutes=int(ttl)))
    frequency = str(data.get("sy_updatefrequency") or "").strip()
    # The module's default, for who gives a frequency alone.
    period = str(data.get("sy_updateperiod") or (frequency and "daily"))
    if span := _PERIODS.get(period.strip().lower()):
        times = float(frequency) if _is_frequency(frequency) else 1.0
        hints.append(min(span, MAX_FRESH * 31) / max(times, 0.01))
    longest = max(hints, default=timedelta())
    return min(longest, MAX_FRESH) if longest else None
