"""WebSub, the publisher's side, from end to end: real hubs, real stores, the real command."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import app, documents
from aggregator.app import wiring
from aggregator.config import load_config
from aggregator.hubs import Announcer
from aggregator.model import HubState
from aggregator.pipeline import Machine, StoreThread
from aggregator.publish import websub
from tests.hub import ask
from tests.test_subscriber import BRIDGE, CLINIC, NOW, SCHOOL, FixedClock, free_port
from tests.test_subscriber import rss as source_document

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def configure(folder, hub, *, at="/hub", more="", url="https://news.example.org/"):
    hub.say("/feed", source_document(BRIDGE))
    path = folder / "feeds.yaml"
    path.write_text(
        f"site: {{title: Новости, url: '{url}'}}\n"
        "storage: sqlite:///var/aggregator.db\n"
        "fetch: {gap: 0s, allow_private: [127.0.0.1/32]}\n"
        f"publish: {{hubs: ['{hub.site}{at}']}}\n"
        "topics: {bridges: {title: Мосты, threshold: 1, words: [мост]}}\n"
        f"{more}"
        f"sources:\n  - {{url: '{hub.site}/feed', id: portal}}\n",
        encoding="utf-8",
    )
    return load_config(path)


def feeds(config):
    """The addresses of the feeds that are published."""
    there = {path.name for path in config.output.iterdir()}
    names = there.intersection(documents.feed_names(config))
    assert {"feed.atom", "bridges.atom"} <= names
    return sorted(config.site.url + name for name in names)


# --- what is told, and when -----------------------------------------------------


def test_a_hub_is_told_of_every_feed_that_changed_and_of_nothing_else(tmp_path, hub):
    config = configure(tmp_path, hub)
    clock = FixedClock()

    app.once(config, clock=clock)

    assert sorted(hub.pinged()) == feeds(config)
    for form in hub.asked("publish"):
        assert form == {
            "hub.mode": "publish",
            "hub.topic": form["hub.topic"],
            "hub.url": form["hub.topic"],
        }

    # News that is of no topic: the topic's documents stay as they are.
    hub.forms.clear()
    hub.say("/feed", source_document(BRIDGE, SCHOOL))
    clock.moment += timedelta(hours=1)
    app.once(config, clock=clock)

    assert config.site.url + "feed.atom" in hub.pinged()
    assert config.site.url + "bridges.atom" not in hub.pinged()


def test_fifty_publishes_without_news_tell_nothing(tmp_path, hub):
    config = configure(tmp_path, hub)
    clock = FixedClock()
    app.once(config, clock=clock)
    hub.forms.clear()

    for _ in range(50):
        clock.moment += 5 * MINUTE
        app.publish(config, clock=clock)

    assert hub.forms == []


def test_a_hub_that_is_new_in_feeds_yaml_is_told_of_all(tmp_path, hub):
    clock = FixedClock()
    app.once(configure(tmp_path, hub, at="/hub/says/204"), clock=clock)
    hub.forms.clear()
    config = configure(tmp_path, hub)

    app.publish(config, clock=clock)

    assert {path for path, _ in hub.forms} == {"/hub"}
    assert sorted(hub.pinged()) == feeds(config)


def test_what_was_published_before_a_crash_is_told_after_it(tmp_path, hub):
    config = configure(tmp_path, hub)
    clock = FixedClock()
    app.once(config, clock=clock)
    hub.forms.clear()
    hub.say("/feed", source_document(CLINIC, BRIDGE))
    # As `once` does it, but for the telling.
    with app.open_store(config, writing=True, clock=clock) as store, store.lock():
        thread = StoreThread()

        async def poll():
            async with wiring.open_pipeline(config, store, clock) as pipeline:
                machine = Machine(pipeline, store.states(), thread)
                machine.submit(config.sources, insist=True)
                await machine.finish()
                await machine.close()

        asyncio.run(poll())
        thread.close()
        assert documents.publish(store, config, clock.now(), store.states())
    assert hub.forms == []

    app.once(config, clock=clock)

    assert config.site.url + "feed.atom" in hub.pinged()
    hub.forms.clear()
    app.publish(config, clock=clock)
    assert hub.forms == []


def test_run_that_is_killed_while_it_tells_tells_again(tmp_path, hub):
    config = configure(tmp_path, hub, at="/hub/hangs")
    command = [sys.executable, "-m", "aggregator", "run", "-c", str(config.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for(hub.pinged)
        process.kill()
        process.communicate()
    (first,) = hub.pinged()
    assert first == config.site.url + "feed.atom"
    hub.released.set()

    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_for(lambda: len(hub.pinged()) > 1)
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert hub.pinged()[1] == first


# --- hubs that are no good -------------------------------------------------------


def announced(config, clock, *, until: datetime, step: timedelta, change=None) -> None:
    """An announcer that is asked again and again while the clock goes on."""

    async def scenario(store):
        thread = StoreThread()
        announcer = Announcer(
            config,
            client=wiring.new_client(config),
            store=store,
            store_thread=thread,
            clock=clock,
        )
        await announcer.look()
        while clock.moment < until:
            await announcer.finish()
            clock.moment += step
            if change is not None:
                change(announcer)
            announcer.tick()
        await announcer.finish()
        await announcer.close()
        thread.close()

    with app.open_store(config, writing=True, clock=clock) as store, store.lock():
        asyncio.run(scenario(store))


@pytest.mark.parametrize(
    ("at", "least", "most"),
    [
        ("/hub/says/500", 25, 35),
        # It asks for four hours each time.
        ("/hub/is-busy", 5, 8),
        ("/hub/leads-away", 25, 35),
    ],
)
def test_a_hub_that_is_down_for_a_day_costs_few_requests(
    tmp_path, hub, at, least, most
):
    config = configure(tmp_path, hub, at=at)
    clock = FixedClock()
    app.once(config, clock=clock)

    def change(announcer):
        # A document changes all the time.
        announcer._digests = {**announcer._digests, "feed.atom": str(clock.moment)}

    announced(config, clock, until=NOW + DAY, step=MINUTE, change=change)

    assert least <= len(hub.forms) <= most


def test_a_hub_that_comes_back_is_told_of_the_newest_once(tmp_path, hub):
    config = configure(tmp_path, hub, at="/hub/refuses")
    clock = FixedClock()
    app.once(config, clock=clock)
    assert len(hub.forms) == 1
    hub.forms.clear()
    hub.repaired = True

    announced(config, clock, until=NOW + 2 * MINUTE, step=MINUTE)

    assert sorted(hub.pinged()) == feeds(config)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_refused_document_is_not_told_again_until_it_changes(
    tmp_path, hub, status, caplog
):
    config = configure(tmp_path, hub, at=f"/hub/says/{status}")
    clock = FixedClock()

    app.once(config, clock=clock)

    assert sorted(hub.pinged()) == feeds(config)
    refusals = [each for each in caplog.records if "refuses" in each.message]
    assert {each.topic for each in refusals} == set(hub.pinged())
    assert {each.levelname for each in refusals} == {"WARNING"}
    assert refusals[0].why == f"http_{status}"
    hub.forms.clear()
    announced(config, clock, until=NOW + DAY, step=60 * MINUTE)
    assert hub.forms == []


def test_a_hub_at_a_private_address_is_not_asked(tmp_path, hub, caplog):
    config = configure(tmp_path, hub)
    text = config.path.read_text("utf-8")
    text = text.replace(", allow_private: [127.0.0.1/32]", "")
    text = text.replace(f"{hub.site}/hub", f"http://localhost:{hub.port}/hub")
    text = text.replace(f"{hub.site}/feed", "https://portal.example.org/feed")
    config.path.write_text(text, encoding="utf-8")

    assert app.publish(load_config(config.path), clock=FixedClock())

    assert hub.forms == []
    assert any(
        each.__dict__.get("why", "").startswith("blocked:") for each in caplog.records
    )


def test_a_hub_that_hangs_delays_no_other(tmp_path, hub):
    config = configure(tmp_path, hub)
    text = config.path.read_text("utf-8")
    both = f"hubs: ['{hub.site}/hub/hangs', '{hub.site}/hub']"
    text = text.replace(f"hubs: ['{hub.site}/hub']", both)
    config.path.write_text(text, encoding="utf-8")
    config = load_config(config.path)
    done = threading.Thread(
        target=app.once, args=(config,), kwargs={"clock": FixedClock()}
    )

    done.start()

    wait_for(lambda: hub.fetches and sorted(t for t, _ in hub.fetches) == feeds(config))
    assert len([path for path, _ in hub.forms if path == "/hub/hangs"]) == 1
    hub.released.set()
    done.join()


# --- what follows from an answer: pure ---------------------------------------------

names = st.sampled_from(["feed.atom", "feed.rss", "a.atom", "b.json"])
digests = st.dictionaries(names, st.sampled_from("0123"))


@given(digests, st.lists(st.tuples(digests, st.booleans()), max_size=8))
def test_a_hub_that_takes_pings_ends_up_told_of_what_is_published(first, changes):
    """Whatever was lost on the way: only the last publication counts."""
    hub, published = HubState(url="https://hub.example/"), first
    for now_published, killed in changes:
        published = now_published
        if not killed:
            news = {name: published[name] for name in websub.untold(hub, published)}
            hub = websub.told(websub.without(hub, published), news)
    news = {name: published[name] for name in websub.untold(hub, published)}

    hub = websub.told(websub.without(hub, published), news)

    assert hub.told == published
    assert websub.untold(hub, published) == []


def test_a_rest_that_a_jumping_clock_made_endless_ends_at_once():
    hub = websub.put_off(HubState(url="https://hub.example/"), None, NOW + 400 * DAY)

    assert not websub.rests(hub, NOW)


# --- from a source to the last subscriber ------------------------------------------


@dataclass
class Reader:
    """A subscriber of our documents, as portals have them."""

    address: str = ""
    #: (monotonic time, body, headers) of deliveries that were signed well.
    deliveries: list[tuple[float, str, dict[str, str]]] = field(default_factory=list)
    forged: int = 0
    secret: str = "s" * 40

    def subscribe(self, hub, topic: str) -> None:
        form = {
            "hub.mode": "subscribe",
            "hub.topic": topic,
            "hub.callback": self.address,
            "hub.secret": self.secret,
        }
        assert ask(f"{hub.site}/hub", urlencode(form).encode())[0] == 202
        wait_for(lambda: self.address in hub.subscribers)

    def has(self, title: str) -> float | None:
        """When a delivery first held this title; None: not yet."""
        return next((at for at, body, _ in self.deliveries if title in body), None)


@contextmanager
def reading():
    reader = Reader()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = parse_qs(urlsplit(self.path).query)
            self._say(200, question["hub.challenge"][0].encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            digest = hmac.new(reader.secret.encode(), body, hashlib.sha256).hexdigest()
            if self.headers["X-Hub-Signature"] == f"sha256={digest}":
                came = time.monotonic(), body.decode(), dict(self.headers)
                reader.deliveries.append(came)
            else:
                reader.forged += 1
            self._say(202, b"")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    reader.address = f"http://127.0.0.1:{server.server_address[1]}/callback"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield reader
    server.shutdown()
    server.server_close()


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("method", "titles"),
    [
        ("sha256", [SCHOOL, CLINIC, SCHOOL + " снова"]),
        # What the largest hubs sign with: the source is polled at once.
        ("sha1", [SCHOOL]),
    ],
)
def test_what_a_source_pushes_reaches_a_subscriber_within_two_seconds(
    tmp_path, hub, method, titles
):
    """Source, its hub, our callback, store, documents, our hub, subscriber; as configured by default."""
    port, now = free_port(), datetime.now(UTC)
    address = f"http://127.0.0.1:{port}/"
    serve = f"serve: {{port: {port}, public_url: '{address}'}}\n"
    config = configure(tmp_path, hub, more=serve, url=address)
    topic, feed = f"{address}feed.atom", f"{hub.site}/feed"
    assert config.publish.interval == timedelta(seconds=60)
    source = {"hub": f"{hub.site}/hub", "topic": feed, "when": now}
    hub.say("/feed", source_document(BRIDGE, **source))
    command = [sys.executable, "-m", "aggregator", "run", "-c", str(config.path)]

    with reading() as reader, subprocess.Popen(command, stderr=subprocess.PIPE) as run:
        try:
            reader.subscribe(hub, topic)
            # Polled: it comes with the first publication.
            wait_for(lambda: reader.has(BRIDGE))
            wait_for(
                lambda: any(wanted == feed for wanted, _ in hub.subscribers.values())
            )
            took = []
            for title in titles:
                document = source_document(title, **source)
                hub.say("/feed", document)
                pushed = time.monotonic()
                assert hub.publish(document, topic=feed, method=method) == [202]
                took.append(wait_for(lambda title=title: reader.has(title)) - pushed)
        finally:
            run.send_signal(signal.SIGTERM)
            log = run.communicate(timeout=20)[1].decode()

    assert run.returncode == 0, log
    assert "Traceback" not in log
    assert max(took) < 2, took
    assert reader.forged == 0
    headers = reader.deliveries[-1][2]
    assert headers["Link"] == f'<{hub.site}/hub>; rel="hub", <{topic}>; rel="self"'
    assert headers["Content-Type"].startswith("application/atom+xml")
