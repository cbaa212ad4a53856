"""An entry's title and lead as one row of words, over which events are read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.model import EventWords
from aggregator.russian import Analysis, Words

#: Characters of the text that are read. What a news item announces, it announces in
#: its beginning; further down stand other events and last year's.
LEAD = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Title and lead; the sequences have one item a word, title first."""

    analysis: Analysis
    tokens: Sequence[str]
    #: What stands before each word; one more at the end.
    gaps: Sequence[str]
    #: Sentences counted from 0 through title and text.
    sentences: Sequence[int]
    #: The first word of each sentence; one more at the end.
    firsts: Sequence[int]
    #: How many of the words are the title's.
    title_words: int

    def span(self, sentence: int) -> range:
        """The words of a sentence."""
        if not 0 <= sentence < len(self.firsts) - 1:
            return range(0)
        return range(self.firsts[sentence], self.firsts[sentence + 1])

    def form(self, first: int, last: int) -> str:
        """The text from one word to another (itself), as it stands there."""
        words, first, last = self._where(first, last)
        return words.form(first, last)

    def words(self, part: str, first: int, last: int) -> EventWords:
        field = "title" if first < self.title_words else "text"
        words, first, last = self._where(first, last)
        return EventWords(
            part=part,  # type: ignore[arg-type]
            form=words.form(first, last),
            field=field,  # type: ignore[arg-type]
            position=words.starts[first],
        )

    def _where(self, first: int, last: int) -> tuple[Words, int, int]:
        if first < self.title_words:
            return self.analysis.title, first, min(last, self.title_words - 1)
        return (
            self.analysis.text,
            first - self.title_words,
            last - self.title_words,
        )


def read(analysis: Analysis) -> Reading:
    title, text = analysis.title, analysis.text
    titled = len(title.tokens)
    kept = bisect_left(text.starts, LEAD)
    after_title = title.sentences[-1] + 1 if titled else 0
    sentences = (
        *title.sentences,
        *[after_title + number for number in text.sentences[:kept]],
    )
    count = sentences[-1] + 1 if sentences else 0
    return Reading(
        analysis=analysis,
        tokens=(*title.tokens, *text.tokens[:kept]),
        gaps=(
            *title.pieces[0 : 2 * titled : 2],
            "\n" + text.pieces[0],
            *text.pieces[2 : 2 * kept + 1 : 2],
        ),
        sentences=sentences,
        firsts=[bisect_left(sentences, number) for number in range(count + 1)],
        title_words=titled,
    )
