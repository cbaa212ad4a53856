"""A folder on our web server, asked over loopback."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from urllib.parse import urlsplit

from aggregator.serve.server import serving

#: Host and port.
Address = tuple[str, int]


@contextmanager
def background(output, **named) -> Iterator[Address]:
    """The server in a thread of its own, as long as the block runs."""
    ready, found = threading.Event(), {}

    async def main() -> None:
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with serving(output, host="127.0.0.1", port=0, **named) as address:
            found["address"] = urlsplit(address)
            ready.set()
            await found["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield found["address"].hostname, found["address"].port
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(10)
        assert not thread.is_alive()


def ask(
    address: Address, path: str, method: str = "GET", **headers: str
) -> tuple[int, Message, bytes]:
    """Status, headers, body; names of headers have underscores for hyphens."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def send(address: Address, request: bytes) -> bytes:
    """All that is answered to raw bytes until the server closes."""
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer
