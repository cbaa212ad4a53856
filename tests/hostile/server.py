"""Plays the behaviours, each on an address of its own, and watches the traps."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial

from tests.hostile import BEHAVIOURS
from tests.hostile.behaviour import Behaviour, Exchange

#: Of 127.0.0.0/16, which an operator allows here; one address a behaviour, because
#: politeness counts by host. 127.0.0.1 tells what happened.
CONTROL = "127.0.0.1"
#: Outside of what is allowed.
TRAPS = ("127.66.6.6", "::1")


def address(index: int) -> str:
    """The behaviour's own: 127.0.1.1, 127.0.1.2, …, 127.0.2.1, …"""
    return f"127.0.{1 + index // 250}.{1 + index % 250}"


class HostileServer:
    def __init__(self) -> None:
        self.port = 0
        #: Who called where nobody may: (trap, first bytes).
        self.trapped: list[tuple[str, str]] = []
        #: Behaviour -> headers of each request for its first path.
        self.requests: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self._polls: Counter[str] = Counter()

    async def start(self) -> None:
        self.port = await self._listen(CONTROL, 0, self._tell)
        for index, behaviour in enumerate(BEHAVIOURS.values()):
            await self._listen(
                address(index), self.port, partial(self._play, behaviour)
            )
        for trap in TRAPS:
            with suppress(OSError):  # no IPv6 here
                await self._listen(trap, self.port, partial(self._catch, trap))

    async def _listen(self, host: str, port: int, serve) -> int:
        server = await asyncio.start_server(serve, host, port, limit=1 << 20)
        return server.sockets[0].getsockname()[1]

    def urls(self) -> dict[str, str]:
        """Behaviour -> the address to poll."""
        return {
            name: behaviour.url.replace("home.test", f"{address(index)}:{self.port}")
            for index, (name, behaviour) in enumerate(BEHAVIOURS.items())
        }

    @property
    def _trap(self) -> str:
        return f"http://{TRAPS[0]}:{self.port}"

    async def _play(
        self,
        behaviour: Behaviour,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            try:
                path, headers = await _request(reader)
                if path == "/feed":
                    self._polls[behaviour.name] += 1
                    self.requests[behaviour.name].append(headers)
                host = writer.get_extra_info("sockname")[0]
                await behaviour.serve(
                    Exchange(
                        path=path,
                        headers=headers,
                        poll=self._polls[behaviour.name],
                        trap=self._trap,
                        home=f"http://{host}:{self.port}",
                        port=self.port,
                        reader=reader,
                        writer=writer,
                    )
                )
            finally:
                writer.close()

    async def _catch(
        self, trap: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            self.trapped.append((trap, ""))
            said = await reader.read(200)
            self.trapped[-1] = (trap, said.decode("latin-1"))
            writer.close()

    async def _tell(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        said = {"trapped": self.trapped, "requests": self.requests}
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(said).encode())
        await writer.drain()
        writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """The path and the headers, their names in lower case."""
    start = await reader.readexactly(1)
    if start != b"G":  # no GET: somebody speaks TLS
        return "/feed", {}
    head = start + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return first.split(" ")[1], {name.lower(): value for name, value in headers.items()}
