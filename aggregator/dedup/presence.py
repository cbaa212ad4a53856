"""Which entries a source has taken back: missing while older ones are still listed.

What falls off the end of a document is not missing, and a source that loses much at
once has made a mistake. So the decision wants three documents in a row over six hours,
and gives up on a loss that is too large to be meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from aggregator.model import Absence, Entry

#: contracts leave the figures to the issue: documents in a row, and over how long.
DOCUMENTS = 3
AFTER = timedelta(hours=6)
#: More than so many, or this share of the document, missing at once: not meant.
MOST = 3
SHARE = 5
#: Two documents further apart are not "in a row"; a clock that jumped looks the same.
LONGEST_GAP = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What one document says of the entries that it does not list."""

    absences: tuple[Absence, ...] = ()
    #: Key hashes of entries to be withdrawn.
    withdrawn: frozenset[int] = frozenset()
    #: How many are missing at once, when that is too many to be meant; else 0.
    shrunk: int = 0


def is_oldest_first(entries: Sequence[Entry]) -> bool:
    """Whether a document's dates rise from entry to entry more often than they fall."""
    dates = [entry.published or entry.updated for entry in entries]
    steps = [
        (one < other) - (one > other) for one, other in pairwise(filter(None, dates))
    ]
    return sum(steps) > 0


def went(before: Sequence[int], listed: Collection[int]) -> bool:
    """Whether the document lacks an entry that stood above one which it still lists.

    ``before``: the last document's key hashes, newest first. Rolling off at the end is
    what documents do; that costs no further thought.
    """
    fell = len(before)
    while fell and before[fell - 1] not in listed:
        fell -= 1
    return any(key not in listed for key in before[:fell])


def judge(
    absences: Sequence[Absence],
    before: Sequence[int],
    listed: Collection[int],
    effective: Mapping[int, datetime],
    *,
    whole: bool,
    last: datetime | None,
    now: datetime,
) -> Presence:
    """What a document says that was read at ``now``; the poll before it was at ``last``.

    ``before``: the last document's key hashes, newest first; ``listed``: this one's.
    ``effective`` are the dates of the stored entries among both and the absences; those
    withdrawn or expired have none. Equal dates say nothing about what is older. An entry
    that stood above everything older is not missing: old entries are pinned to the top.
    ``whole``: false for a document that was read in part; it interrupts the row.
    """
    still = _still_missing(absences, listed, effective)
    fresh = _newly_missing(before, listed, effective) - {
        key for absence in still for key in absence.keys
    }
    missing = len(fresh) + sum(len(absence.keys) for absence in still)
    if not missing:
        return Presence()
    shrunk = missing > MOST or missing * SHARE >= missing + len(listed)
    if shrunk or not whole or not listed:
        # Remembered, so that the warning stays; counted from the next good document.
        keys = fresh.union(*(absence.keys for absence in still))
        row = Absence(keys=tuple(sorted(keys)), documents=0, since=now)
        return Presence(absences=(row,), shrunk=missing if shrunk and whole else 0)
    return again((*still, *_row(fresh, now)), last=last, now=now)


def again(
    absences: Iterable[Absence], *, last: datetime | None, now: datetime
) -> Presence:
    """One more document in which they are missing, such as the same bytes as before."""
    waiting: list[Absence] = []
    withdrawn: set[int] = set()
    for absence in absences:
        documents, since = absence.documents + 1, absence.since
        if not absence.documents or _is_broken(since, last, now):
            documents, since = 1, now
        if documents >= DOCUMENTS and now - since >= AFTER:
            withdrawn.update(absence.keys)
        else:
            waiting.append(Absence(keys=absence.keys, documents=documents, since=since))
    return Presence(absences=tuple(waiting), withdrawn=frozenset(withdrawn))


def _row(keys: Collection[int], now: datetime) -> tuple[Absence, ...]:
    # No document yet: `again` counts this one.
    found = Absence(keys=tuple(sorted(keys)), documents=0, since=now)
    return (found,) if keys else ()


def _is_broken(since: datetime, last: datetime | None, now: datetime) -> bool:
    """Whether the clock, or a long silence, makes six hours of less or of more."""
    if last is None or since > now:
        return True
    return not timedelta(0) <= now - last <= LONGEST_GAP


def _still_missing(
    absences: Sequence[Absence],
    listed: Collection[int],
    effective: Mapping[int, datetime],
) -> list[Absence]:
    if not listed:
        return list(absences)  # an empty document neither withdraws nor forgives
    oldest = min((effective[key] for key in listed if key in effective), default=None)
    found = []
    for absence in absences:
        keys = tuple(
            key
            for key in absence.keys
            if key not in listed
            and oldest is not None
            and key in effective
            and oldest < effective[key]
        )
        if keys:
            found.append(
                Absence(keys=keys, documents=absence.documents, since=absence.since)
            )
    return found


def _newly_missing(
    before: Sequence[int], listed: Collection[int], effective: Mapping[int, datetime]
) -> frozenset[int]:
    missing: set[int] = set()
    oldest_below: datetime | None = None
    for key in reversed(before):
        date = effective.get(key)
        if date is None:
            continue
        if key in listed:
            oldest_below = min(date, oldest_below or date)
        elif oldest_below is not None and oldest_below < date:
            missing.add(key)
    return frozenset(missing)
