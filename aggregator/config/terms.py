"""What operators write in the rules of a topic; what it matches is tag's affair."""

from __future__ import annotations

import re
from unicodedata import normalize

from aggregator.config.values import expected, one_line, text_of

# Words of letters and digits, parts joined: «рок-концерт», «Рив Гош», «д'Артаньян».
TERM_WORD = r"[^\W_]+(?:[-‑'’.&/][^\W_]+)*"
TERM = re.compile(rf"=?{TERM_WORD}(?: {TERM_WORD})*")
PLACE_NAME = re.compile(r"[^\W_]+(?:[- ][^\W_]+)*")
ADJECTIVE = re.compile(r"[^\W_]+(?:-[^\W_]+)*[ио]й")
PREFIX = re.compile(rf"{TERM_WORD}\*")


def term(value: object) -> str:
    """A term with its marks, composed (NFC), one space between words."""
    text = " ".join(normalize("NFC", text_of(value, "a word")).split())
    if TERM.fullmatch(text):
        return text
    if text.endswith("*") and PREFIX.fullmatch(text):
        if len(text) < 3:
            raise expected("at least two letters before the *")
        return text
    if "*" in text and " " in text:
        raise expected("a word or a phrase; * works only at the end of a single word")
    if "*" in text and text.startswith("="):
        raise expected("either = before a word or * after it")
    if "*" in text:
        raise expected("letters before one *, at the end of the word")
    if "=" in text:
        raise expected("= only before the first word")
    raise expected("words of letters and digits; every other term on its own line")


def name(value: object) -> str:
    """A place's name, or all its forms with slashes between."""
    text = " ".join(normalize("NFC", text_of(value, "a name")).split())
    for form in text.split("/"):
        if not PLACE_NAME.fullmatch(form.strip()):
            raise expected("a name of letters and digits, or its forms parted by /")
    return text


def adjective(value: object) -> str:
    text = normalize("NFC", text_of(value, "an adjective"))
    if not ADJECTIVE.fullmatch(text):
        raise expected("an adjective in -ий or -ой, such as сочинский")
    return text


def category(value: object) -> str:
    text = one_line(value)
    if "*" in text[:-1] or text == "*":
        raise expected("a category, or its beginning with * at the end")
    return text
