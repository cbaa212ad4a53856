"""Sitemaps (sitemaps.org 0.9) and Google News sitemaps as feeds of a portal.

Elements are known by their names, and by what their namespace is of; what stands in
an ill-formed document before its fault is kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from heapq import nlargest
from mimetypes import guess_type
from urllib.parse import unquote
from xml.parsers import expat

from aggregator import links
from aggregator.model import SourceError
from aggregator.parse.dates import parse_date
from aggregator.parse.raw import MAX_ENTRIES, RawEnclosure, RawEntry, RawFeed, RawText
from aggregator.parse.sniff import leads_inside, not_a_feed
from aggregator.parse.xmltext import (
    DOCTYPE_DROPPED,
    XmlText,
    expand,
    ill_formed,
    mended,
    xml_text,
)
from aggregator.text import clean_text

#: Twice what the protocol allows.
MAX_URLS = 100_000
MAX_IMAGES = 20
#: News stand five deep; a parser's stack of millions takes a gigabyte.
MAX_DEPTH = 50
_MAX_CHILDREN = 3
_JUNK_CHARS = 20_000
_MAX_NAMES = 1_000
_WANTED = frozenset(
    {"loc", "lastmod", "image:loc", "news:title", "news:publication_date"}
    | {"news:language", "news:name", "news:keywords"}
)
_OLDEST = datetime.min.replace(tzinfo=UTC)

#: Values of one ``<url>``, such as ``news:title``; images are a list.
_Url = dict[str, list[str]]

_start = re.compile(
    r"<\?xml\s|<(?:[\w-]+:)?(?:urlset|sitemapindex)[\s>]", re.IGNORECASE
).search
# Of Google's namespaces the last but one part; of an undeclared prefix itself (xmltext).
_extension = re.compile(r"(?:sitemap-|undeclared:)(news|image)\b").search


def read_sitemap(text: str, url: str) -> RawFeed | SourceError:
    """The pages that a sitemap lists; of more than MAX_ENTRIES those with the latest dates."""
    document = _sitemap_text(text)
    if document is None:
        return not_a_feed(text, url)
    match _local_name(document.root):
        case "urlset":
            return _read(document)
        case "sitemapindex":
            return _not_followed(document, url)
        case "rss" | "feed" | "rdf" | "channel":
            message = "The address answers with a feed; leave out kind: sitemap."
            return SourceError(code="not_a_feed", message=message)
    return not_a_feed(text, url)


def _sitemap_text(text: str) -> XmlText | None:
    """The document, also behind a script's warnings; None when no element begins it."""
    document = xml_text(text)
    if document is None and (start := _start(text, 0, _JUNK_CHARS)):
        return xml_text(text[start.start() :])
    return document


def _read(document: XmlText) -> RawFeed | SourceError:
    reader = _Reader("url")
    fault = reader.read(expand(document))
    if fault:
        again = _Reader("url")
        again.read(mended(document))
        reader = max(again, reader, key=lambda each: len(each.found))
    if fault and not reader.found:
        return SourceError(
            code="limit:depth" if isinstance(fault, _TooDeep) else "parse:xml",
            message=f"The sitemap is ill-formed and holds no whole entry: {fault}",
        )
    urls = _each_once(reader.found)
    newest = _newest(urls)
    recovered = DOCTYPE_DROPPED if document.dropped else None
    return RawFeed(
        entries=[_entry(each) for each in newest],
        title=next(
            (RawText(each["news:name"][0]) for each in newest if "news:name" in each),
            None,
        ),
        cut=reader.is_full or len(newest) < len(urls),
        recovered=ill_formed(fault) if fault else recovered,
    )


def _not_followed(document: XmlText, url: str) -> SourceError:
    """The error that names the sitemaps of an index, those of news first."""
    reader = _Reader("sitemap")
    if reader.read(expand(document)):
        reader.read(mended(document))
    children = [
        child
        for each in reader.found
        if (child := links.resolve(url, _first(each, "loc") or ""))
        and len(child) < 150
        and not leads_inside(child, url)
    ]
    children.sort(key=lambda child: "news" not in child.lower())
    named = ", ".join(list(dict.fromkeys(children))[:_MAX_CHILDREN])
    of = f", such as: {named}" if named else ""
    message = (
        f"A list of sitemaps, which is not followed; take one of them as a source{of}"
    )
    return SourceError(code="not_a_feed", message=clean_text(message)[:500])


def _local_name(name: str) -> str:
    return name.rpartition(":")[2].lower()


class _Reader:
    """Collects the values below each ``<url>`` (or ``<sitemap>``)."""

    def __init__(self, element: str) -> None:
        self.found: list[_Url] = []
        self.is_full = False
        self._element = element
        self._depth = 0
        self._current: _Url | None = None
        self._text: list[str] = []
        self._keys: dict[str, str] = {}

    def read(self, text: str) -> expat.ExpatError | _TooDeep | None:
        """The fault at which reading ended, if there was one; what it found stays."""
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        self._depth = 0
        try:
            parser.Parse(text.encode("utf-8", "replace"), True)
        except (expat.ExpatError, _TooDeep) as fault:
            return fault
        except _Full:
            self.is_full = True
        return None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep("nested too deep")
        self._text.clear()
        if self._depth == 2 and self._key(name) == self._element:
            if len(self.found) == MAX_URLS:
                raise _Full
            self._current = {}

    def _end(self, name: str) -> None:
        if self._current is not None:
            key = self._key(name)
            value = "".join(self._text).strip()
            if self._depth == 2:
                self.found.append(self._current)
                self._current = None
            elif value and key in _WANTED:
                values = self._current.setdefault(key, [])
                if len(values) < (MAX_IMAGES if key == "image:loc" else 1):
                    values.append(value)
        self._text.clear()
        self._depth -= 1

    def _key(self, name: str) -> str:
        """``news:title`` for an expat name, whatever the prefix was."""
        key = self._keys.get(name)
        if key is None:
            namespace, _, local = name.rpartition(" ")
            extension = _extension(namespace)
            key = f"{extension[1]}:{local}" if extension else local
            if len(self._keys) < _MAX_NAMES:
                self._keys[name] = key
        return key


class _TooDeep(Exception):
    """No sitemap is nested so."""


class _Full(Exception):
    """There are enough."""


def _first(values: _Url, key: str) -> str | None:
    return values[key][0] if key in values else None


def _each_once(urls: list[_Url]) -> list[_Url]:
    """Without those that lead nowhere, and without repetitions."""
    found: dict[str, _Url] = {}
    for each in urls:
        if "loc" in each:
            found.setdefault(each["loc"][0], each)
    return list(found.values())


def _newest(urls: list[_Url]) -> list[_Url]:
    """The MAX_ENTRIES latest, in the document's order: many sitemaps begin with the oldest."""
    if len(urls) <= MAX_ENTRIES:
        return urls
    dates = [
        parse_date(
            _first(each, "news:publication_date") or _first(each, "lastmod") or "", UTC
        )
        or _OLDEST
        for each in urls
    ]
    latest = nlargest(MAX_ENTRIES, range(len(urls)), key=dates.__getitem__)
    return [urls[number] for number in sorted(latest)]


def _entry(url: _Url) -> RawEntry:
    title = _first(url, "news:title")
    return RawEntry(
        links=url["loc"],
        title=RawText(title) if title else _title_of(url["loc"][0]),
        published=_first(url, "news:publication_date"),
        updated=_first(url, "lastmod"),
        categories=url.get("news:keywords", []),
        language=_first(url, "news:language"),
        enclosures=[
            RawEnclosure(image, guess_type(image)[0])
            for image in url.get("image:loc", ())
            if len(image) < 2000  # guess_type is slow on data: URLs
        ],
    )


def _title_of(address: str) -> RawText | None:
    """What a page is called by its address: ``/news/12-otkrytie-parka.html``.

    None where that says less than the address itself, which then is the title.
    """
    name = unquote(address[:2000].rstrip("/").rpartition("/")[2].partition("?")[0])
    words = _numbers("", _file_type("", name)).strip("-_ ")
    words = " ".join(_parts(clean_text(words)))
    if len(_words(words)) < _ENOUGH_WORDS or "\ufffd" in words:
        return None
    return RawText(words[0].upper() + words[1:], html=False)


#: Fewer are a section or a number.
_ENOUGH_WORDS = 3
_file_type = re.compile(r"\.[a-z]{2,5}$").sub
_numbers = re.compile(r"^\d{3,}(?=[-_])|(?<=[-_])\d{5,}$").sub
_parts = re.compile(r"[^-_+\s]+").findall
_words = re.compile(r"[^\W\d]+").findall
