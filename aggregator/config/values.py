"""The kinds of value that an operator writes: how each is read, and what is expected.

A reader takes what YAML gave and returns the typed value, or raises ``expected(…)``
with a phrase that completes "expected …, found …". ``Written`` makes it, with its
JSON Schema, the metadata of an annotated type in ``keys.py``.
"""

from __future__ import annotations

import codecs
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aggregator.language import known_language

MAX_DURATION = timedelta(days=36_500)  # what a date can be moved by
MAX_TEXT = 1_000  # as for titles of entries
MAX_ID = 500

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SIZES = {"B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}

DURATION = r"(0|[1-9][0-9]{0,8})([smhd])"
SIZE = r"([1-9][0-9]{0,8})(B|kB|KB|MB|GB)"
TOPIC_KEY = "[a-z0-9-]{1,40}"
LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"

#: Files of the zone database that name no place of the world.
NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Metadata of an annotated type: how it is read, and its JSON Schema."""

    read: Callable[[object], object]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(
        self, source: object, handler: object
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: object, handler: object
    ) -> dict[str, Any]:
        return dict(self.schema)


def expected(
    what: str, *, found: str | None = None, did_you_mean: str | None = None
) -> PydanticCustomError:
    """The fault "expected ``what``"; ``found`` replaces what was written."""
    context: dict[str, Any] = {
        "expected": what,
        "found": found,
        "did_you_mean": did_you_mean,
    }
    return PydanticCustomError("expected", "expected {expected}", context)


def text_of(value: object, what: str) -> str:
    """``value`` when it is text that is not blank, white space at its ends removed."""
    if not isinstance(value, str) or not (text := value.strip()):
        raise expected(what)
    return text


# --- text ---------------------------------------------------------------------


def one_line(value: object) -> str:
    if isinstance(value, int | float):  # a bool is an int, and would be no title either
        raise expected("text", did_you_mean=f'"{value}"')
    text = text_of(value, "text")
    if len(text) > MAX_TEXT:
        raise expected(f"at most {MAX_TEXT:,} characters", found=f"{len(text):,}")
    return " ".join(text.split())


def folder(value: object) -> str:
    """A path, every inner space kept."""
    text = text_of(value, "a folder")
    if len(text) > MAX_TEXT or not text.isprintable():
        raise expected(f"a folder of up to {MAX_TEXT:,} characters, on one line")
    return text


def language(value: object) -> str:
    what = "a language such as ru"
    text = text_of(value, what)
    if not re.fullmatch(LANGUAGE, text) or not known_language(text):
        raise expected(what)
    return text


def source_id(value: object) -> str:
    what = f"an id of up to {MAX_ID} characters without white space"
    text = text_of(value, what)
    if len(text) > MAX_ID or not text.isprintable() or " " in text:
        raise expected(what)
    return text


def topic_key(value: object) -> str:
    return _key(value, "a key of a topic: 1 to 40 of a-z, 0-9 and -")


def profile_key(value: object) -> str:
    return _key(value, "a key of a profile: 1 to 40 of a-z, 0-9 and -")


def _key(value: object, what: str) -> str:
    text = text_of(value, what)
    if not re.fullmatch(TOPIC_KEY, text):
        raise expected(what)
    return text


def encoding(value: object) -> str:
    """The name as written; Python must know it as an encoding of text."""
    what = "the name of a character encoding such as windows-1251"
    text = text_of(value, what)
    try:
        codecs.lookup(text)
        b"a".decode(text)
    except (LookupError, ValueError) as error:
        near = get_close_matches(
            text.lower(), ("utf-8", "windows-1251", "koi8-r", "cp866", "iso-8859-5"), 1
        )
        raise expected(what, did_you_mean=near[0] if near else None) from error
    return text


# Selectors and formats are judged by what will read them; imported by who has some.


def selector(value: object) -> str:
    from aggregator.parse.page import is_selector

    what = "a CSS selector such as div.news > h3"
    text = text_of(value, what)
    if len(text) > MAX_TEXT or not text.isprintable() or not is_selector(text):
        raise expected(what)
    return text


def date_format(value: object) -> str:
    from aggregator.parse.dateformat import is_date_format

    what = "a format with day, month and year such as %d.%m.%Y"
    text = text_of(value, what)
    if len(text) > MAX_TEXT or not is_date_format(text):
        raise expected(what)
    return text


# --- time and size ------------------------------------------------------------


def parse_duration(value: object, least: timedelta) -> timedelta:
    example = "a duration such as 15m"
    text = text_of(value, example)
    match = re.fullmatch(DURATION, text)
    if match is None:
        raise expected(example, did_you_mean=_near_duration(text))
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not least <= duration <= MAX_DURATION:
        seconds = int(least.total_seconds())
        raise expected(f"a duration from {seconds}s to {MAX_DURATION.days}d")
    return duration


def _near_duration(text: str) -> str | None:
    """``15 min`` means 15m, ``2 weeks`` 14d."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})\s*([a-z]+)", text.lower())
    if match is None:
        return None
    if match[2] in {"w", "week", "weeks"}:
        return f"{int(match[1]) * 7}d"
    words = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    known = [unit for unit, word in words.items() if word.startswith(match[2])]
    return match[1] + known[0] if known else None


def forever(value: object) -> timedelta | None:
    if isinstance(value, str) and value.strip() == "forever":
        return None
    return _or_word(value, "or forever")


def first_sight(value: object) -> timedelta | str:
    if isinstance(value, str) and value.strip() in {"all", "none"}:
        return value.strip()
    return _or_word(value, "all or none")


def _or_word(value: object, words: str) -> timedelta:
    try:
        return parse_duration(value, timedelta(0))
    except PydanticCustomError as error:
        what = f"a duration such as 30d, {words}"
        context = error.context or {}
        raise expected(what, did_you_mean=context["did_you_mean"]) from error


def parse_size(value: object) -> int:
    what = "a size such as 10MB"
    text = text_of(value, what)
    match = re.fullmatch(SIZE, text)
    if match is None:
        near = re.fullmatch(r"([1-9][0-9]{0,8})\s*(b|kb|mb|gb)", text.lower())
        unit = {"b": "B"}.get(near[2], near[2].upper()) if near else ""
        raise expected(what, did_you_mean=near[1] + unit if near else None)
    return int(match[1]) * SIZES[match[2]]


def share(value: object) -> Fraction:
    """``1/3`` or ``0.33``, exactly as written."""
    what = "a share above 0 and up to 1, such as 1/3 or 0.33"
    written = str(value) if isinstance(value, int | float) else text_of(value, what)
    if isinstance(value, bool) or not re.fullmatch(
        r"\d{1,6}(/\d{1,6}|\.\d{1,10})?", written, re.ASCII
    ):
        raise expected(what)
    try:
        fraction = Fraction(written)
    except ZeroDivisionError as error:
        raise expected(what) from error
    if not 0 < fraction <= 1:
        raise expected(what)
    return fraction


@cache
def _is_zone(name: str) -> bool:
    if name in NO_ZONES or name.startswith(("posix/", "right/")):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache  # 20 ms, and an operator may repeat a mistake a thousand times
def _near_zone(name: str) -> str | None:
    near = get_close_matches(name, zoneinfo.available_timezones(), 1)
    return near[0] if near else None


def timezone(value: object) -> str:
    what = "a time zone such as Europe/Moscow"
    name = text_of(value, what)
    if not _is_zone(name):
        raise expected(what, did_you_mean=_near_zone(name))
    return name


# --- as metadata --------------------------------------------------------------


def written(
    read: Callable[[object], object], pattern: str | None = None, **more: object
) -> Written:
    """Text; ``pattern`` is of all of it but the white space at its ends."""
    schema: dict[str, object] = {"type": "string", "minLength": 1, **more}
    if pattern:
        schema["pattern"] = rf"^\s*(?:{pattern})\s*$"
    return Written(read, schema)


def duration(least: timedelta = timedelta(seconds=1)) -> Written:
    return written(lambda value: parse_duration(value, least), DURATION)


def whole(least: int, most: int) -> Written:
    """Whole numbers from ``least`` to ``most``."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise expected(what)
        if not least <= value <= most:
            raise expected(what)
        return value

    what = f"a whole number from {least:,} to {most:,}"
    return Written(read, {"type": "integer", "minimum": least, "maximum": most})


def number(least: float, most: float, *, above: bool = False) -> Written:
    """Numbers from (or ``above``) ``least`` to ``most``."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise expected(what)
        if not least <= value <= most or (above and value == least):
            raise expected(what)
        return float(value)

    what = f"a number {'above' if above else 'from'} {least:g}, at most {most:,g}"
    lower = "exclusiveMinimum" if above else "minimum"
    return Written(read, {"type": "number", lower: least, "maximum": most})
