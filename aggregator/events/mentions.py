"""Dates and times of day as a text mentions them, each typed; nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from itertools import compress, count
from typing import Literal, NamedTuple

from aggregator.events.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDate:
    """A day as it was written: what is None was left to the reader."""

    day: int
    month: int | None = None
    #: -1, 0 and 1 are last year, this and the next.
    year: int | None = None


DateKind = Literal[
    "day", "list", "range", "pair", "weekday", "weekend", "relative", "every", "end"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMention:
    """
    * ``day``, ``list``, ``range`` and ``pair`` («с 14 августа на 5 сентября») have ``days``;
    * ``weekday`` has ``weekdays``, ``every`` besides a ``month`` or None;
    * ``relative`` has ``offset``, in days from publication;
    * ``end`` is the end of ``month`` («до конца мая»), or of the current ``unit``.
    """

    kind: DateKind
    first: int
    last: int
    #: The word before: «с», «до», «по», «к»; empty when it is no preposition.
    preposition: str
    days: tuple[PartialDate, ...] = ()
    #: Monday is 0. Beside a day: what the text calls it.
    weekdays: tuple[int, ...] = ()
    offset: int = 0
    #: «прошлую», «минувшее»: -1; «следующую»: 1.
    week: int = 0
    month: int | None = None
    #: Of ``every``: the first, the second, …; -1 the last; 0 all of the month.
    which: int = 0
    unit: Literal["month", "week", "year"] = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMention:
    first: int
    last: int
    preposition: str
    #: One, or several sessions: «в 11:00 и 14:00».
    starts: tuple[time, ...]
    #: «с 9 до 15 часов».
    end: time | None = None
    #: «до 21:00»: only an end.
    until: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """«три дня», «трёхдневный»."""

    first: int
    last: int
    days: int


Mention = DateMention | TimeMention | Duration

#: As they stand after a day; «Октябрь» after a number is a cinema.
_MONTHS: dict[str, int] = {
    form: number
    for number, forms in enumerate(
        (
            "января янв", "февраля фев февр", "марта мар", "апреля апр", "мая",
            "июня июн", "июля июл", "августа авг", "сентября сен сент",
            "октября окт", "ноября ноя нояб", "декабря дек",
        ),
        1,
    )
    for form in forms.split()
}  # fmt: skip
_WEEKDAYS = "понедельник вторник сред четверг пятниц суббот воскресен".split()
#: Endings of any of them.
_CASES = ["", *"а у е ы и ом ой ою ей ею ов ам ах ье ья ью ий ие ия ию ии".split()]
_RELATIVE = {"сегодня": 0, "завтра": 1, "послезавтра": 2, "вчера": -1, "позавчера": -2}
_NUMBERS = {
    "час": 1, "один": 1, "одна": 1, "два": 2, "две": 2, "двух": 2, "три": 3, "трех": 3,
    "четыре": 4, "четырех": 4, "пять": 5, "пяти": 5, "шесть": 6, "шести": 6, "семь": 7,
    "семи": 7, "восемь": 8, "восьми": 8, "девять": 9, "девяти": 9, "десять": 10,
    "десяти": 10, "одиннадцать": 11, "одиннадцати": 11, "двенадцать": 12,
    "двенадцати": 12,
}  # fmt: skip
_ORDINALS = {
    "первого": 1, "второго": 2, "третьего": 3, "четвертого": 4, "пятого": 5,
    "шестого": 6, "седьмого": 7, "восьмого": 8, "девятого": 9, "десятого": 10,
    "одиннадцатого": 11, "двенадцатого": 12,
}  # fmt: skip
_DAYLONG = {"двух": 2, "трех": 3, "четырех": 4, "пяти": 5, "шести": 6, "семи": 7}
_PREPOSITIONS = frozenset("в во с со до по к ко на от после перед около".split())
#: Before an hour in words; «на три дня» is no time.
_AT_HOUR = frozenset("в во с со до по к ко около после".split())
_PARTS_OF_DAY = frozenset("утра дня вечера ночи".split())
_HOURS = frozenset("ч час часа часов часам".split())
_MINUTES = frozenset("м мин минут минуты минута".split())
_ORDINAL_ENDINGS = frozenset("го е ое ого".split())
_YEAR_WORDS = frozenset("г год года году гг".split())
#: «ежедневно, кроме понедельника», «выходной — понедельник».
_CLOSED_ON = frozenset("кроме исключением выходной".split())
#: «по субботам», «кроме понедельников»: no day of this week.
_PLURAL = ("ам", "ям", "ах", "ях", "ов", "ки", "ги")
_WHICH = {1: "перв", 2: "втор", 3: "трет", 4: "четверт", -1: "последн"}
_EVERY = frozenset("каждый каждую каждое каждые".split())
_DASH = re.compile(r"\s*[-–—−]\s*")
_BLANK = re.compile(r"\s*")
_COMMA = re.compile(r"\s*,\s*")
#: Between the parts of a date that was said twice: «в пятницу, 6 марта», «(суббота)».
_APPOSITION = re.compile(r"\s*[,(–—-]?\s*")
#: What a number counts when it is no hour: «10-15 лет».
_COUNTED = frozenset(
    "лет года рублей руб процентов человек км м минут мин дней тыс млн раз".split()
)
_PHONE_GAP = re.compile(r"[\s()–-]{0,3}")
#: One of these, or another number, stands behind a number that is a day or an hour.
_BEHIND_NUMBER = frozenset(
    [*_MONTHS, *_HOURS, *_PARTS_OF_DAY, *_ORDINAL_ENDINGS, *"и до по на дней".split()]
)


class _Atom(NamedTuple):
    """What a word could begin: ``kind`` names the reader in ``_READERS``."""

    kind: str
    value: int = 0


def _atoms_of(kind: str, forms: str, value: int = 0) -> dict[str, _Atom]:
    return dict.fromkeys(forms.split(), _Atom(kind, value))


#: Few and fixed: a small table answers at a quarter of the time that one of all the
#: words of all texts takes, which no processor's cache holds.
_ATOMS: dict[str, _Atom] = {
    stem + ending: _Atom("weekday", weekday)
    for weekday, stem in enumerate(_WEEKDAYS)
    for ending in _CASES
    if stem + ending != "среди"
}
_ATOMS |= {form: _Atom("relative", offset) for form, offset in _RELATIVE.items()}
_ATOMS |= {form: _Atom("word", number) for form, number in _NUMBERS.items()}
_ATOMS |= {
    f"{number}дневн{ending}": _Atom("daylong", days)
    for number, days in _DAYLONG.items()
    for ending in "ый ого ому ым ом ая ой ую ою ое ые ых ыми".split()
}
_ATOMS |= (
    _atoms_of("weekend", "выходные выходных")
    | _atoms_of("every", " ".join(_EVERY))
    | _atoms_of("through", "через")
    | _atoms_of("end", "конца")
    | _atoms_of("half", "половине половина половину")
    | _atoms_of("noon", "полдень полудня", 12)
    | _atoms_of("noon", "полночь полуночи", 24)
    | _atoms_of("last", "последний")
)


def _atom(form: str) -> _Atom | None:
    return _number(form) if form.isdecimal() else _ATOMS.get(form)


@lru_cache(maxsize=4096)
def _number(form: str) -> _Atom:
    return _Atom("number", int(form)) if len(form) <= 4 else _Atom("long")


def mentions(reading: Reading) -> list[Mention]:
    """In their order; what is a phone number or a count is left out."""
    return _Scanner(reading).scan()


class _Scanner:
    """Reads a row of words from left to right; each reader gives a mention or None."""

    def __init__(self, reading: Reading) -> None:
        # Three empty words at the end save asking for the length.
        self.tokens = (*reading.tokens, "", "", "", "", "", "")
        self.gaps = (*reading.gaps, "\n", "\n", "\n", "\n", "\n", "\n")
        self.sentences = reading.sentences

    def scan(self) -> list[Mention]:
        found: list[Mention] = []
        done = 0
        for i, atom in sorted([*self._words(), *self._numbers()]):
            if i < done:
                continue
            mention = _READERS[atom.kind](self, i, atom.value)
            if isinstance(mention, int):
                done = mention
            elif mention is not None:
                done = mention.last + 1
                found.append(mention)
        return _joined(found, self)

    def _words(self) -> Iterator[tuple[int, _Atom]]:
        for i in compress(count(), map(_ATOMS.__contains__, self.tokens)):
            yield i, _ATOMS[self.tokens[i]]

    def _numbers(self) -> Iterator[tuple[int, _Atom]]:
        """Those in whose company there may be a date; most count something else."""
        for i in compress(count(), map(str.isdecimal, self.tokens)):
            behind = self.tokens[i + 1]
            if behind in _BEHIND_NUMBER or behind.isdecimal():
                yield i, _number(self.tokens[i])

    # --- numbers: days and hours ---

    def _number(self, i: int, value: int) -> Mention | int | None:
        phone = self._after_phone(i)
        if phone:
            return phone
        return (
            self._date(i)
            or self._hours_between(i)
            or self._time(i)
            or self._counted_days(i, value)
        )

    def _long(self, i: int, value: int) -> Mention | int | None:
        return self._after_phone(i) or None

    def _after_phone(self, i: int) -> int:
        """The word after a phone number that begins here; 0 when none does."""
        digits, dashes, j = len(self.tokens[i]), 0, i + 1
        while self.tokens[j].isdecimal() and _PHONE_GAP.fullmatch(self.gaps[j]):
            digits += len(self.tokens[j])
            dashes += "-" in self.gaps[j] or "–" in self.gaps[j]
            j += 1
        plus = self.gaps[i].endswith("+") or self.tokens[i] == "8"
        if j - i >= 3 and ((digits >= 10 and plus) or (dashes >= 2 and digits >= 5)):
            iso = j - i == 3 and len(self.tokens[i]) == 4 and digits == 8
            return 0 if iso else j
        return 0

    def _day(self, i: int) -> tuple[int, int] | None:
        """A day's number and the word after it."""
        token = self.tokens[i]
        if not token.isdecimal() or len(token) > 2 or not 1 <= int(token) <= 31:
            return None
        j = i + 1
        if self.tokens[j] in _ORDINAL_ENDINGS and self.gaps[j] == "-":
            j += 1
        return int(token), j

    def _full(self, i: int) -> tuple[PartialDate, int] | None:
        """A day with its month: «13 сентября [2026 года]», «13.09[.2026]»."""
        found = self._day(i)
        if found is None:
            return self._iso(i)
        day, j = found
        month = _MONTHS.get(self.tokens[j])
        if month and _BLANK.fullmatch(self.gaps[j]):
            return self._year(j + 1, day, month)
        return self._numeric(i)

    def _iso(self, i: int) -> tuple[PartialDate, int] | None:
        year, month, day = self.tokens[i : i + 3]
        if (
            len(year) == 4
            and len(month) == len(day) == 2
            and (year + month + day).isdecimal()
            and self.gaps[i + 1] == self.gaps[i + 2] == "-"
            and 1 <= int(month) <= 12
            and 1 <= int(day) <= 31
        ):
            found = PartialDate(day=int(day), month=int(month), year=int(year))
            return found, i + 3
        return None

    def _year(self, j: int, day: int, month: int) -> tuple[PartialDate, int]:
        token = self.tokens[j]
        if len(token) == 4 and token.isdecimal() and _BLANK.fullmatch(self.gaps[j]):
            end = j + 1
            if self.tokens[end] in _YEAR_WORDS and _BLANK.fullmatch(self.gaps[end]):
                end += 1
            return PartialDate(day=day, month=month, year=int(token)), end
        relative = {"прошлого": -1, "минувшего": -1, "этого": 0, "следующего": 1}
        if token in relative and self.tokens[j + 1] == "года":
            return PartialDate(day=day, month=month, year=relative[token]), j + 2
        return PartialDate(day=day, month=month), j

    def _numeric(self, i: int) -> tuple[PartialDate, int] | None:
        day, month, year = self.tokens[i : i + 3]
        if self.gaps[i + 1] != "." or len(month) != 2 or not month.isdecimal():
            return None
        if not 1 <= int(month) <= 12:
            return None
        if self.gaps[i + 2] == "." and year.isdecimal() and len(year) in (2, 4):
            whole = int(year) + (2000 if len(year) == 2 else 0)
            found = PartialDate(day=int(day), month=int(month), year=whole)
            return found, i + 3
        if len(day) != 2 or not self._looks_like_date(i):
            return None
        return PartialDate(day=int(day), month=int(month)), i + 2

    def _looks_like_date(self, i: int) -> bool:
        """Whether «28.03» is a day, not an hour: no hour, or a time stands beside it."""
        if int(self.tokens[i]) > 23:
            return True
        before = self.tokens[i - 1] if i else ""
        beside = i + 2
        if self.tokens[beside] in ("в", "с", "во", "до", "по"):
            beside += 1
        following = self.tokens[beside : beside + 2]
        timed = (
            following[0].isdecimal()
            and (following[1].isdecimal() or following[1] in _HOURS)
            and self.gaps[beside + 1] in (":", ".", "-", " ")
        )
        return timed or before not in ("в", "во", "с", "до", "по", "начало", "к")

    def _date(self, i: int) -> DateMention | None:
        found = self._day(i)
        preposition = self._preposition(i)
        if found is None:
            iso = self._iso(i)
            return iso and self._days("day", i, iso[1] - 1, preposition, iso[0])
        day, j = found
        whole = self._full(i)
        head = whole[0] if whole else PartialDate(day=day)
        after = whole[1] if whole else j
        # «с 5 по 12 апреля», «с 14 августа на 5 сентября»
        joint = self.tokens[after]
        if (
            preposition in ("с", "со")
            and joint in ("по", "до", "на")
            and (tail := self._full(after + 1))
        ):
            kind: DateKind = "pair" if joint == "на" else "range"
            return self._days(kind, i, tail[1] - 1, preposition, head, tail[0])
        if _DASH.fullmatch(self.gaps[after]) and (tail := self._full(after)):
            return self._days("range", i, tail[1] - 1, preposition, head, tail[0])
        if whole:
            return self._days("day", i, after - 1, preposition, head)
        listed = self._list(i, preposition)
        if listed:
            return listed
        if (
            j > i + 1 and self.tokens[i + 1] == "го"
        ):  # «17-го»: the month was said before
            return self._days("day", i, j - 1, preposition, head)
        return None

    def _list(self, i: int, preposition: str) -> DateMention | None:
        """«18 и 19 сентября», «20, 21 и 22 ноября», «23, 24, 25 и 26 марта»."""
        days: list[PartialDate] = []
        j = i
        while found := self._day(j):
            whole = self._full(j)
            if whole:
                if not days:
                    return None
                days.append(whole[0])
                return self._days("list", i, whole[1] - 1, preposition, *days)
            days.append(PartialDate(day=found[0]))
            j = found[1]
            if self.tokens[j] == "и":
                j += 1
            elif not _COMMA.fullmatch(self.gaps[j]):
                return None
        return None

    def _days(
        self,
        kind: DateKind,
        first: int,
        last: int,
        preposition: str,
        *days: PartialDate,
    ) -> DateMention:
        return DateMention(
            kind=kind,
            first=first,
            last=last,
            preposition=preposition,
            days=_filled(days),
        )

    # --- times ---

    def _clock(self, i: int) -> tuple[time, int] | None:
        """An hour with its minutes, and the word after: «18:00», «18.00», «14-00»."""
        hour, minute = self.tokens[i], self.tokens[i + 1]
        if not (hour.isdecimal() and minute.isdecimal()):
            return None
        gap = self.gaps[i + 1]
        if (
            len(hour) > 2
            or len(minute) != 2
            or int(hour) > 24
            or int(minute) > 59
            or gap not in (":", ".", "-")
        ):
            return None
        after = self.tokens[i + 2]
        if gap != ":" and (after in _COUNTED or self._runs_on(i + 2)):
            return None
        if gap == "-" and int(minute) % 15:
            return None
        j = i + 2
        if after in _HOURS:
            j += 1
        value = int(hour) % 24
        if self.tokens[j] == "вечера" and value < 12:
            value, j = value + 12, j + 1
        return time(value, int(minute)), j

    def _runs_on(self, j: int) -> bool:
        """Whether the number goes on: «10.10.26», «267-77-77»."""
        return self.tokens[j].isdecimal() and self.gaps[j] in (".", "-", ",")

    def _spoken(self, i: int, *, sure: bool) -> tuple[time, int] | None:
        """«18 часов [30 минут]», «9 утра», «семь вечера», «час дня».

        ``sure``: a preposition or a word such as «начало» says that it is a time.
        """
        atom = _atom(self.tokens[i])
        if atom is None or atom.kind not in ("number", "word") or atom.value > 24:
            return None
        hour, minute, j = atom.value, 0, i + 1
        if self.tokens[i] != "час" and self.tokens[j] in _HOURS:
            j += 1
            following = self.tokens[j]
            if following.isdecimal() and self.tokens[j + 1] in _MINUTES:
                minute, j = int(following), j + 2
        elif self.tokens[j] not in _PARTS_OF_DAY:
            return None
        part = self.tokens[j]
        if part in _PARTS_OF_DAY:
            j += 1
            if part in ("дня", "вечера") and hour < 12:
                hour += 12
            if part == "ночи" and hour == 12:
                hour = 0
        elif hour < 7:
            return None  # «2 часа», «1 ч 40 мин» are durations
        if not (sure or minute) or hour > 24 or minute > 59:
            return None
        return time(hour % 24, minute), j

    def _moment(self, i: int, *, sure: bool = True) -> tuple[time, int] | None:
        return self._clock(i) or self._spoken(i, sure=sure) or self._named(i)

    def _named(self, i: int) -> tuple[time, int] | None:
        atom = _atom(self.tokens[i])
        if atom and atom.kind == "noon":
            return time(atom.value % 24), i + 1
        if atom and atom.kind == "half":
            half = _ORDINALS.get(self.tokens[i + 1])
            if half:
                part = self.tokens[i + 2]
                late = part in ("вечера", "дня") or (part != "утра" and half <= 9)
                hour = half - 1 + (12 if late and half < 12 else 0)
                return time(hour % 24, 30), i + 2 + (part in _PARTS_OF_DAY)
        return None

    def _hours_between(self, i: int) -> TimeMention | None:
        """«с 9 до 15 часов», «10:00–18:00»."""
        preposition = self._preposition(i)
        if preposition in ("с", "со"):
            bare = self._clock(i) or self._spoken(i, sure=True) or self._bare_hour(i)
            if bare and self.tokens[bare[1]] in ("до", "по"):
                tail = self._moment(bare[1] + 1)
                if tail is None and ":" not in self.gaps[i + 1]:
                    return None
                if tail:
                    return self._times(i, tail[1], preposition, bare[0], end=tail[0])
        head = self._clock(i)
        if head and _DASH.fullmatch(self.gaps[head[1]]):
            tail = self._clock(head[1])
            if tail and tail[0] > head[0]:
                return self._times(i, tail[1], preposition, head[0], end=tail[0])
        return None

    def _bare_hour(self, i: int) -> tuple[time, int] | None:
        atom = _atom(self.tokens[i])
        if atom and atom.kind in ("number", "word") and atom.value <= 24:
            return time(atom.value % 24), i + 1
        return None

    def _time(self, i: int) -> TimeMention | None:
        preposition = self._preposition(i)
        before = self.tokens[i - 1] if i else ""
        cued = before in ("начало", "старт", "сбор", "открытие")
        found = self._moment(i, sure=preposition in _AT_HOUR or cued)
        if found is None:
            return None
        starts, j = [found[0]], found[1]
        while self.tokens[j]:
            if self.tokens[j] == "и":
                following = j + 2 if self.tokens[j + 1] == "в" else j + 1
            elif _COMMA.fullmatch(self.gaps[j]):
                following = j
            else:
                break
            more = self._clock(following)
            if more is None or more[0] <= starts[-1]:
                break
            starts.append(more[0])
            j = more[1]
        return self._times(i, j, preposition, *starts)

    def _times(
        self,
        first: int,
        after: int,
        preposition: str,
        *starts: time,
        end: time | None = None,
    ) -> TimeMention:
        return TimeMention(
            first=first,
            last=after - 1,
            preposition=preposition,
            starts=starts,
            end=end,
            until=end is None and preposition == "до",
        )

    def _half(self, i: int, value: int) -> TimeMention | None:
        return self._time(i)

    def _noon(self, i: int, value: int) -> TimeMention | None:
        return self._time(i) if self._preposition(i) else None

    def _word(self, i: int, value: int) -> Mention | None:
        if self.tokens[i + 1] not in _BEHIND_NUMBER:
            return None
        return self._hours_between(i) or self._time(i) or self._counted_days(i, value)

    # --- days without a number ---

    def _weekday(self, i: int, value: int) -> DateMention | None:
        before = self.tokens[i - 1] if i else ""
        if before in _CLOSED_ON:
            return None
        monthly = self.tokens[i + 1] in _MONTHS
        if monthly or before in _EVERY or self.tokens[i].endswith(_PLURAL):
            return self._recurring(i, value)
        weekdays, last = [value], i
        while self.tokens[last + 1] in ("и", "или") or _COMMA.fullmatch(
            self.gaps[last + 1]
        ):
            following = last + 1 + (self.tokens[last + 1] in ("и", "или"))
            if self.tokens[following] in ("в", "во"):
                following += 1
            atom = _atom(self.tokens[following])
            if atom is None or atom.kind != "weekday":
                break
            weekdays.append(atom.value)
            last = following
        return DateMention(
            kind="weekday",
            first=i,
            last=last,
            preposition=self._preposition(i),
            weekdays=tuple(weekdays),
            week=self._which_week(i),
        )

    def _which_week(self, i: int) -> int:
        """Of «прошлую», «следующую» before a day or «выходные», and «на прошлой неделе»."""
        before = self.tokens[i - 1] if i else ""
        if before.startswith(("прошл", "минувш", "прошедш")):
            return -1
        return 1 if before.startswith("следующ") else 0

    def _recurring(self, i: int, value: int) -> DateMention:
        """«каждую среду октября», «по субботам», «третье воскресенье июня»."""
        month = _MONTHS.get(self.tokens[i + 1])
        before = self.tokens[i - 1] if i else ""
        which = (n for n, stem in _WHICH.items() if before.startswith(stem))
        return DateMention(
            kind="every",
            first=i - 1 if i and self.tokens[i - 1] in _EVERY else i,
            last=i + 1 if month else i,
            preposition="",
            month=month,
            weekdays=(value,),
            which=next(which, 0),
        )

    def _every(self, i: int, value: int) -> DateMention | None:
        atom = _atom(self.tokens[i + 1])
        if atom and atom.kind == "weekday":
            return self._recurring(i + 1, atom.value)
        return None

    def _relative(self, i: int, value: int) -> DateMention:
        return self._at_offset(i, i, value)

    def _at_offset(self, first: int, last: int, offset: int) -> DateMention:
        return DateMention(
            kind="relative",
            first=first,
            last=last,
            preposition=self._preposition(first),
            offset=offset,
        )

    def _weekend(self, i: int, value: int) -> DateMention | None:
        before = self.tokens[i - 1] if i else ""
        pointed = (
            "эти",
            "ближайш",
            "предстоящ",
            "следующ",
            "минувш",
            "прошл",
            "прошедш",
        )
        if not before.startswith(pointed) and before != "на":
            return None
        return DateMention(
            kind="weekend",
            first=i,
            last=i,
            preposition="",
            week=self._which_week(i),
        )

    def _through(self, i: int, value: int) -> DateMention | None:
        number, unit = self.tokens[i + 1 : i + 3]
        if number == "неделю":
            return self._at_offset(i, i + 1, 7)
        if number == "день":
            return self._at_offset(i, i + 1, 1)
        count = int(number) if number.isdecimal() else _NUMBERS.get(number)
        if count and count < 60 and unit in ("дня", "дней", "день"):
            return self._at_offset(i, i + 2, count)
        if count and count < 9 and unit in ("недели", "недель"):
            return self._at_offset(i, i + 2, 7 * count)
        return None

    def _end(self, i: int, value: int) -> DateMention | None:
        """«до конца месяца», «до конца мая»."""
        if not i or self.tokens[i - 1] not in ("до", "по"):
            return None
        j = i + 1
        if self.tokens[j] in ("этого", "этой", "текущего", "текущей", "нынешнего"):
            j += 1
        unit = self.tokens[j]
        month = _MONTHS.get(unit)
        names = {"месяца": "month", "недели": "week", "года": "year"}
        if month is None and unit not in names:
            return None
        return DateMention(
            kind="end",
            first=i,
            last=j,
            preposition="до",
            month=month,
            unit=names.get(unit, "month"),  # type: ignore[arg-type]
        )

    def _last(self, i: int, value: int) -> DateMention | None:
        """«в последний день апреля»."""
        month = _MONTHS.get(self.tokens[i + 2])
        if self.tokens[i + 1] != "день" or month is None:
            return None
        return DateMention(
            kind="end",
            first=i,
            last=i + 2,
            preposition="",
            month=month,
        )

    # --- how long ---

    def _counted_days(self, i: int, value: int) -> Duration | None:
        if self.tokens[i + 1] in ("дня", "дней") and 2 <= value <= 30:
            return Duration(first=i, last=i + 1, days=value)
        return None

    def _daylong(self, i: int, value: int) -> Duration:
        return Duration(first=i, last=i, days=value)

    def _preposition(self, i: int) -> str:
        before = self.tokens[i - 1] if i else ""
        if before.startswith(("эт", "ближайш", "будущ", "следующ", "минувш", "прошл")):
            before = self.tokens[i - 2] if i > 1 else ""
        return before if before in _PREPOSITIONS else ""


#: By the kind of a word, what reads on from it: a mention, the word to go on at, or None.
_READERS: Mapping[str, Callable[[_Scanner, int, int], Mention | int | None]] = {
    "number": _Scanner._number,
    "long": _Scanner._long,
    "word": _Scanner._word,
    "half": _Scanner._half,
    "noon": _Scanner._noon,
    "weekday": _Scanner._weekday,
    "every": _Scanner._every,
    "relative": _Scanner._relative,
    "weekend": _Scanner._weekend,
    "through": _Scanner._through,
    "end": _Scanner._end,
    "last": _Scanner._last,
    "daylong": _Scanner._daylong,
}


def _filled(days: tuple[PartialDate, ...]) -> tuple[PartialDate, ...]:
    """Months and years that only the last day of a list or range has."""
    last = days[-1]
    filled = []
    for day in days[:-1]:
        month, year = day.month or last.month, day.year
        if day.month is None and month and day.day > last.day:
            month = month - 1 or 12
        if year is None and last.year is not None and month and last.month:
            year = last.year - (month > last.month)
        filled.append(PartialDate(day=day.day, month=month, year=year))
    return (*filled, last)


def _joined(found: list[Mention], scanner: _Scanner) -> list[Mention]:
    """Puts a date that is said twice, and days in a row, into one mention."""
    joined: list[Mention] = []
    for mention in found:
        before = joined[-1] if joined else None
        if isinstance(before, DateMention) and isinstance(mention, DateMention):
            both = _both(before, mention, scanner)
            if both:
                joined[-1] = both
                continue
        joined.append(mention)
    return joined


_EXPLICIT = ("day", "list", "range")


def _both(
    before: DateMention, mention: DateMention, scanner: _Scanner
) -> DateMention | None:
    between = scanner.tokens[before.last + 1 : mention.first]
    if len(between) > 1 or any(word not in ("в", "во", "и", "с") for word in between):
        return None
    gap = scanner.gaps[before.last + 1]
    days = before.kind in ("day", "list") and mention.kind in ("day", "list")
    if days and (between == ("и",) or (not between and _COMMA.fullmatch(gap))):
        # «30 апреля и 1 мая», «1 июня, 15 июня и 29 июня»
        listed = _filled((*before.days, *mention.days))
        return _spanning(before, mention, kind="list", days=listed)
    if between == ("и",):
        return None
    if not _APPOSITION.fullmatch(gap):
        return None
    explicit = [one for one in (before, mention) if one.kind in _EXPLICIT]
    if len(explicit) != 1 or "every" in (before.kind, mention.kind):
        return None
    vague = mention if explicit[0] is before else before
    return _spanning(
        before,
        mention,
        kind=explicit[0].kind,
        days=explicit[0].days,
        preposition=explicit[0].preposition or before.preposition,
        weekdays=vague.weekdays,
    )


def _spanning(
    before: DateMention,
    mention: DateMention,
    *,
    kind: DateKind,
    days: tuple[PartialDate, ...],
    preposition: str | None = None,
    weekdays: tuple[int, ...] = (),
) -> DateMention:
    return DateMention(
        kind=kind,
        first=before.first,
        last=mention.last,
        preposition=before.preposition if preposition is None else preposition,
        days=days,
        weekdays=weekdays,
    )
