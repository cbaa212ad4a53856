"""What a command does once and ends."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from aggregator import documents
from aggregator.alerts import open_alerts
from aggregator.app.telling import tell_waiting
from aggregator.app.wiring import open_intake, open_store, sync, written_at
from aggregator.clock import Clock, SystemClock
from aggregator.config import Config
from aggregator.errors import NoStore, StoreError
from aggregator.model import Alert, Source, SourceState
from aggregator.pipeline import Intake, Poll
from aggregator.store import Store

log = logging.getLogger(__name__)


def probe(
    config: Config,
    clock: Clock | None = None,
    *,
    sources: Sequence[Source] | None = None,
) -> list[Poll]:
    """Poll every enabled source, or `sources`, once, as if for the first time; store nothing."""

    async def poll(intake: Intake, source: Source) -> Poll:
        async with intake.turn(source):
            state = SourceState(id=source.id)
            return await intake.poll(source, state, _nothing_known, nullcontext())

    async def poll_all() -> list[Poll]:
        async with open_intake(config, clock or SystemClock()) as intake:
            enabled = [source for source in config.sources if source.enabled]
            return await asyncio.gather(
                *(
                    poll(intake, source)
                    for source in (enabled if sources is None else sources)
                )
            )

    return asyncio.run(poll_all())


async def _nothing_known(source_id: str) -> Mapping[int, int]:
    return {}


def add_source(
    path: Path, url: str, name: str | None = None, clock: Clock | None = None
) -> dict[str, Any]:
    """Poll what is at an address, and add its feed to feeds.yaml; see ``adding.add``."""
    from aggregator import adding

    def moved_to(config: Config) -> dict[str, str]:
        # What the store cannot tell is not waited for.
        with suppress(StoreError), open_store(config, writing=False) as store:
            return {
                id_: state.moved.url
                for id_, state in store.states().items()
                if state.moved and state.moved.confirmed
            }
        return {}

    return adding.add(
        path,
        url,
        name,
        probe=lambda config, source: probe(config, clock, sources=[source])[0],
        moved_to=moved_to,
    )


def export_opml(config: Config) -> tuple[bytes, list[Source]]:
    """The sources as OPML, for other readers; and those that are no feeds, left out."""
    from aggregator.documents.lists import outlines
    from aggregator.publish.opml import render_opml

    states: Mapping[str, SourceState] = {}
    with suppress(StoreError), open_store(config, writing=False) as store:
        states = store.states()
    feeds = [source for source in config.sources if source.kind == "feed"]
    others = [source for source in config.sources if source.kind != "feed"]
    site = config.site
    return render_opml(site.title, site.author, outlines(feeds, states)), others


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

    metrics = Metrics(look, lambda: written_at(config))
    return serving_metrics(metrics.render, host=host, port=port)


def publish(config: Config, clock: Clock | None = None) -> set[str]:
    """Render all documents from the store; the names of those whose bytes changed."""
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        sync(store, config)
        return publish_now(store, config, clock, whole=True)


def publish_now(
    store: Store, config: Config, clock: Clock | None, *, whole: bool = False
) -> set[str]:
    clock = clock or SystemClock()
    now, states = clock.now(), store.states()
    output = documents.opened(config)
    try:
        written = documents.publish(
            store, config, now, states, output=output, whole=whole
        )
        documents.write_status(store, config, now, states, output=output)
    finally:
        tell_waiting(store, config, clock)
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
        sync(store, config)
        return retag_store(store, config, now, apply=True)
