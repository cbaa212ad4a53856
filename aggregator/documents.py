"""The documents there are, and the writing of those whose content changed.

A document is rendered again when the stories it shows, their revisions or the words
around them changed, and written when its bytes did. What a crash left undone is found
out here too: a file that is missing or not as the manifest says is rendered again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from aggregator import __version__
from aggregator.alerts import open_alerts
from aggregator.coming import settle_calendar
from aggregator.config import Config
from aggregator.errors import PublishError
from aggregator.model import PublishedStory, SourceState, StoryHeader
from aggregator.outage import as_shown
from aggregator.publish.select import cutoff, select
from aggregator.publish.status import render_status, source_state, status_document
from aggregator.publish.writer import OutputFolder
from aggregator.scheduler import with_closed_hosts
from aggregator.store import DocumentRecord, Store, Summary

INDEX = "index.html"
STATUS = "status.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One published file that shows stories."""

    name: str
    #: Key of a topic or of a place; None: all stories.
    topic: str | None
    title: str


def feeds(config: Config) -> tuple[Document, ...]:
    """The Atom documents: all stories, then one document a topic, one a place."""
    merged = Document(name="feed.atom", topic=None, title=config.site.title)
    titles = {topic.key: topic.title for topic in config.topics}
    titles |= {place.key: place.title for place in config.places}
    return (
        merged,
        *(
            Document(
                name=f"{key}.atom", topic=key, title=f"{config.site.title}: {title}"
            )
            for key, title in titles.items()
        ),
    )


def documents(config: Config) -> tuple[Document, ...]:
    """Every document that shows stories, in the order in which they are written."""
    index = Document(name=INDEX, topic=None, title=config.site.title)
    return (*feeds(config), index)


def selected(
    store: Store, config: Config, topic: str | None, now: datetime
) -> list[StoryHeader]:
    """The stories that a document of this topic carries, newest first."""
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    headers = store.headers(topic, since)
    if config.publish.ads == "drop":
        # One may have become an advertisement since, or the operator changed his mind.
        headers = (header for header in headers if not header.ad)
    return select(
        headers,
        max_entries=config.publish.max_entries,
        source_share=config.publish.source_share,
    )


def publish(
    store: Store,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
    *,
    whole: bool = False,
) -> set[str]:
    """Bring ``output/`` up to date with the store; the names whose bytes changed.

    `whole` renders every document, as ``aggregator publish`` does. A document of a topic
    that is no longer configured is removed. PublishError when a file cannot be written:
    it is as it was, and the others are up to date.
    """
    store.announce()
    settle_calendar(store, config, now)
    output = OutputFolder(config.output)
    output.clean_up()
    manifest = store.documents()
    records: list[DocumentRecord] = []
    written: set[str] = set()
    refused: list[PublishError] = []
    for document in documents(config):
        headers = selected(store, config, document.topic, now)
        inputs = _inputs(config, document.name, headers, states)
        known = manifest.pop(document.name, None)
        if not whole and known and _stands(config.output, known, inputs):
            continue
        data = _rendered(store, config, document, headers)
        try:
            if output.put(document.name, data):
                written.add(document.name)
        except PublishError as error:
            refused.append(error)
            continue
        digest = hashlib.sha256(data).hexdigest()
        records.append(
            DocumentRecord(name=document.name, fingerprint=inputs, digest=digest)
        )
    for record in manifest.values():
        output.remove(record.name, record.digest)
    store.save_documents(records, gone=manifest.keys())
    if refused:
        raise refused[0]
    return written


def recover(
    store: Store, config: Config, now: datetime, states: Mapping[str, SourceState]
) -> set[str]:
    """Publish what a crash left undone; nothing on a store that never published."""
    return publish(store, config, now, states) if store.documents() else set()


def write_status(
    store: Store, config: Config, now: datetime, states: Mapping[str, SourceState]
) -> None:
    """status.json: the one document in which time passes; never counted as news."""
    shown = status(store, config, now, states)
    # Alerts are the operator's: no document of a reader holds them.
    data = render_status(shown | {"alerts": []})
    OutputFolder(config.output).put(STATUS, data)


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
    states = with_closed_hosts(config.sources, states, now)
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


def _stands(folder: Path, record: DocumentRecord, inputs: str) -> bool:
    """Whether the file is what was written last, and would be written again."""
    if record.fingerprint != inputs:
        return False
    try:
        data = (folder / record.name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == record.digest


def _rendered(
    store: Store, config: Config, document: Document, headers: Sequence[StoryHeader]
) -> bytes:
    topics = {topic.key for topic in config.topics}
    stories = [
        replace(
            story,
            topics=tuple(key for key in story.topics if key in topics),
            places=tuple(
                place.key for place in config.gazetteer if place.key in story.topics
            ),
        )
        for story in store.stories([header.id for header in headers])
    ]
    if document.name == INDEX:
        return _index(config, stories)
    return _atom(config, document, stories, store.created)


def _inputs(
    config: Config,
    name: str,
    headers: Sequence[StoryHeader],
    states: Mapping[str, SourceState],
) -> str:
    """A digest of all that the document's bytes depend on."""
    shown = {header.source for header in headers}
    sources = [
        (source.id, source.name, source.url, source.content, source.rights)
        for source in config.sources
        if source.id in shown
    ]
    # What a source says of itself, but for its dates: they change without news.
    infos = [
        (info.title, info.link, info.id, info.rights)
        for key in sorted(shown)
        if key in states
        for info in [states[key].info]
    ]
    topics = [(topic.key, topic.title) for topic in config.topics]
    places = [(place.key, place.title) for place in config.gazetteer]
    stories = [(header.id, header.revision) for header in headers]
    parts = (
        __version__,
        name,
        config.site,
        config.publish,
        topics,
        places,
        sources,
        infos,
        stories,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _atom(
    config: Config,
    document: Document,
    stories: Sequence[PublishedStory],
    created: datetime,
) -> bytes:
    from aggregator.publish.atom import AtomDocument, render_atom

    site = config.site
    return render_atom(
        AtomDocument(
            id=f"{site.url}{document.name}",
            title=document.title,
            self_url=f"{site.url}{document.name}",
            site_url=site.url,
            language=site.language,
            timezone=site.timezone,
            author=site.author or site.title,
            topics={topic.key: topic.title for topic in config.topics},
            places={place.key: place.title for place in config.gazetteer},
            summary_length=config.publish.summary_length,
            empty_updated=created,
        ),
        stories,
    )


def _index(config: Config, stories: Sequence[PublishedStory]) -> bytes:
    from aggregator.publish.page import FeedLink, IndexPage, render_index

    site = config.site
    return render_index(
        IndexPage(
            title=site.title,
            site_url=site.url,
            language=site.language,
            timezone=site.timezone,
            feeds=tuple(
                FeedLink(title=feed.title, name=feed.name) for feed in feeds(config)
            ),
            topics={topic.key: topic.title for topic in config.topics},
            summary_length=config.publish.summary_length,
        ),
        stories,
    )
