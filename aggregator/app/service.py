"""The program that runs for ever."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic

from aggregator import documents
from aggregator.alerts import Lookout
from aggregator.app.cycle import expire_by, unpushed
from aggregator.app.telling import new_announcer, tell_webhook
from aggregator.app.wiring import (
    new_client,
    open_pipeline,
    open_store,
    served_folder,
    sync,
    written_at,
)
from aggregator.background import Background
from aggregator.clock import Clock, SystemClock
from aggregator.config import Config, load_config
from aggregator.errors import ConfigError, PublishError, StoreError
from aggregator.model import Alert
from aggregator.pipeline import Machine, Meter, Pipeline, StoreThread
from aggregator.scheduler import after_absence, ticking
from aggregator.serve.headers import Delivery
from aggregator.store import Request, Store
from aggregator.subscriber import Subscriber

log = logging.getLogger(__name__)

#: How long SIGTERM waits for fetches in flight before it cancels them: what follows
#: (commit, publish, the server's last answers) has to end within 10 s as well.
PATIENCE = timedelta(seconds=6)


STOPPING = timedelta(seconds=8)


#: How long publishing waits for polls in flight, so that leads are chosen among all
#: reports of a story and not among those that came first.
SETTLING = timedelta(seconds=10)


#: Publishing rests for so many times as long as it took: a hub that pushes without end
#: must not have documents rendered without end.
PUBLISHING_REST = 2


#: How often `run` asks what is due, and looks at feeds.yaml.
TICK = timedelta(seconds=1)


#: How often `run` looks for alerts, and tells the webhook what is due.
LOOK = timedelta(seconds=5)


#: How often `run` looks which hubs are to be asked: 9 ms for 1,000 sources with one.
ASK_HUBS = timedelta(seconds=5)


#: How often `run` looks whether a hub that rested may be told again.
TELL_HUBS = timedelta(seconds=5)


#: The path of callbacks below ``serve.public_url``, as serve.callback has it.
CALLBACKS = "websub/"


#: How often entries that are past keeping are removed.
EXPIRY = timedelta(hours=1)


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
        #: A hub brought some of what changed.
        self._news_is_urgent = asyncio.Event()
        self._thread = StoreThread()
        self._watch = FileWatch(config.path)
        self._output = documents.opened(config)
        #: Seconds since 1970; None: not yet by this process.
        self._published_at: float | None = None
        self._background = Background("background work")
        self._reloading = asyncio.Lock()
        self._meter = Meter()
        self._lookout = Lookout(store)
        #: At the last look.
        self._alerts: Sequence[Alert] = ()
        self._looking = asyncio.Lock()
        self._telling = asyncio.Lock()
        self._obeying = asyncio.Lock()
        #: What an operator asked when last looked at.
        self._asked: Sequence[Request] = ()
        self._announcer = new_announcer(config, store, self._thread, clock)
        self._announces = False
        #: None: no hub is asked to push.
        self._subscriber: Subscriber | None = None
        #: How the web server delivers documents; the same object until feeds.yaml changes.
        self._delivery = Delivery.of(config)
        #: What the present pipeline needs closed.
        self._resources = AsyncExitStack()

    async def run(self) -> None:
        # Before the web server starts, which would set handlers of its own.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._thread.call(sync, self._store, self._config)
        states = await self._thread.call(self._store.states)
        offline_since = await self._thread.call(self._store.offline_since)
        if self._callbacks is None:
            states = unpushed(states, self._config)
        else:
            # What was pushed meanwhile is lost.
            now = self._clock.now()
            states = {id_: after_absence(state, now) for id_, state in states.items()}
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close_resources)
            stack.push_async_callback(self._announcer.close)
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
                on_stories=self._on_stories,
                meter=self._meter,
            )
            await self._publish()
            jobs = [
                (self._submit_due, TICK),
                (self._reload_if_changed, TICK),
                (self._expire, EXPIRY),
                (self._look_for_alerts, LOOK),
                (self._look_for_requests, TICK),
                (self._announcer.tick, TELL_HUBS),
            ]
            if self._callbacks is not None:
                self._subscriber = await self._subscribing(self._callbacks)
                stack.push_async_callback(self._subscriber.close)
                jobs.append((self._subscriber.tick, ASK_HUBS))
            if self._config.serve:
                if not isinstance(self._config.output, Path):
                    where = {"output": str(self._config.output)}
                    log.warning("documents are not served from here", extra=where)
                from aggregator.serve.server import serving

                await stack.enter_async_context(
                    serving(
                        served_folder(self._config),
                        host=self._config.serve.host,
                        port=self._config.serve.port,
                        delivery=lambda: self._delivery,
                        subscriber=self._subscriber,
                    )
                )
            # From now on hubs can fetch what they are told of.
            self._announces = True
            await self._announcer.look()
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
            client=new_client(self._config),
            machine=self._machine,
            store=self._store,
            store_thread=self._thread,
            clock=self._clock,
        )

    def _submit_due(self) -> None:
        self._machine.submit_due(self._config.sources)
        if self._machine.in_doubt:
            self._background.start(self._machine.judge(self._config.sources))

    # --- publishing

    def _on_stories(self, urgent: bool) -> None:
        self._stories_changed.set()
        if urgent:
            self._news_is_urgent.set()

    async def _publish_as_stories_change(self) -> None:
        """After a commit that changed a story, at most once an interval, and at midnight.

        What a hub pushed waits neither for the interval nor for polls in flight: who
        pushes wants to be first.
        """
        while True:
            interval = self._config.publish.interval.total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._stories_changed.wait()
            settled = asyncio.create_task(self._machine.finish())
            await self._first_of(
                settled, seconds=min(SETTLING.total_seconds(), interval)
            )
            self._stories_changed.clear()
            self._news_is_urgent.clear()
            started = monotonic()
            await self._publish()
            rest = min((monotonic() - started) * PUBLISHING_REST, interval)
            await asyncio.sleep(rest)
            await self._first_of(seconds=interval - rest)

    async def _first_of(self, *tasks: asyncio.Task[None], seconds: float) -> None:
        """Wait until a task has ended, there are urgent news, or the time is over."""
        waiting = {*tasks, asyncio.create_task(self._news_is_urgent.wait())}
        try:
            await asyncio.wait(
                waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in waiting:
                task.cancel()

    async def _publish(self) -> None:
        try:
            for step in (documents.publish, documents.write_status):
                written = await self._thread.call(
                    partial(step, output=self._output),
                    self._store,
                    self._config,
                    self._clock.now(),
                    self._machine.states,
                )
                self._meter.published(len(written or ()))
            self._published_at = self._clock.now().timestamp()
        except (PublishError, StoreError) as error:
            # Documents stand as they were; the next interval tries again.
            log.error("not published", extra={"error": str(error)})
            self._stories_changed.set()
        except Exception:
            # A bug must be heard of, and must not end publishing for ever.
            log.exception("not published")
        if self._announces:
            await self._announcer.look()

    def _look_for_requests(self) -> None:
        self._background.start(self._do_as_asked())

    async def _do_as_asked(self) -> None:
        """What an operator takes back waits for no interval."""
        if self._obeying.locked():
            return
        async with self._obeying:
            try:
                asked = await self._thread.call(self._store.requests)
            except StoreError as error:
                log.error("no look for requests", extra={"error": str(error)})
                return
            # What could not be done is tried again as publishing is, once an interval.
            if asked and asked != self._asked:
                self._asked = asked
                await self._publish()

    def _expire(self) -> None:
        self._background.start(self._expire_now())

    async def _expire_now(self) -> None:
        now, states = self._clock.now(), dict(self._machine.states)
        try:
            await self._thread.call(expire_by, self._store, self._config, now, states)
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

        meter = MachineMetrics(
            look, lambda: written_at(self._config) or self._published_at
        )
        async with serving_metrics(meter.render, host=host, port=port):
            yield meter

    # --- alerts

    def _look_for_alerts(self) -> None:
        self._background.start(self._look())
        self._background.start(self._tell())

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
                await tell_webhook(self._config, self._store, self._thread, self._clock)
            except StoreError as error:
                log.error("alerts not delivered", extra={"error": str(error)})

    # --- feeds.yaml

    def _reload_if_changed(self) -> None:
        if self._watch.has_settled_on_a_change():
            self._background.start(self._reload())

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
        await self._thread.call(sync, self._store, config)
        # A source may have got another id or address, and with it another state.
        self._machine.states = await self._thread.call(self._store.states)
        resources = AsyncExitStack()
        self._machine.pipeline = await self._open(config, resources)
        self._config = config
        self._announcer.configure(config, new_client(config))
        self._delivery = Delivery.of(config)
        if self._subscriber is not None:
            self._subscriber.configure(config, new_client(config))
        resources, self._resources = self._resources, resources
        self._stories_changed.set()
        log.info("feeds.yaml read again", extra={"sources": len(config.sources)})
        self._background.start(self._close_when_idle(resources))

    async def _close_when_idle(self, resources: AsyncExitStack) -> None:
        await self._machine.those_in_flight()
        await resources.aclose()

    async def _close_resources(self) -> None:
        await self._resources.aclose()

    async def _open(self, config: Config, resources: AsyncExitStack) -> Pipeline:
        return await resources.enter_async_context(
            open_pipeline(config, self._store, self._clock)
        )


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
