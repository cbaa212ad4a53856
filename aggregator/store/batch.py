"""What a batch is about to change, looked up before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from aggregator.model import Grouping, PollOutcome
from aggregator.store.bulk import chunks
from aggregator.store.entries import Key
from aggregator.store.schema import story
from aggregator.store.sources import source_numbers
from aggregator.store.values import to_json


@dataclass(slots=True)
class Batch:
    """What the batch turned out to change, collected on the way."""

    numbers: dict[str, int]
    #: Story id to number, of every story in the grouping.
    stories: dict[str, int]
    minted: set[int]
    #: Membership columns by entry, from the grouping.
    membership: dict[Key, tuple[Any, ...]]
    #: Whether entries link to their source's site, of those that can join later.
    own_sites: dict[Key, bool]
    #: Those of `membership` that were stored before.
    stored: set[Key] = field(default_factory=set)
    #: Stories with a new member or an edited one.
    changed: set[int] = field(default_factory=set)
    #: Stories of which closed archives show what is no longer to be shown.
    stale: set[int] = field(default_factory=set)
    #: News about an entry that may lead: when it was seen.
    news: dict[Key, datetime] = field(default_factory=dict)
    #: The latest poll's time: when a story whose lead was withdrawn got another one.
    now: datetime | None = None
    entries_new: int = 0
    entries_updated: int = 0


def prepare(
    connection: Connection, outcomes: Sequence[PollOutcome], grouping: Grouping
) -> Batch:
    ids = {outcome.state.id for outcome in outcomes}
    ids.update(member.ref[0] for each in grouping.stories for member in each.members)
    numbers = source_numbers(connection, ids)
    stories, minted = _story_numbers(connection, [each.id for each in grouping.stories])
    return Batch(
        numbers=numbers,
        stories=stories,
        minted=minted,
        membership=_membership(grouping, stories, numbers),
        own_sites={
            (numbers[each.ref[0]], each.ref[1]): each.own_site
            for each in (grouping.index.entries if grouping.index else ())
        },
        now=max(
            (each.state.last_poll for each in outcomes if each.state.last_poll),
            default=None,
        ),
    )


def _story_numbers(
    connection: Connection, ids: Sequence[str]
) -> tuple[dict[str, int], set[int]]:
    """Numbers of stored and of new stories, and which are new."""
    numbers: dict[str, int] = {}
    for part in chunks(ids):
        found = select(story.c.id, story.c.number).where(story.c.id.in_(part))
        numbers.update((row[0], row[1]) for row in connection.execute(found))
    new = [id_ for id_ in ids if id_ not in numbers]
    if not new:
        return numbers, set()
    last = connection.execute(select(func.max(story.c.number))).scalar() or 0
    fresh = {id_: last + place for place, id_ in enumerate(new, 1)}
    return numbers | fresh, set(fresh.values())


def _membership(
    grouping: Grouping, stories: dict[str, int], numbers: dict[str, int]
) -> dict[Key, tuple[Any, ...]]:
    joins = {join.entry: join for join in grouping.joins}
    membership = {}
    for each in grouping.stories:
        for member in each.members:
            join = joins.get(member.ref)
            source_id, key = member.ref
            membership[numbers[source_id], key] = (
                member.own_site,
                stories[each.id],
                join.relation if join else member.relation,
                join.score if join else None,
                to_json(join.why) if join else None,
            )
    return membership
