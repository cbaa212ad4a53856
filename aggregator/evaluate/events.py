"""How good events are read, on labelled entries.

A line is ``{"title", "text", "published", "events": [{"start", "end"}]}``: times local
in the site's zone, a bare day where the text gives no time, null for what it does not
tell. A time counts where the label has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aggregator.errors import ConfigError, Fault
from aggregator.evaluate.evaluation import Evaluation, Rejects
from aggregator.evaluate.figures import Counts
from aggregator.evaluate.labelled import kind_of, read_labelled, text_of
from aggregator.events import find_events
from aggregator.model import EVENTS, Event, Topic, When
from aggregator.russian import analyse
from aggregator.tag import compile_topics, tag


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledEvent:
    #: None for what was under way: matched by its end.
    start: When | None
    end: When | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    line: int
    title: str
    text: str
    published: datetime
    events: tuple[LabelledEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMiss:
    """An entry whose events were read otherwise than labelled."""

    line: int
    title: str
    #: False: the entry is not tagged, so nothing was read.
    tagged: bool
    expected: tuple[LabelledEvent, ...]
    found: tuple[Event, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "title": self.title,
            "tagged": self.tagged,
            "expected": [_when(event) for event in self.expected],
            "found": [
                _when(event)
                | {
                    "confidence": event.confidence,
                    "words": [words.form for words in event.words],
                }
                for event in self.found
            ],
        }


def evaluate_events(
    path: Path,
    topics: Sequence[Topic],
    *,
    timezone: str,
    misses: bool,
    gate: bool = True,
) -> Evaluation:
    """Measures what is read of a labelled file's events; ``misses`` lists what differs.

    Behind the topic ``events``, as in production; without ``gate``, in every entry.
    Events that are cancelled are left out before counting. Raises ConfigError with the
    first faulty lines when any line cannot be read, or when no topic ``events`` is
    there to be the gate.
    """
    zone = ZoneInfo(timezone)
    labelled = read_labelled(path, lambda number, record: _line(number, record, zone))
    tagged = _gate(path, topics) if gate else lambda _: True
    read = [(entry, tagged(entry), _found(entry)) for entry in labelled]
    judged = [(entry, passed, found if passed else ()) for entry, passed, found in read]
    empty = [found for entry, _, found in judged if not entry.events]
    return Evaluation(
        kind="events",
        entries=len(labelled),
        classes={
            name: _count(judged, same, _has(name))
            for name, same in (("exact", _exact), ("date", _date), ("end", _end))
        },
        rejects=Rejects(right=sum(not found for found in empty), of=len(empty)),
        misses=tuple(
            EventMiss(
                line=entry.line,
                title=entry.title,
                tagged=passed,
                expected=entry.events,
                found=found,
            )
            for entry, passed, found in judged
            if _matched(entry.events, found, _exact)
            < max(len(entry.events), len(found))
        )
        if misses
        else (),
    )


def _gate(path: Path, topics: Sequence[Topic]) -> Callable[[_Labelled], bool]:
    gates = [topic for topic in topics if topic.key == EVENTS]
    if not gates:
        message = f"no topic {EVENTS!r} is configured; --no-gate reads every entry"
        raise ConfigError(
            (Fault(file=str(path), line=0, column=0, key="", message=message),)
        )
    rules = compile_topics(gates)

    def tagged(entry: _Labelled) -> bool:
        analysis = analyse(entry.title, entry.text)
        scores = tag(analysis, categories=(), given=(), rules=rules)
        return any(score.tagged for score in scores)

    return tagged


def _found(entry: _Labelled) -> tuple[Event, ...]:
    analysis = analyse(entry.title, entry.text)
    found = find_events(analysis, entry.published.date())
    return tuple(event for event in found if not event.cancelled)


# --- counting --------------------------------------------------------------------

Same = Callable[[LabelledEvent, Event], bool]
Judged = tuple[_Labelled, bool, tuple[Event, ...]]


def _same_when(label: When | None, found: When | None) -> bool:
    """A time counts where the label has one."""
    if label is None or found is None:
        return label is found
    return label.day == found.day and (label.time is None or label.time == found.time)


def _exact(label: LabelledEvent, found: Event) -> bool:
    same_end = _same_when(label.end, found.end)
    if label.start is None:
        return same_end
    return same_end and _same_when(label.start, found.start)


def _date(label: LabelledEvent, found: Event) -> bool:
    if label.start is None:
        return _end(label, found)
    return found.start is not None and label.start.day == found.start.day


def _end(label: LabelledEvent, found: Event) -> bool:
    return (
        label.end is not None
        and found.end is not None
        and label.end.day == found.end.day
    )


def _has(name: str) -> Callable[[LabelledEvent | Event], bool]:
    """Which events a class counts: for ``end``, those that have one."""
    return (lambda event: event.end is not None) if name == "end" else lambda _: True


def _count(
    judged: Sequence[Judged],
    same: Same,
    counts: Callable[[LabelledEvent | Event], bool],
) -> Counts:
    right = wanted = given = 0
    for entry, _, found in judged:
        labels = [event for event in entry.events if counts(event)]
        events = [event for event in found if counts(event)]
        right += _matched(labels, events, same)
        wanted += len(labels)
        given += len(events)
    return Counts(
        true_positives=right,
        false_positives=given - right,
        false_negatives=wanted - right,
    )


def _matched(
    labels: Sequence[LabelledEvent], found: Sequence[Event], same: Same
) -> int:
    """How many labels have a found event of their own; each event serves once."""
    left = list(found)
    for label in labels:
        match = next((event for event in left if same(label, event)), None)
        if match is not None:
            left.remove(match)
    return len(found) - len(left)


# --- labelled files --------------------------------------------------------------


def _line(number: int, record: dict[str, Any], zone: ZoneInfo) -> _Labelled:
    written = text_of(record, "published")
    with _named("published"):
        published = datetime.fromisoformat(written)
    events = record.get("events")
    if not isinstance(events, list):
        raise ValueError("events: expected a list, empty when there is nothing to find")
    return _Labelled(
        line=number,
        title=text_of(record, "title"),
        text=text_of(record, "text"),
        published=published.astimezone(zone) if published.tzinfo else published,
        events=tuple(_event(event) for event in events),
    )


def _event(record: object) -> LabelledEvent:
    if not isinstance(record, dict):
        raise ValueError(f"events: expected objects, found {kind_of(record)}")
    start, end = (_moment(record, key) for key in ("start", "end"))
    if start is None and end is None:
        raise ValueError("events: expected a start or an end")
    return LabelledEvent(start=start, end=end)


def _moment(record: dict[str, Any], key: str) -> When | None:
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected a string, found {kind_of(value)}")
    with _named(key):
        return When.fromisoformat(value)


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Says in which key the value stands that cannot be read."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _when(event: LabelledEvent | Event) -> dict[str, Any]:
    return {
        "start": event.start.isoformat() if event.start else None,
        "end": event.end.isoformat() if event.end else None,
    }
