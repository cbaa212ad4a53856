"""RSS 2.0 documents, by the RSS Advisory Board's profile, the same bytes every time.

feedgen builds the tree of the channel; its extension adds the items, and what RSS itself
has no element for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.item import MOST_RIGHTS, Attachment, Item, newest
from aggregator.publish.xml import (
    GENERATOR,
    Extension,
    add,
    add_each,
    add_event,
)

#: What the format is, by the profile.
DOCS = "http://www.rssboard.org/rss-specification"

_ATOM = "http://www.w3.org/2005/Atom"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"

# What the strictest validator takes for the address of an enclosure.
_enclosure_address = re.compile(
    r"https?://(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*(?::\d+)?/"
)


def render_rss(document: Feed, told: Sequence[Item]) -> bytes:
    """The document with the items in the order given.

    Depends on nothing but its arguments. An item that cannot be rendered is logged and
    left out: it never costs the others their document.
    """
    feed = FeedGenerator()
    feed.register_extension("aggregator", _Extension, atom=False)
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
    return _as_profiled(feed.rss_str(pretty=True))


def _as_profiled(data: bytes) -> bytes:
    """References to "&" and "<" as the profile recommends them: every reader gets them."""
    return data.replace(b"&lt;", b"&#x3C;").replace(b"&amp;", b"&#x26;")


class _Extension(Extension):
    def namespaces(self, document: Feed) -> Iterator[tuple[str, str, bool]]:
        yield "dc", _DUBLIN_CORE, bool(self._told)
        yield from super().namespaces(document)
        yield "media", _MEDIA, any(item.attachments for item in self._told)

    def extend_rss(self, rss: Any) -> Any:
        document = self._document
        if document is None:
            return rss
        channel = rss[0]
        channel.find("lastBuildDate").text = _date(newest(document, self._told))
        for hub in document.hubs:
            xml_elem(f"{{{_ATOM}}}link", channel, rel="hub", href=hub)
        fill = partial(_fill, zone=ZoneInfo(document.timezone))
        add_each(channel, "item", self._told, fill, name=document.self_url)
        return rss


def _fill(element: Any, item: Item, *, zone: ZoneInfo) -> None:
    # RSS cannot say that a title is no markup.
    add(element, "title", shown.untagged(item.title) or item.source.name)
    add(element, "link", item.link)
    text = item.text
    if text.content and text.plain:
        add(element, "description", _plain_as_html(text.lines))
        add(element, f"{{{_CONTENT}}}encoded", text.html)
    else:
        html = text.html if text.is_markup else _plain_as_html(text.lines)
        add(element, "description", html)
    xml_elem("guid", element, isPermaLink="false").text = item.id
    for category in item.categories:
        domain = xml_elem("category", element, domain=category.scheme)
        domain.text = category.label
    enclosure = _enclosure(item)
    if enclosure is not None:
        xml_elem(
            "enclosure",
            element,
            url=enclosure.url,
            # "0" is the profile's word for a length that is not known.
            length=str(enclosure.length or 0),
            type=enclosure.type,
        )
    if item.source.feed:
        xml_elem("source", element, url=item.source.feed).text = item.source.name
    add(element, "pubDate", _date(item.published))
    # The one way to say in RSS that an item has changed.
    add(element, f"{{{_ATOM}}}updated", item.updated.isoformat())
    # RSS's own author is an e-mail address.
    for author in item.authors:
        add(element, f"{{{_DUBLIN_CORE}}}creator", author)
    if item.language:
        add(element, f"{{{_DUBLIN_CORE}}}language", item.language)
    if item.source.rights:
        add(element, f"{{{_DUBLIN_CORE}}}rights", item.source.rights)
    for attachment in item.attachments:
        if attachment != enclosure:
            _add_media(element, attachment)
    for report in item.reports:
        xml_elem(
            f"{{{_ATOM}}}link",
            element,
            rel="related",
            href=report.url,
            title=report.label,
        )
    add_event(element, item, zone)


def _plain_as_html(lines: Sequence[str]) -> str:
    return "<br>".join(escape(line, quote=False) for line in lines)


def _enclosure(item: Item) -> Attachment | None:
    """RSS has one, with address, length and type: the first that can be told so."""
    for attachment in item.attachments:
        if attachment.type and _enclosure_address.match(attachment.url):
            return attachment
    return None


def _add_media(element: Any, attachment: Attachment) -> None:
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
