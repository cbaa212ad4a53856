"""Listening: inside ``run``'s event loop, or alone for ``aggregator serve``."""

from __future__ import annotations

import asyncio
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

import uvicorn
from starlette.applications import Starlette

from aggregator.errors import AggregatorError
from aggregator.serve.callback import Subscriber
from aggregator.serve.files import make_app
from aggregator.serve.scrapes import make_metrics_app

#: Seconds that answers under way get when the server stops; ``run`` has 10 in all.
STOP_TIMEOUT = 2


class _Server(uvicorn.Server):
    """Leaves signals alone: who runs the loop decides what SIGTERM means."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    output: Path, *, host: str, port: int, subscriber: Subscriber | None = None
) -> AsyncIterator[str]:
    """Serves ``output`` while the block runs; gives the address, which ends in "/".

    Hubs find a ``subscriber`` below ``/websub/``.

    Port 0 takes a free one. Raises AggregatorError when it cannot listen there.
    """
    async with _listening(make_app(output, subscriber), host, port) as address:
        yield address


@asynccontextmanager
async def serving_metrics(
    render: Callable[[], bytes], *, host: str, port: int
) -> AsyncIterator[str]:
    """Serves what ``render`` gives as ``/metrics``, like `serving`; nothing else."""
    async with _listening(make_metrics_app(render), host, port) as address:
        yield address


@asynccontextmanager
async def _listening(app: Starlette, host: str, port: int) -> AsyncIterator[str]:
    listener = _listen(host, port)
    address = _address(listener)
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
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
    ready: Callable[[str], None] = lambda address: None,
    metrics: AbstractAsyncContextManager[str] | None = None,
) -> None:
    """Serves ``output`` until SIGINT or SIGTERM; ``ready`` gets the address first.

    ``metrics``: `serving_metrics`, for as long.
    """
    asyncio.run(_serve_until_signal(output, host, port, ready, metrics))


async def _serve_until_signal(
    output: Path,
    host: str,
    port: int,
    ready: Callable[[str], None],
    metrics: AbstractAsyncContextManager[str] | None,
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with (
        metrics or nullcontext(),
        serving(output, host=host, port=port) as address,
    ):
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
