"""Well-formed RSS 0.9x, 1.0, 2.0 and Atom, read five times faster than by feedparser.

expat builds the tree in C, and each element costs one look-up in ``elements``. What
comes out is what ``feed`` would give, or nothing: a document that holds anything
unusual is declined and read there. Nothing here resolves anything: the DOCTYPE is gone,
and declared entities are replaced in the text before (``xmltext``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from aggregator.parse.elements import (
    Context,
    Handler,
    Traits,
    entry_handler,
    feed_handler,
)
from aggregator.parse.found import Found, raw_feed
from aggregator.parse.namespaces import Declared, Names, Unusual, version_declared
from aggregator.parse.raw import MAX_ENTRIES, RawFeed
from aggregator.parse.xmltext import XmlText, expand

#: A tree takes up to 400 bytes for each; 5,000 entries of 15 elements have 150,000.
MAX_MARKUP = 400_000

# Two, because one that begins with a fixed byte is looked for at memory's speed; two
# fixed bytes are not, so "&" alone is looked for first.
_c1 = re.compile(rb"\xc2[\x80-\x9f]").search
_c1_reference = re.compile(rb"&#(?:0*1[2-5][0-9]|x0*[89][0-9a-fA-F]);").search
# xml:base, or base alone, which feedparser takes for it: on any element, be it one that
# tells nothing, it may change what the links after it mean.
_base = re.compile(rb"[\s:]base\s*=\s*[\"']").search


def read_feed(document: XmlText, body: bytes | None = None) -> RawFeed | None:
    """What ``feed.read_feed`` would give; None when that one must be asked.

    ``body`` is the document's text in UTF-8, for who has it at hand.
    """
    text = expand(document)
    if text.count("<") > MAX_MARKUP:
        return None
    if body is None or text is not document.text:
        body = text.encode("utf-8", "replace")
    lowered = body.lower()
    if b"base" in lowered and _base(lowered):
        return None
    try:
        root, namespaces = _tree(body)
        return _Document(root, namespaces, has_c1=_may_hold_c1(body)).read()
    except (expat.ExpatError, Unusual):
        return None


def _may_hold_c1(body: bytes) -> bool:
    return _c1(body) is not None or (
        b"&" in body and b"&#" in body and _c1_reference(body) is not None
    )


def _tree(body: bytes) -> tuple[Element, Declared]:
    """The root element, and the namespaces (prefix, URI) in the order of the text."""
    builder = TreeBuilder()
    namespaces: list[tuple[str | None, str | None]] = []
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    # C calls C: no Python runs for an element.
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartNamespaceDeclHandler = lambda prefix, uri: namespaces.append(
        (prefix, uri)
    )
    # In one piece: expat before 2.6 is quadratic on large tokens in parts.
    parser.Parse(body, True)
    return builder.close(), namespaces


class _Handlers(dict[str, Handler]):
    """What is done with an element of this name, by expat's name."""

    def __init__(self, names: Names, choose: Callable[[str], Handler]) -> None:
        super().__init__()
        self._names = names
        self._choose = choose

    def __missing__(self, name: str) -> Handler:
        handler = self[name] = self._choose(self._names[name])
        return handler


class _Document:
    """One document on its way into a ``RawFeed``."""

    def __init__(self, root: Element, namespaces: Declared, *, has_c1: bool) -> None:
        self._root = root
        self._version = version_declared(namespaces)
        self._names = Names(namespaces)
        self._entry_handlers = _Handlers(self._names, entry_handler)
        self._traits = Traits(
            names=self._names, atom=self._names[root.tag] == "feed", has_c1=has_c1
        )
        self._feed = Context(self._traits, _Handlers(self._names, feed_handler))
        self._entries: list[Found] = []
        self._cut = False

    def read(self) -> RawFeed:
        root = self._root
        match self._names[root.tag]:
            case "feed" if self._version in (None, "atom10"):
                language = self._language(root, None, of_feed=True)
                self._read_channel(root, "entry", language)
            case "rss":
                language = self._language(root, None, of_feed=True)
                if [self._names[each.tag] for each in root] != ["channel"]:
                    raise Unusual("no channel, or several")
                self._read_channel(root[0], "item", self._language(root[0], language))
            case "rdf:rdf" if self._version != "atom10":
                self._read_rdf(root)
            case _:
                raise Unusual("root")
        feed = raw_feed(self._feed.found, self._entries, atom=self._traits.atom)
        feed.cut = self._cut
        return feed

    def _read_channel(self, channel: Element, entry: str, language: str | None) -> None:
        feed, names = self._feed, self._names
        for element in channel:
            if names[element.tag] != entry:
                feed.handlers[element.tag](feed, element)
            elif not self._read_entry(element, language):
                return

    def _read_rdf(self, root: Element) -> None:
        language = self._language(root, None)
        seen = 0
        for element in root:
            match self._names[element.tag]:
                case "channel" if not seen:
                    seen = 1
                    self._language(element, language)
                    self._feed.read(element)
                case "item":
                    if not self._read_entry(element, language):
                        return
                case "image" | "textinput":
                    self._feed.handlers[element.tag](self._feed, element)
                case _:
                    raise Unusual("an element beside the channel")

    def _read_entry(self, element: Element, language: str | None) -> bool:
        """False when there are enough."""
        if len(self._entries) >= MAX_ENTRIES:
            self._cut = True
            return False
        entry = Context(self._traits, self._entry_handlers)
        entry.has_content, self._feed.has_content = self._feed.has_content, False
        if element.keys():
            about = entry.attributes(element).get("rdf:about")
            if about:
                entry.found["id"] = about
            language = self._language(element, language)
        entry.found["_lang"] = language
        self._feed.titled = False  # an entry's title is not this one's repetition
        entry.read(element)
        self._entries.append(entry.found)
        return True

    def _language(
        self, element: Element, inherited: str | None, *, of_feed: bool = False
    ) -> str | None:
        """The language of what stands in a feed, a channel or an entry."""
        attributes = self._feed.attributes(element)
        if "href" in attributes or "lastmod" in attributes:
            raise Unusual("a channel of the Channel Definition Format")
        language = attributes.get("xml:lang", attributes.get("lang"))
        if language is None:
            return inherited
        if language and of_feed:
            self._feed.found["language"] = language.replace("_", "-")
        return language or None
