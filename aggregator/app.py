"""Composition root: the only file that names concrete classes and wires them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from aggregator import __version__, documents
from aggregator.alerts import Lookout, deliver, open_alerts
from aggregator.clock import Clock, SystemClock
from aggregator.config import Config, load_config
from aggregator.dedup import decided
from aggregator.errors import ConfigError, NoStore, NotDone, PublishError, StoreError
from aggregator.fetch import Politeness
from aggregator.http import Client
from aggregator.model import Alert, EntryRef, Source, SourceState, StoryMembers
from aggregator.pipeline import (
    Intake,
    Machine,
    Meter,
    Pipeline,
    Poll,
    StoreThread,
    Totals,
)
from aggregator.pool import Pool
from aggregator.scheduler import after_absence, due, ticking, without_pushes
from aggregator.store import Store
from aggregator.subscriber import Subscriber

#: How long SIGTERM waits for fetches in flight before it cancels them: what follows
#: (commit, publish, the server's last answers) has to end within 10 s as well.
PATIENCE = timedelta(seconds=6)
STOPPING = timedelta(seconds=8)
#: How long publishing waits for polls in flight, so that leads are chosen among all
#: reports of a story and not among those that came first.
SETTLING = timedelta(seconds=10)
#: How often `run` asks what is due, and looks at feeds.yaml.
TICK = timedelta(seconds=1)
#: Expiry follows a clock so far ahead a round: a machine that was off for a month is
#: believed after five rounds, one that woke up a year ahead after 53.
MOST_BELIEVED = timedelta(days=7)
#: How often `run` looks for alerts, and tells the webhook what is due.
LOOK = timedelta(seconds=5)
#: How long `once` tries to tell the webhook before it ends.
TELLING = timedelta(seconds=20)
#: How often `run` looks which hubs are to be asked: 9 ms for 1,000 sources with one.
ASK_HUBS = timedelta(seconds=5)
#: The path of callbacks below ``serve.public_url``, as serve.callback has it.
CALLBACKS = "websub/"
#: How often entries that are past keeping are removed.
EXPIRY = timedelta(hours=1)

log = logging.getLogger(__name__)


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


def user_agent(config: Config) -> str:
    """Who we are and where a webmaster can ask: RFC 9110, 10.1.5."""
    contact = f"; {config.site.contact}" if config.site.contact else ""
    return f"aggregator/{__version__} (+{config.site.url}{contact})"


@contextmanager
def open_store(
    config: Config, *, writing: bool, clock: Clock | None = None
) -> Iterator[Store]:
    """The store, closed afterwards; StoreError when it cannot be used."""
    store = Store.open(config.storage, writing=writing, clock=clock)
    try:
        yield store
    finally:
        store.close()


def _sync(store: Store, config: Config) -> None:
    """Let the store know what feeds.yaml says."""
    store.sync_sources(config.sources, [topic.key for topic in config.topics])


def _client(config: Config) -> Client:
    """It holds nothing open between two requests."""
    return Client(
        user_agent=user_agent(config), allow_private=config.fetch.allow_private
    )


@asynccontextmanager
async def open_intake(config: Config, clock: Clock) -> AsyncIterator[Intake]:
    """Fetching and reading for one configuration, with a client and workers of its own."""
    pool = Pool("aggregator.reading:reader", (config.topics, config.gazetteer))
    try:
        async with _client(config) as client:
            politeness = Politeness(
                concurrency=config.fetch.concurrency,
                per_host=config.fetch.per_host,
                gap=config.fetch.gap,
            )
            yield Intake(
                config, client=client, politeness=politeness, pool=pool, clock=clock
            )
    finally:
        pool.close()


@asynccontextmanager
async def open_pipeline(
    config: Config, store: Store, clock: Clock
) -> AsyncIterator[Pipeline]:
    async with open_intake(config, clock) as intake:
        yield Pipeline(config, intake=intake, store=store, clock=clock)


# --- one cycle ------------------------------------------------------------------------


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
        _sync(store, config)
        # Nobody takes what hubs push to `run`.
        states = _unpushed(store.states(), config)
        now = clock.now()
        # What a crash left undone, before any poll; a file that cannot be written must
        # not keep news from being read, and publishing says so again.
        written: set[str] = set()
        with suppress(PublishError):
            written = documents.recover(store, config, now, states)
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
        if totals.fetched or totals.not_modified:
            _expire(store, config, clock.now(), after)
        Lookout(store).look(config, after, clock.now())
        try:
            written |= documents.publish(store, config, clock.now(), after)
            documents.write_status(store, config, clock.now(), after)
        finally:
            asyncio.run(_tell_within(TELLING, store, config, clock))
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


def _unpushed(
    states: Mapping[str, SourceState], config: Config
) -> dict[str, SourceState]:
    sources = {source.id: source for source in config.sources}
    return {
        id_: without_pushes(state, sources.get(id_)) for id_, state in states.items()
    }


def _expire(
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


async def _tell(
    config: Config, store: Store, thread: StoreThread, clock: Clock
) -> None:
    """Post to the webhook what is due; what was accepted is forgotten at once."""
    url = config.alerts.webhook
    notices = await thread.call(store.notices) if url else []
    if url is None or not notices:
        return
    async with _client(config) as client:
        async for notice, settled in deliver(notices, url, client, clock):
            done, later = ([notice], []) if settled else ([], [notice])
            await thread.call(store.settle_notices, done, later)


async def _tell_within(
    span: timedelta, store: Store, config: Config, clock: Clock
) -> None:
    """What is not delivered in time waits for the next cycle."""
    thread = StoreThread()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(span.total_seconds()):
                await _tell(config, store, thread, clock)
    finally:
        thread.close()


def probe(config: Config, clock: Clock | None = None) -> list[Poll]:
    """Poll every enabled source once, as if for the first time, and store nothing."""

    async def poll(intake: Intake, source: Source) -> Poll:
        async with intake.turn(source):
            state = SourceState(id=source.id)
            return await intake.poll(source, state, _nothing_known, nullcontext())

    async def poll_all() -> list[Poll]:
        async with open_intake(config, clock or SystemClock()) as intake:
            enabled = [source for source in config.sources if source.enabled]
            return await asyncio.gather(*(poll(intake, source) for source in enabled))

    return asyncio.run(poll_all())


async def _nothing_known(source_id: str) -> Mapping[int, int]:
    return {}


def status(config: Config, clock: Clock | None = None) -> dict[str, Any]:
    """What ``status.json`` holds; every source is new while nothing is stored."""
    now = (clock or SystemClock()).now()
    try:
        with open_store(config, writing=False) as store:
            return documents.status(store, config, now, store.states())
    except NoStore:
        return documents.status(None, config, now, {})


def serving_store_metrics(
    config: Config, host: str, port: int, clock: Clock | None = None
) -> AbstractAsyncContextManager[str]:
    """Serve what the store and the documents tell, for who does not poll."""
    from aggregator.metrics import Metrics, Present
    from aggregator.serve.server import serving_metrics

    def look() -> Present:
        now = (clock or SystemClock()).now()
        states: Mapping[str, SourceState] = {}
        alerts: Sequence[Alert] = ()
        offline = False
        try:
            with open_store(config, writing=False) as store:
                states = store.states()
                alerts = open_alerts(store, config, states, now)
                offline = store.offline_since() is not None
        except NoStore:
            pass  # every source is new
        except StoreError as error:
            log.error("no look at the store", extra={"error": str(error)})
            return Present(sources={}, alerts={})
        return Present(
            sources=documents.count_states(config, states, now, offline=offline),
            alerts=Counter(alert.code for alert in alerts),
        )

    metrics = Metrics(look, config.output / documents.STATUS)
    return serving_metrics(metrics.render, host=host, port=port)


def publish(config: Config, clock: Clock | None = None) -> set[str]:
    """Render all documents from the store; the names of those whose bytes changed."""
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        _sync(store, config)
        return _publish(store, config, (clock or SystemClock()).now(), whole=True)


def split_story(
    config: Config, entries: Sequence[str], clock: Clock | None = None
) -> dict[str, Any]:
    """Take entries out of their story, each into one of its own; publishes.

    Each is named by link or guid. Raises NotDone when one names no entry of a story, or
    several, or cannot leave it.
    """
    now = (clock or SystemClock()).now()
    site = config.site
    year = now.astimezone(ZoneInfo(site.timezone)).year
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        _sync(store, config)
        refs = [_one_entry(store, name) for name in entries]
        stories = store.stories_of(refs)
        if len(stories) != 1:
            raise NotDone("the entries are not of one story")
        (story,) = stories
        ids = [
            each
            for member in story.members
            if member.ref in refs
            for each in decided.possible_ids(
                member.ref, member.key, host=site.host, year=year
            )
        ]
        try:
            grouping = decided.split(
                story, refs, host=site.host, year=year, taken=store.taken_ids(ids)
            )
        except ValueError as error:
            raise NotDone(str(error)) from error
        store.split(grouping, now)
        _publish(store, config, now)
    made = [each.id for each in grouping.stories[1:]]
    return {"story": story.id, "made": made}


def merge_stories(
    config: Config, one: str, other: str, clock: Clock | None = None
) -> dict[str, Any]:
    """Make two stories one; publishes. Each is named by its id, or by an entry of it."""
    now = (clock or SystemClock()).now()
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        _sync(store, config)
        found: list[StoryMembers] = []
        for name in (one, other):
            refs = store.find(name)
            stories = store.stories_of(refs)
            if len(stories) != 1:
                raise NotDone(f"{name} names {len(stories) or 'no'} stories")
            found += stories
        if found[0].id == found[1].id:
            raise NotDone("that is one story already")
        grouping, gone = decided.merge(*found)
        store.merge(grouping, gone, now)
        _publish(store, config, now)
    return {"story": grouping.stories[0].id, "gone": gone}


def _one_entry(store: Store, name: str) -> EntryRef:
    refs = store.find(name)
    if len(refs) == 1:
        return refs[0]
    # A link that several sources give: their guids tell them apart.
    raise NotDone(f"{name} names {len(refs) or 'no'} entries; give a guid")


def _publish(
    store: Store, config: Config, now: datetime, *, whole: bool = False
) -> set[str]:
    states = store.states()
    written = documents.publish(store, config, now, states, whole=whole)
    documents.write_status(store, config, now, states)
    return written


def retag(
    config: Config, *, dry_run: bool, clock: Clock | None = None
) -> dict[str, Any]:
    """Bring stored entries under the rules of now; what changed, or would."""
    from aggregator.retag import retag as retag_store

    now = (clock or SystemClock()).now()
    if dry_run:
        with open_store(config, writing=False) as store:
            return retag_store(store, config, now, apply=False)
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        _sync(store, config)
        return retag_store(store, config, now, apply=True)


# --- for ever -------------------------------------------------------------------------


def run(path: Path, clock: Clock | None = None) -> None:
    """Poll, publish and serve until SIGTERM or SIGINT; feeds.yaml is read again when it changes."""
    config = load_config(path)
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        asyncio.run(Service(config, store, clock or SystemClock()).run())


class Service:
    """The program that runs for ever: ticks, commits, publishes, reloads, serves."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._stop = asyncio.Event()
        self._stories_changed = asyncio.Event()
        self._thread = StoreThread()
        self._watch = FileWatch(config.path)
        self._background: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._meter = Meter()
        self._lookout = Lookout(store)
        #: At the last look.
        self._alerts: Sequence[Alert] = ()
        self._looking = asyncio.Lock()
        self._telling = asyncio.Lock()
        #: None: no hub is asked to push.
        self._subscriber: Subscriber | None = None
        #: What the present pipeline needs closed.
        self._resources = AsyncExitStack()

    async def run(self) -> None:
        # Before the web server starts, which would set handlers of its own.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._thread.call(_sync, self._store, self._config)
        states = await self._thread.call(self._store.states)
        offline_since = await self._thread.call(self._store.offline_since)
        if self._callbacks is None:
            states = _unpushed(states, self._config)
        else:
            # What was pushed meanwhile is lost.
            now = self._clock.now()
            states = {id_: after_absence(state, now) for id_, state in states.items()}
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close_resources)
            pipeline = await self._open(self._config, self._resources)
            if self._config.serve and self._config.serve.metrics:
                self._meter = await stack.enter_async_context(
                    self._serving_metrics(*self._config.serve.metrics)
                )
            self._machine = Machine(
                pipeline,
                states,
                self._thread,
                offline_since=offline_since,
                on_stories=self._stories_changed.set,
                meter=self._meter,
            )
            await self._publish()
            jobs = [
                (self._submit_due, TICK),
                (self._reload_if_changed, TICK),
                (self._expire, EXPIRY),
                (self._look_for_alerts, LOOK),
            ]
            if self._callbacks is not None:
                self._subscriber = await self._subscribing(self._callbacks)
                stack.push_async_callback(self._subscriber.close)
                jobs.append((self._subscriber.tick, ASK_HUBS))
            if self._config.serve:
                from aggregator.serve.server import serving

                await stack.enter_async_context(
                    serving(
                        self._config.output,
                        host=self._config.serve.host,
                        port=self._config.serve.port,
                        subscriber=self._subscriber,
                    )
                )
            publisher = asyncio.create_task(self._publish_as_stories_change())
            async with ticking(jobs):
                self._submit_due()
                await self._stop.wait()
            log.info("stopping")
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)
            with suppress(TimeoutError):
                # A database that is locked must not keep the program from ending: what
                # is not stored is polled again.
                async with asyncio.timeout(STOPPING.total_seconds()):
                    await self._machine.finish(PATIENCE)
                    await self._publish()
            await self._machine.close()
        self._thread.close()

    @property
    def _callbacks(self) -> str | None:
        """Where hubs push to, but for the token; None: there is no such address."""
        serve = self._config.serve
        return serve.public_url + CALLBACKS if serve and serve.public_url else None

    async def _subscribing(self, callbacks: str) -> Subscriber:
        return Subscriber(
            self._config,
            await self._thread.call(self._store.subscriptions),
            callbacks=callbacks,
            client=_client(self._config),
            machine=self._machine,
            store=self._store,
            store_thread=self._thread,
            clock=self._clock,
        )

    def _submit_due(self) -> None:
        self._machine.submit_due(self._config.sources)
        if self._machine.in_doubt:
            self._in_background(self._machine.judge(self._config.sources))

    # --- publishing

    async def _publish_as_stories_change(self) -> None:
        """After a commit that changed a story, at most once an interval, and at midnight."""
        while True:
            interval = self._config.publish.interval.total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._stories_changed.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(SETTLING.total_seconds(), interval)):
                    await self._machine.finish()
            self._stories_changed.clear()
            await self._publish()
            await asyncio.sleep(interval)

    async def _publish(self) -> None:
        try:
            for step in (documents.publish, documents.write_status):
                written = await self._thread.call(
                    step,
                    self._store,
                    self._config,
                    self._clock.now(),
                    self._machine.states,
                )
                self._meter.published(len(written or ()))
        except (PublishError, StoreError) as error:
            # Documents stand as they were; the next interval tries again.
            log.error("not published", extra={"error": str(error)})
            self._stories_changed.set()
        except Exception:
            # A bug must be heard of, and must not end publishing for ever.
            log.exception("not published")

    def _expire(self) -> None:
        self._in_background(self._expire_now())

    async def _expire_now(self) -> None:
        now, states = self._clock.now(), dict(self._machine.states)
        try:
            await self._thread.call(_expire, self._store, self._config, now, states)
        except StoreError as error:
            log.error("nothing expired", extra={"error": str(error)})

    # --- metrics

    @asynccontextmanager
    async def _serving_metrics(self, host: str, port: int) -> AsyncIterator[Meter]:
        from aggregator.metrics import MachineMetrics, Present
        from aggregator.serve.server import serving_metrics

        def look() -> Present:
            machine, config = self._machine, self._config
            return Present(
                sources=documents.count_states(
                    config,
                    dict(machine.states),
                    self._clock.now(),
                    offline=machine.offline_since is not None,
                ),
                alerts=Counter(alert.code for alert in self._alerts),
                queue=machine.pipeline.intake.waiting,
            )

        meter = MachineMetrics(look, self._config.output / documents.STATUS)
        async with serving_metrics(meter.render, host=host, port=port):
            yield meter

    # --- alerts

    def _look_for_alerts(self) -> None:
        self._in_background(self._look())
        self._in_background(self._tell())

    async def _look(self) -> None:
        if self._looking.locked():
            return  # the store is slow; there is no use in a queue of looks
        async with self._looking:
            now, states = self._clock.now(), dict(self._machine.states)
            try:
                self._alerts = await self._thread.call(
                    self._lookout.look, self._config, states, now
                )
            except StoreError as error:
                log.error("no look for alerts", extra={"error": str(error)})

    async def _tell(self) -> None:
        if self._telling.locked():
            return
        async with self._telling:
            try:
                await _tell(self._config, self._store, self._thread, self._clock)
            except StoreError as error:
                log.error("alerts not delivered", extra={"error": str(error)})

    # --- feeds.yaml

    def _reload_if_changed(self) -> None:
        if self._watch.has_settled_on_a_change():
            self._in_background(self._reload())

    async def _reload(self) -> None:
        """Build the new configuration whole, then swap; a broken one changes nothing."""
        try:
            config = await asyncio.to_thread(load_config, self._config.path)
        except ConfigError as error:
            log.error(
                "feeds.yaml is wrong; the old one stays", extra={"faults": str(error)}
            )
            return
        fixed = [
            key
            for key in ("storage", "output", "serve")
            if getattr(config, key) != getattr(self._config, key)
        ]
        if fixed:
            log.warning("takes effect after a restart", extra={"keys": " ".join(fixed)})
            config = replace(
                config, **{key: getattr(self._config, key) for key in fixed}
            )
        await self._thread.call(_sync, self._store, config)
        # A source may have got another id or address, and with it another state.
        self._machine.states = await self._thread.call(self._store.states)
        resources = AsyncExitStack()
        self._machine.pipeline = await self._open(config, resources)
        self._config = config
        if self._subscriber is not None:
            self._subscriber.configure(config, _client(config))
        resources, self._resources = self._resources, resources
        self._stories_changed.set()
        log.info("feeds.yaml read again", extra={"sources": len(config.sources)})
        self._in_background(self._close_when_idle(resources))

    async def _close_when_idle(self, resources: AsyncExitStack) -> None:
        await self._machine.those_in_flight()
        await resources.aclose()

    async def _close_resources(self) -> None:
        await self._resources.aclose()

    async def _open(self, config: Config, resources: AsyncExitStack) -> Pipeline:
        return await resources.enter_async_context(
            open_pipeline(config, self._store, self._clock)
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done_in_background)

    def _done_in_background(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("background work failed", exc_info=error)


class FileWatch:
    """Tells once of every change of a file, when two looks found it the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self._told: tuple[int, int, int] | None = self._seen

    def has_settled_on_a_change(self) -> bool:
        """Editors write twice: a file that is still changing is left for the next look."""
        before, self._seen = self._seen, self._look()
        if self._seen is None or self._seen != before or self._seen == self._told:
            return False
        self._told = self._seen
        return True

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None  # between an editor's two steps
        return found.st_mtime_ns, found.st_size, found.st_ino
