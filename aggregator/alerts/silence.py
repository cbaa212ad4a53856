"""Which sources are silent, measured by their own pace."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from aggregator.model import Silence, Source, SourceState, Watch

#: Silent for so many usual gaps, and for so long at least: a weekend is no silence.
GAPS = 3
SHORTEST = timedelta(days=3)
#: A pace is learnt from so many days (or hours) with entries at least ...
ENOUGH = 3
#: ... and from so many of the latest at most.
LATEST = 30
#: Of the gaps the longest tenth is left out: holidays, an entry pinned for years.
LEFT_OUT = 0.1


def first_sight_sources(
    sources: Sequence[Source], states: Mapping[str, SourceState]
) -> list[str]:
    """Ids of the sources whose newest entry has to be known: it may be an old one."""
    return [
        source.id
        for source in sources
        if source.enabled
        and (state := states.get(source.id))
        and state.last_new_entry
        and brought_nothing_since_first_sight(state)
    ]


def quiet_sources(
    sources: Sequence[Source],
    states: Mapping[str, SourceState],
    newest: Mapping[str, datetime],
) -> list[str]:
    """Ids of the sources whose pace has to be known: all others are not silent.

    `newest`: effective dates, of `first_sight_sources`.
    """
    return [
        source.id
        for source in sources
        if source.enabled
        and (state := states.get(source.id))
        and _is_quiet(state, newest.get(source.id))
    ]


def _is_quiet(state: SourceState, newest: datetime | None) -> bool:
    if state.last_success is None or state.last_new_entry is None:
        return False
    since = min(state.last_new_entry, newest or state.last_new_entry)
    return state.last_success - since >= SHORTEST


def brought_nothing_since_first_sight(state: SourceState) -> bool:
    """What it has came with the first poll, and may have been old then."""
    return state.last_new_entry == state.first_success


def silence_of(
    state: SourceState, moments: Sequence[datetime], watch: Watch, now: datetime
) -> Silence | None:
    """None for a source that is not silent, or whose pace is not known.

    `moments`: effective dates of its entries, newest first, a few days at least. Only
    good polls count as silence; when the clock jumped, one that came after it at least,
    or everything would be silent at once.
    """
    gap = usual_gap(moments)
    if gap is None or state.last_success is None or state.last_new_entry is None:
        return None
    since = state.last_new_entry
    if brought_nothing_since_first_sight(state):
        since = min(since, moments[0])
    if watch.trusted_since is not None and state.last_success <= watch.trusted_since:
        return None
    if min(state.last_success, now) - since < max(GAPS * gap, SHORTEST):
        return None
    return Silence(since=since, usual_gap=gap)


def usual_gap(moments: Sequence[datetime]) -> timedelta | None:
    """The mean between days that brought entries, else between hours; None: too few.

    Days, because a portal that posts ten entries each Monday is not silent on Tuesday.
    """
    for unit in (timedelta(days=1), timedelta(hours=1)):
        steps = sorted(
            {int(moment.timestamp() // unit.total_seconds()) for moment in moments}
        )
        steps = steps[-LATEST:]
        if len(steps) >= ENOUGH:
            gaps = sorted(after - before for before, after in pairwise(steps))
            kept = gaps[: len(gaps) - math.ceil(len(gaps) * LEFT_OUT)]
            return unit * (sum(kept) / len(kept))
    return None
