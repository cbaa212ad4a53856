"""What a source takes back, over real HTTP: withdrawn, led by another, returned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.documents.feeds import FORMS
from tests.test_app import Item, Portal, Site, either, portal, rss, site

__all__ = ["either", "portal", "site"]

HOURS_4 = timedelta(hours=4)

TITLES = (
    "Мост через Лабу открыли для движения",
    "Премьера в театре собрала полный зал",
    "Водители автобусов получили новые маршруты",
    "Школьники посадили дубовую рощу",
    "Поликлиника закупила аппарат для снимков",
    "Рыбаки спасли дельфина у берега",
    "На площади заработал светомузыкальный фонтан",
    "Учёные нашли древний курган у станицы",
    "Пекарня испекла самый длинный каравай",
    "Стадион закрыли на ремонт до весны",
)
ITEMS = tuple(
    Item(str(number), title, f"{title}: рассказали в администрации города.",
         age=timedelta(hours=number + 1))
    for number, title in enumerate(TITLES)
)  # fmt: skip
PLAY = ITEMS[1]


def without(*lost: Item) -> list[Item]:
    return [item for item in ITEMS if item not in lost]


def polled(site: Site, *, times: int = 1):
    """The last of so many cycles, four hours apart."""
    for _ in range(times):
        site.clock.moment += HOURS_4
        report = site.once()
    return report


def dates(site: Site) -> dict[str, tuple[str, str, str]]:
    return {
        entry.title: (entry.id, entry.published, entry.updated)
        for entry in site.feed().entries
    }


def test_a_story_that_its_source_takes_back_vanishes_and_returns(
    either: Site, portal: Portal
):
    site = either
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    before = dates(site)
    assert (len(before), site.titles("culture.atom")) == (10, [PLAY.title])

    portal.say("/rss", rss(*without(PLAY)))
    polled(site, times=2)
    assert dates(site) == before
    old = site.documents()
    report = polled(site)

    new = site.documents()
    changed = {name for name in old | new if old.get(name) != new.get(name)}
    assert report.documents_written == len(changed)
    assert {f"{stem}.{form}" for stem in ("feed", "culture") for form in FORMS} | {
        "index.html"
    } <= changed
    assert set(before) - set(site.titles()) == {PLAY.title}
    assert site.titles("culture.atom") == []
    told = site.explain(PLAY.guid)
    assert told["published"]["withheld"] == "withdrawn"
    assert told["published"]["documents"] == []
    assert told["published"]["id"] == before[PLAY.title][0]

    portal.say("/rss", rss(*ITEMS))
    report = polled(site)

    assert (report.entries_new, report.entries_updated, report.stories_new) == (0, 0, 0)
    after = dates(site)
    id_, published, updated = after.pop(PLAY.title)
    assert (id_, published) == before[PLAY.title][:2]
    # Readers have buried what it was.
    assert updated > before.pop(PLAY.title)[2]
    assert after == before
    assert site.titles("culture.atom") == [PLAY.title]
    assert site.explain(PLAY.guid)["published"]["withheld"] is None


def test_the_next_member_leads_when_the_lead_is_withdrawn(either: Site, portal: Portal):
    site = either
    copy = Item("copy", PLAY.title, PLAY.text, age=timedelta(hours=1), link=None)
    site.configure(
        portal.say("/a", rss(*ITEMS)),
        portal.say("/b", rss(copy, site="https://other.example")),
    )
    site.once()
    before = dates(site)
    assert len(before) == 10
    assert site.explain(PLAY.guid)["story"]["lead"] in {PLAY.guid, "copy"}
    # The later one is the copy: contracts' order of leads.
    assert site.explain("copy")["story"]["lead"] == PLAY.guid

    portal.say("/a", rss(*without(PLAY)))
    polled(site, times=3)

    id_, published, updated = before.pop(PLAY.title)
    after = dates(site)
    now_id, now_published, now_updated = after.pop(PLAY.title)
    assert (now_id, now_published) == (id_, published)
    assert now_updated > updated
    assert after == before
    assert site.explain("copy")["story"]["lead"] == "copy"
    entry = next(one for one in site.feed().entries if one.title == PLAY.title)
    assert entry.link == "https://other.example/copy"
    # Nothing leads to the page that is gone.
    assert b"portal.example/1<" not in site.documents()["feed.atom"]
    assert [link.href for link in entry.links] == ["https://other.example/copy"]

    portal.say("/a", rss(*ITEMS))
    polled(site)

    # It is a member again; a reader has seen the other lead, and keeps it.
    assert site.explain(PLAY.guid)["published"]["withheld"] == "member"
    assert dates(site)[PLAY.title] == (now_id, now_published, now_updated)


def test_a_report_of_what_was_withdrawn_brings_the_story_back(
    site: Site, portal: Portal
):
    site.configure(portal.say("/a", rss(*ITEMS)), portal.say("/b", rss()))
    site.once()
    before = dates(site)
    portal.say("/a", rss(*without(PLAY)))
    polled(site, times=3)
    assert PLAY.title not in site.titles()

    copy = Item("again", PLAY.title, PLAY.text, age=-timedelta(hours=12))
    portal.say("/b", rss(copy, site="https://other.example"))
    report = polled(site)

    assert (report.entries_new, report.stories_new) == (1, 0)
    assert dates(site)[PLAY.title][:2] == before[PLAY.title][:2]
    assert site.explain("again")["story"]["lead"] == "again"


def test_withdrawals_can_be_ignored(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(*ITEMS)))
    path = site.folder / "feeds.yaml"
    text = path.read_text("utf-8").replace("id: s0", "id: s0, withdrawals: ignore")
    path.write_text(text, "utf-8")
    site.once()
    portal.say("/rss", rss(*without(PLAY)))

    polled(site, times=5)

    assert set(site.titles()) == set(TITLES)


def test_a_document_that_shrinks_is_a_warning_for_as_long_as_it_lasts(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    portal.say("/rss", rss(*without(*ITEMS[1:6])))

    polled(site, times=2)
    portal.say("/rss", rss(*without(*ITEMS[1:6])) + "<!-- served at noon -->")
    polled(site, times=2)

    assert set(site.titles()) == set(TITLES)
    (warning,) = site.status()["s0"]["warnings"]
    assert (warning["code"], warning["message"][:13]) == ("shrunk", "5 entries are")

    portal.say("/rss", rss(*ITEMS))
    polled(site)

    assert site.status()["s0"]["warnings"] == []


def test_not_modified_neither_counts_nor_breaks_the_row(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    portal.say("/rss", rss(*without(PLAY)), ETag='"1"')
    polled(site)

    polled(site, times=4)  # all of them 304
    assert PLAY.title in site.titles()
    portal.say("/rss", rss(*without(PLAY)))  # the same bytes, as a 200
    polled(site)
    assert PLAY.title in site.titles()
    polled(site)

    assert PLAY.title not in site.titles()


@pytest.mark.parametrize("body", [rss(), rss(*without(PLAY))[:-30]])
def test_documents_that_prove_nothing(site: Site, portal: Portal, body):
    """Empty, or cut off in the middle."""
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()

    for _ in range(5):
        portal.say("/rss", body)
        polled(site)

    assert set(site.titles()) == set(TITLES)


def test_a_document_in_the_other_order(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(*reversed(ITEMS))))
    site.once()
    portal.say("/rss", rss(*reversed(without(ITEMS[0]))))

    polled(site, times=3)

    assert set(TITLES) - set(site.titles()) == {TITLES[0]}


def test_a_withdrawn_entry_returns_edited(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    before = dates(site)
    portal.say("/rss", rss(*without(PLAY)))
    polled(site, times=3)
    title = "Премьера в театре перенесена на октябрь"
    portal.say("/rss", rss(Item(PLAY.guid, title, PLAY.text), *without(PLAY)))

    report = polled(site)

    assert (report.entries_new, report.entries_updated) == (0, 1)
    id_, published, updated = dates(site)[title]
    assert (id_, published) == before[PLAY.title][:2]
    assert updated > before[PLAY.title][2]


def test_what_first_sight_withheld_stays_so_when_it_returns(site: Site, portal: Portal):
    old = Item("old", "Ярмарка мёда прошла в станице", "Мёд.", age=timedelta(days=5))
    older = Item(
        "older", "Паводок на реке пошёл на спад", "Вода.", age=timedelta(days=6)
    )
    site.configure(portal.say("/rss", rss(*ITEMS, old, older)))
    site.once()
    portal.say("/rss", rss(*ITEMS, older))
    polled(site, times=3)
    assert site.explain("old")["published"]["withheld"] == "withdrawn"

    portal.say("/rss", rss(*ITEMS, old, older))
    polled(site)

    assert site.explain("old")["published"]["withheld"] == "first-sight"
    assert set(site.titles()) == set(TITLES)
