"""Atom documents: RFC 4287, valid for the strictest reader, the same bytes every time.

feedgen's extension mechanism wants elements without a namespace here: feedgen writes
``xmlns`` as a plain attribute, and a name in braces would come out as ``ns0:link``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
from aggregator.publish.item import Item, items, local, newest
from aggregator.publish.wording import iso_moment
from aggregator.publish.xml import EVENT_NAMESPACE, GENERATOR, LANGUAGE, written

#: RFC 5005.
HISTORY_NAMESPACE = "http://purl.org/syndication/history/1.0"
#: RFC 6721.
TOMBSTONES_NAMESPACE = "http://purl.org/atompub/tombstones/1.0"

# A tag or an entity, for readers who would take plain text for HTML.
_like_markup = re.compile(r"<[/!?A-Za-z]|&#?\w")


def render_atom(document: Feed, stories: Sequence[PublishedStory]) -> bytes:
    """The document with ``stories`` in the order given.

    Depends on nothing but its arguments. A story that cannot be rendered is logged
    and left out: it never costs the others their document.
    """
    told = items(document, stories)
    feed = _feed(document, told)
    for item in told:
        _add_entry(feed, item, ZoneInfo(document.timezone))
    data = written(feed, document.self_url, feed.atom_str, FeedEntry.atom_entry)
    # An "&" that a letter or a figure of any script follows, in names and attributes, which
    # have no type="html": written so, nobody takes it for an entity escaped once too often.
    return re.sub(rb"&amp;(?=#?[\w\x80-\xff])", b"&#x26;", data)


def _feed(document: Feed, told: Sequence[Item]) -> FeedGenerator:
    feed = FeedGenerator()
    feed.register_extension("aggregator", _FeedExtension, _EntryExtension, rss=False)
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


def _add_entry(feed: FeedGenerator, item: Item, zone: ZoneInfo) -> None:
    entry = FeedEntry()
    entry.id(item.id)
    entry.title(item.title)
    entry.published(item.published)
    entry.updated(item.updated)
    entry.link(href=item.link)
    entry.author([{"name": name} for name in item.authors])
    for category in item.categories:
        entry.category(term=category.key, scheme=category.scheme, label=category.label)
    if item.source.rights:
        entry.rights(item.source.rights)
    text = item.text
    if text.content:
        entry.content(text.html, type="html")
    elif text.is_markup:
        entry.summary(text.html, type="html")
    else:
        entry.summary(text.plain)
    feed.add_entry(entry, order="append")
    entry.aggregator.show(item, zone)


def _set_text(element: Any, text: str) -> None:
    """``text`` as an Atom text construct that no reader can take for markup."""
    if _like_markup.search(text):
        element.set("type", "html")
        text = escape(text, quote=False).replace("\n", "<br>")
    else:
        element.set("type", "text")
    element.text = text


class _FeedExtension(BaseExtension):  # type: ignore[misc] # feedgen is untyped
    """Other namespaces' elements, each prefix declared only where it is used."""

    def __init__(self) -> None:
        self._namespaces: dict[str, str] = {}
        self._document: Feed | None = None

    def show(self, document: Feed, told: Sequence[Item]) -> None:
        self._document = document
        for prefix, namespace, used in (
            ("ev", EVENT_NAMESPACE, any(item.event for item in told)),
            ("fh", HISTORY_NAMESPACE, document.is_archive),
            ("at", TOMBSTONES_NAMESPACE, bool(document.tombstones)),
        ):
            if used:
                self._namespaces[prefix] = namespace

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces

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
        return feed


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc] # feedgen is untyped
    """What feedgen loses: links' attributes, types of text, most of atom:source."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._zone: ZoneInfo | None = None

    def show(self, item: Item, zone: ZoneInfo) -> None:
        self._item, self._zone = item, zone

    def extend_atom(self, entry: Any) -> Any:
        item = self._item
        if item is None:
            return entry
        if item.language:
            entry.set(LANGUAGE, item.language)
        _set_text(entry.find("title"), item.title)
        if (rights := entry.find("rights")) is not None:
            _set_text(rights, rights.text)
        if not item.text.is_markup:
            _set_text(entry.find("summary"), item.text.plain)
        # feedgen forgets rel and all other attributes: the one link is the alternate.
        entry.find("link").set("rel", "alternate")
        for attachment in item.attachments:
            link = xml_elem("link", entry, rel="enclosure", href=attachment.url)
            if attachment.type:
                link.set("type", attachment.type)
            if attachment.length:
                link.set("length", str(attachment.length))
        self._event(entry, item)
        for report in item.reports:
            xml_elem("link", entry, rel="related", href=report.url, title=report.label)
        self._source(entry, item)
        return entry

    def _event(self, entry: Any, item: Item) -> None:
        """The first that will take place: the elements may stand once."""
        event = item.event
        if event is None or self._zone is None:
            return
        for name, when in (("startdate", event.start), ("enddate", event.end)):
            if when is not None:
                _event_element(entry, name, iso_moment(when, self._zone))
        if place := shown.one_line(event.place):
            _event_element(entry, "location", place)

    def _source(self, entry: Any, item: Item) -> None:
        source = item.source
        element = xml_elem("source", entry)
        xml_elem("id", element).text = source.id
        _set_text(xml_elem("title", element), source.name)
        # Not the feed's own updated: many set it to the moment of the request, which
        # would change our bytes without news. By this time the source had the entry.
        updated = item.updated.replace(microsecond=0)
        xml_elem("updated", element).text = updated.isoformat()
        if source.link:
            xml_elem("link", element, rel="alternate", href=source.link)
        if source.feed:
            xml_elem("link", element, rel="self", href=source.feed)
        if source.rights:
            _set_text(xml_elem("rights", element), source.rights)


def _event_element(entry: Any, name: str, text: str) -> None:
    xml_elem(f"{{{EVENT_NAMESPACE}}}{name}", entry).text = text
