"""What an entry is known by in its source: guid, else link, else title and text.

A source whose guids are empty, or repeated by different entries, in more than a
twentieth of a document goes down the ladder for good: link, link and title, title and
text. Whoever remembers the rung hands it back with the next document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from aggregator.model import RUNGS, Rung
from aggregator.text import hash64

#: FreshRSS' trigger: fewer are slips of an editor's hand.
TROUBLE = 0.05
#: Keys are indexed by hash, but shown and stored; guids are addresses in practice.
MAX_KEY = 1000


@dataclass(frozen=True, slots=True)
class Names:
    """By what one entry can be known; empty where it says nothing."""

    guid: str
    #: The link as it is published, and without its spelling: canonical, with fragment.
    link: str
    page: str
    title: str
    text: str

    def at(self, rung: Rung) -> str:
        """The name on this rung, or on the next below that has one."""
        if rung == "guid" and self.guid:
            return self.guid
        if rung in {"guid", "link"} and self.page:
            return self.page
        if rung == "link+title" and (self.page or self.title):
            return f"{self.page}|{_hex(self.title)}"
        return f"text:{_hex(self.title, self.text)}"


def rung_of(entries: Sequence[Names], remembered: Rung) -> tuple[Rung, str | None]:
    """The rung for a document, none above the remembered one, and why it is not guid."""
    rung = remembered
    reason = "guids were of no use before" if rung != "guid" else None
    if rung == "guid":
        # No entry has one: the format knows none, and links serve as well.
        guids = [each.guid for each in entries]
        empty = guids.count("") if any(guids) else 0
        repeated = _repeated(entries, rung)
        if empty + repeated <= TROUBLE * len(entries):
            return rung, None
        reason = (
            f"{empty} of {len(entries)} guids are empty, {repeated} are another entry's"
        )
        rung = "link"
    while rung != RUNGS[-1] and _repeated(entries, rung) > TROUBLE * len(entries):
        rung = RUNGS[RUNGS.index(rung) + 1]
    return rung, reason


def keys_of(entries: Sequence[Names], rung: Rung) -> list[str | None]:
    """Each entry's key; None for one that stands in the document already, word by word.

    A name that several entries have is made unique by what tells them apart, so that
    none is lost; by its place last, because places change.
    """
    known_by = [names.at(rung) for names in entries]
    times = Counter(known_by)
    keys: list[str | None] = []
    taken: set[str] = set()
    listed: set[Names] = set()
    for position, (names, key) in enumerate(zip(entries, known_by, strict=True)):
        if times[key] > 1:  # seldom: the hash of a text costs more than all else here
            if names in listed:
                keys.append(None)
                continue
            listed.add(names)
        if key in taken:
            marks = chain((_hex(names.title, names.text),), map(str, count(position)))
            if names.link:
                marks = chain((names.link,), marks)
            key = next(
                other for mark in marks if (other := f"{key}|{mark}") not in taken
            )
        taken.add(key)
        keys.append(_bounded(key))
    return keys


def _repeated(entries: Sequence[Names], rung: Rung) -> int:
    """How many entries have the name of another one that they are not."""
    known_by = {names.at(rung) for names in entries}
    if len(known_by) == len(entries):
        return 0
    return len(set(entries)) - len(known_by)


def _bounded(key: str) -> str:
    if len(key) <= MAX_KEY:
        return key
    return f"hash:{_hex(key)}{_hex('', key)}"


def _hex(*parts: str) -> str:
    return f"{hash64(*parts) % 2**64:016x}"
