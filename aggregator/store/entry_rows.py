"""Entries, their hashes, their topics and places as rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from aggregator.model import (
    Enclosure,
    Entry,
    EntryRead,
    Fingerprint,
    Origin,
    PlaceMatch,
    StoredEntry,
    TermMatch,
    TopicScore,
    Withheld,
    WordsRead,
)
from aggregator.store.event_rows import events_json, events_of
from aggregator.store.values import (
    decode,
    encode,
    from_micros,
    strings,
    strings_json,
    to_json,
    to_micros,
)
from aggregator.text import plain_text

#: Columns of `entry_content` after its key, in the order of `content_row`.
CONTENT_COLUMNS = (
    "title",
    "link",
    "canonical_link",
    "summary",
    "content",
    "text",
    "authors",
    "categories",
    "enclosures",
    "language",
    "published",
    "updated",
    "topics",
    "events",
    "places",
    "origin",
)


#: Columns of `entry_content` for what the words say, in the order of `words_row`.
WORDS_COLUMNS = ("topics", "events", "places")

#: Columns of `entry_content` that `entry_of` reads.
ENTRY_COLUMNS = tuple(name for name in CONTENT_COLUMNS if name not in WORDS_COLUMNS)


def words_row(read: EntryRead | WordsRead) -> tuple[Any, ...]:
    return (
        _topics_json(read.topics) if read.topics else None,
        events_json(read.events) if read.events else None,
        places_json(read.places),
    )


def content_row(read: EntryRead) -> tuple[Any, ...]:
    entry = read.entry
    return (
        entry.title,
        entry.link,
        entry.canonical_link,
        entry.summary,
        entry.content,
        # `Entry.text` is by definition the plain text of content, else of summary, and
        # `entry_of` makes it again. Stored, it would be half the database; comparing
        # what can be left out would cost as much as the rest of the row.
        None if entry.content or entry.summary else entry.text or None,
        strings_json(entry.authors) if entry.authors else None,
        strings_json(entry.categories) if entry.categories else None,
        to_json([(e.url, e.type, e.length) for e in entry.enclosures]),
        entry.language,
        to_micros(entry.published),
        to_micros(entry.updated),
        *words_row(read),
        _origin_json(entry.origin) if entry.origin else None,
    )


def entry_of(row: Row[Any]) -> Entry:
    """The entry in a row that has all columns of `entry_content`, key and position."""
    text = plain_text(row.content or "") or plain_text(row.summary or "")
    return Entry(
        key=row.key,
        title=row.title,
        link=row.link,
        canonical_link=row.canonical_link,
        summary=row.summary,
        content=row.content,
        text=text or row.text or "",
        authors=strings(row.authors),
        categories=strings(row.categories),
        enclosures=tuple(
            Enclosure(url=url, type=type_, length=length)
            for url, type_, length in decode(row.enclosures or "[]")
        ),
        language=row.language,
        published=from_micros(row.published),
        updated=from_micros(row.updated),
        origin=_origin_of(row.origin),
        position=row.position,
    )


def _origin_json(origin: Origin) -> str:
    return encode((origin.title, origin.link))


def _origin_of(column: str | None) -> Origin | None:
    if column is None:
        return None
    title, link = decode(column)
    return Origin(title=title, link=link)


def fingerprint_of(row: Row[Any]) -> Fingerprint:
    return Fingerprint(
        key=row.key_hash,
        content=row.content_hash,
        link=row.link_hash,
        title=row.title_hash,
        start=row.start_hash,
    )


def withheld_of(row: Any) -> Withheld | None:
    """What holds the entry of a row with `withheld` and `withdrawn` back now."""
    return admitted_of(row) if row.withdrawn is None else Withheld.WITHDRAWN


def admitted_of(row: Any) -> Withheld | None:
    """The same, had its source not taken it back."""
    return None if row.withheld is None else Withheld(row.withheld)


def stored_entry(row: Row[Any]) -> StoredEntry:
    """A row of `entry` joined with `entry_content`, and the source's id as source_id."""
    return StoredEntry(
        ref=(row.source_id, row.key_hash),
        entry=entry_of(row),
        fingerprint=fingerprint_of(row),
        first_seen=from_micros(row.first_seen),
        effective=from_micros(row.effective),
        withheld=withheld_of(row),
        admitted=admitted_of(row) if row.removed is None else Withheld.WITHDRAWN,
        ad=row.ad,
        topics=_topics_of(row.topics),
        events=events_of(row.events),
        places=_places_of(row.places),
    )


def tagged_row(topics: Sequence[TopicScore]) -> str | None:
    return " ".join(score.topic for score in topics if score.tagged) or None


def placed_row(places: Sequence[PlaceMatch]) -> str | None:
    return " ".join(match.place for match in places) or None


def tagged_of(column: str | None) -> frozenset[str]:
    return frozenset(column.split(" ")) if column else frozenset()


def places_json(places: Sequence[PlaceMatch]) -> str | None:
    return to_json([(m.place, m.name, m.form, m.field, m.position) for m in places])


def _places_of(column: str | None) -> tuple[PlaceMatch, ...]:
    if column is None:
        return ()
    return tuple(
        PlaceMatch(place=place, name=name, form=form, field=field, position=position)
        for place, name, form, field, position in decode(column)
    )


def _topics_json(topics: Sequence[TopicScore]) -> str:
    return encode(
        [
            (
                score.topic,
                score.score,
                score.threshold,
                score.tagged,
                [
                    (m.rule, m.form, m.lemma, m.field, m.position, m.weight)
                    for m in score.terms
                ],
                score.vetoes,
            )
            for score in topics
        ]
    )


def _topics_of(column: str | None) -> tuple[TopicScore, ...]:
    if column is None:
        return ()
    return tuple(
        TopicScore(
            topic=topic,
            score=score,
            threshold=threshold,
            tagged=tagged,
            terms=tuple(map(_term_of, terms)),
            vetoes=tuple(vetoes),
        )
        for topic, score, threshold, tagged, terms, vetoes in decode(column)
    )


def _term_of(columns: Sequence[Any]) -> TermMatch:
    rule, form, lemma, field, position, weight = columns
    return TermMatch(
        rule=rule,
        form=form,
        lemma=lemma,
        field=field,
        position=position,
        weight=weight,
    )
