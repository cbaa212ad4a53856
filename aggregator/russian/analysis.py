"""One pass over an entry's title and text, whose parts are computed when asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from aggregator.russian.morphology import known_stem, lemma_of
from aggregator.russian.tokens import (
    may_end_sentence,
    sentence_ends,
    sentence_starts,
    split_words,
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one plain text; the sequences have one item a word."""

    text: str
    #: Folded: lower case, «ё» as «е», no stresses or soft hyphens. Hyphens,
    #: quotes and apostrophes part words: «рок-концерт» is two.
    tokens: tuple[str, ...]
    #: What ``split_words`` gives; from it the places are counted.
    pieces: Sequence[str] = field(repr=False, compare=False)

    @cached_property
    def starts(self) -> Sequence[int]:
        """Where each word begins in ``text``, in characters from 0."""
        return self.edges[0:-1:2]

    @cached_property
    def ends(self) -> Sequence[int]:
        return self.edges[1::2]

    @cached_property
    def edges(self) -> Sequence[int]:
        """Where each word begins and ends, in turn; at last where the text ends."""
        return list(accumulate(map(len, self.pieces)))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        return tuple(map(known_stem, self.tokens))

    @cached_property
    def lemmas(self) -> tuple[str, ...]:
        return tuple(map(lemma_of, self.tokens))

    @cached_property
    def sentences(self) -> tuple[int, ...]:
        """The number, from 0, of the sentence that the word stands in."""
        # Sentences are few: their first words are looked for, not each word's sentence.
        firsts = [bisect_left(self.starts, at) for at in sentence_starts(self.text)]
        numbers: list[int] = []
        for number, end in enumerate([*firsts[1:], len(self.tokens)]):
            numbers += [number] * (end - len(numbers))
        return tuple(numbers)

    def form(self, first: int, last: int) -> str:
        """The text from one word to another (itself), as it stands there."""
        return self.text[self.edges[2 * first] : self.edges[2 * last + 1]]

    def same_sentence(self, first: int, last: int) -> bool:
        """Whether two words, in their order, stand in one sentence."""
        between = self.pieces[2 * first + 2 : 2 * last + 1 : 2]
        # Boundaries are looked for only where one may be, and only there.
        return not may_end_sentence("".join(between)) or not sentence_ends(
            self.text, self.edges[2 * first + 1], self.edges[2 * last]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is known of an entry's words."""

    title: Words
    text: Words


def read_words(text: str) -> Words:
    pieces, words = split_words(text)
    return Words(text=text, tokens=tuple(words), pieces=pieces)


def analyse(title: str, text: str) -> Analysis:
    """The words of an entry; ``title`` and ``text`` are plain text."""
    return Analysis(title=read_words(title), text=read_words(text))
