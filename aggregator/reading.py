"""What a worker does with one document: parse, then analyse and tag what is new.

Imported in worker processes alone: the parsers and dictionaries that stand behind
it are a third of a second and 60 MB that the main process never needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from aggregator.dedup.fingerprint import fingerprint, shared_blocks
from aggregator.dedup.presence import is_oldest_first
from aggregator.model import (
    DocumentJob,
    DocumentRead,
    Entry,
    EntryRead,
    SourceError,
    Topic,
    TopicScore,
)
from aggregator.parse import parse_document
from aggregator.russian import analyse
from aggregator.tag import Rules, compile_topics, tag


def reader(
    topics: Sequence[Topic],
) -> Callable[[DocumentJob], DocumentRead | SourceError]:
    """`read_document` with the rules compiled, once per worker."""
    return partial(read_document, rules=compile_topics(topics))


def read_document(job: DocumentJob, *, rules: Rules) -> DocumentRead | SourceError:
    """Read one document; only entries that `job.known` lacks or knows otherwise come back."""
    feed = parse_document(
        job.body,
        url=job.url,
        content_type=job.content_type,
        encoding=job.source.encoding,
        timezone=job.source.timezone,
        kind=job.source.kind,
        page=job.source.page,
    )
    if isinstance(feed, SourceError):
        return feed
    shared = shared_blocks(feed.entries)
    seen: list[int] = []
    fresh: list[EntryRead] = []
    for entry in feed.entries:
        found = fingerprint(entry, shared)
        seen.append(found.key)
        if job.known.get(found.key) != found.content:
            topics = _topics(entry, job, rules)
            fresh.append(EntryRead(entry=entry, fingerprint=found, topics=topics))
    return DocumentRead(
        info=feed.info,
        seen=tuple(seen),
        entries=tuple(fresh),
        shared_blocks=shared if fresh else frozenset(),
        oldest_first=is_oldest_first(feed.entries),
        warnings=feed.warnings,
    )


def _topics(entry: Entry, job: DocumentJob, rules: Rules) -> tuple[TopicScore, ...]:
    claimed = entry.published or entry.updated
    if claimed is not None and claimed < job.tag_since:
        return ()  # no document will carry it
    return tag(
        analyse(entry.title, entry.text),
        categories=entry.categories,
        given=job.source.topics,
        rules=rules,
    )
