"""What finding an entry's story costs the writer, whatever is stored.

``python -m benchmarks.stories``: newcomers against a store with so many entries, of
which up to 20,000 lie in the window. CPU time of what their words tell, the look-ups,
the grouping and the index; the entries' own rows are not in it. The worker's signature
is timed apart. Texts are the farm's (README.md); one in five is a copy.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from aggregator.__main__ import COLLECT_AFTER
from aggregator.dedup.candidates import (
    drop_unlike,
    read_signatures,
    stems_of,
    weigh_words,
)
from aggregator.dedup.fingerprint import fingerprint
from aggregator.dedup.signature import read_signature
from aggregator.dedup.stories import WINDOW, group
from aggregator.model import (
    Admission,
    Entry,
    EntryRead,
    Grouping,
    IndexUpdate,
    Member,
    NewEntry,
    PollOutcome,
    Source,
    SourceState,
)
from aggregator.russian import analyse
from aggregator.store import Store
from benchmarks.farm import utc_now
from benchmarks.prose import Prose

#: Newcomers of a batch, and batches that are timed: the index is folded every second.
BATCH, TIMED = 2_000, 4
SOURCES = 100
#: One newcomer in so many is the latest of another source, without its end.
COPIES = 5
GOAL = 2_500
#: Entries outside the window: stored, and found by nobody.
OLD = timedelta(days=20)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stories", description=__doc__
    )
    parser.add_argument("--window", type=int, default=20_000, help="entries in it")
    parser.add_argument("--stored", type=int, nargs="*", default=[1_000, 20_000])
    parser.add_argument("--storage", help="an empty PostgreSQL database's address")
    options = parser.parse_args()
    gc.set_threshold(*COLLECT_AFTER)  # as the program does
    for stored in options.stored:
        with tempfile.TemporaryDirectory(prefix="stories-") as folder:
            url = options.storage or f"sqlite:///{folder}/aggregator.db"
            _measure(url, stored, options.window)


def _measure(url: str, stored: int, window: int) -> None:
    now = utc_now()
    sources = [_source(order) for order in range(SOURCES)]
    store = Store.open(url, writing=True)
    store.sync_sources(sources)
    reader = _Reader(now, old=max(stored - window, 0))
    entries = reader.entries()
    for _ in range(0, stored, BATCH):
        _commit(store, sources, list(islice(entries, min(BATCH, stored))), now)
    reader.seconds = 0.0
    spent = [
        _commit(store, sources, list(islice(entries, BATCH)), now) for _ in range(TIMED)
    ]
    store.close()
    rate = TIMED * BATCH / sum(spent)
    print(
        f"{stored:>9,} stored, {min(stored, window):>7,} in the window:"
        f" {rate:>6,.0f} entries/s, {1e6 / rate:.0f} µs each (goal {GOAL:,}/s);"
        f" signature {1e6 * reader.seconds / (TIMED * BATCH):.0f} µs in the worker"
    )


class _Reader:
    """Makes entries, and reads them as a worker does."""

    def __init__(self, now: datetime, *, old: int) -> None:
        self._now = now
        self._old = old
        #: Spent on signatures.
        self.seconds = 0.0

    def entries(self) -> Iterator[tuple[int, datetime, EntryRead]]:
        """Source, date, entry; without end."""
        prose, random = Prose(), Random(1)
        before = ("", "")
        number = 0
        while True:
            number += 1
            date = self._now - timedelta(hours=48) * random.random()
            if number <= self._old:
                date -= OLD
            if number % COPIES:
                article = prose.article(number, date)
                before = article.title, "\n".join(article.paragraphs)
                title, text = before
            else:
                title, text = before[0], before[1][: len(before[1]) * 2 // 3]
            yield random.randrange(SOURCES), date, self._read(number, title, text, date)

    def _read(self, number: int, title: str, text: str, date: datetime) -> EntryRead:
        link = f"https://example.org/{number}"
        entry = Entry(
            key=link,
            title=title,
            link=link,
            canonical_link=link,
            summary=text,
            content=None,
            text=text,
            published=date,
            position=0,
        )
        signature = None
        if date > self._now - WINDOW:
            analysis = analyse(title, text)
            started = time.process_time()
            signature = read_signature(analysis)
            self.seconds += time.process_time() - started
        return EntryRead(
            entry=entry,
            fingerprint=fingerprint(entry),
            ad=False,
            signature=signature,
        )


def _commit(
    store: Store,
    sources: Sequence[Source],
    batch: Sequence[tuple[int, datetime, EntryRead]],
    now: datetime,
) -> float:
    """CPU seconds that the stories took."""
    members = [_member(number, date, read) for number, date, read in batch]
    states = [PollOutcome(state=SourceState(id=source.id)) for source in sources]
    outcomes = [
        replace(state, new=tuple(_new(batch, order, now)))
        for order, state in enumerate(states)
    ]
    started = time.process_time()
    grouping = _group(store, members, now)
    spent = time.process_time() - started
    store.record(outcomes, replace(grouping, index=None))
    started = time.process_time()
    store.record(
        states,
        Grouping(stories=(), minted=frozenset(), joins=(), index=grouping.index),
    )
    if sys.stderr.isatty():
        print(".", end="", flush=True, file=sys.stderr)
    return spent + time.process_time() - started


def _group(store: Store, members: Sequence[Member], now: datetime) -> Grouping:
    """As ``Pipeline`` does it."""
    signatures = read_signatures(members)
    words = weigh_words(signatures, store.vocabulary(stems_of(signatures), now))
    words = drop_unlike(words, members, store.indexed(words.stored), WINDOW)
    prints = [member.fingerprint for member in members]
    stories, loose = store.neighbours(
        links={each.link for each in prints if each.link is not None},
        titles={each.title for each in prints if each.title is not None},
        since=min(member.effective for member in members) - WINDOW,
        numbers=words.stored,
    )
    grouping = group(
        members, stories, loose, host="example.org", year=now.year, words=words
    )
    entries = words.index(members)
    index = IndexUpdate(entries=entries, now=now, since=now - 2 * WINDOW)
    return replace(grouping, index=index)


def _source(order: int) -> Source:
    return Source(
        id=f"source-{order}",
        url=f"https://example.org/{order}.xml",
        name=str(order),
        order=order,
        interval=timedelta(minutes=15),
        timezone="Europe/Moscow",
        content="summary",
        max_bytes=1,
    )


def _member(number: int, date: datetime, read: EntryRead) -> Member:
    return Member(
        ref=(f"source-{number}", read.fingerprint.key),
        source_order=number,
        key=read.entry.key,
        fingerprint=read.fingerprint,
        effective=date,
        position=0,
        withheld=None,
        own_site=True,
        signature=read.signature,
    )


def _new(
    batch: Sequence[tuple[int, datetime, EntryRead]], order: int, now: datetime
) -> Iterator[NewEntry]:
    for number, date, read in batch:
        if number == order:
            admission = Admission(effective=date)
            yield NewEntry(read=read, first_seen=now, admission=admission)


if __name__ == "__main__":
    main()
