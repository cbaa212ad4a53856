"""Which single-byte Cyrillic encoding bytes are in, by the letters that come out.

In the wrong encoding Russian text turns into rare letters, capitals inside words and
box-drawing characters; in the right one, into words. Each candidate is scored over a
sample of the bytes above 127, with the letters' frequencies in Russian.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

CANDIDATES = ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic")

# Occurrences per thousand letters in Russian (corpus of the Russian language).
_FREQUENCIES = {
    "о": 110, "е": 85, "а": 80, "и": 74, "н": 67, "т": 63, "с": 55, "р": 47, "в": 45,
    "л": 44, "к": 35, "м": 32, "д": 30, "п": 28, "у": 26, "я": 20, "ы": 19, "ь": 17,
    "г": 17, "з": 16, "б": 16, "ч": 15, "й": 12, "х": 10, "ж": 9, "ш": 7, "ю": 6, "ц": 5,
    "щ": 4, "э": 3, "ф": 3, "ъ": 1, "ё": 1,
}  # fmt: skip
_WEIGHTS = _FREQUENCIES | dict.fromkeys("іїєґўђћјљњџѓќ", 2)
_PUNCTUATION = frozenset("«»—–…№„“”’\xa0")
_MISPLACED = -20

#: Russian in its own encoding scores 45 to 60, in a wrong one below 15.
ENOUGH = 25
_SAMPLE_BYTES = 1500
# Two high bytes in a row: Western text has its accented letters between plain ones.
_words = re.compile(rb"[\x80-\xff]{2,}")


def guess_cyrillic(body: bytes) -> str | None:
    """The Cyrillic encoding (Python's name) in which ``body`` reads best.

    None when it reads as Cyrillic in none of them.
    """
    sample = _sample(body)
    best = max(CANDIDATES, key=lambda codec: _score(sample, codec))
    return best if _score(sample, best) >= ENOUGH else None


def reads_as_cyrillic(body: bytes, declared: str) -> bool:
    """Whether no candidate reads better than the declared Cyrillic encoding.

    True also when none reads well: then the declaration is all there is to go by.
    """
    sample = _sample(body)
    best = max(_score(sample, codec) for codec in CANDIDATES)
    # Mac and Windows share nearly all small letters: a point is a clear difference.
    return best < ENOUGH or _score(sample, declared) >= best - 1


def score_of(body: bytes, codec: str) -> float:
    """How well ``body`` reads in ``codec``; ENOUGH and more is Russian."""
    return _score(_sample(body), codec)


class _Sample(NamedTuple):
    """Words of high bytes, joined by spaces; empty when the text is mostly Western."""

    words: bytes
    counts: Counter[int]


def _sample(body: bytes) -> _Sample:
    words: list[bytes] = []
    size = 0
    for match in _words.finditer(body):
        words.append(match[0][:64])
        size += len(match[0])
        if size >= _SAMPLE_BYTES:
            break
    lone = body.translate(None, bytes(range(0x80))) if size < _SAMPLE_BYTES else b""
    sample = b" ".join(words) if size * 2 >= len(lone) else b""
    return _Sample(sample, Counter(sample))


def _score(sample: _Sample, codec: str) -> float:
    """Mean weight of a high byte, from about -40 to 60."""
    letters = len(sample.words) - sample.counts[ord(" ")]
    if not letters:
        return 0.0
    weights, misplaced = _table(codec)
    total = sum(weights[byte] * times for byte, times in sample.counts.items())
    # A word may be all capitals; a capital after a small letter is no Russian.
    for capital in misplaced(sample.words):
        total += _MISPLACED - weights[capital[0]]
    return total / letters


class _Table(NamedTuple):
    #: By byte; 0 for the space between words.
    weights: tuple[int, ...]
    #: The capitals that follow small letters.
    misplaced: Callable[[bytes], list[bytes]]


@lru_cache(maxsize=8)
def _table(codec: str) -> _Table:
    chars = bytes(range(0x80, 0x100)).decode(codec, "replace")
    letters = {
        byte: char for byte, char in enumerate(chars, 0x80) if char.lower() in _WEIGHTS
    }
    capitals = bytes(byte for byte, char in letters.items() if char.isupper())
    small = bytes(letters).translate(None, capitals)
    return _Table(
        weights=(*[0] * 0x80, *map(_weight, chars)),
        # Beginning with what is looked for, it is found five times faster.
        misplaced=re.compile(b"[%b](?<=[%b].)" % (capitals, small)).findall,
    )


def _weight(char: str) -> int:
    if char in _PUNCTUATION:
        return 5
    weight = _WEIGHTS.get(char.lower(), -40)
    # All-capital headlines are Russian too, but less likely than small letters.
    return weight // 2 if char.isupper() and weight > 0 else weight
