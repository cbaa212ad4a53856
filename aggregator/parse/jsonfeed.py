"""JSON Feed 1.0 and 1.1 (https://jsonfeed.org/version/1.1), read leniently."""

from __future__ import annotations

import json
import re
from typing import Any

from aggregator.model import SourceError
from aggregator.parse.raw import MAX_ENTRIES, RawEnclosure, RawEntry, RawFeed, RawText
from aggregator.parse.sniff import not_json_feed

_lone_surrogates = re.compile("[\ud800-\udfff]+").sub
_VERSION = "jsonfeed.org/version/"


def read_json_feed(text: str) -> RawFeed | SourceError:
    """The feed in a text that begins with ``{`` or ``[``, or why there is none.

    Of one that is cut or ill-formed the items before the fault are kept.
    """
    is_feed = _VERSION in text[:1_000_000]
    recovered = None
    try:
        document, end = _DECODER.raw_decode(text)
        if text[end:].strip("\0 \t\r\n"):
            recovered = "something stands behind the feed"
    except RecursionError:
        return SourceError(
            code="limit:depth", message="The JSON is nested too deep to be read."
        )
    except ValueError as fault:
        if not is_feed:
            return not_json_feed()
        items = _items_before_fault(text)
        if not items:
            return SourceError(
                code="parse:json", message=f"A JSON Feed that cannot be read: {fault}"
            )
        document = {"version": _VERSION, "items": items}
        recovered = f"the JSON is ill-formed ({fault})"
    if not isinstance(document, dict) or _VERSION not in _text(document.get("version")):
        return not_json_feed()
    items = _objects(_array(document.get("items")))
    return RawFeed(
        entries=[_entry(item) for item in items[:MAX_ENTRIES]],
        title=_plain(document.get("title")),
        link=_text(document.get("home_page_url")) or None,
        id=_text(document.get("feed_url")) or None,
        language=_text(document.get("language")) or None,
        cut=len(items) > MAX_ENTRIES,
        hubs=[
            _text(hub.get("url"))
            for hub in _objects(document.get("hubs"))
            # The other kind that the specification names, rssCloud, is another protocol.
            if _text(hub.get("type")).lower() == "websub"
        ],
        self_link=_text(document.get("feed_url")) or None,
        recovered=recovered,
    )


def _items_before_fault(text: str) -> list[Any]:
    start = _items_start(text)
    items: list[Any] = []
    position = start.end() if start else len(text)
    try:
        while len(items) <= MAX_ENTRIES:
            item, position = _DECODER.raw_decode(text, position)
            items.append(item)
            position = _comma(text, position).end()  # type: ignore[union-attr]  # matches ""
    except (ValueError, RecursionError):
        pass
    return items


def _number(digits: str) -> int | None:
    # Python refuses integers of more than 4,300 digits; no field needs more than 19.
    return int(digits) if len(digits) < 25 else None


_DECODER = json.JSONDecoder(
    strict=False, parse_constant=lambda _: None, parse_int=_number
)
_items_start = re.compile(r'"items"\s*:\s*\[\s*').search
_comma = re.compile(r"[\s,]*").match


def _entry(item: dict[str, Any]) -> RawEntry:
    html, text = _text(item.get("content_html")), _text(item.get("content_text"))
    return RawEntry(
        guid=_text(item.get("id")) or None,
        guid_is_link=True,
        links=[
            link
            for link in (_text(item.get("url")), _text(item.get("external_url")))
            if link
        ],
        title=_plain(item.get("title")),
        summary=_plain(item.get("summary")),
        content=RawText(html) if html else RawText(text, html=False) if text else None,
        published=_text(item.get("date_published")) or None,
        updated=_text(item.get("date_modified")) or None,
        authors=_authors(item),
        categories=[_text(tag) for tag in _list(item.get("tags"))],
        enclosures=[_enclosure(each) for each in _objects(item.get("attachments"))],
        language=_text(item.get("language")) or None,
    )


def _authors(item: dict[str, Any]) -> list[str]:
    """1.1 has ``authors``, 1.0 has ``author``; feeds have both."""
    people = _objects(item.get("authors")) or _objects([item.get("author")])
    return [name for person in people if (name := _text(person.get("name")))]


def _enclosure(attachment: dict[str, Any]) -> RawEnclosure:
    return RawEnclosure(
        url=_text(attachment.get("url")),
        type=_text(attachment.get("mime_type")) or None,
        length=_text(attachment.get("size_in_bytes")) or None,
    )


def _plain(value: object) -> RawText | None:
    text = _text(value)
    return RawText(text, html=False) if text else None


def _text(value: object) -> str:
    """Strings, and numbers that should have been strings (ids often are)."""
    if isinstance(value, str):
        # "\\ud800" is legal JSON and no text.
        return value if value.isprintable() else _lone_surrogates("", value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def _array(value: object) -> object:
    """PHP writes an array with gaps as an object: ``{"0": …, "2": …}``."""
    return list(value.values()) if isinstance(value, dict) else value


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]
