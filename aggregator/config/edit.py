"""Adding sources to feeds.yaml as its operator would: no other byte of it changes.

The text is inserted at the place that libyaml's marks tell. A loader that writes what it
read (ruamel.yaml's round trip) keeps comments, but not every indent, quote and line break.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from aggregator.config.decode import BOM, MAX_FILE_BYTES, decode
from aggregator.config.yaml_nodes import Document, plain_value, read_yaml
from aggregator.errors import ConfigError, NotDone
from aggregator.model import SourceKind

# Read the same in a block and between brackets.
PLAIN_ADDRESS = re.compile(r"https?://[\w./?&=%~+@;$:-]*[\w/=%~+$-]")
PLAIN_TEXT = re.compile(r"\w[\w .()«»–—/+-]*")

INDENT = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """What is written of a source that is added."""

    url: str
    name: str | None = None
    kind: SourceKind = "feed"
    topics: tuple[str, ...] = ()

    @property
    def data(self) -> object:
        """As it is read from the file again."""
        keys = {"url": self.url, "name": self.name, "topics": list(self.topics)}
        if self.kind != "feed":
            keys["kind"] = self.kind
        written = {key: value for key, value in keys.items() if value}
        return self.url if len(written) == 1 else written

    @property
    def text(self) -> str:
        """One line of YAML."""
        address = _scalar(self.url, PLAIN_ADDRESS)
        parts = [f"url: {address}"]
        if self.name:
            parts.append(f"name: {_scalar(self.name, PLAIN_TEXT)}")
        if self.kind != "feed":
            parts.append(f"kind: {self.kind}")
        if self.topics:
            topics = (_scalar(topic, PLAIN_TEXT) for topic in self.topics)
            parts.append(f"topics: [{', '.join(topics)}]")
        return address if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _scalar(text: str, plain: re.Pattern[str]) -> str:
    """Unquoted where it is text for certain; JSON's quotes are YAML's."""
    is_plain = plain.fullmatch(text) and isinstance(plain_value(text), str)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def with_sources(raw: bytes, new: Sequence[NewSource], file: str) -> bytes:
    """``raw`` with the sources behind its last one; all its own bytes are kept.

    Raises ConfigError where reading fails, or where it takes a person to say where they
    belong.
    """
    before = read_yaml(raw, file)
    if not new:
        return raw
    text = decode(raw, file)
    changed = _Place.find(text).insert([source.text for source in new])
    mark = BOM if raw.decode().startswith(BOM) else ""
    after = (mark + changed).encode()
    if not _is_before_and(new, before, after):
        fault = before.fault(("sources",), _by_hand(new))
        raise ConfigError((fault,))
    return after


def _is_before_and(new: Sequence[NewSource], before: Document, after: bytes) -> bool:
    """Whether the text says what it said, and the new sources; the last guard."""
    try:
        found = read_yaml(after, before.file).data
    except ConfigError:
        return False
    old = before.data
    if not isinstance(old, dict) or not isinstance(found, dict):
        return False
    wanted = [*(old.get("sources") or []), *(source.data for source in new)]
    return {**old, "sources": wanted} == found


def _by_hand(new: Sequence[NewSource]) -> str:
    lines = "; ".join(f"- {source.text}" for source in new[:3])
    return f"nothing can be added here by a program; add by hand: {lines}"


@dataclass(slots=True)
class _Place:
    """Where the sources of a file end, in characters of its text."""

    text: str
    #: Behind the last thing that is written of the sources, or of the file.
    end: int = 0
    #: That is a block of text, which ends where a line begins.
    at_line: bool = False
    #: Column of the dashes; None: the list stands between brackets.
    column: int | None = len(INDENT)
    #: Behind the first bracket, and before the last.
    opening: int = 0
    closing: int = 0
    empty: bool = True
    #: What stands before the first new source.
    head: str = ""

    @classmethod
    def find(cls, text: str) -> _Place:
        place = cls(text)
        events = iter(yaml.CSafeLoader(text).get_event, None)
        if not place._read_to_sources(events):
            place.head = "sources:"
        return place

    def _read_to_sources(self, events: Iterable[yaml.Event]) -> bool:
        """To the end of the value of ``sources``; False when the file has none."""
        around: list[yaml.Event] = []  # the collections that are open
        key, is_value = None, True  # in the outermost of them
        sources: yaml.Event | None = None
        for event in events:
            if isinstance(event, yaml.CollectionEndEvent):
                start = around.pop()
                if start is sources:
                    self.closing = _start_of(event)
                    return True
                # The end of a block is where the next thing begins, behind all comments.
                is_written = bool(getattr(start, "flow_style", False))
            elif isinstance(event, yaml.NodeEvent):
                self.empty = self.empty and sources is None
                if len(around) == 1:
                    is_value = not is_value
                    if is_value and key == "sources":
                        sources = event
                    key = key if is_value else getattr(event, "value", None)
                is_list = isinstance(event, yaml.CollectionStartEvent)
                is_written = event is sources or not is_list
                if is_list:
                    around.append(event)
            else:
                continue
            if is_written:
                self.end = _end_of(event)
                self.at_line = getattr(event, "style", None) in ("|", ">")
            if event is sources:
                if not isinstance(event, yaml.SequenceStartEvent):
                    return True
                self.opening = self.end
                mark = event.start_mark
                self.column = None if event.flow_style or not mark else mark.column
        return False

    def insert(self, lines: Sequence[str]) -> str:
        if self.column is None and self.empty and self._is_one_line():
            # ``sources: []``: a list with a line for each is what an operator wants.
            self.text = self.text[: self.opening - 1] + self.text[self.closing + 1 :]
            self.end, self.column = self.opening - 1, len(INDENT)
        if self.column is None:
            return self._between_brackets(lines)
        return self._as_block(lines)

    def _is_one_line(self) -> bool:
        # Only a block may hold a block.
        root = self.text[: self.opening - 1].rsplit("\n", 1)[-1]
        between = self.text[self.opening : self.closing]
        return root.startswith("sources") and not between.strip(" ")

    def _as_block(self, lines: Sequence[str]) -> str:
        newline = self._newline()
        dash = f"{' ' * (self.column or 0)}- "
        position = self.end if self.at_line else self._line_end(self.end)
        head = [self.head] if self.head else []
        block = newline.join([*head, *(dash + line for line in lines)])
        before, after = self.text[:position], self.text[position:]
        if before and not before.endswith(("\n", "\r")):
            return f"{before}{newline}{block}{after}"
        return f"{before}{block}{newline}{after}"

    def _between_brackets(self, lines: Sequence[str]) -> str:
        """Behind the last item; on a line of their own each where it stands so."""
        text, newline = self.text, self._newline()
        if self.empty:
            joined = ", ".join(lines)
            return text[: self.opening] + joined + text[self.opening :]
        indent = self._own_line_indent()
        if indent is None:
            joined = "".join(f", {line}" for line in lines)
            return text[: self.end] + joined + text[self.end :]
        comma = self._comma()
        position = self._line_end(self.end if comma is None else comma)
        position = min(position, self.closing)
        block = f",{newline}".join(indent + line for line in lines)
        if comma is not None:
            return f"{text[:position]}{newline}{block},{text[position:]}"
        kept = text[self.end : position]
        return f"{text[: self.end]},{kept}{newline}{block}{text[position:]}"

    def _own_line_indent(self) -> str | None:
        """The white space before the last line of the items, where a line is an item's."""
        line = re.split(r"[\n\r]", self.text[: self.end])[-1]
        if self.end - len(line) < self.opening:
            return None
        return line[: len(line) - len(line.lstrip())]

    def _comma(self) -> int | None:
        """Behind the comma after the last item; None: there is none."""
        match = re.compile(r"(?:\s|#[^\n\r]*+)*+,").match(self.text, self.end)
        return match.end() if match and match.end() <= self.closing else None

    def _line_end(self, position: int) -> int:
        match = re.compile(r"[\n\r]").search(self.text, position)
        return match.start() if match else len(self.text)

    def _newline(self) -> str:
        """As the file's first line ends."""
        match = re.search(r"\r\n|\n|\r", self.text)
        return match[0] if match else "\n"


def _start_of(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end_of(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Puts ``after`` in the place of the file that holds ``before``, whole or not at all.

    A symbolic link stays one; owner, permissions and attributes are kept. NotDone when
    somebody else changed the file meanwhile, or it cannot be written.
    """
    if len(after) > MAX_FILE_BYTES:
        message = f"{path} would be over {MAX_FILE_BYTES:,} bytes; nothing was written"
        raise NotDone(message)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(8)}.tmp")
    try:
        _write_as(temporary, target, after)
        if target.read_bytes() != before:
            raise NotDone(f"{path} was changed meanwhile; nothing was written")
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotDone(f"cannot write {path}: {reason}; it is as it was") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    with suppress(OSError):
        _sync_folder(target.parent)


def _write_as(path: Path, like: Path, data: bytes) -> None:
    """A new file on the disk for good, with the owner and the permissions of another."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        found = like.stat()
        with suppress(PermissionError):  # another's file in a folder of ours
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
        shutil.copystat(like, path)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
