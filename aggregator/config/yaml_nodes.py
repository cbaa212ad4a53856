"""YAML text to plain data, with the place of every key and value.

The only importer of PyYAML, and only of libyaml's *events*: composing is
recursive C (300,000 brackets end the process), resolving is YAML 1.1
(``12:30`` is 750, ``no`` is False, ``010`` is 8). Both are done here, without
recursion and by the few plain forms of YAML 1.2 that surprise nobody. Events of
1,000 sources take 10 ms; composing them takes 20, ruamel's round trip 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn, cast

import yaml

from aggregator.config.decode import decode, fault_after
from aggregator.errors import ConfigError, Fault

MAX_NODES = 100_000  # aliases expanded: 332 bytes can stand for 10^9 nodes
MAX_DEPTH = 30  # our deepest key is at 6

Path = tuple[str | int, ...]

#: A line and a column, both from 1.
Place = tuple[int, int]

CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Ten digits and more are no number that an operator means; int() of 5,000 raises.
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,9})(\.[0-9]{1,10})?")

# What must not come in by "\0" and "\e" either: XML cannot carry it.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


@dataclass(slots=True)
class Document:
    """Mappings, lists, text, numbers, true/false and None; keys are always text."""

    file: str
    data: object = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    #: Faults that did not stop the reading.
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self,
        path: Path,
        message: str,
        *,
        at_key: bool = False,
        did_you_mean: str | None = None,
    ) -> Fault:
        """A fault at the place of ``path``, or of what holds it."""
        line, column = self._key_place(path) if at_key else self.place(path)
        return Fault(
            file=self.file,
            line=line,
            column=column,
            key=".".join(map(str, path)),
            message=message,
            did_you_mean=did_you_mean,
        )

    def place(self, path: Path) -> Place:
        return self.values[self.nearest(path)]

    def nearest(self, path: Path) -> Path:
        """The longest beginning of ``path`` that stands in the file as such."""
        while path and path not in self.values:
            path = path[:-1]
        return path

    def _key_place(self, path: Path) -> Place:
        return self.keys.get(path) or self.place(path)


class _Level:
    """What is open: the document itself, a list or a mapping. This one: the document."""

    awaits_key = False

    def __init__(
        self, path: Path, anchor: str | None, nodes: int, content: object = None
    ) -> None:
        self.content = content
        self.path = path
        self.anchor = anchor
        #: Nodes of the document before this one.
        self.nodes = nodes

    def next_path(self) -> Path:
        return self.path

    def add(self, value: object) -> None:
        self.content = value


class _List(_Level):
    def __init__(self, path: Path, anchor: str | None, nodes: int) -> None:
        self.items: list[object] = []
        super().__init__(path, anchor, nodes, self.items)

    def next_path(self) -> Path:
        return (*self.path, len(self.items))

    def add(self, value: object) -> None:
        self.items.append(value)


class _Mapping(_Level):
    def __init__(self, path: Path, anchor: str | None, nodes: int) -> None:
        self.items: dict[str, object] = {}
        super().__init__(path, anchor, nodes, self.items)
        self.awaits_key = True
        self.key = ""

    def next_path(self) -> Path:
        return (*self.path, self.key)

    def add(self, value: object) -> None:
        # Of duplicate keys the first counts; the fault stands already.
        self.items.setdefault(self.key, value)
        self.awaits_key = True


def read_yaml(raw: bytes, file: str) -> Document:
    """The one document in ``raw``; raises ConfigError where reading cannot go on."""
    text = decode(raw, file)
    reader = _Reader(file)
    try:
        for event in iter(yaml.CSafeLoader(text).get_event, None):
            reader.take(event)
    except yaml.YAMLError as error:
        fault = _syntax_fault(error, text, file)
        raise ConfigError((*reader.document.faults, fault)) from error
    return reader.document


class _Reader:
    """Builds the data event by event; the stack is ours, so depth costs nothing."""

    def __init__(self, file: str) -> None:
        self.document = Document(file, values={(): (1, 1)})
        self._level = _Level((), None, 0)
        #: The levels around ``_level``, the document first.
        self._outer: list[_Level] = []
        self._nodes = 0
        self._documents = 0
        #: Finished anchors: the value and how many nodes it stands for.
        self._anchors: dict[str, tuple[object, int]] = {}

    def take(self, event: yaml.Event) -> None:
        """The next event; raises ConfigError where the structure cannot be read."""
        # match of classes is a chain of isinstance: the commonest event stands first.
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._start(event, _Mapping)
            case yaml.CollectionEndEvent():
                self._end()
            case yaml.SequenceStartEvent():
                self._start(event, _List)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    message = "expected one YAML document, found a second one"
                    self._stop(event, message, ())
            case yaml.DocumentEndEvent():
                self.document.data = self._level.content

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text: str = event.value
        if event.style == '"' and CONTROL.search(text):
            self._note(event, "expected text without control characters")
        if self._level.awaits_key:
            self._key(event, text)
            return
        path = self._place(event)
        if event.tag:
            self._refuse_tag(event, event.tag, path)
        value = text if event.style else plain_value(text)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._level.add(value)

    def _key(self, event: yaml.ScalarEvent, key: str) -> None:
        mapping = cast(_Mapping, self._level)
        mapping.key = key
        mapping.awaits_key = False
        path = (*mapping.path, key)
        if first := self.document.keys.get(path):
            message = f"duplicate key; the first one is on line {first[0]}"
            self._note(event, message, path)
        else:
            self.document.keys[path] = _mark(event)

    def _start(self, event: yaml.CollectionStartEvent, level: type[_Level]) -> None:
        if self._level.awaits_key:
            self._stop(event, "expected a key of plain text, found a list or a mapping")
        if len(self._outer) == MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} deep", ())
        path = self._place(event)
        if event.tag:
            self._refuse_tag(event, event.tag, path)
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._outer.append(self._level)
        self._level = level(path, event.anchor, self._nodes)

    def _end(self) -> None:
        done = self._level
        if done.anchor:
            self._anchors[done.anchor] = (done.content, self._nodes - done.nodes + 1)
        self._level = self._outer.pop()
        self._level.add(done.content)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        if self._level.awaits_key:
            self._stop(event, f"expected a key of plain text, found the alias *{name}")
        if any(level.anchor == name for level in (*self._outer, self._level)):
            self._stop(event, f"the alias *{name} stands inside of what it names")
        if name not in self._anchors:
            hint = "text that begins with * needs quotes"
            self._stop(event, f"the alias *{name} names nothing; {hint}")
        value, nodes = self._anchors[name]
        self._place(event, nodes)
        self._level.add(value)

    def _place(self, event: yaml.Event, nodes: int = 1) -> Path:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES:,} values, aliases counted")
        path = self._level.next_path()
        self.document.values.setdefault(path, _mark(event))
        return path

    def _refuse_tag(self, event: yaml.Event, tag: str, path: Path) -> None:
        if tag != "!":  # that one only says "text"
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            self._note(event, f"expected a value without a tag, found {tag[:80]}", path)

    def _note(self, event: yaml.Event, message: str, path: Path | None = None) -> None:
        line, column = _mark(event)
        key = self._level.next_path() if path is None else path
        self.document.faults.append(
            Fault(
                file=self.document.file,
                line=line,
                column=column,
                key=".".join(map(str, key)),
                message=message,
            )
        )

    def _stop(
        self, event: yaml.Event, message: str, path: Path | None = None
    ) -> NoReturn:
        self._note(event, message, path)
        raise ConfigError(tuple(self.document.faults))


def plain_value(text: str) -> str | int | float | bool | None:
    """An unquoted scalar: ``true``, ``null``, ``12``, ``0.5``; all else is text.

    >>> plain_value("12:30"), plain_value("no"), plain_value("010")
    ('12:30', 'no', '010')
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    number = NUMBER.fullmatch(text)
    if number is None:
        return text
    return float(text) if number[1] else int(text)


def _mark(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _syntax_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    """libyaml's complaint where it is, with a hint for the common mistakes."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        before = text[: getattr(error, "position", 0)]
        return fault_after(before, file, f"cannot be read as YAML: {error}")
    problem, mark, context_mark = (
        error.problem or "",
        error.problem_mark,
        error.context_mark,
    )
    if context_mark and "unexpected end of stream" in problem:
        mark = context_mark  # the quote that is never closed, not the file's end
    hint = "".join(_hints(problem, text, mark))
    return Fault(
        file=file,
        line=mark.line + 1,
        column=mark.column + 1,
        key="",
        message=f"cannot be read as YAML: {problem}{hint}",
    )


def _hints(problem: str, text: str, mark: yaml.Mark) -> Iterator[str]:
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        yield "; indent with spaces, not with tabs"
    elif "mapping values are not allowed" in problem:
        yield "; text that holds ': ' needs quotes"
    elif set("*&!%@`") & set(line[max(0, mark.column - 1) : mark.column + 1]):
        yield "; text that begins with * & ! % @ or ` needs quotes"
