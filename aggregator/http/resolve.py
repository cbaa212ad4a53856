"""Names to addresses, in threads that a silent name server can't use up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aggregator.http.guard import Address, parse_address

#: Host and port to every address, in the order to try; raises OSError.
Resolver = Callable[[str, int], Awaitable[list[Address]]]

#: Seconds; glibc asks each name server twice for 5 s.
LOOKUP_DEADLINE = 10.0
#: A look-up that was given up keeps its thread until glibc gives up as well. A fetch that
#: hangs in one gives way after two seconds, so there are several for each in flight.
LOOKUP_THREADS = 256


class SystemResolver:
    """``getaddrinfo`` in daemon threads.

    Not the event loop's executor: its few threads are shared with everything else,
    and a thread that waits for a dead name server would hold up the program's exit.
    """

    def __init__(self, *, threads: int = LOOKUP_THREADS) -> None:
        self._free = asyncio.Semaphore(threads)

    async def __call__(self, host: str, port: int) -> list[Address]:
        async with asyncio.timeout(LOOKUP_DEADLINE):
            await self._free.acquire()
            return await self._start(host, port)

    def _start(self, host: str, port: int) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address]] = loop.create_future()

        def finish(addresses: list[Address] | None, error: Exception | None) -> None:
            self._free.release()
            if found.done():  # given up meanwhile
                return
            if error is not None:
                found.set_exception(error)
            else:
                found.set_result(addresses or [])

        def look_up() -> None:
            addresses, error = None, None
            try:
                addresses = _addresses(host, port)
            except Exception as caught:
                error = caught
            # The loop may have ended before the name server answered.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, addresses, error)

        threading.Thread(target=look_up, name=f"look-up {host}", daemon=True).start()
        return found


def _addresses(host: str, port: int) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    parsed = (parse_address(str(info[4][0])) for info in infos)
    return list(dict.fromkeys(address for address in parsed if address is not None))
