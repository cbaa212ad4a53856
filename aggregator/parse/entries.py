"""Raw entries made clean: the same for every format.

Keys by the ladder guid, link, title and text; links absolute; titles and names as
text; bodies sanitised; dates in UTC. Everything is bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from html import unescape
from typing import Any

from aggregator import links
from aggregator.model import (
    Enclosure,
    Entry,
    FeedInfo,
    Origin,
    ParsedFeed,
    Rung,
    SourceWarning,
)
from aggregator.parse.dates import parse_date
from aggregator.parse.html import Clean, Sanitiser, text_as_html, without_markup
from aggregator.parse.identity import MAX_KEY, Names, keys_of, rung_of
from aggregator.parse.mojibake import damage, mended
from aggregator.parse.raw import MAX_ENTRIES, RawEnclosure, RawEntry, RawFeed, RawText
from aggregator.text import clean_text, shorten

# contracts, Numbers.
MAX_TITLE = 1000
MAX_TEXT = 500_000
MAX_ENCLOSURES = 20
MAX_CATEGORIES = 50
MAX_AUTHORS = 20
#: An entry without a title is named by the start of its text.
TITLE_FROM_TEXT = 100
_MAX_NAME = 200
#: Bases of relative links; a path of 4 kB before each of 100,000 short links would make
#: hundreds of megabytes of one. Longer ones are cut back to their host.
MAX_BASE = 500
#: What all texts of a document may hold together, per character of the document and
#: besides: cleaning adds rel to links and makes them absolute, an honest text grows by
#: less than half.
TEXT_GROWTH, TEXT_ALLOWANCE = 3, 1_000_000
#: Characters of an entry's text that are looked at for how they read.
_HEAD = 200
_MAX_BIGINT = 2**63 - 1

# Only names of HTML elements are markup: «Vec<T>» and «<Новости>» are text.
_markup = re.compile(
    r"<[/!?]|<(?:a|abbr|b|big|blockquote|body|br|center|code|div|em|embed|font|form|h[1-6]|head|hr|html|i|iframe|"
    r"img|input|ins|li|link|meta|object|ol|p|plaintext|pre|s|script|small|span|strike|strong|style|sub|sup|svg|"
    r"table|td|title|tr|tt|u|ul|video|wbr|xmp)(?![a-zA-Z0-9а-яё])",
    re.IGNORECASE,
).search
_nothing_visible = re.compile(
    r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\u3164]*"
).fullmatch
_media_type = re.compile(r"[a-z]+/[a-z0-9.+-]+").fullmatch
_language = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
# RSS: «mail@example.org (Имя Фамилия)»; bounded, because feedparser's own is quadratic.
_mail_and_name = re.compile(
    r"\S+@\S+\s*\((?P<name>[^()]*)\)|(?P<before>[^<]*)<\S+@\S+>"
).fullmatch
_mail_alone = re.compile(r"(?:mailto:)?\S+@\S+\.\S+").fullmatch


class _Context:
    """What the entries of one document share."""

    def __init__(
        self, url: str, zone: tzinfo, language: str | None, document_chars: int
    ) -> None:
        self.url = _short_base(url)
        self.zone = zone
        self.language = language
        self.sanitiser = Sanitiser()
        self.dates_unreadable: list[str] = []
        self.entries_shortened = 0
        self.entries_mended = 0
        self._room = TEXT_GROWTH * document_chars + TEXT_ALLOWANCE

    def absolute(self, base: str | None, link: str | None) -> str | None:
        return links.resolve(self.base(base), link) if link else None

    def base(self, base: str | None) -> str:
        """xml:base, itself relative to the document's address."""
        resolved = links.resolve(self.url, base) if base else None
        return _short_base(resolved) if resolved else self.url

    def html(self, text: RawText | None, base: str | None) -> Clean | None:
        if text is None:
            return None
        if self._room < 0:
            self.entries_shortened += 1
            return None
        value = text.value
        if len(value) > MAX_TEXT:
            self.entries_shortened += 1
        if not text.html:
            value = text_as_html(value[:MAX_TEXT])
        clean = self.sanitiser.read(value, self.base(text.base or base))
        self._room -= len(clean.html)
        return clean if clean.html else None

    def date(self, value: str | None) -> datetime | None:
        if not value or not value.strip():
            return None
        moment = parse_date(value, self.zone)
        if moment is None:
            self.dates_unreadable.append(value)
        return moment


def parsed_feed(
    raw: RawFeed,
    *,
    url: str,
    zone: tzinfo,
    document_chars: int,
    rung: Rung = "guid",
    ladder: bool = True,
    warnings: Iterable[SourceWarning] = (),
) -> ParsedFeed:
    """The clean feed.

    ``url`` is where the document came from; ``zone`` the source's; ``document_chars``
    is its length, which bounds what may come of it. ``rung``: what its entries are
    known by so far; without ``ladder`` it stays so.
    """
    context = _Context(url, zone, _language_tag(raw.language), document_chars)
    if raw.title is not None:
        raw.title.value = mended(raw.title.value)
    info = _feed_info(raw, context)
    read = [
        entry
        for position, each in enumerate(raw.entries[:MAX_ENTRIES])
        if (entry := _entry(each, position, context)) is not None
    ]
    names = [each for each, _ in read]
    complaint = None
    if ladder:
        rung, complaint = rung_of(names, rung)
    entries = tuple(
        Entry(key=key, **fields)
        for key, (_, fields) in zip(keys_of(names, rung), read, strict=True)
        if key is not None
    )
    found = (
        *warnings,
        *_warnings(raw, context, entries),
        *_guids_warning(rung, complaint),
    )
    return ParsedFeed(info=info, entries=entries, rung=rung, warnings=found)


def _guids_warning(rung: Rung, complaint: str | None) -> Iterable[SourceWarning]:
    if complaint:
        names = {"link": "link", "link+title": "link and title"}
        known_by = names.get(rung, "title and text")
        message = f"{complaint}: the source's entries are known by {known_by}"
        yield SourceWarning(code="guids", message=message)


def _short_base(url: str) -> str:
    if len(url) <= MAX_BASE:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def _entry(
    raw: RawEntry, position: int, context: _Context
) -> tuple[Names, dict[str, Any]] | None:
    """The clean entry but for its key; None when it says nothing and leads nowhere."""
    context.entries_mended += _mend(raw)
    base = raw.base
    link = _link(raw, context)
    summary = context.html(raw.summary, base)
    content = context.html(raw.content, base)
    if summary and content and summary.html == content.html:
        summary = None  # one text under two names
    text = (content and content.text) or (summary and summary.text) or ""
    title = title_text(raw.title)
    enclosures = _enclosures(raw.enclosures, base, context)
    if not (title or text or link or enclosures):
        return None
    canonical = links.canonical_link(link) if link else None
    names = Names(
        guid=clean_text(raw.guid or "").strip(),
        link=link or "",
        page=_page(link, canonical),
        title=title,
        text=text,
    )
    return names, {
        "title": title or _title_from(text, link),
        "link": link,
        "canonical_link": canonical,
        "summary": summary and summary.html,
        "content": content and content.html,
        "text": text[:MAX_TEXT],
        "authors": _authors(raw.authors),
        "categories": _categories(raw.categories),
        "enclosures": enclosures,
        "language": _language_tag(raw.language) or context.language,
        "origin": _origin(raw, context),
        "published": context.date(raw.published),
        "updated": context.date(raw.updated),
        "position": position,
    }


def _mend(raw: RawEntry) -> bool:
    """Puts texts right that were encoded twice; whether there was one."""
    found = False
    for text in (raw.title, raw.summary, raw.content):
        if text is not None and (value := mended(text.value)) is not text.value:
            text.value, found = value, True
    if found:
        raw.authors = [*map(mended, raw.authors)]
        raw.categories = [*map(mended, raw.categories)]
    return found


def _link(raw: RawEntry, context: _Context) -> str | None:
    for candidate in raw.links:
        if link := context.absolute(raw.base, candidate):
            return link
    # A guid is a permanent link by default (RSS 2.0), but only if it looks like one:
    # resolving «12345» against the feed would invent a page.
    if (
        raw.guid_is_link
        and raw.guid
        and raw.guid.lstrip().lower().startswith(("http:", "https:"))
    ):
        return context.absolute(raw.base, raw.guid)
    return None


def _origin(raw: RawEntry, context: _Context) -> Origin | None:
    if not (raw.origin_title or raw.origin_link):
        return None
    title = title_text(raw.origin_title) or None
    link = context.absolute(raw.base, raw.origin_link)
    return Origin(title=title, link=link) if title or link else None


def _page(link: str | None, canonical: str | None) -> str:
    # Some pages hold a day's news under fragments: there the fragment is the entry.
    if not link or not canonical:
        return ""
    _, mark, fragment = link.partition("#")
    return f"{canonical}{mark}{fragment}"


def title_text(raw: RawText | None) -> str:
    """A title as one line of text: markup removed, entities resolved once, bounded."""
    if raw is None:
        return ""
    value = raw.value[: MAX_TITLE * 20]
    if raw.html:
        if "<" in value and _markup(value):
            value = without_markup(value)
        if "&" in value:
            value = unescape(value)
    value = " ".join(clean_text(value).split())
    return "" if _nothing_visible(value) else _cut(value, MAX_TITLE)


def _title_from(text: str, link: str | None) -> str:
    first_line = text.partition("\n")[0]
    return shorten(first_line, TITLE_FROM_TEXT) or _cut(
        link or "Без названия", MAX_TITLE
    )


def _cut(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def _name(value: str) -> str:
    return _cut(title_text(RawText(value[: 10 * _MAX_NAME])), _MAX_NAME)


def _author(value: str) -> str:
    name = value[: 2 * _MAX_NAME].strip()
    if match := _mail_and_name(name):
        name = match["name"] or match["before"] or ""
    return "" if _mail_alone(name) else _name(name)


def _authors(raw: list[str]) -> tuple[str, ...]:
    names = map(_author, raw[:MAX_AUTHORS])
    return tuple(dict.fromkeys(name for name in names if name))


def _categories(raw: list[str]) -> tuple[str, ...]:
    """Names, each once whatever its case; «Афиша, Театр» is two."""
    found: dict[str, str] = {}
    for value in raw[: 2 * MAX_CATEGORIES]:
        for part in value[: 10 * _MAX_NAME].split(",", MAX_CATEGORIES)[:MAX_CATEGORIES]:
            if name := _name(part):
                found.setdefault(name.casefold(), name)
    return tuple(found.values())[:MAX_CATEGORIES]


def _enclosures(
    raw: list[RawEnclosure], base: str | None, context: _Context
) -> tuple[Enclosure, ...]:
    if not raw:
        return ()
    found: dict[str, Enclosure] = {}
    for enclosure in raw[: 4 * MAX_ENCLOSURES]:
        url = context.absolute(base, enclosure.url)
        if url and url not in found:
            media_type = (enclosure.type or "").strip().lower()
            found[url] = Enclosure(
                url=url,
                type=media_type if _media_type(media_type) else None,
                length=_length(enclosure.length),
            )
    return tuple(found.values())[:MAX_ENCLOSURES]


def _length(value: str | int | float | None) -> int | None:
    try:
        length = int(str(value).strip()[:20])
    except ValueError:
        return None
    return length if 0 < length <= _MAX_BIGINT else None


def _language_tag(value: str | None) -> str | None:
    tag = (value or "").strip().replace("_", "-")
    return tag if len(tag) <= 35 and _language(tag) else None


def _feed_info(raw: RawFeed, context: _Context) -> FeedInfo:
    return FeedInfo(
        title=title_text(raw.title) or None,
        link=context.absolute(None, raw.link),
        id=clean_text(raw.id or "").strip()[:MAX_KEY] or None,
        updated=context.date(raw.updated),
        rights=title_text(raw.rights) or None,
        language=context.language,
        fresh_for=raw.fresh_for,
        hub_links=links.hub_links(context.url, raw.hubs, raw.self_link),
        skipped=raw.skipped,
    )


def _warnings(
    raw: RawFeed, context: _Context, entries: Sequence[Entry]
) -> Iterable[SourceWarning]:
    if raw.recovered:
        yield SourceWarning(
            code="recovered",
            message=f"What could be read was read: {raw.recovered}"[:500],
        )
    elif raw.entries and not entries:
        yield SourceWarning(
            code="recovered",
            message=f"None of {len(raw.entries)} entries has a title, a link or a text",
        )
    heads = [f"{entry.title} {entry.text[:_HEAD]}" for entry in entries]
    if complaint := damage(heads, context.entries_mended):
        yield SourceWarning(code="mojibake", message=complaint)
    if context.dates_unreadable:
        example = clean_text(context.dates_unreadable[0])[:60]
        count = len(context.dates_unreadable)
        yield SourceWarning(
            code="dates",
            message=f"{count} dates could not be read, such as {example!r}",
        )
    if raw.cut:
        yield SourceWarning(
            code="cut", message=f"Only the first {MAX_ENTRIES} entries were read"
        )
    elif raw.too_deep:
        yield SourceWarning(
            code="cut", message="Elements nested too deep were left out"
        )
    elif context.entries_shortened:
        yield SourceWarning(
            code="cut",
            message=f"{context.entries_shortened} texts were too long and cut",
        )
