"""Entries of a web page that has no feed, by CSS selectors. Only importer of selectolax.

A page whose selectors match nothing has changed its layout, and is an error: taken for
an empty list, nobody would hear of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date
from itertools import islice
from mimetypes import guess_type

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from aggregator.model import PageSelectors, SourceError, SourceWarning
from aggregator.parse.dateformat import read_as
from aggregator.parse.dates import named_day, parse_date
from aggregator.parse.html import Sanitiser, before_depth
from aggregator.parse.raw import MAX_ENTRIES, RawEnclosure, RawEntry, RawFeed, RawText
from aggregator.parse.sniff import feed_links, is_challenge
from aggregator.text import clean_text, hash64

#: lexbor is quadratic in depth: 20,000 nested divs take half a second, 200,000 minutes.
MAX_DEPTH = 1_000
#: What all items may hold together, per character of the page and besides: items may
#: stand inside each other.
TEXT_GROWTH, TEXT_ALLOWANCE = 3, 1_000_000
#: A bot wall says little and leads nowhere; a page with a form names a captcha too.
_WALL_CHARS, _WALL_LINKS = 2_000, 5
_MAX_LINKS = 10
_FEED_LINK_CHARS = 100_000

_charset = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_meta_charset = re.compile(
    rb"<meta\b[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE
)
_is_feed = re.compile(r"(?:<\?xml[^>]*>\s*)?<(?:rss|feed|rdf:RDF)[\s>]").match
_style_url = re.compile(r"url\(\s*[\"']?([^\"')]{1,2000})").search
_first_digit = re.compile(r"\d").search
# Placeholders stand in src where pictures are loaded late.
_IMAGE_ATTRIBUTES = (
    *("data-src", "data-lazy-src", "data-lazy", "data-original"),
    *("src", "content", "href", "data-bg", "data-background"),
)


def is_selector(text: str) -> bool:
    """Whether lexbor can parse ``text``."""
    try:
        LexborHTMLParser("").css(text)
    except (SelectolaxError, UnicodeError):
        return False
    return True


def with_charset(body: bytes, content_type: str | None) -> str | None:
    """``content_type`` with the charset that the page itself names, if that is telling.

    Bytes that are not UTF-8 are the one that is declared of header and page that is not
    UTF-8: servers add a default of their own.
    """
    header = _charset.search(content_type or "")
    if header and not _is_utf8(header[1]):
        return content_type
    meta = _meta_charset.search(body, 0, 10_000)
    name = meta[1].decode("ascii") if meta else "utf-8"
    if _is_utf8(name):
        return content_type
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return f"text/html; charset={name}"
    return content_type


def _is_utf8(name: str) -> bool:
    return name.lower().replace("_", "-") in ("utf-8", "utf8")


def read_page(
    text: str, url: str, page: PageSelectors, today: date | None = None
) -> RawFeed | SourceError:
    """The entries that the selectors find on a page, or why there are none.

    ``today`` is what «сегодня» means there; without it such dates are unreadable.
    """
    tree = _tree(text)
    items = tree.css(page.item)
    if not items:
        return _nothing_matches(tree, text, url, page)
    reader = _Reader(page, today, TEXT_GROWTH * len(text) + TEXT_ALLOWANCE)
    for item in items[:MAX_ENTRIES]:
        reader.read(item)
    for key in ("title", "link"):
        selector = getattr(page, key)
        if selector and not reader.matches[key]:
            return _changed(
                f"page.item matches {len(items)} times on the page,"
                f" but page.{key}, {selector!r}, in none of them"
            )
    title, base = tree.css_first("title"), tree.css_first("base[href]")
    for entry in reader.entries:
        entry.base = _attribute(base, "href")
    return RawFeed(
        entries=_distinct(reader.entries),
        title=RawText(title.text(), html=False) if title else None,
        link=url,
        cut=len(items) > MAX_ENTRIES,
        too_deep=reader.room < 0,
        warnings=tuple(reader.warnings()),
    )


def _tree(text: str) -> LexborHTMLParser:
    try:
        return LexborHTMLParser(before_depth(text, MAX_DEPTH))
    except SelectolaxError as fault:
        # HTML has no syntax that lexbor refuses; the worker's limit is what is left.
        raise MemoryError from fault


class _Reader:
    """Reads items, and counts where selectors found something."""

    def __init__(self, page: PageSelectors, today: date | None, room: int) -> None:
        self.entries: list[RawEntry] = []
        self.matches: Counter[str] = Counter()
        #: Characters that may still be taken.
        self.room = room
        self._page = page
        self._today = today
        self._sanitiser = Sanitiser()
        self._unfit: list[str] = []

    def read(self, item: LexborNode) -> None:
        """Adds the item's entry; one without title is none (a table's head, an ad)."""
        page = self._page
        title = self._text(_first(item, page.title))
        if not title or self.room < 0:
            return
        self.matches["title"] += 1
        links = self._links(item)
        summary = self._html(_first(item, page.summary))
        image = _image(_first(item, page.image))
        self.entries.append(
            RawEntry(
                links=links,
                title=RawText(title, html=False),
                summary=RawText(summary) if summary else None,
                published=self._date(_first(item, page.date)),
                enclosures=[RawEnclosure(image, guess_type(image)[0])] if image else [],
            )
        )

    def warnings(self) -> Iterator[SourceWarning]:
        page = self._page
        if page.date and not self.matches["date"]:
            yield SourceWarning(
                code="dates",
                message=f"page.date, {page.date!r}, matches in none of the entries",
            )
        elif self._unfit:
            yield SourceWarning(
                code="dates",
                message=f"{len(self._unfit)} dates are not written as page.date_format"
                f" says, such as {clean_text(self._unfit[0])[:60]!r}",
            )

    def _links(self, item: LexborNode) -> list[str]:
        """Best first; a page's parts (``#photo``) after other pages."""
        if self._page.link:
            node = _first(item, self._page.link)
            found = [] if node is None else list(_hrefs(node))
        else:
            found = list(_hrefs(item))
        self.matches["link"] += bool(found)
        return sorted(found, key=lambda href: href.startswith("#"))

    def _date(self, node: LexborNode | None) -> str | None:
        if node is None:
            return None
        self.matches["date"] += 1
        exact = _attribute(node, "datetime") or _attribute(node, "content")
        text = self._text(node)
        if (
            self._today
            and not _is_date(exact)
            and (day := named_day(text, self._today))
        ):
            return day
        if self._page.date_format is None:
            return exact if _is_date(exact) else _date_within(text) or text or exact
        for value in filter(None, (text, exact)):
            if found := read_as(value, self._page.date_format):
                return found
        if _is_date(exact):
            return exact
        self._unfit.append(text or exact or "")
        return None

    def _text(self, node: LexborNode | None) -> str:
        return " ".join(self._sanitiser.read(self._html(node), None).text.split())

    def _html(self, node: LexborNode | None) -> str:
        html = (node.inner_html or "") if node is not None else ""
        self.room -= len(html)
        return html


def _first(item: LexborNode, selector: str | None) -> LexborNode | None:
    """The first match inside an item; the item itself when nothing inside matches."""
    if selector is None:
        return None
    found = item.css(selector)
    inside = (node for node in found if node.mem_id != item.mem_id)
    return next(inside, found[0] if found else None)


def _attribute(node: LexborNode | None, name: str) -> str | None:
    value = node.attributes.get(name) if node is not None else None
    return value.strip() or None if value else None


def _hrefs(node: LexborNode) -> Iterator[str]:
    """Where a node leads: itself, what it holds, or the link that it stands in."""
    within = islice(node.css("a[href], area[href]"), _MAX_LINKS)
    found = [node, *within]
    outer = node.parent
    while outer is not None and outer.tag not in ("a", "body", None):
        outer = outer.parent
    if outer is not None and outer.tag == "a":
        found.append(outer)
    for each in found:
        href = _attribute(each, "href")
        if href and href not in ("#", "#!"):
            yield href


def _image(node: LexborNode | None) -> str | None:
    """The address of the picture that a node is, holds or has as its background."""
    if node is None:
        return None
    inner = node if node.tag in ("img", "source") else node.css_first("img, source")
    for each in filter(None, (inner, node)):
        for name in _IMAGE_ATTRIBUTES:
            value = _attribute(each, name)
            if value and len(value) < 2_000 and not value.startswith(("data:", "#")):
                return value
        if several := _attribute(each, "srcset") or _attribute(each, "data-srcset"):
            return several[:2_000].split()[0].rstrip(",")
        if style := _style_url(_attribute(each, "style") or ""):
            return style[1].strip()
    return None


def _is_date(value: str | None) -> bool:
    return value is not None and parse_date(value, UTC) is not None


def _date_within(text: str) -> str | None:
    """``text`` from where a date begins in it: «Опубликовано: 5 сентября 2026»."""
    if _is_date(text):
        return text
    digit = _first_digit(text)
    rest = text[digit.start() :] if digit else ""
    return rest if _is_date(rest) else None


def _distinct(entries: list[RawEntry]) -> list[RawEntry]:
    """Repetitions made one (a carousel above the list); keys that no place decides.

    Entries that share a link («Все новости») are known by title and summary.
    """
    found: dict[tuple[str, str], RawEntry] = {}
    for entry in entries:
        link = entry.links[0] if entry.links else _words(entry.summary)
        first = found.setdefault((link, _words(entry.title)), entry)
        first.summary = first.summary or entry.summary
        first.published = first.published or entry.published
        first.enclosures = first.enclosures or entry.enclosures
    pages = Counter(link for link, _ in found)
    for (link, title), entry in found.items():
        if entry.links and pages[link] > 1:
            entry.guid = f"text:{hash64(title, _words(entry.summary)) % 2**64:016x}"
    return list(found.values())


def _words(text: RawText | None) -> str:
    return "" if text is None else " ".join(text.value.split())


def _nothing_matches(
    tree: LexborHTMLParser, text: str, url: str, page: PageSelectors
) -> SourceError:
    visible = tree.body.text(strip=True) if tree.body else ""
    is_bare = len(visible) < _WALL_CHARS and len(tree.css("a[href]")) < _WALL_LINKS
    if is_bare and is_challenge(text):
        return SourceError(
            code="not_a_feed:challenge",
            message="A bot wall answers instead of the page; ask the portal to admit this aggregator.",
        )
    if text[:1] in ("{", "["):
        return SourceError(
            code="not_a_feed:json",
            message="The address answers with JSON, not with a web page.",
        )
    if _is_feed(text):
        return SourceError(
            code="not_a_feed",
            message="The address answers with a feed, not with a web page; leave out kind and page.",
        )
    feeds = feed_links(text[:_FEED_LINK_CHARS], url)
    named = f"; the page names a feed: {', '.join(feeds)}" if feeds else ""
    return _changed(f"page.item, {page.item!r}, matches nothing on the page{named}")


def _changed(what: str) -> SourceError:
    return SourceError(
        code="not_a_feed:html", message=f"Has the page changed? {what}"[:500]
    )
