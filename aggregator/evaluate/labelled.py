"""Labelled files: one JSON object a line; keys that nobody asks for are ignored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aggregator.errors import ConfigError, Fault

#: A wrong file has a fault on every line; the first ones say enough.
FAULTS_TOLD = 20

Labelled = TypeVar("Labelled")


def read_labelled(
    path: Path, parse: Callable[[int, dict[str, Any]], Labelled]
) -> list[Labelled]:
    """What ``parse`` makes of each line's number, from 1, and object.

    ``parse`` says by ValueError what is wrong with a line. Raises ConfigError with
    the first faulty lines when any line cannot be read.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError((_fault(path, 0, f"cannot read it: {reason}"),)) from error
    labelled: list[Labelled] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            labelled.append(parse(number, _object(line)))
        except (ValueError, RecursionError) as error:
            faults.append(_fault(path, number, str(error), _column(error)))
    if faults:
        raise ConfigError(tuple(faults[:FAULTS_TOLD]))
    return labelled


def text_of(record: dict[str, Any], key: str) -> str:
    """Raises ValueError when there is no such key, or no text in it."""
    if key not in record:
        raise ValueError(f"no {key!r}")
    value = record[key]
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected a string, found {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _object(line: bytes) -> dict[str, Any]:
    """Raises ValueError (of which JSONDecodeError and UnicodeDecodeError are kinds)."""
    record = json.loads(line.decode())
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, found {kind_of(record)}")
    return record


def _fault(path: Path, line: int, message: str, column: int = 1) -> Fault:
    return Fault(
        file=str(path), line=line, column=column if line else 0, key="", message=message
    )


def _column(error: Exception) -> int:
    return error.colno if isinstance(error, json.JSONDecodeError) else 1
