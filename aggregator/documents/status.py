"""What is told of the sources, outside the law that documents change only with news."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aggregator.alerts import open_alerts
from aggregator.config import Config
from aggregator.documents.pages import site_of
from aggregator.documents.publishing import opened
from aggregator.model import SourceState
from aggregator.outage import as_shown
from aggregator.publish.output import Output
from aggregator.publish.pages.site import SOURCES
from aggregator.publish.public import public_address, public_home
from aggregator.publish.status import (
    public_status,
    render_status,
    source_state,
    status_document,
)
from aggregator.scheduler import as_planned
from aggregator.store import Store, Summary

STATUS = "status.json"


def write_status(
    store: Store,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
    *,
    output: Output | None = None,
) -> None:
    """status.json and the page of sources: time passes in them; never counted as news."""
    output = output or opened(config)
    shown = public_status(status(store, config, now, states))
    output.put(STATUS, render_status(shown))
    output.put(SOURCES, _sources_page(config, shown, states))


def _sources_page(
    config: Config, shown: Mapping[str, Any], states: Mapping[str, SourceState]
) -> bytes:
    from aggregator.publish.pages.sources import SourceLine, render_sources

    lines = []
    for source, row in zip(config.sources, shown["sources"], strict=True):
        state = states.get(source.id, SourceState(id=source.id))
        lines.append(
            SourceLine(
                name=row["name"],
                href=public_address(state.info.link) or public_home(source.url),
                state=row["state"],
                last_success=state.last_success,
            )
        )
    return render_sources(site_of(config), lines)


def status(
    store: Store | None,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
) -> dict[str, Any]:
    """What ``aggregator status --json`` holds; None: no store yet."""
    summary = (
        store.summary(now) if store else Summary(stories=0, updated=None, sources={})
    )
    offline_since = store.offline_since() if store else None
    states = as_planned(config.sources, states, now)
    return status_document(
        sources=config.sources,
        states=as_shown(states, offline_since, now),
        offline=offline_since is not None,
        counts=summary.sources,
        alerts=open_alerts(store, config, states, now) if store else (),
        stories=summary.stories,
        updated=summary.updated,
        now=now,
    )


def count_states(
    config: Config,
    states: Mapping[str, SourceState],
    now: datetime,
    *,
    offline: bool,
) -> Counter[str]:
    """How many of the configured sources are in each state."""
    return Counter(
        source_state(
            source,
            states.get(source.id, SourceState(id=source.id)),
            now,
            offline=offline,
        )
        for source in config.sources
    )
