"""When nobody answers it is this machine that is offline, and no source has failed."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aggregator.model import Failed, SourceError, SourceState
from aggregator.outage import (
    RETURN,
    Verdict,
    after_return,
    scouts,
    verdict,
    was_answered,
    whose_minute,
)
from aggregator.pipeline import Machine, StoreThread
from aggregator.store import Store
from tests.test_app import BRIDGE, FixedClock, Site, rss
from tests.test_pipeline import Steps, committed, sources

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# --- the verdict


@pytest.mark.parametrize(
    ("code", "answered", "expected"),
    [
        ("dns", False, False),
        ("connect", False, False),
        ("timeout", False, False),
        ("timeout", True, True),  # a document that drips
        ("dns", True, True),  # behind a redirect
        ("tls", False, True),
        ("http_500", True, True),
    ],
)
def test_whose_errors_can_be_ours(code, answered, expected):
    error = SourceError(code=code, message="")

    assert was_answered(Failed(error=error, fetched_at=NOW, answered=answered)) is (
        expected
    )


@pytest.mark.parametrize(
    ("hosts", "minutes", "nothing_left", "expected"),
    [
        (3, 0, True, Verdict.US),
        (3, 0, False, Verdict.OPEN),
        (3, 2, False, Verdict.US),
        (3, -60, False, Verdict.US),  # the clock was set back
        (2, 0, True, Verdict.THEM),
        (2, 9, False, Verdict.OPEN),
    ],
)
def test_three_hosts_that_do_not_answer_are_us(hosts, minutes, nothing_left, expected):
    assert verdict(hosts, minutes * MINUTE, nothing_left=nothing_left) is expected


def test_who_answers_best_is_asked_first_and_each_has_its_minute():
    every = sources(4)
    failing = SourceState(id="s0")
    states = {
        "s0": after_error(failing),
        "s1": SourceState(id="s1", next_poll=NOW + 2 * MINUTE),
        "s2": SourceState(id="s2", next_poll=NOW + MINUTE),
        "s3": SourceState(id="s3", next_poll=NOW, retry_at=NOW + MINUTE),
    }

    found = scouts(every, states, NOW)

    assert [one.id for one in found] == ["s2", "s1", "s0"]
    asked = [
        one for n in range(-1, 4) for one in whose_minute(found, NOW, NOW + n * MINUTE)
    ]
    assert [one.id for one in asked] == ["s0", "s2", "s1", "s0", "s2"]


def after_error(state: SourceState) -> SourceState:
    from aggregator.scheduler import after_failure

    error = SourceError(code="http_500", message="")
    return after_failure(state, sources(1)[0], error, now=NOW, jitter=0)


def test_the_round_starts_again_within_a_quarter_of_an_hour():
    overdue = SourceState(id="a", last_poll=NOW - RETURN, next_poll=NOW - MINUTE)
    ahead = SourceState(id="b", last_poll=NOW - RETURN, next_poll=NOW + MINUTE)
    new = SourceState(id="c")

    (spread,) = after_return([overdue, ahead, new], NOW, lambda: 0.5)

    assert (spread.id, spread.next_poll) == ("a", NOW + RETURN / 2)


# --- the machine


def machine_run(steps: Steps, story) -> Machine:
    async def play() -> Machine:
        thread = StoreThread()
        machine = Machine(steps, {}, thread)
        async with asyncio.timeout(20):
            await story(machine)
        await machine.close()
        thread.close()
        return machine

    return asyncio.run(play())


async def tick(machine: Machine, every, *, ended: bool = False) -> None:
    machine.submit_due(every)
    await machine.those_in_flight()
    await machine.judge(every, ended=ended)
    await machine.finish()


def test_one_answer_means_the_others_have_failed():
    every = sources(6)
    steps = Steps(silent={"s0", "s1", "s2", "s3"}, broken={"s4"})

    async def story(machine: Machine) -> None:
        await tick(machine, every, ended=True)

    machine = machine_run(steps, story)

    assert (machine.offline_since, steps.outage) == (None, None)
    assert committed(steps) == {one.id for one in every}


def test_offline_one_source_a_minute_is_asked_and_none_has_failed():
    every = sources(5)
    steps = Steps(silent={one.id for one in every})
    polls = []

    async def story(machine: Machine) -> None:
        for _ in range(181):  # three minutes of ticks
            await tick(machine, every)
            polls.append(steps.in_flight)
            steps.clock += timedelta(seconds=1)

    machine = machine_run(steps, story)

    assert machine.offline_since == steps.outage == NOW
    assert [polls[second] for second in (0, 59, 60, 119, 120, 179, 180)] == (
        [5, 5, 6, 6, 7, 7, 8]
    )
    assert (steps.batches, machine.totals.failed) == ([], 8)


def test_after_the_first_answer_all_that_is_overdue_follows():
    every = sources(5)
    steps = Steps(silent={one.id for one in every})

    async def story(machine: Machine) -> None:
        machine.states = {
            one.id: SourceState(id=one.id, last_poll=NOW - MINUTE, next_poll=NOW)
            for one in every
        }
        await tick(machine, every)
        steps.silent.clear()
        steps.clock += MINUTE
        await tick(machine, every)  # one is asked, and answers
        assert (machine.offline_since, steps.outage) == (None, None)
        assert len(committed(steps)) == 1
        steps.clock += RETURN
        await tick(machine, every)

    machine_run(steps, story)

    assert committed(steps) == {one.id for one in every}


def test_when_few_are_due_others_are_asked_whether_anybody_answers():
    """One dead source among many that are seldom polled is no outage, nor missed."""
    every = sources(5)
    quiet = {
        one.id: SourceState(
            id=one.id, last_poll=NOW, next_poll=NOW + timedelta(hours=6)
        )
        for one in every[1:]
    }

    def polled(silent: set[str]) -> tuple[Machine, Steps]:
        steps = Steps(silent=silent)

        async def story(machine: Machine) -> None:
            machine.states = dict(quiet)
            for _ in range(90):
                await tick(machine, every)
                steps.clock += timedelta(seconds=1)

        return machine_run(steps, story), steps

    dead, its_steps = polled({"s0"})
    us, our_steps = polled({one.id for one in every})

    assert (dead.offline_since, committed(its_steps)) == (None, {"s0", "s1"})
    assert us.offline_since == NOW
    assert not our_steps.batches


def test_two_hosts_that_are_silent_have_failed():
    every = sources(2)
    steps = Steps(silent={"s0", "s1"})

    async def story(machine: Machine) -> None:
        await tick(machine, every)

    machine = machine_run(steps, story)

    assert machine.offline_since is None
    assert committed(steps) == {"s0", "s1"}


def test_offline_ends_when_feeds_yaml_becomes_too_short_to_tell():
    every = sources(3)
    steps = Steps(silent={one.id for one in every})

    async def story(machine: Machine) -> None:
        await tick(machine, every)
        assert machine.offline_since
        steps.clock += MINUTE
        await tick(machine, every[:1])

    machine = machine_run(steps, story)

    assert machine.offline_since is None
    assert committed(steps) == {"s0"}


# --- the whole program


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, FixedClock())


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = rss(BRIDGE).encode()
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def network(port: int = 0):
    """Every address 127.0.0.N answers; the port is free again afterwards."""
    with ThreadingHTTPServer(("0.0.0.0", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_an_outage_counts_for_no_source_and_survives_the_process(site: Site):
    with network() as port:
        urls = [f"http://127.0.0.{n}:{port}/rss" for n in (1, 2, 3)]
        site.configure(*urls, f"http://127.0.0.1:{port}/gone")
        site.once()
        before, documents = site.status(), site.documents()
    site.clock.moment += timedelta(hours=1)

    reports = [site.once(), site.once(everything=False)]

    offline = site.status()
    assert [(one.sources, one.failed) for one in reports] == [(4, 4), (1, 1)]
    assert {row["state"] for row in offline.values()} == {"offline"}
    for id_, row in offline.items():
        assert row["error"] == before[id_]["error"]
        assert row["next_poll_reason"].startswith("backoff: no source answers")
    assert site.documents() == documents

    with network(port):
        # One is asked, then all that is due.
        assert site.once(everything=False).sources == 4
    after = site.status()
    assert [after[f"s{n}"]["state"] for n in range(4)] == ["ok", "ok", "ok", "failing"]
    assert after["s3"]["error"]["count"] == 2


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aggregator.db"
    return request.getfixturevalue("postgres")


def test_an_outage_is_stored_with_the_states_that_it_left(url):
    with closing(Store.open(url, writing=True)) as store:
        store.sync_sources(sources(2))
        assert store.offline_since() is None
        store.save_outage(NOW)
        store.save_outage(NOW + MINUTE)
        assert store.offline_since() == NOW + MINUTE
    with closing(Store.open(url, writing=False)) as store:
        assert store.offline_since() == NOW + MINUTE
    with closing(Store.open(url, writing=True)) as store:
        state = SourceState(id="s1", last_poll=NOW, next_poll=NOW + RETURN)
        store.save_outage(None, [state])

        assert store.offline_since() is None
        assert store.states()["s1"] == state
