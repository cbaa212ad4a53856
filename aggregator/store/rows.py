"""Values as the tables hold them, and back: times, JSON, and the model's dataclasses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, overload

from sqlalchemy import Row

from aggregator.model import (
    Enclosure,
    Entry,
    FeedInfo,
    Fingerprint,
    RecordedError,
    RecordedWarning,
    SourceState,
    StoredEntry,
    TermMatch,
    TopicScore,
    Validators,
    Withheld,
)
from aggregator.text import plain_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode

_NO_VALIDATORS = Validators()
_NO_INFO = FeedInfo()


# --- times ------------------------------------------------------------------------


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


# --- JSON -------------------------------------------------------------------------


def to_json(value: Sequence[Any] | Mapping[str, Any]) -> str | None:
    """Compact JSON; None for what is empty."""
    return _encode(value) if value else None


@lru_cache(maxsize=4096)
def _strings_json(values: tuple[str, ...]) -> str:
    # A source's entries have the same few authors and categories.
    return _encode(values)


def strings(column: str | None) -> tuple[str, ...]:
    return () if column is None else tuple(_decode(column))


# --- sources ----------------------------------------------------------------------

#: Columns of `source` that hold a SourceState, in the order of `state_row`.
STATE_COLUMNS = (
    "etag",
    "last_modified",
    "body_hash",
    "info",
    "error",
    "warnings",
    "first_success",
    "last_success",
    "last_poll",
    "last_new_entry",
    "retry_at",
    "fresh_for",
    "next_poll",
    "next_poll_reason",
)


def state_row(state: SourceState) -> tuple[Any, ...]:
    error = state.error
    fresh_for = state.fresh_for
    return (
        state.validators.etag,
        state.validators.last_modified,
        state.body_hash,
        None if state.info == _NO_INFO else _info_json(state.info),
        error
        and _encode([error.code, error.message, to_micros(error.since), error.count]),
        to_json([(w.code, w.message, to_micros(w.since)) for w in state.warnings]),
        to_micros(state.first_success),
        to_micros(state.last_success),
        to_micros(state.last_poll),
        to_micros(state.last_new_entry),
        to_micros(state.retry_at),
        None if fresh_for is None else span_to_micros(fresh_for),
        to_micros(state.next_poll),
        state.next_poll_reason,
    )


def state_of(source_id: str, columns: Sequence[Any]) -> SourceState:
    """The state in `columns`, which stand in the order of STATE_COLUMNS."""
    (etag, modified, body_hash, info, error, warnings) = columns[:6]
    (first, success, poll, new_entry, retry, fresh_for, next_poll, reason) = columns[6:]
    validators = _NO_VALIDATORS
    if etag is not None or modified is not None:
        validators = Validators(etag=etag, last_modified=modified)
    return SourceState(
        id=source_id,
        validators=validators,
        body_hash=body_hash,
        info=info_of(info),
        error=_error_of(error),
        warnings=_warnings_of(warnings),
        first_success=from_micros(first),
        last_success=from_micros(success),
        last_poll=from_micros(poll),
        last_new_entry=from_micros(new_entry),
        retry_at=from_micros(retry),
        fresh_for=None if fresh_for is None else timedelta(microseconds=fresh_for),
        next_poll=from_micros(next_poll),
        next_poll_reason=reason or "new: never polled",
    )


def info_of(column: str | None) -> FeedInfo:
    if column is None:
        return _NO_INFO
    title, link, id_, updated, rights, language, fresh_for = _decode(column)
    return FeedInfo(
        title=title,
        link=link,
        id=id_,
        updated=from_micros(updated),
        rights=rights,
        language=language,
        fresh_for=None if fresh_for is None else timedelta(microseconds=fresh_for),
    )


def _info_json(info: FeedInfo) -> str:
    fresh_for = info.fresh_for
    return _encode(
        [
            info.title,
            info.link,
            info.id,
            to_micros(info.updated),
            info.rights,
            info.language,
            None if fresh_for is None else span_to_micros(fresh_for),
        ]
    )


def _error_of(column: str | None) -> RecordedError | None:
    if column is None:
        return None
    code, message, since, count = _decode(column)
    return RecordedError(
        code=code, message=message, since=from_micros(since), count=count
    )


def _warnings_of(column: str | None) -> tuple[RecordedWarning, ...]:
    if column is None:
        return ()
    return tuple(
        RecordedWarning(code=code, message=message, since=from_micros(since))
        for code, message, since in _decode(column)
    )


# --- entries ----------------------------------------------------------------------

#: Columns of `entry_content` after its key, in the order of `content_row`.
CONTENT_COLUMNS = (
    "title",
    "link",
    "canonical_link",
    "summary",
    "content",
    "text",
    "authors",
    "categories",
    "enclosures",
    "language",
    "published",
    "updated",
    "topics",
)


def content_row(entry: Entry, topics: Sequence[TopicScore]) -> tuple[Any, ...]:
    return (
        entry.title,
        entry.link,
        entry.canonical_link,
        entry.summary,
        entry.content,
        # `Entry.text` is by definition the plain text of content, else of summary, and
        # `entry_of` makes it again. Stored, it would be half the database; comparing
        # what can be left out would cost as much as the rest of the row.
        None if entry.content or entry.summary else entry.text or None,
        _strings_json(entry.authors) if entry.authors else None,
        _strings_json(entry.categories) if entry.categories else None,
        to_json([(e.url, e.type, e.length) for e in entry.enclosures]),
        entry.language,
        to_micros(entry.published),
        to_micros(entry.updated),
        _topics_json(topics) if topics else None,
    )


def entry_of(row: Row[Any]) -> Entry:
    """The entry in a row that has all columns of `entry_content`, key and position."""
    text = plain_text(row.content or "") or plain_text(row.summary or "")
    return Entry(
        key=row.key,
        title=row.title,
        link=row.link,
        canonical_link=row.canonical_link,
        summary=row.summary,
        content=row.content,
        text=text or row.text or "",
        authors=strings(row.authors),
        categories=strings(row.categories),
        enclosures=tuple(
            Enclosure(url=url, type=type_, length=length)
            for url, type_, length in _decode(row.enclosures or "[]")
        ),
        language=row.language,
        published=from_micros(row.published),
        updated=from_micros(row.updated),
        position=row.position,
    )


def fingerprint_of(row: Row[Any]) -> Fingerprint:
    return Fingerprint(
        key=row.key_hash,
        content=row.content_hash,
        link=row.link_hash,
        title=row.title_hash,
        start=row.start_hash,
    )


def withheld_of(column: str | None) -> Withheld | None:
    return None if column is None else Withheld(column)


def stored_entry(row: Row[Any]) -> StoredEntry:
    """A row of `entry` joined with `entry_content`, and the source's id as source_id."""
    return StoredEntry(
        ref=(row.source_id, row.key_hash),
        entry=entry_of(row),
        fingerprint=fingerprint_of(row),
        first_seen=from_micros(row.first_seen),
        effective=from_micros(row.effective),
        withheld=withheld_of(row.withheld),
        ad=row.ad,
        topics=_topics_of(row.topics),
    )


def tagged_row(topics: Sequence[TopicScore]) -> str | None:
    return " ".join(score.topic for score in topics if score.tagged) or None


def tagged_of(column: str | None) -> frozenset[str]:
    return frozenset(column.split(" ")) if column else frozenset()


def _topics_json(topics: Sequence[TopicScore]) -> str:
    return _encode(
        [
            (
                score.topic,
                score.score,
                score.threshold,
                score.tagged,
                [
                    (m.rule, m.form, m.lemma, m.field, m.position, m.weight)
                    for m in score.terms
                ],
                score.vetoes,
            )
            for score in topics
        ]
    )


def _topics_of(column: str | None) -> tuple[TopicScore, ...]:
    if column is None:
        return ()
    return tuple(
        TopicScore(
            topic=topic,
            score=score,
            threshold=threshold,
            tagged=tagged,
            terms=tuple(map(_term_of, terms)),
            vetoes=tuple(vetoes),
        )
        for topic, score, threshold, tagged, terms, vetoes in _decode(column)
    )


def _term_of(columns: Sequence[Any]) -> TermMatch:
    rule, form, lemma, field, position, weight = columns
    return TermMatch(
        rule=rule,
        form=form,
        lemma=lemma,
        field=field,
        position=position,
        weight=weight,
    )
