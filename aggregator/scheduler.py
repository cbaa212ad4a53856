"""When a source is polled, and what a poll means for it. Pure, but for `ticking`.

The rules, in the order they win:

1. Retry-After (429, 503) is honoured up to 24 h, for every source of that host.
2. 410 Gone: a probe a week.
3. A failure backs off: the interval, doubled with each failure in a row, up to 24 h,
   so that nothing is given up and nothing is retried in a burst.
4. While a hub brings the news (WebSub), a cross-check a day; see `after_push`.
5. Otherwise the interval, or the server's hint when that is longer, up to 24 h.

The interval is the operator's, or adapts to the source: a poll should find a third to
two thirds of the document's entries known, so that nothing is missed and little is
asked in vain. It is counted by the source's own clock (rhythm.py), which goes faster in
the hours in which it publishes more.

A tenth of the wait is added at random, so that sources that met once part again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from aggregator.links import resolve
from aggregator.model import (
    DocumentRead,
    FeedInfo,
    Fetched,
    HubLinks,
    Moved,
    NotModified,
    Pushes,
    RecordedError,
    RecordedWarning,
    Source,
    SourceError,
    SourceState,
    SourceWarning,
    Validators,
)
from aggregator.rhythm import Hours, learnt

#: Longest wait that a failure, a hint or Retry-After can cause: one probe a day.
LONGEST_WAIT = timedelta(hours=24)
#: 410 Gone means it; a portal that comes back is found within a week.
GONE_WAIT = timedelta(days=7)
#: Some servers answer 304 whatever changed: so often the whole document is asked for.
WHOLE_DOCUMENT = timedelta(hours=24)
#: While a hub brings all news, a poll only makes sure of it.
CROSS_CHECK = timedelta(hours=24)
#: Pushes have stopped when none came for twice the usual gap; inside these bounds,
#: because portals publish in bursts, and an entry a week is no reason to wait a month.
QUIET_GAPS = 2
LEAST_QUIET = timedelta(hours=1)
MOST_QUIET = timedelta(days=7)
#: The longest gap counts as the usual one, less with each push that comes sooner:
#: nights are forgotten in the course of a day.
GAP_DECAY = 0.9
#: A push that brings only word of news has the source polled, so often at most.
HINT_GAP = timedelta(minutes=1)
#: Share of the wait that is added at random.
JITTER = 0.1
#: A poll should find this share of the entries known. Under it the source may soon
#: publish more between two polls than its document holds; over it most polls are vain.
LEAST_KNOWN = 1 / 3
MOST_KNOWN = 2 / 3
#: Not everybody at the first second of the first hour that a source leaves free.
SKIPPED_JITTER = timedelta(minutes=5)
#: Quick to follow a busy source, where news is lost; slow to leave a quiet one alone.
SHORTER = 0.5
LONGER = 1.25
#: A poll this many intervals after the one before says nothing of the interval:
#: earlier it was asked for by hand, later something stood still or was waited for.
ON_TIME = (0.5, 2.0)


def due(
    sources: Sequence[Source], states: Mapping[str, SourceState], now: datetime
) -> list[Source]:
    """The enabled sources whose time has come, in the order of feeds.yaml."""
    closed = _hosts_to_leave_alone(sources, states, now)
    return [
        source
        for source in sources
        if source.enabled
        and _is_due(source, states.get(source.id), now)
        and closed.get(host_of(source.url), now) <= now
    ]


@lru_cache(100_000)  # asked several times a source and cycle
def host_of(url: str) -> str:
    """The host by which politeness counts: lower case, without port."""
    return (urlsplit(url).hostname or "").lower()


def _is_due(source: Source, state: SourceState | None, now: datetime) -> bool:
    return state is None or _due_at(source, state, now) <= now


def _due_at(source: Source, state: SourceState, now: datetime) -> datetime:
    """When it is polled as things stand; what is stored may have been overtaken."""
    if state.next_poll is None or state.last_poll is None:
        return now
    if state.last_poll > now:
        # The clock was set back: waiting for the old time could take for ever.
        return now
    if state.error is None and state.pushes is None:
        # The operator may have shortened the interval since.
        _, most = _bounds(source)
        longest = _wait_after_success(most, state.fresh_for) * (1 + JITTER)
        if state.info.skipped:
            longest = max(longest, LONGEST_WAIT)
        return min(state.next_poll, state.last_poll + longest)
    return state.next_poll


def as_planned(
    sources: Sequence[Source], states: Mapping[str, SourceState], now: datetime
) -> dict[str, SourceState]:
    """The states for `status`: the next poll of each source as it will take place."""
    closed = _hosts_to_leave_alone(sources, states, now)
    shown = dict(states)
    for source in sources:
        state, until = states.get(source.id), closed.get(host_of(source.url))
        if state is None or state.next_poll is None:
            continue
        next_poll, reason = _due_at(source, state, now), state.next_poll_reason
        if next_poll < state.next_poll:
            reason = "interval: shorter than it was at the last poll"
            if state.last_poll and state.last_poll > now:
                reason = "interval: at once, since the clock was set back"
        if until and next_poll < until:
            next_poll = until
            reason = "retry-after: another source of this host was asked to wait"
        if (next_poll, reason) != (state.next_poll, state.next_poll_reason):
            shown[source.id] = replace(
                state, next_poll=next_poll, next_poll_reason=reason
            )
    return shown


def _hosts_to_leave_alone(
    sources: Sequence[Source], states: Mapping[str, SourceState], now: datetime
) -> dict[str, datetime]:
    """Hosts that asked for peace, and until when."""
    closed: dict[str, datetime] = {}
    for source in sources:
        state = states.get(source.id)
        # The cap guards against a clock that was set back.
        if state and state.retry_at and now < state.retry_at <= now + LONGEST_WAIT:
            host = host_of(source.url)
            closed[host] = max(closed.get(host, now), state.retry_at)
    return closed


def conditions(state: SourceState, now: datetime) -> Validators:
    """The validators of the next request; none when a whole document is due."""
    if state.last_full is None:
        return Validators()
    # From the future: the clock was set back.
    believed = timedelta(0) <= now - state.last_full < WHOLE_DOCUMENT
    return state.validators if believed else Validators()


# --- the source's own pace ------------------------------------------------------


def interval_of(source: Source, state: SourceState) -> timedelta:
    """The present interval: what adapting came to, inside the operator's bounds."""
    return _inside_bounds(source, state.interval)


def _inside_bounds(source: Source, interval: timedelta | None) -> timedelta:
    least, most = _bounds(source)
    return min(max(interval or source.interval, least), most)


def _bounds(source: Source) -> tuple[timedelta, timedelta]:
    return (
        source.min_interval or source.interval,
        source.max_interval or source.interval,
    )


def _adapted(
    source: Source,
    state: SourceState,
    read: DocumentRead | None,
    known: Set[int],
    now: datetime,
    hours: Hours,
) -> tuple[timedelta | None, str]:
    """The interval after a good poll, None when nothing was ever learnt; and why."""
    least, most = _bounds(source)
    before = interval_of(source, state)
    if least == most:
        return None, f"interval: every {in_words(before)}"
    if state.last_success is None:
        reason = "until the source's own pace is known"
        return None, f"adaptive: every {in_words(before)}, {reason}"
    if state.pushes is not None:
        reason = "as before; pushes came between"
        return state.interval, f"adaptive: every {in_words(before)}, {reason}"
    planned = before
    if state.error is None and state.next_poll is not None:
        planned = max(before, hours.spent(state.last_success, state.next_poll))
    spent = hours.spent(state.last_success, now)
    if not before * ON_TIME[0] <= spent <= planned * ON_TIME[1]:
        reason = "as before; the last two polls were not an interval apart"
        return state.interval, f"adaptive: every {in_words(before)}, {reason}"
    share = _share_known(read, known)
    if spent > ON_TIME[1] * before and share:
        # A hint made it wait: so much would have been new after an interval.
        share = 1 - (1 - share) * (before / spent)
    factor = 1.0
    if share >= MOST_KNOWN:
        factor = LONGER
    elif share < LEAST_KNOWN and spent <= ON_TIME[1] * before:
        # Of a longer wait nobody knows how much a document lost that is all new.
        factor = SHORTER
    interval = min(max(before * factor, least), most)
    found = f"{share:.0%} of the document was known"
    return (
        interval,
        f"adaptive: every {in_words(interval)}, {_step(before, interval)}; {found}",
    )


def _share_known(read: DocumentRead | None, known: Set[int]) -> float:
    """1.0 for a document that did not change, or lists nothing."""
    listed = set(read.seen) if read else set()
    return len(listed & known) / len(listed) if listed else 1.0


def _step(before: timedelta, interval: timedelta) -> str:
    if interval == before:
        return "as before"
    return "more often than before" if interval < before else "less often than before"


# --- what a poll means for its source -------------------------------------------


def after_success(
    state: SourceState,
    source: Source,
    result: Fetched | NotModified,
    read: DocumentRead | None,
    *,
    known: Set[int],
    new_entries: bool,
    arrivals: Sequence[datetime] = (),
    jitter: float,
) -> SourceState:
    """The state after a 200 or 304; `read` is None when the bytes were known already.

    `known`: key hashes that were stored before the poll; `arrivals`: effective dates of
    the new entries.
    """
    now = result.fetched_at
    info = read.info if read else state.info
    fresh_for = _longest(result.fresh_for, info.fresh_for)
    if isinstance(result, NotModified) and result.fresh_for is None:
        # RFC 9111, 4.3.4: a 304 that says nothing leaves what the 200 said; zero, which
        # is what no-cache means, leaves the document's own hint alone.
        fresh_for = state.fresh_for
    hours = Hours(state.rhythm, source.timezone)
    interval, why = _adapted(source, state, read, known, now, hours)
    wait, why = _by_its_hours(source, _inside_bounds(source, interval), now, hours, why)
    next_poll, reason = next_due(wait, None, 0, fresh_for, now, jitter, why=why)
    least, most = _bounds(source)
    if least < most and not reason.startswith("hint"):
        # Jitter stays inside max_interval, and spreads there as well.
        next_poll = min(next_poll, now + most * (1 - JITTER * (1 - jitter)))
    pushes = _borne_out(state.pushes, now, new_entries=new_entries)
    if pushes is not None:
        next_poll, reason = _cross_check(pushes, now, next_poll)
    next_poll, reason = _past_skipped(next_poll, reason, info.skipped, now, jitter)
    return replace(
        state,
        validators=_refreshed(state.validators, result),
        body_hash=result.body_hash if isinstance(result, Fetched) else state.body_hash,
        info=_with_hubs(info, result.hub_links, source),
        error=None,
        warnings=_since(state.warnings, read.warnings, now) if read else state.warnings,
        first_success=state.first_success or now,
        last_success=now,
        last_poll=now,
        last_new_entry=now if new_entries else state.last_new_entry,
        last_full=now if isinstance(result, Fetched) else state.last_full,
        moved=_moved(state.moved, result),
        retry_at=None,
        fresh_for=fresh_for,
        interval=interval,
        pushes=pushes,
        rhythm=learnt(
            state.rhythm,
            arrivals,
            before=state.last_success,
            now=now,
            zone=source.timezone,
        ),
        next_poll=next_poll,
        next_poll_reason=reason,
    )


def _by_its_hours(
    source: Source, interval: timedelta, now: datetime, hours: Hours, why: str
) -> tuple[timedelta, str]:
    """How long to wait now, and why: the interval by the source's own clock."""
    least, most = _bounds(source)
    if least == most or not hours.known:
        return interval, why
    wait = max(hours.after(now, interval, now + most) - now, least)
    if in_words(wait) == in_words(interval):
        return wait, why
    much = "more" if wait < interval else "less"
    return wait, f"{why}; {in_words(wait)} now, when it publishes {much} than usual"


def _past_skipped(
    at: datetime, reason: str, skipped: Set[int], now: datetime, jitter: float
) -> tuple[datetime, str]:
    """The first moment from `at` on that skipHours and skipDays leave free."""
    free, latest = at, now + LONGEST_WAIT
    while free.weekday() * 24 + free.hour in skipped and free < latest:
        free = free.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        free += SKIPPED_JITTER * jitter
    if free == at:
        return at, reason
    free = max(at, min(free, latest))
    return (
        free,
        f"hint: the source skips hours, the next poll in {in_words(free - now)}",
    )


def after_failure(
    state: SourceState,
    source: Source,
    error: SourceError,
    *,
    now: datetime,
    jitter: float,
) -> SourceState:
    """The state after a failed poll: what is stored stays, the next poll is further off."""
    asked_until = error.retry_at
    asked_to_wait = asked_until is not None or error.code == "http_429"
    before = state.error.count if state.error else 0
    count = before + (not asked_to_wait)
    # Days of rest that the server asked for are no days of failure.
    is_first = state.error is None or before < count == 1
    if error.code == "http_429" and asked_until is None:
        # It raises no count, and the source is asked less and less often all the same.
        wait = _twice_the_last_wait(state, source)
        error = replace(error, retry_at=now + wait)
    interval = interval_of(source, state)
    next_poll, reason = next_due(interval, error, count, state.fresh_for, now, jitter)
    return replace(
        state,
        error=RecordedError(
            code=error.code,
            message=error.message,
            since=now if is_first or state.error is None else state.error.since,
            count=count,
        ),
        last_poll=now,
        retry_at=asked_until,
        next_poll=next_poll,
        next_poll_reason=reason,
    )


def _twice_the_last_wait(state: SourceState, source: Source) -> timedelta:
    refused = state.error is not None and state.error.code == "http_429"
    if refused and state.next_poll and state.last_poll:
        return min(2 * (state.next_poll - state.last_poll), LONGEST_WAIT)
    return 2 * interval_of(source, state)


def next_due(
    interval: timedelta,
    error: SourceError | None,
    failures: int,
    fresh_for: timedelta | None,
    now: datetime,
    jitter: float,
    *,
    why: str | None = None,
) -> tuple[datetime, str]:
    """When to poll again, and why then, as ``reason: sentence``.

    `failures` in a row, this one included; `jitter` from 0 to 1; times aware, UTC;
    `why` the interval is what it is.
    """
    if error is None:
        wait = _wait_after_success(interval, fresh_for)
        if fresh_for and wait > interval:
            reason = f"hint: the source asks to be polled every {in_words(wait)}"
        else:
            reason = why or f"interval: every {in_words(interval)}"
    elif error.retry_at is not None:
        wait = min(max(error.retry_at - now, interval), LONGEST_WAIT)
        reason = f"retry-after: the server wants fewer requests, the next in {in_words(wait)}"
    elif error.code == "http_410":
        wait, reason = GONE_WAIT, "paused: the server says it is gone; a probe a week"
    else:
        wait = _back_off(interval, failures)
        times = "1 failure" if failures == 1 else f"{failures} failures in a row"
        reason = f"backoff: {times}, the next poll in {in_words(wait)}"
    # The caps are caps of the whole wait.
    return now + min(wait * (1 + JITTER * jitter), max(wait, LONGEST_WAIT)), reason


def _wait_after_success(interval: timedelta, fresh_for: timedelta | None) -> timedelta:
    return max(interval, min(fresh_for or interval, LONGEST_WAIT))


def _back_off(interval: timedelta, failures: int) -> timedelta:
    doublings = min(max(failures - 1, 0), 20)  # 2^20 intervals are over any cap
    return max(interval, min(interval * (1 << doublings), LONGEST_WAIT))


def _longest(*hints: timedelta | None) -> timedelta | None:
    return max((hint for hint in hints if hint), default=None)


def _with_hubs(info: FeedInfo, named: HubLinks, source: Source) -> FeedInfo:
    """Hubs as the headers name them, else as the document does (WebSub, 4)."""
    known = info.hub_links
    hubs = named.hubs or known.hubs
    if not hubs:
        return info
    # It has to have a name; old hubs know a feed by its address.
    topic = named.topic or known.topic or resolve(None, source.url)
    return replace(info, hub_links=HubLinks(hubs=hubs, topic=topic))


def _refreshed(stored: Validators, result: Fetched | NotModified) -> Validators:
    if isinstance(result, Fetched):
        return result.validators
    # Each for itself: a 304 may carry one and not the other (RFC 9110, 15.4.5).
    return Validators(
        etag=result.validators.etag or stored.etag,
        last_modified=result.validators.last_modified or stored.last_modified,
    )


# --- what a push means for its source ---------------------------------------------


def after_push(
    state: SourceState, source: Source, now: datetime, lease: datetime, *, new: bool
) -> SourceState:
    """The state after a push that brought content; `lease`: when its subscription ends.

    Only polls say how the source does and what it lists. While pushes arrive they are
    a cross-check a day. One that finds news of its own (`after_success`) ends that
    until the next push, and so does silence.
    """
    pushes = _pushed(state, now, lease)
    state = replace(
        state, pushes=pushes, last_new_entry=now if new else state.last_new_entry
    )
    if state.error is not None or state.last_poll is None or pushes.hint:
        return state
    ordinary = state.last_poll + _wait_after_success(
        interval_of(source, state), state.fresh_for
    )
    next_poll, reason = _cross_check(pushes, state.last_poll, ordinary)
    next_poll, reason = _past_skipped(
        next_poll, reason, state.info.skipped, next_poll, 0
    )
    return replace(state, next_poll=next_poll, next_poll_reason=reason)


def hinted_poll(last: datetime | None, now: datetime) -> datetime:
    """When to poll on word of news; `last`: when that was, or will be, done last."""
    if last is None or not now - HINT_GAP < last <= now + HINT_GAP:
        return now
    return last if last > now else last + HINT_GAP


def after_hint(
    state: SourceState, poll_at: datetime, now: datetime, lease: datetime
) -> SourceState:
    """The state after a push that brought only word of news: it is polled at `poll_at`.

    Not one that fails: word of news is no reason to press a server that is down.
    """
    state = replace(state, pushes=replace(_pushed(state, now, lease), hint=True))
    if state.error is not None or state.last_poll is None:
        return state
    return replace(
        state,
        next_poll=poll_at,
        next_poll_reason="websub: a hub says that there is news",
    )


def after_absence(state: SourceState, now: datetime) -> SourceState:
    """The state when pushes may have been missed: the source is polled at once."""
    if state.pushes is None or state.error is not None:
        return state
    return replace(state, next_poll=now)


def without_pushes(state: SourceState, source: Source | None) -> SourceState:
    """The state when no hub pushes (any more): the source is polled as others are."""
    if state.pushes is None:
        return state
    state = replace(state, pushes=None)
    if state.error is not None or state.last_poll is None or source is None:
        return state
    interval = interval_of(source, state)
    next_poll, reason = next_due(interval, None, 0, state.fresh_for, state.last_poll, 0)
    return replace(state, next_poll=next_poll, next_poll_reason=reason)


def _pushed(state: SourceState, now: datetime, lease: datetime) -> Pushes:
    before = state.pushes
    last = before.last if before else state.last_new_entry
    gap = max(now - last, timedelta()) if last else timedelta()
    gap = max(gap, before.gap * GAP_DECAY if before else timedelta())
    quiet = min(max(QUIET_GAPS * gap, LEAST_QUIET), MOST_QUIET)
    return Pushes(
        last=now,
        gap=gap,
        until=min(now + quiet, lease),
        hint=before.hint if before else False,
    )


def _borne_out(
    pushes: Pushes | None, now: datetime, *, new_entries: bool
) -> Pushes | None:
    """What is believed of the pushes after a poll; None: nothing, until the next one.

    They missed something when a poll finds news that nobody told of, and are of no use
    when it finds none of what was told: a cache may still have the old document.
    """
    if pushes is None or now >= pushes.until or pushes.hint != new_entries:
        return None
    return replace(pushes, hint=False)


def _cross_check(
    pushes: Pushes, last_poll: datetime, ordinary: datetime
) -> tuple[datetime, str]:
    next_poll = max(min(last_poll + CROSS_CHECK, pushes.until), ordinary)
    return next_poll, "websub: a hub brings the news; a cross-check a day"


def _moved(before: Moved | None, result: Fetched | NotModified) -> Moved | None:
    """One good poll that is not redirected for good, or elsewhere, and all is forgotten."""
    url, now = result.permanent_url, result.fetched_at
    if url is None:
        return None
    # From the future: the clock was set back.
    if before is None or before.url != url or before.first_seen > now:
        return Moved(url=url, first_seen=now, last_seen=now, sightings=1)
    return replace(before, last_seen=now, sightings=before.sightings + 1)


def _since(
    before: Sequence[RecordedWarning], found: Sequence[SourceWarning], now: datetime
) -> tuple[RecordedWarning, ...]:
    known = {warning.code: warning.since for warning in before}
    return tuple(
        RecordedWarning(
            code=warning.code,
            message=warning.message,
            since=known.get(warning.code, now),
        )
        for warning in found
    )


def in_words(span: timedelta) -> str:
    """A duration as feeds.yaml writes it: ``15m``, ``2h``, ``36h``; rounded."""
    seconds = round(span.total_seconds())
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 7200:
        return f"{round(seconds / 60)}m"
    return (
        f"{round(seconds / 3600)}h"
        if seconds < 172_800
        else f"{round(seconds / 86_400)}d"
    )


# --- the tick -------------------------------------------------------------------


@asynccontextmanager
async def ticking(
    jobs: Sequence[tuple[Callable[[], object], timedelta]],
) -> AsyncIterator[None]:
    """Call each job at its interval, on the running loop, while the block runs.

    A job hands work over and returns at once: APScheduler skips the ticks of a job
    that still runs, and shutting it down cancels coroutines.
    """
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    # The machine's TZ may be invalid, and APScheduler's default then raises.
    scheduler = AsyncIOScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None}
    )
    for job, interval in jobs:
        scheduler.add_job(_in_loop(job), "interval", seconds=interval.total_seconds())
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _in_loop(job: Callable[[], object]) -> Callable[[], object]:
    async def call() -> None:  # a plain function would run in a thread
        job()

    return call
