"""When a story's events take place, as entries and the page of events show it."""

import json
import re
import runpy
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import feedparser
import pytest
from lxml import etree, html

from aggregator.model import CalendarEvent, Event, When
from aggregator.publish import atom
from aggregator.publish.item import items
from aggregator.publish.pages.agenda import render_agenda
from aggregator.publish.pages.stories import render_stories
from aggregator.publish.wording import ENGLISH, RUSSIAN
from aggregator.publish.xml import EVENT_NAMESPACE

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
STORIES, atom_document, site = (
    sample[name] for name in ("STORIES", "atom_document", "site")
)
EV = f"{{{EVENT_NAMESPACE}}}"


def render_atom(document, stories):
    return atom.render_atom(document, items(document, stories))


def event(start: str | None, end: str | None = None, **changes) -> Event:
    return Event(
        start=When.fromisoformat(start) if start else None,
        end=When.fromisoformat(end) if end else None,
        **{"confidence": 1.0, **changes},
    )


def listed(*events: Event) -> tuple[CalendarEvent, ...]:
    changed = datetime(2026, 9, 1, tzinfo=UTC)
    return tuple(
        CalendarEvent(
            uid=str(number), sequence=0, changed=changed, event=each, tellings=()
        )
        for number, each in enumerate(events, 1)
    )


def with_events(*events: Event, story=STORIES[0]):
    return replace(story, events=listed(*events))


@pytest.mark.parametrize(
    ("start", "end", "russian", "english"),
    [
        ("2026-09-13", None, "13 сентября", "13 September"),
        ("2026-09-13T18:00", None, "13 сентября, 18:00", "13 September, 18:00"),
        ("2027-01-02", None, "2 января 2027", "2 January 2027"),
        ("2026-09-05", "2026-09-08", "5–8 сентября", "5–8 September"),
        ("2026-09-28", "2026-10-03", "28 сентября – 3 октября", "28 September – 3 October"),
        ("2026-12-28", "2027-01-08", "28 декабря – 8 января 2027", "28 December – 8 January 2027"),
        ("2026-09-13T18:00", "2026-09-13T20:30", "13 сентября, 18:00–20:30", "13 September, 18:00–20:30"),
        ("2026-09-13T18:00", "2026-09-14", "13 сентября, 18:00 – 14 сентября", "13 September, 18:00 – 14 September"),
        ("2026-09-13", "2026-09-13", "13 сентября", "13 September"),
        (None, "2026-10-03", "до 3 октября", "until 3 October"),
    ],
)  # fmt: skip
def test_days_and_hours_in_words(start, end, russian, english):
    assert RUSSIAN.when(event(start, end), 2026) == russian
    assert ENGLISH.when(event(start, end), 2026) == english


def test_the_date_stands_above_the_text():
    story = with_events(
        event("2026-09-13T18:00", place="Краснодарская филармония"),
        event("2026-09-14", cancelled=True),
    )
    quiet = replace(story, members=())

    (linked,) = feedparser.parse(render_atom(atom_document(), [story])).entries
    (plain,) = feedparser.parse(render_atom(atom_document(), [quiet])).entries

    lines = [
        "13 сентября, 18:00 — Краснодарская филармония",
        "14 сентября (отменено)",
        "Выставка работает до конца месяца.",
    ]
    assert plain.summary.splitlines() == lines
    assert re.findall("<p>(.*?)</p>", linked.summary)[:3] == lines


def test_a_full_text_begins_with_the_date():
    story = with_events(event("2026-09-13T18:00"))
    story = replace(story, source=replace(story.source, content="full"))

    (entry,) = feedparser.parse(render_atom(atom_document(), [story])).entries

    assert entry.content[0].value.startswith("<p>13 сентября, 18:00</p>")


def test_the_elements_of_the_first_event_that_takes_place():
    story = with_events(
        event("2026-09-12", cancelled=True),
        event("2026-09-13T18:00", "2026-09-14", place="Музей <им. Фелицына>"),
        event("2026-09-20"),
    )

    root = etree.fromstring(render_atom(atom_document(), [story]))

    assert [(one.tag, one.text) for one in root.iter(f"{EV}*")] == [
        (f"{EV}startdate", "2026-09-13T18:00:00+03:00"),
        (f"{EV}enddate", "2026-09-14"),
        (f"{EV}location", "Музей <им. Фелицына>"),
    ]
    assert root.nsmap["ev"] == EVENT_NAMESPACE


def test_without_events_the_prefix_is_not_declared():
    assert EVENT_NAMESPACE.encode() not in render_atom(atom_document(), STORIES)


# --- the page


def events_page(*stories, today=date(2026, 9, 10)):
    pairs = [(story, one) for story in stories for one in story.events]
    data = render_agenda(site(calendar="events.ics"), pairs, today)
    return html.document_fromstring(data.decode()), data.decode()


def test_the_page_is_ordered_by_date_not_by_publication():
    tree, _ = events_page(
        with_events(event("2026-09-20T18:00"), event("2026-09-13T19:00")),
        with_events(event("2026-09-13T12:00", place="парк"), story=STORIES[1]),
        with_events(event("2026-09-05", "2026-09-30"), story=STORIES[2]),
        with_events(event(None, "2026-09-12"), story=STORIES[3]),
    )

    assert [day.text for day in tree.findall(".//h2[@class='day']")] == [
        "Уже идут",
        "воскресенье, 13\xa0сентября 2026",
        "воскресенье, 20\xa0сентября 2026",
    ]
    assert [line.text_content() for line in tree.find_class("event")] == [
        "5–30\xa0сентября",
        "до\xa012\xa0сентября",
        "13\xa0сентября, 12:00\xa0— парк",
        "13\xa0сентября, 19:00",
        "20\xa0сентября, 18:00",
    ]
    (plain,) = tree.findall(".//a[@href='events.ics']")
    assert plain.text_content() == "https://news.example.org/events.ics"
    assert tree.find(".//a[@href='webcal://news.example.org/events.ics']") is not None
    assert tree.find(".//link[@rel='canonical']").get("href").endswith("/events.html")


def test_search_engines_read_the_events():
    tree, source = events_page(
        with_events(
            event("2026-09-13T18:00", "2026-09-13T20:00", place="</script><b>"),
            event("2026-09-14", cancelled=True),
            event(None, "2026-09-12"),
        )
    )

    (script,) = tree.findall(".//script[@type]")
    data = json.loads(script.text)
    first, second = data["@graph"]
    assert first["startDate"] == "2026-09-13T18:00:00+03:00"
    assert first["endDate"] == "2026-09-13T20:00:00+03:00"
    assert first["location"]["name"] == "</script><b>"
    assert first["eventStatus"] == "https://schema.org/EventScheduled"
    assert second["startDate"] == "2026-09-14"
    assert second["eventStatus"] == "https://schema.org/EventCancelled"
    assert source.count("</script") == 2


def test_a_page_without_events_says_so():
    tree, _ = events_page()

    assert "Ближайших событий пока нет." in tree.text_content()


def test_the_front_page_leads_to_the_calendar_where_there_is_one():
    story = with_events(event("2026-09-13T18:00"))

    with_calendar, without = (
        render_stories(each, each.everything, [story]).decode()
        for each in (site(calendar="events.ics"), site())
    )

    assert 'href="events.html"' in with_calendar
    assert "13\xa0сентября, 18:00" in with_calendar
    assert "events." not in without
