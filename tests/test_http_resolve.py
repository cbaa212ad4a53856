"""Look-ups by the system's resolver, no name server needed."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from ipaddress import ip_address

import pytest

from aggregator.http import resolve
from aggregator.http.resolve import SystemResolver


def look_up(host: str) -> list:
    async def run():
        return await SystemResolver()(host, 80)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("167772161", "10.0.0.1"),
        ("0x0a.0.0.1", "10.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00:ec2::254", "fd00:ec2::254"),
    ],
)
def test_disguised_addresses_come_out_as_what_they_are(host, address):
    assert look_up(host) == [ip_address(address)]


def test_localhost_is_loopback():
    assert all(address.is_loopback for address in look_up("localhost"))


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "пример" * 30])
def test_a_name_that_can_be_none(host):
    with pytest.raises((OSError, UnicodeError)):
        look_up(host)


@pytest.fixture
def silent_name_server(monkeypatch):
    """``silent`` names wait until the test is over; ``quick`` ones don't."""
    over = threading.Event()
    honest = socket.getaddrinfo

    def getaddrinfo(host, port, **kwargs):
        if host.startswith("silent"):
            over.wait(30)
        return honest("127.0.0.1", port, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    over.set()


def test_silent_name_servers_do_not_hold_up_other_names(silent_name_server):
    async def run():
        resolver = SystemResolver()
        silent = [asyncio.create_task(resolver(f"silent{n}", 80)) for n in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            found = await resolver("quick", 80)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        return found

    assert asyncio.run(run()) == [ip_address("127.0.0.1")]


def test_a_look_up_has_a_deadline(silent_name_server, monkeypatch):
    monkeypatch.setattr(resolve, "LOOKUP_DEADLINE", 0.05)

    with pytest.raises(TimeoutError):
        look_up("silent")


def test_the_number_of_threads_is_bounded(silent_name_server, monkeypatch):
    monkeypatch.setattr(resolve, "LOOKUP_DEADLINE", 0.1)

    async def run():
        resolver = SystemResolver(threads=3)
        before = threading.active_count()
        looking = [resolver(f"silent{n}", 80) for n in range(20)]
        failures = await asyncio.gather(*looking, return_exceptions=True)
        return failures, threading.active_count() - before

    failures, threads = asyncio.run(run())

    assert all(isinstance(failure, TimeoutError) for failure in failures)
    assert threads <= 3


def test_a_silent_name_server_does_not_hold_up_the_exit():
    program = (
        "import asyncio, socket, time\n"
        "from aggregator.http import resolve\n"
        "socket.getaddrinfo = lambda *a, **k: time.sleep(60)\n"
        "resolve.LOOKUP_DEADLINE = 0.05\n"
        "asyncio.run(resolve.SystemResolver()('silent', 80))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=30, check=False
    )

    assert ended.stderr.rstrip().endswith(b"TimeoutError")
