"""The address that hubs ask: what is read of whom, and for how long."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from aggregator.errors import StoreError
from aggregator.serve import callback
from tests.hub import ask
from tests.served import background


@dataclass
class Known:
    """A subscriber with one callback."""

    pushed: list[bytes] = field(default_factory=list)

    async def answer(self, token, question):
        if token == "broken":
            raise StoreError("the disk is full")
        return question.get("hub.challenge") if token == "known" else None

    def limit(self, token):
        return 1000 if token == "known" else None

    def push(self, token, body, **named):
        self.pushed.append(body)


@pytest.fixture
def known():
    return Known()


@pytest.fixture
def site(tmp_path, known):
    output = tmp_path / "output"
    output.mkdir()
    (output / "index.html").write_text("<h1>Новости</h1>", encoding="utf-8")
    (tmp_path / "websub").mkdir()
    (tmp_path / "websub" / "secret").write_text("secret")
    with background(output, subscriber=known) as (host, port):
        yield f"http://{host}:{port}/"


def send(address: str, request: bytes) -> bytes:
    """All that is answered to raw bytes."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
            if b"\r\n\r\n" in answer:
                break
        return answer


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: x", *lines, "", "")
    ).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def test_a_challenge_comes_back_as_text_and_nothing_else(site):
    answer = send(site, head("/websub/known?hub.challenge=%3Cb%3E", method="GET"))

    assert status(answer) == 200
    assert b"content-type: text/plain; charset=utf-8" in answer
    assert b"x-content-type-options: nosniff" in answer
    assert ask(f"{site}websub/known?hub.challenge=%3Cb%3E")[1] == b"<b>"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/websub/other?hub.challenge=x", 404),
        ("GET", "/websub/known", 404),
        ("GET", "/websub/", 404),
        ("GET", "/websub", 404),
        ("GET", "/websub/../websub/secret", 404),
        ("GET", "/websub/secret", 404),
        ("GET", "/websub/broken", 503),
        ("HEAD", "/websub/known?hub.challenge=x", 405),
        ("PUT", "/websub/known", 405),
        ("DELETE", "/websub/known", 405),
        ("GET", "/", 200),
    ],
)
def test_what_else_is_asked_of_it(site, method, path, expected):
    assert status(send(site, head(path, method=method))) == expected


def test_a_push_is_taken_whole(site, known):
    assert ask(f"{site}websub/known", b"x" * 1000)[0] == 202
    assert known.pushed == [b"x" * 1000]


def test_what_nobody_waits_for_is_not_read(site, known):
    """The answer comes although the body never does."""
    answer = send(site, head("/websub/other", "Content-Length: 1000000000"))

    assert status(answer) == 410


@pytest.mark.parametrize(
    "request_",
    [
        head("/websub/known", "Content-Length: 1001"),
        head("/websub/known", "Content-Length: " + "9" * 18),
        head("/websub/known", "Transfer-Encoding: chunked")
        + b"3e9\r\n"
        + b"x" * 1001
        + b"\r\n",
    ],
)
def test_a_body_over_the_limit_is_not_read_on(site, known, request_):
    assert status(send(site, request_)) == 413
    assert known.pushed == []


def test_a_body_that_never_ends_is_given_up(site, known, monkeypatch):
    monkeypatch.setattr(callback, "BODY_DEADLINE", 0.1)

    assert status(send(site, head("/websub/known", "Content-Length: 10") + b"x")) == 408
    assert known.pushed == []


def test_so_many_bodies_at_once(site, known):
    """Who comes in too large numbers is told to come again; documents go out as ever."""
    parts = urlsplit(site)
    slow = []
    try:
        for _ in range(callback.BODIES):
            client = socket.create_connection((parts.hostname, parts.port), timeout=10)
            slow.append(client)
            client.sendall(
                head("/websub/known", "Content-Length: 2", "Expect: 100-continue")
            )
            # "100 Continue": the server has begun to read.
            assert client.recv(65536).startswith(b"HTTP/1.1 100")

        assert ask(f"{site}websub/known", b"x")[0] == 503
        assert ask(site)[0] == 200
        for client in slow:
            client.sendall(b"ok")
            assert client.recv(65536).startswith(b"HTTP/1.1 202")
    finally:
        for client in slow:
            client.close()
    assert ask(f"{site}websub/known", b"x")[0] == 202
