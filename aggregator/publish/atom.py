"""Atom documents: RFC 4287, valid for the strictest reader, the same bytes every time.

feedgen builds the tree. What it cannot say is said through its own extension
mechanism, whose elements must carry no namespace: feedgen writes ``xmlns`` as a plain
attribute, and a name in braces would come out as ``ns0:link``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator.model import Enclosure, PublishedStory, SourceInfo
from aggregator.publish import shown
from aggregator.publish.iri import http_iri, is_iri
from aggregator.publish.wording import Wording, iso_moment, wording
from aggregator.text import clean_text

log = logging.getLogger(__name__)

#: No version: an upgrade of the program must not change a document's bytes.
GENERATOR = "aggregator"
#: RSS 1.0 Events: the strictest validator knows it, and does not know xCal in Atom.
EVENT_NAMESPACE = "http://purl.org/rss/1.0/modules/event/"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomDocument:
    """An Atom document but for its stories."""

    #: For ever; the document's public address serves, as it is what subscribers keep.
    id: str
    title: str
    subtitle: str | None = None
    #: ``site.url`` + file name.
    self_url: str
    #: ``site.url``; ends in "/".
    site_url: str
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


def render_atom(document: AtomDocument, stories: Sequence[PublishedStory]) -> bytes:
    """The document with ``stories`` in the order given.

    Depends on nothing but its arguments. A story that cannot be rendered is logged
    and left out: it never costs the others their document.
    """
    zone = ZoneInfo(document.timezone)
    feed = _feed(document, stories, zone)
    for story in stories:
        try:
            _add_entry(feed, document, story, zone)
        except Exception:
            log.exception("story left out of %s: %s", document.self_url, story.id)
    try:
        return _bytes(feed)
    except Exception:
        # Building every entry twice to find the bad one is the rare case's price.
        _drop_bad_entries(feed, document.self_url)
        return _bytes(feed)


def _bytes(feed: FeedGenerator) -> bytes:
    rendered: bytes = feed.atom_str(pretty=True)
    return rendered


def _feed(
    document: AtomDocument, stories: Iterable[PublishedStory], zone: tzinfo
) -> FeedGenerator:
    feed = FeedGenerator()
    feed.register_extension("aggregator", _FeedExtension, _EntryExtension, rss=False)
    feed.aggregator.events = any(story.events for story in stories)
    feed.id(document.id)
    feed.title(shown.one_line(document.title) or document.site_url)
    # feedgen's own default is the present moment: bytes that change without news.
    newest = max((story.updated for story in stories), default=document.empty_updated)
    feed.updated(_local(newest, zone))
    feed.author(name=shown.one_line(document.author) or document.site_url)
    feed.link(href=document.self_url, rel="self", type="application/atom+xml")
    # The last link added is what feedgen takes for the site's.
    feed.link(href=document.site_url, rel="alternate", type="text/html")
    feed.generator(GENERATOR)
    feed.language(document.language)
    if document.subtitle:
        feed.subtitle(shown.one_line(document.subtitle))
    if document.rights:
        feed.rights(shown.one_line(document.rights))
    return feed


def _add_entry(
    feed: FeedGenerator, document: AtomDocument, story: PublishedStory, zone: tzinfo
) -> None:
    entry, words = FeedEntry(), wording(document.language)
    entry.id(story.id)
    entry.title(shown.title(story, words))
    entry.published(_local(story.published, zone))
    entry.updated(_local(story.updated, zone))
    entry.link(
        # Without content an entry must have an alternate link (RFC 4287, 4.1.2).
        href=http_iri(story.lead.link)
        or http_iri(story.source.info.link)
        or document.site_url
    )
    entry.author(_authors(story))
    for name, keys, titles in (
        ("topics", story.topics, document.topics),
        ("places", story.places, document.places),
    ):
        for key in keys:
            label = shown.one_line(titles.get(key)) or key
            scheme = f"{document.site_url}{name}"
            entry.category(term=key, scheme=scheme, label=label)
    if rights := shown.one_line(_rights(story.source)):
        entry.rights(rights)
    _add_text(entry, story, document, words)
    feed.add_entry(entry, order="append")
    entry.aggregator.show(story, zone)


def _authors(story: PublishedStory) -> list[dict[str, str]]:
    names = [name for author in story.lead.authors if (name := shown.one_line(author))]
    return [{"name": name} for name in dict.fromkeys(names)] or [
        {"name": _source_name(story.source)}
    ]


def _add_text(
    entry: FeedEntry, story: PublishedStory, document: AtomDocument, words: Wording
) -> None:
    """When it takes place, content or summary as the source's rights go, who else reported.

    A summary stays plain text until there are others to link to.
    """
    dates = shown.events(story, words, document.timezone)
    also = _also_reported(story, words)
    if story.source.content == "full" and (
        markup := story.lead.content or story.lead.summary
    ):
        entry.content(_paragraphs(dates) + clean_text(markup) + also, type="html")
        return
    lines = [*dates, *shown.summary(story, document.summary_length).splitlines()]
    if also:
        entry.summary(_paragraphs(lines) + also, type="html")
    elif lines:
        entry.summary("\n".join(lines), type="text")


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _also_reported(story: PublishedStory, words: Wording) -> str:
    """A paragraph of sanitised HTML; empty when nobody else did."""
    names = []
    for member in shown.others(story):
        name, href = escape(_source_name(member.source)), http_iri(member.link)
        names.append(f'<a href="{escape(href)}">{name}</a>' if href else name)
    return f"<p>{words.also_reported}: {', '.join(names)}.</p>" if names else ""


class _FeedExtension(BaseExtension):  # type: ignore[misc] # feedgen is untyped
    """The prefix of the events' elements, declared where there are any."""

    def __init__(self) -> None:
        self.events = False

    def extend_ns(self) -> dict[str, str]:
        return {"ev": EVENT_NAMESPACE} if self.events else {}


class _EntryExtension(BaseEntryExtension):  # type: ignore[misc] # feedgen is untyped
    """What feedgen loses: links' attributes, types of text, most of atom:source."""

    def __init__(self) -> None:
        self._story: PublishedStory | None = None
        self._zone: tzinfo = UTC

    def show(self, story: PublishedStory, zone: tzinfo) -> None:
        self._story, self._zone = story, zone

    def extend_atom(self, entry: Any) -> Any:
        if self._story is None:
            return entry
        entry.find("title").set("type", "text")
        # feedgen forgets rel and all other attributes: the one link is the alternate.
        entry.find("link").set("rel", "alternate")
        for enclosure in self._story.lead.enclosures:
            _enclosure(entry, enclosure)
        self._event(entry, self._story)
        self._related(entry, self._story)
        self._source(entry, self._story)
        return entry

    def _related(self, entry: Any, story: PublishedStory) -> None:
        seen = {entry.find("link").get("href")}
        for member in story.members:
            href = http_iri(member.link)
            if href is None or href in seen:
                continue
            seen.add(href)
            name, title = _source_name(member.source), shown.one_line(member.title)
            title = f"{name}: {title}" if title else name
            xml_elem("link", entry, rel="related", href=href, title=title)

    def _event(self, entry: Any, story: PublishedStory) -> None:
        """The first that will take place: the elements may stand once."""
        event = next(
            (one.event for one in story.events if not one.event.cancelled), None
        )
        if event is None:
            return
        for name, when in (("startdate", event.start), ("enddate", event.end)):
            if when is not None:
                _event_element(entry, name, iso_moment(when, self._zone))
        if place := shown.one_line(event.place):
            _event_element(entry, "location", place)

    def _source(self, entry: Any, story: PublishedStory) -> None:
        source, info = story.source, story.source.info
        address = http_iri(source.url)
        element = xml_elem("source", entry)
        identity = info.id if is_iri(info.id) else address
        xml_elem("id", element).text = identity or f"urn:source:{source.id}"
        xml_elem("title", element).text = _source_name(source)
        # Not the feed's own updated: many set it to the moment of the request, which
        # would change our bytes without news. By this time the source had the entry.
        updated = story.updated.replace(microsecond=0)
        xml_elem("updated", element).text = _local(updated, self._zone).isoformat()
        if link := http_iri(info.link):
            xml_elem("link", element, rel="alternate", href=link)
        if address:
            xml_elem("link", element, rel="self", href=address)
        if rights := shown.one_line(_rights(source)):
            xml_elem("rights", element).text = rights


def _event_element(entry: Any, name: str, text: str) -> None:
    xml_elem(f"{{{EVENT_NAMESPACE}}}{name}", entry).text = text


def _enclosure(entry: Any, enclosure: Enclosure) -> None:
    href = http_iri(enclosure.url)
    if href is None:
        return
    link = xml_elem("link", entry, rel="enclosure", href=href)
    media_type = shown.one_line(enclosure.type).partition(";")[0].strip()
    if _is_media_type(media_type):
        link.set("type", media_type)
    if enclosure.length is not None and enclosure.length >= 0:
        link.set("length", str(enclosure.length))


def _is_media_type(value: str) -> bool:
    """``type/subtype`` of RFC 6838's characters (restricted-name)."""
    kind, slash, subtype = value.partition("/")
    return bool(slash) and all(
        name.isascii() and name and all(c.isalnum() or c in "!#$&-^_.+" for c in name)
        for name in (kind, subtype)
    )


def _source_name(source: SourceInfo) -> str:
    return shown.one_line(source.name) or source.id


def _rights(source: SourceInfo) -> str | None:
    """The operator's word before the source's own."""
    return source.rights or source.info.rights


def _local(moment: datetime, zone: tzinfo) -> datetime:
    """``moment`` in ``zone``; RFC 3339 knows no offset with seconds (before 1920)."""
    local = moment.astimezone(zone)
    offset = local.utcoffset()
    if offset is None or offset % timedelta(minutes=1):
        return moment.astimezone(UTC)
    return local


def _drop_bad_entries(feed: FeedGenerator, name: str) -> None:
    for entry in list(feed.entry()):
        try:
            entry.atom_entry()
        except Exception:
            log.exception("story left out of %s: %s", name, entry.id())
            feed.remove_entry(entry)
