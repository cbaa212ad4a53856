"""When a source is polled, and what a poll means for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import (
    DocumentRead,
    FeedInfo,
    Fetched,
    NotModified,
    Source,
    SourceError,
    SourceState,
    SourceWarning,
    Validators,
)
from aggregator.scheduler import (
    after_failure,
    after_success,
    due,
    in_words,
    next_due,
    ticking,
    with_closed_hosts,
)

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def source(id: str = "a", url: str = "https://a.example/rss", **changes) -> Source:
    settings = {
        "name": "А",
        "order": 0,
        "interval": QUARTER,
        "timezone": "Europe/Moscow",
        "content": "summary",
        "max_bytes": 1000,
    }
    return Source(id=id, url=url, **(settings | changes))


def fetched(**changes) -> Fetched:
    settings = {
        "url": "https://a.example/rss",
        "body": b"x",
        "content_type": None,
        "validators": Validators(etag='"1"'),
        "body_hash": b"h",
        "fetched_at": NOW,
    }
    return Fetched(**(settings | changes))


def read(**changes) -> DocumentRead:
    settings = {
        "info": FeedInfo(),
        "seen": (),
        "entries": (),
        "shared_blocks": frozenset(),
    }
    return DocumentRead(**(settings | changes))


def success(state: SourceState, result=None, document=None) -> SourceState:
    result = result or fetched()
    return after_success(state, source(), result, document, new_entries=False, jitter=0)


def failure(state: SourceState, code: str = "http_500", retry_at=None) -> SourceState:
    error = SourceError(code=code, message="no", retry_at=retry_at)
    return after_failure(state, source(), error, now=NOW, jitter=0)


NEW = SourceState(id="a")


# --- after a good poll


def test_a_good_poll_is_followed_by_one_an_interval_later():
    state = success(NEW, document=read())

    assert state.next_poll == NOW + QUARTER
    assert state.next_poll_reason == "interval: every 15m"
    assert state.first_success == state.last_success == state.last_poll == NOW


def test_a_hint_is_a_floor_and_capped_at_a_day():
    hinted = success(NEW, fetched(fresh_for=timedelta(hours=2)), read())
    absurd = success(NEW, fetched(fresh_for=timedelta(days=300)), read())
    short = success(NEW, fetched(fresh_for=timedelta(seconds=10)), read())

    assert hinted.next_poll == NOW + timedelta(hours=2)
    assert hinted.next_poll_reason.startswith("hint: ")
    assert absurd.next_poll == NOW + timedelta(hours=24)
    assert short.next_poll == NOW + QUARTER


def test_a_feeds_own_hint_counts_and_survives_a_304():
    first = success(NEW, document=read(info=FeedInfo(fresh_for=timedelta(hours=1))))
    second = success(first, NotModified(validators=Validators(), fetched_at=NOW))

    assert second.next_poll == NOW + timedelta(hours=1)


def test_a_304_refreshes_each_validator_by_itself():
    state = SourceState(id="a", validators=Validators(etag='"1"', last_modified="then"))
    answer = NotModified(validators=Validators(etag='"2"'), fetched_at=NOW)

    assert success(state, answer).validators == Validators(
        etag='"2"', last_modified="then"
    )


def test_a_warning_keeps_the_time_of_its_first_sight():
    document = read(warnings=(SourceWarning(code="dates", message="2 unreadable"),))
    first = success(NEW, document=document)
    later = success(first, fetched(fetched_at=NOW + QUARTER), document)

    assert later.warnings[0].since == NOW


# --- after a failure


def test_failures_back_off_to_a_day_and_are_cleared_by_a_success():
    state, waits = NEW, []
    for _ in range(12):
        state = failure(state)
        waits.append(state.next_poll - NOW)

    assert waits[:4] == [QUARTER, 2 * QUARTER, 4 * QUARTER, 8 * QUARTER]
    assert waits[-1] == timedelta(hours=24)
    assert state.error.count == 12
    assert success(state).error is None


def test_since_is_when_the_run_of_failures_began():
    first = failure(NEW)
    error = SourceError(code="timeout", message="late")
    second = after_failure(first, source(), error, now=NOW + QUARTER, jitter=0)

    assert second.error.code == "timeout"
    assert second.error.since == NOW


def test_what_was_stored_survives_a_failure():
    state = success(NEW, document=read())

    failed = failure(state)

    assert (failed.validators, failed.body_hash) == (state.validators, state.body_hash)


@pytest.mark.parametrize("code", ["http_429", "http_503"])
def test_retry_after_is_no_fault_of_the_source(code):
    state = failure(NEW, code, retry_at=NOW + timedelta(hours=3))

    assert state.error.count == 0
    assert state.next_poll == NOW + timedelta(hours=3)
    assert state.next_poll_reason.startswith("retry-after: ")


def test_429_without_retry_after_raises_no_count_and_is_asked_less_and_less():
    first = failure(NEW, "http_429")
    second = failure(first, "http_429")

    assert second.error.count == 0
    assert (first.next_poll - NOW, second.next_poll - NOW) == (2 * QUARTER, 4 * QUARTER)
    assert second.retry_at is None


def test_status_shows_when_a_host_that_wants_peace_is_polled_again():
    sources = [source("a"), source("b", "https://a.example/other")]
    until = NOW + timedelta(hours=3)
    states = {
        "a": failure(NEW, "http_429", retry_at=until),
        "b": success(SourceState(id="b")),
    }

    shown = with_closed_hosts(sources, states, NOW)

    assert shown["b"].next_poll == until
    assert shown["b"].next_poll_reason.startswith("retry-after: ")


def test_410_is_probed_weekly():
    state = failure(NEW, "http_410")

    assert state.next_poll == NOW + timedelta(days=7)
    assert state.next_poll_reason.startswith("paused: ")


@given(
    failures=st.integers(0, 10_000),
    jitter=st.floats(0, 1),
    retry=st.none() | st.integers(-(10**6), 10**6),
    hint=st.none() | st.integers(0, 10**9),
    code=st.sampled_from(["timeout", "http_429", "http_410", None]),
)
def test_the_next_poll_is_always_ahead_and_never_given_up(
    failures, jitter, retry, hint, code
):
    retry_at = None if retry is None else NOW + timedelta(seconds=retry)
    error = code and SourceError(code=code, message="", retry_at=retry_at)
    fresh_for = None if hint is None else timedelta(seconds=hint)

    at, reason = next_due(source(), error or None, failures, fresh_for, NOW, jitter)

    assert NOW + QUARTER <= at <= NOW + timedelta(days=7) * 1.1
    assert ": " in reason


# --- what is due


def test_a_source_never_polled_is_due_and_a_disabled_one_is_not():
    sources = [source("a"), source("b", "https://b.example/rss", enabled=False)]

    assert [one.id for one in due(sources, {}, NOW)] == ["a"]


def test_a_restart_keeps_the_schedule():
    state = success(NEW, document=read())

    assert due([source()], {"a": state}, NOW + timedelta(minutes=14)) == []
    assert due([source()], {"a": state}, NOW + timedelta(minutes=17))


def test_a_shorter_interval_in_feeds_yaml_counts_at_once():
    state = success(NEW, document=read())
    shorter = source(interval=timedelta(minutes=5))

    assert due([shorter], {"a": state}, NOW + timedelta(minutes=6))


def test_a_clock_that_was_set_back_stops_nothing():
    state = success(NEW, document=read())

    assert due([source()], {"a": state}, NOW - timedelta(days=365))


def test_retry_after_holds_for_every_source_of_the_host():
    sources = [
        source("a"),
        source("b", "https://a.example:8443/other"),
        source("c", "https://c.example/"),
    ]
    states = {"a": failure(NEW, "http_429", retry_at=NOW + timedelta(hours=3))}

    assert [one.id for one in due(sources, states, NOW + timedelta(hours=1))] == ["c"]
    assert len(due(sources, states, NOW + timedelta(hours=4))) == 3


def test_durations_read_as_in_feeds_yaml():
    spans = [timedelta(seconds=45), QUARTER, timedelta(hours=24), timedelta(days=7)]

    assert [in_words(span) for span in spans] == ["45s", "15m", "24h", "7d"]


def test_ticks_come_whatever_the_zone_of_the_machine(monkeypatch):
    """APScheduler's default zone raises when TZ names none."""
    monkeypatch.setenv("TZ", "Nowhere/At_All")

    async def until_two_ticks() -> None:
        ticked, ticks = asyncio.Event(), []

        def job() -> None:
            ticks.append(1)
            if len(ticks) == 2:
                ticked.set()

        async with asyncio.timeout(10), ticking([(job, timedelta(milliseconds=20))]):
            await ticked.wait()

    asyncio.run(until_two_ticks())
