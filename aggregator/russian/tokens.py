"""Where words and sentences stand in a plain text; no dictionary needed."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

#: Marks that stand inside a word and are no letters: soft hyphen, and the
#: accents and dots of texts that write «й», «ё» and stresses in two characters.
MARKS = "\u00ad\u0300\u0301\u0306\u0308"
_IN_WORD = f"[{MARKS}]"

# The groups make ``split`` give words and what parts them in turn, which costs
# no more than the words alone and saves looking for their places later.
_WORD = re.compile(r"([^\W_]+)")
#: Characters that nearly all texts consist of: Latin, Greek and Cyrillic without the
#: marks, general punctuation, «₽», «№».
_COMMON = "\0-\u00ac\u00ae-\u02ff\u0370-\u052f\u2000-\u206f\u20bd\u2116"
_uncommon = re.compile(f"[^{_COMMON}]").search
#: _WORD among these, spelt out: such a class is one bitmap for the engine, which takes
#: two thirds of the time that it takes to ask Unicode what each character is.
_COMMON_WORD = re.compile(
    "([{}]+)".format(
        "".join(
            f"{run[0]}-{run[-1]}"
            for run in _WORD.findall("".join(map(chr, range(0x530))))
        )
    )
)
_MARKED_WORD = re.compile(rf"([^\W_]+(?:{_IN_WORD}+[^\W_]*)*)")
#: Dropped after composing: a stress and a soft hyphen change no word.
_DROPPED = dict.fromkeys(map(ord, "\u00ad\u0300\u0301"))

# Begins with a set of characters: so the engine skips to the next one of them, which
# takes a fifth of the time that two alternatives take.
_BOUNDARY = re.compile(
    r"""([.!?…\n])(?:(?<=\n)\s*|"""
    r"""(?<=[.!?…])([.!?…]*["»”)\]]*)\s+(?=["«“„(\[—–-]?\s?[^\W_a-zа-яё]))"""
)
_END = re.compile(r"[.!?…\n]")
#: What stands before a dot that ends no sentence: «г. Сочи», «им. Фелицына».
_ABBREVIATIONS = frozenset(
    {"акад", "в", "вв", "г", "гг", "гор", "д", "др", "им", "к", "кв", "кг", "км"}
    | {"корп", "м", "млн", "млрд", "обл", "п", "пер", "пл", "пос", "пр", "просп"}
    | {"проф", "р", "руб", "с", "св", "см", "ср", "ст", "стр", "т", "тел", "тыс"}
    | {"ул", "ч", "чел", "чл", "ш", "экз"}
)
#: A word of so many letters is no abbreviation.
_LONGEST = max(map(len, _ABBREVIATIONS)) + 1


def fold(text: str) -> str:
    """Lower case with «ё» as «е», every character in its place.

    The few letters that grow when lowered, such as «İ», stay as they are.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
    return lowered.replace("ё", "е")


def has_marks(text: str) -> bool:
    return any(mark in text for mark in MARKS)


def split_words(text: str) -> tuple[list[str], list[str]]:
    """A text's pieces, and its words.

    Pieces are what stands between words and the words as they stand (folded),
    in turn: joined they have the text's length. Hyphens, quotes and apostrophes
    part words; a word has no stresses and soft hyphens.
    """
    folded = fold(text)
    if not _uncommon(folded):
        pieces = _COMMON_WORD.split(folded)
        return pieces, pieces[1::2]
    if not has_marks(text):
        pieces = _WORD.split(folded)
        return pieces, pieces[1::2]
    pieces = _MARKED_WORD.split(folded)
    return pieces, [_without_marks(word) for word in pieces[1::2]]


def _without_marks(word: str) -> str:
    if not has_marks(word):  # what stands elsewhere in the text changes no word
        return word
    return fold(unicodedata.normalize("NFC", word).translate(_DROPPED))


def sentence_starts(text: str, *, most: int | None = None) -> list[int]:
    """Offsets where sentences begin, of the first ``most`` sentences; 0 is the first.

    A line's end closes a sentence: ``text.plain_text`` puts one after each block.
    """
    found = (
        match.end()
        for match in _BOUNDARY.finditer(text)
        if not _is_abbreviation(text, match)
    )
    return [0, *(found if most is None else islice(found, most - 1))]


def sentence_ends(text: str, start: int, end: int) -> bool:
    """Whether a sentence begins after ``start`` and not after ``end``."""
    for match in _BOUNDARY.finditer(text, start):
        if match.end() > end:
            return False
        if not _is_abbreviation(text, match):
            return True
    return False


def may_end_sentence(between: str) -> bool:
    """Whether what stands between two words could part sentences."""
    return _END.search(between) is not None


def _is_abbreviation(text: str, boundary: re.Match[str]) -> bool:
    """Whether the boundary's dot belongs to a short form or an initial."""
    end = start = boundary.start()
    before = text[max(0, end - _LONGEST) : end]
    if len(before) == _LONGEST and before.isalnum():
        return False  # most sentences end in a longer word
    if boundary[1] != "." or boundary[2] or "\n" in boundary[0]:
        return False
    # Backwards by hand: a pattern tries every letter before.
    while start > max(0, end - _LONGEST) and text[start - 1].isalnum():
        start -= 1
    word = text[start:end]
    return (end - start == 1 and word.isupper()) or word.lower() in _ABBREVIATIONS
