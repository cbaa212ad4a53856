"""What ``status`` and ``explain`` ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from aggregator.model import EntryRef, SourceCounts
from aggregator.store import decisions, publications
from aggregator.store.entries import WITH_CONTENT, load_entries, load_stories
from aggregator.store.records import EntryHistory, MemberHistory, Summary
from aggregator.store.schema import entry, entry_content, source, story
from aggregator.store.values import from_micros, strings, to_micros

#: What ``entries_a_day`` is taken over.
RECENT = timedelta(days=30)


def summary(connection: Connection, now: datetime) -> Summary:
    stories = connection.execute(select(func.count()).select_from(story)).scalar_one()
    updated = connection.execute(
        select(story.c.updated)
        .where(story.c.announced, ~story.c.withheld)
        .order_by(story.c.updated.desc())
        .limit(1)
    ).scalar()
    recent = func.count().filter(entry.c.effective >= to_micros(now - RECENT))
    counts = (
        select(entry.c.source, func.count().label("entries"), recent.label("recent"))
        .group_by(entry.c.source)
        .subquery()
    )
    rows = connection.execute(
        select(source.c.id, counts.c.entries, counts.c.recent).join_from(
            counts, source, source.c.number == counts.c.source
        )
    )
    return Summary(
        stories=stories,
        updated=from_micros(updated),
        sources={
            id_: SourceCounts(
                entries=entries, entries_a_day=round(new / RECENT.days, 2)
            )
            for id_, entries, new in rows
        },
    )


def history(connection: Connection, ref: EntryRef) -> EntryHistory | None:
    """All that is known of one entry; None when it is not stored."""
    stored = load_entries(connection, [ref]).get(ref)
    if stored is None:
        return None
    head = connection.execute(
        select(story)
        .join_from(story, entry, story.c.number == entry.c.story)
        .join(source, source.c.number == entry.c.source)
        .where(source.c.id == ref[0], entry.c.key_hash == ref[1])
    ).one_or_none()
    if head is None:
        return EntryHistory(stored=stored)
    (whole,) = load_stories(connection, [head.number])
    members = {
        member.ref: member
        for row in connection.execute(_of_story.where(entry.c.story == head.number))
        for member in [_member_history(row)]
    }
    order = sorted(
        (member.ref for member in whole.members), key=lambda each: each != whole.lead
    )
    return EntryHistory(
        stored=stored,
        story=whole,
        announced=head.announced,
        withdrawn=head.withheld
        and (
            head.announced
            or bool(publications.withdrawn_for_good(connection, {head.id}))
        ),
        published=from_micros(head.published),
        updated=from_micros(head.updated),
        revision=head.revision,
        members={each: members[each] for each in order},
        decisions=decisions.of_story(connection, head.id),
    )


def _member_history(row: Any) -> MemberHistory:
    return MemberHistory(
        ref=(row.source_id, row.key_hash),
        key=row.key,
        source=row.source_id,
        title=row.title,
        link=row.link,
        relation=row.relation or "report",
        score=row.score,
        why=strings(row.why),
    )


_of_story = select(
    source.c.id.label("source_id"),
    entry.c.key_hash,
    entry.c.key,
    entry.c.relation,
    entry.c.score,
    entry.c.why,
    entry_content.c.title,
    entry_content.c.link,
).select_from(WITH_CONTENT.join(source, source.c.number == entry.c.source))
