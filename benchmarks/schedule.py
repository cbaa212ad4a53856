"""What polling costs and what it misses, over sources made up here.

    python -m benchmarks.schedule

Plays eight weeks of sources that work as newsrooms do, and asks the scheduler's own
functions when to poll; the last four weeks are counted. Pure: no network, no clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean, median

from aggregator.model import (
    DocumentRead,
    FeedInfo,
    Fetched,
    Source,
    SourceState,
    Validators,
)
from aggregator.scheduler import after_success

START = datetime(2026, 8, 31, tzinfo=UTC)  # a Monday
WEEKS, COUNTED_FROM = 8, START + timedelta(weeks=4)
#: Hours from GMT of the zone that the sources work in.
MOSCOW = timedelta(hours=3)


@dataclass(frozen=True)
class Newsroom:
    name: str
    #: Entries in the document.
    length: int
    #: Entries an hour at a local time.
    pace: Callable[[datetime], float]


def office(paces: float, *, weekend: float = 0.0) -> Callable[[datetime], float]:
    """Entries an hour from 8 to 20 on weekdays; a hundredth of that at night."""

    def pace(local: datetime) -> float:
        open_now = 8 <= local.hour < 20
        by_day = paces if local.weekday() < 5 else paces * weekend
        return by_day if open_now else by_day / 100

    return pace


NEWSROOMS = (
    Newsroom("daily paper, 30 a weekday", 30, office(2.5, weekend=0.1)),
    Newsroom("town hall, 5 a weekday", 20, office(5 / 12)),
    Newsroom("museum, 2 a week", 10, office(2 / 60)),
    Newsroom("flood portal, 200 a day", 30, office(15, weekend=0.5)),
    Newsroom("steady wire, 4 an hour", 50, lambda local: 4.0),
)


def arrivals(newsroom: Newsroom, seed: int) -> list[datetime]:
    """When entries appear: a Poisson process, thinned to the newsroom's hours."""
    chance, fastest = random.Random(seed), 15.0
    found, moment = [], START - timedelta(weeks=1)
    while moment < START + timedelta(weeks=WEEKS):
        moment += timedelta(hours=chance.expovariate(fastest))
        if chance.random() < newsroom.pace(moment + MOSCOW) / fastest:
            found.append(moment)
    return found


SEEDS = range(1, 9)


@dataclass(frozen=True)
class Measured:
    polls_a_day: float
    #: Minutes between an entry's appearing and the poll that found it.
    median_delay: float
    mean_delay: float
    #: Entries that no poll found, of how many.
    missed: int
    of: int


def measure(
    newsroom: Newsroom, *, fixed: bool, rhythm: bool, seeds: Sequence[int] = SEEDS
) -> Measured:
    played = [play(newsroom, fixed=fixed, rhythm=rhythm, seed=seed) for seed in seeds]
    delays = [delay for _, found, _ in played for delay in found]
    missed = sum(lost for *_, lost in played)
    return Measured(
        polls_a_day=mean(polls for polls, *_ in played),
        median_delay=median(delays),
        mean_delay=mean(delays),
        missed=missed,
        of=missed + len(delays),
    )


def play(
    newsroom: Newsroom, *, fixed: bool, rhythm: bool, seed: int
) -> tuple[float, list[float], int]:
    """Polls a day, delays in minutes, entries missed."""
    source = Source(
        id="a",
        url="https://a.example/rss",
        name="A",
        order=0,
        interval=timedelta(minutes=15),
        min_interval=None if fixed else timedelta(minutes=5),
        max_interval=None if fixed else timedelta(hours=6),
        timezone="Europe/Moscow",
        content="summary",
        max_bytes=1,
    )
    chance = random.Random(seed)
    entries = arrivals(newsroom, seed)
    state, now, seen, polls = SourceState(id="a"), START, 0, 0
    delays: list[float] = []
    missed = 0
    while now < START + timedelta(weeks=WEEKS):
        there = seen
        while there < len(entries) and entries[there] <= now:
            there += 1
        listed = range(max(0, there - newsroom.length), there)
        if now >= COUNTED_FROM:
            polls += 1
            missed += max(0, listed.start - seen)
            delays += [
                (now - entries[n]) / timedelta(minutes=1)
                for n in range(max(seen, listed.start), there)
            ]
        new = [entries[n] for n in range(max(seen, listed.start), there)]
        state = after_success(
            state,
            source,
            _fetched(now),
            DocumentRead(
                info=FeedInfo(),
                seen=tuple(listed),
                entries=(),
                shared_blocks=frozenset(),
            ),
            known=set(range(seen)),
            new_entries=bool(new),
            arrivals=new if rhythm else (),
            jitter=chance.random(),
        )
        assert state.next_poll is not None
        seen, now = there, state.next_poll
    days = (now - COUNTED_FROM) / timedelta(days=1)
    return polls / days, delays, missed


def _fetched(now: datetime) -> Fetched:
    return Fetched(
        url="https://a.example/rss",
        body=b"",
        content_type=None,
        validators=Validators(),
        body_hash=b"",
        fetched_at=now,
    )


def main() -> None:
    print(f"{'source':27} {'rule':19} polls a day  median delay  mean delay  missed")
    for newsroom in NEWSROOMS:
        for rule, fixed, rhythm in (
            ("every 15m", True, False),
            ("adaptive, flat", False, False),
            ("adaptive, its hours", False, True),
        ):
            found = measure(newsroom, fixed=fixed, rhythm=rhythm)
            print(
                f"{newsroom.name:27} {rule:19}{found.polls_a_day:12.1f}"
                f"{found.median_delay:12.0f} m{found.mean_delay:10.0f} m"
                f"{found.missed:8} of {found.of}"
            )


if __name__ == "__main__":
    main()
