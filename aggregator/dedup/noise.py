"""Text without what changes by itself: counters, clocks, typography.

Sites re-render their entries all day: quotes are set, a view counter runs, "5 минут
назад" becomes "6 минут назад". None of it is an edit. ``quiet`` is one pass that is
linear on any input (every repetition is bounded); 26 µs for 1,500 characters.
"""

from __future__ import annotations

import codecs
import re

_QUOTES = "«»“”„‟‹›\"'’‘‚`"
#: Hyphen-minus to horizontal bar, and the minus sign; escaped for a character class.
_DASHES = "\\-‐‑‒–—―−"
#: Soft hyphen, zero-width spaces and joiners, byte order mark.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

_MONTH = (
    r"(?:(?:январ|феврал|апрел|июн|июл|сентябр|октябр|ноябр|декабр)[яьею]|"
    r"(?:март|август)[ае]?|ма[йяе]|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})\b"
)
_AGO = r"(?:сек|мин|час|ч\b|дн|ден|недел|месяц|год|лет)[а-я]{0,6}\.?[ ]назад"
#: A number with two places after the point that is no time: 10.25 процента.
_UNIT = r"[ ]?(?:%|процент|руб|тыс|млн|млрд|км|кг|кв|га\b)"
_COUNTED = (
    r"(?:просмотр(?:а|ов|ы)?|прочтени[йяе]|прочитано|комментари[а-я]{1,3}|"
    r"коммент(?:а|ов|ы)?|(?:диз)?лайк(?:а|ов|и)?|нравится|репост(?:а|ов|ы)?|"
    r"views?|comments?|likes?)\b"
)
#: After a first digit: 5 просмотров, 1 234 комментария, 12,5 тыс. лайков.
_COUNTER = (
    r"[0-9]{0,8}(?:[ .,][0-9]{1,3}){0,3}[ ]?(?:тыс\.?[ ]?|млн[ ]?|[кk][ ]?)?" + _COUNTED
)

#: Any other number after its first digit, thousands parted or with a fraction.
_NUMBER = (
    r"(?P<other>[0-9]*(?:[ .,][0-9]{3}(?![0-9])){0,3}(?:[.,][0-9]{1,2}(?![0-9.:,]))?)"
)

_quotes = re.compile(f"[{_QUOTES}{_INVISIBLE}]+").sub
_dashes = re.compile(f"[{_DASHES}]+").sub
# The first digit stands alone so that the engine can look for digits and nothing
# else: 11 µs instead of 54 for a text without dates.
_numbers = re.compile(
    rf"""[0-9](?<![^\W_][0-9])(?:
      [0-9]?(?:[ ]?[{_DASHES},и][ ]?[0-9]{{1,2}})?[ ]{_MONTH}       # 12 мая, 12-13 мая
        (?:,?[ ][0-9]{{4}}(?![0-9]))?(?:[ ](?:года|году|год|г\b\.?))?
    | [0-9]?[./][0-9]{{1,2}}[./](?:[0-9]{{4}}|[0-9]{{2}})(?![0-9])  # 12.05.2026
    | [0-9]{{3}}[{_DASHES}./][0-9]{{2}}[{_DASHES}./][0-9]{{2}}(?![0-9])  # 2026-05-12
    | (?:(?<=[01])[0-9]|(?<=2)[0-3])?[:.][0-5][0-9](?::[0-5][0-9])?
        (?![0-9]|[.,:][0-9]|{_UNIT})                               # 18:30, 18.30
    | (?:(?<=[0-2])[0-9]|(?<=3)[01])?\.(?:0[1-9]|1[0-2])(?![0-9]|[.,][0-9]|{_UNIT})  # 31.12
    | [0-9]?[ ]{_AGO}                                              # 5 минут назад
    | {_COUNTER}
    | {_NUMBER}
    )""",
    re.VERBOSE,
).sub
_counters = re.compile(rf"[0-9](?<![^\W_][0-9])(?:{_COUNTER}|{_NUMBER})").sub
_counted_word = re.compile(_COUNTED).fullmatch
_BEGINNINGS = ("просм", "проч", "комм", "лайк", "диз", "нрав", "репост", *"vcl")
#: What may stand between a counted word and its number.
_BETWEEN = " :()[]|" + _DASHES.replace("\\", "")


# cp1251 is the alphabet that Russian typography fits in: one byte a letter, so that
# everything a comparison ignores goes in one ``translate``: 7 µs instead of 45 for
# 1,500 characters. What it lacks is written as a reference and stays distinct.
_ENCODING = "cp1251"
_IGNORED = "".join(_QUOTES + _INVISIBLE + _DASHES.replace("\\", "") + " \t\n\r\xa0")
_ignored_bytes = _IGNORED.encode(_ENCODING, "ignore")
_MARKS = ".,:;!?…()[]{}/|•·*+=_#&"
_mark_bytes = _MARKS.encode(_ENCODING)
_without_yo = bytes.maketrans("ё".encode(_ENCODING), "е".encode(_ENCODING))


def _outside_cp1251(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - nothing is decoded here
    kept = (
        "" if character in _IGNORED or character.isspace() else f"&#{ord(character)};"
        for character in error.object[error.start : error.end]
    )
    return "".join(kept), error.end


codecs.register_error("aggregator.bare", _outside_cp1251)


def quiet(text: str) -> str:
    """Plain text in lower case without dates, times and counters; lines stay lines.

    Typography is left for ``bare`` or ``words``, which take it out for good.
    """
    return _numbers(_kept, _lowered(text))


def quiet_title(title: str) -> str:
    """Like ``quiet``, but dates and times stay: a date in a title is its news."""
    return _counters(_kept, _lowered(title))


def bare(quieted: str) -> str:
    """What is compared, not read: no white space, quotes or dashes, ё as е."""
    data = quieted.encode(_ENCODING, "aggregator.bare")
    return data.translate(_without_yo, _ignored_bytes).decode("latin-1")


def letters(lowered: str) -> str:
    """Like ``bare``, without punctuation: what is left of a title among its copies."""
    data = lowered.encode(_ENCODING, "aggregator.bare")
    return data.translate(_without_yo, _ignored_bytes + _mark_bytes).decode("latin-1")


def words(quieted: str) -> list[str]:
    """Words without the punctuation around them, ё as е; dashes part words."""
    spaced = _dashes(" ", _quotes("", quieted.replace("ё", "е")))
    stripped = (word.strip(_MARKS) for word in spaced.split())
    return [word for word in stripped if word]


def _lowered(text: str) -> str:
    lowered = text.lower()
    if "\u0306" in lowered or "\u0308" in lowered:  # й and ё typed as two characters
        lowered = lowered.replace("и\u0306", "й").replace("е\u0308", "ё")
    return lowered.replace("\xa0", " ")


def _kept(number: re.Match[str]) -> str:
    """What stays of a number: all, unless it is noise or counts views and the like."""
    if number["other"] is None:
        return ""
    before = number.string[max(0, number.start() - 24) : number.start()]
    last = before.rstrip(_BETWEEN).rsplit(None, 1)[-1:]
    counts = last and last[0].startswith(_BEGINNINGS) and _counted_word(last[0])
    return "" if counts else number[0]
