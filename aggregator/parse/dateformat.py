"""Dates in a format that the operator names, as for ``strptime``; months in Russian too.

Unlike strptime's, a date is found inside other words («Опубликовано: 05.09.2026, 312
просмотров»), and no locale has a say.
"""

from __future__ import annotations

import re
from functools import lru_cache

from aggregator.parse.dates import MONTHS

_MONTH_NAME = rf"(?P<name>{'|'.join(MONTHS)})[a-zа-яё]*\.?"
_WEEKDAY = r"[a-zа-яё]+\.?"
# The directives of strptime that dates on pages need; each may stand once.
_DIRECTIVES = {
    "a": _WEEKDAY,
    "A": _WEEKDAY,
    "b": _MONTH_NAME,
    "B": _MONTH_NAME,
    "d": r"(?P<day>\d{1,2})",
    "f": r"(?P<fraction>\d{1,6})",
    "H": r"(?P<hour>\d{1,2})",
    "I": r"(?P<hour>\d{1,2})",
    "m": r"(?P<month>\d{1,2})",
    "M": r"(?P<minute>\d{1,2})",
    "p": r"(?P<half>am|pm)",
    "S": r"(?P<second>\d{1,2})",
    "y": r"(?P<year>\d{2})",
    "Y": r"(?P<year>\d{4})",
    "z": r"(?P<zone>z|[+-]\d{2}:?\d{2})",
    "Z": r"(?P<zone>[a-zа-я]{2,5}(?:[+-]\d{1,2})?)",
    "%": "%",
}
_token = re.compile(r"%(.?)|\s+|[^%\s]+", re.DOTALL)
#: No page writes a date among more.
_MAX_CHARS = 1_000


def is_date_format(format_: str) -> bool:
    """Whether ``format_`` has known directives alone, day, month and year among them."""
    return _compiled(format_) is not None


def read_as(value: str, format_: str) -> str | None:
    """The date in ``value`` in ISO 8601, without zone if it names none; None: no such."""
    pattern = _compiled(format_)
    match = pattern.search(" ".join(value[:_MAX_CHARS].split())) if pattern else None
    if match is None:
        return None
    found = {name: text for name, text in match.groupdict().items() if text}
    month = int(found.get("month") or MONTHS[found["name"].lower()])
    date = f"{_year(found['year']):04}-{month:02}-{int(found['day']):02}"
    if "hour" not in found:
        return date
    time = f"{_hour(found):02}:{found.get('minute', '0'):0>2}"
    return (
        f"{date}T{time}:{found.get('second', '0'):0>2} {found.get('zone', '')}".rstrip()
    )


@lru_cache(maxsize=1024)
def _compiled(format_: str) -> re.Pattern[str] | None:
    pattern = ""
    for match in _token.finditer(format_.strip()):
        if match[1] is not None:
            if match[1] not in _DIRECTIVES:
                return None
            pattern += _DIRECTIVES[match[1]]
        else:
            pattern += r"\s+" if match[0].isspace() else re.escape(match[0])
    try:
        compiled = re.compile(rf"(?<!\d){pattern}(?!\d)", re.IGNORECASE)
    except re.error:  # a directive stands twice
        return None
    groups = compiled.groupindex.keys()
    whole = {"day", "year"} <= groups and bool({"month", "name"} & groups)
    return compiled if whole else None


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < 69 else 1900)  # POSIX, strptime


def _hour(found: dict[str, str]) -> int:
    hour = int(found["hour"])
    if half := found.get("half"):
        return hour % 12 + (12 if half.lower() == "pm" else 0)
    return hour
