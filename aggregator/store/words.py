"""The index of words: which entries of the window a stem finds, how often stems occur.

One row a stem holds both: a batch touches each of its stems once, whatever is stored.
Frequencies fade, so that what was news a month ago weighs little: instead of lowering
every row each day, what is added today counts more than what was added before
(forward decay: Cormode and others, ICDE 2009).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import exp

from sqlalchemy import Connection, delete, select, tuple_

from aggregator.model import IndexedEntry, IndexUpdate, Vocabulary
from aggregator.store.bulk import chunks, insert_many
from aggregator.store.entries import Key
from aggregator.store.schema import corpus, signature, stem
from aggregator.store.values import pack_integers, to_micros, unpack_integers

#: An entry counts for so long, e-folding: in the long run as if for 30 days, whole.
FADING = timedelta(days=30)
#: When an added entry counts 1. Any moment will do; from far away numbers grow large,
#: but a double holds 700 times ``FADING``.
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
#: A stem that counts less, of an entry forgotten three months ago, is forgotten too.
_FORGOTTEN = 0.05
#: The latest entries that one stem finds: words that more have tell nothing of them.
MOST_POSTED = 400

_SIGNATURE_KEY = tuple_(signature.c.source, signature.c.key_hash)


def load_vocabulary(
    connection: Connection, stems: Collection[int], now: datetime
) -> Vocabulary:
    """What is known of these stems."""
    weight = _weight(now)
    head = connection.execute(select(corpus)).one_or_none()
    frequencies: dict[int, float] = {}
    postings: dict[int, Sequence[int]] = {}
    for hash_, (frequency, packed) in _stem_rows(connection, stems).items():
        frequencies[hash_] = frequency / weight
        if packed:
            postings[hash_] = unpack_integers(packed).tolist()
    return Vocabulary(
        entries=head.entries / weight if head else 0.0,
        frequencies=frequencies,
        postings=postings,
    )


def index_entries(
    connection: Connection, update: IndexUpdate, sources: Mapping[str, int]
) -> None:
    """Let entries be found by their words, once; ``sources``: numbers by id."""
    entries = [((sources[each.ref[0]], each.ref[1]), each) for each in update.entries]
    known = _indexed(connection, [key for key, _ in entries])
    fresh = [(key, each) for key, each in entries if key not in known]
    if not fresh:
        return
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
    weight = _weight(update.now)
    total = (head.entries if head else 0.0) + weight * len(fresh)
    insert_many(
        connection,
        corpus,
        [(1, total, last + len(fresh))],
        replace=("entries", "last"),
    )
    _add_stems(connection, [(n, each) for n, (_, each) in numbered], weight)
    connection.execute(
        delete(signature).where(signature.c.effective < to_micros(update.since))
    )


def _add_stems(
    connection: Connection, numbered: Sequence[tuple[int, IndexedEntry]], weight: float
) -> None:
    counts: Counter[int] = Counter()
    posted: defaultdict[int, list[int]] = defaultdict(list)
    for number, each in numbered:
        counts.update(each.stems)
        for hash_ in each.heaviest:
            posted[hash_].append(number)
    rows = _stem_rows(connection, counts)
    changed = []
    for hash_, count in counts.items():
        frequency, packed = rows.get(hash_, (0.0, None))
        if added := posted.get(hash_):
            packed = pack_integers(
                [*unpack_integers(packed or b""), *added][-MOST_POSTED:]
            )
        changed.append((hash_, frequency + weight * count, packed))
    insert_many(connection, stem, changed, replace=("frequency", "postings"))


def forget_stems(connection: Connection, now: datetime) -> None:
    """Stems that have not been read for months."""
    faded = stem.c.frequency < _FORGOTTEN * _weight(now)
    connection.execute(delete(stem).where(faded))


def _indexed(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    found: set[Key] = set()
    for part in chunks(keys):
        rows = connection.execute(
            select(signature.c.source, signature.c.key_hash).where(
                _SIGNATURE_KEY.in_(part)
            )
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def _stem_rows(
    connection: Connection, stems: Collection[int]
) -> dict[int, tuple[float, bytes | None]]:
    """Frequency, not faded, and postings, packed."""
    rows: dict[int, tuple[float, bytes | None]] = {}
    for part in chunks(sorted(stems)):
        found = connection.execute(select(stem).where(stem.c.hash.in_(part)))
        for hash_, frequency, packed in found:
            rows[hash_] = frequency, packed
    return rows


def _weight(now: datetime) -> float:
    """What an entry added now counts, beside what was added before."""
    return exp((now - _BEGINNING) / FADING)
