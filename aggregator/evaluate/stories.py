"""How well entries that tell one story are found.

A line is ``{"a": {"title", "text", "published"?, "url"?}, "b": {…}, "same": true}``: a
pair of entries of two sources. Unknown dates are the same day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator.dedup.signature import Signature, read_signature
from aggregator.dedup.similarity import (
    SAME,
    Rarity,
    Similarity,
    compare,
    is_same,
    weigh,
)
from aggregator.evaluate.evaluation import Evaluation
from aggregator.evaluate.figures import Counts
from aggregator.evaluate.labelled import kind_of, read_labelled, text_of
from aggregator.russian import analyse

#: Entries further apart are never compared (``dedup.window``).
WINDOW = timedelta(hours=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A pair whose label and judgement differ."""

    line: int
    titles: tuple[str, str]
    #: The label: True for a story that was overlooked.
    expected: bool
    found: Similarity

    def as_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "title": " | ".join(self.titles),
            "class": "same",
            "expected": self.expected,
            "score": self.found.score,
            "threshold": SAME,
            "why": list(self.found.why),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    title: str
    text: str
    published: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    line: int
    a: _Entry
    b: _Entry
    same: bool


def evaluate_stories(path: Path, *, misses: bool) -> Evaluation:
    """Measures on a labelled file; ``misses`` lists what differs.

    Raises ConfigError with the first faulty lines when any line cannot be read.
    """
    pairs = read_labelled(path, _parse_line)
    signatures = _signatures(pairs)
    rare = _rarity(signatures.values())
    judged = [(pair, *_judge(pair, signatures, rare)) for pair in pairs]
    return Evaluation(
        kind="stories",
        entries=len(pairs),
        classes={
            "same": Counts(
                true_positives=sum(p.same and same for p, _, same in judged),
                false_positives=sum(same and not p.same for p, _, same in judged),
                false_negatives=sum(p.same and not same for p, _, same in judged),
            )
        },
        misses=tuple(
            Miss(
                line=pair.line,
                titles=(pair.a.title, pair.b.title),
                expected=pair.same,
                found=found,
            )
            for pair, found, same in judged
            if same != pair.same
        )
        if misses
        else (),
    )


def _signatures(pairs: Iterable[_Pair]) -> dict[_Entry, bytes]:
    entries = {entry for pair in pairs for entry in (pair.a, pair.b)}
    return {
        entry: read_signature(analyse(entry.title, entry.text)) for entry in entries
    }


def _rarity(signatures: Iterable[bytes]) -> Rarity:
    """As the store would know it, had it seen this file alone."""
    frequencies: Counter[int] = Counter()
    entries = 0
    for packed in signatures:
        entries += 1
        frequencies.update(Signature(packed).stems.keys())
    return Rarity(entries, frequencies)


def _judge(
    pair: _Pair, signatures: Mapping[_Entry, bytes], rare: Rarity
) -> tuple[Similarity, bool]:
    one, other = (
        weigh(Signature(signatures[entry]), rare) for entry in (pair.a, pair.b)
    )
    found, apart = compare(one, other, rare), _apart(pair)
    same = is_same(found, one, other, apart=apart, same_source=False)
    return found, same and apart <= WINDOW


def _apart(pair: _Pair) -> timedelta:
    if pair.a.published is None or pair.b.published is None:
        return timedelta()
    return abs(pair.a.published - pair.b.published)


# --- labelled files -------------------------------------------------------------------


def _parse_line(number: int, record: dict[str, Any]) -> _Pair:
    same = record.get("same")
    if not isinstance(same, bool):
        raise ValueError(f"same: expected true or false, found {kind_of(same)}")
    return _Pair(line=number, a=_entry(record, "a"), b=_entry(record, "b"), same=same)


def _entry(record: dict[str, Any], key: str) -> _Entry:
    value = record.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key}: expected an object, found {kind_of(value)}")
    try:
        return _Entry(
            title=text_of(value, "title"),
            text=text_of(value, "text"),
            published=_date(value),
        )
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _date(value: dict[str, Any]) -> datetime | None:
    """None when it says none that can be read; one without a zone is taken for UTC."""
    try:
        date = datetime.fromisoformat(value.get("published") or "")
    except (ValueError, TypeError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
