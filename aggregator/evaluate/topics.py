"""How good the topics' rules are on labelled entries.

A line is ``{"title", "text", "topics": [...]}``; labels of topics that are not
configured are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aggregator.evaluate.evaluation import Evaluation
from aggregator.evaluate.figures import Counts
from aggregator.evaluate.labelled import read_labelled, text_of
from aggregator.model import Topic, TopicScore
from aggregator.russian import analyse
from aggregator.tag import Rules, compile_topics, tag


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
class _Labelled:
    line: int
    title: str
    text: str
    topics: frozenset[str]


def evaluate_topics(path: Path, topics: Sequence[Topic], *, misses: bool) -> Evaluation:
    """Measures the topics' rules on a labelled file; ``misses`` lists what differs.

    Raises ConfigError with the first faulty lines when any line cannot be read.
    """
    labelled = read_labelled(path, _parse_line)
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


def _parse_line(number: int, record: dict[str, Any]) -> _Labelled:
    return _Labelled(
        line=number,
        title=text_of(record, "title"),
        text=text_of(record, "text"),
        topics=_topics(record),
    )


def _topics(record: dict[str, Any]) -> frozenset[str]:
    value = record.get("topics")
    if not isinstance(value, list) or not all(isinstance(t, str) for t in value):
        raise ValueError('topics: expected a list of keys, such as ["culture"]')
    return frozenset(value)
