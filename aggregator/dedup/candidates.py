"""Which entries are worth comparing: those that share the words that tell most.

Comparing each entry with each would cost the square of their number. An inverted index
of every entry's heaviest stems finds 99 of 100 pairs that tell one story, among 0.3 %
of all pairs (docs/stories.md); minhashes found 58 of 100 among as many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import nlargest
from itertools import chain
from operator import itemgetter
from typing import Any

from aggregator.dedup.signature import NAME, Signature
from aggregator.dedup.similarity import (
    SUPPORT,
    UNLIKE,
    Rarity,
    Similarity,
    Weighed,
    compare,
    may_be_same,
    pack_sums,
    unpack_weighed,
    weigh_stems,
)
from aggregator.model import (
    EntryRef,
    IndexedEntry,
    IndexedWords,
    Member,
    Vocabulary,
)

#: Stems of an entry that are indexed; names come before what weighs a little more, since
#: reports in other words share them above all.
INDEXED, NAME_BOOST = 24, 1.3
#: Of them two entries must share two, and those must weigh so much of all: every
#: labelled pair that tells one story does, and one of 90 others.
LEAST_PART = 0.1
#: Entries compared with a newcomer, those that share most first.
MOST_COMPARED = 10
#: Entries found by single stems that are looked at: 24 stems of some 30 entries each.
MOST_FOUND = 800
#: The latest of a batch's newcomers that one stem finds, as many as in the store.
_MOST_POSTED = 400


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the words of a batch's newcomers tell, beside those of stored entries."""

    rare: Rarity
    #: Newcomers that are matched by their words.
    weighed: Mapping[EntryRef, Weighed]
    #: Their heaviest stems.
    heaviest: Mapping[EntryRef, Sequence[int]]
    #: What newcomers are called in ``candidates``: no number of the store's, which are
    #: positive.
    numbers: Mapping[EntryRef, int]
    #: Entries worth comparing, and what they share: stored ones, by number in the index,
    #: and newcomers that come before.
    candidates: Mapping[EntryRef, Mapping[int, float]]
    #: Newcomers and stored candidates that were compared, by number, and may be the same.
    similar: Mapping[tuple[EntryRef, int], Similarity] = field(default_factory=dict)
    #: Stored entries, by number, as far as they were needed.
    known: dict[int, Weighed] = field(default_factory=dict)

    @property
    def stored(self) -> set[int]:
        """Numbers of the stored entries that are worth comparing."""
        found = {number for found in self.candidates.values() for number in found}
        return {number for number in found if number > 0}

    def of(self, member: Member) -> Weighed | None:
        """None for an entry that is not matched by its words."""
        if member.number is None:
            return self.weighed.get(member.ref)
        found = self.known.get(member.number)
        if found is None and member.signature is not None and member.sums is not None:
            found = unpack_weighed(member.sums, member.signature)
            self.known[member.number] = found
        return found

    def compare(self, one: Member, other: Member) -> Similarity | None:
        """None when either is not matched by its words."""
        if other.number is not None:
            found = self.similar.get((one.ref, other.number))
            if found is not None:
                return found
        first, second = self.of(one), self.of(other)
        if first is None or second is None:
            return None
        return compare(first, second, self.rare, least=SUPPORT)

    def index(self, newcomers: Iterable[Member]) -> tuple[IndexedEntry, ...]:
        """What the store needs to find these newcomers again, by their dates."""
        return tuple(
            IndexedEntry(
                ref=member.ref,
                effective=member.effective,
                own_site=member.own_site,
                signature=member.signature,
                sums=pack_sums(weighed),
                stems=tuple(weighed.signature.stems),
                heaviest=tuple(self.heaviest[member.ref]),
            )
            for member in sorted(newcomers, key=lambda each: (each.effective, each.ref))
            if member.signature is not None
            and (weighed := self.weighed.get(member.ref)) is not None
        )


NO_WORDS = Words(rare=Rarity(0, {}), weighed={}, heaviest={}, numbers={}, candidates={})


def order_of(member: Member) -> tuple[Any, ...]:
    """Effective date, order in feeds.yaml, place in the document: a total order."""
    return (
        member.effective,
        member.source_order,
        member.position,
        member.key,
        member.ref,
    )


def read_signatures(newcomers: Iterable[Member]) -> dict[EntryRef, Signature]:
    """Of those that have one, in their order."""
    return {
        member.ref: Signature(member.signature)
        for member in sorted(newcomers, key=order_of)
        if member.signature is not None
    }


def stems_of(signatures: Mapping[EntryRef, Signature]) -> set[int]:
    return {stem for signature in signatures.values() for stem in signature.stems}


def weigh_words(
    signatures: Mapping[EntryRef, Signature], vocabulary: Vocabulary
) -> Words:
    """``vocabulary``: what the store knows of the signatures' stems."""
    frequencies = Counter(vocabulary.frequencies)
    frequencies.update(chain.from_iterable(each.stems for each in signatures.values()))
    rare = Rarity(vocabulary.entries + len(signatures), frequencies)
    weighed, heaviest, numbers, candidates = {}, {}, {}, {}
    posted: defaultdict[int, list[int]] = defaultdict(list)
    for number, (ref, signature) in enumerate(signatures.items(), 1):
        weighed[ref], weights = weigh_stems(signature, rare)
        heavy = _heaviest(weighed[ref], weights)
        candidates[ref] = find_shared(heavy, vocabulary.postings, posted)
        heaviest[ref], numbers[ref] = [stem for stem, _ in heavy], -number
        for stem in heaviest[ref]:
            entries = posted[stem]
            entries.append(-number)
            if len(entries) > _MOST_POSTED:
                del entries[0]
    return Words(
        rare=rare,
        weighed=weighed,
        heaviest=heaviest,
        numbers=numbers,
        candidates=candidates,
    )


def drop_unlike(
    words: Words,
    newcomers: Iterable[Member],
    stored: Iterable[IndexedWords],
    window: timedelta,
) -> Words:
    """The words without those candidates, of the ``stored`` ones, that are not alike.

    Most are not, and nothing else of them and their stories has to be looked up. Where
    there are more than ``MOST_COMPARED``, only their places in order say which are
    compared: those stay.
    """
    dates = {member.ref: member.effective for member in newcomers}
    found_by: defaultdict[int, list[EntryRef]] = defaultdict(list)
    for ref, found in words.candidates.items():
        if len(found) <= MOST_COMPARED:
            for number in found:
                found_by[number].append(ref)
    unlike: defaultdict[EntryRef, set[int]] = defaultdict(set)
    similar: dict[tuple[EntryRef, int], Similarity] = {}
    known: dict[int, Weighed] = {}
    for number, effective, sums, signature in stored:
        other = unpack_weighed(sums, signature)
        for ref in found_by[number]:
            like = UNLIKE
            if abs(dates[ref] - effective) <= window:
                one = words.weighed[ref]
                like = compare(one, other, words.rare, least=SUPPORT)
            if may_be_same(like):
                similar[ref, number], known[number] = like, other
            else:
                unlike[ref].add(number)
    candidates = {
        ref: {number: found[number] for number in found.keys() - unlike[ref]}
        for ref, found in words.candidates.items()
    }
    return replace(words, candidates=candidates, similar=similar, known=known)


def _heaviest(weighed: Weighed, weights: Sequence[float]) -> list[tuple[int, float]]:
    """Stems and their squared parts of the whole: these sum up to 1 at most."""
    whole = weighed.length * weighed.length or 1.0
    heavy = [
        (weight * NAME_BOOST if value & NAME else weight, stem, weight)
        for (stem, value), weight in zip(
            weighed.signature.stems.items(), weights, strict=True
        )
    ]
    # Of equal weights the greater hash: any order will do that is always the same.
    heavy.sort(reverse=True)
    return [(stem, weight * weight / whole) for _, stem, weight in heavy[:INDEXED]]


def find_shared(
    heaviest: Sequence[tuple[int, float]],
    stored: Mapping[int, Sequence[int]],
    posted: Mapping[int, Sequence[int]],
) -> dict[int, float]:
    """Entries that have most of these stems, and how much those weigh of all.

    Rare stems are looked up first, and common ones not at all when the rare ones found
    many: a newcomer costs no more however much is stored.
    """
    found = [
        (len(old) + len(new), part, old, new)
        for stem, part in heaviest
        for old, new in [(stored.get(stem, ()), posted.get(stem, ()))]
        if old or new
    ]
    found.sort(key=itemgetter(0))
    room = MOST_FOUND
    parts: dict[int, float] = {}
    shared: list[int] = []
    for count, part, old, new in found:
        room -= count
        if room < 0:
            break
        for entry in chain(old, new):
            if entry in parts:
                parts[entry] += part
                shared.append(entry)
            else:
                parts[entry] = part
    return _most(
        {entry: part for entry in shared if (part := parts[entry]) >= LEAST_PART}
    )


def _most(parts: dict[int, float]) -> dict[int, float]:
    """The ``MOST_COMPARED`` that share most, and what shares as much as the last."""
    if len(parts) <= MOST_COMPARED:
        return parts
    least = nlargest(MOST_COMPARED, parts.values())[-1]
    return {entry: part for entry, part in parts.items() if part >= least}
