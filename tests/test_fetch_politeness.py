"""Laws of politeness, in virtual time."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch import GaveWay, Politeness
from aggregator.links import registrable_domain
from tests.examples import examples


@dataclass
class VirtualTime:
    """Passes only when everybody sleeps."""

    now: float = 0.0
    sleepers: list = field(default_factory=list)
    numbers: count = field(default_factory=count)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        at = self.now + seconds
        heapq.heappush(self.sleepers, (at, next(self.numbers), woken))
        await woken

    async def pass_until(self, tasks) -> None:
        while not all(task.done() for task in tasks):
            for _ in range(30):  # let everybody go as far as they can
                await asyncio.sleep(0)
            if self.sleepers:
                self.now, _, woken = heapq.heappop(self.sleepers)
                if not woken.done():
                    woken.set_result(None)


@dataclass(frozen=True)
class Visit:
    host: str
    number: int
    start: float
    end: float


def visit_all(jobs, *, concurrency=64, per_host=2, gap=0.0) -> list[Visit]:
    """Runs (host, duration) jobs, all asked for at once; gives them by start."""
    visits: list[Visit] = []

    async def run():
        time = VirtualTime()
        politeness = Politeness(
            concurrency=concurrency,
            per_host=per_host,
            gap=timedelta(seconds=gap),
            monotonic=time.monotonic,
            sleep=time.sleep,
        )

        async def visit(number, host, duration):
            async with politeness.turn(f"http://{host}/feed/{number}"):
                start = time.now
                await time.sleep(duration)
                visits.append(Visit(host, number, start, time.now))

        tasks = [
            asyncio.create_task(visit(number, host, duration))
            for number, (host, duration) in enumerate(jobs)
        ]
        await time.pass_until(tasks)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    return sorted(visits, key=lambda visit: visit.start)


def most_at_once(visits) -> int:
    changes = [(v.start, 1) for v in visits] + [(v.end, -1) for v in visits]
    here = most = 0
    for _, change in sorted(changes):  # ends before starts of the same moment
        here += change
        most = max(most, here)
    return most


HOSTS = ["a.example.ru", "b.example.ru", "kub.ru:8080", "kub.ru", "127.0.0.1", "::1"]
job = st.tuples(
    st.sampled_from([f"[{h}]" if h == "::1" else h for h in HOSTS]),
    st.integers(1, 40).map(lambda tenths: tenths / 8),
)


@examples(60)
@given(
    jobs=st.lists(job, max_size=30),
    concurrency=st.integers(1, 6),
    per_host=st.integers(1, 3),
    gap=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_three_limits_hold(jobs, concurrency, per_host, gap):
    visits = visit_all(jobs, concurrency=concurrency, per_host=per_host, gap=gap)

    assert Counter(v.number for v in visits) == Counter(range(len(jobs)))
    assert most_at_once(visits) <= concurrency
    by_host, by_domain = defaultdict(list), defaultdict(list)
    for visit in visits:
        host = visit.host.removesuffix(":8080")
        by_host[host].append(visit)
        by_domain[registrable_domain(host.strip("[]"))].append(visit)
    assert all(most_at_once(group) <= per_host for group in by_host.values())
    for group in by_domain.values():
        assert all(b.start - a.start >= gap for a, b in pairwise(group))


def test_turns_at_a_host_come_in_the_order_they_were_asked_for():
    visits = visit_all([("kub.ru", 1.0)] * 20, per_host=1)

    assert [visit.number for visit in visits] == list(range(20))


def test_many_sources_of_one_host_do_not_hold_up_the_others():
    """They wait outside: two places are taken, two are free."""
    jobs = [("slow.ru", 30.0)] * 100 + [("quick.ru", 1.0)]

    visits = visit_all(jobs, concurrency=4, per_host=2)

    assert next(v.start for v in visits if v.host == "quick.ru") == 0


def test_who_waits_for_the_gap_takes_no_place():
    jobs = [("slow.ru", 1.0)] * 10 + [("quick.ru", 1.0)] * 2

    visits = visit_all(jobs, concurrency=2, per_host=10, gap=60)

    assert [v.start for v in visits if v.host == "slow.ru"] == [
        60 * n for n in range(10)
    ]
    assert max(v.start for v in visits if v.host == "quick.ru") == 60


def test_the_gap_is_the_domains_and_the_limit_is_the_hosts():
    jobs = [("www.kub.ru", 10.0), ("news.kub.ru", 10.0), ("www.kub.ru", 10.0)]

    visits = visit_all(jobs, per_host=1, gap=1)

    assert [(v.host, v.start) for v in visits] == [
        ("www.kub.ru", 0),
        ("news.kub.ru", 1),
        ("www.kub.ru", 10),
    ]


def test_literal_addresses_are_domains_of_their_own():
    visits = visit_all([(f"127.0.0.{n}", 1.0) for n in range(1, 9)], gap=5)

    assert {visit.start for visit in visits} == {0}


def test_no_gap_means_none():
    visits = visit_all([("kub.ru", 1.0)] * 4, per_host=4, gap=0)

    assert {visit.start for visit in visits} == {0}


def test_a_thousand_wait_cheaply():
    visits = visit_all([("kub.ru", 1.0)] * 1000, per_host=100, concurrency=50)

    assert visits[-1].end == 20


def test_a_turn_that_is_cancelled_or_fails_gives_its_place_back():
    async def run():
        politeness = Politeness(concurrency=1, per_host=1, gap=timedelta(0))
        entered = asyncio.Event()

        async def hold():
            async with politeness.turn("http://kub.ru/"):
                entered.set()
                await asyncio.sleep(60)

        async def wait():
            async with politeness.turn("http://kub.ru/"):
                raise AssertionError("cancelled while waiting")

        holder = asyncio.create_task(hold())
        await entered.wait()
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        holder.cancel()
        await asyncio.gather(waiter, holder, return_exceptions=True)
        async with asyncio.timeout(1), politeness.turn("http://kub.ru/"):
            return True

    assert asyncio.run(run())


def test_what_is_no_address_gets_a_turn_too():
    """It is fetch_source that says what is wrong with it."""
    assert len(visit_all([("[::1", 1.0), ("", 1.0)], gap=1)) == 2


# --- sources that hang


@dataclass
class Hung:
    """What was asked of sources while some of them hang until all others are done."""

    starts: list[str] = field(default_factory=list)
    #: At once, in all and at one host.
    most: int = 0
    most_at_a_host: int = 0


def poll_all(
    good, hanging, *, known=False, concurrency=64, per_host=2, gap=0.0
) -> Hung:
    """Polls as `Machine` does; those of `hanging` end when all good ones have ended.

    `known`: for hanging, from the last poll. Addresses are asked for in turn, hanging
    ones first.
    """
    hung, held = Hung(), Counter()

    async def run():
        politeness = Politeness(
            concurrency=concurrency,
            per_host=per_host,
            gap=timedelta(seconds=gap),
            quick=timedelta(milliseconds=20),
        )
        all_good, waiting = asyncio.Event(), set(good)

        async def fetch(url):
            hung.starts.append(url)
            host = url.split("/")[2]
            held[host] += 1
            hung.most = max(hung.most, held.total())
            hung.most_at_a_host = max(hung.most_at_a_host, held[host])
            try:
                if url in waiting:
                    await asyncio.sleep(0)
                else:
                    await all_good.wait()
            finally:
                held[host] -= 1

        async def poll(url, *, late):
            try:
                async with politeness.turn(url, late=late) as turn, turn.giving_way():
                    await fetch(url)
            except GaveWay:
                async with politeness.turn(url, late=True):
                    await fetch(url)
            waiting.discard(url)
            if not waiting:
                all_good.set()

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for url in hanging:
                tasks.create_task(poll(url, late=known))
            for url in good:
                tasks.create_task(poll(url, late=False))

    asyncio.run(run())
    return hung


def feeds(count, name="p{}", first=0):
    return [f"http://{name.format(n)}.ru/{n}" for n in range(first, first + count)]


@pytest.mark.parametrize("hanging", [50, 100, 1000])
def test_all_good_ones_are_done_while_others_hang(hanging):
    """Also when they could fill all places, nothing is known of them, and they come first."""
    good, bad = feeds(100), feeds(hanging, "bad{}")

    hung = poll_all(good, bad)

    starts = Counter(hung.starts)
    assert all(starts[url] == 1 for url in good)
    assert max(starts.values()) <= 2
    assert hung.most <= 64


def test_who_is_known_to_hang_starts_last():
    good, bad = feeds(100), feeds(100, "bad{}")

    hung = poll_all(good, bad, known=True, concurrency=10)

    # Ten may start before anybody else has asked.
    assert set(hung.starts[10:110]) >= set(good[:90])
    assert set(hung.starts) == {*good, *bad}


def test_hanging_feeds_of_a_host_do_not_hold_up_its_good_ones():
    good, bad = feeds(20, "one"), feeds(9, "one", first=100)

    hung = poll_all(good, bad)

    assert hung.most_at_a_host == 2
    assert Counter(hung.starts).keys() == {*good, *bad}


def test_many_feeds_of_a_host_do_not_hold_up_twenty_others():
    many, others = feeds(300, "one"), feeds(20)

    hung = poll_all(many + others, [], concurrency=4)

    assert max(map(hung.starts.index, others)) < 100


def test_a_slow_fetch_goes_on_when_nobody_wants_its_turn():
    good, bad = feeds(10), feeds(10, "bad{}")

    async def run():
        politeness = Politeness(
            concurrency=2, per_host=1, gap=timedelta(0), quick=timedelta(0)
        )
        ended = []

        async def fetch(url, *, late=False):
            async with politeness.turn(url, late=late) as turn, turn.giving_way():
                await asyncio.sleep(0.05)
                ended.append(url)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fetch("http://a.ru/1"))
            # Of its host, but known for hanging: no reason to give way.
            tasks.create_task(fetch("http://a.ru/2", late=True))
        return ended

    assert asyncio.run(run()) == ["http://a.ru/1", "http://a.ru/2"]
    assert poll_all(good, bad).starts == bad + good


def test_a_late_one_is_not_late_for_ever():
    """Others go first for a minute, however many of them there are."""
    starts = []

    async def run():
        time = VirtualTime()
        politeness = Politeness(
            concurrency=1,
            per_host=1,
            gap=timedelta(0),
            monotonic=time.monotonic,
            sleep=time.sleep,
        )

        async def visit(url, *, at=0.0, late=False):
            await time.sleep(at)
            async with politeness.turn(url, late=late):
                starts.append((url, time.now))
                await time.sleep(2)

        tasks = [asyncio.create_task(visit("http://bad.ru/", at=1, late=True))]
        tasks += [
            asyncio.create_task(visit(f"http://p{n}.ru/", at=float(n)))
            for n in range(100)
        ]
        await time.pass_until(tasks)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert 60 < dict(starts)["http://bad.ru/"] < 130


@examples(30)
@given(
    jobs=st.lists(st.tuples(st.sampled_from(HOSTS[:4]), st.booleans()), max_size=30),
    concurrency=st.integers(1, 6),
    per_host=st.integers(1, 3),
)
def test_giving_way_exceeds_no_limit_and_loses_nobody(jobs, concurrency, per_host):
    urls = [(f"http://{host}/{n}", good) for n, (host, good) in enumerate(jobs)]
    good = [url for url, is_good in urls if is_good]
    bad = [url for url, is_good in urls if not is_good] if good else []

    hung = poll_all(good, bad, concurrency=concurrency, per_host=per_host)

    assert set(hung.starts) == {*good, *bad}
    assert hung.most <= concurrency
    assert hung.most_at_a_host <= per_host
