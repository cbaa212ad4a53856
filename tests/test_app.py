"""The main job over real HTTP: poll, store, publish; again, with edits and faults."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import feedparser
import pytest

from aggregator import app
from aggregator.config import load_config, read_term
from aggregator.documents import publishing
from aggregator.errors import ConfigError, PublishError
from aggregator.explain import explain
from aggregator.model import CalendarEvent
from aggregator.retag import try_term

NOW = datetime(2026, 9, 1, 10, 0, 0, tzinfo=UTC)


@dataclass
class FixedClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Portal:
    """A web server on loopback whose answers a test sets: path -> (status, headers, body)."""

    port: int = 0
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def say(
        self, path: str, body: str | bytes, status: int = 200, **headers: str
    ) -> str:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, named, data)
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def portal():
    portal = Portal()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            portal.requests.append((self.path, dict(self.headers)))
            status, headers, body = portal.answers.get(self.path, (404, {}, b"no"))
            etag = headers.get("ETag")
            if etag and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    portal.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield portal
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Item:
    guid: str
    title: str
    text: str
    age: timedelta = timedelta(hours=1)
    link: str | None = None


def rss(*items: Item, site: str = "https://portal.example") -> str:
    """An RSS 2.0 document."""

    def one(item: Item) -> str:
        link = item.link or f"{site}/{item.guid}"
        date = format_datetime(NOW - item.age)
        return (
            f"<item><guid isPermaLink='false'>{item.guid}</guid><title>{item.title}</title>"
            f"<link>{link}</link><description>{item.text}</description>"
            f"<pubDate>{date}</pubDate></item>"
        )

    body = "".join(map(one, items))
    return f"<rss version='2.0'><channel><title>Портал</title>{body}</channel></rss>"


@dataclass
class Site:
    """An aggregator's folder; `once` runs a cycle at the clock's time."""

    folder: Path
    clock: FixedClock

    def configure(self, *sources: str, extra: str = "") -> None:
        listed = "".join(
            f"  - {{url: {url}, id: s{n}}}\n" for n, url in enumerate(sources)
        )
        (self.folder / "feeds.yaml").write_text(
            "site: {title: Новости, url: https://news.example.org/}\n"
            "storage: sqlite:///var/aggregator.db\n"
            "fetch: {gap: 0s, allow_private: [127.0.0.0/8]}\n"
            "topics:\n"
            "  culture: {title: Культура, threshold: 2, words: [театр, {term: премьера, weight: 2}]}\n"
            f"{extra}sources:\n{listed}",
            encoding="utf-8",
        )

    @property
    def config(self):
        return load_config(self.folder / "feeds.yaml")

    def once(self, **settings) -> app.CycleReport:
        return app.once(
            self.config, clock=self.clock, **({"everything": True} | settings)
        )

    def feed(self, name: str = "feed.atom"):
        return feedparser.parse((self.folder / "output" / name).read_bytes())

    def titles(self, name: str = "feed.atom") -> list[str]:
        return [entry.title for entry in self.feed(name).entries]

    def documents(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes()
            for path in (self.folder / "output").iterdir()
            if path.name not in ("status.json", "status.html")
        }

    def explain(self, query: str) -> dict:
        with app.open_store(self.config, writing=False) as store:
            found = explain(store, self.config, query, self.clock.now())
        assert found is not None
        return found

    def calendar(self) -> list[CalendarEvent]:
        with app.open_store(self.config, writing=False) as store:
            return store.calendar(self.clock.now().date())

    def status(self) -> dict[str, dict]:
        from aggregator import documents

        with app.open_store(self.config, writing=False) as store:
            now = self.clock.now()
            found = documents.status(store, self.config, now, store.states())
        return {row["id"]: row for row in found["sources"]}


@pytest.fixture
def site(tmp_path):
    return Site(folder=tmp_path, clock=FixedClock())


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def either(request, site):
    """The site with a store of either kind."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
    configure = site.configure

    def configure_there(*sources: str, extra: str = "") -> None:
        configure(*sources, extra=extra)
        if url is not None:
            path = site.folder / "feeds.yaml"
            text = path.read_text("utf-8")
            path.write_text(text.replace("sqlite:///var/aggregator.db", url), "utf-8")

    site.configure = configure_there
    return site


BRIDGE = Item(
    "1", "Мост через Лабу открыли", "Движение пустили утром. Строили два года."
)
PLAY = Item("2", "Премьера в театре", "Театр показал премьеру сезона. Зал был полон.")


def test_a_first_cycle_publishes_what_is_new(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE, PLAY)))

    report = site.once()

    assert (report.sources, report.fetched, report.failed) == (1, 1, 0)
    assert (report.entries_new, report.stories_new) == (2, 2)
    assert report.documents_written == len(site.documents())
    assert set(site.titles()) == {BRIDGE.title, PLAY.title}
    assert site.titles("culture.atom") == [PLAY.title]
    assert BRIDGE.title in (site.folder / "output" / "index.html").read_text("utf-8")


def test_a_second_cycle_without_news_changes_no_byte(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE), ETag='"1"'))
    site.once()
    before = site.documents()
    site.clock.moment += timedelta(hours=1)

    report = site.once()

    assert (report.not_modified, report.documents_written) == (1, 0)
    assert portal.requests[-1][1]["If-None-Match"] == '"1"'
    assert site.documents() == before


@pytest.mark.parametrize(
    ("hours", "looks"), [(1, 1), (24, 2)], ids=["without news", "midnight passes"]
)
def test_a_cycle_without_news_publishes_once(
    site: Site, portal: Portal, monkeypatch, hours: int, looks: int
):
    """What a crash may have left undone; after the polls only a new day is news."""
    site.configure(portal.say("/rss", rss(BRIDGE), ETag='"1"'))
    site.once()
    site.clock.moment += timedelta(hours=1)
    taken = []
    real = publishing.editions
    monkeypatch.setattr(
        publishing, "editions", lambda desk: taken.append(desk) or real(desk)
    )

    def a_slow_poll(source: object) -> None:
        site.clock.moment += timedelta(hours=hours)

    site.once(on_poll=a_slow_poll)

    assert len(taken) == looks


def test_a_server_that_lies_with_304_is_found_out_within_a_day(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE), ETag='"1"'))
    site.once()
    portal.say("/rss", rss(BRIDGE, PLAY), ETag='"1"')
    new, sent = [], []
    for _ in range(8):
        site.clock.moment += timedelta(hours=6)
        new.append(site.once().entries_new)
        sent.append(portal.requests[-1][1].get("If-None-Match"))

    assert new == [0, 0, 0, 1, 0, 0, 0, 0]
    # One unconditional request a day, and no more.
    assert sent == ['"1"', '"1"', '"1"', None] * 2


def test_a_source_that_moved_is_reported_and_stays_the_same_source(
    site: Site, portal: Portal
):
    there = portal.say("/new", rss(BRIDGE, PLAY))
    here = portal.say("/old", "", 301, Location="/new")
    site.configure(here)
    given = (site.folder / "feeds.yaml").read_text("utf-8")
    without_id = given.replace(", id: s0", "")
    (site.folder / "feeds.yaml").write_text(without_id, "utf-8")
    found = []
    for _ in range(5):
        assert site.once().failed == 0
        (row,) = site.status().values()
        found.append(row["effective_url"])
        site.clock.moment += timedelta(hours=18)

    assert found == [None, None, None, None, there]
    assert row["warnings"][-1]["message"].endswith(f'feeds.yaml: url: "{there}"')
    assert portal.requests[-2][0] == "/old"

    before = {entry.id: entry.updated for entry in site.feed().entries}
    (site.folder / "feeds.yaml").write_text(without_id.replace(here, there), "utf-8")
    report = site.once()

    assert (report.failed, report.entries_new) == (0, 0)
    (row,) = site.status().values()
    assert (row["entries"], row["effective_url"], row["warnings"]) == (2, None, [])
    assert {entry.id: entry.updated for entry in site.feed().entries} == before


def test_a_known_body_counts_as_not_modified(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE)))
    site.once()

    assert site.once().not_modified == 1


def test_a_news_edit_moves_updated_and_keeps_id_and_published(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE)))
    site.once()
    (before,) = site.feed().entries
    edited = Item("1", "Мост через Лабу снова закрыли", BRIDGE.text)
    portal.say("/rss", rss(edited))
    site.clock.moment += timedelta(hours=1)

    report = site.once()

    (after,) = site.feed().entries
    assert (report.entries_new, report.entries_updated) == (0, 1)
    assert after.title == edited.title
    assert (after.id, after.published) == (before.id, before.published)
    assert after.updated > before.updated


def test_noise_changes_no_byte(site: Site, portal: Portal):
    quiet = Item("1", BRIDGE.title, f"{BRIDGE.text} Просмотров: 112")
    noisy = Item("1", "МОСТ через Лабу  открыли", f"{BRIDGE.text} Просмотров: 117")
    site.configure(portal.say("/rss", rss(quiet)))
    site.once()
    before = site.documents()
    portal.say("/rss", rss(noisy))

    report = site.once()

    assert (report.entries_updated, report.documents_written) == (0, 0)
    assert site.documents() == before


def test_one_story_of_three_sources_is_one_entry(site: Site, portal: Portal):
    link = "https://first.example/bridge"
    own = Item("1", BRIDGE.title, BRIDGE.text, timedelta(hours=3), link)
    again = Item("77", BRIDGE.title, BRIDGE.text, timedelta(hours=2))
    tracked = Item(
        "x", "Открыт мост", "Коротко.", timedelta(hours=1), f"{link}?utm_source=b"
    )
    site.configure(
        portal.say("/a", rss(tracked, site="https://c.example")),
        portal.say("/b", rss(again, site="https://b.example")),
        portal.say("/c", rss(own)),
    )

    report = site.once()

    assert (report.entries_new, report.stories_new) == (3, 1)
    (entry,) = site.feed().entries
    assert entry.link == link
    related = [one.href for one in entry.links if one.rel == "related"]
    assert "https://b.example/77" in related
    found = site.explain("77")
    assert found["published"]["withheld"] == "member"
    assert {one["source"] for one in found["story"]["members"]} == {"s0", "s1", "s2"}


def test_whose_an_entry_is_said_to_be_is_shown_and_nothing_else(
    site: Site, portal: Portal
):
    document = rss(BRIDGE)
    named = "<source url='https://other.example/rss'>Другая газета</source></item>"
    site.configure(portal.say("/rss", document.replace("</item>", named)))
    site.once()

    assert site.explain(BRIDGE.guid)["entry"]["origin"] == {
        "title": "Другая газета",
        "link": "https://other.example/rss",
    }
    assert "Другая газета" not in (site.folder / "output" / "feed.atom").read_text()
    portal.say("/rss", rss(BRIDGE, PLAY))
    site.once()
    assert site.explain(PLAY.guid)["entry"]["origin"] is None


def test_first_sight_withholds_what_is_old_for_ever(site: Site, portal: Portal):
    old = Item("9", "Старая новость", "Ей пять дней.", timedelta(days=5))
    site.configure(portal.say("/rss", rss(BRIDGE, old)))
    site.once()

    assert site.titles() == [BRIDGE.title]
    assert site.explain("9")["published"]["withheld"] == "first-sight"
    portal.say("/rss", rss(BRIDGE, old, PLAY))
    site.once()
    assert set(site.titles()) == {BRIDGE.title, PLAY.title}


def test_one_failing_source_costs_the_others_nothing(site: Site, portal: Portal):
    site.configure(
        portal.say("/down", "no", status=500),
        portal.say("/rss", rss(BRIDGE)),
        portal.say("/page", "<!doctype html><html><body>Страница</body></html>"),
    )

    report = site.once()

    assert (report.fetched, report.failed) == (1, 2)
    assert site.titles() == [BRIDGE.title]
    rows = site.status()
    assert rows["s0"]["error"]["code"] == "http_500"
    assert rows["s1"]["state"] == "ok"
    assert rows["s2"]["error"]["code"] == "not_a_feed:html"


def test_what_fails_later_keeps_what_was_published(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE)))
    site.once()
    before = site.documents()
    portal.say("/rss", "<html>Сайт закрыт</html>")
    failed = site.once()
    portal.say("/rss", rss(BRIDGE, PLAY))
    recovered = site.once()

    assert (failed.failed, recovered.failed) == (1, 0)
    assert before.keys() < site.documents().keys()
    assert set(site.titles()) == {BRIDGE.title, PLAY.title}


def test_only_what_is_due_is_polled(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE)))

    polled = []
    for minutes in (0, 1, 20):
        site.clock.moment = NOW + timedelta(minutes=minutes)
        polled.append(site.once(everything=False).sources)

    assert polled == [1, 0, 1]


def test_all_ignores_back_off_but_not_enabled(site: Site, portal: Portal):
    url = portal.say("/rss", "wait", status=429, Retry_After="3600")
    site.configure(url)
    site.once()

    assert site.once(everything=False).sources == 0
    assert site.once().sources == 1
    assert site.status()["s0"]["state"] == "paused"


def test_a_document_that_is_lost_during_the_polls_stands_after_them(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE), ETag='"1"'))
    site.once()
    before = site.documents()

    def lose(source: object) -> None:
        (site.folder / "output" / "feed.atom").unlink()
        (site.folder / "output" / "index.html").write_text("cut")

    report = site.once(on_poll=lose)

    assert (report.not_modified, report.documents_written) == (1, 2)
    assert site.documents() == before


def test_a_document_that_was_damaged_is_made_again_before_any_poll(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE)))
    site.once()
    before = site.documents()
    (site.folder / "output" / "feed.atom").write_text("cut")
    (site.folder / "output" / "index.html").unlink()

    report = site.once(everything=False)

    assert (report.sources, report.documents_written) == (0, 2)
    assert site.documents() == before


def test_a_topic_that_is_taken_out_takes_its_document_along(site: Site, portal: Portal):
    url = portal.say("/rss", rss(PLAY))
    site.configure(url)
    site.once()
    theirs = site.folder / "output" / "theirs.atom"
    theirs.write_text("somebody else's")
    path = site.folder / "feeds.yaml"
    path.write_text(
        path.read_text("utf-8").replace("  culture:", "  theatre:"), "utf-8"
    )

    site.once()

    assert "culture.atom" not in site.documents()
    assert b"culture" not in site.documents()["feed.atom"]
    assert theirs.exists()


def test_a_document_that_cannot_be_written_costs_no_other(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY)))
    (site.folder / "output" / "feed.atom").mkdir(parents=True)

    with pytest.raises(PublishError, match=r"feed\.atom"):
        site.once()

    assert site.titles("culture.atom") == [PLAY.title]


def test_a_bug_in_rendering_one_document_costs_no_other(
    site: Site, portal: Portal, monkeypatch, caplog
):
    site.configure(portal.say("/rss", rss(PLAY)))
    site.once()
    before = (site.folder / "output" / "feed.rss").read_bytes()
    portal.say("/rss", rss(BRIDGE, PLAY))

    with monkeypatch.context() as broken:
        broken.setattr("aggregator.publish.rss.render_rss", lambda *_: 1 / 0)
        with pytest.raises(PublishError, match=r"feed\.rss: a bug"):
            site.once()

    assert "ZeroDivisionError" in caplog.text
    assert set(site.titles()) == {BRIDGE.title, PLAY.title}
    assert (site.folder / "output" / "feed.rss").read_bytes() == before

    site.once()

    assert BRIDGE.title.encode() not in before
    assert BRIDGE.title.encode() in (site.folder / "output" / "feed.rss").read_bytes()


def test_a_document_that_cannot_be_written_keeps_no_news_from_being_read(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE)))
    site.once()
    (site.folder / "output" / "feed.atom").unlink()
    (site.folder / "output" / "feed.atom").mkdir()
    portal.say("/rss", rss(BRIDGE, PLAY))

    with pytest.raises(PublishError):
        site.once()

    assert site.explain("2")["entry"]["title"] == PLAY.title


def test_a_clock_that_is_wrong_loses_nothing(site: Site, portal: Portal):
    """1970 after a start without a clock; then a year too far; then right again."""
    url = portal.say("/rss", rss())
    site.configure(url, extra="keep: {published: 90d}\n")
    site.once()
    portal.say("/rss", rss(BRIDGE).replace("pubDate", "date"))
    year = timedelta(days=365)
    for moment in (datetime(1970, 1, 1, tzinfo=UTC), *[NOW + year] * 12, NOW):
        site.clock.moment = moment
        site.once()

    assert site.titles() == [BRIDGE.title]


def test_a_clock_that_good_polls_bear_out_is_believed_in_the_end(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE)), extra="keep: {published: 90d}\n")
    site.once()
    portal.say("/rss", rss(PLAY))
    site.clock.moment += timedelta(days=100)

    def is_kept() -> bool:
        with app.open_store(site.config, writing=False) as store:
            found = explain(store, site.config, "1", site.clock.now())
        return found is not None

    rounds = 0
    while is_kept():
        site.once()
        rounds += 1

    assert 10 < rounds < 20


@pytest.mark.parametrize("zone", ["Europe/Moscow", "America/New_York", "No/Where", ""])
def test_a_cycle_does_the_same_in_any_zone_of_the_machine(
    site: Site, portal: Portal, zone: str
):
    """Also on the days when New York's clocks are changed."""
    site.configure(portal.say("/rss", rss(BRIDGE)))
    script = (
        "import sys; from datetime import datetime, timedelta; from pathlib import Path\n"
        "from aggregator import app; from aggregator.config import load_config\n"
        "class Clock:\n"
        "    def now(self): return self.moment\n"
        "config, clock = load_config(Path('feeds.yaml')), Clock()\n"
        "for day in ('2026-03-08', '2026-11-01'):\n"
        "    for hour in range(0, 24, 3):\n"
        "        clock.moment = datetime.fromisoformat(f'{day}T{hour:02}:30:00+00:00')\n"
        "        print(app.once(config, clock=clock).sources, end='')\n"
    )
    environment = {**os.environ, "TZ": zone, "PYTHONPATH": os.getcwd()}
    if not zone:
        del environment["TZ"]

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=site.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    # The interval adapts up to six hours: polled every nine hours at least.
    for day in (done.stdout[:8], done.stdout[8:]):
        assert day.startswith("1")
        assert "000" not in day
        assert len(day) == 8


def test_publish_from_the_store_gives_the_same_bytes(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE, PLAY)))
    site.once()
    before = site.documents()
    for path in (site.folder / "output").iterdir():
        path.unlink()

    written = app.publish(site.config, site.clock)

    assert written == set(before)
    assert site.documents() == before


def test_what_ages_out_leaves_the_documents_and_is_explained(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(BRIDGE), ETag='"1"'))
    site.once()
    site.clock.moment += timedelta(days=40)

    site.once()

    assert site.titles() == []
    assert site.explain("1")["published"]["withheld"] == "age"


def test_a_new_topic_rule_shows_in_explain(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY)))
    site.once()

    (topic,) = site.explain("https://portal.example/2?utm_medium=rss")["topics"]

    assert topic["topic"] == "culture"
    assert topic["tagged"]
    assert {term["rule"] for term in topic["terms"]} == {"театр", "премьера"}
    for term in topic["terms"]:
        field_text = {"title": PLAY.title, "text": PLAY.text}[term["field"]]
        assert field_text[term["position"] :].startswith(term["form"])


EVENTS_TOPIC = "  events: {title: События, threshold: 1, words: [концерт, ярмарка]}\n"


def test_events_are_read_from_entries_tagged_so_and_explained(
    site: Site, portal: Portal
):
    concert = Item(
        "3", "Концерт в субботу", "Начало концерта 12 сентября в 18:00 в Доме культуры."
    )
    plain = Item("4", "Лекция", "Лекция пройдёт 12 сентября в 18:00.")
    site.configure(portal.say("/rss", rss(concert, plain)), extra=EVENTS_TOPIC)
    site.once()

    assert site.explain("4")["events"] == []
    (event,) = site.explain("3")["events"]
    assert (event["start"], event["end"]) == ("2026-09-12T18:00", None)
    assert (event["all_day"], event["cancelled"]) == (False, False)
    assert event["place"] == "Дом культуры"
    assert 0.5 <= event["confidence"] <= 1
    assert event["words"] == ["12 сентября", "18:00", "Доме культуры"]
    for words in event["read_from"]:
        field_text = {"title": concert.title, "text": concert.text}[words["field"]]
        assert field_text[words["position"] :].startswith(words["form"])


def test_a_changed_entrys_events_are_replaced(site: Site, portal: Portal):
    text = "Концерт {} в 18:00 в Доме культуры. {}"
    first = Item("3", "Большой концерт", text.format("пройдёт 12 сентября", ""))
    moved = text.format(
        "перенесён с 12 на 19 сентября", "Билеты вернут всем, кто их купил."
    )
    site.configure(portal.say("/rss", rss(first)), extra=EVENTS_TOPIC)
    site.once()
    portal.say("/rss", rss(Item("3", "Большой концерт", moved)))
    site.once()

    (event,) = site.explain("3")["events"]
    assert (event["start"], event["moved_from"]) == ("2026-09-19T18:00", "2026-09-12")


def test_an_event_that_moves_in_the_text_alone_moves_and_is_not_announced_again(
    site: Site, portal: Portal
):
    """Dates in a text are noise to readers of news, not to a calendar."""
    text = "Начало концерта {} сентября в 18:00 в парке. Играет оркестр."
    before, after = (
        Item("3", "Большой концерт", text.format(day)) for day in ("12", "19")
    )
    site.configure(portal.say("/rss", rss(before)), extra=EVENTS_TOPIC)
    site.once()
    (updated,) = [entry.updated for entry in site.feed().entries]
    portal.say("/rss", rss(after))
    site.clock.moment += timedelta(hours=1)
    report = site.once()

    assert report.entries_updated == 0
    (entry,) = site.feed().entries
    assert entry.updated == updated
    assert "19 сентября" in entry.summary
    (event,) = site.calendar()
    assert (event.event.start.isoformat(), event.sequence) == ("2026-09-19T18:00", 1)

    portal.say("/rss", rss(after) + " ")  # other bytes, the same words
    site.clock.moment += timedelta(hours=1)
    site.once()
    assert site.calendar() == [event]


def test_a_later_entry_cancels_the_event_of_an_earlier_story(
    site: Site, portal: Portal
):
    """The same event to a reader's calendar, with the news of its end."""
    first = Item(
        "3", "Концерт группы «Ветер»", "Концерт пройдёт 12 сентября в 18:00 в парке."
    )
    news = Item(
        "4",
        "Концерт группы «Ветер» отменён",
        "Концерта 12 сентября не будет, он отменён. Деньги за билеты вернут в кассах.",
        timedelta(),
    )
    site.configure(portal.say("/rss", rss(first)), extra=EVENTS_TOPIC)
    site.once()
    (before,) = site.calendar()
    portal.say("/rss", rss(first, news))
    site.clock.moment += timedelta(hours=1)
    site.once()

    (after,) = site.calendar()
    assert (before.uid, before.sequence) == (after.uid, 0)
    assert (before.event.cancelled, after.event.cancelled) == (False, True)
    assert (after.sequence, after.changed) == (1, site.clock.moment)
    assert len(after.tellings) == 2

    site.clock.moment += timedelta(hours=1)
    site.once()
    assert site.calendar() == [after]


def test_a_story_has_the_events_of_all_its_members(site: Site, portal: Portal):
    """What several tell counts once; what only one tells names who does."""
    title = "Концерт оркестра на площади"
    link = "https://a.example/concert"
    texts = (
        "Концерт пройдёт 12 сентября в 18:00 на площади.",
        "Концерты пройдут 12 и 13 сентября в 18:00 на площади.",
    )
    one, two = (Item(str(n), title, text, link=link) for n, text in enumerate(texts, 1))
    site.configure(
        portal.say("/a", rss(one, site="https://a.example")),
        portal.say("/b", rss(two, site="https://b.example")),
        extra=EVENTS_TOPIC,
    )
    site.once()

    told = site.explain(link)["events"]
    assert [(event["start"], event.get("member")) for event in told] == [
        ("2026-09-12T18:00", None),
        ("2026-09-13T18:00", "2"),
    ]


def test_places_are_published_explained_and_have_documents(site: Site, portal: Portal):
    sea = Item("3", "Пляжи готовят к лету", "Анапские пляжи чистят, в Туапсе ждут.")
    hills = Item("4", "Мороз", "Ночью в предгорьях до минус пяти.")
    site.configure(portal.say("/rss", rss(sea, hills)), extra="places: [anapa]\n")
    site.once()

    assert [
        (place["place"], place["form"]) for place in site.explain("3")["places"]
    ] == [
        ("anapa", "Анапские"),
        ("tuapsinsky", "Туапсе"),
    ]
    assert {"feed.atom", "anapa.atom", "anapa.json", "index.html"} <= set(
        site.explain("3")["published"]["documents"]
    )
    assert site.explain("4")["places"] == []
    anapa = site.feed("anapa.atom")
    assert anapa.feed.title.endswith(": Анапа")
    (entry,) = anapa.entries
    assert [(tag.term, tag.scheme, tag.label) for tag in entry.tags] == [
        ("anapa", "https://news.example.org/places", "Анапа"),
        ("tuapsinsky", "https://news.example.org/places", "Туапсинский район"),
    ]


def test_a_changed_entrys_places_are_replaced(site: Site, portal: Portal):
    text = "В {} открыли новый сквер с фонтаном и площадкой для детей."
    site.configure(
        portal.say("/rss", rss(Item("3", "Новый сквер", text.format("Сочи"))))
    )
    site.once()
    portal.say("/rss", rss(Item("3", "Новый сквер готов", text.format("Ейске"))))
    site.once()

    assert [place["place"] for place in site.explain("3")["places"]] == ["yeysky"]


def test_a_story_has_the_places_of_all_its_members(site: Site, portal: Portal):
    title, link = "Концерт оркестра на площади", "https://a.example/concert"
    texts = "Его услышат в Сочи.", "Его услышат в Анапе и Сочи."
    one, two = (Item(str(n), title, text, link=link) for n, text in enumerate(texts, 1))
    site.configure(
        portal.say("/a", rss(one, site="https://a.example")),
        portal.say("/b", rss(two, site="https://b.example")),
        extra="places: [anapa]\n",
    )
    site.once()

    told = site.explain(link)
    assert [(place["place"], place.get("member")) for place in told["places"]] == [
        ("sochi", None),
        ("anapa", "2"),
    ]
    assert "anapa.atom" in told["published"]["documents"]


def test_what_is_withheld_brings_its_topics_to_the_story_it_joins(
    site: Site, portal: Portal
):
    """First sight withholds after 48 hours, stories are matched for 72."""
    older = Item("1", "Премьера в театре", PLAY.text, timedelta(hours=60))
    newer = Item("2", "Премьера в театре", PLAY.text, timedelta(hours=1))
    site.configure(
        portal.say("/a", rss(older, site="https://a.example")),
        portal.say("/b", rss(newer, site="https://b.example")),
    )
    site.once()

    assert site.titles("culture.atom") == [newer.title]
    (own, *_) = site.explain("https://a.example/1")["topics"]
    assert own["tagged"]


def test_what_becomes_an_advertisement_leaves_the_documents(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(BRIDGE, PLAY)))
    site.once()
    ad = Item(
        "1", "Реклама. Окна со скидкой", "Окна, двери и балконы со скидкой до осени."
    )
    portal.say("/rss", rss(ad, PLAY))

    site.once()

    assert site.titles() == [PLAY.title]
    assert site.explain("1")["published"]["withheld"] == "ad"


def test_advertisements_leave_when_the_operator_drops_them(site: Site, portal: Portal):
    ad = Item(
        "1", "Окна со скидкой", "Скидки.", link="https://portal.example/1?erid=2Vtz"
    )
    url = portal.say("/rss", rss(ad, PLAY))
    site.configure(url, extra="publish: {ads: label}\n")
    site.once()
    labelled = site.titles()
    site.configure(url)

    site.once()

    assert (len(labelled), site.titles()) == (2, [PLAY.title])


def test_an_id_given_later_is_the_same_source(site: Site, portal: Portal):
    url = portal.say("/rss", rss(BRIDGE), ETag='"1"')
    site.configure(url)
    path = site.folder / "feeds.yaml"
    named = path.read_text("utf-8")
    path.write_text(named.replace(", id: s0", ""), "utf-8")
    site.once()
    before = site.documents()

    path.write_text(named, "utf-8")
    given = site.once()
    path.write_text(named.replace(", id: s0", ""), "utf-8")
    taken = site.once()

    assert (given.not_modified, given.entries_new) == (1, 0)
    assert (taken.not_modified, taken.entries_new) == (1, 0)
    assert site.documents() == before


def test_another_address_is_asked_afresh_and_its_entries_are_known(
    site: Site, portal: Portal
):
    """What one server said of its bytes means nothing to another."""
    site.configure(portal.say("/old", rss(BRIDGE), ETag='"1"'))
    site.once()
    portal.say("/old", "gone", status=410)
    site.once()
    site.configure(portal.say("/new", rss(BRIDGE, PLAY), ETag='"1"'))

    report = site.once(everything=False)

    assert (report.fetched, report.entries_new) == (1, 1)
    assert "If-None-Match" not in portal.requests[-1][1]


def test_what_is_read_otherwise_is_read_again(site: Site, portal: Portal):
    """The operator mends mojibake by `encoding:`; the server's bytes are as they were."""
    document = (
        rss(BRIDGE)
        .encode("windows-1251")
        .replace(b"<rss", b"<?xml version='1.0' encoding='koi8-r'?><rss")
    )
    site.configure(portal.say("/rss", document, ETag='"1"'))
    site.once()
    path = site.folder / "feeds.yaml"
    told = path.read_text("utf-8").replace("id: s0", "id: s0, encoding: windows-1251")
    path.write_text(told, "utf-8")

    again, then = site.once(), site.once()

    assert (again.fetched, then.not_modified) == (1, 1)
    assert site.titles() == [BRIDGE.title]


def test_a_flood_is_stored_and_warned_of(site: Site, portal: Portal):
    items = [
        Item(f"{n}", f"Новость номер {n}", f"Текст номер {n}.") for n in range(210)
    ]
    site.configure(portal.say("/rss", rss(*items)))

    report = site.once()

    assert (report.entries_new, report.stories_new) == (210, 200)
    assert [one["code"] for one in site.status()["s0"]["warnings"]] == ["flood"]


def test_an_entry_that_links_to_a_section_is_explained_by_its_link(
    site: Site, portal: Portal
):
    section = "https://portal.example/news/"
    site.configure(
        portal.say("/rss", rss(Item("1", BRIDGE.title, BRIDGE.text, link=section)))
    )
    site.once()

    assert site.explain(section)["entry"]["id"] == "1"


def test_a_link_that_two_members_share_explains_their_lead(site: Site, portal: Portal):
    shared = "https://b.example/common"
    items = [
        Item("1", BRIDGE.title, BRIDGE.text, timedelta(hours=3)),
        Item("2", BRIDGE.title, BRIDGE.text, timedelta(hours=2), shared),
        Item("3", BRIDGE.title, BRIDGE.text, timedelta(hours=1), shared),
    ]
    sites = ["https://portal.example", "https://b.example", "https://c.example"]
    site.configure(
        *(
            portal.say(f"/{n}", rss(item, site=at))
            for n, (item, at) in enumerate(zip(items, sites, strict=True))
        )
    )
    site.once()

    found = site.explain(shared)

    assert found["entry"]["id"] == "1"
    assert len(found["story"]["members"]) == 3


@pytest.mark.parametrize("sources", [1, 40])
def test_probe_stores_nothing(site: Site, portal: Portal, sources: int):
    site.configure(*(portal.say(f"/{n}", rss(BRIDGE)) for n in range(sources)))

    polls = app.probe(site.config, site.clock)

    assert [len(poll.entries) for poll in polls] == [1] * sources
    assert not (site.folder / "var").exists()


def test_sources_polled_together_are_grouped_whatever_comes_first(
    site: Site, portal: Portal
):
    """The same story id, whichever of 30 sources answers first."""
    items = [
        Item(f"g{n}", BRIDGE.title, BRIDGE.text, timedelta(minutes=60 - n))
        for n in range(30)
    ]
    urls = [
        portal.say(f"/{n}", rss(item, site=f"https://p{n}.example"))
        for n, item in enumerate(items)
    ]
    site.configure(*urls)

    report = site.once()

    assert report.stories_new == 1
    assert site.feed().entries[0].link == "https://p0.example/g0"


def test_an_edit_of_an_old_entry_keeps_its_topics(site: Site, portal: Portal):
    """What no document carries any more is not tagged again."""
    site.configure(portal.say("/rss", rss(PLAY)), extra="publish: {max_age: 10d}\n")
    site.once()
    topics = site.explain(PLAY.guid)["topics"]
    assert [topic["topic"] for topic in topics] == ["culture"]

    site.clock.moment += timedelta(days=20)
    edited = Item(PLAY.guid, "Премьера в театре отменена", PLAY.text)
    portal.say("/rss", rss(edited))
    assert site.once().entries_updated == 1

    found = site.explain(PLAY.guid)
    assert (found["entry"]["title"], found["topics"]) == (edited.title, topics)


# --- rules that changed ------------------------------------------------------------


def sport(*words: str) -> str:
    return f"  sport: {{title: Спорт, threshold: 1, words: [{', '.join(words)}]}}\n"


RACE = Item("3", "Регата на лимане", "Регата пройдёт у станицы Должанской.")
CHESS = Item("4", "Шахматы во дворе", "Шахматисты сыграли под платанами.")


def test_retag_previews_what_enters_and_leaves(site: Site, portal: Portal):
    url = portal.say("/rss", rss(RACE, CHESS))
    site.configure(url, extra=sport("шахматы"))
    site.once()
    site.configure(url, extra=sport("регата"))
    stored = (site.folder / "var/aggregator.db").read_bytes()

    found = app.retag(site.config, dry_run=True, clock=site.clock)

    (row,) = [row for row in found["topics"] if row["key"] == "sport"]
    assert (row["before"], row["after"]) == (1, 1)
    assert [story["title"] for story in row["enter"]["examples"]] == [RACE.title]
    assert [story["title"] for story in row["leave"]["examples"]] == [CHESS.title]
    assert row["enter"]["examples"][0]["id"] == site.explain("3")["story"]["id"]
    assert (found["applied"], found["entries"], found["stories_changed"]) == (
        *(False, 2, 2),
    )
    assert (site.folder / "var/aggregator.db").read_bytes() == stored


def test_retag_moves_stories_and_no_date(site: Site, portal: Portal):
    url = portal.say("/rss", rss(RACE, CHESS))
    site.configure(url, extra=sport("шахматы"))
    site.once()
    before = site.explain("3")["published"]
    site.configure(url, extra=sport("регата"))

    found = app.retag(site.config, dry_run=False, clock=site.clock)
    app.publish(site.config, site.clock)

    assert found["applied"]
    assert site.titles("sport.atom") == [RACE.title]
    after = site.explain("3")
    for unmoved in ("id", "published", "updated"):
        assert after["published"][unmoved] == before[unmoved]
    assert [score["topic"] for score in after["topics"]] == ["sport"]
    assert site.explain("4")["topics"] == []
    (entry,) = [one for one in site.feed().entries if one.title == RACE.title]
    assert {tag.term for tag in entry.tags} == {"sport", "yeysky"}


def test_retag_twice_changes_nothing(site: Site, portal: Portal):
    title = "Концерт у моря"
    items = Item("5", title, "Концерт пройдёт 12 сентября в 18:00 в Анапе."), RACE
    site.configure(
        portal.say("/rss", rss(*items)), extra=EVENTS_TOPIC + sport("регата")
    )
    site.once()

    found = app.retag(site.config, dry_run=False, clock=site.clock)

    assert (found["entries"], found["entries_changed"]) == (2, 0)
    assert found["places"] == []


def test_retag_reaches_what_was_too_old_to_be_tagged(site: Site, portal: Portal):
    old = Item("6", "Регата прошлого лета", RACE.text, age=timedelta(days=20))
    url = portal.say("/rss", rss(RACE, old))
    young = "publish: {max_age: 10d, first_sight: all}\n"
    site.configure(url, extra=sport("регата") + young)
    site.once()
    assert site.titles("sport.atom") == [RACE.title]
    kept = app.retag(site.config, dry_run=False, clock=site.clock)
    site.configure(url, extra=sport("регата") + young.replace("10d", "30d"))

    found = app.retag(site.config, dry_run=False, clock=site.clock)
    app.publish(site.config, site.clock)

    assert (kept["entries"], kept["older"], kept["entries_changed"]) == (1, 1, 0)
    assert (found["entries"], found["older"], found["entries_changed"]) == (2, 0, 1)
    assert site.titles("sport.atom") == [RACE.title, old.title]


def test_retag_keeps_what_a_source_taken_out_gave(site: Site, portal: Portal):
    url = portal.say("/rss", rss(RACE))
    site.configure(f"{url}, topics: [sport]", extra=sport("шахматы"))
    site.once()
    other = portal.say("/other", rss(CHESS))
    site.configure(other, extra=sport("шахматы"))
    config = site.folder / "feeds.yaml"
    config.write_text(config.read_text("utf-8").replace("id: s0", "id: s9"), "utf-8")

    found = app.retag(site.config, dry_run=True, clock=site.clock)

    assert found["stories_changed"] == 0


def test_a_changed_gazetteer_is_applied_too(site: Site, portal: Portal):
    url = portal.say("/rss", rss(RACE))
    site.configure(url)
    site.once()
    (site.folder / "places.yaml").write_text(
        "liman: {title: Лиман, names: [Должанская]}"
    )
    site.configure(url, extra="places: {gazetteer: places.yaml}\n")

    found = app.retag(site.config, dry_run=False, clock=site.clock)

    assert [(row["key"], row["after"]) for row in found["places"]] == [
        ("liman", 1),
        ("yeysky", 0),
    ]
    assert [place["place"] for place in site.explain("3")["places"]] == ["liman"]


def test_a_term_is_tried_on_what_was_stored_last(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(RACE, CHESS)))
    site.once()

    with app.open_store(site.config, writing=False) as store:
        found = try_term(store, site.config, read_term("шахматист"))
        none = try_term(store, site.config, read_term("{all: [регата, шахматы]}"))

    assert (found["entries"], found["matches"], found["in_title"]) == (2, 1, 0)
    assert found["forms"] == {"шахматисты": 1}
    (example,) = found["examples"]
    assert (example["title"], example["forms"]) == (CHESS.title, ["Шахматисты"])
    assert example["around"].startswith("Шахматисты сыграли")
    assert (none["term"], none["matches"]) == ("{all: [регата, шахматы]}", 0)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("театр, опера", "expected words of letters and digits"),
        ("{all: []}", "expected one of term, all and any"),
        ("{all: [а, т*]}", "--try:1:11: all.1: expected at least two letters"),
        ("{al: [а]}", "--try:1:2: al: unknown key; did you mean 'all'?"),
        ("{", "cannot be read as YAML"),
    ],
)
def test_a_term_that_is_none_is_a_fault(written, fault):
    with pytest.raises(ConfigError, match=re.escape(fault)):
        read_term(written)
