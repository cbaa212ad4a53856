"""Which stories stand in a document, and how far back it reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from zoneinfo import ZoneInfo

from aggregator.model import StoryHeader


def select(
    headers: Iterable[StoryHeader], *, max_entries: int, source_share: Fraction
) -> list[StoryHeader]:
    """At most ``max_entries`` stories in document order, newest first.

    ``headers`` come newest first by ``published``; equals may come in any order. A
    source (by lead) that has its share of the places is passed over; places that are
    left go to the newest of those passed over, so one source alone fills a document.
    Reads no further than the document is full.
    """
    quota = max(1, int(source_share * max_entries))
    taken: list[tuple[int, StoryHeader]] = []
    passed_over: list[tuple[int, StoryHeader]] = []
    used: Counter[str] = Counter()
    for rank, header in enumerate(_document_order(headers)):
        if len(taken) >= max_entries:
            break
        if used[header.source] < quota:
            used[header.source] += 1
            taken.append((rank, header))
        elif len(passed_over) < max_entries:
            passed_over.append((rank, header))
    taken += passed_over[: max_entries - len(taken)]
    return [header for _, header in sorted(taken, key=lambda ranked: ranked[0])]


def cutoff(now: datetime, timezone: str, max_age: timedelta) -> datetime:
    """The oldest ``published`` that a document may carry; aware, UTC.

    Counted from the last local midnight of ``timezone``, so that without news a
    document changes at most once a day.
    """
    midnight = now.astimezone(ZoneInfo(timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    return midnight.astimezone(UTC) - max_age


def _document_order(headers: Iterable[StoryHeader]) -> Iterator[StoryHeader]:
    """Newest first; among equals the order in which their sources listed them.

    Undated entries of one poll are dated alike: their document's order is all there is.
    """
    for _, equals in groupby(headers, key=lambda header: header.published):
        yield from sorted(equals, key=lambda h: (h.position, h.source, h.id))
