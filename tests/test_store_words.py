"""The index of words: whatever waits, was folded or was refused, the same is found."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.errors import StoreError
from aggregator.model import (
    Grouping,
    IndexedEntry,
    IndexUpdate,
    PollOutcome,
    Source,
    SourceState,
)
from aggregator.store import Store, record, words

NOW = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
WINDOW = timedelta(days=6)
PAPER = "paper.example/rss"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aggregator.db"
    return request.getfixturevalue("postgres")


@pytest.fixture
def store(url):
    opened = open_store(url)
    yield opened
    opened.close()


def open_store(url):
    opened = Store.open(url, writing=True)
    opened.sync_sources(
        [
            Source(
                id=PAPER,
                url=f"https://{PAPER}",
                name="Paper",
                order=0,
                interval=timedelta(minutes=15),
                timezone="Europe/Moscow",
                content="summary",
                max_bytes=1,
            )
        ]
    )
    return opened


def indexed(key, *stems, effective=NOW):
    """An entry whose two first stems are its heaviest."""
    return IndexedEntry(
        ref=(PAPER, key),
        effective=effective,
        own_site=True,
        signature=b"",
        sums=b"",
        stems=stems,
        heaviest=stems[:2],
    )


def index(store, *entries, now=NOW):
    update = IndexUpdate(entries=entries, now=now, since=now - WINDOW)
    store.record(
        [PollOutcome(state=SourceState(id=PAPER))],
        Grouping(stories=(), minted=frozenset(), joins=(), index=update),
    )


def look_up(store, *stems, now=NOW):
    """How many entries there are; of each stem how often it occurs and what it finds."""
    found = store.vocabulary(stems, now)
    return round(found.entries, 3), {
        stem: (
            round(found.frequencies.get(stem, 0), 3),
            list(found.postings.get(stem, ())),
        )
        for stem in stems
    }


@pytest.mark.parametrize("most", [1, 2, 1000])
def test_an_entry_is_found_the_same_whether_it_waits_or_was_folded(
    store, monkeypatch, most
):
    monkeypatch.setattr(words, "MOST_RECENT", most)
    for key in range(5):
        index(store, indexed(key, 10, 20 + key, 30))

    assert look_up(store, 10, 22, 30, 99) == (
        5.0,
        {10: (5.0, [1, 2, 3, 4, 5]), 22: (1.0, [3]), 30: (5.0, []), 99: (0.0, [])},
    )


def test_an_entry_is_indexed_once(store, monkeypatch):
    monkeypatch.setattr(words, "MOST_RECENT", 2)
    for _ in range(3):
        index(store, indexed(1, 10), indexed(2, 10))

    assert look_up(store, 10) == (2.0, {10: (2.0, [1, 2])})


def test_another_process_sees_what_was_added_and_folded(url, store, monkeypatch):
    monkeypatch.setattr(words, "MOST_RECENT", 3)
    other = open_store(url)
    for key in range(5):
        index((store, other)[key % 2], indexed(key, 10))
        expected = key + 1.0, {10: (key + 1.0, list(range(1, key + 2)))}

        assert look_up(store, 10) == look_up(other, 10) == expected
    other.close()


def test_a_refused_transaction_leaves_the_index_as_it_was(store, monkeypatch):
    """The memory of what waits included, though the refused one had folded it."""
    index(store, indexed(1, 10))
    before = look_up(store, 10)

    def refuse(*_):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(words, "MOST_RECENT", 1)
        patch.setattr(record, "rename_entries", refuse)
        with pytest.raises(StoreError):
            index(store, indexed(2, 10))
    assert look_up(store, 10) == before

    index(store, indexed(2, 10))
    assert look_up(store, 10) == (2.0, {10: (2.0, [1, 2])})


def test_killed_while_it_folds_nothing_is_lost_or_counted_twice(url, store):
    index(store, indexed(1, 10), indexed(2, 10))
    code = f"""
import os
import test_store_words as t
t.words.MOST_RECENT = 1
t.words._save_corpus = lambda *_: os.kill(os.getpid(), {signal.SIGKILL:d})
t.index(t.open_store({url!r}), t.indexed(3, 10))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment)

    assert killed.returncode == -signal.SIGKILL
    assert look_up(store, 10) == (2.0, {10: (2.0, [1, 2])})
    index(store, indexed(3, 10))
    assert look_up(store, 10) == (3.0, {10: (3.0, [1, 2, 3])})


def test_what_left_the_window_is_folded_and_finds_nothing_any_more(store):
    index(store, indexed(1, 10))
    later = NOW + WINDOW + timedelta(hours=1)
    # Which takes the first out of the window, and the one after that folds it.
    index(store, indexed(2, 10, effective=later), now=later)
    index(store, indexed(3, 10, effective=later), now=later)

    assert look_up(store, 10, now=later) == (3.0, {10: (3.0, [2, 3])})
    month = later + timedelta(days=30)
    # The one that waits counts whole, the folded ones have faded.
    assert look_up(store, 10, now=month)[0] == pytest.approx(1 + 2 / 2.71828, abs=0.01)
