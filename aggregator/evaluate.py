"""How good the rules are: precision, recall and F1 on labelled files.

A labelled file has one JSON object a line: ``{"title", "text", "topics": [...]}``;
other keys are ignored, and so are labels of topics that are not configured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from aggregator.errors import ConfigError, Fault
from aggregator.model import Topic, TopicScore
from aggregator.russian import analyse
from aggregator.tag import Rules, compile_topics, tag

#: Two-sided 95 % of the normal distribution.
Z = 1.96
#: A wrong file has a fault on every line; the first ones say enough.
FAULTS_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often a class was found, wrongly found and overlooked."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """0 when nothing was found."""
        found = self.true_positives + self.false_positives
        return self.true_positives / found if found else 0.0

    @property
    def recall(self) -> float:
        """0 when there was nothing to find."""
        wanted = self.true_positives + self.false_negatives
        return self.true_positives / wanted if wanted else 0.0

    @property
    def f1(self) -> float:
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of F1; (0, 1) when nothing was counted.

        F1 = 2 J / (1 + J), where J is the share of true positives among all that
        was found or wanted: a proportion, whose interval is Wilson's (1927).
        """
        total = self.true_positives + self.false_positives + self.false_negatives
        if not total:
            return 0.0, 1.0
        low, high = _wilson(self.true_positives / total, total)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    def as_json(self) -> dict[str, Any]:
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
            "interval": [round(bound, 4) for bound in self.interval],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """An entry whose label and tag differ in one topic."""

    line: int
    title: str
    topic: str
    #: The label: True for a topic that was overlooked.
    expected: bool
    #: None when nothing in the entry spoke for the topic.
    score: TopicScore | None

    def as_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "title": self.title,
            "class": self.topic,
            "expected": self.expected,
            "score": self.score.score if self.score else 0.0,
            "threshold": self.score.threshold if self.score else None,
            "terms": [
                {
                    "rule": term.rule,
                    "form": term.form,
                    "field": term.field,
                    "position": term.position,
                    "weight": term.weight,
                }
                for term in (self.score.terms if self.score else ())
            ],
            "vetoes": list(self.score.vetoes) if self.score else [],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    kind: str
    #: Labelled entries in the file.
    entries: int
    #: By class: of topics their keys, in the order of feeds.yaml.
    classes: dict[str, Counts]
    misses: tuple[Miss, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "entries": self.entries,
            "classes": {
                name: counts.as_json() for name, counts in self.classes.items()
            },
            "misses": [miss.as_json() for miss in self.misses],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    line: int
    title: str
    text: str
    topics: frozenset[str]


def evaluate_topics(path: Path, topics: Sequence[Topic], *, misses: bool) -> Evaluation:
    """Measures the topics' rules on a labelled file; ``misses`` lists what differs.

    Raises ConfigError with the first faulty lines when any line cannot be read.
    """
    labelled = _read_labelled(path)
    rules = compile_topics(topics)
    outcomes = [outcome for entry in labelled for outcome in _outcomes(entry, rules)]
    return Evaluation(
        kind="topics",
        entries=len(labelled),
        classes={topic.key: _count(outcomes, topic.key) for topic in topics},
        misses=tuple(o.miss for o in outcomes if o.miss) if misses else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    topic: str
    expected: bool
    tagged: bool
    miss: Miss | None


def _outcomes(entry: _Labelled, rules: Rules) -> Iterator[_Outcome]:
    """One outcome a topic, what is neither labelled nor tagged included."""
    analysis = analyse(entry.title, entry.text)
    scores = {
        score.topic: score
        for score in tag(analysis, categories=(), given=(), rules=rules)
    }
    for topic in rules.topics:
        score = scores.get(topic.key)
        expected = topic.key in entry.topics
        tagged = score is not None and score.tagged
        yield _Outcome(
            topic=topic.key,
            expected=expected,
            tagged=tagged,
            miss=None
            if expected == tagged
            else Miss(
                line=entry.line,
                title=entry.title,
                topic=topic.key,
                expected=expected,
                score=score,
            ),
        )


def _count(outcomes: Sequence[_Outcome], topic: str) -> Counts:
    ours = [outcome for outcome in outcomes if outcome.topic == topic]
    return Counts(
        true_positives=sum(o.expected and o.tagged for o in ours),
        false_positives=sum(o.tagged and not o.expected for o in ours),
        false_negatives=sum(o.expected and not o.tagged for o in ours),
    )


def _wilson(share: float, total: int) -> tuple[float, float]:
    middle = share + Z * Z / (2 * total)
    reach = Z * sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    scale = 1 + Z * Z / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


# --- labelled files ------------------------------------------------------------


def _read_labelled(path: Path) -> list[_Labelled]:
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError((_fault(path, 0, f"cannot read it: {reason}"),)) from error
    labelled: list[_Labelled] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            labelled.append(_parse_line(number, line))
        except (ValueError, RecursionError) as error:
            faults.append(_fault(path, number, str(error), _column(error)))
    if faults:
        raise ConfigError(tuple(faults[:FAULTS_TOLD]))
    return labelled


def _parse_line(number: int, line: bytes) -> _Labelled:
    """Raises ValueError (of which JSONDecodeError and UnicodeDecodeError are kinds)."""
    record = json.loads(line.decode())
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, found {_kind(record)}")
    return _Labelled(
        line=number,
        title=_text(record, "title"),
        text=_text(record, "text"),
        topics=_topics(record),
    )


def _text(record: dict[str, Any], key: str) -> str:
    if key not in record:
        raise ValueError(f"no {key!r}")
    value = record[key]
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected a string, found {_kind(value)}")
    return value


def _topics(record: dict[str, Any]) -> frozenset[str]:
    value = record.get("topics")
    if not isinstance(value, list) or not all(isinstance(t, str) for t in value):
        raise ValueError('topics: expected a list of keys, such as ["culture"]')
    return frozenset(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _fault(path: Path, line: int, message: str, column: int = 1) -> Fault:
    return Fault(
        file=str(path), line=line, column=column if line else 0, key="", message=message
    )


def _column(error: Exception) -> int:
    return error.colno if isinstance(error, json.JSONDecodeError) else 1
