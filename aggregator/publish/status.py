"""What ``aggregator status --json`` prints, and of that status.json: a row per source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from aggregator.model import (
    Alert,
    Moved,
    RecordedError,
    RecordedWarning,
    Source,
    SourceCounts,
    SourceState,
)
from aggregator.publish.iri import without_credentials
from aggregator.publish.public import public_address, public_id, public_name

State = Literal["new", "ok", "failing", "paused", "offline"]

#: Answers that ask for rest instead of reporting a fault, when they say until when.
_ASKS_FOR_REST = frozenset({"http_429", "http_503"})


def status_document(
    *,
    sources: Sequence[Source],
    states: Mapping[str, SourceState],
    counts: Mapping[str, SourceCounts],
    alerts: Sequence[Alert] = (),
    stories: int,
    updated: datetime | None,
    now: datetime,
    offline: bool = False,
) -> dict[str, Any]:
    """The status of ``sources``, in their order, as plain JSON data.

    ``states`` and ``counts`` are by source id; a source without one was never polled.
    ``alerts`` are those that are open; ``stories`` is the number stored, ``updated`` the
    newest published one;
    ``offline``: this machine has no network, so nothing is known of the sources.
    """
    silent = {alert.source: alert.since for alert in alerts if alert.code == "silent"}
    return {
        "sources": [
            _row(
                source,
                states.get(source.id, SourceState(id=source.id)),
                counts.get(source.id, SourceCounts()),
                silent.get(source.id),
                now,
                offline,
            )
            for source in sources
        ],
        "alerts": list(map(_alert, alerts)),
        "stories": stories,
        "updated": _time(updated),
    }


def public_status(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of `status_document`'s data what everybody may read, in the same shape.

    Sentences (of errors, warnings, the next poll) are for the operator, and so are alerts:
    ``message`` is null, ``next_poll_reason`` one word. Addresses without queries; null
    where they are not public.
    """
    return {
        **document,
        "sources": [
            {
                **row,
                "id": public_id(row["id"], row["url"]),
                "name": public_name(row["name"], row["id"], row["url"]),
                "url": public_address(row["url"]),
                "effective_url": public_address(row["effective_url"]),
                "error": row["error"] and {**row["error"], "message": None},
                "warnings": [{**each, "message": None} for each in row["warnings"]],
                "next_poll_reason": row["next_poll_reason"].partition(":")[0],
            }
            for row in document["sources"]
        ],
        "alerts": [],
    }


def render_status(document: Mapping[str, Any]) -> bytes:
    """``document`` as the bytes of status.json: a line a source.

    Indented by the library it takes 40 ms for 1,000 sources, since that is not done in C.
    """
    parts = []
    for key, value in document.items():
        shown = _json(value)
        if key == "sources" and value:
            shown = "[\n" + ",\n".join(map(_json, value)) + "\n]"
        parts.append(f"{_json(key)}: {shown}")
    text = "{" + ",\n".join(parts) + "}\n"
    return text.encode("utf-8", "replace")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def source_state(
    source: Source, state: SourceState, now: datetime, *, offline: bool = False
) -> State:
    """One word for how polling goes."""
    error = state.error
    if not source.enabled or (error is not None and _rests(error, state, now)):
        return "paused"
    if offline:
        return "offline"
    if error is not None:
        return "failing"
    return "ok" if state.last_success else "new"


def _rests(error: RecordedError, state: SourceState, now: datetime) -> bool:
    code = error.code.partition(":")[0]
    if code == "http_410":
        return True
    return (
        code in _ASKS_FOR_REST and state.retry_at is not None and state.retry_at > now
    )


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "source": alert.source,
        "code": alert.code,
        "since": _time(alert.since),
        "message": alert.message,
        "fix": alert.fix,
    }


def _row(
    source: Source,
    state: SourceState,
    counts: SourceCounts,
    silent_since: datetime | None,
    now: datetime,
    offline: bool,
) -> dict[str, Any]:
    reason = state.next_poll_reason if source.enabled else "paused: enabled is false"
    moved = state.moved if state.moved and state.moved.confirmed else None
    return {
        "id": source.id,
        "name": source.name,
        "url": without_credentials(source.url),
        "effective_url": moved and moved.url,
        "state": source_state(source, state, now, offline=offline),
        "error": _error(state.error),
        "warnings": [
            {
                "code": warning.code,
                "message": warning.message,
                "since": _time(warning.since),
            }
            for warning in (
                *state.warnings,
                *_moved_warning(moved),
                *_silent_warning(silent_since),
            )
        ],
        "entries": counts.entries,
        "entries_a_day": counts.entries_a_day,
        "last_success": _time(state.last_success),
        "last_new_entry": _time(state.last_new_entry),
        "next_poll": _time(state.next_poll) if source.enabled else None,
        "next_poll_reason": reason,
    }


def _moved_warning(moved: Moved | None) -> tuple[RecordedWarning, ...]:
    """With the line for feeds.yaml; quoted, it is good YAML whatever the address."""
    if moved is None:
        return ()
    line = f"url: {json.dumps(moved.url, ensure_ascii=False)}"
    message = f"the source has moved for good; its line for feeds.yaml: {line}"
    return (RecordedWarning(code="moved", message=message, since=moved.first_seen),)


def _silent_warning(since: datetime | None) -> tuple[RecordedWarning, ...]:
    if since is None:
        return ()
    message = "nothing new for three times the source's usual gap"
    return (RecordedWarning(code="silent", message=message, since=since),)


def _error(error: RecordedError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "code": error.code,
        "message": error.message,
        "since": _time(error.since),
        "count": error.count,
    }


def _time(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
