"""Single values as the tables hold them, and back: times as integers, lists as JSON,
numbers packed.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from sys import byteorder
from typing import Any, overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
decode = json.JSONDecoder().decode


@overload
def to_micros(moment: datetime) -> int: ...
@overload
def to_micros(moment: None) -> None: ...
def to_micros(moment: datetime | None) -> int | None:
    return None if moment is None else span_to_micros(moment - _EPOCH)


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: None) -> None: ...
def from_micros(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def span_to_micros(span: timedelta) -> int:
    # In integers: timedelta.total_seconds() is a float and loses microseconds.
    return (span.days * 86_400 + span.seconds) * SECOND + span.microseconds


def to_json(value: Sequence[Any] | Mapping[str, Any]) -> str | None:
    """Compact JSON; None for what is empty."""
    return encode(value) if value else None


@lru_cache(maxsize=4096)
def strings_json(values: tuple[str, ...]) -> str:
    # A source's entries have the same few authors and categories.
    return encode(values)


def strings(column: str | None) -> tuple[str, ...]:
    return () if column is None else tuple(decode(column))


def pack_integers(numbers: Sequence[int]) -> bytes:
    """Signed 64-bit integers, 8 bytes each, little-endian."""
    packed = array("q", numbers)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_integers(packed: bytes) -> array[int]:
    numbers = array("q", packed)
    if byteorder == "big":
        numbers.byteswap()
    return numbers
