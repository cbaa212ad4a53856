"""Events as JSON, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from aggregator.model import Event, EventWords, When
from aggregator.store.values import decode, encode


def events_json(events: Sequence[Event]) -> str:
    return encode([event_columns(event) for event in events])


def events_of(column: str | None) -> tuple[Event, ...]:
    return () if column is None else tuple(map(event_of, decode(column)))


def event_columns(event: Event) -> list[Any]:
    return [
        event.start.isoformat() if event.start else None,
        event.end.isoformat() if event.end else None,
        event.place,
        event.cancelled,
        event.moved,
        event.moved_from.isoformat() if event.moved_from else None,
        event.confidence,
        [(w.part, w.form, w.field, w.position) for w in event.words],
    ]


def event_of(columns: Sequence[Any]) -> Event:
    start, end, place, cancelled, moved, moved_from, confidence, words = columns
    return Event(
        start=When.fromisoformat(start) if start else None,
        end=When.fromisoformat(end) if end else None,
        place=place,
        cancelled=cancelled,
        moved=moved,
        moved_from=date.fromisoformat(moved_from) if moved_from else None,
        confidence=confidence,
        words=tuple(
            EventWords(part=part, form=form, field=field, position=position)
            for part, form, field, position in words
        ),
    )
