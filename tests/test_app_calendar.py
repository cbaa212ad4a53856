"""Events from sources to calendars: told, moved, cancelled, told by several."""

from __future__ import annotations

from datetime import timedelta

import pytest
from icalendar import Calendar

from tests.test_app import Item, Portal, Site, portal, rss, site

__all__ = ["portal", "site"]

EVENTS = (
    "  events: {title: События, threshold: 2,"
    " words: [{term: концерт, weight: 3}, {term: выставка, weight: 3}]}\n"
)
PLACE = "в Краснодарской филармонии"


def concert(text: str, guid: str = "1", **fields) -> Item:
    fields = {"title": "Большой концерт казачьего хора", **fields}
    return Item(guid=guid, text=f"Концерт казачьего хора {text}", **fields)


@pytest.fixture
def town(site: Site, portal: Portal):
    """A site with one source; gives what its calendar holds after a poll."""

    def poll(*items: Item, path: str = "/rss", others: tuple[str, ...] = ()):
        site.clock.moment += timedelta(minutes=20)
        site.configure(portal.say(path, rss(*items)), *others, extra=EVENTS)
        site.once()
        return events(site)

    return poll


def events(site: Site) -> list[tuple[str, str, str, int]]:
    """UID, start, STATUS and SEQUENCE of each."""
    data = (site.folder / "output" / "events.ics").read_bytes()
    return [
        (
            found["UID"],
            found["DTSTART"].dt.strftime("%d.%m %H:%M"),
            found["STATUS"],
            found["SEQUENCE"],
        )
        for found in Calendar.from_ical(data).walk("VEVENT")
    ]


def test_an_announcement_becomes_a_calendar_entry(town, site):
    ((uid, *rest),) = town(concert(f"пройдёт 13 сентября в 18:00 {PLACE}."))

    assert rest == ["13.09 18:00", "CONFIRMED", 0]
    (entry,) = site.feed("events.atom").entries
    assert uid.startswith(f"{entry.id}/")
    assert entry.summary.startswith("13 сентября, 18:00 — ")
    assert entry.ev_startdate == "2026-09-13T18:00:00+03:00"
    page = (site.folder / "output" / "events.html").read_text(encoding="utf-8")
    assert "13\xa0сентября, 18:00" in page


def test_a_moved_event_keeps_its_uid(town):
    ((uid, *_),) = town(concert(f"пройдёт 13 сентября в 18:00 {PLACE}."))

    ((again, *rest),) = town(
        concert(
            f"переносится с 13 на 20 сентября, начало в 19:00 {PLACE}. "
            "Причина в болезни солиста, билеты остаются в силе."
        )
    )

    assert again == uid
    assert rest == ["20.09 19:00", "CONFIRMED", 1]


def test_an_event_put_off_by_months_keeps_its_uid(town):
    ((uid, *_),) = town(concert(f"пройдёт 13 сентября в 18:00 {PLACE}."))

    ((again, *rest),) = town(concert(f"пройдёт 20 декабря в 18:00 {PLACE}."))

    assert again == uid
    assert rest == ["20.12 18:00", "CONFIRMED", 1]


def test_a_cancelled_event_is_not_just_gone(town):
    ((uid, *_),) = town(concert(f"пройдёт 13 сентября в 18:00 {PLACE}."))

    ((again, *rest),) = town(
        concert(
            f"13 сентября в 18:00 {PLACE} отменён.",
            title="Концерт казачьего хора отменён",
        )
    )

    assert again == uid
    assert rest == ["13.09 18:00", "CANCELLED", 1]


def test_an_event_that_is_taken_out_of_the_text_goes(town):
    assert town(concert(f"пройдёт 13 сентября в 18:00 {PLACE}."))

    assert town(concert("станет большим праздником для всего города и края.")) == []


def test_without_news_not_a_byte_changes(town, site):
    item = concert(f"пройдёт 13 сентября в 18:00 {PLACE}.")
    town(item)
    before = site.documents()

    town(item)

    assert site.documents() == before
    assert {"events.ics", "events.html"} <= before.keys()


def test_three_sources_tell_one_event(town, site, portal):
    text = f"пройдёт 13 сентября в 18:00 {PLACE}. Вход свободный, споют все."
    others = tuple(
        portal.say(f"/{name}", rss(concert(text, name), site=f"https://{name}.example"))
        for name in ("herald", "harbour")
    )

    assert len(town(concert(text), others=others)) == 1


def test_what_is_over_leaves_the_page_at_midnight_and_the_calendar_later(town, site):
    item = concert(f"пройдёт 2 сентября в 18:00 {PLACE}.")
    assert len(town(item)) == 1
    page = site.folder / "output" / "events.html"
    assert "2\xa0сентября, 18:00" in page.read_text(encoding="utf-8")

    site.clock.moment += timedelta(days=2)
    assert len(town(item)) == 1
    assert "2\xa0сентября, 18:00" not in page.read_text(encoding="utf-8")

    site.clock.moment += timedelta(days=10)
    assert town(item) == []


def test_without_the_topic_there_is_no_calendar(site, portal):
    site.configure(portal.say("/rss", rss(concert("пройдёт 13 сентября в 18:00."))))
    site.once()

    assert not (site.folder / "output" / "events.ics").exists()
