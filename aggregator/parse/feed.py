"""RSS 0.9x, 1.0, 2.0 and Atom 0.3, 1.0 through feedparser. Its only importer.

feedparser's parser classes are driven here directly, without ``feedparser.parse``:
bytes are decoded, the DOCTYPE is gone, dates are read and HTML is sanitised by our own
modules, and its functions for these are wrong for Russian feeds or quadratic
(field-notes 0.5 to 0.8). What feedparser does is to know which element of which
dialect means what.

``strict`` reads what is well-formed and usual, five times faster and to the same
result; what it declines comes here.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from xml.parsers import expat

from feedparser.api import LooseFeedParser, StrictFeedParser

from aggregator.model import SourceError
from aggregator.parse.found import FULL_TEXT, MAX_TAGS, raw_feed
from aggregator.parse.raw import MAX_ENTRIES, RawFeed
from aggregator.parse.xmltext import (
    XmlText,
    entry_slices,
    expand,
    ill_formed,
    in_root_of,
    mended,
)

#: Atom with XHTML content reaches 30; a parser of a feed needs no more.
MAX_DEPTH = 200
#: What the lenient parser gets of a document; it takes seconds for more.
MAX_LENIENT_CHARS = 1_000_000

# feedparser mends UTF-8 that was read as latin-1, without a word, if it is told "utf-8";
# ``mojibake`` does it for all formats.
_ENCODING = "utf8"

_MEDIA_WANTED = frozenset({"content", "group", "thumbnail", "category", "keywords"})
# What feedparser's handlers raise on elements in places they do not expect.
_STUMBLES = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def read_feed(document: XmlText) -> RawFeed | SourceError:
    """The feed in a document whose root is that of one.

    Ill-formed XML is mended, then read strictly; what can't be mended is read entry by
    entry. Of a document that is cut the whole entries are kept.
    """
    strict = _Strict()
    fault = strict.read(expand(document))
    if fault is None or strict.is_complete:
        if strict.nested and not any(map(_leads_somewhere, strict.entries)):
            _read_entries(strict, expand(document))
        return _result(strict, fault)
    text = mended(document)
    again = _Strict()
    second = again.read(text)
    if second is None or again.is_complete:
        return _result(again, fault)
    whole = max(strict, again, key=lambda parser: len(parser.entries))
    _read_entries(whole, text)
    return _result(whole, fault)


def _read_entries(parser: _Strict, text: str) -> None:
    """The entries one by one, if there are more than ``parser`` has."""
    slices = entry_slices(text)
    if len(slices) <= len(parser.entries):
        return
    together = _Strict()
    together.read(in_root_of(text, (each.text for each in slices if each.well_formed)))
    well_formed = iter(together.entries)
    room = MAX_LENIENT_CHARS
    entries: list[Any] = []
    for each in slices:
        if each.well_formed and (entry := next(well_formed, None)) is not None:
            entries.append(entry)
        elif (room := room - len(each.text)) >= 0:
            lenient = _Lenient()
            lenient.read(in_root_of(text, [each.text]))
            entries += lenient.entries
    if len(entries) > len(parser.entries):
        parser.entries = entries[:MAX_ENTRIES]
        parser.is_full = len(entries) > MAX_ENTRIES


def _leads_somewhere(entry: dict[str, Any]) -> bool:
    return any(entry.get(key) for key in ("title", "link", "summary", "content"))


def looks_like_html(text: str) -> bool:
    """What feedparser takes for HTML where a feed says nothing of its texts."""
    return bool(StrictFeedParser.looks_like_html(text))


class _Rules:
    """What both of feedparser's parsers must do otherwise; mixed in before them."""

    # Set by feedparser's mixin; typed here because it ships no types.
    entries: list[Any]
    feeddata: dict[str, Any]
    version: str
    baseuri: str
    lang: str | None
    inentry: int
    incontent: int
    depth: int
    basestack: list[str]
    langstack: list[str | None]
    namespacemap: dict[str | None, str]

    resolve_relative_uris = False
    sanitize_html = False

    def __init__(self, *args: Any) -> None:
        self.is_full = False
        self.too_deep = False
        #: Entries stood in entries, and were left out.
        self.nested = False
        self._skipped: str | None = None
        self._skipped_depth = 0
        super().__init__(*args)

    def unknown_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        if self._skipped is not None:
            self._skipped_depth += tag == self._skipped
            return
        if tag in ("item", "entry") and not self.incontent:
            self._start_entry_tag(tag, attrs)
            return
        if self.depth >= MAX_DEPTH:
            self.too_deep = True
            self._skip(tag)
            return
        if self.inentry and not self.incontent and (":" in tag or tag in FULL_TEXT):
            tag = self._entry_tag(tag)
            if not tag:
                return
            if tag.startswith("mediatext:"):
                attrs = []
        self._pass_start(tag, attrs)

    def _start_entry_tag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        if len(self.entries) >= MAX_ENTRIES:
            self.is_full = True
            raise _Full
        self._pass_start(tag, attrs)
        if self.entries:
            self.entries[-1]["_base"] = self.baseuri
            self.entries[-1]["_lang"] = self.lang

    def _entry_tag(self, tag: str) -> str:
        """What a namespaced element of an entry is read as; "" when it is skipped."""
        prefix, _, name = tag.rpartition(":")
        if name in FULL_TEXT:
            return "content:encoded"
        meaning = self.namespacemap.get(prefix, prefix)
        if meaning == "media" and name not in _MEDIA_WANTED:
            # feedparser lets them overwrite the entry's own title and summary.
            return f"mediatext:{name}"
        if name == "related":
            # Yandex lists other articles here, whose <link> would become the entry's.
            self._skip(tag)
            return ""
        return tag

    def _skip(self, tag: str) -> None:
        self._skipped, self._skipped_depth = tag, 1

    def unknown_endtag(self, tag: str) -> None:
        if self._skipped is not None:
            self._skipped_depth -= tag == self._skipped
            if self._skipped_depth == 0 or tag in ("item", "entry"):
                ended, self._skipped = self._skipped, None
                if ended == tag:
                    return
            else:
                return
        if self.inentry and not self.incontent and ":" in tag:
            prefix, _, name = tag.rpartition(":")
            if (
                self.namespacemap.get(prefix, prefix) == "media"
                and name not in _MEDIA_WANTED
            ):
                tag = f"mediatext:{name}"
        elif tag.rpartition(":")[2] in FULL_TEXT and self.inentry:
            tag = "content:encoded"
        try:
            super().unknown_endtag(tag)  # type: ignore[misc]
        except _STUMBLES:
            self.depth -= 1
            self.basestack.pop()
            self.langstack.pop()

    def _pass_start(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        # One element that feedparser stumbles over must not cost the document.
        with suppress(*_STUMBLES):
            super().unknown_starttag(tag, attrs)  # type: ignore[misc]

    def handle_data(self, text: str, escape: int = 1) -> None:
        if self._skipped is None:
            super().handle_data(text, escape)  # type: ignore[misc]

    # Dates are read in ``dates``: feedparser takes MSK for UTC.
    def _end_published(self) -> None:
        self.pop("published")  # type: ignore[attr-defined]

    _end_issued = _end_pubdate = _end_published

    def _end_updated(self) -> None:
        self.pop("updated")  # type: ignore[attr-defined]

    _end_modified = _end_lastbuilddate = _end_updated

    def _end_created(self) -> None:
        self.pop("created")  # type: ignore[attr-defined]

    # feedparser keeps the last hour and the last day alone.
    def _end_hour(self) -> None:
        self._collect("hour", "skip_hours")

    def _end_day(self) -> None:
        self._collect("day", "skip_days")

    def _collect(self, tag: str, name: str) -> None:
        value = self.pop(tag)  # type: ignore[attr-defined]
        if not self.inentry and value and len(value) < 20:
            values = self.feeddata.setdefault(name, [])
            if len(values) < 50:
                values.append(value)

    def _sync_author_detail(self, key: str = "author") -> None:
        # feedparser looks for an address in the name, in quadratic time.
        context = self._get_context()  # type: ignore[attr-defined]
        people, name = dict.get(context, f"{key}s"), dict.get(context, key)
        if people and name and not people[-1]:
            people[-1]["name"] = name

    def _add_tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        # feedparser compares each with all before it.
        tags = dict.get(self._get_context(), "tags")  # type: ignore[attr-defined]
        if not tags or len(tags) < MAX_TAGS:
            super()._add_tag(term, scheme, label)  # type: ignore[misc]


class _Full(Exception):
    """Enough entries were read."""


class _Strict(_Rules, StrictFeedParser):  # type: ignore[misc]
    """expat's events, named as feedparser expects them."""

    def __init__(self) -> None:
        super().__init__("", None, _ENCODING)
        self._names: dict[str, str] = {}
        self._uris: dict[str, str] = {}
        self._open_elements = 0
        #: The root was closed: whatever follows, nothing is missing.
        self.is_complete = False

    def read(self, text: str) -> Exception | None:
        """Reads all; the fault that ended it early, if any, feedparser's own included."""
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.handle_data
        parser.StartNamespaceDeclHandler = self._namespace
        try:
            # In one piece: expat before 2.6 is quadratic on large tokens in parts.
            parser.Parse(text.encode("utf-8", "replace"), True)
        except _Full:
            self.is_complete = True
        except MemoryError:
            raise
        except Exception as fault:
            if not self.is_complete and self.inentry and self.entries:
                self.entries.pop()  # it has only a beginning
            return fault
        return None

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri:
            self._uris.setdefault(uri, prefix or "")
            self.track_namespace(prefix or None, uri)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open_elements += 1
        attrs = [(self._name(key), value) for key, value in attributes.items()]
        tag = self._name(name)
        if self.inentry and tag in ("item", "entry") and self._skipped is None:
            self.nested = True
            self._skip(tag)
        else:
            self.unknown_starttag(tag, attrs)

    def _end(self, name: str) -> None:
        self.unknown_endtag(self._name(name))
        self._open_elements -= 1
        self.is_complete = self._open_elements == 0

    def _name(self, name: str) -> str:
        """``prefix:local`` in lower case, with feedparser's prefix for the namespace."""
        known = self._names.get(name)
        if known is None:
            uri, _, local = name.rpartition(" ")
            prefix = self._prefix(uri) if uri else ""
            known = self._names[name] = f"{prefix}:{local}".lower().lstrip(":")
        return known

    def _prefix(self, uri: str) -> str:
        lower = uri.lower()
        if "backend.userland.com/rss" in lower:
            return ""
        return str(self._matchnamespaces.get(lower, self._uris.get(uri, "")))


class _Lenient(_Rules, LooseFeedParser):  # type: ignore[misc]
    """feedparser's own parser for what is no XML."""

    def __init__(self) -> None:
        super().__init__("", None, _ENCODING, {})

    def read(self, text: str) -> None:
        try:
            self.feed(text)
        except MemoryError:
            raise
        except Exception:  # it raises whatever its regexes lead to
            # What was read until then is kept; nothing read is an error further up.
            return


def _result(parser: _Strict, fault: Exception | None) -> RawFeed | SourceError:
    if fault is not None and not parser.entries:
        if parser.too_deep:
            return _too_deep()
        return SourceError(
            code="parse:xml",
            message=f"The feed is ill-formed and holds no whole entry: {fault}",
        )
    if parser.too_deep and not parser.entries:
        return _too_deep()
    # Plain dictionaries: in feedparser's own, a missing ``updated`` is ``published``.
    feed = raw_feed(
        dict(parser.feeddata),
        map(dict, parser.entries),
        atom=parser.version.startswith("atom"),
    )
    if fault:
        feed.recovered = ill_formed(fault)
    elif parser.nested:
        feed.recovered = "it has entries inside other entries"
    feed.cut = parser.is_full
    feed.too_deep = parser.too_deep
    return feed


def _too_deep() -> SourceError:
    return SourceError(
        code="limit:depth",
        message=f"Elements are nested deeper than {MAX_DEPTH}; no entry was found.",
    )
