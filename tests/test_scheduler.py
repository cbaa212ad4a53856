"""When a source is polled, and what a poll means for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import (
    DocumentRead,
    FeedInfo,
    Fetched,
    Moved,
    NotModified,
    Source,
    SourceError,
    SourceState,
    SourceWarning,
    Validators,
)
from aggregator.scheduler import (
    after_failure,
    after_push,
    after_success,
    as_planned,
    conditions,
    due,
    in_words,
    interval_of,
    next_due,
    ticking,
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
    return after_success(
        state, source(), result, document, known=set(), new_entries=False, jitter=0
    )


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


def test_a_304_with_no_cache_takes_the_floor_back_but_not_the_documents_own():
    hour, day = timedelta(hours=1), timedelta(days=1)
    first = success(NEW, fetched(fresh_for=day), read(info=FeedInfo(fresh_for=hour)))
    says_nothing = NotModified(validators=Validators(), fetched_at=NOW)
    no_cache = replace(says_nothing, fresh_for=timedelta())

    assert success(first, says_nothing).next_poll == NOW + day
    assert success(first, no_cache).next_poll == NOW + hour
    assert success(success(first, no_cache), says_nothing).next_poll == NOW + hour


def test_a_push_keeps_skipped_hours():
    """The next poll is put off to the first hour that is free."""
    skipped = frozenset({24 + 11, 24 + 12})
    state = success(NEW, document=read(info=FeedInfo(skipped=skipped)))

    pushed = after_push(state, source(), NOW, NOW + timedelta(days=7), new=True)

    assert pushed.next_poll == NOW.replace(hour=13)
    assert pushed.next_poll_reason.startswith("hint: ")


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

    shown = as_planned(sources, states, NOW)

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

    at, reason = next_due(QUARTER, error or None, failures, fresh_for, NOW, jitter)

    assert NOW + QUARTER <= at <= NOW + timedelta(days=7) * 1.1
    assert ": " in reason


# --- the source's own pace

ADAPTING = {"min_interval": timedelta(minutes=5), "max_interval": timedelta(hours=6)}


def polled(
    state: SourceState,
    *,
    known: int,
    of: int,
    after: timedelta | None = None,
    **changes,
) -> SourceState:
    """One more good poll, an interval after the last, of `of` entries, `known` of them."""
    adapting = source(**(ADAPTING | changes))
    now = (state.last_success or NOW) + (after or interval_of(adapting, state))
    return after_success(
        state,
        adapting,
        fetched(fetched_at=now),
        read(seen=tuple(range(of))),
        known=set(range(known)),
        new_entries=known < of,
        jitter=0,
    )


def test_a_first_poll_teaches_nothing():
    state = polled(NEW, known=0, of=20)

    assert state.interval is None
    assert state.next_poll - state.last_poll == QUARTER
    assert state.next_poll_reason == (
        "adaptive: every 15m, until the source's own pace is known"
    )


@pytest.mark.parametrize(
    ("known", "of", "minutes", "reason"),
    [
        (20, 20, 18.75, "every 19m, less often than before; 100% of the document"),
        (14, 20, 18.75, "every 19m, less often than before; 70% of the document"),
        (0, 0, 18.75, "every 19m, less often than before; 100% of the document"),
        (10, 20, 15, "every 15m, as before; 50% of the document"),
        (2, 20, 7.5, "every 8m, more often than before; 10% of the document"),
    ],
)
def test_the_share_of_known_entries_moves_the_interval(known, of, minutes, reason):
    state = polled(polled(NEW, known=0, of=20), known=known, of=of)

    assert state.interval == timedelta(minutes=minutes)
    assert state.next_poll - state.last_poll == state.interval
    assert state.next_poll_reason == f"adaptive: {reason} was known"


def test_an_unchanged_document_is_asked_for_less_often():
    first = polled(NEW, known=0, of=20)
    answer = NotModified(validators=Validators(), fetched_at=first.next_poll)
    state = after_success(
        first,
        source(**ADAPTING),
        answer,
        None,
        known=set(),
        new_entries=False,
        jitter=0,
    )

    assert state.interval == QUARTER * 1.25


@pytest.mark.parametrize("minutes", [0, 5, 40, 10_000, -60])
@pytest.mark.parametrize("known", [0, 20])
def test_a_poll_out_of_turn_teaches_nothing(minutes, known):
    """By hand, after an outage, after the clock was set back."""
    learnt = polled(polled(NEW, known=0, of=20), known=10, of=20)
    after = timedelta(minutes=minutes) or timedelta(seconds=1)

    assert polled(learnt, known=known, of=20, after=after).interval == learnt.interval


def test_failures_back_off_from_the_present_interval():
    state = polled(polled(NEW, known=0, of=20), known=2, of=20)
    error = SourceError(code="http_500", message="no")
    failed = after_failure(state, source(**ADAPTING), error, now=NOW, jitter=0)

    assert failed.interval == QUARTER / 2
    assert failed.next_poll - NOW == QUARTER / 2


def test_an_interval_of_the_sources_own_forgets_what_was_learnt():
    state = polled(polled(NEW, known=0, of=20), known=20, of=20)
    own = {"min_interval": QUARTER, "max_interval": QUARTER}

    fixed = polled(state, known=20, of=20, **own)

    assert (fixed.interval, fixed.next_poll_reason) == (None, "interval: every 15m")


def test_a_shorter_max_interval_in_feeds_yaml_counts_at_once():
    state = SourceState(
        id="a",
        last_poll=NOW,
        last_success=NOW,
        interval=timedelta(hours=6),
        next_poll=NOW + timedelta(hours=6),
    )
    adapting, shorter = (
        source(min_interval=QUARTER, max_interval=timedelta(hours=hours))
        for hours in (6, 1)
    )

    later = NOW + timedelta(hours=2)
    assert due([adapting], {"a": state}, later) == []
    assert due([shorter], {"a": state}, later) == [shorter]


def test_a_hint_stays_a_floor_for_an_adaptive_interval():
    first = polled(NEW, known=0, of=20)
    hinted = after_success(
        replace(first, interval=timedelta(minutes=5)),
        source(**ADAPTING),
        fetched(fetched_at=first.next_poll, fresh_for=timedelta(hours=1)),
        read(seen=(1, 2)),
        known=set(),
        new_entries=True,
        jitter=0,
    )

    assert hinted.next_poll - hinted.last_poll == timedelta(hours=1)
    assert hinted.next_poll_reason.startswith("hint: ")


@given(polls=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=60))
def test_the_interval_never_leaves_its_bounds(polls):
    state = NEW
    for known, fresh in polls:
        state = polled(state, known=known, of=known + fresh)

        wait = state.next_poll - state.last_poll
        assert ADAPTING["min_interval"] <= wait <= ADAPTING["max_interval"]


@given(pace=st.floats(0.5, 200), length=st.integers(20, 200))
def test_a_steady_source_comes_to_a_third_to_two_thirds_known(pace, length):
    """`pace` new entries an hour, in a document that lists the last `length`."""
    adapting, state = source(**ADAPTING), polled(NEW, known=0, of=length)
    for _ in range(40):
        hours = interval_of(adapting, state) / timedelta(hours=1)
        known = max(0, length - round(pace * hours))
        state = polled(state, known=known, of=length)

    interval = interval_of(adapting, state)
    known = 1 - round(pace * (interval / timedelta(hours=1))) / length
    assert (
        1 / 3 <= known < 2 / 3
        or (known < 1 / 3 and interval == ADAPTING["min_interval"])
        or (known >= 2 / 3 and interval == ADAPTING["max_interval"])
    )


# --- servers that lie with 304


def test_validators_are_sent_for_a_day_after_the_last_whole_document():
    state = success(NEW, document=read())
    unchanged = NotModified(
        validators=Validators(), fetched_at=NOW + timedelta(hours=20)
    )
    later = success(state, unchanged)

    sent = [conditions(later, NOW + timedelta(hours=hours)) for hours in (23, 24, -1)]

    assert sent == [state.validators, Validators(), Validators()]


def test_known_bytes_are_a_whole_document_too():
    state = success(NEW, document=read())
    later = success(state, fetched(fetched_at=NOW + timedelta(hours=25)))

    assert conditions(later, NOW + timedelta(hours=26)) == later.validators


# --- permanent redirects

THERE = "https://b.example/rss"


def redirected(*polls: tuple[float, str | None]) -> SourceState:
    """After good polls, so many hours from now, redirected for good to an address."""
    state = NEW
    for number, (hours, url) in enumerate(polls):
        settings = {
            "fetched_at": NOW + timedelta(hours=hours),
            "permanent_url": url,
            "validators": Validators(),
        }
        # A 304 says as well as a 200 where the source is.
        result = NotModified(**settings) if number % 2 else fetched(**settings)
        state = success(state, result)
    return state


def test_five_sightings_over_three_days_confirm_a_move():
    polls = [(hours, THERE) for hours in (0, 18, 36, 54, 72)]

    state = redirected(*polls)

    assert state.moved == Moved(
        url=THERE,
        first_seen=NOW,
        last_seen=NOW + timedelta(hours=72),
        sightings=5,
    )
    assert state.moved.confirmed
    assert not redirected(*polls[:4]).moved.confirmed
    assert not redirected(*polls[:3], polls[4]).moved.confirmed


def test_many_sightings_in_a_short_time_confirm_nothing():
    assert not redirected(*((n, THERE) for n in range(72))).moved.confirmed


def test_one_poll_that_is_not_redirected_so_forgets():
    confirmed = [(24 * n, THERE) for n in range(6)]

    assert redirected(*confirmed).moved.confirmed
    assert redirected(*confirmed, (150, None)).moved is None
    assert redirected(*confirmed, (150, "https://c.example/")).moved.sightings == 1
    # The clock was set back.
    assert redirected(*confirmed, (-1, THERE)).moved.sightings == 1


def test_a_failure_neither_counts_nor_forgets():
    state = redirected((0, THERE), (24, THERE))

    assert failure(state).moved == state.moved


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


def test_status_shows_when_it_is_polled_after_the_clock_was_set_back():
    state, now = success(NEW, document=read()), NOW - timedelta(days=365)

    shown = as_planned([source()], {"a": state}, now)["a"]

    assert shown.next_poll == now
    assert shown.next_poll_reason.startswith("interval: at once")
    assert as_planned([source()], {"a": state}, NOW)["a"] == state


def test_status_shows_a_shorter_interval_at_once():
    state = success(NEW, document=read())
    shorter = source(interval=timedelta(minutes=5))

    shown = as_planned([shorter], {"a": state}, NOW)["a"]

    assert shown.next_poll < NOW + timedelta(minutes=6)
    assert shown.next_poll_reason.startswith("interval: ")


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


# --- hours that sources skip, and their own


def test_skipped_hours_are_a_floor_that_survives_a_304():
    """Until 14 h GMT of the first of September, a Tuesday, is skipped: it is 10 h."""
    skipped = frozenset({24 + hour for hour in range(14)})
    first = success(NEW, document=read(info=FeedInfo(skipped=skipped)))
    second = success(first, NotModified(validators=Validators(), fetched_at=NOW))

    assert first.next_poll == second.next_poll == NOW + timedelta(hours=4)
    assert (
        second.next_poll_reason == "hint: the source skips hours, the next poll in 4h"
    )
    assert not due([source()], {"a": second}, NOW + timedelta(hours=3, minutes=59))
    assert due([source()], {"a": second}, NOW + timedelta(hours=4))


def test_skipped_days_are_capped_at_a_day():
    skipped = frozenset(range(24, 168))

    state = success(NEW, document=read(info=FeedInfo(skipped=skipped)))

    assert state.next_poll == NOW + timedelta(hours=24)


@pytest.mark.parametrize(("known", "factor"), [(20, 1.25), (17, 1), (0, 1)])
def test_a_long_hint_does_not_stop_adapting(known, factor):
    """Found in 8 intervals: none new is a slow source, three of 20 are too few to tell."""
    interval = timedelta(minutes=30)
    hinted = SourceState(
        id="a",
        interval=interval,
        fresh_for=8 * interval,
        first_success=NOW,
        last_success=NOW,
        last_poll=NOW,
        next_poll=NOW + 8 * interval,
    )
    new = 0 if known == 20 else 20 * 8 * 0.5 if known == 17 else 20
    state = polled(hinted, known=max(0, 20 - round(new)), of=20, after=8 * interval)

    assert state.interval == interval * (factor if known != 17 else 1)


@given(jitter=st.floats(0, 1), code=st.sampled_from(["timeout", "http_429", None]))
def test_jitter_leads_over_no_cap(jitter, code):
    day = timedelta(hours=24)
    retry_at = NOW + 2 * day if code == "http_429" else None
    error = SourceError(code=code, message="", retry_at=retry_at) if code else None

    at, _ = next_due(QUARTER, error, 99, 2 * day, NOW, jitter)

    assert at == NOW + day


@given(jitter=st.floats(0, 1))
def test_max_interval_holds_with_jitter_which_still_parts_sources(jitter):
    state = SourceState(id="a", last_success=NOW, interval=timedelta(hours=6))
    adapting = source(**ADAPTING)
    after = after_success(
        state,
        adapting,
        fetched(),
        read(),
        known=set(),
        new_entries=False,
        jitter=jitter,
    )

    wait = after.next_poll - NOW
    assert timedelta(hours=5) < wait <= timedelta(hours=6)
    assert wait == timedelta(hours=6) - timedelta(minutes=36) * (1 - jitter)
