"""Which municipalities an entry speaks of: names in any inflection, homonyms left out.

A name is a place unless what stands beside it says otherwise: quotes (a team, a hotel),
a street, a given name, the adjective's «край». Names that other things bear too, such
as Ленинградская or Отрадная, need a word that says they are places.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count
from typing import Literal, NamedTuple

from aggregator.model import Place, PlaceMatch
from aggregator.russian import (
    Analysis,
    Words,
    cases_of,
    fold,
    is_given_name,
    read_words,
)
from aggregator.tag.inflection import forms_of_adjective, forms_of_name, masculine_forms

Kind = Literal["name", "unsure", "adjective", "district"]


class Name(NamedTuple):
    """One form of a name, ready to be compared with the words of a text."""

    place: int
    #: As in the gazetteer.
    written: str
    kind: Kind
    tokens: tuple[str, ...]
    #: Which of the tokens begin with a capital.
    capitals: tuple[bool, ...]
    #: Adjectives and names that change read the same as nominative nouns.
    nominative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    places: tuple[Place, ...]
    #: By first word; the longest first.
    names: dict[str, tuple[Name, ...]]


def compile_places(places: Sequence[Place]) -> Gazetteer:
    """The places' names in all their forms; 4,000 forms take 20 ms."""
    names: dict[str, list[Name]] = defaultdict(list)
    for number, place in enumerate(places):
        for name in _names(number, place):
            names[name.tokens[0]].append(name)
    return Gazetteer(
        places=tuple(places),
        names={
            first: tuple(sorted(found, key=lambda name: -len(name.tokens)))
            for first, found in names.items()
        },
    )


def _names(number: int, place: Place) -> Iterator[Name]:
    def made(written: str, kind: Kind, forms: Iterable[str]) -> Iterator[Name]:
        base = fold(written.partition("/")[0])
        for form in sorted(forms):
            words = read_words(form)
            yield Name(
                place=number,
                written=written.partition("/")[0],
                kind=kind,
                tokens=words.tokens,
                capitals=tuple(form[start].isupper() for start in words.starts),
                nominative=fold(form) == base,
            )

    for written in place.names:
        yield from made(written, "name", forms_of_name(written))
    for written in place.unsure:
        yield from made(written, "unsure", forms_of_name(written))
    for written in place.adjectives:
        yield from made(written, "adjective", forms_of_adjective(written))
    if place.district:
        yield from made(place.district, "district", masculine_forms(place.district))


def find_places(analysis: Analysis, gazetteer: Gazetteer) -> tuple[PlaceMatch, ...]:
    """The places that an entry speaks of, each with its first mention, in that order."""
    found: dict[int, PlaceMatch] = {}
    elsewhere = _Elsewhere(analysis)
    fields: tuple[tuple[Literal["title", "text"], Words], ...]
    fields = ("title", analysis.title), ("text", analysis.text)
    for field, words in fields:
        if gazetteer.names.keys().isdisjoint(words.tokens):
            continue
        for mention in _mentions(words, gazetteer.names, elsewhere):
            name = mention.name
            found.setdefault(
                name.place,
                PlaceMatch(
                    place=gazetteer.places[name.place].key,
                    name=name.written,
                    form=words.form(mention.first, mention.last),
                    field=field,
                    position=words.edges[2 * mention.first],
                ),
            )
    return tuple(found.values())


# --- mentions ------------------------------------------------------------------


class _Mention(NamedTuple):
    name: Name
    words: Words
    first: int
    last: int

    @property
    def before(self) -> str:
        """The word before, folded; empty at a sentence's beginning."""
        if self.first == 0 or _PARTS.search(self.words.pieces[2 * self.first]):
            return ""
        return self.words.tokens[self.first - 1]

    @property
    def after(self) -> str:
        """The word right after; empty where more than a space lies between."""
        pieces = self.words.pieces
        if self.last + 1 == len(self.words.tokens) or pieces[2 * self.last + 2] != " ":
            return ""
        return self.words.tokens[self.last + 1]


#: Between the words of one name.
_INSIDE = re.compile(r"[\s‑-]{1,2}")
#: Between words that have nothing to do with each other.
_PARTS = re.compile(r"[!?…;:()\n]|[.]\s*$(?<=\w{4}[.] )")


def _mentions(
    words: Words, table: dict[str, tuple[Name, ...]], elsewhere: _Elsewhere
) -> Iterator[_Mention]:
    """Mentions that context does not rule out, in the text's order."""
    last: _Mention | None = None
    beyond = 0
    tokens = words.tokens
    for at in compress(count(), map(table.__contains__, tokens)):
        if at < beyond:
            continue
        for name in table[tokens[at]]:
            if not _stands(name, words, at):
                continue
            mention = _Mention(name, words, at, at + len(name.tokens) - 1)
            if _is_place(mention, last, elsewhere):
                last, beyond = mention, mention.last + 1
                yield mention
                break


def _stands(name: Name, words: Words, at: int) -> bool:
    length = len(name.tokens)
    if words.tokens[at : at + length] != name.tokens:
        return False
    return all(
        words.text[words.edges[2 * (at + i)]].isupper()
        for i, capital in enumerate(name.capitals)
        if capital
    ) and all(
        _INSIDE.fullmatch(piece)
        for piece in words.pieces[2 * at + 2 : 2 * (at + length) - 1 : 2]
    )


# --- context -------------------------------------------------------------------

#: What says that a name is a settlement's; abbreviations as texts have them.
_SETTLEMENT = re.compile(
    r"(?:станиц|сел[оауе]|поселк|поселен|хутор|аул|деревн|город|курорт|райцентр)\w*"
    r"|ст|ца|с|п|пос|пгт|рп|х|д|г|гор"
)
_STREET = re.compile(
    r"улиц\w*|ул|проспект\w*|пр|просп|переул\w*|пер|бульвар\w*|шоссе|проезд\w*|площад\w*"
    r"|пл|микрорайон\w*|мкр|тракт\w*|набережн\w*|линии?|тупик\w*"
)
#: A name in the nominative right after one of these is that of a thing.
_BEARER = re.compile(
    r"отел\w*|гостиниц\w*|санатори\w*|пансионат\w*|кафе|ресторан\w*|кинотеатр\w*|жк|тц|трц|трк"
    r"|теплоход\w*|паром\w*|корабл\w*|крейсер\w*|катер\w*|фирм\w+|компани\w+"
    r"|газет\w+|журнал\w*|завод\w*|совхоз\w*|колхоз\w*|марк\w+|рынок|рынк\w+"
)
_TEAM = re.compile(
    r"фк|пфк|хк|бк|пбк|жбк|мфк|гк|жгк|вк|ск|сшор|клуб\w*|команд\w*|вратар\w*|голкипер\w*"
    r"|форвард\w*|нападающ\w*|защитник\w*|полузащитник\w*|хавбек\w*|игрок\w*|тренер\w*"
    r"|капитан\w*|матч\w*|болельщик\w*|дубл\w+"
)
_SPORT = re.compile(
    r"матч\w*|рпл|кхл|вхл|уефа|вничью|обыгра\w+|переигра\w+|разгроми\w+|забил\w*"
    r"|вратар\w*|голкипер\w*|форвард\w*|полузащитник\w*|хавбек\w*|пенальти|полуфинал\w*"
)
_IN = frozenset(
    [
        "в",
        "во",
        "на",
        "под",
        "из",
        "до",
        "от",
        "у",
        "около",
        "близ",
        "возле",
        "над",
        "за",
        "через",
        "к",
        "ко",
    ]
)
#: Prepositions of place and the cases they ask for: what agrees is one thing with it.
_LOCATIVE = {
    **dict.fromkeys(("в", "во", "на"), "loct"),
    **dict.fromkeys(("из", "до", "у", "около", "близ", "возле", "от"), "gent"),
    **dict.fromkeys(("под", "над", "за"), "ablt"),
}
_JOINS = frozenset(("и", "или", "а", "также", "да"))
_KRAI = re.compile("кра[йяюе](?:м|х|ми)?|краев\\w*")


def _is_place(mention: _Mention, last: _Mention | None, elsewhere: _Elsewhere) -> bool:
    name = mention.name
    if _is_quoted(mention) or _names_a_street(mention) or _is_person(mention):
        return False
    if name.kind == "adjective":
        return not _leads_to(mention, _KRAI)
    if name.kind == "district":
        return _is_district(mention) and not elsewhere.around(mention)
    if _is_team(mention) or (name.nominative and _bears(mention)):
        return False
    if name.kind == "unsure":
        return _is_settlement(mention, last) and not elsewhere.around(mention)
    return not _reads_as_adjective(mention)


def _is_quoted(mention: _Mention) -> bool:
    """The name is all that stands in the quotes: a team, a hotel, a newspaper."""
    pieces = mention.words.pieces
    opens = pieces[2 * mention.first].rstrip()[-1:]
    closes = pieces[2 * mention.last + 2].lstrip()[:1]
    return opens in tuple("«“„\"'") and closes in tuple("»”“\"'")


def _names_a_street(mention: _Mention) -> bool:
    return bool(
        _STREET.fullmatch(mention.before)
        or (mention.after and _STREET.fullmatch(mention.after))
    )


def _is_person(mention: _Mention) -> bool:
    """A given name, a patronymic or an initial stands before: «Анна Северская»."""
    words, first = mention.words, mention.first
    if first == 0:
        return False
    start = words.edges[2 * (first - 1)]
    between = words.pieces[2 * first]
    if not words.text[start].isupper():
        return False
    if len(words.tokens[first - 1]) == 1:
        return between.startswith(".")
    return between.isspace() and is_given_name(words.tokens[first - 1])


def _is_team(mention: _Mention) -> bool:
    if _TEAM.fullmatch(mention.before):
        return True
    if mention.before in _IN or _SETTLEMENT.fullmatch(mention.before):
        return False
    # «Краснодар обыграл Спартак»: who plays stands in the nominative.
    return mention.name.nominative and any(
        _SPORT.fullmatch(token) for token in _sentence(mention)
    )


def _bears(mention: _Mention) -> bool:
    """«Теплоход Анапа», but not «отели Сочи», which has one form for all cases."""
    changes = mention.name.tokens[-1][-1] not in "иоеую"
    return changes and _BEARER.fullmatch(mention.before) is not None


def _reads_as_adjective(mention: _Mention) -> bool:
    """«В Крымском мосту» is no «Крымск»: after «в» that form is the adjective's."""
    token = mention.words.tokens[mention.last]
    return (
        len(mention.name.tokens) == 1
        and token.endswith("ском")
        and mention.name.written.endswith("ск")
        and mention.before not in {"под", "над", "за", "с", "со", "перед", "между"}
    )


def _leads_to(mention: _Mention, what: re.Pattern[str], reach: int = 4) -> bool:
    """Whether adjectives, commas and «и» lead from the mention to such a word."""
    tokens = mention.words.tokens
    for token in tokens[mention.last + 1 : mention.last + 1 + reach]:
        if what.fullmatch(token):
            return True
        if token not in _JOINS and not _ADJECTIVE.fullmatch(token):
            return False
    return False


_ADJECTIVE = re.compile(
    r"\w+(?:ий|ой|ый|ого|его|ому|ему|им|ым|ом|ем|ая|ую|ое|ие|ые|их|ых)"
)
_DISTRICT = re.compile(r"район\w*|округ\w*|муниципалитет\w*|рн")


def _is_district(mention: _Mention) -> bool:
    """«Северском, Абинском и Крымском районах», «Динского муниципального округа»."""
    return _leads_to(mention, _DISTRICT, reach=8)


def _is_settlement(mention: _Mention, last: _Mention | None) -> bool:
    """Whether something says that an unsure name is a place."""
    if _SETTLEMENT.fullmatch(mention.before):
        return True
    if (
        mention.after
        and _SETTLEMENT.fullmatch(mention.after)
        and len(mention.after) > 3
    ):
        return True
    if last is not None and last.words is mention.words:
        between = mention.words.tokens[last.last + 1 : mention.first]
        if not between or (len(between) == 1 and between[0] in _JOINS):
            return True
    case = _LOCATIVE.get(mention.before)
    if case is None or mention.name.nominative:
        return False
    return not mention.after or case not in cases_of(mention.after)


def _sentence(mention: _Mention) -> Sequence[str]:
    words = mention.words
    number = words.sentences[mention.first]
    return [
        token
        for token, sentence in zip(words.tokens, words.sentences, strict=True)
        if sentence == number
    ]


#: Other regions and their cities, by the beginnings of words.
_OTHER = re.compile(
    r"област\w*|республик\w*|москв\w*|московск\w*|подмосков\w*|петербург\w*|петербуржск\w*"
    r"|ленобласт\w*|челябинск\w*|калининград\w*|саратов\w*|волгоград\w*|твер[иьс]\w*|самар\w*"
    r"|новосибирск\w*|нижегородск\w*|барнаул\w*|алтай\w*|уф[аеуы]|казан[иь]|перм[иь]|воронеж\w*"
    r"|ростовск\w*|крым[аеу]?|крымом|крымчан\w*|севастопол\w*|ставропол\w*|луганск\w*|донецк\w*|грузи[июя]\w*"
    r"|тбилиси|украин\w*|армени\w*|днр|лнр|ульяновск\w*|красноярск\w*|хабаровск\w*|югр\w*|коми"
)
_HOME = re.compile(r"кубан[иьюе]\w*|кубанск\w*|краснодар\w*|сочи\w*|анап\w*|туапс\w*")


class _Elsewhere:
    """Whether a mention stands among other regions' names; looked up when asked."""

    def __init__(self, analysis: Analysis) -> None:
        self._fields = analysis.title, analysis.text
        self._entry: bool | None = None

    def around(self, mention: _Mention) -> bool:
        """Another region in the sentence, or in the entry, and no word of ours there.

        The place's own name is no region: «крымск…» in «Крымский район».
        """
        own = set(mention.name.tokens)
        sentence = [token for token in _sentence(mention) if token not in own]
        if _any(_HOME, sentence):
            return False
        if _any(_OTHER, sentence):
            return True
        if self._entry is None:
            tokens = [token for words in self._fields for token in words.tokens]
            others = [token for token in tokens if token not in own]
            self._entry = _any(_OTHER, others) and not _any(_HOME, others)
        return self._entry


def _any(pattern: re.Pattern[str], tokens: Iterable[str]) -> bool:
    return any(map(pattern.fullmatch, tokens))
