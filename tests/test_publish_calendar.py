# ruff: noqa: DTZ001 - local times, in the zone of the document
"""events.ics: what RFC 5545 asks for, read back by a parser."""

import runpy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from icalendar.parser import Contentline

from aggregator.model import CalendarEvent, Event, When
from aggregator.publish.calendar import CalendarDocument, _folded, render_calendar

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
STORY = sample["STORIES"][0]
DOCUMENT = CalendarDocument(
    title="Новости степи: события",
    self_url="https://news.example.org/events.ics",
    site_url="https://news.example.org/",
    language="ru",
    timezone="Europe/Moscow",
    topics={"culture": "Культура"},
    summary_length=400,
    empty_year=2026,
)
CHANGED = datetime(2026, 9, 1, 7, 0, 0, 123456, tzinfo=UTC)


def event(
    start: str | None = "2026-09-13T18:00",
    end: str | None = None,
    *,
    number: int = 1,
    sequence: int = 0,
    story=STORY,
    **changes,
):
    told = Event(
        start=When.fromisoformat(start) if start else None,
        end=When.fromisoformat(end) if end else None,
        confidence=1.0,
        **changes,
    )
    return story, CalendarEvent(
        uid=f"{story.id}/{number}",
        sequence=sequence,
        changed=CHANGED,
        event=told,
        tellings=(),
    )


def read(*events, document=DOCUMENT) -> Calendar:
    return Calendar.from_ical(render_calendar(document, events))


def only(*events, **options):
    (found,) = read(*events, **options).walk("VEVENT")
    return found


def test_an_event_reads_back():
    found = only(event(place="Краснодарская филармония"))

    assert found["UID"] == "tag:news.example.org,2026:0000000000000001/1"
    assert found["SUMMARY"] == "В музее открылась выставка"
    assert found["LOCATION"] == "Краснодарская филармония"
    assert found["URL"] == "https://herald.example/1"
    assert found["DESCRIPTION"] == (
        "Выставка работает до конца месяца.\n"
        "Источник: Степной вестник\nhttps://herald.example/1"
    )
    assert found["CATEGORIES"].cats == ["Культура", "health"]
    assert (found["STATUS"], found["SEQUENCE"]) == ("CONFIRMED", 0)
    assert found.start == datetime(2026, 9, 13, 15, tzinfo=UTC)
    assert found["DTSTART"].params["TZID"] == "Europe/Moscow"
    assert found["DTSTAMP"].dt == datetime(2026, 9, 1, 7, tzinfo=UTC)


def test_a_cancelled_event_says_so():
    found = only(event(cancelled=True, sequence=2))

    assert (found["STATUS"], found["SEQUENCE"]) == ("CANCELLED", 2)


@pytest.mark.parametrize("date", ["9999-12-31", "9998-05-09T18:00", "2400-01-01"])
def test_a_date_at_the_end_of_time_costs_the_others_nothing(date):
    far = event(date, date, number=2)

    data = render_calendar(DOCUMENT, [event(), far])

    (zone,) = Calendar.from_ical(data).walk("VTIMEZONE")
    assert b"DTSTART;TZID=Europe/Moscow:20260913T180000" in data
    assert len(zone.subcomponents) < 10


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-09-13", None, None),
        ("2026-09-05", "2026-09-08", date(2026, 9, 9)),
        ("2026-09-05", "2026-09-05", date(2026, 9, 6)),
        ("2026-09-05", "2026-09-08T20:00", date(2026, 9, 9)),
        ("2026-09-05T09:00", "2026-09-05T18:00", datetime(2026, 9, 5, 18)),
        ("2026-09-05T09:00", "2026-09-06", datetime(2026, 9, 7)),
        ("2026-09-05T09:00", "2026-09-05T09:00", None),
        ("2026-09-05", "2026-09-04", None),
    ],
)
def test_the_end_is_exclusive_and_of_the_type_of_the_start(start, end, expected):
    found = only(event(start, end)).get("DTEND")

    plain = found and found.dt
    if isinstance(plain, datetime):
        plain = plain.replace(tzinfo=None)
    assert plain == expected


def test_what_is_open_already_begins_on_the_day_it_was_told_of():
    found = only(event(None, "2026-12-13"))

    assert found["DTSTART"].dt == date(2026, 9, 1)
    assert found["DTEND"].dt == date(2026, 12, 14)


def test_the_zone_is_defined_and_covers_the_events():
    calendar = read(
        event("2026-07-01T18:00"),
        event("2027-12-01T18:00", number=2),
        document=replace(DOCUMENT, timezone="Europe/Berlin"),
    )

    (zone,) = calendar.walk("VTIMEZONE")
    summer, winter = (found.start for found in calendar.walk("VEVENT"))
    rules = zone.to_tz()
    assert summer.astimezone(UTC).hour == 16
    assert winter.astimezone(UTC).hour == 17
    assert datetime(2026, 7, 1, tzinfo=rules).utcoffset() == timedelta(hours=2)
    assert datetime(2027, 12, 1, tzinfo=rules).utcoffset() == timedelta(hours=1)
    assert "COMMENT" not in zone


def test_a_calendar_without_events_still_has_a_component():
    calendar = read()

    assert [part.name for part in calendar.subcomponents] == ["VTIMEZONE"]
    assert calendar["X-WR-CALNAME"] == "Новости степи: события"
    assert calendar["SOURCE"] == "https://news.example.org/events.ics"


@given(st.text(), st.text(), st.text(min_size=1))
def test_whatever_a_source_writes_the_lines_hold(title, summary, place):
    lead = replace(STORY.lead, title=title, summary=summary, text=summary)
    pair = event(place=place, story=replace(STORY, lead=lead))
    data = render_calendar(DOCUMENT, [pair])

    lines = data.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert sum(line == b"BEGIN:VEVENT" for line in lines) == 1
    (found,) = Calendar.from_ical(data).walk("VEVENT")
    assert found["UID"] == "tag:news.example.org,2026:0000000000000001/1"
    assert data == render_calendar(DOCUMENT, [pair])


@given(st.text(st.sampled_from("aя—😀\\^; "), max_size=400))
def test_lines_are_folded_as_icalendar_folds_them(line):
    assert _folded(line) == Contentline(line).to_ical()


def test_order_is_the_callers():
    found = read(event(number=2), event(number=1)).walk("VEVENT")

    assert [one["UID"][-2:] for one in found] == ["/2", "/1"]
