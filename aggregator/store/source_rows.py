"""A source's state as a row, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aggregator.model import (
    RUNGS,
    Absence,
    FeedInfo,
    HubLinks,
    Moved,
    Pushes,
    RecordedError,
    RecordedWarning,
    SourceState,
    Validators,
)
from aggregator.store.values import (
    decode,
    encode,
    from_micros,
    span_to_micros,
    to_json,
    to_micros,
)

_NO_VALIDATORS = Validators()
_NO_INFO = FeedInfo()
_NO_HUBS = HubLinks()

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
    "last_full",
    "moved",
    "retry_at",
    "fresh_for",
    "poll_interval",
    "next_poll",
    "next_poll_reason",
    "rung",
    "absences",
    "pushes",
    "rhythm",
)


def state_row(state: SourceState) -> tuple[Any, ...]:
    error = state.error
    return (
        state.validators.etag,
        state.validators.last_modified,
        state.body_hash,
        None if state.info == _NO_INFO else _info_json(state.info),
        error
        and encode([error.code, error.message, to_micros(error.since), error.count]),
        to_json([(w.code, w.message, to_micros(w.since)) for w in state.warnings]),
        to_micros(state.first_success),
        to_micros(state.last_success),
        to_micros(state.last_poll),
        to_micros(state.last_new_entry),
        to_micros(state.last_full),
        _moved_json(state.moved),
        to_micros(state.retry_at),
        _span(state.fresh_for),
        _span(state.interval),
        to_micros(state.next_poll),
        state.next_poll_reason,
        None if state.rung == RUNGS[0] else state.rung,
        to_json([(a.documents, to_micros(a.since), a.keys) for a in state.absences]),
        _pushes_json(state.pushes),
        state.rhythm,
    )


def state_of(source_id: str, columns: Sequence[Any]) -> SourceState:
    """The state in `columns`, which stand in the order of STATE_COLUMNS."""
    (etag, modified, body_hash, info, error, warnings) = columns[:6]
    (first, success, poll, new_entry, full, moved) = columns[6:12]
    (retry, fresh_for, interval, next_poll, reason) = columns[12:17]
    rung, absences, pushes, rhythm = columns[17:]
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
        last_full=from_micros(full),
        moved=moved_of(moved),
        retry_at=from_micros(retry),
        fresh_for=_span_of(fresh_for),
        interval=_span_of(interval),
        next_poll=from_micros(next_poll),
        next_poll_reason=reason or "new: never polled",
        rung=rung or RUNGS[0],
        absences=_absences_of(absences),
        pushes=_pushes_of(pushes),
        rhythm=rhythm,
    )


def info_of(column: str | None) -> FeedInfo:
    if column is None:
        return _NO_INFO
    # Rows of the first schema name neither hubs nor hours.
    title, link, id_, updated, rights, language, fresh_for, *more = decode(column)
    skipped = more.pop(0) if more and isinstance(more[0], list) else ()
    return FeedInfo(
        title=title,
        link=link,
        id=id_,
        updated=from_micros(updated),
        rights=rights,
        language=language,
        fresh_for=_span_of(fresh_for),
        hub_links=HubLinks(hubs=tuple(more[1:]), topic=more[0]) if more else _NO_HUBS,
        skipped=frozenset(skipped),
    )


def _info_json(info: FeedInfo) -> str:
    return encode(
        [
            info.title,
            info.link,
            info.id,
            to_micros(info.updated),
            info.rights,
            info.language,
            _span(info.fresh_for),
            *([sorted(info.skipped)] if info.skipped else ()),
            *(_hubs_row(info.hub_links) if info.hub_links != _NO_HUBS else ()),
        ]
    )


def _hubs_row(links: HubLinks) -> tuple[str | None, ...]:
    return (links.topic, *links.hubs)


def moved_of(column: str | None) -> Moved | None:
    if column is None:
        return None
    url, first, last, sightings = decode(column)
    return Moved(
        url=url,
        first_seen=from_micros(first),
        last_seen=from_micros(last),
        sightings=sightings,
    )


def _moved_json(moved: Moved | None) -> str | None:
    if moved is None:
        return None
    first, last = to_micros(moved.first_seen), to_micros(moved.last_seen)
    return encode([moved.url, first, last, moved.sightings])


def _pushes_json(pushes: Pushes | None) -> str | None:
    if pushes is None:
        return None
    last, until = to_micros(pushes.last), to_micros(pushes.until)
    return encode([last, span_to_micros(pushes.gap), until, pushes.hint])


def _pushes_of(column: str | None) -> Pushes | None:
    if column is None:
        return None
    last, gap, until, hint = decode(column)
    return Pushes(
        last=from_micros(last),
        gap=timedelta(microseconds=gap),
        until=from_micros(until),
        hint=hint,
    )


def _span(span: timedelta | None) -> int | None:
    return None if span is None else span_to_micros(span)


def _span_of(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _error_of(column: str | None) -> RecordedError | None:
    if column is None:
        return None
    code, message, since, count = decode(column)
    return RecordedError(
        code=code, message=message, since=from_micros(since), count=count
    )


def _warnings_of(column: str | None) -> tuple[RecordedWarning, ...]:
    if column is None:
        return ()
    return tuple(
        RecordedWarning(code=code, message=message, since=from_micros(since))
        for code, message, since in decode(column)
    )


def _absences_of(column: str | None) -> tuple[Absence, ...]:
    if column is None:
        return ()
    return tuple(
        Absence(keys=tuple(keys), documents=documents, since=from_micros(since))
        for documents, since, keys in decode(column)
    )
