"""Listening: inside ``run``'s event loop, or alone for ``aggregator serve``."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from aggregator.errors import AggregatorError
from aggregator.serve.callback import Subscriber
from aggregator.serve.files import make_app
from aggregator.serve.headers import DEFAULT, Delivery
from aggregator.serve.scrapes import make_metrics_app

#: Seconds for which a connection may stand still, up to twice as many.
PATIENCE = 30.0
#: Seconds that answers under way get when the server stops; ``run`` has 10 in all.
STOP_TIMEOUT = 2


class _Server(uvicorn.Server):
    """Ends connections that stand still, and leaves signals alone.

    Who runs the loop decides what SIGTERM means.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._most = _most_connections()
        self._seen: dict[object, object] = {}
        self._seen_at = 0.0

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        """uvicorn calls it ten times a second."""
        now = asyncio.get_running_loop().time()
        if len(self.server_state.connections) > self._most:
            for connection in self._waiting():
                connection.transport.abort()
        elif now - self._seen_at >= PATIENCE:
            waiting = self._waiting()
            for connection, state in waiting.items():
                if self._seen.get(connection) == state:
                    connection.transport.abort()
            self._seen, self._seen_at = waiting, now
        return await super().on_tick(counter)

    def _waiting(self) -> dict[Any, object]:
        """Connections that wait for their client, with what changes when it goes on.

        A request that drips in, or an answer that is not fetched: uvicorn itself ends
        only what is idle between two requests.
        """
        waiting: dict[Any, object] = {}
        connection: Any  # uvicorn's type allows for protocols that are not spoken here
        for connection in self.server_state.connections:
            unsent = connection.transport.get_write_buffer_size()
            cycle = connection.cycle  # the last request and its answer
            if cycle is None or cycle.response_complete or unsent:
                waiting[connection] = (cycle, unsent)
        return waiting


def _most_connections() -> int:
    """Half of the files that may be open: polls and the store need some."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if limit == resource.RLIM_INFINITY else min(limit // 2, 10_000)


def _protocol() -> type[asyncio.Protocol] | str:
    try:
        from aggregator.serve.protocol import BoundedProtocol
    except ImportError:
        return "h11"
    return BoundedProtocol


@asynccontextmanager
async def serving(
    output: Path,
    *,
    host: str,
    port: int,
    delivery: Callable[[], Delivery] = lambda: DEFAULT,
    subscriber: Subscriber | None = None,
) -> AsyncIterator[str]:
    """Serves ``output`` while the block runs; gives the address, which ends in "/".

    ``delivery`` is asked at each request how. Hubs find a ``subscriber`` below
    ``/websub/``.

    Port 0 takes a free one. Raises AggregatorError when it cannot listen there.
    """
    app = make_app(output, delivery, subscriber)
    async with _listening(app, host, port) as address:
        yield address


@asynccontextmanager
async def serving_metrics(
    render: Callable[[], bytes], *, host: str, port: int
) -> AsyncIterator[str]:
    """Serves what ``render`` gives as ``/metrics``, like `serving`; nothing else."""
    async with _listening(make_metrics_app(render), host, port) as address:
        yield address


@asynccontextmanager
async def _listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    listener = _listen(host, port)
    address = _address(listener)
    server = _Server(
        uvicorn.Config(
            app,
            http=_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # whoever sends nonsense must not fill the log
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_TIMEOUT,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield address
    finally:
        server.should_exit = True
        await task
        listener.close()


def serve(
    output: Path,
    *,
    host: str,
    port: int,
    delivery: Delivery = DEFAULT,
    ready: Callable[[str], None] = lambda address: None,
    metrics: AbstractAsyncContextManager[str] | None = None,
) -> None:
    """Serves ``output`` until SIGINT or SIGTERM; ``ready`` gets the address first.

    ``metrics``: `serving_metrics`, for as long.
    """
    server = serving(output, host=host, port=port, delivery=lambda: delivery)
    asyncio.run(_until_signal(server, ready, metrics or nullcontext()))


async def _until_signal(
    server: AbstractAsyncContextManager[str],
    ready: Callable[[str], None],
    metrics: AbstractAsyncContextManager[object],
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with metrics, server as address:
        ready(address)
        await stop.wait()


def _listen(host: str, port: int) -> socket.socket:
    """Bound and listening, so that an address given out can be asked at once."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    try:
        # A port in TIME_WAIT is free; one that is listened on is refused all the same.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    listener.setblocking(False)
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> AggregatorError:
    return AggregatorError(
        f"cannot serve on {host}, port {port}: {error.strerror or error}"
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
