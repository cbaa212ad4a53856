"""Telling the webhook and the hubs what waits to be told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from aggregator.alerts import deliver
from aggregator.app.wiring import new_client
from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.hubs import Announcer
from aggregator.pipeline import StoreThread
from aggregator.store import Store

#: How long a command tries to tell the webhook and the hubs before it ends.
TELLING = timedelta(seconds=20)


def new_announcer(
    config: Config, store: Store, thread: StoreThread, clock: Clock
) -> Announcer:
    return Announcer(
        config,
        client=new_client(config),
        store=store,
        store_thread=thread,
        clock=clock,
    )


async def tell_webhook(
    config: Config, store: Store, thread: StoreThread, clock: Clock
) -> None:
    """Post to the webhook what is due; what was accepted is forgotten at once."""
    url = config.alerts.webhook
    notices = await thread.call(store.notices) if url else []
    if url is None or not notices:
        return
    async with new_client(config) as client:
        async for notice, settled in deliver(notices, url, client, clock):
            done, later = ([notice], []) if settled else ([], [notice])
            await thread.call(store.settle_notices, done, later)


async def tell_hubs(
    config: Config, store: Store, thread: StoreThread, clock: Clock
) -> None:
    """Tell the hubs of the documents that they were not told of."""
    announcer = new_announcer(config, store, thread, clock)
    try:
        await announcer.look()
        await announcer.finish()
    finally:
        await announcer.close()


def tell_waiting(store: Store, config: Config, clock: Clock) -> None:
    """Tell the webhook and the hubs; what is not delivered in time waits for next time."""

    async def tell() -> None:
        thread = StoreThread()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(TELLING.total_seconds()):
                    await asyncio.gather(
                        tell_webhook(config, store, thread, clock),
                        tell_hubs(config, store, thread, clock),
                    )
        finally:
            thread.close()

    asyncio.run(tell())
