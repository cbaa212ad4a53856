"""What a rule's words, as an operator writes them, match."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from aggregator.russian import fold

_WRITTEN_WORD = re.compile(r"([^\W_]+)(\*?)")


class Pattern(NamedTuple):
    """What one word of a rule matches."""

    kind: Literal["lemma", "prefix", "exact"]
    #: Folded; of ``exact`` the form itself with «ё» as «е».
    word: str


class Part(NamedTuple):
    """One place in a phrase; a rule of one word has one."""

    pattern: Pattern
    #: Most words that may stand between the part before and this one.
    gap: int


def parts_of(written: str, *, gap: int) -> tuple[Part, ...]:
    """The places of a term: ``премьера спектакля`` has two, ``рок-концерт*`` too.

    Words joined by a hyphen, and those after ``=``, follow each other at once.
    Empty when the term has neither letter nor digit.
    """
    written = written.strip()
    exact = written.startswith("=")
    parts: list[Part] = []
    end = 0
    for match in _WRITTEN_WORD.finditer(written):
        hyphen = written[end : match.start()] in {"-", "‑"}
        parts.append(
            Part(
                pattern=_pattern(match[1], prefix=bool(match[2]), exact=exact),
                gap=0 if exact or hyphen or not parts else gap,
            )
        )
        end = match.end()
    return tuple(parts)


def _pattern(word: str, *, prefix: bool, exact: bool) -> Pattern:
    if exact:
        return Pattern(kind="exact", word=same_yo(word))
    return Pattern(kind="prefix" if prefix else "lemma", word=fold(word))


def same_yo(form: str) -> str:
    """A form with its case kept and «ё» as «е»."""
    return form.replace("ё", "е").replace("Ё", "Е")
