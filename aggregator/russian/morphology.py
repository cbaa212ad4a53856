"""Lemmas and stems of single word forms; sole importer of PyStemmer.

It loads at the first question, not at import, like the dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Generic, Literal, TypeVar

from aggregator.russian.dictionary import (
    LONGEST_FORM,
    lexemes_of,
    likeliest_parse,
    parses_of,
)
from aggregator.russian.tokens import fold

#: Forms remembered before a cache starts anew: 683 articles have 30,500 distinct
#: ones, so this is weeks of a region's news, at some 30 MB when full. Emptying is
#: cheaper than counting uses: an LRU answers at a third of the speed (5.8 against
#: 14.7 million forms a second).
FORMS_KEPT = 200_000

Known = TypeVar("Known")


class FormCache(dict[str, Known], Generic[Known]):
    """What is known of a word form, asked once each: ``cache[form]``.

    Begins anew when ``limit`` forms are in it; forms over ``LONGEST_FORM`` are
    not kept.
    """

    def __init__(
        self, find: Callable[[str], Known], *, limit: int = FORMS_KEPT
    ) -> None:
        super().__init__()
        self._find = find
        self._limit = limit

    def __missing__(self, form: str) -> Known:
        if len(form) > LONGEST_FORM:
            return self._find(form)
        if len(self) >= self._limit:
            self.clear()
        known = self[form] = self._find(form)
        return known


@cache
def _stem_word() -> Callable[[str], str]:
    from Stemmer import Stemmer

    # Its own cache is slower than none (2.1 against 2.9 million forms a second).
    stem_word: Callable[[str], str] = Stemmer("russian", 0).stemWord
    return stem_word


#: Lemma, tense and kind of a form are asked for by different stages; a parse costs more
#: than all else that is done with it.
_likeliest = FormCache(likeliest_parse)


def _find_lemma(form: str) -> str:
    parse = _likeliest[form]
    return fold(parse[0]) if parse else form


_NOT_FINITE = {"PRTS": "short", "PRTF": "full", "INFN": "inf"}


def tense_of(form: str) -> str:
    """«past», «pres» or «futr» of a folded form that is most likely a finite verb.

    Else «short» for a short participle («перенесен»), «full» for a full one, «inf» for
    an infinitive, «» for the rest.
    """
    parse = _likeliest[form]
    if parse is None:
        return ""
    tag = parse[1]
    # As a plain str: pymorphy3's own compares in Python.
    part = str(tag.POS)
    return str(tag.tense) if part == "VERB" else _NOT_FINITE.get(part, "")


def stem_of(form: str) -> str:
    """The Snowball stem of a folded word form.

    Not remembered: at 0.7 µs it is for those who keep what they make of it.
    """
    return form if form.isascii() else _stem_word()(form)


_lemmas: FormCache[str] = FormCache(_find_lemma)
_stems: FormCache[str] = FormCache(stem_of)

#: The likeliest dictionary form of a folded word form, folded itself.
lemma_of: Callable[[str], str] = _lemmas.__getitem__
#: ``stem_of`` from memory, for the words of a whole text.
known_stem: Callable[[str], str] = _stems.__getitem__


#: Parts of speech that stand beside a noun and agree with it, and nouns themselves.
_NOMINAL = {"NOUN", "ADJF", "PRTF"}


def _find_cases(form: str) -> frozenset[str]:
    tags = [parse.tag for parse in parses_of(form)]
    return frozenset(str(tag.case) for tag in tags if tag.POS in _NOMINAL)


def _find_given_name(form: str) -> bool:
    tags = [parse.tag for parse in parses_of(form)]
    # «Из» is a genitive of Иза too.
    likeliest = bool(tags) and tags[0].POS == "NOUN"
    return likeliest and any({"Name", "Patr"} & tag.grammemes for tag in tags)


#: The cases («nomn», «loct») that a folded form may stand in as a noun or an adjective.
cases_of: Callable[[str], frozenset[str]] = FormCache(_find_cases).__getitem__
#: Whether a folded form may be a given name or a patronymic.
is_given_name: Callable[[str], bool] = FormCache(_find_given_name).__getitem__


def forms_of(word: str) -> dict[str, frozenset[str]]:
    """By lemma, all forms (folded) of the words that ``word`` stands for.

    That is the likeliest one, and ``word`` as a lemma where there is such a word:
    «йога» is a form of «йог» more often than not, but who writes it means yoga.
    """
    likeliest = lemma_of(word)
    forms: dict[str, list[str]] = {likeliest: []}
    for normal_form, inflected in lexemes_of(word):
        lemma = fold(normal_form)
        if lemma in (likeliest, word):
            forms.setdefault(lemma, []).extend(inflected)
    return {
        lemma: frozenset(fold(" ".join(words)).split() or [word])
        for lemma, words in forms.items()
    }


def place_kind(form: str) -> Literal["name", "adjective"] | None:
    """Whether a folded form, if it is capitalised, most likely names a place.

    «казань» and «башкирии» are names, «тверские» is an adjective, which may be a
    surname or an epithet as well.
    """
    parse = _likeliest[form]
    if parse is None:
        return None
    grammemes = parse[1].grammemes
    if "Geox" in grammemes:
        return "name"
    if "ADJF" in grammemes and "Surn" not in grammemes and _adjective_of_place(form):
        return "adjective"
    return None


_adjective_of_place = re.compile(
    r"\w+ск(?:ий|ая|ое|ие|ого|ой|им|их|ом|ому|ую|ими)"
).fullmatch
