"""OPML 2.0 (opml.org/spec2.opml): lists of feeds that readers can take over at once.

No dates: such a list changes with feeds.yaml alone, and nobody recorded when.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aggregator.language import known_language
from aggregator.publish.iri import http_uri
from aggregator.publish.shown import LABEL_LENGTH, label
from aggregator.text import clean_text

#: The format's own page.
SPECIFICATION = "http://opml.org/spec2.opml"
#: Characters of a description; names have those of labels.
MOST_DESCRIPTION = 500

# Before anything but a space, what takes text for HTML looks for an entity.
_ampersand = re.compile(r"\s*&(?=[^\s&])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed to subscribe to; without ``feed`` a folder of ``children``, or a name alone."""

    title: str
    #: Address of the feed, written as it is here.
    feed: str | None = None
    #: Address of the site or the page that the feed belongs to.
    page: str | None = None
    #: BCP 47.
    language: str | None = None
    description: str | None = None
    #: Topic keys, written as OPML's ``category``: ``/culture,/health``.
    topics: tuple[str, ...] = ()
    children: tuple[Outline, ...] = ()


def render_opml(title: str, owner: str | None, outlines: Sequence[Outline]) -> bytes:
    """The list, in the order given.

    A feed whose address is no http(s) address is left out: nobody could subscribe.
    """
    root = Element("opml", version="2.0")
    head = SubElement(root, "head")
    SubElement(head, "title").text = _text(title)
    if name := _text(owner):
        SubElement(head, "ownerName").text = name
    body = SubElement(root, "body")
    for outline in outlines:
        _add(body, outline)
    if not len(body):
        # The body has one at least; a comment is nothing to subscribe to.
        SubElement(body, "outline", text=SPECIFICATION, isComment="true")
    indent(root)
    rendered: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return rendered + b"\n"


def _add(parent: Element, outline: Outline) -> None:
    text = _text(outline.title)
    if outline.feed is None:
        _add_other(parent, outline, text)
        return
    if http_uri(outline.feed) is None:
        return
    address = clean_text(outline.feed).strip()
    text = text or _text(address)
    element = SubElement(
        parent, "outline", type="rss", text=text, title=text, xmlUrl=address
    )
    for name, value in (
        ("htmlUrl", http_uri(outline.page)),
        ("language", known_language(outline.language)),
        ("description", _text(outline.description, MOST_DESCRIPTION)),
        ("category", ",".join(f"/{key}" for key in outline.topics)),
    ):
        if value:
            element.set(name, value)


def _add_other(parent: Element, outline: Outline, text: str) -> None:
    # A folder without a name is none; its feeds stand where it would.
    element = SubElement(parent, "outline", text=text) if text else parent
    for child in outline.children:
        _add(element, child)
    page = http_uri(outline.page)
    if page and element is not parent and not outline.children:
        element.set("type", "link")
        element.set("url", page)


def _text(value: str | None, length: int = LABEL_LENGTH) -> str:
    """A line that says the same whether it is taken for plain text or for HTML."""
    return _ampersand.sub(" & ", label(value, length)).replace("<", "‹")
