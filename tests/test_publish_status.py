"""status.json: contracts.md's shape, and one word for every source."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import (
    Moved,
    RecordedError,
    RecordedWarning,
    Source,
    SourceCounts,
    SourceState,
)
from aggregator.publish.status import (
    public_status,
    render_status,
    source_state,
    status_document,
)

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCE = Source(
    id="herald",
    url="https://reader:secret@herald.example/rss",
    name="Степной вестник",
    order=0,
    interval=timedelta(minutes=15),
    timezone="Europe/Moscow",
    content="summary",
    max_bytes=10_000_000,
)
GOOD = SourceState(
    id="herald",
    first_success=NOW - HOUR,
    last_success=NOW - HOUR,
    last_poll=NOW - HOUR,
    next_poll=NOW + HOUR,
    next_poll_reason="interval: every 15m",
)


def failing(code, retry_at=None):
    error = RecordedError(code=code, message="No.", since=NOW - HOUR, count=2)
    return replace(GOOD, error=error, retry_at=retry_at)


def document(states, source=SOURCE, **fields):
    values = {
        "sources": [source],
        "states": states,
        "counts": {"herald": SourceCounts(entries=12, entries_a_day=1.5)},
        "stories": 7,
        "updated": NOW,
        "now": NOW,
    }
    return status_document(**(values | fields))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (SourceState(id="herald"), "new"),
        (GOOD, "ok"),
        (failing("http_500"), "failing"),
        (failing("dns"), "failing"),
        (failing("http_410"), "paused"),
        (failing("http_429", NOW + HOUR), "paused"),
        (failing("http_503", NOW + HOUR), "paused"),
        (failing("http_503:challenge", NOW + HOUR), "paused"),
        (failing("http_429", NOW - HOUR), "failing"),
        (failing("http_429"), "failing"),
        (failing("http_500", NOW + HOUR), "failing"),
    ],
)
def test_state(state, word):
    assert source_state(SOURCE, state, NOW) == word


def test_switched_off_source_is_paused():
    source = replace(SOURCE, enabled=False)

    row = document({"herald": GOOD}, source)["sources"][0]

    assert row["state"] == "paused"
    assert row["next_poll"] is None
    assert row["next_poll_reason"] == "paused: enabled is false"


def test_row():
    warning = RecordedWarning(code="dates", message="No zone.", since=NOW - HOUR)
    state = replace(failing("http_404"), warnings=(warning,))

    assert document({"herald": state}) == {
        "sources": [
            {
                "id": "herald",
                "name": "Степной вестник",
                "url": "https://herald.example/rss",
                "effective_url": None,
                "state": "failing",
                "error": {
                    "code": "http_404",
                    "message": "No.",
                    "since": "2026-09-01T11:00:00Z",
                    "count": 2,
                },
                "warnings": [
                    {
                        "code": "dates",
                        "message": "No zone.",
                        "since": "2026-09-01T11:00:00Z",
                    }
                ],
                "entries": 12,
                "entries_a_day": 1.5,
                "last_success": "2026-09-01T11:00:00Z",
                "last_new_entry": None,
                "next_poll": "2026-09-01T13:00:00Z",
                "next_poll_reason": "interval: every 15m",
            }
        ],
        "alerts": [],
        "stories": 7,
        "updated": "2026-09-01T12:00:00Z",
    }


def moved(sightings, days):
    return replace(
        GOOD,
        moved=Moved(
            url="https://new.example/rss?a=1",
            first_seen=NOW - timedelta(days=days),
            last_seen=NOW,
            sightings=sightings,
        ),
    )


def test_a_confirmed_move_shows_its_line_for_feeds_yaml():
    row = document({"herald": moved(5, 3)})["sources"][0]

    assert row["url"] == "https://herald.example/rss"
    assert row["effective_url"] == "https://new.example/rss?a=1"
    assert row["warnings"] == [
        {
            "code": "moved",
            "message": "the source has moved for good; its line for feeds.yaml: "
            'url: "https://new.example/rss?a=1"',
            "since": "2026-08-29T12:00:00Z",
        }
    ]


@pytest.mark.parametrize(("sightings", "days"), [(4, 30), (500, 2)])
def test_a_move_that_is_not_confirmed_is_not_told(sightings, days):
    row = document({"herald": moved(sightings, days)})["sources"][0]

    assert (row["effective_url"], row["warnings"]) == (None, [])


def test_source_that_was_never_polled_has_a_row():
    row = document({}, counts={}, updated=None)["sources"][0]

    assert (row["state"], row["entries"], row["error"]) == ("new", 0, None)
    assert row["next_poll_reason"] == "new: never polled"


def test_bytes_are_json_for_people():
    data = render_status(document({"herald": failing("http_500")}))

    assert json.loads(data) == document({"herald": failing("http_500")})
    assert "Степной вестник" in data.decode()
    assert data.endswith(b"\n")
    assert b"secret" not in data


def test_a_message_with_a_lone_surrogate_is_written_all_the_same():
    error = RecordedError(code="parse", message="x\udc80", since=NOW, count=1)

    assert json.loads(render_status(document({"herald": replace(GOOD, error=error)})))


def test_everybody_reads_no_sentence_no_secret_and_no_private_address():
    source = replace(
        SOURCE, id="10.0.0.7/rss?key=s3cret", url="http://u:p@10.0.0.7/rss?key=s3cret"
    )
    error = RecordedError(code="connect", message="/etc/x s3cret", since=NOW, count=1)
    warning = RecordedWarning(code="dates", message="s3cret", since=NOW)
    state = replace(
        moved(5, 3),
        id=source.id,
        error=error,
        warnings=(warning,),
        next_poll_reason="backoff: s3cret",
    )
    shown = public_status(document({source.id: state}, source))

    (row,) = shown["sources"]
    assert b"s3cret" not in render_status(shown)
    assert b"10.0.0.7" not in render_status(shown)
    assert row["url"] is None
    assert row["effective_url"] == "https://new.example/rss"
    assert row["error"] == {
        "code": "connect",
        "message": None,
        "since": "2026-09-01T12:00:00Z",
        "count": 1,
    }
    assert [(each["code"], each["message"]) for each in row["warnings"]] == [
        ("dates", None),
        ("moved", None),
    ]
    assert row["next_poll_reason"] == "backoff"


def test_what_everybody_reads_has_the_shape_of_what_the_operator_reads():
    full = document({"herald": failing("http_500")})
    shown = public_status(full)

    assert shown.keys() == full.keys()
    assert shown["sources"][0].keys() == full["sources"][0].keys()
    kept = ("id", "name", "state", "last_success", "entries")
    assert all(shown["sources"][0][key] == full["sources"][0][key] for key in kept)
