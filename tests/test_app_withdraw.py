"""`aggregator withdraw`: what an operator takes back is gone, everywhere, and stays so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from lxml import etree

from aggregator import app
from aggregator.app import stories
from aggregator.documents import desk
from aggregator.errors import Locked, NotDone
from aggregator.store import Request
from tests.test_app import Item, Portal, Site, either, portal, rss, site
from tests.test_app_stories import BRIDGE, COPY, OTHER, REPORT, feeds, members
from tests.test_app_withdrawals import ITEMS, polled, without

__all__ = ["either", "portal", "site"]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
PLAY = Item("play", "Премьера в театре собрала зал", "Спектакль о станице.", age=HOUR)


def withdraw(site: Site, name: str, **options):
    return app.withdraw(site.config, name, clock=site.clock, **options)


def tombstones(site: Site, name: str) -> dict[str, datetime]:
    root = etree.fromstring((site.folder / "output" / name).read_bytes())
    return {
        found.get("ref"): datetime.fromisoformat(found.get("when"))
        for found in root.findall(TOMBSTONE)
    }


def showing(site: Site, *texts: str) -> set[str]:
    """Documents that hold one of the texts."""
    return {
        name
        for name, data in site.documents().items()
        if any(text in data.decode("utf-8") for text in texts)
    }


def updated(site: Site, id_: str) -> str:
    (found,) = [entry.updated for entry in site.feed().entries if entry.id == id_]
    return found


# --- a story ------------------------------------------------------------------------


@pytest.mark.parametrize("named_by", ["id", "guid", "link"])
def test_a_story_leaves_every_document_and_its_tombstone_stays_for_30_days(
    either: Site, portal: Portal, named_by: str
):
    site = either
    site.configure(portal.say("/rss", rss(OTHER, PLAY)))
    site.once()
    id_ = site.explain("play")["published"]["id"]
    standing = set(site.explain("play")["published"]["documents"])
    assert {"feed.atom", "feed-archive-1.atom", "culture-archive-1.atom"} <= standing
    assert standing <= showing(site, PLAY.title)
    name = {"id": id_, "guid": "play", "link": "https://portal.example/play"}[named_by]

    found = withdraw(site, name)

    assert found == {"story": id_, "withdrawn": True}
    assert showing(site, PLAY.title, PLAY.text, "portal.example/play") == set()
    assert site.titles() == [OTHER.title]
    told = site.explain("play")["published"]
    assert (told["withheld"], told["documents"]) == ("withdrawn", [])
    assert site.explain("play")["story"]["decisions"][0]["kind"] == "withdraw"
    for name in ("feed", "culture", "feed-archive-1", "culture-archive-1"):
        assert tombstones(site, f"{name}.atom") == {id_: site.clock.moment}

    site.clock.moment += 30 * DAY
    site.once()
    assert set(tombstones(site, "feed.atom")) == {id_}
    site.clock.moment += 2 * DAY
    site.once()
    assert showing(site, "tombstones") == set()


def test_nothing_that_sources_do_brings_it_back(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE, OTHER), (), ()))
    site.once()
    withdraw(site, "bridge-1")

    site.clock.moment += HOUR
    edited = Item("bridge-1", "Мост через Уруп открыли заново", BRIDGE.text)
    feeds(portal, (edited, OTHER), (REPORT,), (COPY,))
    site.once()
    app.retag(site.config, dry_run=False, clock=site.clock)
    site.clock.moment += HOUR
    feeds(portal, (BRIDGE, OTHER), (REPORT,), (COPY,))
    site.once()

    # The reports of others joined it, and stay with it.
    assert set(members(site, "bridge-1")) == {"bridge-1", "bridge-2", "bridge-3"}
    assert site.titles() == [OTHER.title]
    assert site.explain("bridge-2")["published"]["withheld"] == "withdrawn"


def test_undone_it_returns_with_its_id_and_a_later_updated(
    either: Site, portal: Portal
):
    site = either
    site.configure(portal.say("/rss", rss(OTHER, PLAY)))
    site.once()
    before = site.explain("play")["published"]
    withdraw(site, "play")

    site.clock.moment += HOUR
    assert withdraw(site, before["id"], undo=True)["withdrawn"] is False

    after = site.explain("play")["published"]
    assert (after["id"], after["published"]) == (before["id"], before["published"])
    assert after["updated"] > before["updated"]
    assert after["documents"] == before["documents"]
    assert showing(site, "tombstones") == set()


def test_withdrawing_twice_and_undoing_nothing_change_nothing(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(OTHER, PLAY)))
    site.once()
    withdraw(site, "concert", undo=True)
    assert set(site.titles()) == {OTHER.title, PLAY.title}
    withdraw(site, "play")
    before = site.documents()
    site.clock.moment += HOUR

    withdraw(site, "play")

    assert site.documents() == before
    assert len(site.explain("play")["story"]["decisions"]) == 1


def test_its_event_leaves_the_calendar(site: Site, portal: Portal):
    concert = Item(
        "c", "Концерт хора пройдёт 5 сентября в 18:00", "В филармонии. Афиша."
    )
    site.configure(
        portal.say("/rss", rss(OTHER, concert)),
        extra="  events: {title: События, words: [концерт]}\n",
    )
    site.once()
    assert "events.ics" in showing(site, "Концерт хора")

    withdraw(site, "c")

    assert showing(site, "Концерт хора") == set()


def test_what_is_withdrawn_is_neither_split_nor_merged(site: Site, portal: Portal):
    site.configure(*feeds(portal, (BRIDGE, OTHER), (REPORT,)))
    site.once()
    withdraw(site, "bridge-1")

    with pytest.raises(NotDone, match="--undo"):
        app.split_story(site.config, ["bridge-2"], clock=site.clock)
    with pytest.raises(NotDone, match="--undo"):
        app.merge_stories(site.config, "concert", "bridge-1", clock=site.clock)

    assert site.titles() == [OTHER.title]


def test_what_was_merged_into_it_goes_with_it(site: Site, portal: Portal):
    """A closed archive shows it still, and readers know it by its own id."""
    site.configure(*feeds(portal, (BRIDGE,), (PLAY,), (OTHER,)))
    site.once()
    kept, gone = (site.explain(key)["story"]["id"] for key in ("bridge-1", "play"))
    app.merge_stories(site.config, kept, gone, clock=site.clock)

    assert withdraw(site, gone)["story"] == kept

    assert set(tombstones(site, "feed.atom")) == {kept, gone}
    assert site.titles() == [OTHER.title]


@pytest.mark.parametrize(
    "name", ["nowhere", "https://nowhere.example/", "tag:x,2026:1"]
)
def test_what_names_no_story(site: Site, portal: Portal, name: str):
    site.configure(portal.say("/rss", rss(OTHER)))
    site.once()

    with pytest.raises(NotDone, match="no stories"):
        withdraw(site, name)


# --- a source -----------------------------------------------------------------------


def test_all_that_a_source_told_goes_and_others_lead(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE, PLAY), (REPORT, OTHER)))
    site.once()
    story = site.explain("bridge-1")["story"]
    assert story["lead"] == "bridge-1"
    play = site.explain("play")["story"]["id"]
    before = updated(site, story["id"])

    site.clock.moment += HOUR
    withdraw(site, "s0", of_source=True)

    assert set(site.titles()) == {REPORT.title, OTHER.title}
    assert showing(site, BRIDGE.title, PLAY.title, "site0.example") <= {"sources.opml"}
    assert site.explain("bridge-2")["story"]["lead"] == "bridge-2"
    assert updated(site, story["id"]) > before
    assert tombstones(site, "feed.atom") == {play: site.clock.moment}

    site.clock.moment += HOUR
    edited = Item("play", "Премьера в театре собрала стадион", PLAY.text)
    fresh = Item("fresh", "Рыбаки спасли дельфина у берега", "Дельфин уплыл.", age=HOUR)
    feeds(portal, (BRIDGE, edited, fresh), (REPORT, OTHER))
    site.once()

    assert set(site.titles()) == {REPORT.title, OTHER.title, fresh.title}
    assert site.explain("play")["published"]["withheld"] == "withdrawn"


def test_closed_archives_no_longer_name_a_source_that_only_joined(
    either: Site, portal: Portal, monkeypatch
):
    site = either
    monkeypatch.setattr(desk, "ARCHIVE_PAGE", 1)
    site.configure(*feeds(portal, (BRIDGE, OTHER), (REPORT,)))
    site.once()
    archive = site.explain("bridge-2")["published"]["documents"][-1]
    assert archive in showing(site, "site1.example/bridge-2")

    withdraw(site, "s1", of_source=True)

    assert showing(site, REPORT.title, "site1.example/bridge-2") == set()
    assert archive in showing(site, BRIDGE.title)
    assert showing(site, "tombstones") == set()


def test_what_a_source_takes_back_leaves_closed_archives_until_it_is_listed_again(
    either: Site, portal: Portal, monkeypatch
):
    site = either
    monkeypatch.setattr(desk, "ARCHIVE_PAGE", 1)
    site.configure(portal.say("/rss", rss(*ITEMS)))
    site.once()
    gone = ITEMS[1]
    told = site.explain(gone.guid)["published"]
    archive = told["documents"][-2]
    before = archives(site)
    assert archive in before.keys() & showing(site, gone.title)

    portal.say("/rss", rss(*without(gone)))
    polled(site, times=3)

    assert showing(site, gone.title) == set()
    assert set(tombstones(site, archive)) == {told["id"]}
    assert changed(before, archives(site)) == {archive, "culture-archive-1.atom"}

    portal.say("/rss", rss(*ITEMS))
    polled(site)

    assert archive in showing(site, gone.title)
    assert showing(site, "tombstones") == set()
    assert changed(before, archives(site)) == {archive, "culture-archive-1.atom"}


def archives(site: Site) -> dict[str, bytes]:
    return {name: data for name, data in site.documents().items() if "archive" in name}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_a_source_undone_but_for_what_it_took_back_itself(either: Site, portal: Portal):
    site = either
    site.configure(*feeds(portal, (BRIDGE, PLAY, OTHER), (REPORT,)))
    site.once()
    withdraw(site, "s0", of_source=True)
    assert site.titles() == [REPORT.title]

    site.clock.moment += HOUR
    withdraw(site, "s0", of_source=True, undo=True)

    assert set(site.titles()) == {REPORT.title, OTHER.title, PLAY.title}
    assert showing(site, "tombstones") == set()
    # The one that took its place has been seen.
    assert site.explain("bridge-1")["story"]["lead"] == "bridge-2"


def test_a_source_that_nobody_knows(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(OTHER)))
    site.once()

    with pytest.raises(NotDone, match="no source is called nowhere"):
        withdraw(site, "nowhere", of_source=True)


# --- beside others ------------------------------------------------------------------


def test_beside_another_writer_it_is_asked_for_and_done_by_whoever_publishes(
    either: Site, portal: Portal, monkeypatch
):
    site = either
    site.configure(portal.say("/rss", rss(OTHER, PLAY)))
    site.once()
    id_ = site.explain("play")["published"]["id"]
    monkeypatch.setattr(stories, "LOCK_TIMEOUT", timedelta(0))
    with (
        app.open_store(site.config, writing=True) as store,
        store.lock(),
        pytest.raises(Locked, match=f"already running \\(pid {os.getpid()}\\)"),
    ):
        withdraw(site, "play")
    assert set(site.titles()) == {OTHER.title, PLAY.title}

    site.once()

    assert site.titles() == [OTHER.title]
    assert set(tombstones(site, "feed.atom")) == {id_}


def test_what_is_asked_for_during_the_polls_is_done_after_them(
    site: Site, portal: Portal, monkeypatch
):
    """Also when they bring nothing that would have anything published."""
    site.configure(portal.say("/rss", rss(OTHER, PLAY), ETag='"1"'))
    site.once()
    monkeypatch.setattr(stories, "LOCK_TIMEOUT", timedelta(0))

    def ask(source: object) -> None:
        with pytest.raises(Locked):
            withdraw(site, "play")

    report = site.once(on_poll=ask)

    assert report.not_modified == 1
    assert site.titles() == [OTHER.title]


def test_run_does_it_at_once(site: Site, portal: Portal):
    """It need not be stopped, and no interval is waited for."""
    site.configure(
        portal.say("/rss", rss(OTHER, PLAY)), extra="publish: {interval: 1h}\n"
    )
    site.once()
    assert "feed-archive-1.atom" in showing(site, PLAY.title)
    run = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run"],
        cwd=site.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("polled" in line for line in run.stderr)  # it holds the lock
        done = subprocess.run(
            [sys.executable, "-m", "aggregator", "withdraw", "play", "--json"],
            cwd=site.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert showing(site, PLAY.title) == set()
        assert run.poll() is None
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=30)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["withdrawn"] is True


def test_the_command_says_what_becomes_of_the_source(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(OTHER, PLAY)))
    site.once()

    done = subprocess.run(
        [sys.executable, "-m", "aggregator", "withdraw", "--source", "s0"],
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "enabled: false}" in done.stderr
    assert site.titles() == []


def test_a_request_made_anew_is_not_lost(site: Site, portal: Portal):
    """One that was carried out is forgotten; not one that replaced it meanwhile."""
    site.configure(portal.say("/rss", rss(OTHER)))
    site.once()
    first = Request(scope="story", target="one", asked=site.clock.moment)
    again = Request(scope="story", target="one", undo=True, asked=first.asked + HOUR)
    with app.open_store(site.config, writing=True) as store:
        store.ask(first)
        store.ask(again)

        store.settle_requests([first])
        assert store.requests() == [again]
        store.settle_requests([again])
        assert store.requests() == []
