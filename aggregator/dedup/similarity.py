"""How alike two entries are by their words: pure, and explained.

The method and its figures stand in docs/stories.md. Words weigh by how rare they are
(TF-IDF over stems); how often stems occur comes from outside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import compress
from math import log, sqrt
from operator import mul
from typing import Literal

from aggregator.dedup.signature import (
    FEW_WORDS,
    FLAG_BITS,
    NAME,
    REGION,
    TITLE,
    Signature,
)

#: Parts of the score; they sum up to 1.
COSINE, TITLE_LEAST, TITLE_MOST, TITLES, NAMES = 0.3, 0.2, 0.1, 0.2, 0.2
#: Two numbers of more than one digit in common.
COMMON_NUMBERS = 0.05

#: Both titles name somebody or somewhere, and neither text the other's.
OTHER_NAMES = 0.4
#: Each title has a number that the other entry lacks: another day's figures. When only
#: one has, 121 or 120 medics may be the same ones.
OTHER_NUMBERS = 0.6
#: Each title has a figure or a word in other letters that the other entry lacks: entries
#: of one pattern («Выпуск 1», «Выпуск 2»). In short ones little else is told.
OTHER_MARKS = 0.3
#: One title tells of a comment, a denial, a sentence, and the other entry doesn't.
SEQUEL = 0.7

#: One story from here on; docs/stories.md has the curve.
SAME = 0.32
#: A score below this one counts only between entries of one day.
SURE = 0.45
#: Of so few words most have to be common: what is left are patterns («Выпуск 1»).
SHORT = 12
SURE_IF_SHORT = 0.6
WEAK_APART = timedelta(hours=24)
#: A story with so many members asks for so much more: chains grow by their weak links.
GROWN = ((50, 0.09), (30, 0.06), (10, 0.03))
#: Half of a story's members have to be so alike, whichever of them matched.
SUPPORT = 0.25
#: A text posted again, or lightly edited: the cosine of title and lead ...
COPY = 0.85
#: ... or the part of the shorter one's words that stand in the other (summaries).
CONTAINED = 0.9

#: By a stem's value in a signature: what stands there often counts more, but not as
#: often more.
_TF = tuple(
    1 + log(count) if (count := value >> FLAG_BITS) else 0.0 for value in range(256)
)

#: Entries that stand for all those never seen: in a small or new store, words that
#: two entries share would else seem common.
PRIOR_ENTRIES = 1_000.0
#: ... and how many of them have a stem.
PRIOR_FREQUENCY = 1.0


class Rarity(dict[int, float]):
    """How much each stem tells: inverse document frequency; unknown ones the most.

    Of ``entries`` entries; in so many of them each stem stands.
    """

    def __init__(self, entries: float, frequencies: Mapping[int, float]) -> None:
        whole = entries + PRIOR_ENTRIES
        super().__init__(
            (stem, log(whole / (frequency + PRIOR_FREQUENCY)))
            for stem, frequency in frequencies.items()
        )
        self._rarest = log(whole / PRIOR_FREQUENCY)

    def __missing__(self, stem: int) -> float:
        return self._rarest


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A signature with its sums, taken when it was first seen."""

    signature: Signature
    #: Length of the TF-IDF vector.
    length: float
    #: Sums of rarity over the title's stems, the names, all.
    title: float
    names: float
    whole: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    #: 0 to 1.
    score: float
    relation: Literal["copy", "report"]
    #: The texts nearly match, figures included: what an entry's own update looks like.
    near: bool
    #: The score's parts and what lowered it, for people.
    why: tuple[str, ...]


def weigh(signature: Signature, rare: Rarity) -> Weighed:
    return weigh_stems(signature, rare)[0]


def weigh_stems(signature: Signature, rare: Rarity) -> tuple[Weighed, list[float]]:
    """The signature with its sums, and TF-IDF of each of its stems, in their order."""
    stems, values = signature.stems.keys(), signature.stems.values()
    rarity = [rare[stem] for stem in stems]
    weights = list(map(mul, map(_TF.__getitem__, values), rarity))
    weighed = Weighed(
        signature=signature,
        length=sqrt(sum(map(mul, weights, weights))),
        title=sum(compress(rarity, [value & TITLE for value in values])),
        names=sum(compress(rarity, [value & NAME for value in values])),
        whole=sum(rarity),
    )
    return weighed, weights


_sums = struct.Struct("<ffff")


def pack_sums(weighed: Weighed) -> bytes:
    return _sums.pack(weighed.length, weighed.title, weighed.names, weighed.whole)


def unpack_weighed(sums: bytes, packed: bytes) -> Weighed:
    """What ``pack_sums`` and the signature gave."""
    length, title, names, whole = _sums.unpack(sums)
    return Weighed(
        signature=Signature(packed),
        length=length,
        title=title,
        names=names,
        whole=whole,
    )


#: What ``compare`` gives for entries that are less alike than was asked for.
UNLIKE = Similarity(score=0.0, relation="report", near=False, why=())


def compare(
    one: Weighed, other: Weighed, rare: Rarity, *, least: float = 0.0
) -> Similarity:
    """How alike two entries are, whatever their dates and sources.

    ``UNLIKE``, sooner, for entries whose score is less than ``least``: most of those
    that share words.
    """
    first, second = one.signature, other.signature
    dot = common = in_first = in_second = in_both = names = 0.0
    stems = first.stems
    for stem, other_value in second.pairs():
        if stem not in stems:
            continue
        value, weight = stems[stem], rare[stem]
        dot += _TF[value] * _TF[other_value] * weight * weight
        common += weight
        if value & TITLE:
            in_first += weight
            if other_value & TITLE:
                in_both += weight
        if other_value & TITLE:
            in_second += weight
        if value & other_value & NAME:
            names += weight
    cosine = _share(dot, one.length * other.length)
    shares = _share(in_first, one.title), _share(in_second, other.title)
    titles = _share(in_both, one.title + other.title - in_both)
    names = _part_of_names(names, one.names + other.names)
    score = (
        COSINE * cosine
        + TITLE_LEAST * min(shares)
        + TITLE_MOST * max(shares)
        + TITLES * titles
        + NAMES * names
    )
    if score + COMMON_NUMBERS < least:  # all else lowers it
        return UNLIKE
    parts = f"words {cosine:.2f}", f"titles {titles:.2f}", f"names {names:.2f}"
    score, lowered = _lowered(score, first, second)
    copy = _is_copy(one, other, cosine, common, lowered)
    return Similarity(
        score=round(min(score, 1.0), 4),
        relation="copy" if copy else "report",
        near=copy
        and cosine >= COPY
        and first.marks == second.marks
        and _same_figures(first, second),
        why=(*parts, *lowered),
    )


def is_same(
    found: Similarity,
    one: Weighed,
    other: Weighed,
    *,
    apart: timedelta,
    same_source: bool,
    more: float = 0.0,
) -> bool:
    """Whether two entries so alike, dated so far apart, tell one story.

    What one source tells twice, and what comes back every day, has to be the same text.
    ``more``: what is asked for besides (``tightened``).
    """
    series = one.signature.series
    if series != other.signature.series:
        return False
    if same_source or series:
        return found.near
    if min(len(one.signature.stems), len(other.signature.stems)) < SHORT:
        return found.score >= more + SURE_IF_SHORT
    return found.score >= more + (SAME if apart <= WEAK_APART else SURE)


def may_be_same(found: Similarity) -> bool:
    """Whether ``is_same`` may say so, whatever else is known of the entries."""
    return found.near or found.score >= SAME


def tightened(members: int) -> float:
    """How much more a story of so many members asks for."""
    return next((more for grown, more in GROWN if members >= grown), 0.0)


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole else 0.0


def _part_of_names(common: float, both: float) -> float:
    whole = both - common
    # Where nobody is named, names say as little for as against.
    return _share(common, whole) if whole > 0 else 0.3


def _lowered(
    score: float, first: Signature, second: Signature
) -> tuple[float, tuple[str, ...]]:
    why: list[str] = []
    if first.dates and second.dates and not first.dates & second.dates:
        return 0.0, ("other dates",)
    if _are_strange(first.places, second.places, first, second):
        score *= OTHER_NAMES
        why.append("other places")
    elif _are_strange(first.title_names, second.title_names, first, second):
        score *= OTHER_NAMES
        why.append("other names")
    if first.title_numbers - second.numbers and second.title_numbers - first.numbers:
        score *= OTHER_NUMBERS
        why.append("other numbers")
    elif _have_other_marks(first, second):
        score *= OTHER_MARKS
        why.append("other marks")
    if _only_one_is_sequel(first, second):
        score *= SEQUEL
        why.append("sequel")
    if len(first.numbers & second.numbers) >= 2:
        score += COMMON_NUMBERS
        why.append("common numbers")
    return score, tuple(why)


def _are_strange(
    names: frozenset[int],
    other_names: frozenset[int],
    first: Signature,
    second: Signature,
) -> bool:
    """Both titles name something, and neither entry speaks of the other's."""
    return bool(
        names
        and other_names
        and names.isdisjoint(second.stems)
        and other_names.isdisjoint(first.stems)
        and (REGION.isdisjoint(names) or REGION.isdisjoint(other_names))
    )


def _have_other_marks(first: Signature, second: Signature) -> bool:
    """Each has one that the other entry lacks, or both have them in another order.

    Of few words each counts: there one that only one of them has is enough.
    """
    one, other = set(first.marks), set(second.marks)
    if one == other or min(len(first.stems), len(second.stems)) < SHORT:
        return first.marks != second.marks
    return not (one <= second.stems.keys() or other <= first.stems.keys())


def _only_one_is_sequel(first: Signature, second: Signature) -> bool:
    """A comment, and what it is about; two that tell of one comment are alike."""
    if first.sequels and second.sequels:
        return False
    sequels = first.sequels or second.sequels
    other = second if first.sequels else first
    return bool(sequels) and sequels.isdisjoint(other.stems)


def _is_copy(
    one: Weighed,
    other: Weighed,
    cosine: float,
    common: float,
    lowered: Iterable[str],
) -> bool:
    if any(each.startswith("other ") for each in lowered):
        return False
    if min(len(one.signature.stems), len(other.signature.stems)) < FEW_WORDS:
        return False
    return cosine >= COPY or _share(common, min(one.whole, other.whole)) >= CONTAINED


def _same_figures(first: Signature, second: Signature) -> bool:
    """Another day's weather has the same words, and other numbers."""
    common = len(first.numbers & second.numbers)
    return 2 * common >= len(first.numbers | second.numbers)
