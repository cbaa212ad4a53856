"""Whose turn it is: how hard we may knock at one host, one domain, and in all."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from aggregator.links import registrable_domain


class Politeness:
    """Turns at hosts, given in the order in which they were asked for.

    At most ``concurrency`` turns are held at once, at most ``per_host`` of them at
    one host (whatever its ports), and between two starts at one registrable domain
    lies ``gap``; a literal address is its own domain, and zero means no gap.

    Who waits for a host or a domain holds none of the ``concurrency`` places, so many
    sources of one host never hold up the others. One instance belongs to one event
    loop. It remembers every host it has seen, as many as feeds.yaml ever named.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        per_host: int,
        gap: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(per_host)
        )
        self._domains: defaultdict[str, _Domain] = defaultdict(_Domain)
        self._gap = gap.total_seconds()
        self._monotonic = monotonic
        self._sleep = sleep

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Waits for a turn at the URL's host, and holds it."""
        host = _host(url)
        async with self._hosts[host]:
            await self._start(host)
            try:
                yield
            finally:
                self._places.release()

    async def _start(self, host: str) -> None:
        """Takes a place, and not sooner than the domain allows.

        The domain's door is held while a place is waited for: that is what keeps two
        starts apart when places come free late, and only its own domain waits behind.
        """
        if not self._gap:
            await self._places.acquire()
            return
        domain = self._domains[registrable_domain(host)]
        async with domain.door:
            while (wait := domain.next_start - self._monotonic()) > 0:
                await self._sleep(wait)
            await self._places.acquire()
            domain.next_start = self._monotonic() + self._gap


class _Domain:
    """A registrable domain's door, passed by one at a time."""

    __slots__ = ("door", "next_start")

    def __init__(self) -> None:
        self.door = asyncio.Lock()
        self.next_start = float("-inf")


def _host(url: str) -> str:
    """Host without port; what is no address waits together with its like."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
