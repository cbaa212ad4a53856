"""A phrase in the case it is called by: «в Зимнем театре» is «Зимний театр»."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from aggregator.russian.dictionary import parses_of

if TYPE_CHECKING:
    from pymorphy3.analyzer import Parse

#: Agree with the noun that they describe.
_DESCRIBING = frozenset({"ADJF", "PRTF"})
_OPENING = '«"“„('
_CLOSING = '»"”),.;:'


#: Phrases remembered: a region's venues are some hundreds, and one costs 0.5 ms.
PHRASES_KEPT = 10_000


@lru_cache(maxsize=PHRASES_KEPT)
def nominative(phrase: str) -> str:
    """The phrase with its noun and what agrees with it in the nominative.

    What depends on the noun («культуры» in «Доме культуры»), what stands in quotes and
    what no dictionary has stays as it is; so does the whole phrase when no noun in one
    case with its adjectives is found.
    """
    words = phrase.split(" ")
    parsed = [_of(word) for word in words]
    head = _head(parsed)
    if head is None or any(not _describing(parses) for parses in parsed[:head]):
        return phrase
    for noun in _nouns(parsed[head]):
        called = noun.inflect({"nomn"})
        if called is None:
            continue
        before = [_agreeing(parses, noun, called) for parses in parsed[:head]]
        if None in before:
            continue
        named = [form for form in before if form is not None]
        named.append(called.word)
        # «станице Раздольной», «улице Красной»
        for word, parses in zip(words[head + 1 :], parsed[head + 1 :], strict=True):
            form = _agreeing(parses, noun, called) if word[:1].isupper() else None
            if form is None:
                break
            named.append(form)
        forms = [
            _as_written(word, form) for word, form in zip(words, named, strict=False)
        ]
        return " ".join([*forms, *words[len(forms) :]])
    return phrase


def _head(parsed: list[list[Parse]]) -> int | None:
    """The first noun; «горячем» before «ключе» is likelier to describe, and is none."""
    nouns = [place for place, parses in enumerate(parsed) if _nouns(parses)]
    for place in nouns:
        describes = _likely(_describing(parsed[place])) > _likely(_nouns(parsed[place]))
        if not (describes and place + 1 in nouns):
            return place
    return None


def _likely(parses: list[Parse]) -> float:
    return float(sum(parse.score for parse in parses))


def _of(word: str) -> list[Parse]:
    """Nothing for what is quoted, abbreviated («КубГУ») or no word at all."""
    bare = word.strip(_CLOSING)
    if not bare or word[0] in _OPENING or not bare.replace("-", "").isalpha():
        return []
    abbreviated = sum(letter.isupper() for letter in bare.replace("-", "")) > 1
    return [] if abbreviated and "-" not in bare else list(parses_of(bare))


def _nouns(parses: list[Parse]) -> list[Parse]:
    """As nouns of the dictionary, when the likeliest reading is one."""
    if not parses or parses[0].tag.POS != "NOUN" or not parses[0].is_known:
        return []
    nouns = [parse for parse in parses if parse.tag.POS == "NOUN"]
    # Nobody meets in a coat («парка»), nor in a little pair («парок»).
    return [parse for parse in nouns if parse.normal_form == "парк"] or nouns


def _describing(parses: list[Parse]) -> list[Parse]:
    return [parse for parse in parses if parse.tag.POS in _DESCRIBING]


def _agreeing(parses: list[Parse], noun: Parse, called: Parse) -> str | None:
    """The form beside the noun in the nominative; None when the two don't agree."""
    for parse in _describing(parses):
        tag = parse.tag
        same_gender = tag.number == "plur" or tag.gender in (None, noun.tag.gender)
        if (tag.case, tag.number) == (noun.tag.case, noun.tag.number) and same_gender:
            wanted = {"nomn", called.tag.number}
            if called.tag.number == "sing" and called.tag.gender:
                wanted.add(called.tag.gender)
            form = parse.inflect(wanted)
            if form is not None:
                return str(form.word)
    return None


def _as_written(word: str, form: str) -> str:
    """The form with the word's capitals and the punctuation around it."""
    bare = word.rstrip(_CLOSING)
    parts = zip(bare.split("-"), form.split("-"), strict=False)
    cased = [
        new[:1].upper() + new[1:] if old[:1].isupper() else new for old, new in parts
    ]
    whole = "-".join(cased) if len(cased) == len(form.split("-")) else form
    return whole + word[len(bare) :]
