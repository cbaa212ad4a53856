"""The hashes by which an entry is known again, its copies found, its edits noticed.

Runs in the worker for every entry of every document, changed or not: what an
unchanged document costs is decided here (about 60 µs for 1,500 characters).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from typing import NamedTuple

from aggregator.dedup.noise import bare, letters, quiet, quiet_title
from aggregator.links import canonical_link
from aggregator.model import Entry, Event, Fingerprint
from aggregator.text import hash64, plain_text

#: The start of a text, in characters read and kept: some 25 words, two sentences.
#: Within it a template's next edition (weather, exchange rates) names its own day.
_START_READ, _START_KEPT = 320, 200
#: Words of 3 letters and more, or numbers. Shorter titles («Афиша недели») come back
#: every week; a title that has no text beside it needs one word more.
_TITLE_WORDS, _TITLE_WORDS_ALONE = 3, 4

#: Sections whose page many entries may give as their link.
_SECTIONS = frozenset(
    {
        "about", "afisha", "all", "archive", "articles", "blog", "events", "feed",
        "home", "index", "lenta", "main", "media", "news", "novosti", "posts", "press",
        "press-center", "pressa", "publications", "publikacii", "rss", "rss.xml",
        "sobytiya", "stati", "text",
    }
)  # fmt: skip

#: A source's name after a bar or dash; longer is a second half of the title.
_LONGEST_NAME = 40

_content_words = re.compile(r"[^\W\d_]{3,}|\d+").finditer
_dash_and_name = re.compile(r"\s[-–—]\s+[^\W\d_]+(?:[\s.-]+[^\W\d_]+){0,2}\.?$").search


class Reading(NamedTuple):
    """What a reader sees of an entry, noise removed: equal readings, no edit.

    Strings to compare and hash, not to show.
    """

    title: str
    #: Text, and the summary where that is another one.
    body: str
    #: Canonical link, enclosures, authors, categories.
    frame: str


def fingerprint(
    entry: Entry, shared_blocks: frozenset[str] = frozenset()
) -> Fingerprint:
    """The hashes of ``entry`` in a document whose entries share ``shared_blocks``."""
    text, quieted = _own_text(entry.text, shared_blocks)
    start = letters(text[:_START_READ].lower())[:_START_KEPT]
    title = quiet_title(entry.title)
    return Fingerprint(
        key=hash64(entry.key),
        content=hash64(*_reading(entry, title, quieted, shared_blocks)),
        link=_page_hash(entry.canonical_link),
        title=_title_hash(title, alone=not start),
        start=hash64(start) if start else None,
    )


def telling(content: int, entry: Entry, events: Sequence[Event]) -> int:
    """The content hash of an entry that tells events: their dates are no noise.

    Where the entry has no date of its own, «завтра» is another day at each poll: there
    the words alone count.
    """
    if not events or entry.published is None:
        return content
    return hash64(str(content), *map(_when, events))


def _when(event: Event) -> str:
    whens = (when.isoformat() if when else "" for when in (event.start, event.end))
    return " ".join((*whens, "cancelled" if event.cancelled else ""))


def tell_otherwise(one: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether two readings differ in when something is, or whether."""
    return list(map(_when, one)) != list(map(_when, other))


def shared_blocks(entries: Sequence[Entry]) -> frozenset[str]:
    """Blocks that entries of one document have in common: advertising, footers.

    Three entries, or two where that is more than a tenth of the document: two of a
    hundred may quote the same sentence. Re-posts, known by their equal titles, count
    once: all their blocks are equal, and none of them is advertising.
    """
    enough = 2 if len(entries) < 20 else 3
    blocks = [entry.text.split("\n") for entry in entries]
    times = Counter(chain.from_iterable(blocks))
    titles: dict[str, set[str]] = {
        block: set() for block, found in times.items() if found >= enough
    }
    if not titles:
        return frozenset()
    for entry, own in zip(entries, blocks, strict=True):
        for block in titles.keys() & own:
            titles[block].add(entry.title or entry.key)
    shared = (block for block, found in titles.items() if len(found) >= enough)
    return frozenset(filter(None, (bare(quiet(block)) for block in shared)))


def reading(entry: Entry, shared_blocks: frozenset[str]) -> Reading:
    """The reading of ``entry`` in a document whose entries share ``shared_blocks``."""
    quieted = _own_text(entry.text, shared_blocks)[1]
    return _reading(entry, quiet_title(entry.title), quieted, shared_blocks)


def body(entry: Entry, shared_blocks: frozenset[str]) -> str:
    """Text and, where it is another one, summary: quiet, without shared blocks."""
    quieted = _own_text(entry.text, shared_blocks)[1]
    return quieted + _own_summary(entry, shared_blocks)


def _reading(
    entry: Entry, title: str, quieted: str, shared_blocks: frozenset[str]
) -> Reading:
    frame = (
        entry.canonical_link or "",
        # Image servers put signatures that expire into the query.
        *(canonical_link(file.url).partition("?")[0] for file in entry.enclosures),
        "",
        *entry.authors,
        "",
        *entry.categories,
    )
    return Reading(
        title=bare(title),
        body=bare(quieted + _own_summary(entry, shared_blocks)),
        frame="\0".join(frame),
    )


def _own_text(text: str, shared_blocks: frozenset[str]) -> tuple[str, str]:
    """The text without shared blocks: as it is, and quiet."""
    quieted = quiet(text)
    if not shared_blocks:
        return text, quieted
    kept = [
        (block, quiet_block)
        for block, quiet_block in zip(
            text.split("\n"), quieted.split("\n"), strict=True
        )
        if bare(quiet_block) not in shared_blocks
    ]
    return "\n".join(block for block, _ in kept), "\n".join(block for _, block in kept)


def _own_summary(entry: Entry, shared_blocks: frozenset[str]) -> str:
    """The summary as one more block; empty when the text is made from it."""
    if entry.content is None or not entry.summary:
        return ""
    return "\n" + _own_text(plain_text(entry.summary), shared_blocks)[1]


def _page_hash(canonical: str | None) -> int | None:
    """None for a home page or a section: many entries may link there."""
    if canonical is None:
        return None
    path = canonical.partition("://")[2].partition("/")[2]
    if "?" not in canonical and (not path or path.lower() in _SECTIONS):
        return None
    return hash64(canonical)


def _title_hash(title: str, *, alone: bool) -> int | None:
    """None when the title says too little to be known by; ``alone``: without a text."""
    name = _without_source(title.strip(), alone=alone)
    enough = _TITLE_WORDS_ALONE if alone else _TITLE_WORDS
    return hash64(letters(name)) if _has_words(name, enough) else None


def _has_words(title: str, enough: int) -> bool:
    """Whether it has so many that say something."""
    return next(islice(_content_words(title), enough - 1, None), None) is not None


def _without_source(title: str, *, alone: bool) -> str:
    """«Заголовок | Источник» and «Заголовок — Источник» without their ends.

    A dash also parts what matters («Погода на завтра — Сочи»): there the end goes
    only when much of a title is left and a text stands beside it.
    """
    head, bar, name = title.rpartition(" | ")
    if bar and len(name) <= _LONGEST_NAME:
        return head
    found = None if alone else _dash_and_name(title)
    if found is None or len(found[0]) > _LONGEST_NAME:
        return title
    head = title[: found.start()]
    return head if _has_words(head, _TITLE_WORDS_ALONE) else title
