"""Whether it is us: when no server answers any more, this machine has no network.

Offline is when in the last round no server gave an HTTP answer, several hosts were
tried, and no error can be the work of a server alone. A round is a cycle of `once`; in
`run` it is the polls since the last answer, and when too few were due, sources are
asked out of turn, the most reliable first.

Polls that nobody answered wait for the verdict (`pipeline.Machine`). Offline, they are
forgotten: no source has failed. One source is asked every minute, and after the first
answer all that is overdue is polled within a quarter of an hour. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

from aggregator.model import Failed, FetchResult, Source, SourceState
from aggregator.scheduler import host_of

#: What a machine without a network meets; anything else came from the other side.
OUR_ERRORS = frozenset({"dns", "connect", "timeout"})
#: Two portals may lie in one house that burns; three hosts are the rule of the contract.
HOSTS = 3
#: How often a source is asked while nobody answers.
TRY_EVERY = timedelta(minutes=1)
#: A fetch in flight when the silence began may still be answered for so long, by the
#: default deadline twice over.
SILENCE = timedelta(minutes=1)
#: In silence, how long before a source is asked out of turn, and then another.
DOUBT = timedelta(seconds=10)
#: After the first answer: soon, but not all of us at once, nor at one second.
RETURN = timedelta(minutes=15)


class Verdict(Enum):
    OPEN = auto()
    #: The sources failed.
    THEM = auto()
    #: This machine is offline.
    US = auto()


def was_answered(result: FetchResult) -> bool:
    """Whether somebody answered, or the error cannot be our network's."""
    return (
        not isinstance(result, Failed)
        or result.answered
        or result.error.code not in OUR_ERRORS
    )


def did_not_answer(state: SourceState) -> bool:
    """Whether nobody answered the last poll: the next one may hang as well."""
    return state.error is not None and state.error.code in OUR_ERRORS


def verdict(hosts: int, silent_for: timedelta, *, nothing_left: bool) -> Verdict:
    """What so many hosts mean that did not answer, since the last one that did.

    `nothing_left`: no poll is in flight and nobody else can be asked.
    """
    if hosts >= HOSTS:
        long_enough = not timedelta() <= silent_for < SILENCE  # or the clock was set
        return Verdict.US if nothing_left or long_enough else Verdict.OPEN
    return Verdict.THEM if nothing_left else Verdict.OPEN


def can_tell(sources: Iterable[Source]) -> bool:
    """Whether so many hosts are configured that their silence means anything."""
    return len({host_of(source.url) for source in sources if source.enabled}) >= HOSTS


def scouts(
    sources: Sequence[Source],
    states: Mapping[str, SourceState],
    now: datetime,
    *,
    but_hosts: Set[str] = frozenset(),
) -> list[Source]:
    """Whom to ask whether anybody answers: those that do first, then the next to be due.

    Hosts that asked for peace are left in it.
    """

    def rank(source: Source) -> tuple[bool, bool, datetime]:
        state = states.get(source.id, SourceState(id=source.id))
        return state.error is not None, state.next_poll is None, state.next_poll or now

    resting = {
        host_of(source.url)
        for source in sources
        if (state := states.get(source.id)) and state.retry_at and state.retry_at > now
    }
    found = [
        source
        for source in sources
        if source.enabled and host_of(source.url) not in resting | but_hosts
    ]
    return sorted(found, key=rank)


def whose_minute(
    candidates: Sequence[Source], since: datetime, now: datetime
) -> list[Source]:
    """The one, if any, to ask in this minute of being offline; each has its turn."""
    if not candidates:
        return []
    return [candidates[(now - since) // TRY_EVERY % len(candidates)]]


def after_return(
    states: Iterable[SourceState], now: datetime, jitter: Callable[[], float]
) -> list[SourceState]:
    """The states of what is overdue when the network is back, spread; `jitter` is 0 to 1."""
    reason = "interval: this machine was offline; what is overdue is polled within 15m"
    return [
        # As if polled now, or waiting for a quarter of an hour would look overdue too.
        replace(
            state,
            last_poll=now,
            next_poll=now + RETURN * jitter(),
            next_poll_reason=reason,
        )
        for state in states
        if state.next_poll is not None and state.next_poll <= now
    ]


def as_shown(
    states: Mapping[str, SourceState], offline_since: datetime | None, now: datetime
) -> Mapping[str, SourceState]:
    """The states for `status`: while offline, nothing is polled as planned."""
    if offline_since is None:
        return states
    reason = (
        "backoff: no source answers, so this machine is offline; one is asked every "
        "minute, and all that is overdue within 15m of the first answer"
    )
    return {
        id_: replace(
            state,
            next_poll=max(state.next_poll or now, now + TRY_EVERY),
            next_poll_reason=reason,
        )
        for id_, state in states.items()
    }
