"""RSS 2.0 documents, by the RSS Advisory Board's profile, the same bytes every time.

feedgen builds the tree; its extension adds what RSS itself has no element for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator.model import PublishedStory
from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.item import MOST_RIGHTS, Attachment, Item, items, newest
from aggregator.publish.wording import iso_moment
from aggregator.publish.xml import EVENT_NAMESPACE, GENERATOR, written

#: What the format is, by the profile.
DOCS = "http://www.rssboard.org/rss-specification"

_ATOM = "http://www.w3.org/2005/Atom"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"

# What the strictest validator takes for the address of an enclosure.
_enclosure_address = re.compile(
    r"https?://(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*(?::\d+)?/"
)


def render_rss(document: Feed, stories: Sequence[PublishedStory]) -> bytes:
    """The document with ``stories`` in the order given.

    Depends on nothing but its arguments. A story that cannot be rendered is logged
    and left out: it never costs the others their document.
    """
    told = items(document, stories)
    feed = FeedGenerator()
    feed.register_extension("aggregator", _ChannelExtension, _ItemExtension, atom=False)
    feed.aggregator.show(document, told)
    title = shown.label(document.title) or document.site_url
    feed.title(title)
    feed.description(shown.label(document.subtitle, MOST_RIGHTS) or title)
    feed.link(href=document.self_url, rel="self", type="application/rss+xml")
    # The last link added is what feedgen takes for the site's.
    feed.link(href=document.alternate, rel="alternate")
    feed.language(document.language)
    feed.docs(DOCS)
    feed.generator(GENERATOR)
    # feedgen's own default is the present moment: bytes that change without news.
    feed.lastBuildDate(newest(document, told))
    if rights := shown.label(document.rights, MOST_RIGHTS):
        feed.copyright(rights)
    for item in told:
        _add_item(feed, item, ZoneInfo(document.timezone))
    data = written(feed, document.self_url, feed.rss_str, FeedEntry.rss_entry)
    return _as_profiled(data)


def _as_profiled(data: bytes) -> bytes:
    """References to "&" and "<" as the profile recommends them: every reader gets them."""
    return data.replace(b"&lt;", b"&#x3C;").replace(b"&amp;", b"&#x26;")


def _add_item(feed: FeedGenerator, item: Item, zone: ZoneInfo) -> None:
    entry = FeedEntry()
    entry.guid(item.id, permalink=False)
    # RSS cannot say that a title is no markup.
    entry.title(shown.untagged(item.title) or item.source.name)
    entry.link(href=item.link)
    text = item.text
    if text.content and text.plain:
        entry.description(_plain_as_html(text.lines))
        entry.content(text.html)
    else:
        entry.description(text.html if text.is_markup else _plain_as_html(text.lines))
    for category in item.categories:
        entry.category(term=category.key, scheme=category.scheme, label=category.label)
    if item.source.feed:
        entry.source(url=item.source.feed, title=item.source.name)
    if enclosure := _enclosure(item):
        # "0" is the profile's word for a length that is not known.
        length = str(enclosure.length or 0)
        entry.enclosure(url=enclosure.url, length=length, type=enclosure.type)
    feed.add_entry(entry, order="append")
    entry.aggregator.show(item, zone)


def _plain_as_html(lines: Sequence[str]) -> str:
    return "<br>".join(escape(line, quote=False) for line in lines)


def _enclosure(item: Item) -> Attachment | None:
    """RSS has one, with address, length and type: the first that can be told so."""
    for attachment in item.attachments:
        if attachment.type and _enclosure_address.match(attachment.url):
            return attachment
    return None


class _ChannelExtension(BaseExtension):  # type: ignore[misc] # feedgen is untyped
    """Namespaces, each declared only where it is used; hubs."""

    def __init__(self) -> None:
        self._namespaces: dict[str, str] = {}
        self._hubs: tuple[str, ...] = ()
        self._built = ""

    def show(self, document: Feed, told: Sequence[Item]) -> None:
        self._hubs = document.hubs
        self._built = _date(newest(document, told))
        for prefix, namespace, used in (
            ("dc", _DUBLIN_CORE, bool(told)),
            ("ev", EVENT_NAMESPACE, any(item.event for item in told)),
            ("media", _MEDIA, any(item.attachments for item in told)),
        ):
            if used:
                self._namespaces[prefix] = namespace

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces

    def extend_rss(self, rss: Any) -> Any:
        channel = rss[0]
        channel.find("lastBuildDate").text = self._built
        for hub in self._hubs:
            xml_elem(f"{{{_ATOM}}}link", channel, rel="hub", href=hub)
        return rss


class _ItemExtension(BaseEntryExtension):  # type: ignore[misc] # feedgen is untyped
    def __init__(self) -> None:
        self._item: Item | None = None
        self._zone: ZoneInfo | None = None

    def show(self, item: Item, zone: ZoneInfo) -> None:
        self._item, self._zone = item, zone

    def extend_rss(self, element: Any) -> Any:
        item = self._item
        if item is None:
            return element
        xml_elem("pubDate", element).text = _date(item.published)
        # The one way to say in RSS that an item has changed.
        updated = xml_elem(f"{{{_ATOM}}}updated", element)
        updated.text = item.updated.isoformat()
        # RSS's own author is an e-mail address.
        for author in item.authors:
            _dublin_core(element, "creator", author)
        if item.language:
            _dublin_core(element, "language", item.language)
        if item.source.rights:
            _dublin_core(element, "rights", item.source.rights)
        enclosure = _enclosure(item)
        for attachment in item.attachments:
            if attachment != enclosure:
                _media(element, attachment)
        for report in item.reports:
            xml_elem(
                f"{{{_ATOM}}}link",
                element,
                rel="related",
                href=report.url,
                title=report.label,
            )
        self._event(element, item)
        return element

    def _event(self, element: Any, item: Item) -> None:
        event = item.event
        if event is None or self._zone is None:
            return
        for name, when in (("startdate", event.start), ("enddate", event.end)):
            if when is not None:
                text = iso_moment(when, self._zone)
                xml_elem(f"{{{EVENT_NAMESPACE}}}{name}", element).text = text
        if place := shown.one_line(event.place):
            xml_elem(f"{{{EVENT_NAMESPACE}}}location", element).text = place


def _dublin_core(element: Any, name: str, text: str) -> None:
    xml_elem(f"{{{_DUBLIN_CORE}}}{name}", element).text = text


def _media(element: Any, attachment: Attachment) -> None:
    content = xml_elem(f"{{{_MEDIA}}}content", element, url=attachment.url)
    if attachment.type:
        content.set("type", attachment.type)
        kind = attachment.type.partition("/")[0]
        if kind in ("image", "audio", "video"):
            content.set("medium", kind)
    if attachment.length:
        content.set("fileSize", str(attachment.length))


def _date(moment: datetime) -> str:
    """RFC 822 with a year of four digits, whatever the locale."""
    return format_datetime(moment.replace(microsecond=0))
