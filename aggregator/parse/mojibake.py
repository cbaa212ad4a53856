"""Text that was decoded wrongly before it was sent, and encoded again.

UTF-8 that was taken for an 8-bit encoding is put right: a text that is valid UTF-8
when it is written in one is never an honest text (below, ``mended``). Other damage is
only told of: which encoding it was is a guess, and what became "?" is lost.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from aggregator.parse.cyrillic import CANDIDATES, ENOUGH, guess_cyrillic, score_of

#: First bytes of letters, when they are taken for letters: what many of a text's
#: characters then are. Each look costs 50 ns.
_CYRILLIC_MARKS = ("Р", "С")
_WESTERN_MARKS = ("Ð", "Ñ", "Ã", "Â", "â")
#: Where they are looked for.
_HEAD = 300
#: «С» and «Р» in a text that is looked at closely.
_MANY = 4
#: Letters of more than a byte that a text must have to be taken for UTF-8.
_ENOUGH_PAIRS = {"cp1251": 3, "cp1252": 1}

#: One entry in so many may be damaged without a word: it quotes somebody.
_TOLERANCE = 10
#: Fewer may stand for surprise: «Где???».
_ENOUGH_MARKS = 8
_SAMPLE_LETTERS = 300

# No Western word has so many accented letters in a row.
_western_word = re.compile(r"[\xc0-\xff]{6}").search
# Cyrillic, and the frames of tables that koi8-r and cp866 have in its place.
_cyrillic_words = re.compile(r"[Ѐ-џҐґ─-▟]{2,}").finditer
_word_of_marks = re.compile(r"(?<!\S)[\"«(]?\?{2,}[\"»).,:;!?]*(?!\S)").findall


def mended(text: str) -> str:
    """``text``, or what it was before its UTF-8 was taken for 8-bit letters.

    Honest text stays as it is: beside ASCII it would have to be made of pairs such as
    «Рѕ» alone, three of them at least, or «Ð¾».
    """
    if text.isascii():
        return text
    capital_r, capital_s = _CYRILLIC_MARKS
    if text.count(capital_r, 0, _HEAD) + text.count(capital_s, 0, _HEAD) >= _MANY:
        return _decoded_again(text, "cp1251") or text
    for mark in _WESTERN_MARKS:
        if text.find(mark, 0, _HEAD) >= 0:
            return _decoded_again(text, "cp1252") or text
    return text


def _decoded_again(text: str, codec: str) -> str | None:
    try:
        body = codecs.charmap_encode(text, "strict", _TABLES[codec])[0]
        found = body.decode("utf-8")
    except UnicodeError:
        return None
    return found if len(body) - len(found) >= _ENOUGH_PAIRS[codec] else None


def _table(codec: str) -> dict[int, int]:
    """Bytes by the code points that decoders, and feedparser, make of them."""
    table = {code: code for code in range(0x100)} if codec == "cp1252" else {}
    for code in range(0x100):
        char = bytes([code]).decode(codec, "ignore") or chr(code)
        table[ord(char)] = code
        if 0x80 <= code < 0xA0:
            western = bytes([code]).decode("cp1252", "ignore")
            table.setdefault(ord(western or chr(code)), code)
    return table


_TABLES = {codec: _table(codec) for codec in ("cp1251", "cp1252")}


def damage(heads: Sequence[str], mended_entries: int) -> str | None:
    """What an operator should know of how the entries read; None when they do.

    ``heads`` are the beginnings of the entries, title first; ``mended_entries`` says how
    many of them ``mended`` has put right.
    """
    if _too_many(mended_entries, heads):
        return (
            f"The source encodes its text twice: UTF-8 taken for 8-bit letters in {mended_entries}"
            f" of {len(heads)} entries, which were put right"
        )
    together = "\n".join(heads)
    lost = sum(map(_is_lost, heads)) if _may_be_lost(together) else 0
    if _too_many(lost, heads):
        return (
            f"Letters were lost before the source sent them: {lost} of {len(heads)} entries"
            " consist of question marks"
        )
    western = sum(map(_is_western, heads)) if _may_be_western(together) else 0
    if _too_many(western, heads):
        return (
            f"Russian letters read as Western ones («Íîâîñòè») in {western} of {len(heads)}"
            " entries: the source decodes its own text wrongly"
        )
    if codecs_ := _mistaken_codec(heads):
        return (
            f"The Russian letters make no sense: {codecs_[0]} was taken for {codecs_[1]}"
            " before the source sent them"
        )
    return None


def _too_many(damaged: int, heads: Sequence[str]) -> bool:
    return damaged > 0 and damaged * _TOLERANCE >= len(heads)


def _may_be_lost(text: str) -> bool:
    return "??" in text or "\ufffd" in text


def _may_be_western(text: str) -> bool:
    """Whether it has an «о» of windows-1251, koi8-r, cp866 or iso-8859-5 as latin-1."""
    return not text.isascii() and any(mark in text for mark in "îÏ®Þ")


def _is_lost(head: str) -> bool:
    if "\ufffd" in head and head.count("\ufffd") * _TOLERANCE > len(head):
        return True
    # «???? ?????? ? ????», and no «Кто виноват?? Что делать???»
    return "??" in head and (
        len(_word_of_marks(head)) > 1
        and head.count("?") >= max(_ENOUGH_MARKS, (len(head) - head.count(" ")) / 2)
    )


def _is_western(head: str) -> bool:
    if _western_word(head) is None:
        return False
    return guess_cyrillic(head.encode("cp1252", "ignore")) is not None


def _mistaken_codec(heads: Iterable[str]) -> tuple[str, str] | None:
    """(what it was, what it was taken for) where that explains the letters."""
    sample = _sample(heads)
    if len(sample) < _SAMPLE_LETTERS // 10:
        return None
    if score_of(sample.encode("cp1251", "ignore"), "cp1251") >= ENOUGH:
        return None
    bodies = {codec: sample.encode(codec, "ignore") for codec in CANDIDATES}
    pairs = [
        # What an encoding lacks counts against it.
        (score_of(body, real) * len(body), real, taken)
        for taken, body in bodies.items()
        for real in CANDIDATES
        if real != taken
    ]
    score, real, taken = max(pairs)
    return (real, taken) if score >= ENOUGH * len(sample) else None


def _sample(heads: Iterable[str]) -> str:
    words = (match[0] for head in heads for match in _cyrillic_words(head))
    return " ".join(islice(words, _SAMPLE_LETTERS // 6))
