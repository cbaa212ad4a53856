"""Reports of one happening become one published story, over real HTTP and both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator import app
from aggregator.errors import NotDone
from tests.test_app import FixedClock, Item, Portal, Site, either, portal, rss, site

__all__ = ["either", "portal", "site"]

HOUR = timedelta(hours=1)

BRIDGE = Item(
    "bridge-1",
    "В Армавире открыли мост через Уруп",
    "Новый мост через реку Уруп открыли в Армавире после двух лет ремонта. Движение "
    "запустили во вторник, сообщили в министерстве транспорта. Длина моста 184 метра, "
    "работы обошлись в 620 млн рублей. Раньше водители ехали через Прочноокопскую.",
    age=3 * HOUR,
)
REPORT = Item(
    "bridge-2",
    "Водители Армавира дождались нового моста",
    "Переправа над Урупом снова связала два берега Армавира: строители сдали мост, "
    "который чинили с 2024 года. Как рассказали в миндоре, на 184-метровое сооружение "
    "потратили 620 миллионов. Жителям больше не нужен объезд через Прочноокопскую.",
    age=2 * HOUR,
)
COPY = Item(
    "bridge-3",
    "Мост через Уруп открыли в Армавире",
    BRIDGE.text.replace(" после двух лет ремонта", ""),
    age=HOUR,
)
OTHER = Item(
    "concert",
    "Кубанский хор споёт в Лабинске",
    "В субботу хор выступит на площади Лабинска с песнями станиц. Вход свободный.",
    age=HOUR,
)
DIGEST = Item(
    "digest",
    "Главное за день: мост в Армавире и хор в Лабинске",
    f"{BRIDGE.text} {OTHER.text}",
    age=HOUR / 2,
)


def feeds(portal: Portal, *items: tuple[Item, ...]) -> list[str]:
    """A source for each list of items, each with a site of its own."""
    return [
        portal.say(f"/{number}", rss(*listed, site=f"https://site{number}.example"))
        for number, listed in enumerate(items)
    ]


def members(site: Site, query: str) -> dict[str, str]:
    """Of the entry's story: keys, and how each joined."""
    story = site.explain(query)["story"]
    return {member["entry"]: member["relation"] for member in story["members"]}


def test_a_report_is_named_and_a_copy_hides(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE, OTHER), (REPORT,), (COPY,), (DIGEST,)))

    report = site.once()

    assert report.stories_new == 3
    assert members(site, "bridge-1") == {
        "bridge-1": "report",
        "bridge-2": "report",
        "bridge-3": "copy",
    }
    published = {entry.title: entry for entry in site.feed().entries}
    assert set(published) == {BRIDGE.title, OTHER.title, DIGEST.title}
    story = published[BRIDGE.title]
    assert "Также сообщили" in story.summary
    assert "https://site1.example/bridge-2" in story.summary
    assert "bridge-3" not in story.summary
    related = [link.href for link in story.links if link.rel == "related"]
    assert "https://site1.example/bridge-2" in related
    why = site.explain("bridge-2")["story"]["members"][1]
    assert 0.32 <= why["score"] < 1
    assert why["why"][0].startswith("words 0.")


def test_the_index_survives_the_process_and_joining_moves_nothing(
    either: Site, portal: Portal
):
    """Every cycle opens the store anew: what is found is found through it."""
    site = either
    site.configure(*feeds(portal, (BRIDGE, OTHER), (), ()))
    site.once()
    before = {entry.title: entry for entry in site.feed().entries}[BRIDGE.title]

    site.clock.moment += HOUR
    feeds(portal, (BRIDGE, OTHER), (REPORT,))
    report = site.once()

    after = {entry.title: entry for entry in site.feed().entries}[BRIDGE.title]
    assert (report.entries_new, report.stories_new) == (1, 0)
    assert (after.id, after.updated) == (before.id, before.updated)
    assert "Также сообщили" in after.summary


def test_what_comes_after_the_window_is_a_story_of_its_own(
    either: Site, portal: Portal
):
    site = either
    site.configure(*feeds(portal, (BRIDGE,), ()), extra="dedup: {window: 1h}\n")
    site.once()

    site.clock.moment += 2 * HOUR
    feeds(portal, (BRIDGE,), (REPORT,))

    assert site.once().stories_new == 1


@pytest.mark.parametrize(("level", "stories"), [("story", 1), ("copy", 2), ("none", 3)])
def test_levels(site: Site, portal: Portal, level: str, stories: int):
    site.configure(
        *feeds(portal, (BRIDGE,), (REPORT,), (COPY,)),
        extra=f"dedup: {{level: {level}}}\n",
    )

    assert site.once().stories_new == stories


def test_a_source_tells_a_story_once(site: Site, portal: Portal):
    other_words = Item("own-2", REPORT.title, REPORT.text, age=HOUR)
    update = Item("own-3", f"{BRIDGE.title}: обновлено", BRIDGE.text, age=HOUR)
    site.configure(*feeds(portal, (BRIDGE, other_words, update)))

    site.once()

    assert members(site, "bridge-1") == {"bridge-1": "report", "own-3": "copy"}
    assert members(site, "own-2") == {"own-2": "report"}


def test_the_order_of_arrival_decides_nothing(tmp_path, portal: Portal):
    """The same entries from sources in the same order, read in whatever order."""
    found = []
    for order in ((BRIDGE, REPORT, COPY), (COPY, REPORT, BRIDGE)):
        folder = tmp_path / order[0].guid
        folder.mkdir()
        site = Site(folder=folder, clock=FixedClock())
        portal.say("/one", rss(*order[:1], OTHER))
        site.configure(*feeds(portal, *((item,) for item in (BRIDGE, REPORT, COPY))))
        site.once()
        found.append(site.explain("bridge-1")["story"])

    assert found[0] == found[1]


# --- what an operator decides -----------------------------------------------------------


def test_a_split_is_for_good_and_explained(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE,), (REPORT,), ()))
    site.once()
    story = site.explain("bridge-1")["story"]["id"]

    done = app.split_story(site.config, ["bridge-2"], clock=site.clock)

    assert done["story"] == story
    (made,) = done["made"]
    assert members(site, "bridge-1") == {"bridge-1": "report"}
    told = site.explain("bridge-2")
    assert told["story"]["id"] == made
    assert told["story"]["members"][0]["why"] == ["split by the operator"]
    assert [each["kind"] for each in told["story"]["decisions"]] == ["split"]
    assert [each["entry"] for each in told["story"]["decisions"]] == ["bridge-2"]
    assert sorted(site.titles()) == sorted([BRIDGE.title, REPORT.title])
    assert "Также сообщили" not in str(site.feed().entries)

    site.clock.moment += HOUR
    feeds(portal, (BRIDGE,), (REPORT,), (COPY,))
    site.once()

    assert members(site, "bridge-2") == {"bridge-2": "report"}
    assert members(site, "bridge-1") == {"bridge-1": "report", "bridge-3": "copy"}


def test_when_the_lead_is_split_off_the_next_entry_leads(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE,), (REPORT,)))
    site.once()
    before = site.explain("bridge-1")
    assert before["story"]["lead"] == "bridge-1"

    site.clock.moment += HOUR
    done = app.split_story(site.config, ["bridge-1"], clock=site.clock)

    after = site.explain("bridge-2")
    assert after["story"]["id"] == before["story"]["id"]
    assert after["story"]["lead"] == "bridge-2"
    assert after["published"]["published"] == before["published"]["published"]
    assert after["published"]["updated"] > before["published"]["updated"]
    assert site.explain("bridge-1")["story"]["id"] == done["made"][0]


def test_a_merge_keeps_the_older_id_and_the_other_vanishes(
    either: Site, portal: Portal
):
    site = either
    site.configure(*feeds(portal, (BRIDGE,), (OTHER,)))
    site.once()
    kept, gone = (site.explain(key)["story"]["id"] for key in ("bridge-1", "concert"))

    done = app.merge_stories(site.config, gone, kept, clock=site.clock)

    assert done == {"story": kept, "gone": gone}
    assert [entry.id for entry in site.feed().entries] == [kept]
    assert set(members(site, "concert")) == {"bridge-1", "concert"}
    assert site.explain("concert")["story"]["decisions"][0]["other"] == gone


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["nowhere"], "nowhere names no entries"),
        (["concert"], "nothing would be left"),
        (["bridge-1", "concert"], "not of one story"),
        (["bridge-1", "bridge-2"], "nothing would be left"),
    ],
)
def test_what_cannot_be_split_is_left_as_it_was(
    site: Site, portal: Portal, entries: list[str], message: str
):
    site.configure(*feeds(portal, (BRIDGE, OTHER), (REPORT,)))
    site.once()
    before = site.documents()

    with pytest.raises(NotDone, match=message):
        app.split_story(site.config, entries, clock=site.clock)

    assert site.documents() == before


def test_what_cannot_be_merged(site: Site, portal: Portal):
    site.configure(*feeds(portal, (BRIDGE,), (REPORT,)))
    site.once()

    with pytest.raises(NotDone, match="one story already"):
        app.merge_stories(site.config, "bridge-1", "bridge-2", clock=site.clock)
    with pytest.raises(NotDone, match="names no stories"):
        app.merge_stories(site.config, "bridge-1", "nowhere", clock=site.clock)
