"""The venue of an event, as the text names it, else the town."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress, count

from aggregator.events.reading import Reading
from aggregator.russian import FormCache, lemma_of, stem_of, tense_of
from aggregator.russian.dictionary import parses_of

_VENUES = frozenset(
    """
    театр музей филармония библиотека парк площадь дом дк дс гдк рдк цкз дворец клуб
    галерея зал стадион сквер набережная пляж собор храм церковь монастырь школа лицей
    гимназия вуз университет институт академия колледж училище кубгу больница поликлиника диспансер
    онкодиспансер центр арт-центр кинотеатр цирк арена отель гостиница база ипподром
    терраса двор сцена улица бульвар проспект вокзал аэропорт трц тц трк мтрк ресторан кафе бар паб
    магазин медуниверситет медиатека усадьба лофт коворкинг роща сад остров полигон озеро экспоград
    эстрада шатер павильон планетарий океанариум дельфинарий студия мастерская
    амфитеатр крепость этностаница атамань заповедник спорткомплекс спортзал бассейн
    манеж каток госпиталь санаторий точка площадка часовня памятник мемориал
    типография фитнес-центр автодром аэроклуб яхт-клуб порт пирс маяк
    """.split()
)
_TOWNS = frozenset("станица поселок село хутор город район округ микрорайон".split())
_AT = frozenset("в во на у возле около перед от напротив под при из со".split())
_IN = frozenset(("в", "во", "на"))
_NAMED = frozenset("имени им".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    text: str
    first: int
    last: int


@cache
def _venue_stems() -> frozenset[str]:
    # Dictionaries take «парке» for a coat's; stems part «лицей» from «лицея».
    return frozenset(map(stem_of, _VENUES))


@cache
def _beginnings() -> tuple[str, ...]:
    """What all forms of a venue's noun begin with: no other words are looked up."""
    return tuple({stem[:3] for stem in _venue_stems()})


def _is_venue(form: str) -> bool:
    return form.startswith(_beginnings()) and (
        stem_of(form) in _venue_stems() or lemma_of(form) in _VENUES
    )


def _is_town(form: str) -> bool:
    return lemma_of(form) in _TOWNS


#: Whether a folded word is a venue's noun.
is_venue: FormCache[bool] = FormCache(_is_venue)
_towns: FormCache[bool] = FormCache(_is_town)
_quoted_end = re.compile(r"[»\"”]")


def venue_of(reading: Reading, order: Sequence[int]) -> Venue | None:
    """A venue of the first sentence in ``order`` that has one, else a town.

    ``order`` has all sentences.
    """
    for sentence in order:
        found = _venue(reading, reading.span(sentence))
        if found:
            return found
    inside = _inside(reading, order)
    for find in (_quoted, _town):
        for i in inside:
            found = find(reading, i)
            if found:
                return found
    return None


def _inside(reading: Reading, order: Sequence[int]) -> list[int]:
    """The words behind «в» and «на», by their sentence's place in ``order``."""
    sentences = reading.sentences
    behind = [
        i
        for i in compress(count(1), map(_IN.__contains__, reading.tokens[:-1]))
        if sentences[i] == sentences[i - 1]
    ]
    place = {sentence: place for place, sentence in enumerate(order)}
    return sorted(behind, key=lambda i: place[sentences[i]])


def _capital(reading: Reading, i: int) -> bool:
    return reading.form(i, i)[:1].isupper()


def _venue(reading: Reading, words: range) -> Venue | None:
    """A venue's noun behind a preposition, or with a capital: «в Зимнем театре Сочи»."""
    bare: Venue | None = None
    tokens = reading.tokens[words.start : words.stop]
    for i in compress(words, map(is_venue.__getitem__, tokens)):
        first = _start(reading, i, words)
        at = first > words.start and reading.tokens[first - 1] in _AT
        last = _end(reading, i, words)
        if at:
            return _cut(reading, first, last)
        if bare is None and (_capital(reading, first) or last > i):
            bare = _cut(reading, first, last)
    return bare


#: Endings of adjectives, and what stands before a hyphen: «арт-центр».
_DESCRIBING = tuple(
    "ом ем ой ей ого его ых их ый ий ая яя ую ое ым им арт мини пресс конференц".split()
)


def _start(reading: Reading, i: int, words: range) -> int:
    """Back over what describes the noun: «Краснодарском художественном музее»."""
    first = i
    while first > words.start and i - first < 4:
        before = reading.tokens[first - 1]
        gap = reading.gaps[first]
        if before in _AT or before == "мая" or gap not in (" ", "-", "\xa0", "\u00ad"):
            break
        if not before.endswith(_DESCRIBING) or tense_of(before) in (
            "pres",
            "futr",
            "past",
        ):
            break
        first -= 1
    return first


def _end(reading: Reading, i: int, words: range) -> int:
    """On over its name: «имени Ф.А. Коваленко», «№ 2», «Сочи», in quotes."""
    last, tokens, gaps = i, reading.tokens, reading.gaps
    while last + 1 < words.stop:
        following, gap = tokens[last + 1], gaps[last + 1]
        if any(mark in gap for mark in '«"“') and not any(c in gap for c in ".,;:)"):
            last = _quote_end(reading, last + 1, words)
            continue
        if "№" in gap:
            last += 1
            break
        if following in _NAMED:
            last += 1
            while (
                last + 1 < words.stop
                and _capital(reading, last + 1)
                and (gaps[last + 1].strip() in ("", "."))
            ):
                last += 1
            break
        plain = gap in (" ", "\xa0", "-")
        if plain and _capital(reading, last + 1) and following.isalpha():
            last += 1
            continue
        if following in ("у", "при") and last + 2 < words.stop:
            if not is_venue[tokens[last + 2]]:
                break
            last += 2
            continue
        described = _described(reading, last + 1, words) if plain else last
        if described > last:
            last = described
            continue
        break
    if (
        tokens[i].startswith("улиц")
        and last + 1 < words.stop
        and tokens[last + 1].isdigit()
    ):
        last += 1
    return last


def _described(reading: Reading, first: int, words: range) -> int:
    """The last word of «культуры», «краевой больницы» behind a venue's noun."""
    for i in range(first, min(first + _LONGEST_TAIL, words.stop)):
        if i > first and reading.gaps[i] not in (" ", "\xa0"):
            break
        role = _genitives[reading.tokens[i]]
        if role == "noun":
            return i
        if role != "adjective":
            break
    return first - 1


def _find_genitive(form: str) -> str:
    """``noun`` or ``adjective`` when a word may be one in the genitive."""
    parses = parses_of(form)
    if parses and "NOUN" in parses[0].tag and "gent" in parses[0].tag:
        return "noun"
    if any("ADJF" in each.tag and "gent" in each.tag for each in parses):
        return "adjective"
    return ""


#: Words of a genitive behind a venue's noun: «центра народного творчества».
_LONGEST_TAIL = 3
_genitives: FormCache[str] = FormCache(_find_genitive)


def _quote_end(reading: Reading, i: int, words: range) -> int:
    last = i
    while last + 1 < words.stop and not _quoted_end.search(reading.gaps[last + 1]):
        if last - i > 7:
            return i
        last += 1
    return last


def _quoted(reading: Reading, i: int) -> Venue | None:
    """«в «Экспограде Юг»»."""
    gap = reading.gaps[i]
    if gap == " " or not any(mark in gap for mark in '«"“'):
        return None
    words = reading.span(reading.sentences[i])
    return _cut(reading, i, _quote_end(reading, i, words))


def _town(reading: Reading, i: int) -> Venue | None:
    """«в станице Каневской», «в Тимашевске»."""
    tokens, gaps = reading.tokens, reading.gaps
    named = _towns[tokens[i]]
    if gaps[i] != " " or not (named or _capital(reading, i)) or not tokens[i].isalpha():
        return None
    last, stop = i, reading.span(reading.sentences[i]).stop
    while (
        last + 1 < stop
        and gaps[last + 1] in (" ", "-")
        and (
            (_capital(reading, last + 1) and tokens[last + 1].isalpha())
            or _towns[tokens[last + 1]]
        )
    ):
        last += 1
    return _cut(reading, i, last) if last > i or not named else None


def _cut(reading: Reading, first: int, last: int) -> Venue:
    text = reading.form(first, last)
    for opening, closing in (("«", "»"), ("“", "”")):
        if text.count(opening) > text.count(closing):
            text += closing
    if text.count('"') % 2:
        text += '"'
    return Venue(text=" ".join(text.split()), first=first, last=last)
