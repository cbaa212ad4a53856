"""Atom documents: RFC 4287, valid for the strictest reader, the same bytes every time.

feedgen's extension mechanism wants elements without a namespace here: feedgen writes
``xmlns`` as a plain attribute, and a name in braces would come out as ``ns0:link``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.item import Item, local, newest
from aggregator.publish.xml import (
    GENERATOR,
    LANGUAGE,
    Extension,
    add,
    add_each,
    add_event,
)

#: RFC 5005.
HISTORY_NAMESPACE = "http://purl.org/syndication/history/1.0"
#: RFC 6721.
TOMBSTONES_NAMESPACE = "http://purl.org/atompub/tombstones/1.0"

# A tag or an entity, for readers who would take plain text for HTML.
_like_markup = re.compile(r"<[/!?A-Za-z]|&#?\w")
# An "&" that a letter or a figure of any script follows, in names and attributes, which
# have no type="html": written otherwise, nobody takes it for an entity escaped once too
# often.
_ambiguous = re.compile(rb"&amp;(?=#?[\w\x80-\xff])")


def render_atom(document: Feed, told: Sequence[Item]) -> bytes:
    """The document with the items in the order given.

    Depends on nothing but its arguments. An item that cannot be rendered is logged and
    left out: it never costs the others their document.
    """
    data: bytes = _feed(document, told).atom_str(pretty=True)
    return _ambiguous.sub(b"&#x26;", data)


def _feed(document: Feed, told: Sequence[Item]) -> FeedGenerator:
    feed = FeedGenerator()
    feed.register_extension("aggregator", _Extension, rss=False)
    feed.aggregator.show(document, told)
    feed.id(document.id)
    feed.title(shown.decoded(document.title) or document.site_url)
    # feedgen's own default is the present moment: bytes that change without news.
    feed.updated(newest(document, told))
    feed.author(name=shown.person(document.author) or document.site_url)
    feed.link(href=document.self_url, rel="self", type="application/atom+xml")
    for rel, href in (
        *(("hub", hub) for hub in document.hubs),
        ("current", document.current),
        ("prev-archive", document.prev_archive),
        ("next-archive", document.next_archive),
    ):
        if href is not None:
            feed.link(href=href, rel=rel)
    # The last link added is what feedgen takes for the site's.
    feed.link(href=document.alternate, rel="alternate", type="text/html")
    feed.generator(GENERATOR)
    feed.language(document.language)
    if subtitle := shown.decoded(document.subtitle):
        feed.subtitle(subtitle)
    if rights := shown.decoded(document.rights):
        feed.rights(rights)
    return feed


class _Extension(Extension):
    def namespaces(self, document: Feed) -> Iterator[tuple[str, str, bool]]:
        yield from super().namespaces(document)
        yield "fh", HISTORY_NAMESPACE, document.is_archive
        yield "at", TOMBSTONES_NAMESPACE, bool(document.tombstones)

    def extend_atom(self, feed: Any) -> Any:
        document = self._document
        if document is None:
            return feed
        for name in ("title", "subtitle", "rights"):
            if (element := feed.find(name)) is not None:
                _set_text(element, element.text)
        if document.is_archive:
            xml_elem(f"{{{HISTORY_NAMESPACE}}}archive", feed)
        zone = ZoneInfo(document.timezone)
        for tombstone in document.tombstones:
            when = local(tombstone.when.replace(microsecond=0), zone)
            xml_elem(
                f"{{{TOMBSTONES_NAMESPACE}}}deleted-entry",
                feed,
                ref=tombstone.id,
                when=when.isoformat(),
            )
        fill = partial(_fill, zone=zone)
        add_each(feed, "entry", self._told, fill, name=document.self_url)
        return feed


def _fill(entry: Any, item: Item, *, zone: ZoneInfo) -> None:
    if item.language:
        entry.set(LANGUAGE, item.language)
    add(entry, "id", item.id)
    _add_text(entry, "title", item.title)
    add(entry, "updated", item.updated.isoformat())
    for name in item.authors:
        add(xml_elem("author", entry), "name", name)
    text = item.text
    if text.content:
        _add_html(entry, "content", text.html)
    xml_elem("link", entry, href=item.link, rel="alternate")
    if not text.content:
        if text.is_markup:
            _add_html(entry, "summary", text.html)
        else:
            _add_text(entry, "summary", text.plain)
    for category in item.categories:
        xml_elem(
            "category",
            entry,
            term=category.key,
            scheme=category.scheme,
            label=category.label,
        )
    add(entry, "published", item.published.isoformat())
    if item.source.rights:
        _add_text(entry, "rights", item.source.rights)
    for attachment in item.attachments:
        link = xml_elem("link", entry, rel="enclosure", href=attachment.url)
        if attachment.type:
            link.set("type", attachment.type)
        if attachment.length:
            link.set("length", str(attachment.length))
    add_event(entry, item, zone)
    for report in item.reports:
        xml_elem("link", entry, rel="related", href=report.url, title=report.label)
    _add_source(entry, item)


def _add_source(entry: Any, item: Item) -> None:
    source = item.source
    element = xml_elem("source", entry)
    add(element, "id", source.id)
    _add_text(element, "title", source.name)
    # Not the feed's own updated: many set it to the moment of the request, which
    # would change our bytes without news. By this time the source had the entry.
    add(element, "updated", item.updated.replace(microsecond=0).isoformat())
    if source.link:
        xml_elem("link", element, rel="alternate", href=source.link)
    if source.feed:
        xml_elem("link", element, rel="self", href=source.feed)
    if source.rights:
        _add_text(element, "rights", source.rights)


def _add_html(parent: Any, name: str, html: str) -> None:
    xml_elem(name, parent, type="html").text = html


def _add_text(parent: Any, name: str, text: str) -> None:
    _set_text(xml_elem(name, parent), text)


def _set_text(element: Any, text: str) -> None:
    """``text`` as an Atom text construct that no reader can take for markup."""
    if _like_markup.search(text):
        element.set("type", "html")
        text = escape(text, quote=False).replace("\n", "<br>")
    else:
        element.set("type", "text")
    element.text = text
