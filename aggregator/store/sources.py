"""Rows of sources: what feeds.yaml says of them and how polling them went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from aggregator.errors import StoreError
from aggregator.model import Source, SourceState
from aggregator.store.bulk import chunks, insert_many, update_many
from aggregator.store.schema import entry, source, story, topic
from aggregator.store.source_rows import STATE_COLUMNS, state_of, state_row

#: What documents show of a source.
_SHOWN = ("url", "name", "content", "rights")
_CONFIGURED = ("configured", "position", *_SHOWN)


def sync_sources(connection: Connection, sources: Sequence[Source]) -> None:
    """Make the rows say what feeds.yaml says; those not in it stay, marked so."""
    found = connection.execute(
        select(source.c.number, source.c.id, *(source.c[name] for name in _CONFIGURED))
    )
    stored = {row.id: row for row in found}
    known = [each for each in sources if each.id in stored]
    changed = [
        (stored[each.id], values)
        for each in known
        if (values := _configured(each)) != tuple(stored[each.id][2:])
    ]
    update_many(
        connection,
        source,
        _CONFIGURED,
        [(*values, row.number) for row, values in changed],
    )
    _insert(connection, [each for each in sources if each.id not in stored])
    _mark_removed(connection, {each.id for each in sources}, stored)
    shown = [row.number for row, values in changed if values[2:] != tuple(row[4:])]
    _raise_revisions(connection, shown)


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
