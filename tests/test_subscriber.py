"""Subscriptions from end to end: a real hub, a real web server, real stores."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from aggregator import app
from aggregator.app import wiring
from aggregator.config import load_config
from aggregator.fetch import websub
from aggregator.pipeline import Machine, StoreThread
from aggregator.scheduler import due
from aggregator.serve.server import serving
from aggregator.subscriber import Subscriber
from tests.hub import Hub, ask

NOW = datetime(2026, 9, 1, 10, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class FixedClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


def rss(
    *titles: str, hub: str | None = None, topic: str | None = None, when: datetime = NOW
) -> str:
    """An RSS document whose guids are its titles."""
    links = "".join(
        f'<atom:link rel="{rel}" href="{href}"/>'
        for rel, href in (("hub", hub), ("self", topic))
        if href
    )
    items = "".join(
        f"<item><guid isPermaLink='false'>{title}</guid><title>{title}</title>"
        f"<link>https://portal.example/{number}-{len(title)}</link>"
        f"<description>{title}: подробности к вечеру, сообщили в администрации.</description>"
        f"<pubDate>{format_datetime(when - HOUR)}</pubDate></item>"
        for number, title in enumerate(titles)
    )
    return (
        "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'>"
        f"<channel><title>Портал</title>{links}{items}</channel></rss>"
    )


BRIDGE, SCHOOL, CLINIC = (
    "Мост открыли",
    "Школу построили",
    "Поликлинику отремонтировали",
)


@dataclass
class Rig:
    """An aggregator's running parts, at the clock's time."""

    config: object
    store: object
    machine: Machine
    subscriber: Subscriber
    clock: FixedClock
    address: str

    async def poll(self, *, insist: bool = True) -> list[str]:
        """One tick; ids of what was due (or all)."""
        sources = self.config.sources
        if not insist:
            sources = due(sources, self.machine.states, self.clock.now())
        self.machine.submit(sources, insist=insist)
        await self.machine.finish()
        return [source.id for source in sources]

    async def subscribe(self, hub: Hub) -> None:
        await self.poll()
        self.subscriber.tick()
        await until(lambda: hub.subscribers)

    async def publish(self, hub: Hub, *arguments, **named) -> list[int]:
        statuses = await asyncio.to_thread(hub.publish, *arguments, **named)
        await self.machine.finish()
        return statuses

    def state(self):
        return self.machine.states["portal"]

    def stored(self) -> int:
        return self.store.summary(self.clock.now()).sources["portal"].entries


async def until(condition, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of other threads too
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configure(folder: Path, feed: str, *, serve: str = "", storage: str = "") -> Path:
    path = folder / "feeds.yaml"
    path.write_text(
        "site: {title: Новости, url: https://news.example.org/}\n"
        f"storage: {storage or 'sqlite:///var/aggregator.db'}\n"
        # One address alone: the others are where nobody may go.
        "fetch: {gap: 0s, allow_private: [127.0.0.1/32]}\n"
        "publish: {interval: 1s}\n"
        f"{serve}"
        f"sources:\n  - {{url: {feed}, id: portal, max_bytes: 1MB}}\n",
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def rig(
    folder: Path, feed: str, clock: FixedClock, storage: str = "", port: int = 0
):
    config = load_config(configure(folder, feed, storage=storage))
    port = port or free_port()
    with app.open_store(config, writing=True, clock=clock) as store, store.lock():
        wiring.sync(store, config)
        thread = StoreThread()
        async with wiring.open_pipeline(config, store, clock) as pipeline:
            machine = Machine(pipeline, store.states(), thread)
            subscriber = Subscriber(
                config,
                store.subscriptions(),
                callbacks=f"http://127.0.0.1:{port}/websub/",
                client=wiring.new_client(config),
                machine=machine,
                store=store,
                store_thread=thread,
                clock=clock,
            )
            folder.joinpath("output").mkdir(exist_ok=True)
            async with serving(
                folder / "output", host="127.0.0.1", port=port, subscriber=subscriber
            ) as address:
                yield Rig(config, store, machine, subscriber, clock, address)
            await subscriber.close()
            await machine.close()
        thread.close()


def with_rig(folder: Path, feed: str, scenario, clock: FixedClock | None = None, **kw):
    async def main():
        async with rig(folder, feed, clock or FixedClock(), **kw) as running:
            return await scenario(running)

    return asyncio.run(main())


def feed_of(hub: Hub, *titles: str, at: str = "/hub") -> str:
    """The source's document, which names a hub; its address."""
    url = hub.site + "/feed"
    return hub.say("/feed", rss(*titles, hub=hub.site + at, topic=url))


# --- subscribing --------------------------------------------------------------------


@pytest.mark.parametrize("headers", [True, False])
def test_a_source_that_names_a_hub_is_subscribed_to(tmp_path, hub, headers):
    feed = hub.site + "/feed"
    if headers:
        # They come first, whatever the document says.
        hub.say(
            "/feed",
            rss(BRIDGE, hub="http://127.0.0.1:9/", topic=hub.site + "/other"),
            Link=f'</hub>; rel="hub", <{feed}>; rel=self',
        )
    else:
        feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)

    with_rig(tmp_path, feed, scenario)

    (form,) = hub.asked("subscribe")
    assert form["hub.topic"] == feed
    assert form["hub.lease_seconds"] == "864000"
    assert 20 <= len(form["hub.secret"]) <= 200
    token = form["hub.callback"].rpartition("/websub/")[2]
    assert len(token) >= 22
    assert hub.verifications == [200]


def test_nothing_is_confirmed_that_was_not_asked(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        (form,) = hub.asked("subscribe")
        wrong = [
            form | {"hub.topic": form["hub.topic"] + "2"},
            form | {"hub.mode": "unsubscribe"},
            form | {"hub.mode": "invented"},
            form | {"hub.callback": form["hub.callback"] + "x"},
            form | {"hub.callback": running.address + "websub/"},
        ]
        for each in wrong:
            assert await asyncio.to_thread(hub.verify, each) == 404
        running.clock.moment += 2 * HOUR
        assert await asyncio.to_thread(hub.verify, form) == 404

    with_rig(tmp_path, feed, scenario)


@pytest.mark.parametrize(
    ("at", "requests"),
    [
        ("/hub/leads-away", 1),
        ("/hub/turns", websub.MAX_REDIRECTS + 1),
        ("/hub/refuses", 1),
        ("/hub/denies", 1),
    ],
)
def test_a_hub_that_is_no_good_is_asked_less_and_less(tmp_path, hub, at, requests):
    feed = feed_of(hub, BRIDGE, at=at)

    async def scenario(running):
        await running.poll()
        for hours in range(50):
            running.clock.moment = NOW + hours * HOUR
            running.subscriber.tick()
            await until(lambda: not running.subscriber._asking._tasks)
            if at.endswith("denies"):
                await until(lambda: len(hub.verifications) == len(hub.forms))

    with_rig(tmp_path, feed, scenario)

    denied = at.endswith("denies")
    # At 0, 1, 3, 7, 15, 31 and 55 hours; who denies, at 0, 24 and 48.
    assert len(hub.forms) == (3 if denied else 6 * requests)
    assert not hub.subscribers
    if denied:
        assert set(hub.verifications) == {200}


def test_a_hub_that_asks_for_peace_has_it(tmp_path, hub):
    feed = feed_of(hub, BRIDGE, at="/hub/is-busy")
    asked = []

    async def scenario(running):
        await running.poll()
        for hours in range(6):
            running.clock.moment = NOW + hours * HOUR
            running.subscriber.tick()
            await until(lambda: not running.subscriber._asking._tasks)
            asked.append(len(hub.forms))

    with_rig(tmp_path, feed, scenario)

    assert asked == [1, 1, 1, 1, 2, 2]


def test_a_hub_behind_a_redirect_gets_the_same_request(tmp_path, hub):
    feed = feed_of(hub, BRIDGE, at="/hub/redirects")

    async def scenario(running):
        await running.subscribe(hub)

    with_rig(tmp_path, feed, scenario)

    (first_path, first), (path, second) = hub.forms
    assert (first_path, path) == ("/hub/redirects", "/hub")
    assert first == second


def test_hubs_where_nobody_may_go_are_not_contacted(tmp_path, hub):
    with socket.create_server(("127.66.6.6", 0)) as trap:
        trap.setblocking(False)
        away = f"http://127.66.6.6:{trap.getsockname()[1]}/hub"
        feed = hub.say("/feed", rss(BRIDGE, hub=away, topic=hub.site + "/feed"))

        async def scenario(running):
            await running.poll()
            running.subscriber.tick()
            await until(lambda: not running.subscriber._asking._tasks)

        with_rig(tmp_path, feed, scenario)

        with pytest.raises(BlockingIOError):
            trap.accept()


def test_a_hub_that_hangs_delays_no_poll_and_the_next_one_is_tried(tmp_path, hub):
    feed = hub.site + "/feed"
    two = f'</hub/hangs>; rel="hub", </hub>; rel="hub", <{feed}>; rel="self"'
    hub.say("/feed", rss(BRIDGE), Link=two)

    async def scenario(running):
        await running.poll()
        running.subscriber.tick()
        await until(lambda: hub.forms)
        async with asyncio.timeout(5):
            await running.poll()
        running.clock.moment += HOUR
        running.subscriber.tick()
        await until(lambda: hub.subscribers)

    with_rig(tmp_path, feed, scenario)

    assert [path for path, _ in hub.forms] == ["/hub/hangs", "/hub"]
    assert len({form["hub.secret"] for _, form in hub.forms}) == 2


# --- pushes -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sha256", "sha384", "sha512"])
def test_what_is_signed_well_is_read_like_a_poll(tmp_path, hub, method):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        before = running.state()
        running.clock.moment += HOUR
        polls = len(hub.polls)

        statuses = await running.publish(hub, rss(SCHOOL), method=method)

        assert statuses == [202]
        assert running.stored() == 2
        state = running.state()
        # A push may hold the news alone: of the document itself it says nothing.
        assert (state.body_hash, state.validators, state.last_poll) == (
            before.body_hash,
            before.validators,
            before.last_poll,
        )
        assert state.last_new_entry == running.clock.now()
        assert state.next_poll_reason.startswith("websub: ")
        assert len(hub.polls) == polls
        # The same again is nothing new.
        assert await running.publish(hub, rss(SCHOOL), method=method) == [202]
        assert running.stored() == 2

    with_rig(tmp_path, feed, scenario)


def test_a_push_may_be_compressed(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        body = gzip.compress(rss(SCHOOL).encode())

        await running.publish(hub, body, Content_Encoding="gzip")

        assert running.stored() == 2

    with_rig(tmp_path, feed, scenario)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=" + "0" * 64,
        "sha256",
        "sha256=привет",
        "md5=" + hashlib.md5(b"").hexdigest(),
        "=",
        "sha1=" + "0" * 40,
    ],
)
def test_what_is_not_signed_well_changes_nothing(tmp_path, hub, signature):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        before, polls = running.state(), len(hub.polls)
        sent = signature.encode().decode("latin-1")

        assert await running.publish(hub, rss(SCHOOL), signature=sent) == [202]

        assert running.state() == before
        assert running.stored() == 1
        assert await running.poll(insist=False) == []
        assert len(hub.polls) == polls

    with_rig(tmp_path, feed, scenario)


def test_sha1_has_the_source_polled_at_once_and_once_a_minute(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.clock.moment += timedelta(seconds=5)
        feed_of(hub, SCHOOL, BRIDGE)

        assert await running.publish(hub, rss(CLINIC), method="sha1") == [202]

        assert running.stored() == 1
        assert await running.poll(insist=False) == ["portal"]
        assert running.stored() == 2
        # What it brought proves that the hub says when there is news.
        assert running.state().next_poll_reason.startswith("websub: ")
        for _ in range(3):
            assert await running.publish(hub, rss(CLINIC), method="sha1") == [202]
            assert await running.poll(insist=False) == []
            running.clock.moment += timedelta(seconds=15)
        running.clock.moment += timedelta(seconds=15)
        assert await running.poll(insist=False) == ["portal"]
        assert await running.poll(insist=False) == []

    with_rig(tmp_path, feed, scenario)


def test_word_of_news_that_a_poll_does_not_find_slows_nothing(tmp_path, hub):
    """A cache may still have the old document: the news must not wait for a day."""
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.clock.moment += timedelta(minutes=5)
        await running.publish(hub, rss(SCHOOL), method="sha1")

        assert await running.poll(insist=False) == ["portal"]

        state = running.state()
        assert not state.next_poll_reason.startswith("websub: ")
        assert state.next_poll <= running.clock.now() + HOUR

    with_rig(tmp_path, feed, scenario)


def test_a_push_that_is_no_document_has_the_source_polled(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.clock.moment += timedelta(minutes=5)

        await running.publish(hub, "{}")

        assert running.state().error is None
        assert await running.poll(insist=False) == ["portal"]

    with_rig(tmp_path, feed, scenario)


def test_pushes_over_the_limit_and_to_nobody_are_refused(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)

        assert await running.publish(hub, b"x" * 1_000_001) == [413]
        callback = next(iter(hub.subscribers))
        hub.subscribers = {callback[:-1]: hub.subscribers[callback]}
        assert await running.publish(hub, rss(SCHOOL)) == [410]
        status, _ = await asyncio.to_thread(ask, f"{running.address}websub/a/b")
        assert status == 404

    with_rig(tmp_path, feed, scenario)


def test_a_push_while_the_source_is_polled_waits_for_it(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.machine.submit(running.config.sources, insist=True)
        for title in (SCHOOL, CLINIC):
            await asyncio.to_thread(hub.publish, rss(title))
        await until(lambda: not running.machine._busy)

        assert running.stored() == 3
        assert running.state().pushes is not None

    with_rig(tmp_path, feed, scenario)


def test_a_hub_that_pushes_more_than_is_read_has_its_source_polled(
    tmp_path, hub, monkeypatch
):
    monkeypatch.setattr("aggregator.pipeline.PUSHED_BYTES", 150_000)
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.clock.moment += HOUR
        for _ in range(3):
            await asyncio.to_thread(hub.publish, rss(SCHOOL))
        await until(lambda: not running.machine._busy)

        assert running.machine._pushed_bytes == 0
        assert running.state().pushes is not None

    with_rig(tmp_path, feed, scenario)


# --- polling meanwhile --------------------------------------------------------------


def test_polling_slows_while_pushes_come_and_returns_when_they_stop(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        titles = [BRIDGE]
        for number in range(12):
            running.clock.moment += 4 * HOUR
            titles.insert(0, f"Новость {number} часа дня")
            feed_of(hub, *titles)
            await running.publish(hub, rss(titles[0]))
            await running.poll(insist=False)
        polls = len(hub.polls)
        # 48 hours, and a cross-check a day.
        assert polls <= 4
        assert running.state().next_poll_reason.startswith("websub: ")
        # Twice the usual gap later nothing has come.
        running.clock.moment += 9 * HOUR
        assert await running.poll(insist=False) == ["portal"]
        assert not running.state().next_poll_reason.startswith("websub: ")
        assert running.state().pushes is None

    with_rig(tmp_path, feed, scenario)


def test_news_that_no_push_brought_end_the_trust(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        running.clock.moment += 13 * HOUR
        await running.publish(hub, rss(SCHOOL))
        feed_of(hub, CLINIC, SCHOOL, BRIDGE)
        running.clock.moment += 6 * HOUR
        assert await running.poll(insist=False) == []
        running.clock.moment += 6 * HOUR

        assert await running.poll(insist=False) == ["portal"]

        assert running.stored() == 3
        assert running.state().pushes is None
        assert not running.state().next_poll_reason.startswith("websub: ")
        # Until the next one proves them again.
        await running.publish(hub, rss(BRIDGE + " снова"))
        assert running.state().next_poll_reason.startswith("websub: ")

    with_rig(tmp_path, feed, scenario)


# --- leases, changes, restarts ------------------------------------------------------


def test_a_lease_is_renewed_at_another_callback_before_it_ends(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)
    hub.lease = 9 * 86_400

    async def scenario(running):
        await running.subscribe(hub)
        (old,) = hub.subscribers
        running.clock.moment += 5 * DAY
        running.subscriber.tick()
        assert len(hub.asked("subscribe")) == 1
        running.clock.moment += 2 * DAY
        running.subscriber.tick()
        await until(lambda: len(hub.subscribers) == 2)
        # Both are good until the hub has heard that the old one is not wanted.
        assert await running.publish(hub, rss(SCHOOL)) == [202, 202]
        running.subscriber.tick()
        await until(lambda: len(hub.subscribers) == 1)
        (new,) = hub.subscribers
        assert new != old
        assert await running.publish(hub, rss(CLINIC)) == [202]
        assert running.stored() == 3

    with_rig(tmp_path, feed, scenario)

    first, second = hub.asked("subscribe")
    assert first["hub.secret"] != second["hub.secret"]
    assert [form["hub.callback"] for form in hub.asked("unsubscribe")] == [
        first["hub.callback"]
    ]


def test_a_lease_that_ran_out_is_no_subscription(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)
    hub.lease = 60

    async def scenario(running):
        await running.subscribe(hub)
        await running.publish(hub, rss(SCHOOL))
        running.clock.moment += timedelta(minutes=2)
        running.subscriber.tick()
        assert (
            len(hub.forms) == 1
        )  # a hub that grants a minute is not asked each minute
        assert await running.publish(hub, rss(CLINIC)) == [410]
        running.clock.moment += timedelta(minutes=20)
        assert await running.poll(insist=False) == ["portal"]
        assert not running.state().next_poll_reason.startswith("websub: ")
        running.clock.moment += HOUR
        running.subscriber.tick()
        await until(lambda: len(hub.verifications) == 2)

    with_rig(tmp_path, feed, scenario)


def test_a_hub_that_changes_its_mind_is_believed(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        await running.publish(hub, rss(SCHOOL))
        (form,) = hub.asked("subscribe")

        assert await asyncio.to_thread(hub.deny, form) == 200

        assert running.state().pushes is None
        assert await running.publish(hub, rss(CLINIC)) == [410]
        running.subscriber.tick()
        assert len(hub.forms) == 1

    with_rig(tmp_path, feed, scenario)


@pytest.mark.parametrize("change", ["removed", "disabled", "topic", "no hub"])
def test_what_is_no_longer_wanted_is_ended(tmp_path, hub, change):
    feed = feed_of(hub, BRIDGE)

    async def scenario(running):
        await running.subscribe(hub)
        if change in ("removed", "disabled"):
            text = configure(tmp_path, feed).read_text("utf-8")
            if change == "removed":
                text = text.replace("id: portal", "id: other").replace("/feed,", "/no,")
            else:
                text = text.replace("id: portal", "id: portal, enabled: false")
            running.config.path.write_text(text, encoding="utf-8")
            config = load_config(running.config.path)
            running.subscriber.configure(config, wiring.new_client(config))
        elif change == "topic":
            hub.say("/feed", rss(SCHOOL, hub=hub.site + "/hub", topic=feed + "?new"))
            await running.poll()
        else:
            hub.say("/feed", rss(SCHOOL))
            await running.poll()
        running.subscriber.tick()
        expected = {"topic": {feed + "?new"}}.get(change, set())
        await until(
            lambda: {topic for topic, _ in hub.subscribers.values()} == expected
        )

    with_rig(tmp_path, feed, scenario)

    (form,) = hub.asked("unsubscribe")
    assert form["hub.topic"] == feed
    assert "hub.secret" not in form


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_subscriptions_outlive_the_program(tmp_path, hub, database, request):
    storage = request.getfixturevalue("postgres") if database == "postgres" else ""
    feed = feed_of(hub, BRIDGE)
    clock = FixedClock()

    async def first(running):
        await running.subscribe(hub)
        await running.publish(hub, rss(SCHOOL))
        return running.state().pushes, running.subscriber._held

    async def second(running):
        assert running.state().pushes == pushes
        assert running.subscriber._held == held
        running.subscriber.tick()
        assert len(hub.forms) == 1
        assert await running.publish(hub, rss(CLINIC)) == [202]
        assert running.stored() == 3

    port = free_port()
    pushes, held = with_rig(tmp_path, feed, first, clock, storage=storage, port=port)
    assert pushes is not None
    with_rig(tmp_path, feed, second, clock, storage=storage, port=port)


def test_once_subscribes_to_nothing_and_polls_as_ever(tmp_path, hub):
    feed = feed_of(hub, BRIDGE)
    clock = FixedClock()

    async def scenario(running):
        await running.subscribe(hub)
        await running.publish(hub, rss(SCHOOL))

    with_rig(tmp_path, feed, scenario, clock)
    hub.forms.clear()
    clock.moment += HOUR
    serve = "serve: {public_url: https://news.example.org/}\n"
    config = load_config(configure(tmp_path, feed, serve=serve))

    report = app.once(config, clock=clock)

    assert report.sources == 1
    assert hub.forms == []


# --- the whole program --------------------------------------------------------------


def test_what_is_pushed_to_run_is_published_soon(tmp_path, hub):
    """The real command: subscribed, pushed, published, ended, started again."""
    feed = hub.site + "/feed"
    now = datetime.now(UTC)
    hub.say("/feed", rss(BRIDGE, hub=hub.site + "/hub", topic=feed, when=now))
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    serve = f"serve: {{port: {port}, public_url: '{address}'}}\n"
    path = configure(tmp_path, feed, serve=serve)
    command = [sys.executable, "-m", "aggregator", "run", "-c", str(path)]

    def wait_for(condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)

    def published(title):
        document = tmp_path / "output" / "feed.atom"
        return document.exists() and title in document.read_text("utf-8")

    for title in (SCHOOL, CLINIC):
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            try:
                wait_for(lambda: hub.subscribers)
                wait_for(lambda: published(BRIDGE))
                wait_for(lambda: ask(address)[0] == 200)
                assert hub.publish(rss(title, when=now)) == [202]
                wait_for(lambda title=title: published(title))
                question = {"hub.mode": "subscribe", "hub.topic": feed}
                question |= {"hub.challenge": "x"}
                made_up = f"{address}websub/{'a' * 22}?{urlencode(question)}"
                assert ask(made_up)[0] == 404
            finally:
                process.send_signal(signal.SIGTERM)
                log = process.communicate(timeout=20)[1].decode()
            assert process.returncode == 0, log
            assert "Traceback" not in log

    assert len(hub.asked("subscribe")) == 1
    assert hub.asked("subscribe")[0]["hub.secret"] not in log
    assert hub.asked("subscribe")[0]["hub.callback"].startswith(address + "websub/")
