"""Dates as sources write them; field-notes 0.6 lists what feedparser makes of them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.parse.dates import parse_date, source_zone

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        # RFC 822 and what people make of it
        ("Mon, 05 Jan 2026 10:00:00 +0300", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 GMT", "2026-01-05 10:00"),
        ("Mon, 05 Jan 2026 10:00:00 MSK", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 MSD", "2026-01-05 06:00"),
        ("Mon, 05 Jan 2026 10:00:00 YEKT", "2026-01-05 05:00"),
        ("Mon, 05 Jan 2026 10:00:00 PETT", "2026-01-04 22:00"),
        ("Mon, 05 Jan 2026 10:00:00 EST", "2026-01-05 15:00"),
        ("Mon, 05 Jan 2026 10:00:00 GMT+3", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 GMT+0300", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 GMT +0300", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 UTC+03:00", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 МСК+2", "2026-01-05 05:00"),
        ("Mon, 05 Jan 2026 10:00:00 +03:00", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00+0300", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 +0300 (MSK)", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 +9900", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026 10:00:00 XYZ", "2026-01-05 07:00"),
        ("Mon,05 Jan 2026 10:00 +0300", "2026-01-05 07:00"),
        ("5 Jan 26 10:00 +0300", "2026-01-05 07:00"),
        ("05 January 2026 10:00:00 +0300", "2026-01-05 07:00"),
        ("05-Jan-2026 10:00:00 +0300", "2026-01-05 07:00"),
        ("Mon, 05 Jan 2026", "2026-01-04 21:00"),
        ("Mon, 05 Jan 2026 01:30 PM +0300", "2026-01-05 10:30"),
        ("Mon, 05 Jan 2026 12:05 am +0300", "2026-01-04 21:05"),
        ("  Mon, 05 Jan 2026\n 10:00:00 +0300 ", "2026-01-05 07:00"),
        # the same in Russian
        ("Пн, 05 янв 2026 10:00:00 +0300", "2026-01-05 07:00"),
        ("Пнд, 5 Янв 2026 10:00:00 MSK", "2026-01-05 07:00"),
        ("Понедельник, 5 января 2026 10:00", "2026-01-05 07:00"),
        ("5 января 2026 г., 10:00", "2026-01-05 07:00"),
        ("5 мая 2026 года в 10:00", "2026-05-05 07:00"),
        ("31 августа 2026", "2026-08-30 21:00"),
        ("05.01.2026 10:00", "2026-01-05 07:00"),
        ("05.01.2026, 10:00:30", "2026-01-05 07:00:30"),
        ("5.1.26", "2026-01-04 21:00"),
        ("05/01/2026 10:00", "2026-01-05 07:00"),
        # ISO 8601
        ("2026-01-05T10:00:00+03:00", "2026-01-05 07:00"),
        ("2026-01-05T10:00:00Z", "2026-01-05 10:00"),
        ("2026-01-05T10:00:00.123456+0300", "2026-01-05 07:00:00.123456"),
        ("2026-01-05T10:00:00", "2026-01-05 07:00"),
        ("2026-01-05 10:00:00 +0300", "2026-01-05 07:00"),
        ("2026-01-05 10:00:00 MSK", "2026-01-05 07:00"),
        ("2026-01-05 10:00", "2026-01-05 07:00"),
        ("2026-01-05T24:00:00Z", "2026-01-06 00:00"),
        ("2026-1-5 9:05", "2026-01-05 06:05"),
        ("2026/01/05 10:00:00", "2026-01-05 07:00"),
        ("2026-01-05", "2026-01-04 21:00"),
        ("2026-01", "2025-12-31 21:00"),
        ("20260105T100000Z", "2026-01-05 10:00"),
        ("20260105100000", "2026-01-05 07:00"),
        # Unix times, asctime, American order
        ("1767596400", "2026-01-05 07:00"),
        ("1767596400000", "2026-01-05 07:00"),
        ("Mon Jan  5 10:00:00 2026", "2026-01-05 07:00"),
        ("Mon Jan 5 10:00:00 MSK 2026", "2026-01-05 07:00"),
        ("January 5, 2026 10:00 AM", "2026-01-05 07:00"),
        ("Jan 5, 2026", "2026-01-04 21:00"),
        # summer and winter are the zone's matter
        ("05.07.2012 10:00", "2012-07-05 06:00"),
    ],
)
def test_reads(written, utc):
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)

    assert parse_date(written, MOSCOW) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "  ",
        "вчера",
        "скоро",
        "Mon, 32 Jan 2026 10:00:00 +0300",
        "31 февраля 2026 10:00",
        "2026-13-45T10:00:00Z",
        "Mon, 05 Jan 2026 25:61:00 +0300",
        "Mon, 05 Abc 2026 10:00:00 +0300",
        "0001-01-01T00:00:00Z",
        "1111-11-11T11:11:11Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "Thu, 01 Jan 1899 00:00:00 GMT",
        "12",
        "99999999999999",
        "-1",
        "0000-00-00 00:00:00",
        "²⁰²⁶-01-05",
        "Mon, " * 10_000,
        "1" * 10_000,
    ],
)
def test_garbage_is_no_date(written):
    assert parse_date(written, MOSCOW) is None


def test_the_zone_of_the_source_decides_when_none_is_named():
    written = "05.01.2026 10:00"

    assert parse_date(written, source_zone("Asia/Vladivostok")) == datetime(
        2026, 1, 5, tzinfo=UTC
    )
    assert parse_date(written, source_zone("Нет/Такой")) == datetime(
        2026, 1, 5, 10, tzinfo=UTC
    )


@given(st.text(max_size=60) | st.from_regex(r"\A[\d\-:. ,/+TZapm]{1,40}\Z"))
def test_never_raises(value):
    moment = parse_date(value, MOSCOW)

    assert moment is None or (moment.tzinfo is UTC and 1969 <= moment.year <= 2100)


@given(st.integers(0, 4_000_000_000))
def test_iso_round_trip(seconds):
    aware = datetime.fromtimestamp(seconds, UTC)

    assert parse_date(aware.isoformat(), MOSCOW) == aware
