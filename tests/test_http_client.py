"""Connections: TLS, names, and what a request does not share."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from aggregator.fetch import fetch_source
from aggregator.http import BadAddress, Client, RequestFailed
from aggregator.model import Failed, Fetched, Validators

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for news.example that only its own file vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    names = "subjectAltName=DNS:news.example,DNS:xn--e1afmkfd.xn--p1ai"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        f" -days 2 -subj /CN=news.example -addext {names}"
        f" -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    return certificate, key


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)


async def resolve_to_loopback(host, port):
    return [ip_address("127.0.0.1")]


@asynccontextmanager
async def tls_server(certificate, names, answer=ANSWER):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def serve(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def client(**options) -> Client:
    options = {"allow_private": LOOPBACK, "resolve": resolve_to_loopback, **options}
    return Client(user_agent="aggregator/0.1", **options)


async def fetch(url: str, using: Client, *, timeout: float = 5):  # noqa: ASYNC109
    return await fetch_source(
        url,
        Validators(),
        client=using,
        timeout=timedelta(seconds=timeout),
        max_bytes=1_000_000,
        clock=Clock(),
    )


def fetch_over_tls(certificate, host: str, **server_options):
    """The result, and the names that the server was asked for."""
    names: list[str] = []

    async def run():
        async with (
            tls_server(certificate, names, **server_options) as port,
            client() as using,
        ):
            return await fetch(f"https://{host}:{port}/feed", using)

    return asyncio.run(run()), names


# --- TLS ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "name"),
    [("news.example", "news.example"), ("пример.рф", "xn--e1afmkfd.xn--p1ai")],
)
def test_a_trusted_certificate_and_the_name_in_sni(
    certificate, monkeypatch, host, name
):
    """SSL_CERT_FILE names the certificates that an operator trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    result, names = fetch_over_tls(certificate, host)

    assert isinstance(result, Fetched)
    assert result.body == b"<rss/>"
    assert names == [name]


def test_a_certificate_that_nobody_vouches_for(certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    result, _ = fetch_over_tls(certificate, "news.example")

    assert isinstance(result, Failed)
    assert result.error.code == "tls"
    assert "self-signed" in result.error.message.replace("self signed", "self-signed")


def test_a_certificate_for_another_name(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    result, _ = fetch_over_tls(certificate, "other.example")

    assert result.error.code == "tls"
    assert "other.example" in result.error.message


def test_a_large_body_over_tls(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    body = b"<rss>" + b"x" * 500_000
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    result, _ = fetch_over_tls(certificate, "news.example", answer=head + body)

    assert result.body == body


def test_a_fetch_over_tls_given_up_at_any_moment_harms_no_later_one(
    certificate, monkeypatch
):
    """asyncio forgot a transport that was given up before its handshake had begun, and
    refused every later connection that got the same file descriptor.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    async def run():
        async with tls_server(certificate, []) as port, client() as using:
            url = f"https://news.example:{port}/feed"
            for steps in range(40):
                given_up = asyncio.create_task(fetch(url, using))
                for _ in range(steps):
                    await asyncio.sleep(0)
                given_up.cancel()
                await asyncio.wait([given_up])
                assert (await fetch(url, using)).body == b"<rss/>", steps

    asyncio.run(run())


def test_a_cut_body_over_tls(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    result, _ = fetch_over_tls(certificate, "news.example", answer=ANSWER[:-1])

    assert result.error.code == "truncated"


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("plain http", "tls"), ("hang up", "tls"), ("silence", "timeout")],
)
def test_a_server_that_does_not_speak_tls(behaviour, code):
    patience = 0.5 if behaviour == "silence" else 5

    async def serve(reader, writer):
        try:
            await reader.read(100)
            if behaviour == "plain http":
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            if behaviour == "silence":
                await asyncio.sleep(30)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with client() as using:
            result = await fetch(
                f"https://news.example:{port}/", using, timeout=patience
            )
        server.close()
        return result

    assert asyncio.run(run()).error.code == code


# --- addresses ----------------------------------------------------------------


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        pytest.param(
            "::1",
            "[::1]",
            marks=pytest.mark.skipif(not has_ipv6(), reason="needs ::1"),
        ),
    ],
)
def test_a_literal_address_needs_no_resolver(address, host):
    async def resolve(host, port):
        raise AssertionError("looked up")

    requests = []

    async def serve(reader, writer):
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(serve, address, 0)
        port = server.sockets[0].getsockname()[1]
        async with client(resolve=resolve) as using:
            result = await fetch(f"http://{host}:{port}/", using)
        server.close()
        return result, port

    result, port = asyncio.run(run())

    assert isinstance(result, Fetched)
    assert f"Host: {host}:{port}\r\n".encode() in requests[0]


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_proxies_of_the_environment_are_ignored(monkeypatch, proxy):
    """A proxy would look the name up itself, and nobody would check the address."""
    monkeypatch.setenv(proxy, "http://127.0.0.1:1")

    async def run():
        async with client(resolve=resolve_inside) as using:
            return await fetch("http://news.example/", using)

    async def resolve_inside(host, port):
        return [ip_address("10.0.0.1")]

    assert asyncio.run(run()).error.code == "blocked"


@pytest.mark.parametrize(
    "url", ["http://exa mple/\x00", "http://" + "x" * 70_000, "http://a/\udcff"]
)
def test_what_httpx_cannot_read_is_a_bad_address(url):
    async def run():
        async with client() as using, using.get(url):
            pass

    with pytest.raises(BadAddress):
        asyncio.run(run())


def test_the_guard_stands_below_everything_else():
    """Not only fetch_source: whoever uses the client can't reach the inside."""

    async def run():
        async with client() as using, using.get("http://10.0.0.1:80/"):
            pass

    with pytest.raises(RequestFailed) as caught:
        asyncio.run(run())

    assert caught.value.code == "blocked"
    assert "10.0.0.1" not in str(caught.value)


def test_a_post_carries_its_body_and_passes_the_guard():
    seen = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
        seen.append((head.split(b"\r\n")[0], await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def run(**options):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        headers = [("Content-Type", "application/json")]
        async with server, client(**options) as using:
            url = f"http://127.0.0.1:{port}/hook"
            async with using.post(url, b'{"a": 1}', headers) as response:
                return response.status, b"".join([p async for p in response.body])

    assert asyncio.run(run()) == (202, b"ok")
    assert seen == [(b"POST /hook HTTP/1.1", b'{"a": 1}')]
    with pytest.raises(RequestFailed, match="private"):
        asyncio.run(run(allow_private=[]))
    assert len(seen) == 1


def answer_to_post(answer: bytes, content: bytes, *, reads: bool):
    """Status and body, from a server that reads the request first or never."""

    async def serve(reader, writer):
        if reads:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        headers = [("Content-Type", "application/json")]
        async with (
            server,
            client() as using,
            asyncio.timeout(10),
            using.post(url, content, headers) as response,
        ):
            return response.status, b"".join([p async for p in response.body])

    return asyncio.run(run())


def test_a_refusal_is_heard_that_comes_before_the_request_was_read():
    """More than sockets hold: sending it fails, and the reason is there to be read."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"

    assert answer_to_post(refusal, b"x" * 2**24, reads=False) == (413, b"no")


def test_informational_answers_are_passed_over():
    hints = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    )

    assert answer_to_post(hints + ANSWER, b"{}", reads=True) == (200, b"<rss/>")


def test_a_server_that_changes_the_protocol_unasked_does_not_speak_http():
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nhello"

    with pytest.raises(RequestFailed) as caught:
        answer_to_post(switching, b"{}", reads=True)

    assert caught.value.code == "protocol"
