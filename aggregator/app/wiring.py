"""Composition root: what names concrete classes and puts them together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aggregator import __version__, documents
from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.fetch import Politeness
from aggregator.http import Client
from aggregator.pipeline import Intake, Pipeline
from aggregator.pool import Pool
from aggregator.store import Store


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


def sync(store: Store, config: Config) -> None:
    """Let the store know what feeds.yaml says."""
    store.sync_sources(config.sources, [topic.key for topic in config.topics])


def new_client(config: Config) -> Client:
    """It holds nothing open between two requests."""
    return Client(
        user_agent=user_agent(config), allow_private=config.fetch.allow_private
    )


@asynccontextmanager
async def open_intake(config: Config, clock: Clock) -> AsyncIterator[Intake]:
    """Fetching and reading for one configuration, with a client and workers of its own."""
    pool = Pool("aggregator.reading:reader", (config.topics, config.gazetteer))
    try:
        async with new_client(config) as client:
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


def served_folder(config: Config) -> Path:
    """The folder that our web server shows; one without files when a bucket has them.

    The server is wanted all the same: for the callbacks of hubs, and for metrics.
    """
    return config.output if isinstance(config.output, Path) else Path(os.devnull)


def written_at(config: Config) -> float | None:
    """When documents were brought up to date, as their folder has it."""
    try:
        return (served_folder(config) / documents.STATUS).stat().st_mtime
    except OSError:
        return None  # nothing was published there yet
