"""Which entries are worth comparing: those that share the words that tell most.

Comparing each entry with each would cost the square of their number. An inverted index
of every entry's heaviest stems finds 99 of 100 pairs that tell one story, among 0.3 %
of all pairs (docs/stories.md); minhashes found 58 of 100 among as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from typing import TypeVar

from aggregator.dedup.signature import Signature, unpack_signature
from aggregator.dedup.similarity import (
    Rarity,
    Weighed,
    pack_sums,
    summed,
    unpack_weighed,
    weights,
)
from aggregator.model import EntryRef, IndexedEntry, Member, Vocabulary

#: Stems of an entry that are indexed; names come before what weighs a little more, since
#: reports in other words share them above all.
INDEXED, NAME_BOOST = 24, 1.3
#: Of them two entries must share so many, and those must weigh so much of all: every
#: labelled pair that tells one story does, and one of 90 others.
SHARED, LEAST_PART = 2, 0.1
#: Entries compared with a newcomer, those that share most first.
MOST_COMPARED = 10
#: Entries found by single stems that are looked at: 24 stems of some 30 entries each.
MOST_FOUND = 800


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the words of a batch's newcomers tell, beside those of stored entries."""

    rare: Rarity
    #: Newcomers that are matched by their words.
    weighed: Mapping[EntryRef, Weighed]
    #: Their heaviest stems, each with its part of the whole weight.
    heaviest: Mapping[EntryRef, Sequence[tuple[int, float]]]
    #: Stored entries worth comparing, by number in the index, and what they share.
    stored: Mapping[EntryRef, Mapping[int, float]]
    _decoded: dict[EntryRef, Weighed] = field(default_factory=dict)

    @property
    def numbers(self) -> set[int]:
        """In the index, of the stored entries that are worth comparing."""
        return {number for found in self.stored.values() for number in found}

    def of(self, member: Member) -> Weighed | None:
        """None for an entry that is not matched by its words."""
        found = self.weighed.get(member.ref) or self._decoded.get(member.ref)
        if found is None and member.signature is not None and member.sums is not None:
            found = unpack_weighed(member.sums, member.signature)
            self._decoded[member.ref] = found
        return found

    def index(self, newcomers: Iterable[Member]) -> tuple[IndexedEntry, ...]:
        """What the store needs to find these newcomers again, by their dates."""
        return tuple(
            IndexedEntry(
                ref=member.ref,
                effective=member.effective,
                signature=member.signature,
                sums=pack_sums(weighed),
                stems=tuple(weighed.signature.stems),
                heaviest=tuple(stem for stem, _ in self.heaviest[member.ref]),
            )
            for member in sorted(newcomers, key=lambda each: (each.effective, each.ref))
            if member.signature is not None
            and (weighed := self.weighed.get(member.ref)) is not None
        )


#: An entry in an index: its number in the store, its reference in a batch.
Posted = TypeVar("Posted", int, EntryRef)

NO_WORDS = Words(rare=Rarity(0, {}), weighed={}, heaviest={}, stored={})


def read_signatures(newcomers: Iterable[Member]) -> dict[EntryRef, Signature]:
    """Of those that have one."""
    return {
        member.ref: unpack_signature(member.signature)
        for member in newcomers
        if member.signature is not None
    }


def stems_of(signatures: Mapping[EntryRef, Signature]) -> set[int]:
    return {stem for signature in signatures.values() for stem in signature.stems}


def weigh_words(
    signatures: Mapping[EntryRef, Signature], vocabulary: Vocabulary
) -> Words:
    """``vocabulary``: what the store knows of the signatures' stems."""
    frequencies = Counter(vocabulary.frequencies)
    for signature in signatures.values():
        frequencies.update(signature.stems.keys())
    rare = Rarity(vocabulary.entries + len(signatures), frequencies)
    weighed, heaviest, stored = {}, {}, {}
    for ref, signature in signatures.items():
        weight = weights(signature, rare)
        weighed[ref] = found = summed(signature, weight, rare)
        heaviest[ref] = _heaviest(found, weight)
        stored[ref] = find_shared(heaviest[ref], vocabulary.postings)
    return Words(rare=rare, weighed=weighed, heaviest=heaviest, stored=stored)


def _heaviest(
    weighed: Weighed, weights: Mapping[int, float]
) -> list[tuple[int, float]]:
    """Stems and their squared parts of the whole: these sum up to 1 at most."""
    whole = weighed.length * weighed.length or 1.0
    names = weighed.signature.names
    # Of equal weights the greater hash: any order will do that is always the same.
    heavy = nlargest(
        INDEXED,
        (
            (weight * NAME_BOOST if stem in names else weight, stem, weight)
            for stem, weight in weights.items()
        ),
    )
    return [(stem, weight * weight / whole) for _, stem, weight in heavy]


def find_shared(
    heaviest: Sequence[tuple[int, float]],
    postings: Mapping[int, Sequence[Posted]],
) -> dict[Posted, float]:
    """Entries that have enough of these stems, and how much those weigh of all.

    Rare stems are looked up first, and common ones not at all when the rare ones found
    many: a newcomer costs no more however much is stored.
    """
    found = [(postings[stem], part) for stem, part in heaviest if stem in postings]
    found.sort(key=lambda each: len(each[0]))
    room = MOST_FOUND
    lists: list[tuple[Sequence[Posted], float]] = []
    for posted, part in found:
        room -= len(posted)
        if room < 0:
            break
        lists.append((posted, part))
    counts = Counter(chain.from_iterable(posted for posted, _ in lists))
    parts = {entry: 0.0 for entry, count in counts.items() if count >= SHARED}
    if parts:
        for posted, part in lists:
            for entry in parts.keys() & posted:
                parts[entry] += part
    return {entry: part for entry, part in parts.items() if part >= LEAST_PART}
