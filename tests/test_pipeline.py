"""The machine: many sources in flight, one writer, and nothing that ends it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.errors import StoreError
from aggregator.fetch import Politeness
from aggregator.model import (
    Failed,
    NotModified,
    RecordedError,
    Source,
    SourceError,
    SourceState,
    Validators,
)
from aggregator.outage import after_return
from aggregator.pipeline import BATCH_POLLS, Machine, Poll, StoreThread
from aggregator.store import Recorded

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC)


def sources(count: int) -> list[Source]:
    return [
        Source(
            id=f"s{n}",
            url=f"https://p{n}.example/rss",
            name="П",
            order=n,
            interval=timedelta(minutes=15),
            timezone="Europe/Moscow",
            content="summary",
            max_bytes=1000,
        )
        for n in range(count)
    ]


@dataclass
class Steps:
    """A pipeline whose steps do as a test says: source id -> what raises."""

    bad_polls: dict[str, Exception] = field(default_factory=dict)
    bad_commits: dict[str, Exception] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    #: Sources answered with Retry-After.
    refusing: set[str] = field(default_factory=set)
    #: Sources that nobody answers for, and those whose server answers with a fault.
    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    clock: datetime = NOW
    outage: datetime | None = None
    in_flight: int = 0
    held: asyncio.Event | None = None

    @property
    def intake(self) -> Steps:
        return self

    def now(self) -> datetime:
        return self.clock

    def begin_outage(self, since: datetime) -> None:
        self.outage = since

    def end_outage(self, states):
        self.outage = None
        return {
            one.id: one for one in after_return(states.values(), self.clock, lambda: 1)
        }

    def known_entries(self, source_id: str) -> dict[int, int]:
        return {}

    @asynccontextmanager
    async def turn(self, source: Source, *, late: bool = False):
        yield self

    def giving_way(self):
        return nullcontext()

    async def poll(self, source: Source, state: SourceState, known, giving_way) -> Poll:
        self.in_flight += 1
        await asyncio.sleep(0)
        if self.held:
            await self.held.wait()
        if source.id in self.bad_polls:
            raise self.bad_polls[source.id]
        result = NotModified(validators=Validators(), fetched_at=NOW)
        if source.id in self.refusing:
            error = SourceError(
                code="http_429", message="", retry_at=NOW + timedelta(hours=1)
            )
            result = Failed(error=error, fetched_at=NOW)
        if source.id in self.silent | self.broken:
            code = "connect" if source.id in self.silent else "http_500"
            error = SourceError(code=code, message="")
            result = Failed(error=error, fetched_at=self.clock)
        return Poll(source=source, state=state, result=result)

    def commit(self, polls: list[Poll]) -> tuple[Recorded, dict[str, SourceState]]:
        for poll in polls:
            if poll.source.id in self.bad_commits:
                raise self.bad_commits[poll.source.id]
        self.batches.append([poll.source.id for poll in polls])
        states = {
            poll.source.id: SourceState(id=poll.source.id, last_poll=NOW)
            for poll in polls
        }
        return Recorded(entries_new=len(polls)), states


def run(steps: Steps, polled: list[Source], *, insist: bool = False) -> Machine:
    async def cycle() -> Machine:
        thread = StoreThread()
        machine = Machine(steps, {}, thread)
        async with asyncio.timeout(20):
            machine.submit(polled, insist=insist)
            await machine.finish()
        await machine.close()
        thread.close()
        return machine

    return asyncio.run(cycle())


def committed(steps: Steps) -> set[str]:
    return {one for batch in steps.batches for one in batch}


def test_everything_submitted_is_committed_in_batches():
    steps = Steps()

    machine = run(steps, sources(450))

    assert machine.totals.polled == machine.totals.entries_new == 450
    assert [len(batch) for batch in steps.batches] == [BATCH_POLLS, BATCH_POLLS, 50]
    assert len(machine.states) == 450


def test_a_bug_in_one_poll_is_that_sources_failure(caplog):
    steps = Steps(bad_polls={"s3": ZeroDivisionError("a bug")})

    machine = run(steps, sources(10))

    assert (machine.totals.polled, machine.totals.failed) == (10, 1)
    assert "ZeroDivisionError" in caplog.text


def test_a_store_that_fails_while_polling_is_no_fault_of_the_source(caplog):
    """What a poll held is let go, and the source comes again."""
    steps = Steps(bad_polls={"s3": StoreError("locked")})

    machine = run(steps, sources(10))

    assert (machine.totals.polled, machine.totals.failed, machine.totals.lost) == (
        9,
        0,
        1,
    )
    assert machine.states["s3"].next_poll == NOW + timedelta(minutes=15)
    assert committed(steps) == {f"s{n}" for n in range(10)} - {"s3"}


def test_retry_after_holds_for_the_host_within_a_cycle():
    same_host = [
        replace(one, url=f"https://one.example/{one.id}") for one in sources(5)
    ]
    polite, insisting = Steps(refusing={"s0"}), Steps(refusing={"s0"})

    run_one_by_one(polite, same_host)
    run(insisting, same_host, insist=True)

    assert (polite.in_flight, insisting.in_flight) == (1, 5)


def run_one_by_one(steps: Steps, polled: list[Source]) -> None:
    async def cycle() -> None:
        thread = StoreThread()
        machine = Machine(steps, {}, thread)
        for source in polled:
            machine.submit([source])
            await machine.finish()
        await machine.close()
        thread.close()

    asyncio.run(cycle())


@pytest.mark.parametrize("error", [StoreError("refused"), ValueError("a bug")])
def test_a_poll_that_cannot_be_stored_loses_no_other(error, caplog):
    steps = Steps(bad_commits={"s3": error})

    machine = run(steps, sources(10))

    assert committed(steps) == {f"s{n}" for n in range(10)} - {"s3"}
    assert machine.totals.lost == 1
    # It is no fault of the source: it comes again, an interval later.
    assert machine.states["s3"].error is None
    assert machine.states["s3"].next_poll == NOW + timedelta(minutes=15)


def test_a_database_that_refuses_everything_is_asked_few_times(caplog):
    every = sources(100)
    steps = Steps(bad_commits={one.id: StoreError("disk full") for one in every})

    machine = run(steps, every)

    assert machine.totals.lost == 100
    assert caplog.text.count("poll not stored") == 3


def test_a_source_in_flight_or_uncommitted_is_not_polled_again():
    async def submit_twice() -> Steps:
        steps = Steps(held=asyncio.Event())
        thread = StoreThread()
        machine = Machine(steps, {}, thread)
        machine.submit(sources(5))
        await asyncio.sleep(0)
        machine.submit(sources(5))
        steps.held.set()
        await machine.finish()
        machine.submit(sources(5))
        await machine.finish()
        await machine.close()
        thread.close()
        return steps

    assert asyncio.run(submit_twice()).in_flight == 10


@dataclass
class HangingSteps(Steps):
    """Sources of `hanging` answer when all others are committed."""

    hanging: set[str] = field(default_factory=set)
    others: asyncio.Event = field(default_factory=asyncio.Event)
    politeness: Politeness = field(
        default_factory=lambda: Politeness(
            concurrency=64,
            per_host=2,
            gap=timedelta(0),
            quick=timedelta(milliseconds=20),
        )
    )
    asked: list[str] = field(default_factory=list)

    def turn(self, source: Source, *, late: bool = False):
        return self.politeness.turn(source.url, late=late)

    async def poll(self, source: Source, state: SourceState, known, giving_way) -> Poll:
        async with giving_way:
            self.asked.append(source.id)
            if source.id in self.hanging:
                await self.others.wait()
        return await super().poll(source, state, known, nullcontext())


@pytest.mark.parametrize(("hanging", "known"), [(50, False), (100, False), (100, True)])
def test_all_others_are_committed_while_sources_hang(hanging, known):
    every = sources(200)
    error = RecordedError(code="timeout", message="", since=NOW, count=1)
    bad = {one.id for one in every[:hanging]}
    states = {id_: SourceState(id=id_, error=error if known else None) for id_ in bad}

    async def cycle() -> HangingSteps:
        steps = HangingSteps(hanging=bad)
        thread = StoreThread()
        machine = Machine(steps, states, thread)
        async with asyncio.timeout(20):
            machine.submit(every)
            while len(committed(steps)) < 200 - hanging:  # noqa: ASYNC110 - a thread commits
                await asyncio.sleep(0.01)
            assert not committed(steps) & bad
            steps.others.set()
            await machine.finish()
        await machine.close()
        thread.close()
        return steps

    steps = asyncio.run(cycle())

    assert committed(steps) == {one.id for one in every}
    if known:
        assert set(steps.asked[: 200 - hanging]).isdisjoint(bad)


def test_finish_gives_up_what_does_not_end():
    async def hang() -> Machine:
        thread = StoreThread()
        machine = Machine(Steps(held=asyncio.Event()), {}, thread)
        machine.submit(sources(5))
        await machine.finish(timedelta(milliseconds=20))
        await machine.close()
        thread.close()
        return machine

    assert asyncio.run(hang()).totals.polled == 0
