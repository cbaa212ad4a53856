"""What similarity needs to know of an entry's words: made once, in the worker.

A signature is some 400 bytes, which travel to the main process and into the store, so
that no text is ever read twice. Stems are known by 32-bit hashes: of 100,000 stems one
pair shares a hash.
"""

from __future__ import annotations

import re
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, count, pairwise
from sys import byteorder
from zlib import crc32

from aggregator.russian import Analysis, FormCache, Words, place_kind, stem_of

#: Characters of the text that are read. More tells no more: what news are about stands
#: at once (F1 of 0.82 with 600, of 0.80 with all).
LEAD = 600
#: A word of the title counts as often as two of the lead.
TITLE_COUNTS = 2
#: Texts whose words are fewer cannot show that one is a copy of the other.
FEW_WORDS = 8

#: «Минкульт» and «Минкультуры», «администрация» and «административный» are one: of all
#: lengths this one told stories best (average precision 0.875; whole stems 0.873).
STEM_LETTERS = 7

#: Where a stem was found.
TITLE, NAME, TITLE_NAME = 1, 2, 4
#: A word of the title that tells what followed something else that happened.
SEQUEL = 8
#: A word of the title that names a place: «Казань», «Тверские».
PLACE = 16
FLAG_BITS = 5
_FLAGS = (1 << FLAG_BITS) - 1
#: What one occurrence adds to a stem's value.
_ONCE = 1 << FLAG_BITS
_MOST_COUNTED = (1 << 8 - FLAG_BITS) - 1

# Words that news of every kind have.
_STOP_WORDS = frozenset(
    """
    а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да
    даже для до его ее если есть еще же за здесь и из или им их к как ко когда кто ли либо
    лишь между меня мне может мы на над надо не него нее нет ни них но ну о об однако он
    она они оно от очень по под при с со свой свою себя так также такой там те тем то того
    тоже той только том тот тут ты у уже хотя чего чем что чтобы чье чья эта эти это этого
    этой этом этот я который которая которые которых которого
    """.split()  # noqa: SIM905 - the list is read by people
)

# «Сочинский» and «Сочи», «тульский» and «Тула»: places are named by both.
_adjective_of_place = re.compile(r"(?<=...)(?:ин|ий|й|ь)?ск$|(?<=...)ск$").sub
_MOSCOW = {"москв": "москов"}

#: «На Кубани» and «в Краснодарском крае»: stems of the region's two names.
REGION = frozenset(crc32(stem.encode()) for stem in ("кубан", "краснод"))

# People named by their town stand for it in titles: «Туляки получат открытки». Each
# beginning of such a word, and the place: the Kuban's and the country's larger towns.
_TOWNSPEOPLE = {
    "адлерц": "адлер", "адыгейц": "адыгея", "анапчан": "анапа", "армавирц": "армавир",
    "архангелогородц": "архангельск", "астраханц": "астрахань", "барнаульц": "барнаул",
    "башкирц": "башкирия", "белгородц": "белгород", "брянц": "брянск", "волгоградц":
    "волгоград", "вологжан": "вологда", "воронежц": "воронеж", "геленджичан":
    "геленджик", "ейчан": "ейск", "екатеринбуржц": "екатеринбург", "ивановц": "иваново",
    "ижевчан": "ижевск", "иркутян": "иркутск", "казанц": "казань", "калининградц":
    "калининград", "калужан": "калуга", "кемеровчан": "кемерово", "костромич": "кострома",
    "краснодарц": "краснодар", "красноярц": "красноярск", "крымчан": "крым", "кубанц":
    "кубань", "курян": "курск", "липчан": "липецк", "майкопчан": "майкоп", "москвич":
    "москва", "мурманчан": "мурманск", "нижегородц": "нижний", "новгородц": "новгород",
    "новороссийц": "новороссийск", "новосибирц": "новосибирск", "омич": "омск",
    "оренбуржц": "оренбург", "орловчан": "орел", "пензенц": "пенза", "пермяк": "пермь",
    "петербуржц": "петербург", "псковичи": "псков", "ростовчан": "ростов", "рязанц":
    "рязань", "самарц": "самара", "саратовц": "саратов", "свердловчан": "свердловск",
    "севастопольц": "севастополь", "смолян": "смоленск", "сочинц": "сочи", "ставропольц":
    "ставрополь", "таганрожц": "таганрог", "тамбовч": "тамбов", "тверитян": "тверь",
    "томич": "томск", "туапсинц": "туапсе", "туляк": "тула", "тюменц": "тюмень",
    "ульяновц": "ульяновск", "уфимц": "уфа", "хабаровчан": "хабаровск", "челябинц":
    "челябинск", "ярославц": "ярославль",
}  # fmt: skip
_townspeople = tuple(_TOWNSPEOPLE)
#: One look-up instead of seventy comparisons for nearly all words.
_TOWNSPEOPLE_BEGIN = frozenset(word[:4] for word in _TOWNSPEOPLE)

#: The country is where nearly everything happens: no place to tell news apart by.
_COUNTRY = ("росси", "рф")

#: «[ВИДЕО]», «(фото)»: rubrics, no part of what is told.
_rubric = re.compile(r"[\[(][^\])]{1,40}[\])]")
# Begins with one digit: so the engine skips to the next one, three times as fast.
_number = re.compile(r"\d\d*(?:[ \u00a0]\d{3})*(?:[.,]\d+)?").findall
#: The days and months of a text in lower case.
_date = re.compile(
    r"(?<!\d)(\d{1,2})(?:-?(?:го|е))?\s+(янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)"
).findall
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя",
         "дек"), 1)
} | {"май": 5}  # fmt: skip

# A comment, a denial, an answer, what the court said later: other stories than what
# they are about.
_SEQUELS = r"""
    прокомментир\w+ отреагир\w+ возмут\w+ посетова\w+ высмея\w+ раскритик\w+ осуди\w+
    опровер\w+ отверг\w+ отриц\w+ поблагодари\w+ поздрав\w+ ответил\w? извини\w+
    причин\w+ усомни\w+ арестова\w+ стражу приговор\w* оправдал\w? обжалова\w+
    """.split()  # noqa: SIM905
#: One look-up instead of twenty comparisons for nearly all words.
_SEQUELS_BEGIN = frozenset(word[:4] for word in _SEQUELS)
_sequel = re.compile("|".join(_SEQUELS)).fullmatch

# Entries that tell many stories, or come back every day with other figures.
_SERIES = (
    r"главн\w+ (?:новост\w+|событи\w+|за|к|дня|недел\w+)|самое главное",
    r"(?:новост\w+|событи\w+|итог\w+|хроник\w+|картин\w+|фото) (?:за )?(?:дня|недел\w+|месяц\w*|"
    r"сутк\w+|суток|час\w*|выходн\w+|год\w*)\b",
    r"(?:новост\w+|событи\w+) к этому часу|коротко о|дайджест\w*|обзор (?:прессы|сми|недел\w+)",
    r"(?:утренн|дневн|вечерн)\w+ (?:выпуск\w*|дайджест\w*|новост\w+|сводк\w+)",
    r"топ[- ]\d+|\d+ (?:новост\w+|событи\w+|главн\w+)|что (?:произошло|случилось) (?:за|в)",
    r"прогноз\w* погоды|погода (?:на|в)|какой будет погода|гороскоп\w*|курс\w* валют\w*|лунный календар\w*",
    r"афиша|куда (?:пойти|сходить)|чем заняться|программа передач|телепрограмма",
    r"(?:онлайн|прям\w+|текстов\w+)[- ]?(?:трансляци\w+|эфир\w*|хроник\w+)|хроник\w+ (?:событи\w+|дня)",
    r"(?:сводк\w+|оперативн\w+ сводк\w+|суточн\w+ сводк\w+)",
)
#: Of a title in lower case: ignoring the case here would take five times as long.
_is_series = re.compile(r"\b(?:" + "|".join(_SERIES) + r")").search

_header = struct.Struct("<BBBBBH")
_SERIES_BIT = 1


@dataclass(frozen=True)
class Signature:
    """An entry's words as similarity sees them; hashes but for the counts.

    Unpacked as far as it is asked for: of most entries that are compared a look at
    their stems tells enough.
    """

    packed: bytes

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The items of `stems`, for who looks at each once."""
        *_, stems = _header.unpack_from(self.packed)
        values = len(self.packed) - stems
        hashes = _unpacked(self.packed[values - 4 * stems : values])
        return zip(hashes, self.packed[values:], strict=True)

    @cached_property
    def stems(self) -> dict[int, int]:
        """Stem -> how often it stands there (the title's twice) and, in its lowest
        bits, ``TITLE``, ``NAME``, ``TITLE_NAME``, ``SEQUEL``, ``PLACE``.
        """
        return dict(self.pairs())

    @property
    def series(self) -> bool:
        """A digest, a chronicle, or what comes back with other figures."""
        return bool(self.packed[0] & _SERIES_BIT)

    @cached_property
    def title_numbers(self) -> frozenset[int]:
        return frozenset(self._parts[0])

    @cached_property
    def numbers(self) -> frozenset[int]:
        """Of title and lead."""
        return self.title_numbers.union(self._parts[1])

    @cached_property
    def dates(self) -> frozenset[int]:
        """Day and month that the title names, as one number."""
        return frozenset(self._parts[2])

    @property
    def marks(self) -> tuple[int, ...]:
        """Words of the title that are letters of other alphabets or figures of any
        length («good», «2»), in their order: what entries of one pattern differ by.
        """
        return tuple(self._parts[3])

    @cached_property
    def _parts(self) -> tuple[array[int], ...]:
        _, *counts, _ = _header.unpack_from(self.packed)
        ends = [
            _header.size + 4 * sum(counts[:part]) for part in range(len(counts) + 1)
        ]
        return tuple(_unpacked(self.packed[at:end]) for at, end in pairwise(ends))

    @cached_property
    def title(self) -> frozenset[int]:
        return self._with(TITLE)

    @cached_property
    def names(self) -> frozenset[int]:
        return self._with(NAME)

    @cached_property
    def title_names(self) -> frozenset[int]:
        return self._with(TITLE_NAME)

    @cached_property
    def places(self) -> frozenset[int]:
        return self._with(PLACE)

    @cached_property
    def sequels(self) -> frozenset[int]:
        return self._with(SEQUEL)

    @cached_property
    def _flagged(self) -> list[tuple[int, int]]:
        return [each for each in self.stems.items() if each[1] & _FLAGS]

    def _with(self, flag: int) -> frozenset[int]:
        return frozenset([stem for stem, value in self._flagged if value & flag])


def read_signature(analysis: Analysis) -> bytes:
    """The signature of an entry, packed."""
    found: dict[int, int] = {}
    title, text = analysis.title, analysis.text
    _read_title(title, found)
    _read_lead(text, found)
    lowered = title.text.lower()
    dated = _date(lowered)
    title_numbers = _numbers(title.text)
    numbers = title_numbers | _numbers(text.text[:LEAD])
    sets = (title_numbers, numbers - title_numbers, _dates(dated))
    parts = [part[:255] for part in (*map(sorted, sets), _marks(title, dated))]
    header = _header.pack(
        _SERIES_BIT if _is_series(lowered) else 0, *map(len, parts), len(found)
    )
    hashes = [*(each for part in parts for each in part), *found]
    return header + _packed(hashes) + bytes(map(_value, found.values()))


def _packed(hashes: Iterable[int]) -> bytes:
    values = array("I", hashes)
    if byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _unpacked(packed: bytes) -> array[int]:
    hashes = array("I", packed)
    if byteorder == "big":
        hashes.byteswap()
    return hashes


def _value(counted: int) -> int:
    """A stem's value in one byte."""
    return counted if counted < 256 else _MOST_COUNTED << FLAG_BITS | counted & _FLAGS


# --- stems ----------------------------------------------------------------------


def _find_stem(token: str) -> int:
    """The hash of a word's stem; 0 for a word that tells nothing."""
    if token in _STOP_WORDS or (len(token) == 1 and not token.isdigit()):
        return 0
    if _are_townspeople(token):
        token = _place_of(token) or token
    stem = stem_of(token)
    if stem.endswith("ск"):
        stem = _adjective_of_place("", stem)
    return crc32(_MOSCOW.get(stem, stem)[:STEM_LETTERS].encode())


def _are_townspeople(token: str) -> bool:
    return token[:4] in _TOWNSPEOPLE_BEGIN and token.startswith(_townspeople)


def _place_of(people: str) -> str | None:
    """The place whose people a word means."""
    found = (place for start, place in _TOWNSPEOPLE.items() if people.startswith(start))
    return next(found, None)


def _find_place(token: str) -> str | None:
    if token.startswith(_COUNTRY):
        return None
    return "name" if _are_townspeople(token) else place_kind(token)


_stems: FormCache[int] = FormCache(_find_stem)
_places: FormCache[str | None] = FormCache(_find_place)


def _is_sequel(token: str) -> bool:
    return token[:4] in _SEQUELS_BEGIN and _sequel(token) is not None


def _read_title(words: Words, found: dict[int, int]) -> None:
    rubrics = [match.span() for match in _rubric.finditer(words.text)]
    stems = map(_stems.__getitem__, words.tokens)
    for place, (start, stem) in enumerate(zip(words.starts, stems, strict=True)):
        if rubrics and any(first <= start < end for first, end in rubrics):
            continue
        value = found.get(stem, 0) + TITLE_COUNTS * _ONCE
        value |= TITLE | _name_flags(words, place, start)
        found[stem] = value | SEQUEL if _is_sequel(words.tokens[place]) else value
    found.pop(0, None)


def _name_flags(words: Words, place: int, start: int) -> int:
    """Whether a word of the title names something."""
    token, text = words.tokens[place], words.text
    if not text[start].isupper() or token.isdigit() or len(token) < 2:
        return 0
    form = text[start : start + len(token)]
    kind = _places[token]
    if token.isascii() or form.isupper():  # «SSJ», «ВОЗ» wherever they stand
        return NAME | TITLE_NAME | (PLACE if kind == "name" else 0)
    before = words.pieces[2 * place]
    if _begins_sentence(before, place):
        return TITLE_NAME | PLACE if kind == "name" else 0
    flags = NAME | PLACE if kind else NAME
    return flags if _opens_quotation(before) else flags | TITLE_NAME


def _read_lead(words: Words, found: dict[int, int]) -> None:
    text, pieces = words.text, words.pieces
    starts = words.edges[: 2 * bisect_left(words.starts, LEAD) : 2]
    tokens = words.tokens[: len(starts)]
    stems = [*map(_stems.__getitem__, tokens)]
    for stem in stems:
        found[stem] = found.get(stem, 0) + _ONCE
    capitals = map(str.isupper, map(text.__getitem__, starts))
    for place in compress(count(), capitals):
        start, length = starts[place], len(tokens[place])
        if (length > 1 and text[start : start + length].isupper()) or (
            not _begins_sentence(pieces[2 * place], place)
        ):
            found[stems[place]] |= NAME
    found.pop(0, None)


_SENTENCE_ENDS = frozenset(".!?…\n")
_QUOTATION_STARTS = frozenset(':«"')


def _begins_sentence(before: str, place: int) -> bool:
    return place == 0 or not _SENTENCE_ENDS.isdisjoint(before)


def _opens_quotation(before: str) -> bool:
    return not _QUOTATION_STARTS.isdisjoint(before)


# --- numbers and dates ------------------------------------------------------------


def _numbers(text: str) -> set[int]:
    """Numbers of two digits and more, spaces and points aside: «1 200» is «1200»."""
    return {
        crc32(digits.encode())
        for found in _number(text)
        if len(digits := "".join(filter(str.isdigit, found))) > 1
    }


def _marks(title: Words, dated: Sequence[tuple[str, str]]) -> list[int]:
    """Hashes of stems, as in ``Signature.stems``; dates and years are no marks."""
    days = {day for day, _ in dated}
    return [
        _stems[token] or crc32(token.encode())
        for token in title.tokens
        if token.isascii() and not (token in days or _is_year(token))
    ]


_is_year = re.compile(r"(?:19|20)\d\d").fullmatch


def _dates(dated: Sequence[tuple[str, str]]) -> set[int]:
    return {
        32 * _MONTHS[month[:3]] + int(day) for day, month in dated if int(day) <= 31
    }
