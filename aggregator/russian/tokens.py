"""Where words and sentences stand in a plain text; no dictionary needed."""

from __future__ import annotations

import re
import unicodedata

#: Marks that stand inside a word and are no letters: soft hyphen, and the
#: accents and dots of texts that write «й», «ё» and stresses in two characters.
MARKS = "\u00ad\u0300\u0301\u0306\u0308"
_IN_WORD = f"[{MARKS}]"

# The groups make ``split`` give words and what parts them in turn, which costs
# no more than the words alone and saves looking for their places later.
_WORD = re.compile(r"([^\W_]+)")
_MARKED_WORD = re.compile(rf"([^\W_]+(?:{_IN_WORD}+[^\W_]*)*)")
#: Dropped after composing: a stress and a soft hyphen change no word.
_DROPPED = dict.fromkeys(map(ord, "\u00ad\u0300\u0301"))

_BOUNDARY = re.compile(
    r"""([.!?…]+["»”)\]]*)\s+(?=["«“„(\[—–-]?\s?[^\W_a-zа-яё])|\n\s*"""
)
_END = re.compile(r"[.!?…\n]")
#: What stands before a dot that ends no sentence: «г. Сочи», «им. Фелицына».
_ABBREVIATION = re.compile(
    "акад|вв?|гг?|гор|д|др|им|кв?|кг|км|корп|м|млн|млрд|обл|п|пер|пл|пос|пр|просп|"
    "проф|р|руб|с|св|см|ср|стр?|т|тел|тыс|ул|чел|чл?|ш|экз",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"[^\W_]+$")


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
    if not has_marks(text):
        pieces = _WORD.split(folded)
        return pieces, pieces[1::2]
    pieces = _MARKED_WORD.split(folded)
    return pieces, [_without_marks(word) for word in pieces[1::2]]


def _without_marks(word: str) -> str:
    return fold(unicodedata.normalize("NFC", word).translate(_DROPPED))


def sentence_starts(text: str) -> list[int]:
    """Offsets where sentences begin; the first is always 0.

    A line's end closes a sentence: ``text.plain_text`` puts one after each block.
    """
    starts, done = [0], 0
    # The engine looks for one of few characters much faster than for the pattern.
    for mark in _END.finditer(text):
        if mark.start() < done:
            continue
        match = _BOUNDARY.match(text, mark.start())
        if match is not None:
            done = match.end()
            if not match[1] or not _is_abbreviation(text, match):
                starts.append(done)
    return starts


def may_end_sentence(between: str) -> bool:
    """Whether what stands between two words could part sentences."""
    return _END.search(between) is not None


def _is_abbreviation(text: str, boundary: re.Match[str]) -> bool:
    """Whether the boundary's dot belongs to a short form or an initial."""
    if boundary[1] != "." or "\n" in boundary[0]:
        return False
    word = _LAST_WORD.search(text, max(0, boundary.start() - 20), boundary.start())
    if word is None:
        return False
    initial = len(word[0]) == 1 and word[0].isupper()
    return initial or _ABBREVIATION.fullmatch(word[0]) is not None
