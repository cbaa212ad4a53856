"""The subscriptions at hubs, kept up while `run` runs; what hubs say goes through here.

`fetch.websub` decides, the store remembers, the machine reads what is pushed. Nothing
here is waited for by a poll: requests are tasks of their own, and few at a time.
"""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from aggregator import scheduler
from aggregator.background import Background
from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.errors import StoreError
from aggregator.fetch import Politeness, websub
from aggregator.http import Client, RequestFailed
from aggregator.http.inflate import inflater
from aggregator.model import Pushed, Source, Subscription
from aggregator.pipeline import Machine, StoreThread
from aggregator.store import Store

#: Bytes of randomness: in a callback's path, where 128 bits are asked for, and in a secret
#: (43 characters; a hub takes up to 200 bytes).
TOKEN_BYTES = 16
SECRET_BYTES = 32
#: Requests to hubs at once, in all and at one of them, and between two at one: most
#: sources name the same hub.
REQUESTS = 8
REQUESTS_PER_HUB = 2
GAP = timedelta(seconds=0.1)

log = logging.getLogger(__name__)


class Subscriber:
    """Subscribes sources to their hubs. All methods belong to the event loop."""

    def __init__(
        self,
        config: Config,
        subscriptions: Iterable[Subscription],
        *,
        callbacks: str,
        client: Client,
        machine: Machine,
        store: Store,
        store_thread: StoreThread,
        clock: Clock,
    ) -> None:
        """`callbacks`: the address of all callbacks, but for the token."""
        self._callbacks = callbacks
        self._machine = machine
        self._store = store
        self._store_thread = store_thread
        self._clock = clock
        self._held = {each.token: each for each in subscriptions}
        self._politeness = Politeness(
            concurrency=REQUESTS, per_host=REQUESTS_PER_HUB, gap=GAP
        )
        self._asking = Background("asking a hub")
        self.configure(config, client)

    def configure(self, config: Config, client: Client) -> None:
        """Go on with another feeds.yaml."""
        self._sources = {each.id: each for each in config.sources if each.enabled}
        self._client = client

    async def close(self) -> None:
        await self._asking.close()

    def tick(self) -> None:
        """Ask the hubs for what is due; returns at once."""
        held: dict[str, list[Subscription]] = defaultdict(list)
        for each in self._held.values():
            held[each.source].append(each)
        offers = {
            source.id: offer
            for source in self._sources.values()
            if (offer := self._offer(source)) is not None
        }
        for source_id in held.keys() | offers.keys():
            self._keep_up(held.get(source_id, ()), offers.get(source_id))

    def _offer(self, source: Source) -> websub.Offer | None:
        state = self._machine.states.get(source.id)
        if state is None or state.first_success is None:
            return None
        links = state.info.hub_links
        if not links.hubs or links.topic is None:
            return None
        return websub.Offer(
            source=source.id,
            topic=links.topic,
            hubs=links.hubs,
            callbacks=self._callbacks,
        )

    def _keep_up(
        self, held: Sequence[Subscription], offer: websub.Offer | None
    ) -> None:
        now = self._clock.now()
        due = websub.upkeep(held, offer, now)
        requests = [websub.ending(each, now) for each in due.unsubscribe]
        if any(websub.is_live(each, now) for each in due.unsubscribe) and not any(
            websub.is_live(each, now) and each not in due.unsubscribe for each in held
        ):
            self._pushes_end(due.unsubscribe[0].source)
        if due.subscribe and offer is not None:
            request = websub.requested(
                offer,
                due.failures,
                now,
                token=secrets.token_urlsafe(TOKEN_BYTES),
                secret=secrets.token_urlsafe(SECRET_BYTES),
            )
            requests.append(request)
        for token in due.gone:
            del self._held[token]
        self._held |= {each.token: each for each in requests}
        if requests or due.gone:
            self._asking.start(self._ask(requests, due.gone))

    async def _ask(
        self, requests: Sequence[Subscription], gone: Sequence[str] = ()
    ) -> None:
        """Remember what is asked, then ask: a hub's question may come before its answer."""
        try:
            await self._save(requests, gone)
        except StoreError:
            return  # asked again when it is due again
        for each in requests:
            async with self._politeness.turn(each.hub):
                if self._held.get(each.token) is not each:
                    continue  # things have changed while it waited
                failed, retry_at = await websub.ask(
                    each, client=self._client, now=self._clock.now()
                )
            fields = {"source": each.source, "hub": each.hub, "mode": each.mode}
            if failed is None:
                log.info("hub asked", extra=fields)
                continue
            log.warning("hub did not take the request", extra=fields | {"why": failed})
            if retry_at and self._held.get(each.token) is each:
                ask_at = max(each.ask_at, retry_at)
                self._held[each.token] = websub.later(each, ask_at)

    async def _save(
        self, changed: Sequence[Subscription], gone: Sequence[str] = ()
    ) -> None:
        try:
            await self._store_thread.call(self._store.save_subscriptions, changed, gone)
        except StoreError as error:
            log.error("subscription not stored", extra={"error": str(error)})
            raise

    # --- what hubs say: serve.callback.Subscriber

    async def answer(self, token: str, question: Mapping[str, str]) -> str | None:
        """The challenge of a hub that confirms what we asked; None for anything else.

        StoreError when it could not be remembered, and so must not be confirmed.
        """
        each, now = self._held.get(token), self._clock.now()
        if each is None:
            return None
        fields = {"source": each.source, "hub": each.hub, "mode": each.mode}
        if websub.is_refused(each, question):
            if websub.is_live(each, now):
                self._pushes_end(each.source)
            self._held[token] = websub.refused(each, now)
            await self._save([self._held[token]])
            log.warning("hub refuses", extra=fields)
            return ""
        if not websub.is_asked(each, question, now):
            log.info("hub asks for what is not ours", extra=fields)
            return None
        if each.mode == "unsubscribe":
            await self._save((), gone=(token,))
            self._held.pop(token, None)
        else:
            each = websub.confirmed(each, question.get("hub.lease_seconds"), now)
            await self._save([each])
            if token not in self._held:
                return None  # given up meanwhile
            self._held[token] = each
        log.info("hub confirms", extra=fields | {"until": each.expires})
        return question["hub.challenge"]

    def limit(self, token: str) -> int | None:
        """The source's ``max_bytes``, while its subscription runs."""
        each = self._held.get(token)
        if each is None or not websub.is_live(each, self._clock.now()):
            return None
        source = self._sources.get(each.source)
        return source.max_bytes if source else None

    def push(
        self,
        token: str,
        body: bytes,
        *,
        content_type: str | None,
        content_encoding: str | None,
        signatures: Sequence[str],
    ) -> None:
        """Have read what is signed well; have the source polled when sha1 signs it."""
        each, now = self._held.get(token), self._clock.now()
        if each is None or each.expires is None:
            return  # it ended while the body came
        trust = websub.trust(each, signatures, body)
        log.info("push", extra={"source": each.source, "trust": trust or "none"})
        if trust is None:
            return
        content = None
        if trust == "content":
            content = self._inflated(each.source, body, content_encoding)
        if content is None:
            self._machine.hint(each.source, now, each.expires)
            return
        self._machine.take(
            each.source,
            Pushed(
                topic=each.topic,
                body=content,
                content_type=content_type,
                pushed_at=now,
                lease=each.expires,
            ),
        )

    def _inflated(
        self, source_id: str, body: bytes, content_encoding: str | None
    ) -> bytes | None:
        source = self._sources.get(source_id)
        if source is None:
            return None
        try:
            inflate = inflater(content_encoding, max_bytes=source.max_bytes)
            content = inflate.feed(body)
            inflate.finish()
        except RequestFailed:
            return None
        return content

    def _pushes_end(self, source_id: str) -> None:
        source = self._sources.get(source_id)
        self._machine.change(
            source_id, partial(scheduler.without_pushes, source=source)
        )
