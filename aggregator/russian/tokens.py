"""Where words and sentences stand in a plain text; no dictionary needed."""

from __future__ import annotations

import re
import unicodedata

#: Marks that stand inside a word and are no letters: soft hyphen, and the
#: accents and dots of texts that write «й», «ё» and stresses in two characters.
MARKS = "\u00ad\u0300\u0301\u0306\u0308"
_IN_WORD = f"[{MARKS}]"

_WORD = re.compile(r"[^\W_]+")
_MARKED_WORD = re.compile(rf"[^\W_]+(?:{_IN_WORD}+[^\W_]*)*")
#: Dropped after composing: a stress and a soft hyphen change no word.
_DROPPED = dict.fromkeys(map(ord, "\u00ad\u0300\u0301"))

_BOUNDARY = re.compile(
    r"""([.!?…]+["»”)\]]*)\s+(?=["«“„(\[—–-]?\s?[^\W_a-zа-яё])|\n\s*"""
)
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


def word_pattern(text: str) -> re.Pattern[str]:
    """The pattern of this text's words; hyphens and quotes part them."""
    return _MARKED_WORD if has_marks(text) else _WORD


def split_words(text: str) -> list[str]:
    """The words of a text, folded, without stresses and soft hyphens."""
    found = word_pattern(text).findall(fold(text))
    if not has_marks(text):
        return found
    return [
        fold(unicodedata.normalize("NFC", word).translate(_DROPPED)) for word in found
    ]


def sentence_starts(text: str) -> list[int]:
    """Offsets where sentences begin; the first is always 0.

    A line's end closes a sentence: ``text.plain_text`` puts one after each block.
    """
    return [0] + [
        match.end()
        for match in _BOUNDARY.finditer(text)
        if not match[1] or not _is_abbreviation(text, match)
    ]


def _is_abbreviation(text: str, boundary: re.Match[str]) -> bool:
    """Whether the boundary's dot belongs to a short form or an initial."""
    if boundary[1] != "." or "\n" in boundary[0]:
        return False
    word = _LAST_WORD.search(text, max(0, boundary.start() - 20), boundary.start())
    if word is None:
        return False
    initial = len(word[0]) == 1 and word[0].isupper()
    return initial or _ABBREVIATION.fullmatch(word[0]) is not None
