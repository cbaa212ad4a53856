"""What a worker does with one document: parse, then analyse, tag and read what is new.

Imported in worker processes alone: the parsers and dictionaries that stand behind
it are a third of a second and 60 MB that the main process never needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import partial
from zoneinfo import ZoneInfo

from aggregator.dedup.arrival import is_ad
from aggregator.dedup.fingerprint import fingerprint, shared_blocks, telling
from aggregator.dedup.presence import is_oldest_first
from aggregator.dedup.signature import read_signature
from aggregator.events import find_events
from aggregator.links import spellings
from aggregator.model import (
    EVENTS,
    DocumentJob,
    DocumentRead,
    Entry,
    EntryRead,
    Event,
    Fingerprint,
    Place,
    SourceError,
    Topic,
    WordsRead,
)
from aggregator.parse import parse_document
from aggregator.russian import Analysis, analyse
from aggregator.tag import (
    Gazetteer,
    Rules,
    compile_places,
    compile_topics,
    find_places,
    tag,
)
from aggregator.text import hash64


def reader(
    setup: tuple[Sequence[Topic], Sequence[Place]],
) -> Callable[[DocumentJob], DocumentRead | SourceError]:
    """`read_document` with rules and gazetteer compiled, once per worker."""
    topics, places = setup
    return partial(
        read_document, rules=compile_topics(topics), gazetteer=compile_places(places)
    )


def read_document(
    job: DocumentJob, *, rules: Rules, gazetteer: Gazetteer
) -> DocumentRead | SourceError:
    """Read one document; only entries that `job.known` lacks or knows otherwise come back."""
    feed = parse_document(
        job.body,
        url=job.url,
        content_type=job.content_type,
        encoding=job.source.encoding,
        timezone=job.source.timezone,
        kind=job.source.kind,
        page=job.source.page,
        now=job.fetched_at,
        rung=job.rung,
        ladder=job.whole,
    )
    if isinstance(feed, SourceError):
        return feed
    shared = shared_blocks(feed.entries)
    seen: list[int] = []
    fresh: list[EntryRead] = []
    for entry in _as_known(feed.entries, job.known):
        found = fingerprint(entry, shared)
        seen.append(found.key)
        known = job.known.get(found.key)
        if known == found.content:
            continue
        read = _read_entry(entry, found, job, rules, gazetteer)
        # Dates are noise, but an event's are not: such an entry is read to know.
        if known is None or known != read.fingerprint.content:
            fresh.append(read)
    return DocumentRead(
        info=feed.info,
        seen=tuple(seen),
        entries=tuple(fresh),
        shared_blocks=shared if fresh else frozenset(),
        oldest_first=is_oldest_first(feed.entries),
        rung=feed.rung,
        warnings=feed.warnings,
    )


def _as_known(
    entries: Sequence[Entry], known: Mapping[int, int | None]
) -> Iterator[Entry]:
    """The entries, each under the spelling of its key by which it is stored."""
    if not known:
        yield from entries
        return
    listed = {entry.key for entry in entries}
    for entry in entries:
        key = other = entry.key
        if key.startswith("http") and hash64(key) not in known:
            stored = (other for other in spellings(key) if hash64(other) in known)
            other = next((other for other in stored if other not in listed), key)
            listed.add(other)
        yield entry if other == key else replace(entry, key=other)


def _read_entry(
    entry: Entry,
    found: Fingerprint,
    job: DocumentJob,
    rules: Rules,
    gazetteer: Gazetteer,
) -> EntryRead:
    claimed = entry.published or entry.updated
    ad = is_ad(entry)
    if claimed is not None and claimed < job.tag_since:
        # No document will carry it.
        return EntryRead(entry=entry, fingerprint=found, ad=is_ad(entry), tagged=False)
    analysis = analyse(entry.title, entry.text)
    said = read_words(
        entry,
        analysis,
        given=job.source.topics,
        seen_at=job.fetched_at,
        zone=ZoneInfo(job.timezone),
        rules=rules,
        gazetteer=gazetteer,
    )
    matched = (
        found.key not in job.known
        and job.match_since is not None
        and (claimed is None or claimed >= job.match_since)
    )
    return EntryRead(
        entry=entry,
        fingerprint=replace(found, content=telling(found.content, entry, said.events)),
        ad=ad,
        topics=said.topics,
        events=said.events,
        places=said.places,
        signature=read_signature(analysis) if matched else None,
    )


def read_words(
    entry: Entry,
    analysis: Analysis,
    *,
    given: Sequence[str],
    seen_at: datetime,
    zone: tzinfo,
    rules: Rules,
    gazetteer: Gazetteer,
) -> WordsRead:
    """What an entry's words say, by the one analysis of it.

    ``given`` are the topics of its source, ``zone`` is the site's.
    """
    topics = tag(analysis, categories=entry.categories, given=given, rules=rules)
    events: tuple[Event, ...] = ()
    if any(score.topic == EVENTS and score.tagged for score in topics):
        published = min(entry.published or entry.updated or seen_at, seen_at)
        events = find_events(analysis, published.astimezone(zone).date())
    return WordsRead(
        topics=topics, events=events, places=find_places(analysis, gazetteer)
    )
