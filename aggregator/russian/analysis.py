"""One pass over an entry's title and text, whose parts are computed when asked for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from aggregator.russian.morphology import lemma_of, stem_of
from aggregator.russian.tokens import sentence_starts, split_words, word_pattern


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one plain text; the sequences have one item a word."""

    text: str
    #: Folded: lower case, «ё» as «е», no stresses or soft hyphens. Hyphens,
    #: quotes and apostrophes part words: «рок-концерт» is two.
    tokens: tuple[str, ...]

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Start and end in ``text``, in characters from 0."""
        # Folding keeps every character in its place, so the text itself is
        # searched; a third of the texts never ask for this.
        return tuple(m.span() for m in word_pattern(self.text).finditer(self.text))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        return tuple(start for start, _ in self.spans)

    @cached_property
    def stems(self) -> tuple[str, ...]:
        return tuple(map(stem_of, self.tokens))

    @cached_property
    def lemmas(self) -> tuple[str, ...]:
        return tuple(map(lemma_of, self.tokens))

    @cached_property
    def sentences(self) -> tuple[int, ...]:
        """The number, from 0, of the sentence that the word stands in."""
        starts = sentence_starts(self.text)
        return tuple(bisect_right(starts, start) - 1 for start in self.starts)

    def form(self, first: int, last: int | None = None) -> str:
        """The text from one word to another (itself), as it stands there."""
        last = first if last is None else last
        return self.text[self.spans[first][0] : self.spans[last][1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is known of an entry's words."""

    title: Words
    text: Words


def read_words(text: str) -> Words:
    return Words(text=text, tokens=tuple(split_words(text)))


def analyse(title: str, text: str) -> Analysis:
    """The words of an entry; ``title`` and ``text`` are plain text."""
    return Analysis(title=read_words(title), text=read_words(text))
