"""Rows of sources: what feeds.yaml says of them and how polling them went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from aggregator.errors import StoreError
from aggregator.links import source_address
from aggregator.model import Source, SourceState
from aggregator.store.bulk import chunks, insert_many, update_many
from aggregator.store.schema import entry, listing, source, story, topic
from aggregator.store.source_rows import STATE_COLUMNS, moved_of, state_of, state_row
from aggregator.store.values import unpack_integers

#: What documents show of a source.
_SHOWN = ("url", "name", "content", "rights")
_CONFIGURED = ("configured", "position", *_SHOWN)
#: What was learnt at one address and says nothing of another.
_OF_THE_ADDRESS = (
    "etag",
    "last_modified",
    "body_hash",
    "error",
    "last_full",
    "moved",
    "retry_at",
    "fresh_for",
    "poll_interval",
    "next_poll",
    "absences",
    "pushes",
    "rhythm",
)


def sync_sources(connection: Connection, sources: Sequence[Source]) -> None:
    """Make the rows say what feeds.yaml says; those not in it stay, marked so.

    A source is known by its id, or by its address when the id is new: an operator who
    gives an id later, or takes one away, has the same source; so has one who writes the
    address that it is known to have moved to.
    """
    stored = _stored(connection)
    if _adopt(connection, sources, stored):
        stored = _stored(connection)
    known = [each for each in sources if each.id in stored]
    changed = [
        (stored[each.id], values)
        for each in known
        if (values := _configured(each)) != tuple(stored[each.id][3:])
    ]
    update_many(
        connection,
        source,
        _CONFIGURED,
        [(*values, row.number) for row, values in changed],
    )
    moved = [
        row.number
        for row, values in changed
        if source_address(row.url) != source_address(values[_CONFIGURED.index("url")])
    ]
    nothing = (None,) * len(_OF_THE_ADDRESS)
    update_many(connection, source, _OF_THE_ADDRESS, [(*nothing, n) for n in moved])
    _insert(connection, [each for each in sources if each.id not in stored])
    _mark_removed(connection, {each.id for each in sources}, stored)
    shown = [row.number for row, values in changed if values[2:] != tuple(row[5:])]
    _raise_revisions(connection, shown)


def _stored(connection: Connection) -> dict[str, Any]:
    columns = [source.c[name] for name in ("number", "id", "first_url", *_CONFIGURED)]
    return {row.id: row for row in connection.execute(select(*columns))}


def _adopt(
    connection: Connection, sources: Sequence[Source], stored: dict[str, Any]
) -> bool:
    """Give rows whose id is no longer configured the id that their address has now."""
    new = [each for each in sources if each.id not in stored]
    if not new or not stored:
        return False
    configured = {each.id for each in sources}
    left = [row for row in stored.values() if row.id not in configured]
    numbers = _effective_addresses(connection, {row.number for row in left})
    numbers |= {source_address(row.first_url): row.number for row in left}
    numbers |= {source_address(row.url): row.number for row in left}
    renamed = [
        (each.id, number)
        for each in new
        if (number := numbers.get(source_address(each.url))) is not None
    ]
    # Addresses are unique in feeds.yaml; a row's first and present one may name two.
    once = {number: (id_, number) for id_, number in renamed}
    update_many(connection, source, ("id",), list(once.values()))
    return bool(once)


def _effective_addresses(
    connection: Connection, numbers: Collection[int]
) -> dict[str, int]:
    """Where confirmed permanent redirects of these rows lead to."""
    found = connection.execute(
        select(source.c.number, source.c.moved).where(source.c.moved.is_not(None))
    )
    moves = [(row[0], moved_of(row[1])) for row in found if row[0] in numbers]
    return {
        source_address(moved.url): number
        for number, moved in moves
        if moved is not None and moved.confirmed
    }


def sync_topics(connection: Connection, topics: Sequence[str]) -> None:
    rows = list(enumerate(topics))
    stored = connection.execute(select(topic.c.position, topic.c.key))
    if sorted(tuple(row) for row in stored) == rows:
        return
    connection.execute(topic.delete())
    insert_many(connection, topic, [(key, position) for position, key in rows])


def load_states(connection: Connection) -> dict[str, SourceState]:
    columns = [source.c[name] for name in STATE_COLUMNS]
    found = connection.execute(select(source.c.id, *columns))
    return {row[0]: state_of(row[0], row[1:]) for row in found}


def listings(connection: Connection, ids: Collection[str]) -> dict[str, Sequence[int]]:
    """The key hashes in the last documents of these sources, in their order."""
    found: dict[str, Sequence[int]] = {}
    for part in chunks(ids):
        rows = connection.execute(
            select(source.c.id, listing.c.key_hashes)
            .join_from(listing, source, source.c.number == listing.c.source)
            .where(source.c.id.in_(part))
        )
        found.update((row[0], unpack_integers(row[1])) for row in rows)
    return found


def save_states(
    connection: Connection, states: Sequence[SourceState], numbers: dict[str, int]
) -> None:
    rows = [(*state_row(state), numbers[state.id]) for state in states]
    update_many(connection, source, STATE_COLUMNS, rows)


def source_numbers(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """Ids as rows of other tables name them; StoreError for one that has no row."""
    numbers: dict[str, int] = {}
    for part in chunks(ids):
        found = select(source.c.id, source.c.number).where(source.c.id.in_(part))
        numbers.update((row[0], row[1]) for row in connection.execute(found))
    if missing := set(ids) - numbers.keys():
        raise StoreError(f"no such source in the store: {min(missing)}")
    return numbers


def _configured(configured: Source) -> tuple[Any, ...]:
    return (
        True,
        configured.order,
        configured.url,
        configured.name,
        configured.content,
        configured.rights,
    )


def _insert(connection: Connection, new: Sequence[Source]) -> None:
    last = connection.execute(select(func.max(source.c.number))).scalar() or 0
    nothing_polled = (None,) * len(STATE_COLUMNS)
    rows = [
        (
            number,
            each.id,
            True,
            each.order,
            each.url,
            each.url,  # the first one stays for ever
            each.name,
            each.content,
            each.rights,
            *nothing_polled,
        )
        for number, each in enumerate(new, last + 1)
    ]
    insert_many(connection, source, rows)


def _mark_removed(
    connection: Connection, configured: set[str], stored: dict[str, Any]
) -> None:
    removed = [
        (False, row.number)
        for row in stored.values()
        if row.configured and row.id not in configured
    ]
    update_many(connection, source, ("configured",), removed)


def _raise_revisions(connection: Connection, numbers: Sequence[int]) -> None:
    """Stories that name one of these sources look different now."""
    for part in chunks(numbers):
        theirs = select(entry.c.story).where(
            entry.c.source.in_(part), entry.c.story.is_not(None)
        )
        connection.execute(
            update(story)
            .where(story.c.number.in_(theirs))
            .values(revision=story.c.revision + 1)
        )
