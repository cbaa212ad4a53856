"""Guids that change, repeat or lie: entries stay what they are, over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from tests.test_app import NOW, Item, Portal, Site, either, portal, rss, site
from tests.test_app_withdrawals import ITEMS, TITLES, dates, polled

__all__ = ["either", "portal", "site"]

NEW = Item("new", "Над городом прошёл звездопад", "Видели все.", age=timedelta(0))


def linked(item: Item) -> Item:
    """With the link that it would have had without a change of its guid."""
    return replace(item, link=item.link or f"https://portal.example/{item.guid}")


def reguided(*items: Item, mark: str = "cms2") -> list[Item]:
    return [replace(linked(item), guid=f"{mark}-{item.guid}") for item in items]


def codes(site: Site) -> list[str]:
    return [warning["code"] for warning in site.status()["s0"]["warnings"]]


def stored(site: Site) -> int:
    return site.status()["s0"]["entries"]


def test_a_migration_publishes_nothing_again(either: Site, portal: Portal):
    site = either
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    before, documents = dates(site), site.documents()

    portal.say("/rss", rss(*reguided(*ITEMS)))
    report = polled(site)

    assert (report.entries_new, report.entries_updated, report.stories_new) == (0, 0, 0)
    assert report.documents_written == 0
    assert site.documents() == documents
    assert codes(site) == ["migration"]
    found = site.explain("cms2-1")
    assert found["entry"]["id"] == "cms2-1"
    assert found["published"]["id"] == before[TITLES[1]][0]
    assert found["story"]["lead"] == "cms2-1"

    portal.say("/rss", rss(NEW, *reguided(*ITEMS)))
    report = polled(site)

    assert (report.entries_new, codes(site)) == (1, [])
    assert stored(site) == 11


def test_news_and_an_archive_beside_a_migration(site: Site, portal: Portal):
    """The new system words its texts otherwise and lists what the old one did not."""
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    before = dates(site)
    worded = [
        replace(item, text=f"Подробно о том, что случилось. {item.text} Читайте нас.")
        for item in reguided(*ITEMS)
    ]
    archive = Item("archive", "Ярмарка мёда прошла", "Мёд.", age=timedelta(days=9))

    portal.say("/rss", rss(NEW, *worded, archive))
    report = polled(site)

    assert (report.entries_new, report.entries_updated) == (2, 0)
    after = dates(site)
    assert after.pop(NEW.title)
    assert after == before
    assert site.explain("archive")["published"]["withheld"] == "first-sight"
    assert "Подробно" in site.feed().entries[-1].summary


def test_a_new_domain_is_known_by_titles_and_texts(site: Site, portal: Portal):
    def at(host: str) -> str:
        there = [replace(i, guid=f"https://{host}/{i.guid}") for i in ITEMS]
        return rss(*[replace(item, link=item.guid) for item in there])

    site.configure(portal.say("/rss", at("old.example")))
    site.once()
    before = dates(site)
    portal.say("/rss", at("new.example"))

    report = polled(site)

    assert (report.entries_new, report.entries_updated) == (0, 0)
    assert dates(site) == before
    assert {entry.link[:20] for entry in site.feed().entries} == {
        "https://new.example/"
    }


def test_guids_that_are_new_at_every_poll_multiply_nothing(
    either: Site, portal: Portal
):
    site = either
    guids = (str(number) for number in count())

    def document(*items: Item) -> str:
        return rss(*[replace(linked(item), guid=next(guids)) for item in items])

    site.configure(portal.say("/rss", document(*ITEMS)))
    site.once()
    before = dates(site)
    found = []
    for number in range(5):
        portal.say("/rss", document(*([NEW] if number > 2 else []), *ITEMS))
        found.append(polled(site).entries_new)

    assert found == [0, 0, 0, 1, 0]
    assert stored(site) == 11
    after = dates(site)
    del after[NEW.title]
    assert after == before
    # After the second time the links are what its entries are known by.
    assert codes(site) == ["guids"]


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_some_guids_that_change_multiply_nothing(site: Site, portal: Portal, share):
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    few = int(share * len(ITEMS))

    for mark in ("a", "b", "c"):
        portal.say("/rss", rss(*reguided(*ITEMS[:few], mark=mark), *ITEMS[few:]))
        assert polled(site).entries_new == 0

    assert stored(site) == 10
    assert codes(site) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://portal.example/{}", "https://portal.example/{}"),
        ("https://portal.example/{}", "https://www.portal.example/{}/"),
        ("http://www.portal.example/{}/", "https://portal.example/{}"),
    ],
)
def test_flips_of_addresses_are_no_news(site: Site, portal: Portal, one, other):
    def document(pattern: str, flipped: int) -> str:
        return rss(
            *[
                replace(item, guid=address, link=address)
                for number, item in enumerate(ITEMS)
                for address in [(pattern if number < flipped else one).format(number)]
            ]
        )

    site.configure(portal.say("/rss", document(one, 0)))
    site.once()
    before = dates(site)
    for flipped in (10, 0, 3, 7, 0):
        portal.say("/rss", document(other, flipped))
        report = polled(site)
        assert (report.entries_new, report.entries_updated) == (0, 0)

    assert dates(site) == before
    assert codes(site) == []
    assert stored(site) == 10


def test_guids_that_begin_to_repeat_make_nothing_new(either: Site, portal: Portal):
    """One guid for all: the links take over, and stay when the guids are mended."""
    site = either
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    before = dates(site)

    def repeating(*items: Item) -> str:
        return rss(*[replace(linked(item), guid="0") for item in items])

    portal.say("/rss", repeating(*ITEMS))
    assert polled(site).entries_new == 0
    assert codes(site) == ["guids"]
    portal.say("/rss", repeating(NEW, *ITEMS))
    assert polled(site).entries_new == 1
    portal.say("/rss", rss(NEW, *ITEMS))
    assert polled(site).entries_new == 0

    after = dates(site)
    del after[NEW.title]
    assert after == before
    assert codes(site) == ["guids"]


def test_another_sources_guids_and_links_change_nothing(site: Site, portal: Portal):
    claimed = [replace(linked(item), title=f"Чужое: {item.title}") for item in ITEMS]
    site.configure(portal.say("/a", rss(*ITEMS)), portal.say("/b", rss()))
    site.once()
    before = dates(site)

    portal.say("/b", rss(*claimed, site="https://thief.example"))
    polled(site)
    portal.say("/b", rss(*reguided(*claimed), site="https://thief.example"))
    polled(site)

    assert dates(site) == before
    assert stored(site) == 10


def test_the_origin_that_an_entry_names_is_not_its_source(site: Site, portal: Portal):
    """atom:source with another source's id: still an entry of the one that lists it."""
    entry = (
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>Б</title><entry>"
        f"<id>1</id><title>Премьера, которой не было</title><updated>{NOW.isoformat()}"
        "</updated><link href='https://b.example/1'/><summary>Нет.</summary><source>"
        "<id>http://127.0.0.1/a</id><title>Портал</title>"
        "<link href='https://portal.example/'/></source></entry></feed>"
    )
    site.configure(portal.say("/a", rss(*ITEMS)), portal.say("/b", entry))
    site.once()

    found = site.explain("https://b.example/1")

    assert found["entry"]["source"] == "s1"
    assert set(site.titles()) == {*TITLES, "Премьера, которой не было"}
