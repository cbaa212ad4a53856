"""The index of words: which entries of the window a stem finds, how often stems occur.

One row a stem holds both. A batch has thousands of stems, so it writes none of these
rows: its entries go into `recent`, a row each, and thousands of them are folded into the
stems at once (a log-structured merge: O'Neil and others, 1996). Who writes holds `recent`
in memory; what was folded, or added by another process, shows in the table.

Frequencies fade, so that what was news a month ago weighs little: instead of lowering
every row each day, what is added today counts more than what was added before
(forward decay: Cormode and others, ICDE 2009).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import exp
from sys import byteorder
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_

from aggregator.model import IndexedWords, IndexUpdate, Vocabulary
from aggregator.store.bulk import among, among_keys, insert_many
from aggregator.store.entries import Key
from aggregator.store.schema import corpus, signature, stem
from aggregator.store.schema import recent as _recent
from aggregator.store.values import (
    from_micros,
    pack_integers,
    to_micros,
    unpack_integers,
)

#: An entry counts for so long, e-folding: in the long run as if for 30 days, whole.
FADING = timedelta(days=30)
#: When an added entry counts 1. Any moment will do; from far away numbers grow large,
#: but a double holds 700 times ``FADING``.
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
#: A stem that counts less, of an entry forgotten three months ago, is forgotten too.
_FORGOTTEN = 0.05
#: The latest entries that one stem finds: words that more have tell nothing of them.
MOST_POSTED = 400
#: Entries that wait in `recent` before they are folded. Who starts and has newcomers reads
#: them, at 9 µs each; folding takes some 10 µs a stem, and 4,000 entries share most.
MOST_RECENT = 4_000

_SIGNATURE_KEY = tuple_(signature.c.source, signature.c.key_hash)


class Recent:
    """The rows of `recent` in memory, as the index that they are not yet in `stem`."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        #: Numbers of the first entry, None without any, and the last.
        self.first: int | None = None
        self._last = 0
        self.entries = 0
        self.frequencies: Counter[int] = Counter()
        self.postings: defaultdict[int, list[int]] = defaultdict(list)

    def catch_up(self, connection: Connection) -> None:
        """Read what was added, and forget what was folded, by whomever.

        Right after a transaction that changed nothing as after one that did: what this
        holds has always been read.
        """
        first = connection.execute(select(func.min(_recent.c.number))).scalar()
        if first != self.first:
            self._clear()
        added = select(_recent).where(_recent.c.number > self._last)
        rows = connection.execute(added.order_by(_recent.c.number)).all()
        if rows:
            self._add(rows)

    def _add(self, rows: Sequence[Any]) -> None:
        if self.first is None:
            self.first = rows[0][0]
        self._last = rows[-1][0]
        self.entries += len(rows)
        stems = b"".join([stems for _, stems, _ in rows])
        self.frequencies.update(_unpack_hashes(stems))
        for number, _, heaviest in rows:
            for hash_ in _unpack_hashes(heaviest):
                self.postings[hash_].append(number)


def load_vocabulary(
    connection: Connection, recent: Recent, stems: Collection[int], now: datetime
) -> Vocabulary:
    """What is known of these stems."""
    recent.catch_up(connection)
    weight = _weight(now)
    head = connection.execute(select(corpus)).one_or_none()
    frequencies: dict[int, float] = {
        hash_: count for hash_ in stems if (count := recent.frequencies.get(hash_))
    }
    postings: dict[int, Sequence[int]] = {
        hash_: numbers[-MOST_POSTED:]
        for hash_ in stems
        if (numbers := recent.postings.get(hash_))
    }
    if head and head.entries:
        oldest = _oldest(connection)
        for hash_, (frequency, packed) in _stem_rows(connection, stems).items():
            frequencies[hash_] = frequencies.get(hash_, 0.0) + frequency / weight
            if packed:
                older = _living(unpack_integers(packed), oldest)
                postings[hash_] = [*older, *postings.get(hash_, ())][-MOST_POSTED:]
    return Vocabulary(
        entries=(head.entries / weight if head else 0.0) + recent.entries,
        frequencies=frequencies,
        postings=postings,
    )


def load_indexed(
    connection: Connection, numbers: Collection[int]
) -> list[IndexedWords]:
    """What is known of these entries' words, of those that are still in the window."""
    asked = select(
        signature.c.number,
        signature.c.effective,
        signature.c.sums,
        signature.c.signature,
    ).where(among(connection, signature.c.number, numbers))
    return [
        IndexedWords(number, from_micros(effective), sums, packed)
        for number, effective, sums, packed in connection.execute(asked).all()
    ]


def index_entries(
    connection: Connection,
    recent: Recent,
    update: IndexUpdate,
    sources: Mapping[str, int],
) -> None:
    """Let entries be found by their words, once; ``sources``: numbers by id."""
    entries = [((sources[each.ref[0]], each.ref[1]), each) for each in update.entries]
    known = _indexed(connection, [key for key, _ in entries])
    fresh = [(key, each) for key, each in entries if key not in known]
    if not fresh:
        return
    recent.catch_up(connection)
    oldest = _oldest(connection)
    if recent.entries >= MOST_RECENT or (recent.first or oldest) < oldest:
        _fold(connection, recent, oldest, update.now)
    head = connection.execute(select(corpus)).one_or_none()
    last = head.last if head else 0
    numbered = list(enumerate(fresh, last + 1))
    insert_many(
        connection,
        signature,
        [
            (number, *key, to_micros(each.effective), each.sums, each.signature)
            for number, (key, each) in numbered
        ],
    )
    insert_many(
        connection,
        _recent,
        [
            (number, _pack_hashes(each.stems), _pack_hashes(each.heaviest))
            for number, (_, each) in numbered
        ],
    )
    _save_corpus(connection, head.entries if head else 0.0, last + len(fresh))
    connection.execute(
        delete(signature).where(signature.c.effective < to_micros(update.since))
    )


def _fold(connection: Connection, recent: Recent, oldest: int, now: datetime) -> None:
    """Let the stems' rows know the recent entries, which begin to fade with that.

    ``recent`` itself finds out from the table, once the transaction stands.
    """
    weight = _weight(now)
    rows = _stem_rows(connection, recent.frequencies)
    changed = []
    for hash_, count in recent.frequencies.items():
        frequency, packed = rows.get(hash_, (0.0, None))
        if added := recent.postings.get(hash_):
            older = _living(unpack_integers(packed or b""), oldest)
            packed = pack_integers([*older, *added][-MOST_POSTED:])
        changed.append((hash_, frequency + weight * count, packed))
    insert_many(connection, stem, changed, replace=("frequency", "postings"))
    connection.execute(delete(_recent))
    head = connection.execute(select(corpus)).one()
    _save_corpus(connection, head.entries + weight * recent.entries, head.last)


def _save_corpus(connection: Connection, entries: float, last: int) -> None:
    insert_many(connection, corpus, [(1, entries, last)], replace=("entries", "last"))


def forget_stems(connection: Connection, now: datetime) -> None:
    """Stems that have not been read for months."""
    faded = stem.c.frequency < _FORGOTTEN * _weight(now)
    connection.execute(delete(stem).where(faded))


def _indexed(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    asked = select(signature.c.source, signature.c.key_hash).where(
        among_keys(connection, _SIGNATURE_KEY, keys)
    )
    return {(source, key_hash) for source, key_hash in connection.execute(asked)}


def _stem_rows(
    connection: Connection, stems: Collection[int]
) -> dict[int, tuple[float, bytes | None]]:
    """Frequency, not faded, and postings, packed."""
    asked = select(stem).where(among(connection, stem.c.hash, sorted(stems)))
    return {
        hash_: (frequency, packed)
        for hash_, frequency, packed in connection.execute(asked).all()
    }


def _oldest(connection: Connection) -> int:
    """The least number of an entry that can still be found."""
    return connection.execute(select(func.min(signature.c.number))).scalar() or 0


def _living(numbers: Sequence[int], oldest: int) -> Sequence[int]:
    return numbers[bisect_left(numbers, oldest) :]


def _pack_hashes(hashes: Iterable[int]) -> bytes:
    packed = array("I", hashes)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _unpack_hashes(packed: bytes) -> array[int]:
    hashes = array("I", packed)
    if byteorder == "big":
        hashes.byteswap()
    return hashes


def _weight(now: datetime) -> float:
    """What an entry added now counts, beside what was added before."""
    return exp((now - _BEGINNING) / FADING)
