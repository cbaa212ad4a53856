"""Yandex's RSS, for what it calls the latest and most important news.

Its rules (yandex.ru/support/webmaster, search-appearance/fresh-content): RSS 2.0 of at
most 10 MB; every item has title, link, pubDate and ``yandex:full-text``; a text names
neither source nor contacts and advertises nothing; items older than eight days are not
looked at. ``yandex:genre``, ``pdalink``, ``author``, one ``category``, ``description``
and ``enclosure`` may stand beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.utils import format_datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aggregator.language import primary
from aggregator.model import PublishedStory
from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.iri import http_uri
from aggregator.publish.item import Item, items
from aggregator.text import plain_text, shorten

YANDEX = "http://news.yandex.ru"
MEDIA = "http://search.yahoo.com/mrss/"
#: Of a document.
MAX_BYTES = 10_000_000
#: Characters.
MAX_TITLE = 200

# What WordPress writes below every text that it syndicates.
_appeared = re.compile(
    r"(?:запись|the post|сообщение) .* (?:впервые появил|appeared first)"
)
_said_of_source = re.compile(
    r"(?:источник|source|читайте (?:также|нас)|подписывайтесь)\b"
)
_advertisement = re.compile(r"реклама\b|erid\b")
_no_words = re.compile(r"[\W_]+")


def render_yandex(feed: Feed, stories: Sequence[PublishedStory], genre: str) -> bytes:
    """The document with those of ``stories`` that the rules let in, in the order given.

    Left out: what its source's rights give no whole text of, advertising, what has no
    page of its own, and what would make the document too large.
    """
    admitted = [story for story in stories if _is_admitted(story)]
    root = Element(
        "rss", {"version": "2.0", "xmlns:yandex": YANDEX, "xmlns:media": MEDIA}
    )
    channel = SubElement(root, "channel")
    title = shown.decoded(feed.title) or feed.site_url
    _add(channel, "title", title)
    _add(channel, "link", feed.site_url)
    _add(channel, "description", shown.decoded(feed.subtitle) or title)
    _add(channel, "language", primary(feed.language))
    room = MAX_BYTES - len(_bytes(root))
    for item in items(feed, admitted):
        element = _item(item, genre)
        if element is None:
            continue
        # With the white space that indents it.
        room -= len(tostring(element, encoding="utf-8")) + 8 * (len(element) + 2)
        if room < 0:
            break
        channel.append(element)
    return _bytes(root)


def _bytes(root: Element) -> bytes:
    indent(root)
    rendered: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return rendered + b"\n"


def _is_admitted(story: PublishedStory) -> bool:
    allowed = story.source.content == "full" and not story.ad
    return allowed and http_uri(story.lead.link) is not None


def _item(item: Item, genre: str) -> Element | None:
    """None when nothing is left of its text."""
    text = "\n".join(_text_lines(item))
    if not text or text == item.title:
        return None
    element = Element("item")
    _add(element, "title", shorten(item.title, MAX_TITLE))
    _add(element, "link", item.link)
    _add(element, "pdalink", item.link)
    _add(element, "guid", item.id).set("isPermaLink", "false")
    _add(element, "description", " ".join(item.text.lines[item.text.dates :]))
    _add(element, "author", ", ".join(item.authors))
    if item.categories:
        _add(element, "category", item.categories[0].label)
    for attachment in item.attachments:
        if attachment.type:
            SubElement(
                element,
                "enclosure",
                url=attachment.url,
                # RSS wants one; "0" is its profile's word for unknown.
                length=str(attachment.length or 0),
                type=attachment.type,
            )
    _add(element, "pubDate", format_datetime(item.published.replace(microsecond=0)))
    _add(element, "yandex:genre", genre)
    _add(element, "yandex:full-text", text)
    for empty in [
        child for child in element if child.text is None and not child.attrib
    ]:
        element.remove(empty)
    return element


def _add(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = text or None
    return element


def _text_lines(item: Item) -> Iterator[str]:
    """The text's paragraphs without those that only name the source, or advertise."""
    names = {_words(item.source.name)}
    for line in plain_text(item.text.content).splitlines():
        start = line.casefold()
        # A paragraph that tells something besides is left alone: it is the author's.
        if len(line) <= MAX_TITLE and (
            _words(line) in names
            or _said_of_source.match(start)
            or _appeared.match(start)
            or _advertisement.match(start)
        ):
            continue
        yield line


def _words(text: str) -> str:
    return _no_words.sub(" ", text.casefold()).strip()
