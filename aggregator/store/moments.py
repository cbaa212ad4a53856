"""A moment of its own for every story: no two published ``updated`` are equal.

Readers order and tell entries apart by ``updated``. The fraction of a second is made
from the story's id, so that the same store gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from sqlalchemy import Connection, select

from aggregator.store.bulk import chunks
from aggregator.store.schema import story
from aggregator.store.values import SECOND


def whole_second(micros: int) -> int:
    return micros - micros % SECOND


def fraction(story_id: str) -> int:
    """Microseconds, from 0 to 999,999."""
    return crc32(story_id.encode("utf-8", "surrogatepass")) % SECOND


def free_moments(
    connection: Connection, wanted: Sequence[tuple[int, str]]
) -> list[int]:
    """For each (microseconds, story id) a moment in that second that no story has.

    It is the second with the id's fraction, or the next free one after it, round the
    second. Moments that stories of the same batch are about to leave count as taken.
    """
    moments = [whole_second(micros) + fraction(id_) for micros, id_ in wanted]
    given: set[int] = set()
    open_ = list(range(len(moments)))
    while open_:
        stored = _stored(connection, {moments[index] for index in open_})
        clashing = []
        for index in open_:
            if moments[index] in stored or moments[index] in given:
                moments[index] = _next(moments[index])
                clashing.append(index)
            else:
                given.add(moments[index])
        open_ = clashing
    return moments


def _next(moment: int) -> int:
    return whole_second(moment) + (moment + 1) % SECOND


def _stored(connection: Connection, moments: set[int]) -> set[int]:
    stored: set[int] = set()
    for part in chunks(moments):
        found = select(story.c.updated).where(story.c.updated.in_(part))
        stored.update(connection.execute(found).scalars())
    return stored
