"""Entries as they are asked for: by source, by reference, by what they share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    select,
    tuple_,
    union_all,
)

from aggregator.links import canonical_link, registrable_domain
from aggregator.model import (
    EntryRef,
    Fingerprint,
    Member,
    StoredEntry,
    StoryMembers,
)
from aggregator.store.bulk import among, among_keys, chunks
from aggregator.store.entry_rows import (
    CONTENT_COLUMNS,
    fingerprint_of,
    stored_entry,
    tagged_of,
    withheld_of,
)
from aggregator.store.schema import (
    entry,
    entry_content,
    signature,
    source,
    story,
    tombstone,
)
from aggregator.store.values import from_micros, to_micros
from aggregator.text import clean_text, hash64

#: An entry as rows know it: number of its source, hash of its key.
Key = tuple[int, int]

ENTRY_KEY = tuple_(entry.c.source, entry.c.key_hash)
_CONTENT_KEY = tuple_(entry_content.c.source, entry_content.c.key_hash)

WITH_CONTENT = entry.join(
    entry_content,
    (entry.c.source == entry_content.c.source)
    & (entry.c.key_hash == entry_content.c.key_hash),
)

_stored = select(
    source.c.id.label("source_id"),
    entry,
    *(entry_content.c[name] for name in CONTENT_COLUMNS),
).select_from(WITH_CONTENT.join(source, source.c.number == entry.c.source))

_IS_INDEXED = (signature.c.source == entry.c.source) & (
    signature.c.key_hash == entry.c.key_hash
)

_member = select(
    entry.c.source,
    source.c.id.label("source_id"),
    source.c.position.label("source_order"),
    source.c.url.label("source_url"),
    entry.c.key_hash,
    entry.c.key,
    entry.c.content_hash,
    entry.c.link_hash,
    entry.c.title_hash,
    entry.c.start_hash,
    entry.c.effective,
    entry.c.position,
    entry.c.withheld,
    entry.c.withdrawn,
    entry.c.own_site,
    entry.c.tagged,
    entry.c.relation,
    entry.c.story,
    signature.c.number,
    signature.c.sums,
    signature.c.signature,
).select_from(
    entry.join(source, source.c.number == entry.c.source).outerjoin(
        signature, _IS_INDEXED
    )
)

#: An entry and its story: most of those that are found are members, and loaded with it.
_place = select(entry.c.source, entry.c.key_hash, entry.c.story)


def known(connection: Connection, source_id: str) -> dict[int, int | None]:
    """Key hash to content hash, of a source's entries and of its tombstones.

    None for an entry that the source took back: whatever it says when it is listed again,
    it is a change.
    """
    number = select(source.c.number).where(source.c.id == source_id).scalar_subquery()
    stands = entry.c.withdrawn.is_(None) | entry.c.removed.is_not(None)
    listed = case((stands, entry.c.content_hash))
    found = union_all(
        *(
            select(table.c.key_hash, content_hash).where(table.c.source == number)
            for table, content_hash in (
                (tombstone, tombstone.c.content_hash),
                (entry, listed),
            )
        )
    )
    return {row[0]: row[1] for row in connection.execute(found)}


def load_entries(
    connection: Connection, refs: Collection[EntryRef]
) -> dict[EntryRef, StoredEntry]:
    """The stored ones among `refs`."""
    keys = entry_keys(connection, refs)
    rows = connection.execute(_stored.where(among_keys(connection, ENTRY_KEY, keys)))
    return {found.ref: found for found in map(stored_entry, rows)}


def entry_keys(connection: Connection, refs: Collection[EntryRef]) -> list[Key]:
    """References as rows have them; those to unknown sources are left out."""
    numbers: dict[str, int] = {}
    for part in chunks({source_id for source_id, _ in refs}):
        found = select(source.c.id, source.c.number).where(source.c.id.in_(part))
        numbers.update((row[0], row[1]) for row in connection.execute(found))
    return [
        (numbers[source_id], key) for source_id, key in refs if source_id in numbers
    ]


def effective_dates(
    connection: Connection, refs: Collection[EntryRef]
) -> dict[EntryRef, datetime]:
    """Of those that are stored and not withdrawn."""
    theirs = among_keys(connection, ENTRY_KEY, entry_keys(connection, refs))
    found = (
        select(source.c.id, entry.c.key_hash, entry.c.effective)
        .join_from(entry, source, source.c.number == entry.c.source)
        .where(theirs, entry.c.withdrawn.is_(None))
    )
    return {
        (source_id, key_hash): from_micros(effective)
        for source_id, key_hash, effective in connection.execute(found)
    }


def alike(
    connection: Connection,
    source_ids: Collection[str],
    links: Collection[int],
    titles: Collection[int],
) -> dict[str, list[Fingerprint]]:
    """Entries of these sources with one of the hashes, by source; the latest first."""
    rows: dict[Key, Any] = {}
    for column, hashes in ((entry.c.link_hash, links), (entry.c.title_hash, titles)):
        for part in chunks(hashes):
            found = connection.execute(_member.where(column.in_(part)))
            rows.update(((row.source, row.key_hash), row) for row in found)
    latest = sorted(rows.values(), key=lambda row: (-row.effective, row.key_hash))
    prints: dict[str, list[Fingerprint]] = {}
    for row in latest:
        if row.source_id in source_ids:
            prints.setdefault(row.source_id, []).append(fingerprint_of(row))
    return prints


# --- stories as dedup sees them ---------------------------------------------------


def neighbours(
    connection: Connection,
    links: Collection[int],
    titles: Collection[int],
    since: datetime,
    numbers: Collection[int] = (),
) -> tuple[tuple[StoryMembers, ...], tuple[Member, ...]]:
    """Stories with a member that matches, whole, and matching entries without a story.

    A link hash matches at any age, a title hash from `since` on, by effective date;
    `numbers` are those of the index of words.
    """
    found: set[tuple[int, int, int | None]] = set()
    dated = _place.where(entry.c.effective >= to_micros(since))
    indexed = _place.join(signature, _IS_INDEXED)
    for asked, column, values in (
        (_place, entry.c.link_hash, links),
        (dated, entry.c.title_hash, titles),
        (indexed, signature.c.number, numbers),
    ):
        if values:
            matching = asked.where(among(connection, column, values))
            found.update(_places(connection, matching))
    loose = among_keys(
        connection, ENTRY_KEY, [each[:2] for each in found if each[2] is None]
    )
    members = _members(connection, connection.execute(_member.where(loose)))
    return (
        load_stories(connection, {each[2] for each in found if each[2] is not None}),
        tuple(member for _, member in sorted(members.items())),
    )


def _places(
    connection: Connection, asked: Select[Any]
) -> list[tuple[int, int, int | None]]:
    return [(row[0], row[1], row[2]) for row in connection.execute(asked)]


def stories_of(
    connection: Connection, refs: Collection[EntryRef]
) -> tuple[StoryMembers, ...]:
    """The stories that have one of the entries as a member, whole."""
    theirs = among_keys(connection, ENTRY_KEY, entry_keys(connection, refs))
    found = select(entry.c.story).where(theirs, entry.c.story.is_not(None))
    return load_stories(connection, set(connection.execute(found).scalars()))


def load_stories(
    connection: Connection, numbers: Collection[int]
) -> tuple[StoryMembers, ...]:
    """Whole stories, by number; members by effective date."""
    if not numbers:
        return ()
    asked = sorted(numbers)
    heads = connection.execute(_head.where(among(connection, story.c.number, asked)))
    rows: Sequence[Any] = connection.execute(
        _member.where(among(connection, entry.c.story, asked))
    ).all()
    members: dict[int, list[Member]] = {}
    found = _members(connection, rows)
    for row in rows:
        members.setdefault(row.story, []).append(found[row.source, row.key_hash])
    return tuple(
        StoryMembers(
            id=head.id,
            lead=(head.lead_id, head.lead_key),
            members=tuple(sorted(members.get(head.number, ()), key=_by_date)),
            announced=head.announced,
        )
        for head in heads
    )


_head = (
    select(
        story.c.number,
        story.c.id,
        source.c.id.label("lead_id"),
        story.c.lead_key,
        story.c.announced,
    )
    .join_from(story, source, source.c.number == story.c.lead_source)
    .order_by(story.c.number)
)


def _by_date(member: Member) -> tuple[datetime, int, int, EntryRef]:
    return member.effective, member.source_order, member.position, member.ref


def _members(connection: Connection, rows: Iterable[Row[Any]]) -> dict[Key, Member]:
    rows = list(rows)
    unknown = {(row.source, row.key_hash): row for row in rows if row.own_site is None}
    own_site = _own_sites(connection, unknown)
    return {
        key: _member_of(row, own_site.get(key, bool(row.own_site)))
        for row in rows
        for key in [(row.source, row.key_hash)]
    }


def _member_of(row: Row[Any], own_site: bool) -> Member:
    return Member(
        ref=(row.source_id, row.key_hash),
        source_order=row.source_order,
        key=row.key,
        fingerprint=fingerprint_of(row),
        effective=from_micros(row.effective),
        position=row.position,
        withheld=withheld_of(row),
        own_site=own_site,
        topics=tagged_of(row.tagged),
        relation=row.relation or "report",
        signature=row.signature,
        sums=row.sums,
        number=row.number,
    )


def _own_sites(connection: Connection, unknown: dict[Key, Row[Any]]) -> dict[Key, bool]:
    """Of entries that were never in a story, whether they link to their source's site."""
    if not unknown:
        return {}
    own: dict[Key, bool] = {}
    found = select(
        entry_content.c.source, entry_content.c.key_hash, entry_content.c.link
    ).where(among_keys(connection, _CONTENT_KEY, unknown.keys()))
    for number, key_hash, link in connection.execute(found):
        url = unknown[number, key_hash].source_url
        own[number, key_hash] = bool(link) and _domain(link) == _domain(url)
    return own


def _domain(link: str) -> str:
    try:
        return registrable_domain(urlsplit(link).hostname or "")
    except ValueError:  # no host can be read from it
        return ""


# --- look-up by what an operator has at hand --------------------------------------


def find(connection: Connection, query: str) -> tuple[EntryRef, ...]:
    """Entries by link, canonical link, guid or published story id; leads first.

    A story's id gives all its members.
    """
    query = clean_text(query.strip())
    canonical = canonical_link(query)
    conditions = (
        entry.c.story.in_(select(story.c.number).where(story.c.id == query)),
        # With every source's number the primary key finds the hash.
        entry.c.source.in_(select(source.c.number))
        & (entry.c.key_hash == hash64(query))
        & (entry.c.key == query),
        (entry.c.link_hash == hash64(canonical))
        & (
            (entry_content.c.canonical_link == canonical)
            | (entry_content.c.link == query)
        ),
    )
    found = {ref for condition in conditions for ref in _find(connection, condition)}
    if not found and query.startswith(("http://", "https://")):
        # A link to a section or a home page has no hash. Nobody waits for this but the
        # operator who asked: all texts are looked through.
        shared = (entry_content.c.link == query) | (
            entry_content.c.canonical_link == canonical
        )
        found = set(_find(connection, shared))
    return tuple(ref for *_, ref in sorted(found))


def _find(
    connection: Connection, condition: ColumnElement[bool]
) -> list[tuple[bool, int, int, EntryRef]]:
    leads = (story.c.lead_source == entry.c.source) & (
        story.c.lead_key == entry.c.key_hash
    )
    rows = connection.execute(
        select(
            source.c.id.label("source_id"),
            source.c.position.label("source_order"),
            entry.c.key_hash,
            entry.c.effective,
            leads.label("leads"),
        )
        .select_from(
            WITH_CONTENT.join(source, source.c.number == entry.c.source).outerjoin(
                story, story.c.number == entry.c.story
            )
        )
        .where(condition)
    )
    return [
        (
            not row.leads,
            row.effective,
            row.source_order,
            (row.source_id, row.key_hash),
        )
        for row in rows
    ]
