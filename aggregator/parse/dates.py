"""Dates as sources write them, read into UTC.

RFC 822 (with four-digit years, RFC 2822; with Russian names, as many portals have it),
ISO 8601, Unix times, ``05.01.2026 10:00``. What names no zone is local to the source.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Feeds older than the web and entries from the next century are typing errors.
FIRST_YEAR, LAST_YEAR = 1970, 2100
#: No date is longer; what is would only cost time.
_MAX_LENGTH = 100
#: Offsets in use run from -12 to +14; beyond, the source's zone is the better guess.
_MAX_OFFSET = timedelta(hours=14)

# Hours east of Greenwich. Russian ones as since 2014-10-26 (Federal Law 248-FZ and the
# regional moves of 2016); RFC 822, 5.1 has the American ones.
_ZONES = {
    name: float(hours)
    for hours, names in (
        (-10, "hst"),
        (-9, "akst"),
        (-8, "akdt pst"),
        (-7, "pdt mst"),
        (-6, "mdt cst"),
        (-5, "cdt est"),
        (-4, "edt ast"),
        (-3, "adt"),
        (0, "z utc gmt ut uct wet"),
        (1, "west bst cet"),
        (2, "cest eet kalt"),
        (3, "msk мск eest fet trt volt"),
        (4, "msd samt самт sart gst azt amt get"),
        (5, "yekt екб uzt tjt tmt"),
        (5.5, "ist"),
        (6, "omst"),
        (7, "krat novt"),
        (8, "irkt sgt hkt"),
        (9, "yakt jst kst"),
        (10, "vlat aest"),
        (11, "sakt magt sret"),
        (12, "pett anat nzst"),
    )
    for name in names.split()
}
# The first three letters name every month in both languages, but for «май/мая».
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "янв"),
            ("feb", "фев"),
            ("mar", "мар"),
            ("apr", "апр"),
            ("may", "май", "мая"),
            ("jun", "июн"),
            ("jul", "июл"),
            ("aug", "авг"),
            ("sep", "сен"),
            ("oct", "окт"),
            ("nov", "ноя"),
            ("dec", "дек"),
        ),
        start=1,
    )
    for name in names
}

_TIME = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[ap]\.?m\.?)(?![a-z]))?"
)
_ZONE = r"\s*(?P<zone>\(?[a-zа-я+\-][^\s()]*(?:\s*[+-]\s*\d[\d:]*)?)?"
_REST = rf"(?:[\s,T]+(?:в\s+|at\s+)?{_TIME}{_ZONE})?"
_FLAGS = re.IGNORECASE
_rfc822 = re.compile(
    r"(?:[a-zа-яё]+(?:\.?,\s*|\.?\s+))?(?P<day>\d{1,2})(?:\s+|-)(?P<month>[a-zа-я]{3,9})\.?,?(?:\s+|-)"
    rf"(?P<year>\d{{4}}|\d{{2}})(?:\s*г(?:ода|\.)?)?,?{_REST}",
    _FLAGS,
).match
_month_first = re.compile(
    r"(?:[a-z]+\.?,?\s+)?(?P<month>[a-z]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+"
    rf"(?P<year>\d{{4}}),?{_REST}",
    _FLAGS,
).match
_asctime = re.compile(
    r"(?:[a-z]+\s+)?(?P<month>[a-z]{3})\s+(?P<day>\d{1,2})\s+"
    rf"{_TIME}\s+(?:(?P<zone>[a-z+\-][^\s]*)\s+)?(?P<year>\d{{4}})",
    _FLAGS,
).match
_day_first = re.compile(
    rf"(?P<day>\d{{1,2}})[./](?P<month>\d{{1,2}})[./](?P<year>\d{{4}}|\d{{2}}){_REST}",
    _FLAGS,
).match
_year_first = re.compile(
    rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}})"
    rf"(?:[\s,T]+{_TIME}{_ZONE})?)?",
    _FLAGS,
).match
_digits = re.compile(r"\d{8,14}").fullmatch
_offset = re.compile(r"([+-])\s*(\d{1,2})(?::?(\d{2}))?").fullmatch
_named_offset = re.compile(
    r"(?:utc|gmt|ut|мск|msk)\s*([+-]\s*\d{1,2}(?::?\d{2})?)", _FLAGS
).fullmatch


_named_day = re.compile(
    r"\b(сегодня|вчера|позавчера|today|yesterday)\b(?:[\s,]*(?:(?:в|at)\s+)?(\d{1,2}[:.]\d{2})(?!\d))?",
    _FLAGS,
).search
_DAYS_AGO = {"сегодня": 0, "today": 0, "вчера": 1, "yesterday": 1, "позавчера": 2}


def named_day(value: str, today: date) -> str | None:
    """The date in «Вчера, 14:30» in ISO 8601, without a zone; None when there is none."""
    match = _named_day(value[:_MAX_LENGTH])
    if match is None:
        return None
    day = today - timedelta(days=_DAYS_AGO[match[1].lower()])
    time = match[2].replace(".", ":") if match[2] else ""
    return f"{day.isoformat()} {time}".rstrip()


def parse_date(value: str, zone: tzinfo) -> datetime | None:
    """The moment ``value`` names, in UTC; None when it is no date of 1970 to 2100.

    ``zone`` is the source's own, for values that name none or one that nobody knows.
    """
    if len(value) > _MAX_LENGTH or not value.isprintable():
        value = " ".join(value[:_MAX_LENGTH].split())
    value = value.strip()
    if not value:
        return None
    try:
        moment = _read(value, zone)
        return moment.astimezone(UTC) if moment and _is_sane(moment) else None
    except (ValueError, OverflowError):  # 31 February; 25:61; year 1 in Kamchatka
        return None


@lru_cache(maxsize=64)
def source_zone(name: str) -> tzinfo:
    """The IANA zone ``name``; UTC when there is none such."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _read(value: str, zone: tzinfo) -> datetime | None:
    if match := _rfc822(value):
        return _named_month(match, zone)
    if _digits(value):
        return _from_digits(value, zone)
    if value[:4].isdigit():
        return _iso8601(value, zone)
    if match := _day_first(value):
        return _from_parts(match, int(match["month"]), zone)
    if match := (_month_first(value) or _asctime(value)):
        return _named_month(match, zone)
    return None


def _is_sane(moment: datetime) -> bool:
    return FIRST_YEAR <= moment.year < LAST_YEAR


def _named_month(match: re.Match[str], zone: tzinfo) -> datetime | None:
    month = MONTHS.get(match["month"][:3].lower())
    return _from_parts(match, month, zone) if month else None


def _from_parts(match: re.Match[str], month: int, zone: tzinfo) -> datetime:
    day, year_said, hour_said, minute, second, half, named = match.group(
        "day", "year", "hour", "minute", "second", "half", "zone"
    )
    year = int(year_said)
    if year < 100:  # RFC 2822, 4.3
        year += 2000 if year < 50 else 1900
    if hour_said is None:
        return datetime(year, month, int(day or 1), tzinfo=zone)
    offset = _zone_offset(named) if named else None
    hour = int(hour_said)
    if half:
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    ends_day = hour == 24  # ISO 8601
    moment = datetime(
        year,
        month,
        int(day or 1),
        0 if ends_day else hour,
        int(minute),
        min(int(second or 0), 59),  # a leap second
        tzinfo=zone if offset is None else offset,
    )
    return moment + timedelta(days=1) if ends_day else moment


@lru_cache(maxsize=256)
def _zone_offset(named: str) -> timezone | None:
    """``+0300``, ``MSK``, ``GMT+3``; None for what nobody knows."""
    name = named.strip("() .,").lower()
    if name in _ZONES:
        return timezone(timedelta(hours=_ZONES[name]))
    extra = timedelta(hours=3) if name.startswith(("мск", "msk")) else timedelta()
    if inner := _named_offset(name):
        name = inner[1].replace(" ", "")
    match = _offset(name)
    if match is None:
        return None
    sign = -1 if match[1] == "-" else 1
    offset = extra + sign * timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(offset) if abs(offset) <= _MAX_OFFSET else None


def _from_digits(value: str, zone: tzinfo) -> datetime | None:
    """Unix seconds or milliseconds, or ``20260105`` and ``20260105100000``."""
    if len(value) in (8, 12, 14) and value[:2] in ("19", "20"):
        whole = value.ljust(14, "0")
        return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=zone)
    if len(value) in (9, 10):
        return datetime.fromtimestamp(int(value), UTC)
    if len(value) in (12, 13):
        return datetime.fromtimestamp(int(value) // 1000, UTC)
    return None


def _iso8601(value: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        match = _year_first(value)
        return _from_parts(match, int(match["month"]), zone) if match else None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    return (
        moment
        if abs(moment.utcoffset() or timedelta()) <= _MAX_OFFSET
        else moment.replace(tzinfo=zone)
    )
