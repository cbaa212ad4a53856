"""One cycle: poll what is due, keep, expire, publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import monotonic

from aggregator import documents
from aggregator.alerts import Lookout
from aggregator.app.telling import tell_waiting
from aggregator.app.wiring import open_pipeline, open_store, sync
from aggregator.clock import Clock, SystemClock
from aggregator.config import Config
from aggregator.errors import PublishError, StoreError
from aggregator.model import Source, SourceState
from aggregator.pipeline import Machine, StoreThread, Totals
from aggregator.scheduler import due, without_pushes
from aggregator.store import Store

#: Expiry follows a clock so far ahead a round: a machine that was off for a month is
#: believed after five rounds, one that woke up a year ahead after 53.
MOST_BELIEVED = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What one cycle did; the JSON of ``aggregator once``."""

    sources: int
    fetched: int
    not_modified: int
    failed: int
    entries_new: int
    entries_updated: int
    stories_new: int
    documents_written: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def once(
    config: Config,
    *,
    everything: bool = False,
    clock: Clock | None = None,
    on_start: Callable[[int], None] = lambda count: None,
    on_poll: Callable[[Source], None] = lambda source: None,
) -> CycleReport:
    """Poll the sources that are due (or all that are enabled) and publish what changed.

    Locked, StoreError or PublishError when the store or a document cannot be written.
    """
    clock = clock or SystemClock()
    started = monotonic()
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        sync(store, config)
        # Nobody takes what hubs push to `run`.
        states = unpushed(store.states(), config)
        now = clock.now()
        # What a crash left undone, before any poll; a file that cannot be written must
        # not keep news from being read, and publishing says so again.
        recovered: set[str] | None = None
        output = documents.opened(config)
        with suppress(PublishError):
            recovered = documents.recover(store, config, now, states, output=output)
        if everything:
            sources = [source for source in config.sources if source.enabled]
        else:
            sources = due(config.sources, states, now)
        on_start(len(sources))
        totals, after = asyncio.run(
            _cycle(
                config,
                store,
                clock,
                sources,
                states,
                insist=everything,
                on_poll=on_poll,
            )
        )
        expired = 0
        if totals.fetched or totals.not_modified:
            expired = expire_by(store, config, clock.now(), after)
        Lookout(store).look(config, after, clock.now())
        written = recovered or set()
        try:
            before, now = now, clock.now()
            # What was recovered stands as the store was before the polls.
            if (
                recovered is None
                or totals.fetched
                or totals.stories_changed
                or totals.lost
                or expired
                or documents.day_of(config, before) != documents.day_of(config, now)
                or store.requests()
                or not documents.stand(store, output)
            ):
                written |= documents.publish(store, config, now, after, output=output)
            documents.write_status(store, config, now, after, output=output)
        finally:
            tell_waiting(store, config, clock)
    if totals.lost:
        raise StoreError(f"{totals.lost} of {len(sources)} polls could not be stored")
    return CycleReport(
        sources=totals.polled,
        fetched=totals.fetched,
        not_modified=totals.not_modified,
        failed=totals.failed,
        entries_new=totals.entries_new,
        entries_updated=totals.entries_updated,
        stories_new=totals.stories_new,
        documents_written=len(written),
        seconds=round(monotonic() - started, 3),
    )


async def _cycle(
    config: Config,
    store: Store,
    clock: Clock,
    sources: Sequence[Source],
    states: Mapping[str, SourceState],
    *,
    insist: bool,
    on_poll: Callable[[Source], None],
) -> tuple[Totals, Mapping[str, SourceState]]:
    offline_since = store.offline_since()
    if not sources and offline_since is None:
        return Totals(), states
    async with open_pipeline(config, store, clock) as pipeline:
        thread = StoreThread()
        machine = Machine(
            pipeline, states, thread, offline_since=offline_since, on_poll=on_poll
        )
        try:
            if offline_since and not insist:
                asked = machine.submit_due(config.sources)  # one, to see
                await machine.finish()
                sources = [source for source in sources if source not in asked]
            if insist or machine.offline_since is None:
                machine.submit(sources, insist=insist)
                await machine.finish()
            await machine.judge(config.sources, ended=True)
            await machine.finish()
        finally:
            await machine.close()
            thread.close()
        return machine.totals, machine.states


def unpushed(
    states: Mapping[str, SourceState], config: Config
) -> dict[str, SourceState]:
    sources = {source.id: source for source in config.sources}
    return {
        id_: without_pushes(state, sources.get(id_)) for id_, state in states.items()
    }


def expire_by(
    store: Store, config: Config, now: datetime, states: Mapping[str, SourceState]
) -> int:
    """Remove what is past keeping, by a clock that good polls bear out.

    One that jumped a year ahead would empty the store. So what is believed of the time
    goes ahead by a week at most, each time that some source was polled well since: a
    wrong clock needs over fifty such rounds, which are hours at least in `run`.
    """
    polled = max(
        (s.last_success for s in states.values() if s.last_success), default=None
    )
    if polled is None:
        return 0
    before = max(store.believed or store.created, store.created)
    believed = min(now, polled, before + MOST_BELIEVED)
    return store.expire(believed, config.keep.unpublished, config.keep.published)
