"""RSS documents keep the RSS Advisory Board's profile, whatever the sources wrote."""

import runpy
from dataclasses import replace
from pathlib import Path

import feedparser

from aggregator.publish import rss
from aggregator.publish.item import items

DATA = Path(__file__).parent / "data" / "publish"
sample = runpy.run_path(str(DATA / "sample.py"))
STORIES = sample["STORIES"]


def render_rss(document, stories):
    return rss.render_rss(document, items(document, stories))


def rss_document(**fields):
    return sample["atom_document"](
        **{"self_url": "https://news.example.org/feed.rss", **fields}
    )


def test_golden_bytes():
    """A change here is a change for every subscriber: make it knowingly."""
    data = render_rss(rss_document(), STORIES)

    assert data.decode() == (DATA / "small.rss").read_text(encoding="utf-8")


def test_feedparser_finds_every_field():
    parsed = feedparser.parse(render_rss(rss_document(), STORIES))

    assert not parsed.bozo
    assert parsed.feed.title == "Новости степи"
    assert parsed.feed.link == "https://news.example.org/"
    assert [item.id for item in parsed.entries] == [story.id for story in STORIES]
    item = parsed.entries[0]
    assert item.title == "В музее открылась выставка"
    assert item.link == "https://herald.example/1"
    assert item.published == "Tue, 01 Sep 2026 07:00:00 +0300"
    assert item.updated == "2026-09-01T07:00:00.100001+03:00"
    assert [author.name for author in item.authors] == ["Анна Петрова", "Олег Ким"]
    assert [(tag.term, tag.scheme) for tag in item.tags] == [
        ("Культура", "https://news.example.org/topics"),
        ("Здоровье", "https://news.example.org/topics"),
    ]
    (enclosure,) = item.enclosures
    assert enclosure.href == "https://herald.example/a%20b.jpg"
    assert (enclosure.type, enclosure.length) == ("image/jpeg", "1200")
    assert item.source == {
        "href": "https://herald.example/rss/",
        "title": "Степной вестник",
    }


def test_a_bad_story_never_costs_the_others(caplog):
    unreadable = replace(STORIES[3], published=None)

    parsed = feedparser.parse(render_rss(rss_document(), [unreadable, *STORIES[:3]]))

    assert [item.id for item in parsed.entries] == [story.id for story in STORIES[:3]]
    assert STORIES[3].id in caplog.text
