"""The bytes of feeds.yaml to text: UTF-8, bounded, without control characters."""

from __future__ import annotations

import re
from pathlib import Path

from aggregator.errors import ConfigError, Fault

MAX_FILE_BYTES = 1_000_000  # 10,000 sources by address are half of it

BOM = "\ufeff"

# What YAML 1.2 (5.1) does not let stand in a file; NEL and the BOM are allowed there.
UNREADABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def read_file(path: Path) -> bytes:
    """The bytes; raises ConfigError when there are none to read, or too many."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError((_whole_file(path, f"cannot be read: {reason}"),)) from error
    if len(raw) > MAX_FILE_BYTES:
        message = f"expected a file of at most {MAX_FILE_BYTES:,} bytes"
        raise ConfigError((_whole_file(path, message),))
    return raw


def _whole_file(path: Path, message: str) -> Fault:
    return Fault(file=str(path), line=0, column=0, key="", message=message)


def decode(raw: bytes, file: str) -> str:
    """The text of UTF-8 with or without a byte order mark; else raises ConfigError."""
    try:
        text = raw.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        found = _encoding_found(raw, error.start)
        before = raw[: error.start].decode("utf-8").removeprefix(BOM)
        message = f"expected UTF-8, found {found}; save the file as UTF-8"
        raise ConfigError((fault_after(before, file, message),)) from error
    if bad := UNREADABLE.search(text):
        code = f"U+{ord(bad[0]):04X}"
        message = f"expected text, found the control character {code}"
        raise ConfigError((fault_after(text[: bad.start()], file, message),))
    return text


def _encoding_found(raw: bytes, position: int) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    return f"the byte 0x{raw[position]:02X}"


def fault_after(before: str, file: str, message: str) -> Fault:
    """A fault at the character behind ``before``, which begins the file."""
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Fault(file=file, line=line, column=column, key="", message=message)
