"""A source's own hours, and the clock that is made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.rhythm import FASTEST, SLOWEST, Hours, learnt
from benchmarks.schedule import NEWSROOMS, measure

ZONE = "Europe/Moscow"
HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 8, 31, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def office_weeks(weeks: int) -> list[datetime]:
    """An entry an hour, 8 to 20, Monday to Friday."""
    return [
        MONDAY + timedelta(weeks=week, days=day, hours=hour, minutes=30)
        for week in range(weeks)
        for day in range(5)
        for hour in range(8, 20)
    ]


def rhythm_of(arrivals: list[datetime], zone: str = ZONE) -> bytes:
    """Learnt entry by entry, each seen at once."""
    rhythm, before = None, MONDAY
    for moment in arrivals:
        rhythm = learnt(rhythm, [moment], before=before, now=moment, zone=zone)
        before = moment
    assert rhythm is not None
    return rhythm


OFFICE = rhythm_of(office_weeks(4))


def at(day: int, hour: int) -> datetime:
    return MONDAY + timedelta(weeks=5, days=day, hours=hour)


def test_the_clock_goes_fast_when_the_source_publishes():
    hours = Hours(OFFICE, ZONE)

    assert hours.pace(at(1, 12)) > 2
    assert hours.pace(at(1, 3)) == SLOWEST
    assert hours.pace(at(6, 12)) < 0.4


def test_an_interval_is_short_by_day_and_long_at_night():
    hours, six = Hours(OFFICE, ZONE), 6 * HOUR

    def wait(start: datetime) -> timedelta:
        return hours.after(start, six, start + six) - start

    assert wait(at(1, 9)) < 2.5 * HOUR
    assert wait(at(1, 21)) == wait(at(6, 9)) == six
    # The first news after a quiet night is met in the morning, not at noon.
    assert at(1, 8) < at(1, 3) + wait(at(1, 3)) <= at(1, 9)


def test_no_rhythm_is_everybodys_clock():
    few = learnt(None, office_weeks(4)[-3:], before=None, now=at(0, 0), zone=ZONE)
    start = at(1, 12)

    for hours in (Hours(None, ZONE), Hours(few, ZONE), Hours(b"other", ZONE)):
        assert not hours.known
        assert hours.after(start, 3 * HOUR, start + 6 * HOUR) == start + 3 * HOUR
        assert hours.spent(start, start + HOUR) == HOUR


def test_a_first_document_teaches_by_its_dates():
    now = at(0, 0)
    first = learnt(None, office_weeks(5), before=None, now=now, zone=ZONE)

    assert Hours(first, ZONE).pace(at(1, 12)) > Hours(first, ZONE).pace(at(1, 3))


@pytest.mark.parametrize("zone", ["Europe/Moscow", "UTC"])
def test_dates_without_a_time_teach_nothing(zone):
    midnights = [
        datetime(2026, 8, day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for day in range(5, 30)
    ]
    found = learnt(None, midnights, before=None, now=MONDAY, zone=ZONE)

    assert not Hours(found, ZONE).known


def test_what_appears_between_two_polls_counts_when_it_can_have_appeared():
    before, now = at(1, 10), at(1, 16)
    archive = [before - timedelta(days=30)] * 50
    late = [before - timedelta(hours=12)] * 50  # listed since, whatever it says

    kept = learnt(OFFICE, archive, before=before, now=now, zone=ZONE)
    shifted = learnt(OFFICE, late, before=before, now=now, zone=ZONE)

    assert kept == OFFICE
    pace = Hours(shifted, ZONE).pace
    assert pace(now) > Hours(OFFICE, ZONE).pace(now)
    assert pace(at(0, 22)) == SLOWEST


def test_old_habits_fade():
    night = [MONDAY + timedelta(weeks=20, days=day, hours=3) for day in range(5)]
    rhythm, before = OFFICE, night[0] - HOUR
    for week in range(8):
        for moment in (one + timedelta(weeks=week) for one in night):
            new = [moment] * 12
            rhythm = learnt(rhythm, new, before=before, now=moment, zone=ZONE)
            before = moment
    hours = Hours(rhythm, ZONE)

    assert hours.pace(at(1, 3)) > 3 > 1 > hours.pace(at(1, 12))


moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - as hypothesis wants it
    datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
zones = st.sampled_from([ZONE, "America/New_York", "Asia/Kolkata", "Pacific/Apia"])


@given(start=moments, span=st.timedeltas(timedelta(minutes=1), 30 * HOUR), zone=zones)
def test_after_and_spent_agree(start, span, zone):
    """Whatever the zone, on its long and its short day too."""
    hours = Hours(OFFICE, zone)

    end = hours.after(start, span, start + timedelta(days=7))

    assert abs(hours.spent(start, end) - span) < timedelta(seconds=1)
    assert span / FASTEST <= end - start <= span / SLOWEST + timedelta(seconds=1)


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_no_hour_is_skipped_or_doubled_when_the_clocks_change(day):
    zone = "America/New_York"
    hours, start = Hours(OFFICE, zone), datetime.fromisoformat(f"{day}T00:00Z")
    ends = [
        hours.after(start + n * HOUR, HOUR, start + timedelta(days=9))
        for n in range(30)
    ]

    assert ends == sorted(ends)
    assert all(
        HOUR / FASTEST <= end - (start + n * HOUR) <= HOUR / SLOWEST
        for n, end in enumerate(ends)
    )


@given(
    arrivals=st.lists(moments, max_size=30),
    before=st.none() | moments,
    now=moments,
    zone=zones,
)
def test_whatever_the_dates_the_pace_is_in_its_bounds(arrivals, before, now, zone):
    rhythm = learnt(None, arrivals, before=before, now=now, zone=zone)
    rhythm = learnt(rhythm, arrivals, before=before, now=now, zone=zone)

    assert SLOWEST <= Hours(rhythm, zone).pace(now) <= FASTEST


def test_its_hours_bring_news_sooner_and_lose_less():
    """The simulation of benchmarks/schedule.py, one newsroom of each kind."""
    by_name = {newsroom.name.split(",")[0]: newsroom for newsroom in NEWSROOMS}
    flat, own = (
        measure(by_name["daily paper"], fixed=False, rhythm=rhythm, seeds=(1,))
        for rhythm in (False, True)
    )
    flood_flat, flood_own = (
        measure(by_name["flood portal"], fixed=False, rhythm=rhythm, seeds=(1,))
        for rhythm in (False, True)
    )

    assert own.median_delay < 0.7 * flat.median_delay
    assert own.polls_a_day < 1.5 * flat.polls_a_day
    assert flood_own.missed < 0.1 * flood_flat.missed
