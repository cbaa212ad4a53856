"""Entries that come back under another guid: the same ones, whatever they are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aggregator.model import Fingerprint

#: So many links of new entries that all are known ones' prove each other; fewer may be
#: pages that always show the latest, and need a title or a text beside them.
ENOUGH_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    #: New key hash -> the one that the entry is stored under.
    old: Mapping[int, int] = field(default_factory=dict)
    #: Most of the document came under new keys: a change of its guids, not of a few.
    migration: bool = False


NO_RENAMES = Renames()


def may_be_migration(new: int, listed: int) -> bool:
    """Whether so many new keys of so many listed are more than news."""
    return new * 2 > listed


def find_renames(
    new: Sequence[Fingerprint],
    stored: Iterable[Fingerprint],
    listed: Collection[int],
    *,
    switched: bool = False,
) -> Renames:
    """Which of a document's ``new`` entries are ``stored`` ones of its source.

    Those that the document still lists under their own key are not meant: a page may
    have several entries. One that has link, title and text of a stored entry is that
    entry. Link, or title and text, are enough when most of the document is new and most
    of that is known so, or when the source's keys are ``switched`` to another rung.
    """
    gone = [each for each in stored if each.key not in listed]
    if not gone:
        return NO_RENAMES
    pairs = _Pairs(gone)
    for each in new:
        pairs.match(each, by_link=True, by_text=True)
    sure = dict(pairs.old)
    if not (switched or may_be_migration(len(new), len(listed))):
        return Renames(old=sure)
    for each in new:
        pairs.match(each, by_text=True)
    links = Counter(each.link for each in new)
    by_link = _Pairs([each for each in gone if each.key not in pairs.taken])
    for each in new:
        if each.key not in pairs.old and links[each.link] == 1:
            by_link.match(each, by_link=True)
    if len(by_link.old) >= ENOUGH_LINKS:
        pairs.old.update(by_link.old)
    else:
        prints = {each.key: each for each in (*new, *gone)}
        pairs.old.update(
            (one, other)
            for one, other in by_link.old.items()
            if _share_words(prints[one], prints[other])
        )
    if switched or len(pairs.old) * 2 >= len(new):
        return Renames(old=pairs.old, migration=bool(pairs.old))
    return Renames(old=sure)


class _Pairs:
    """New entries with the stored ones that they are, each once."""

    def __init__(self, stored: Sequence[Fingerprint]) -> None:
        self.old: dict[int, int] = {}
        self.taken: set[int] = set()
        self._by_link: defaultdict[int, list[Fingerprint]] = defaultdict(list)
        self._by_text: defaultdict[_Text, list[Fingerprint]] = defaultdict(list)
        for each in stored:
            if each.link is not None:
                self._by_link[each.link].append(each)
            if each.title is not None:
                self._by_text[each.title, each.start].append(each)

    def match(
        self, new: Fingerprint, *, by_link: bool = False, by_text: bool = False
    ) -> None:
        if new.key in self.old:
            return
        found: Sequence[Fingerprint] = ()
        if by_link and new.link is not None:
            found = self._by_link.get(new.link, ())
        elif not by_link and new.title is not None:
            found = self._by_text.get((new.title, new.start), ())
        for each in found:
            same_text = (new.title, new.start) == (each.title, each.start)
            if each.key not in self.taken and (
                not by_text or (same_text and new.title is not None)
            ):
                self.old[new.key] = each.key
                self.taken.add(each.key)
                return


_Text = tuple[int, int | None]


def _share_words(one: Fingerprint, other: Fingerprint) -> bool:
    titles = one.title is not None and one.title == other.title
    return titles or (one.start is not None and one.start == other.start)
