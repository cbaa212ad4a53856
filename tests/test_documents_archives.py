"""The history of feeds, from real stores: walked, closed, frozen, killed."""

from __future__ import annotations

import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import Engine, event

import aggregator.documents.archives as archives_module
import aggregator.documents.desk as desk_module
from aggregator import documents
from aggregator.config import Config, load_config
from aggregator.errors import PublishError
from aggregator.model import Edit, TopicScore
from aggregator.store import Store
from tests import rfc4287
from tests.strict import objections
from tests.test_store import edit, grouping, member, new, outcome, story

NOW = datetime(2026, 1, 10, 12, 30, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SITE = "https://news.example.org/"
ATOM = "{http://www.w3.org/2005/Atom}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
HISTORY = "{http://purl.org/syndication/history/1.0}"

YAML = """
site: {title: Новости, url: https://news.example.org/}
storage: STORAGE
publish: {max_entries: 6, source_share: 1/2}
topics:
  culture: {title: Культура, words: [театр]}
  health: {title: Здоровье, words: [врач]}
places: [krasnodar]
sources:
  - {url: https://kubnews.ru/rss, name: Кубань}
  - {url: https://krai.example/feed, name: Край}
  - {url: https://yuga.example/rss, name: Юга}
"""
SOURCES = ("kubnews.ru/rss", "krai.example/feed", "yuga.example/rss")


@dataclass
class Newsroom:
    """A store and an output folder, without anything that polls."""

    config: Config
    store: Store
    now: datetime = NOW
    #: Ids in the order in which they were told.
    told: list[str] = field(default_factory=list)

    def tell(self, *topics: str, source: str = SOURCES[0], age=MINUTE) -> str:
        """One more story; gives its id."""
        name = f"story-{len(self.told) + 1}"
        given = tuple(
            TopicScore(topic=key, score=4.0, threshold=3.0, tagged=True)
            for key in topics
        )
        entry = new(name, title=f"Новость {name}", topics=given)
        dated = replace(
            entry, admission=replace(entry.admission, effective=self.now - age)
        )
        made = story(name, member(source, dated))
        polled = outcome(source, dated)
        state = replace(polled.state, last_poll=self.now)
        self.store.record([replace(polled, state=state)], grouping(made))
        self.told.append(made.id)
        return made.id

    def publish(self) -> set[str]:
        self.now += MINUTE
        return documents.publish(self.store, self.config, self.now, {})

    def edit(self, id_: str, title: str, source: str = SOURCES[0]) -> None:
        name = id_.rpartition(":")[2]
        edit(self.store, Edit.NEWS, name, self.now, source, title=title)

    def read(self, name: str) -> etree._Element:
        return etree.fromstring((self.config.output / name).read_bytes())

    def files(self, pattern: str = "*.atom") -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in self.config.output.glob(pattern)
        }


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def newsroom(request, tmp_path, monkeypatch):
    monkeypatch.setattr(desk_module, "ARCHIVE_PAGE", 4)
    storage = f"sqlite:///{tmp_path}/aggregator.db"
    if request.param == "postgresql":
        storage = request.getfixturevalue("postgres")
    opened = open_newsroom(tmp_path, storage)
    yield opened
    opened.store.close()


def open_newsroom(folder: Path, storage: str) -> Newsroom:
    path = folder / "feeds.yaml"
    path.write_text(YAML.replace("STORAGE", storage), "utf-8")
    config = load_config(path)
    store = Store.open(config.storage, writing=True)
    store.sync_sources(config.sources, [topic.key for topic in config.topics])
    return Newsroom(config=config, store=store)


def ids(root: etree._Element) -> list[str]:
    return [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]


def link(root: etree._Element, rel: str) -> str | None:
    """Where it leads, as a file's name."""
    found = [each.get("href") for each in root.findall(f"{ATOM}link[@rel='{rel}']")]
    assert len(found) <= 1
    return found[0].removeprefix(SITE) if found else None


def walk(newsroom: Newsroom, start: bytes, after_each=lambda: None) -> list[str]:
    """What a subscriber meets who follows prev-archive, document by document."""
    root = etree.fromstring(start)
    met = ids(root)
    while (name := link(root, "prev-archive")) is not None:
        after_each()
        root = newsroom.read(name)
        met += ids(root)
    return met


# --- pages ------------------------------------------------------------------------


def test_nothing_published_has_no_archive(newsroom):
    newsroom.publish()

    assert list(newsroom.files("*archive*")) == []
    assert link(newsroom.read("feed.atom"), "prev-archive") is None


def test_pages_are_cut_in_the_order_of_first_publication(newsroom):
    """By date inside one publishing; what comes later goes on the newest page, however
    old it is.
    """
    batch = [newsroom.tell(age=timedelta(hours=5 - each)) for each in range(5)]
    newsroom.publish()
    late = newsroom.tell(age=20 * DAY)
    newsroom.publish()

    assert ids(newsroom.read("feed-archive-1.atom")) == batch[3::-1]
    assert ids(newsroom.read("feed-archive-2.atom")) == [batch[4], late]


def test_a_document_leads_to_its_neighbours_and_to_its_feed(newsroom):
    for _ in range(9):
        newsroom.tell("culture")
    newsroom.publish()

    for stem in ("feed", "culture"):
        roots = [newsroom.read(f"{stem}-archive-{page}.atom") for page in (1, 2, 3)]
        names = [f"{stem}-archive-{page}.atom" for page in (1, 2, 3)]
        assert link(newsroom.read(f"{stem}.atom"), "prev-archive") == names[2]
        assert [link(root, "prev-archive") for root in roots] == [None, *names[:2]]
        assert [link(root, "next-archive") for root in roots] == [*names[1:], None]
        assert [link(root, "self") for root in roots] == names
        assert {link(root, "current") for root in roots} == {f"{stem}.atom"}
        for root in roots:
            assert len(root.findall(f"{HISTORY}archive")) == 1


def test_archives_are_valid(newsroom):
    for _ in range(9):
        newsroom.tell("culture")
    newsroom.publish()

    for data in newsroom.files("*-archive-*").values():
        rfc4287.check(data)
        assert objections(data) == []


def test_places_have_no_archives_and_rss_none_either(newsroom):
    newsroom.tell("culture", "krasnodar")
    newsroom.publish()

    assert link(newsroom.read("krasnodar.atom"), "prev-archive") is None
    assert set(newsroom.files("*archive*")) == {
        "feed-archive-1.atom",
        "culture-archive-1.atom",
    }


def test_what_source_share_passes_over_stands_in_the_archive(newsroom):
    loud = [newsroom.tell(source=SOURCES[0]) for _ in range(12)]
    quiet = [newsroom.tell(source=source) for source in SOURCES[1:] for _ in range(3)]
    newsroom.publish()
    shown = ids(newsroom.read("feed.atom"))

    assert set(walk(newsroom, newsroom.files()["feed.atom"])) == {*loud, *quiet}
    assert len(shown) == 6


def test_a_story_that_gets_a_topic_later_stands_on_that_topics_newest_page(newsroom):
    late = newsroom.tell()
    others = [newsroom.tell("culture") for _ in range(5)]
    newsroom.publish()
    name = late.rpartition(":")[2]
    given = (TopicScore(topic="culture", score=4.0, threshold=3.0, tagged=True),)
    edit(newsroom.store, Edit.CORRECTION, name, newsroom.now, SOURCES[0], topics=given)
    newsroom.publish()

    assert set(ids(newsroom.read("culture-archive-2.atom"))) == {others[4], late}
    assert set(ids(newsroom.read("culture-archive-1.atom"))) == set(others[:4])


# --- closed pages -----------------------------------------------------------------


def test_a_closed_archive_never_changes_again(newsroom, monkeypatch):
    """Not by edits, other rules, other titles, a new version, or `publish`."""
    random_ = random.Random(5)
    closed: dict[str, bytes] = {}
    for number in range(50):
        newsroom.tell("culture", source=random_.choice(SOURCES))
        if number % 3 == 0:
            newsroom.edit(newsroom.told[0], f"Иначе в {number}-й раз")
        if number == 20:
            monkeypatch.setattr(desk_module, "__version__", "99.0")
        if number == 30:
            text = newsroom.config.path.read_text("utf-8")
            newsroom.config.path.write_text(text.replace("Новости", "Вести"), "utf-8")
            newsroom.config = load_config(newsroom.config.path)
        if number == 40:
            newsroom.now += DAY
            documents.publish(
                newsroom.store, newsroom.config, newsroom.now, {}, whole=True
            )
        newsroom.publish()
        files = newsroom.files("*-archive-*")
        assert {name: files[name] for name in closed} == closed
        closed |= {
            name: data
            for name, data in files.items()
            if link(etree.fromstring(data), "next-archive")
        }

    assert len(closed) == 24


def test_no_archive_is_closed_before_its_successor_stands(newsroom):
    stories = [newsroom.tell() for _ in range(4)]
    newsroom.publish()
    before = newsroom.files("*-archive-*")
    in_the_way = newsroom.config.output / "feed-archive-2.atom"
    in_the_way.mkdir()
    stories.append(newsroom.tell())

    with pytest.raises(PublishError, match=r"feed-archive-2\.atom"):
        newsroom.publish()
    first = newsroom.config.output / "feed-archive-1.atom"
    assert first.read_bytes() == before["feed-archive-1.atom"]

    in_the_way.rmdir()
    newsroom.publish()
    assert link(newsroom.read("feed-archive-1.atom"), "next-archive") is not None
    assert set(walk(newsroom, newsroom.files()["feed.atom"])) == set(stories)


def test_an_open_archive_shows_stories_as_they_are(newsroom):
    id_ = newsroom.tell()
    newsroom.publish()

    newsroom.edit(id_, "Совсем другой заголовок новости")
    written = newsroom.publish()

    assert "feed-archive-1.atom" in written
    titles = newsroom.read("feed-archive-1.atom").findall(f"{ATOM}entry/{ATOM}title")
    assert [title.text for title in titles] == ["Совсем другой заголовок новости"]


def test_publishing_without_news_reads_no_closed_archive(newsroom):
    for _ in range(9):
        newsroom.tell()
    newsroom.publish()
    page = newsroom.config.output / "feed-archive-1.atom"
    page.write_bytes(b"damaged by hand")

    assert newsroom.publish() == set()
    assert page.read_bytes() == b"damaged by hand"


def test_publishing_without_news_looks_through_no_table_that_grows(tmp_path):
    """SQLite uses a partial index only for queries that spell its condition alike."""
    newsroom = open_newsroom(tmp_path, f"sqlite:///{tmp_path}/aggregator.db")
    newsroom.tell("culture")
    newsroom.publish()
    asked: list[tuple[str, Any]] = []

    def note(connection, cursor, statement, parameters, context, executemany):
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert newsroom.publish() == set()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        newsroom.store.close()

    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection:
        steps = {
            (row[3], statement)
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        }
    assert any(step.startswith("SEARCH story") for step, _ in steps)
    whole = re.compile(r"SCAN (story|story_topic|publication|entry)\b(?! USING INDEX)")
    assert [step for step in steps if whole.match(step[0])] == []


def test_a_closed_archive_that_is_missing_is_made_again(newsroom):
    for _ in range(9):
        newsroom.tell()
    newsroom.publish()
    page = newsroom.config.output / "feed-archive-1.atom"
    before = page.read_bytes()
    page.unlink()

    assert newsroom.publish() == {"feed-archive-1.atom"}
    assert page.read_bytes() == before


def test_a_closed_archive_that_somebody_tore_is_made_good_by_publishing_all(newsroom):
    """A disk, a copy that broke off: `aggregator publish` is what an operator tries."""
    for _ in range(9):
        newsroom.tell()
    newsroom.publish()
    page = newsroom.config.output / "feed-archive-1.atom"
    before = page.read_bytes()
    page.write_bytes(before[: len(before) // 2])

    written = documents.publish(
        newsroom.store, newsroom.config, newsroom.now, {}, whole=True
    )

    assert written == {"feed-archive-1.atom"}
    assert page.read_bytes() == before


def test_what_expires_from_the_store_stays_in_its_archive(newsroom):
    old = [newsroom.tell(age=10 * DAY) for _ in range(4)]
    newsroom.publish()
    fresh = newsroom.tell()
    newsroom.publish()
    before = newsroom.files("feed-archive-1.atom")

    assert newsroom.store.expire(newsroom.now, 90 * DAY, 5 * DAY) == 4
    newest = newsroom.tell()
    newsroom.publish()

    assert newsroom.files("feed-archive-1.atom") == before
    assert set(ids(newsroom.read("feed-archive-2.atom"))) == {fresh, newest}
    assert set(walk(newsroom, newsroom.files()["feed.atom"])) == {*old, fresh, newest}


# --- what is taken back -----------------------------------------------------------


def tombstones(root: etree._Element) -> list[str]:
    return [found.get("ref") for found in root.findall(TOMBSTONE)]


def test_what_is_taken_back_leaves_a_closed_archive_and_nothing_else_changes(newsroom):
    stories = [newsroom.tell("culture") for _ in range(9)]
    newsroom.publish()
    before = newsroom.files("*-archive-*")
    gone = stories[1]

    newsroom.store.withdraw_story(gone, newsroom.now)
    written = newsroom.publish()

    first = {"feed-archive-1.atom", "culture-archive-1.atom"}
    assert {name for name in written if "archive" in name} == first
    for name in first:
        root = newsroom.read(name)
        assert set(ids(root)) == set(stories[:4]) - {gone}
        assert tombstones(root) == [gone]
        assert link(root, "next-archive").endswith("archive-2.atom")
        rfc4287.check(newsroom.files()[name])
    after = newsroom.files("*-archive-*")
    assert {name: after[name] for name in before.keys() - first} == {
        name: before[name] for name in before.keys() - first
    }
    assert newsroom.publish() == set()
    newsroom.now += 40 * DAY
    newsroom.publish()
    assert (
        newsroom.files("*-archive-*")["feed-archive-1.atom"]
        == after["feed-archive-1.atom"]
    )
    assert tombstones(newsroom.read("feed.atom")) == []


def test_a_tombstone_is_later_than_what_it_buries_and_what_returns_is_later_still(
    newsroom,
):
    """Within one second of the clock: a story's fraction of it is made up."""

    def updated():
        (entry,) = newsroom.read("feed.atom").findall(f"{ATOM}entry")
        return datetime.fromisoformat(entry.findtext(f"{ATOM}updated"))

    id_ = newsroom.tell(age=timedelta(0))
    newsroom.store.announce()
    moment = newsroom.now
    documents.publish(newsroom.store, newsroom.config, moment, {})
    before = updated()
    assert before > moment
    newsroom.store.withdraw_story(id_, moment)
    documents.publish(newsroom.store, newsroom.config, moment, {})
    (tombstone,) = newsroom.read("feed.atom").findall(TOMBSTONE)
    buried = datetime.fromisoformat(tombstone.get("when"))
    newsroom.store.restore_story(id_, moment)
    documents.publish(newsroom.store, newsroom.config, moment, {})

    assert before < buried < updated()


def test_what_returns_stands_in_its_closed_archive_again(newsroom):
    stories = [newsroom.tell() for _ in range(9)]
    newsroom.publish()
    newsroom.store.withdraw_story(stories[1], newsroom.now)
    newsroom.publish()

    newsroom.store.restore_story(stories[1], newsroom.now)
    newsroom.publish()

    root = newsroom.read("feed-archive-1.atom")
    assert (set(ids(root)), tombstones(root)) == (set(stories[:4]), [])


def test_what_has_expired_can_be_taken_out_of_its_archive(newsroom):
    old = [newsroom.tell(age=10 * DAY) for _ in range(4)]
    newsroom.publish()
    newsroom.tell()
    newsroom.publish()
    newsroom.store.expire(newsroom.now, 90 * DAY, 5 * DAY)
    assert newsroom.store.present_id(old[0]) == old[0]

    newsroom.store.withdraw_story(old[0], newsroom.now)
    newsroom.publish()

    root = newsroom.read("feed-archive-1.atom")
    assert old[0] not in ids(root)
    assert tombstones(root) == [old[0]]


def test_an_archive_without_a_story_left_is_valid(newsroom):
    stories = [newsroom.tell() for _ in range(5)]
    newsroom.publish()
    for id_ in stories[:4]:
        newsroom.store.withdraw_story(id_, newsroom.now)
    newsroom.publish()

    assert ids(newsroom.read("feed-archive-1.atom")) == []
    rfc4287.check(newsroom.files()["feed-archive-1.atom"])


def test_a_crash_before_the_rewriting_is_made_good(newsroom, monkeypatch):
    stories = [newsroom.tell() for _ in range(9)]
    newsroom.publish()
    newsroom.store.withdraw_story(stories[0], newsroom.now)

    def crash(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archives_module, "_render", crash)
        with pytest.raises(KeyboardInterrupt):
            newsroom.publish()

    assert stories[0] in ids(newsroom.read("feed-archive-1.atom"))
    documents.recover(newsroom.store, newsroom.config, newsroom.now, {})
    assert stories[0] not in ids(newsroom.read("feed-archive-1.atom"))


# --- whoever walks ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_meets_every_story_published_by_then(newsroom, seed):
    """While stories arrive, in any order, with topics that come late, under edits."""
    random_ = random.Random(seed)
    stems = ("feed", "culture")
    published: dict[str, set[str]] = {stem: set() for stem in stems}
    tagged: set[str] = set()

    def arrive() -> None:
        for _ in range(random_.randrange(4)):
            topics = ["culture"] if random_.random() < 0.4 else []
            age = timedelta(minutes=random_.randrange(10_000))
            id_ = newsroom.tell(*topics, source=random_.choice(SOURCES), age=age)
            tagged.update([id_] if topics else [])
        if newsroom.told and random_.random() < 0.3:
            newsroom.edit(newsroom.told[0], f"Иначе: {random_.random()}")
        newsroom.publish()
        published["feed"].update(newsroom.told)
        published["culture"].update(tagged)

    arrive()
    for _ in range(6):
        for stem in stems:
            due = set(published[stem])
            start = newsroom.files()[f"{stem}.atom"]

            met = walk(newsroom, start, arrive)

            assert due <= set(met)
    for stem in stems:
        archived = [
            id_
            for data in newsroom.files(f"{stem}-archive-*").values()
            for id_ in ids(etree.fromstring(data))
        ]
        assert sorted(archived) == sorted(published[stem])


# --- crashes ----------------------------------------------------------------------

PUBLISH_UNTIL_KILLED = """
import sys
from pathlib import Path
import aggregator.documents.desk as desk
from tests.test_documents_archives import open_newsroom

desk.ARCHIVE_PAGE = 4
newsroom = open_newsroom(Path(sys.argv[1]), sys.argv[2])
newsroom.told = ["taken"] * newsroom.store.last_number("")
print("ready", flush=True)
while True:
    newsroom.tell("culture")
    newsroom.publish()
    print("published", flush=True)
"""


@pytest.mark.parametrize("newsroom", ["sqlite"], indirect=True)
def test_kill_9_leaves_nothing_torn_or_out_of_date(newsroom, tmp_path):
    random_ = random.Random(9)
    newsroom.tell("culture")
    newsroom.publish()
    newsroom.store.close()
    closed: dict[str, bytes] = {}
    for _ in range(8):
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", PUBLISH_UNTIL_KILLED),
                *(str(tmp_path), newsroom.config.storage),
            ],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        for _ in range(random_.randrange(1, 5)):
            process.stdout.readline()
        time.sleep(random_.uniform(0, 0.1))  # anywhere in the next one
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for data in newsroom.files().values():
            etree.fromstring(data)

        store = newsroom.store = Store.open(newsroom.config.storage, writing=True)
        newsroom.now = NOW + DAY
        documents.recover(store, newsroom.config, newsroom.now, {})

        files = newsroom.files()
        assert {name: files[name] for name in closed} == closed
        assert files == from_scratch(newsroom, tmp_path)
        assert not list(newsroom.config.output.glob(".*"))
        closed |= {
            name: data
            for name, data in files.items()
            if link(etree.fromstring(data), "next-archive")
        }
        store.close()
    assert len(closed) > 2


def from_scratch(newsroom: Newsroom, folder: Path) -> dict[str, bytes]:
    """The Atom documents as one who never published before writes them."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    config = replace(newsroom.config, output=copy)
    manifest = newsroom.store.documents()
    documents.publish(newsroom.store, config, newsroom.now, {}, whole=True)
    newsroom.store.save_documents(manifest.values())
    return {path.name: path.read_bytes() for path in copy.glob("*.atom")}
