"""Selection and cut-off: pure decisions about what a document carries."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import StoryHeader
from aggregator.publish.select import cutoff, select

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
THIRD = Fraction(1, 3)


def header(number, source="a", age=None, position=0):
    return StoryHeader(
        id=f"tag:example.org,2026:{number}",
        source=source,
        published=NOON - timedelta(minutes=number if age is None else age),
        position=position,
        revision=1,
    )


def sources(headers):
    return "".join(header.source for header in headers)


def test_newest_first_up_to_the_limit():
    headers = [header(n, source) for n, source in enumerate("abcdef")]

    assert select(headers, max_entries=4, source_share=THIRD) == headers[:4]


def test_source_with_its_share_is_passed_over():
    headers = [header(n, source) for n, source in enumerate("aaaaabcbcb")]

    assert sources(select(headers, max_entries=6, source_share=THIRD)) == "aabcbc"


def test_left_places_go_to_the_newest_passed_over_in_document_order():
    headers = [header(n, source) for n, source in enumerate("aaaab")]

    chosen = select(headers, max_entries=4, source_share=THIRD)

    assert chosen == [headers[0], headers[1], headers[2], headers[4]]


def test_one_source_alone_fills_the_document():
    headers = [header(n) for n in range(20)]

    assert select(headers, max_entries=9, source_share=THIRD) == headers[:9]


def test_a_share_below_one_place_is_one_place():
    headers = [header(n, source) for n, source in enumerate("aab")]

    assert sources(select(headers, max_entries=2, source_share=THIRD)) == "ab"


def test_equals_keep_the_order_of_their_documents():
    headers = [header(n, age=0, position=p) for n, p in enumerate((2, 0, 1))]

    chosen = select(headers, max_entries=5, source_share=THIRD)

    assert [header.position for header in chosen] == [0, 1, 2]


def test_reads_no_further_than_needed():
    def endless():
        number = 0
        while True:
            yield header(number, str(number))
            number += 1

    assert len(select(endless(), max_entries=100, source_share=THIRD)) == 100


@given(
    st.lists(st.sampled_from("aaabcd"), max_size=60),
    st.integers(1, 20),
    st.fractions(Fraction(1, 20), 1),
)
def test_laws_of_selection(letters, max_entries, share):
    """As full as can be, in order, and over its share only what nobody else wants."""
    headers = [header(n, source) for n, source in enumerate(letters)]

    chosen = select(headers, max_entries=max_entries, source_share=share)

    assert len(chosen) == min(max_entries, len(headers))
    assert chosen == sorted(chosen, key=headers.index)
    quota = max(1, int(share * max_entries))
    used = Counter(sources(chosen))
    greedy = [source for source, count in used.items() if count > quota]
    left_out = [header for header in headers if header not in chosen]
    if greedy:
        assert all(used[header.source] >= quota for header in left_out)


@pytest.mark.parametrize(
    ("now", "zone", "midnight"),
    [
        ("2026-09-01T09:30:00+00:00", "Europe/Moscow", "2026-08-31T21:00:00+00:00"),
        ("2026-08-31T22:30:00+00:00", "Europe/Moscow", "2026-08-31T21:00:00+00:00"),
        ("2026-09-01T21:00:00+00:00", "Europe/Moscow", "2026-09-01T21:00:00+00:00"),
        # The clock went from 23:59 to 01:00: the day began at 01:00, 04:00 UTC.
        ("2024-09-08T12:00:00+00:00", "America/Santiago", "2024-09-08T04:00:00+00:00"),
    ],
)
def test_cutoff_counts_from_the_last_local_midnight(now, zone, midnight):
    moment = cutoff(datetime.fromisoformat(now), zone, timedelta(days=30))

    assert moment == datetime.fromisoformat(midnight) - timedelta(days=30)
    assert moment.tzinfo is UTC


@given(
    st.integers(946_684_800, 2_208_988_800),  # 2000 to 2040
    st.sampled_from(["Europe/Moscow", "Asia/Vladivostok", "America/New_York"]),
)
def test_cutoff_moves_once_a_day(seconds, zone):
    now = datetime.fromtimestamp(seconds, UTC)

    midnight = cutoff(now, zone, timedelta(0))

    assert timedelta(0) <= now - midnight < timedelta(hours=25)
    assert cutoff(midnight, zone, timedelta(0)) == midnight
