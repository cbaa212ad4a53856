"""What counts as taken back by its source, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import presence
from aggregator.dedup.presence import AFTER, DOCUMENTS, Presence, judge, went
from aggregator.model import Absence

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Entry 1 is the newest of twenty, an hour between two.
DATES = {key: NOW - key * HOUR for key in range(1, 21)}
ALL = tuple(DATES)


def without(*keys: int) -> tuple[int, ...]:
    return tuple(key for key in ALL if key not in keys)


def follow(
    *documents: Sequence[int],
    hours: Sequence[float] = (),
    partly: Sequence[int] = (),
    dates: dict[int, datetime] = DATES,
) -> list[Presence]:
    """What each document after the first says; one every four hours, if not told."""
    found: list[Presence] = []
    absences: tuple[Absence, ...] = ()
    last, before = NOW, documents[0]
    for number, document in enumerate(documents[1:], 1):
        now = NOW + (hours[number - 1] if hours else 4 * number) * HOUR
        found.append(
            judge(
                absences,
                before,
                frozenset(document),
                dates,
                whole=number not in partly,
                last=last,
                now=now,
            )
        )
        absences, last, before = found[-1].absences, now, document
    return found


def withdrawn(found: Sequence[Presence]) -> list[set[int]]:
    return [set(each.withdrawn) for each in found]


def test_the_third_document_over_six_hours_withdraws():
    gone = without(3)

    assert withdrawn(follow(ALL, gone, gone, gone)) == [set(), set(), {3}]


@pytest.mark.parametrize(
    ("hours", "document"),
    [((1, 2, 3, 6.9, 7), 5), ((1, 7, 7.1), 3), ((0.1, 0.2, 30), 3)],
)
def test_neither_three_documents_nor_six_hours_alone(hours, document):
    gone = without(3)

    found = follow(ALL, *[gone] * len(hours), hours=hours)

    assert [bool(each.withdrawn) for each in found] == [
        number == document for number in range(1, len(hours) + 1)
    ]


def test_what_falls_off_the_end_is_not_missing():
    # 0: a new entry on top.
    rolled = (0, *without(18, 19, 20))

    found = follow(ALL, rolled, rolled, rolled)

    assert found == [Presence()] * 3
    assert not went(ALL, frozenset(rolled))


def test_an_old_entry_pinned_to_the_top_makes_nothing_missing():
    dates = DATES | {99: NOW - timedelta(days=400)}
    documents = [(99, *range(first, first + 10)) for first in (5, 4, 3, 2, 1)]

    found = follow(*documents, dates=dates)

    assert found == [Presence()] * 4


def test_equal_dates_say_nothing():
    dates = dict.fromkeys(ALL, NOW)
    gone = without(3)

    assert follow(ALL, gone, gone, gone, dates=dates) == [Presence()] * 3


def test_what_comes_back_begins_again():
    gone = without(3)

    found = follow(ALL, gone, gone, ALL, gone, gone, gone)

    assert withdrawn(found)[:5] == [set()] * 5
    assert found[2] == Presence()
    assert withdrawn(found)[5] == {3}


@pytest.mark.parametrize(
    "lost", [(2, 3, 4, 5), (2, 4, 6, 8, 10, 12)], ids=["four", "six"]
)
def test_more_than_three_at_once_are_the_sources_fault(lost):
    gone = without(*lost)

    found = follow(ALL, *[gone] * 5)

    assert withdrawn(found) == [set()] * 5
    assert {each.shrunk for each in found} == {len(lost)}


def test_a_fifth_of_the_document_is_the_sources_fault():
    ten = ALL[:10]

    two = follow(ten, *[tuple(key for key in ten if key not in {2, 3})] * 4)
    one = follow(ten, *[tuple(key for key in ten if key != 2)] * 4)

    assert (two[-1].shrunk, withdrawn(two)[-1]) == (2, set())
    assert (one[-1].shrunk, withdrawn(one)[2]) == (0, {2})


def test_a_loss_that_is_mended_in_part_is_counted_from_then_on():
    much, little = without(2, 3, 4, 5), without(2)

    found = follow(ALL, much, much, little, little, little)

    assert withdrawn(found) == [set(), set(), set(), set(), {2}]
    assert [each.shrunk for each in found] == [4, 4, 0, 0, 0]


def test_a_document_read_in_part_interrupts_the_row():
    gone = without(3)

    found = follow(ALL, gone, gone, gone, gone, gone, gone, partly=[3])

    assert withdrawn(found) == [set()] * 5 + [{3}]
    assert found[2].shrunk == 0


def test_an_empty_document_withdraws_nothing_and_forgives_nothing():
    gone = without(3)

    found = follow(ALL, gone, gone, (), gone, gone, gone)

    assert withdrawn(found) == [set()] * 5 + [{3}]


def test_a_clock_that_jumps_does_not_make_six_hours():
    gone = without(3)
    year = 365 * 24

    ahead = follow(ALL, *[gone] * 5, hours=(1, 1.5, year, year + 1, year + 7))
    back = follow(ALL, *[gone] * 4, hours=(year, 1, 2, 7))

    assert [bool(each.withdrawn) for each in ahead] == [False] * 4 + [True]
    assert [bool(each.withdrawn) for each in back] == [False] * 3 + [True]


def test_the_same_bytes_again_count():
    first = follow(ALL, without(3))[0]

    second = presence.again(first.absences, last=NOW, now=NOW + 8 * HOUR)
    third = presence.again(second.absences, last=NOW, now=NOW + 12 * HOUR)

    assert not second.withdrawn
    assert third == Presence(withdrawn=frozenset({3}))


documents = st.lists(st.sampled_from(ALL), unique=True)


@given(st.lists(st.tuples(documents, st.floats(0, 400)), max_size=12))
def test_laws(steps):
    """Whatever is listed: what is withdrawn was away in three documents over six hours."""
    absences: tuple[Absence, ...] = ()
    now, last, before = NOW, NOW, ALL
    history: list[tuple[datetime, frozenset[int]]] = [(now, frozenset(ALL))]
    for document, hours in steps:
        now += hours * HOUR
        listed = frozenset(document)
        found = judge(absences, before, listed, DATES, whole=True, last=last, now=now)
        history.append((now, listed))
        for key in found.withdrawn:
            lately = history[-DOCUMENTS:]
            assert all(key not in seen for _, seen in lately)
            assert all(
                any(DATES[one] < DATES[key] for one in seen) for _, seen in lately
            )
            away = [moment for moment, seen in history if key in seen][-1]
            assert now - away >= AFTER
        assert len(found.withdrawn) <= presence.MOST
        missing = {key for one in found.absences for key in one.keys}
        assert not missing & (listed | found.withdrawn)
        absences, last, before = found.absences, now, tuple(document)


@given(documents, documents)
def test_nothing_is_looked_up_for_what_cannot_be_missing(before, document):
    """`went` only saves work: what it lets pass is judged as nothing missing."""
    if not went(before, frozenset(document)):
        found = judge(
            (), before, frozenset(document), DATES, whole=True, last=NOW, now=NOW
        )
        assert found == Presence()
