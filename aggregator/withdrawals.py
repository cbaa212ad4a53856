"""What an operator takes back, carried out by whoever publishes next.

A request is a row in the store, which takes no writer's lock: so `run` need not be
stopped for it. It stays until the documents stand without what was taken back, and
carrying it out twice is carrying it out once: a crash in between loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aggregator.dedup import decided
from aggregator.store import Request, Store
from aggregator.store.bulk import chunks

#: Entries of a source taken back in one transaction.
CHUNK = 500


def carry_out(store: Store, now: datetime) -> Sequence[Request]:
    """Do what is asked; what was, to be settled when the documents stand."""
    requests = store.requests()
    for request in requests:
        match request.scope, request.undo:
            case "story", False:
                store.withdraw_story(request.target, now)
            case "story", True:
                store.restore_story(request.target, now)
            case "source", False:
                _withdraw_source(store, request.target, now)
            case "source", True:
                store.restore_entries(request.target, now)
    return requests


def _withdraw_source(store: Store, source: str, now: datetime) -> None:
    for refs in chunks(store.told_by(source), CHUNK):
        stories = store.stories_of(refs)
        store.withdraw_entries(refs, decided.withdraw(stories, refs), now)
