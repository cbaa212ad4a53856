"""Stories as documents show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, or_, select

from aggregator.model import PublishedMember, PublishedStory, SourceInfo, StoryHeader
from aggregator.store.bulk import chunks
from aggregator.store.entries import WITH_CONTENT
from aggregator.store.entry_rows import ENTRY_COLUMNS, entry_of
from aggregator.store.schema import (
    entry,
    entry_content,
    source,
    story,
    story_topic,
    topic,
)
from aggregator.store.source_rows import info_of
from aggregator.store.values import from_micros, to_micros

#: Headers read at a time: a document of 100 stories is mostly one page.
PAGE = 200


def header_page(
    connection: Connection,
    topic_key: str | None,
    since: datetime,
    after: StoryHeader | None,
) -> list[StoryHeader]:
    """The next announced stories after `after`: newest first, then position, then id."""
    first = story if topic_key is None else story_topic
    published, position = first.c.published, first.c.position
    found = (
        _headers(published, position)
        # Withheld after it was announced: its source has taken it back.
        .where(story.c.announced, ~story.c.withheld, published >= to_micros(since))
        .order_by(published.desc(), position, story.c.id)
        .limit(PAGE)
    )
    if topic_key is not None:
        found = found.join(story_topic, story_topic.c.story == story.c.number)
        found = found.where(story_topic.c.topic == topic_key)
    if after is not None:
        last = to_micros(after.published)
        found = found.where(
            published <= last,
            or_(
                published < last,
                position > after.position,
                (position == after.position) & (story.c.id > after.id),
            ),
        )
    return list(map(_header, connection.execute(found).all()))


def headers_of(connection: Connection, ids: Collection[str]) -> list[StoryHeader]:
    """In any order; ids that are not stored are left out."""
    headers = _headers(story.c.published, story.c.position)
    return [
        _header(row)
        for part in chunks(ids)
        for row in connection.execute(headers.where(story.c.id.in_(part))).all()
    ]


def _headers(published: Column[int], position: Column[int]) -> Select[Any]:
    return (
        select(
            story.c.id,
            source.c.id.label("source_id"),
            published,
            position,
            story.c.revision,
            entry.c.ad,
        )
        .join_from(story, source, source.c.number == story.c.lead_source)
        .join(
            entry,
            (entry.c.source == story.c.lead_source)
            & (entry.c.key_hash == story.c.lead_key),
        )
    )


def _header(row: Row[Any]) -> StoryHeader:
    return StoryHeader(
        id=row.id,
        source=row.source_id,
        published=from_micros(row.published),
        position=row.position,
        revision=row.revision,
        ad=row.ad,
    )


# --- whole stories ----------------------------------------------------------------


def load_published(connection: Connection, ids: Sequence[str]) -> list[PublishedStory]:
    """The stories in the order asked; ids that are not stored are left out."""
    heads: dict[str, Row[Any]] = {}
    for part in chunks(ids):
        found = connection.execute(_HEAD.where(story.c.id.in_(part)))
        for row in found.all():
            heads[row.id] = row
    numbers = [row.number for row in heads.values()]
    members = _members(connection, numbers)
    topics = _topics(connection, numbers)
    sources = _sources(
        connection,
        {row.lead_source for row in heads.values()}
        | {row.source for rows in members.values() for row in rows},
    )
    return [
        _published(
            head, members.get(head.number, []), topics.get(head.number, ()), sources
        )
        for id_ in ids
        if (head := heads.get(id_)) is not None
    ]


#: A story with its lead.
_HEAD: Select[Any] = (
    select(
        story.c.id,
        story.c.number,
        story.c.published.label("first_published"),
        story.c.updated.label("last_updated"),
        story.c.revision,
        story.c.lead_source,
        story.c.lead_key,
        entry.c.ad,
        entry.c.key,
        entry.c.position,
        *(entry_content.c[name] for name in ENTRY_COLUMNS),
    )
    .select_from(story)
    .join(
        WITH_CONTENT,
        (entry.c.source == story.c.lead_source)
        & (entry.c.key_hash == story.c.lead_key),
    )
)


def _published(
    head: Row[Any],
    members: Sequence[Row[Any]],
    topics: Sequence[str],
    sources: dict[int, SourceInfo],
) -> PublishedStory:
    return PublishedStory(
        id=head.id,
        published=from_micros(head.first_published),
        updated=from_micros(head.last_updated),
        revision=head.revision,
        lead=entry_of(head),
        source=sources[head.lead_source],
        members=tuple(
            PublishedMember(
                source=sources[row.source],
                title=row.title,
                link=row.link,
                relation=row.relation or "report",
            )
            for row in members
            if (row.source, row.key_hash) != (head.lead_source, head.lead_key)
        ),
        topics=tuple(topics),
        ad=head.ad,
    )


def _members(
    connection: Connection, numbers: Collection[int]
) -> dict[int, list[Row[Any]]]:
    """By story number; by effective date, then the source's order, then position."""
    members: dict[int, list[Row[Any]]] = {}
    for part in chunks(numbers):
        rows: Sequence[Any] = connection.execute(
            select(
                entry.c.story,
                entry.c.source,
                entry.c.key_hash,
                entry.c.relation,
                entry_content.c.title,
                entry_content.c.link,
            )
            .select_from(WITH_CONTENT.join(source, source.c.number == entry.c.source))
            .where(entry.c.story.in_(part), entry.c.withdrawn.is_(None))
            .order_by(
                entry.c.effective,
                source.c.position,
                entry.c.position,
                entry.c.source,
                entry.c.key_hash,
            )
        ).all()
        for row in rows:
            members.setdefault(row.story, []).append(row)
    return members


def _topics(connection: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    """By story number, in feeds.yaml's order; topics that are no longer there last."""
    topics: dict[int, list[str]] = {}
    for part in chunks(numbers):
        rows = connection.execute(
            select(story_topic.c.story, story_topic.c.topic)
            .outerjoin(topic, topic.c.key == story_topic.c.topic)
            .where(story_topic.c.story.in_(part))
            .order_by(topic.c.position.is_(None), topic.c.position, story_topic.c.topic)
        )
        for number, key in rows:
            topics.setdefault(number, []).append(key)
    return topics


def _sources(connection: Connection, numbers: Collection[int]) -> dict[int, SourceInfo]:
    sources: dict[int, SourceInfo] = {}
    for part in chunks(numbers):
        rows = connection.execute(
            select(
                source.c.number,
                source.c.id,
                source.c.name,
                source.c.url,
                source.c.info,
                source.c.content,
                source.c.rights,
            ).where(source.c.number.in_(part))
        )
        for number, id_, name, url, info, content, rights in rows:
            sources[number] = SourceInfo(
                id=id_,
                name=name,
                url=url,
                info=info_of(info),
                content=content,
                rights=rights,
            )
    return sources
