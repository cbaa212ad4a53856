"""Telling WebSub hubs of documents that changed; never waited for by polls or publishing.

`publish.websub` decides what is to be told, the store remembers what was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.documents import feed_names
from aggregator.errors import StoreError
from aggregator.fetch.websub import send
from aggregator.http import Client
from aggregator.model import HubState
from aggregator.pipeline import StoreThread
from aggregator.publish import websub
from aggregator.store import Store

#: Pings at once at one hub, after one was taken: a region has some fifty feeds.
PINGS = 4
#: Seconds for one ping, redirects and all; less than `once` has for telling.
DEADLINE = 10.0

log = logging.getLogger(__name__)


class Announcer:
    """Tells the hubs of feeds.yaml. All methods belong to the event loop.

    Each hub has a task of its own while there is something to tell, so that one that
    hangs delays no other.
    """

    def __init__(
        self,
        config: Config,
        *,
        client: Client,
        store: Store,
        store_thread: StoreThread,
        clock: Clock,
    ) -> None:
        self._store = store
        self._store_thread = store_thread
        self._clock = clock
        #: As published: a document's name -> digest of its bytes.
        self._digests: Mapping[str, str] = {}
        #: By address; empty until the first look.
        self._hubs: dict[str, HubState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.configure(config, client)

    def configure(self, config: Config, client: Client) -> None:
        """Go on with another feeds.yaml."""
        self._config = config
        self._client = client

    async def look(self) -> None:
        """See which documents changed, and begin to tell; after each publishing."""
        if not self._config.publish.hubs:
            return
        try:
            if missing := set(self._config.publish.hubs) - self._hubs.keys():
                stored = await self._store_thread.call(self._store.hubs)
                for url in missing:
                    self._hubs[url] = stored.get(url, HubState(url=url))
            manifest = await self._store_thread.call(self._store.documents)
        except StoreError as error:
            log.error("hubs not told", extra={"error": str(error)})
            return
        self._digests = {
            name: manifest[name].digest
            for name in feed_names(self._config)
            if name in manifest
        }
        self.tick()

    def tick(self) -> None:
        """Begin to tell the hubs that rested and may be asked again; returns at once."""
        now = self._clock.now()
        for url in self._config.publish.hubs:
            if url in self._tasks or url not in self._hubs:
                continue
            hub = self._hubs[url]
            if websub.untold(hub, self._digests) and not websub.rests(hub, now):
                self._tasks[url] = asyncio.create_task(self._tell(hub))

    async def finish(self) -> None:
        """Wait until each hub was told of everything, or is left alone for a while."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _tell(self, hub: HubState) -> None:
        """One ping, and once it was taken several together, until nothing is left to tell."""
        together = 1
        try:
            # What is published meanwhile is told in the same breath.
            while names := websub.untold(hub, self._digests)[:together]:
                hub = await self._ping(
                    hub, {name: self._digests[name] for name in names}
                )
                self._hubs[hub.url] = hub
                await self._store_thread.call(self._store.save_hubs, [hub])
                if hub.failures:
                    return
                together = PINGS
        except StoreError as error:
            # It will be told once more after a restart, at worst.
            log.error("what a hub was told is not stored", extra={"error": str(error)})
        except Exception:
            log.exception("hub not told", extra={"hub": hub.url})
        finally:
            del self._tasks[hub.url]

    async def _ping(self, hub: HubState, news: Mapping[str, str]) -> HubState:
        """The hub after it was told of these documents: name to digest."""
        now = self._clock.now()
        topics = {name: self._config.site.url + name for name in news}
        answers = await asyncio.gather(
            *(
                send(
                    hub.url,
                    websub.ping(topic),
                    client=self._client,
                    now=now,
                    deadline=DEADLINE,
                )
                for topic in topics.values()
            )
        )
        taken: dict[str, str] = {}
        retry_at: datetime | None = None
        for (name, topic), (failed, wait_until) in zip(
            topics.items(), answers, strict=True
        ):
            fields = {"hub": hub.url, "topic": topic, "why": failed}
            if failed is None:
                log.info("hub told", extra={"hub": hub.url, "topic": topic})
                taken[name] = news[name]
            elif websub.is_refusal(failed):
                log.warning("hub refuses the document", extra=fields)
                taken[name] = news[name]
            else:
                log.warning("hub not told", extra=fields)
                retry_at = max(filter(None, (retry_at, wait_until)), default=None)
        if taken:
            hub = websub.told(websub.without(hub, self._digests), taken)
        if len(taken) < len(news):
            hub = websub.put_off(hub, retry_at, now)
        return hub
