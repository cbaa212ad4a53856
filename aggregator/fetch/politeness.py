"""Whose turn it is: how hard we may knock at one host, one domain, and in all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from urllib.parse import urlsplit

from aggregator.links import registrable_domain

#: A fetch that lasts longer gives way to one that has not been tried. A lost packet of
#: the handshake comes again after a second, and most portals answer within one.
QUICK = timedelta(seconds=2)
#: Who is likely to hang waits as if it had asked so much later: others go first, and
#: not for ever.
LATER = timedelta(minutes=1)


class GaveWay(Exception):
    """The fetch is to be tried again, after those that waited for its turn."""


class Politeness:
    """Turns at hosts, given in the order in which they were asked for.

    At most ``concurrency`` turns are held at once, at most ``per_host`` of them at
    one host (whatever its ports), and between two starts at one registrable domain
    lies ``gap``; a literal address is its own domain, and zero means no gap.

    Who waits for a host or a domain holds none of the ``concurrency`` places, so many
    sources of one host never hold up the others. Nor do sources that hang: those that
    are known for it (``late``) have their turns after the others, and what takes
    longer than ``quick`` ends, to be tried again, when somebody else could start
    instead (``Turn.giving_way``). So it waits a few seconds, and not a deadline.

    One instance belongs to one event loop. It remembers every host it has seen, as
    many as feeds.yaml ever named.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        per_host: int,
        gap: timedelta,
        quick: timedelta = QUICK,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._free = concurrency
        self._per_host = per_host
        self._gap = gap.total_seconds()
        self.quick = quick.total_seconds()
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._domains: dict[str, _Domain] = {}
        #: Hosts with somebody waiting, by who is first there, that are not full; those
        #: whose domain is closed are found out and wait there.
        self._line: list[tuple[_Key, int, _Host]] = []
        #: Turns that may be asked to give way, the longest held first.
        self._slow: dict[Turn, None] = {}
        self._numbers = count()

    @asynccontextmanager
    async def turn(self, url: str, *, late: bool = False) -> AsyncIterator[Turn]:
        """Waits for a turn at the URL's host, and holds it."""
        asked = self._monotonic() + (LATER.total_seconds() if late else 0)
        turn = Turn(self, self._host(url), (asked, next(self._numbers)), late=late)
        await self._wait(turn)
        try:
            yield turn
        finally:
            self._end(turn)

    def _host(self, url: str) -> _Host:
        name = _host(url)
        if name not in self._hosts:
            # Without a gap domains mean nothing.
            of = registrable_domain(name) if self._gap else name
            domain = self._domains.setdefault(of, _Domain())
            self._hosts[name] = _Host(domain)
        return self._hosts[name]

    async def _wait(self, turn: Turn) -> None:
        host = turn.host
        heappush(host.waiting, (turn.key, turn))
        self._line_up(host)
        self._give_turns()
        self.make_way(host)
        try:
            await turn.given
        except asyncio.CancelledError:
            if not turn.given.cancelled():  # the turn came at the same moment
                self._end(turn)
            raise

    def _end(self, turn: Turn) -> None:
        self._free += 1
        turn.host.held -= 1
        self._line_up(turn.host)
        self._give_turns()
        self.make_way(turn.host)

    def _line_up(self, host: _Host) -> None:
        """Put a host into the line where its first request belongs, if it may start."""
        first = host.first()
        if first is None or host.held == self._per_host or host.is_parked:
            return
        if host.lined is None or first.key < host.lined:
            host.lined = first.key
            heappush(self._line, (first.key, next(self._numbers), host))

    def _give_turns(self) -> None:
        now = self._monotonic()
        while (host := self._next_host(now)) and self._free:
            heappop(self._line)
            host.lined = None
            _, turn = heappop(host.waiting)
            host.held += 1
            self._free -= 1
            host.domain.next_start = now + self._gap
            turn.given.set_result(None)
            self._line_up(host)

    def _next_host(self, now: float) -> _Host | None:
        """The first in line that could start if there is a place."""
        while self._line:
            key, _, host = self._line[0]
            first = host.first()
            is_open = host.domain.next_start <= now
            if first and key == host.lined == first.key and is_open:
                return host
            heappop(self._line)
            if key == host.lined:
                host.lined = None
                if not is_open:
                    self._park(host)
                else:
                    self._line_up(host)  # who was first has been cancelled
        return None

    def _park(self, host: _Host) -> None:
        """Out of the line until its domain opens."""
        domain = host.domain
        host.is_parked = True
        domain.parked.append(host)
        if domain.opening is None:
            domain.opening = asyncio.create_task(self._open(domain))

    async def _open(self, domain: _Domain) -> None:
        while (wait := domain.next_start - self._monotonic()) > 0:
            await self._sleep(wait)
        domain.opening = None
        parked, domain.parked = domain.parked, []
        for host in parked:
            host.is_parked = False
            self._line_up(host)
        self._give_turns()
        for host in parked:
            self.make_way(host)

    # --- giving way

    def hold_slowly(self, turn: Turn) -> None:
        """The turn's fetch has had its time, and goes on while nobody wants its turn."""
        self._slow[turn] = None
        self.make_way(turn.host)

    def hold_on(self, turn: Turn) -> None:
        """The turn's fetch has ended."""
        self._slow.pop(turn, None)

    def make_way(self, host: _Host) -> None:
        """End a slow fetch when somebody who was not tried waits for its turn.

        One at a time: when its turn has ended, this is asked again.
        """
        if not self._slow:
            return
        slow: Iterable[Turn] = ()
        if host.held == self._per_host and _is_fresh(host.first()):
            slow = (turn for turn in self._slow if turn.host is host)
        elif not self._free and (next_host := self._next_host(self._monotonic())):
            slow = self._slow if _is_fresh(next_host.first()) else ()
        if turn := next(iter(slow), None):
            del self._slow[turn]
            turn.give_way()


def _is_fresh(first: Turn | None) -> bool:
    return first is not None and not first.late


#: When a turn was asked for, and a number: what comes first has its turn first.
_Key = tuple[float, int]


class Turn:
    """The right to ask a host, and a place among all who do."""

    def __init__(
        self, politeness: Politeness, host: _Host, key: _Key, *, late: bool
    ) -> None:
        self._politeness = politeness
        self.host = host
        self.key = key
        self.late = late
        self.given = asyncio.get_running_loop().create_future()
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def giving_way(self) -> AsyncIterator[None]:
        """Around a fetch: GaveWay when it is slow, and another one could start instead."""
        politeness = self._politeness
        loop = asyncio.get_running_loop()
        slow = loop.call_later(politeness.quick, politeness.hold_slowly, self)
        limit = self._limit = asyncio.timeout(None)
        try:
            async with limit:
                try:
                    yield
                finally:
                    slow.cancel()
                    politeness.hold_on(self)
        except TimeoutError:
            if limit.expired():
                raise GaveWay from None
            raise

    def give_way(self) -> None:
        assert self._limit is not None  # noqa: S101 - in `giving_way`
        self._limit.reschedule(asyncio.get_running_loop().time())


class _Host:
    __slots__ = ("domain", "held", "is_parked", "lined", "waiting")

    def __init__(self, domain: _Domain) -> None:
        self.domain = domain
        self.held = 0
        self.waiting: list[tuple[_Key, Turn]] = []
        #: Its key in the line, when it is there.
        self.lined: _Key | None = None
        self.is_parked = False

    def first(self) -> Turn | None:
        """Whose turn is next; None: nobody waits."""
        while self.waiting and self.waiting[0][1].given.cancelled():
            heappop(self.waiting)
        return self.waiting[0][1] if self.waiting else None


class _Domain:
    """A registrable domain: between two starts at its hosts lies the gap."""

    __slots__ = ("next_start", "opening", "parked")

    def __init__(self) -> None:
        self.next_start = float("-inf")
        #: Hosts that wait for it to open, and the task that waits with them.
        self.parked: list[_Host] = []
        self.opening: asyncio.Task[None] | None = None


def _host(url: str) -> str:
    """Host without port; what is no address waits together with its like."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
