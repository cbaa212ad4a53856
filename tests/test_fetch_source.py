"""Fetching from a server that sends exactly the bytes that a test gives it."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import socket
import time
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from ipaddress import ip_address, ip_network

import pytest

from aggregator.config.addresses import web_address
from aggregator.fetch import fetch_source
from aggregator.http import Client
from aggregator.model import Failed, Fetched, NotModified, Validators

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FEED = "<rss><channel><title>Новости</title></channel></rss>".encode()
LOOPBACK = [ip_network("127.0.0.0/8")]


class FrozenClock:
    def now(self) -> datetime:
        return NOW


class Server:
    """Gives connection after connection the next answer, the last one for ever.

    An answer is bytes, or a coroutine function of the writer. ``{base}`` in bytes is
    the server's own address.
    """

    def __init__(self, *answers, host: str = "127.0.0.1") -> None:
        self._answers = list(answers)
        self._host = host
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base = f"http://{self._host}:{self.port}"
        return self

    async def __aexit__(self, *exc_info):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked.set()
            many = len(self._answers) > 1
            answer = self._answers.pop(0) if many else self._answers[0]
            if isinstance(answer, bytes):
                writer.write(answer.replace(b"{base}", self.base.encode()))
                await writer.drain()
            else:
                await answer(writer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def header(self, name: str, request: int = -1) -> bytes | None:
        for line in self.requests[request].split(b"\r\n")[1:]:
            key, _, value = line.partition(b": ")
            if key.lower() == name.lower().encode():
                return value
        return None


def answer(body: bytes = FEED, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def redirect(location: str | bytes, status: str = "302 Found") -> bytes:
    if isinstance(location, str):
        location = location.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: ".encode()
    return head + location + b"\r\n\r\n"


def poll(
    *answers,
    path: str = "/feed",
    url: str | None = None,
    validators: Validators = Validators(),
    timeout: float = 5,
    max_bytes: int = 1_000_000,
    **client_options,
):
    """One fetch from a scripted server; gives the result and the server."""

    async def run():
        async with (
            Server(*answers) as server,
            Client(
                user_agent="aggregator/0.1 (+https://news.example.org/)",
                **{"allow_private": LOOPBACK, **client_options},
            ) as client,
        ):
            address = (url or "{base}" + path).replace("{base}", server.base)
            address = address.replace("{port}", str(server.port))
            result = await fetch_source(
                address,
                validators,
                client=client,
                timeout=timedelta(seconds=timeout),
                max_bytes=max_bytes,
                clock=FrozenClock(),
            )
            return result, server

    return asyncio.run(run())


def code_of(result) -> str:
    assert isinstance(result, Failed), result
    assert 0 < len(result.error.message) <= 500
    assert result.error.message.isprintable()
    return result.error.code


# --- a good source ------------------------------------------------------------


def test_a_document_comes_as_it_was_sent():
    sent = answer(
        FEED, 'ETag: "v1"', "Content-Type: application/rss+xml; charset=utf-8"
    )

    result, server = poll(sent)

    assert result == Fetched(
        url=f"{server.base}/feed",
        body=FEED,
        content_type="application/rss+xml; charset=utf-8",
        validators=Validators(etag='"v1"'),
        body_hash=blake2b(FEED, digest_size=16).digest(),
        fetched_at=NOW,
    )


def test_the_request_says_who_asks_and_what_for():
    _, server = poll(answer())

    assert server.requests[0].startswith(b"GET /feed HTTP/1.1\r\n")
    assert server.header("Host") == server.base.removeprefix("http://").encode()
    agent = b"aggregator/0.1 (+https://news.example.org/)"
    assert server.header("User-Agent") == agent
    assert server.header("Accept-Encoding") == b"gzip, deflate"
    assert b"application/atom+xml" in server.header("Accept")
    assert server.header("Connection") == b"close"
    assert server.header("Cookie") is None
    assert server.header("If-None-Match") is None


def test_a_body_without_length_ends_with_the_connection():
    result, _ = poll(b"HTTP/1.0 200 OK\r\n\r\n" + FEED)

    assert result.body == FEED


def test_a_chunked_body_is_joined():
    chunks = b"5\r\n<rss>\r\n6;x=y\r\n</rss>\r\n0\r\n\r\n"

    result, _ = poll(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    assert result.body == b"<rss></rss>"


def test_a_max_age_is_a_hint_for_the_next_poll():
    result, _ = poll(answer(FEED, "Cache-Control: max-age=900"))

    assert result.fresh_for == timedelta(minutes=15)


def test_a_path_in_cyrillic_is_percent_encoded():
    _, server = poll(answer(), path="/новости?раздел=1")

    assert server.requests[0].startswith(
        b"GET /%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8?%D1%80%D0%B0%D0%B7"
    )


# --- conditional requests -----------------------------------------------------


@pytest.mark.parametrize(
    "etag",
    ['"v1"', 'W/"v1"', "unquoted", '"\xf1\xe2\xee\xe9"', '"a,b"', '"tab\there"'],
    ids=["strong", "weak", "unquoted", "cp1251 bytes", "comma", "tab"],
)
def test_an_etag_goes_back_byte_for_byte(etag):
    """Servers compare bytes; a validator that is tidied up never matches."""
    first, _ = poll(answer(FEED, f"ETag: {etag}"))
    _, server = poll(answer(), validators=first.validators)

    assert server.header("If-None-Match") == etag.encode("latin-1")


def test_last_modified_goes_back_even_when_it_is_no_date():
    odd = "Вчера, 12:00".encode().decode("latin-1").replace("\x92", "x")

    first, _ = poll(answer(FEED, f"Last-Modified: {odd}"))
    _, server = poll(answer(), validators=first.validators)

    assert server.header("If-Modified-Since") == odd.encode("latin-1")


@pytest.mark.parametrize(
    "etag",
    ["x" * 1025, "a\r\nCookie: b", "a\x00b", " ", "", "имя"],
    ids=["long", "line break", "NUL", "blank", "empty", "not latin-1"],
)
def test_validators_that_cannot_be_sent_are_dropped(etag):
    result, server = poll(answer(), validators=Validators(etag=etag))

    assert isinstance(result, Fetched)
    assert server.header("If-None-Match") is None
    assert server.header("Cookie") is None


def test_a_huge_etag_is_not_kept():
    result, _ = poll(answer(FEED, f"ETag: {'x' * 5000}"))

    assert result.validators == Validators()


def test_not_modified_costs_no_body():
    result, _ = poll(
        b"HTTP/1.1 304 Not Modified\r\n\r\n", validators=Validators(etag='"v1"')
    )

    assert result == NotModified(validators=Validators(), fetched_at=NOW)


def test_a_304_refreshes_the_validators_it_carries():
    result, _ = poll(
        b'HTTP/1.1 304 Not Modified\r\nETag: "v2"\r\nCache-Control: max-age=60\r\n\r\n',
        validators=Validators(etag='"v1"', last_modified="yesterday"),
    )

    assert result.validators == Validators(etag='"v2"', last_modified=None)
    assert result.fresh_for == timedelta(minutes=1)


def test_a_304_that_nobody_asked_for_is_a_fault():
    """Else a source without any stored entry would look healthy for ever."""
    result, _ = poll(b"HTTP/1.1 304 Not Modified\r\n\r\n")

    assert code_of(result) == "protocol"


# --- statuses -----------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [201, 204, 206, 300, 305, 400, 401, 403, 404, 410, 418, 429, 500, 503]
)
def test_every_other_status_is_a_failure(status):
    result, _ = poll(f"HTTP/1.1 {status} <b>x</b>\r\n\r\n".encode())

    assert code_of(result) == f"http_{status}"
    assert "<b>" not in result.error.message
    assert result.error.retry_at is None


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize(
    "sent",
    [
        lambda status: answer(b"no", "CF-Mitigated: challenge", status=status),
        lambda status: answer(
            b"<title>Just a moment...</title>" + b" " * 100_000, status=status
        ),
        lambda status: answer(
            gzip.compress(b"<script src='/__qrator/qauth.js'>"),
            "Content-Encoding: gzip",
            status=status,
        ),
    ],
    ids=["header", "Cloudflare page", "Qrator page, gzip"],
)
def test_a_bot_wall_is_named(status, sent):
    result, _ = poll(sent(f"{status} X"))

    assert code_of(result) == f"http_{status}:challenge"


def test_an_error_page_that_never_ends_keeps_its_status():
    result, _ = poll(drip(b"HTTP/1.1 403 X\r\n\r\n"), timeout=10)

    assert code_of(result) == "http_403"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        (["Retry-After: 120"], timedelta(minutes=2)),
        (["Retry-After: 99999999999"], timedelta(hours=24)),
        (
            [
                "Date: Sun, 01 Jan 2023 00:00:00 GMT",
                "Retry-After: Sun, 01 Jan 2023 01:00:00 GMT",
            ],
            timedelta(hours=1),
        ),
        (["Retry-After: Sun, 22 Nov 2026 12:00:30 GMT"], timedelta(seconds=30)),
    ],
    ids=["seconds", "capped", "date by the server's clock", "date by ours"],
)
def test_retry_after_is_told(status, headers, delay):
    result, _ = poll(answer(b"later", *headers, status=f"{status} X"))

    assert code_of(result) == f"http_{status}"
    assert result.error.retry_at == NOW + delay


@pytest.mark.parametrize(
    "value",
    ["-5", "0", "soon", "", "1e3", "Sun, 22 Nov 2020 12:00:00 GMT", "9" * 5000],
)
def test_retry_after_that_makes_no_sense_is_not_honoured(value):
    result, _ = poll(answer(b"", f"Retry-After: {value}", status="429 X"))

    capped = NOW + timedelta(hours=24) if value.startswith("99") else None
    assert result.error.retry_at == capped


# --- codings ------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(FEED)),
        ("x-gzip", gzip.compress(FEED)),
        ("GZIP, identity", gzip.compress(FEED)),
        ("deflate", zlib.compress(FEED)),
        ("deflate", raw_deflate(FEED)),
        ("gzip", gzip.compress(FEED[:20]) + gzip.compress(FEED[20:])),
        ("identity", FEED),
        ("", FEED),
    ],
    ids=["gzip", "x", "caps", "zlib", "raw", "two members", "identity", "empty"],
)
def test_codings_are_undone(coding, body):
    result, _ = poll(answer(body, f"Content-Encoding: {coding}"))

    assert result.body == FEED


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/sitemap.xml.gz", ["Content-Type: text/xml"]),
        ("/feed", ["Content-Type: application/gzip"]),
        ("/feed", ["Content-Type: application/x-gzip; charset=utf-8"]),
    ],
)
def test_a_compressed_file_is_unpacked(path, headers):
    result, _ = poll(answer(gzip.compress(FEED), *headers), path=path)

    assert result.body == FEED


def test_a_compressed_file_in_a_coding():
    packed = gzip.compress(gzip.compress(FEED))

    result, _ = poll(answer(packed, "Content-Encoding: gzip"), path="/sitemap.xml.gz")

    assert result.body == FEED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b"x" * 2_000_000), "too_large"),
        (gzip.compress(FEED)[:-12], "truncated"),
        (gzip.compress(FEED)[:-8] + b"\0" * 8, "decode"),
        (gzip.compress(b" \n"), "empty"),
    ],
    ids=["bomb", "cut", "broken", "empty"],
)
def test_a_compressed_file_that_is_none(body, code):
    result, _ = poll(answer(body), path="/sitemap.xml.gz")

    assert code_of(result) == code


def test_gzip_that_nothing_announces_stays_as_it_is():
    """The parser says what it is: a gzip archive."""
    packed = gzip.compress(FEED)

    result, _ = poll(answer(packed, "Content-Type: application/rss+xml"))

    assert result.body == packed


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"\x8b\x02\x80<rss>\x03"),
        ("zstd", b"(\xb5/\xfd"),
        ("gzip, gzip", gzip.compress(gzip.compress(FEED))),
        ("utf-8", FEED),
        ("gzip", FEED),
        ("gzip", gzip.compress(FEED)[:-8] + b"\0" * 8),
        ("deflate", b"\xff" * 50),
    ],
    ids=["br", "zstd", "chained", "unknown", "plain text", "checksum", "garbage"],
)
def test_codings_that_were_not_asked_for_or_are_broken(coding, body):
    result, _ = poll(answer(body, f"Content-Encoding: {coding}"))

    assert code_of(result) == "decode"


def test_a_repeated_coding_header_is_a_chain():
    body = gzip.compress(gzip.compress(FEED))

    result, _ = poll(answer(body, "Content-Encoding: gzip", "Content-Encoding: gzip"))

    assert code_of(result) == "decode"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_stopped_at_the_limit(coding):
    compress = gzip.compress if coding == "gzip" else zlib.compress
    bomb = compress(b" " * 50_000_000, 9)
    started = time.process_time()

    result, _ = poll(answer(bomb, f"Content-Encoding: {coding}"), max_bytes=1_000_000)

    assert code_of(result) == "too_large"
    assert time.process_time() - started < 0.5


# --- sizes and ends -----------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (answer(b"x" * 1001), "too_large"),
        (answer(b"x")[:-1].replace(b": 1\r", b": 5000\r"), "too_large"),
        (answer(b"x")[:-1].replace(b": 1\r", b": 99999999999999\r"), "too_large"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1001, "too_large"),
        (answer(gzip.compress(b"x" * 1001), "Content-Encoding: gzip"), "too_large"),
        (answer(FEED)[:-1], "truncated"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<rss>\r\n",
            "truncated",
        ),
        (
            answer(gzip.compress(FEED)[:-9], "Content-Encoding: gzip"),
            "truncated",
        ),
        (
            answer(
                gzip.compress(FEED) + gzip.compress(FEED)[:12], "Content-Encoding: gzip"
            ),
            "truncated",
        ),
        (answer(zlib.compress(FEED)[:-5], "Content-Encoding: deflate"), "truncated"),
        (answer(b""), "empty"),
        (answer(b" \r\n\t "), "empty"),
        (answer(b"", "Content-Encoding: gzip"), "empty"),
        (answer(gzip.compress(b""), "Content-Encoding: gzip"), "empty"),
    ],
    ids=[
        "large, declared",
        "large, announced",
        "very large, announced",
        "large, undeclared",
        "large, inflated",
        "cut",
        "cut chunks",
        "cut gzip",
        "cut second member",
        "cut deflate",
        "no byte",
        "blanks",
        "no byte, gzip",
        "gzip of nothing",
    ],
)
def test_bodies_that_are_not_whole_or_too_much(sent, code):
    result, _ = poll(sent, max_bytes=1000)

    assert code_of(result) == code


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_of_just_the_limit_passes(coding):
    body = b"x" * 1000 if coding == "identity" else gzip.compress(b"x" * 1000)

    result, _ = poll(answer(body, f"Content-Encoding: {coding}"), max_bytes=1000)

    assert len(result.body) == 1000


def test_a_reset_in_the_body_is_a_cut_document():
    async def reset(writer):
        writer.write(answer(FEED)[:-10])
        await writer.drain()
        await asyncio.sleep(0.05)
        linger = b"\x01\0\0\0\0\0\0\0"
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    result, _ = poll(reset)

    assert code_of(result) == "truncated"


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>secret payload</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nsecret header\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nX: " + b"secret" * 30_000 + b"\r\n\r\n<rss>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n<rss>",
        b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 60_000 + b"\r\n\r\n",
    ],
    ids=[
        "ssh",
        "html",
        "lengths",
        "length",
        "negative",
        "transfer coding",
        "header",
        "long header",
        "chunk",
        "endless hints",
    ],
)
def test_what_is_not_http(sent):
    async def again_and_again(writer):
        while True:
            writer.write(sent)
            await writer.drain()

    result, _ = poll(again_and_again if b" 103 " in sent else sent)

    assert code_of(result) == "protocol"
    assert "secret" not in result.error.message


def test_a_body_in_chunks_of_a_byte_is_given_up():
    """Each costs 15 microseconds of everybody's event loop."""
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    result, _ = poll(sent + b"1\r\nx\r\n" * 50_100, timeout=30)

    assert code_of(result) == "protocol"


# --- time ---------------------------------------------------------------------


def drip(head: bytes, piece: bytes = b"x"):
    async def dripping(writer):
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)

    return dripping


async def silence(writer):
    await asyncio.sleep(30)


async def endless(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    "behaviour",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "headers", "body", "chunks", "continue"],
)
def test_one_deadline_for_all(behaviour):
    """A byte now and then is no sign of life."""
    started = time.monotonic()

    result, _ = poll(behaviour, timeout=0.3)

    assert code_of(result) == "timeout"
    assert time.monotonic() - started < 10


def test_an_endless_body_ends_at_the_limit():
    result, _ = poll(endless, max_bytes=100_000)

    assert code_of(result) == "too_large"


def test_redirects_share_the_deadline():
    async def late(writer):
        await asyncio.sleep(0.12)
        hop = f"/{time.monotonic_ns()}"
        writer.write(redirect(hop))

    result, _ = poll(late, timeout=0.4)

    assert code_of(result) == "timeout"


def test_cancelling_is_not_swallowed():
    async def run():
        async with (
            Server(silence) as server,
            Client(user_agent="x", allow_private=LOOPBACK) as client,
        ):
            fetching = asyncio.create_task(
                fetch_source(
                    server.base,
                    Validators(),
                    client=client,
                    timeout=timedelta(seconds=30),
                    max_bytes=1000,
                    clock=FrozenClock(),
                )
            )
            await server.asked.wait()
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching

    asyncio.run(run())


# --- connections and names ----------------------------------------------------


async def hang_up(writer):
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
def test_no_answer_is_a_failed_connection(sent):
    result, _ = poll(sent)

    assert code_of(result) == "connect"


@pytest.mark.parametrize("sent", [b"SSH-2.0-x\r\n", b"<html>", b"\n"])
def test_another_protocol_is_named_although_the_server_hangs_up(sent):
    result, _ = poll(sent)

    assert code_of(result) == "protocol"


def test_a_refused_connection():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        result, _ = poll(answer(), url=f"http://127.0.0.1:{port}/")

    assert code_of(result) == "connect"
    assert "refused" in result.error.message


def resolver(*addresses: str, error: Exception | None = None):
    async def resolve(host, port):
        if error is not None:
            raise error
        return [ip_address(address) for address in addresses]

    return resolve


@pytest.mark.parametrize(
    "error",
    [socket.gaierror(-2, "Name or service not known"), TimeoutError(), UnicodeError()],
    ids=["unknown", "silent", "label too long"],
)
def test_a_name_without_address(error):
    result, _ = poll(
        answer(), url="http://news.invalid/", resolve=resolver(error=error)
    )

    assert code_of(result) == "dns"
    assert "news.invalid" in result.error.message


def test_a_name_with_an_empty_answer():
    result, _ = poll(answer(), url="http://news.invalid/", resolve=resolver())

    assert code_of(result) == "dns"


def test_the_name_stays_in_the_host_header_in_punycode():
    result, server = poll(
        answer(),
        url="http://новости.рф:{port}/лента",
        resolve=resolver("127.0.0.1"),
    )

    assert isinstance(result, Fetched)
    host = f"xn--b1amnebsh.xn--p1ai:{server.port}".encode()
    assert server.header("Host") == host


def test_the_next_address_is_tried_when_the_first_is_dead():
    result, _ = poll(
        answer(),
        url="http://news.example:{port}/",
        resolve=resolver("127.0.0.2", "127.0.0.1"),
    )

    assert isinstance(result, Fetched)


# --- the guard ----------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ],
)
def test_a_name_that_leads_inside_is_blocked(address, caplog):
    """Only loopback is allowed here; nothing else private comes with it."""
    caplog.set_level(logging.INFO)

    result, server = poll(
        answer(), url="http://rebind.example:{port}/", resolve=resolver(address)
    )

    assert code_of(result) == "blocked"
    assert address not in result.error.message
    assert str(ip_address(address)) in caplog.text
    assert server.requests == []


def test_one_bad_address_among_good_ones_blocks_the_name():
    result, server = poll(
        answer(),
        url="http://rebind.example:{port}/",
        resolve=resolver("127.0.0.1", "10.0.0.1"),
    )

    assert code_of(result) == "blocked"
    assert server.requests == []


def test_a_name_is_looked_up_once_for_each_connection():
    """What was checked is what is connected: a second answer is never asked for."""
    answers = iter([[ip_address("127.0.0.1")], [ip_address("10.0.0.1")]])

    async def rebinding(host, port):
        return next(answers)

    result, _ = poll(answer(), url="http://rebind.example:{port}/", resolve=rebinding)

    assert isinstance(result, Fetched)


def test_loopback_is_blocked_unless_allowed():
    result, server = poll(answer(), allow_private=())

    assert code_of(result) == "blocked"
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "//example.org/",
        "example.org/rss",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:99999/",
        "http://example.org:99999999999999999999/",
        "http://",
        "http://[::1/",
        "http://a b/",
        "http://example.org:port/",
        "",
    ],
)
def test_what_is_no_address_of_ours_is_blocked(url):
    async def resolve(host, port):
        raise AssertionError("looked up")

    result, _ = poll(answer(), url=url or " ", resolve=resolve)

    assert code_of(result) == "blocked"


# --- redirects ----------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["{base}/new", "/new", "new", "//127.0.0.1:{p}/new"]
)
def test_redirects_are_followed(status, location):
    async def hop(writer):
        port = writer.get_extra_info("sockname")[1]
        base = f"http://127.0.0.1:{port}"
        target = location.replace("{base}", base).replace("{p}", str(port))
        writer.write(redirect(target, f"{status} X"))

    result, server = poll(hop, answer(FEED, 'ETag: "new"'))

    assert result.url == f"{server.base}/new"
    assert result.validators.etag == '"new"'
    assert result.body == FEED


@pytest.mark.parametrize(
    ("hops", "permanent"),
    [
        ((), False),
        ((301,), True),
        ((308,), True),
        ((301, 308, 301), True),
        ((302,), False),
        ((303,), False),
        ((307,), False),
        ((301, 302), False),
        ((307, 308), False),
    ],
)
@pytest.mark.parametrize(
    "last", [answer(FEED), b"HTTP/1.1 304 Not Modified\r\n\r\n"], ids=["200", "304"]
)
def test_a_chain_of_permanent_redirects_alone_says_where_the_source_is(
    hops, permanent, last
):
    answers = [
        redirect(f"/{number}?a=1#top", f"{status} X")
        for number, status in enumerate(hops)
    ]

    result, server = poll(*answers, last, validators=Validators(etag='"v1"'))

    there = f"{server.base}/{len(hops) - 1}?a=1"
    assert result.permanent_url == (there if permanent else None)


def test_where_the_source_is_can_be_written_into_feeds_yaml():
    location = "/новая лента?q=а б\u00a0в"

    result, server = poll(redirect(location, "301 X"), answer())

    expected = f"{server.base}/новая%20лента?q=а%20б%C2%A0в"
    assert result.permanent_url == expected == web_address(expected)


def test_ten_redirects_are_followed():
    hops = [redirect(f"/{n}") for n in range(10)]

    result, server = poll(*hops, answer())

    assert isinstance(result, Fetched)
    assert len(server.requests) == 11


def test_the_eleventh_redirect_is_not():
    hops = [redirect(f"/{n}") for n in range(11)]

    result, server = poll(*hops, answer())

    assert code_of(result) == "redirect:limit"
    assert len(server.requests) == 11


@pytest.mark.parametrize("location", ["/feed", "{base}/feed#top", "/../feed"])
def test_a_redirect_to_itself_is_a_loop(location):
    result, server = poll(redirect(location))

    assert code_of(result) == "redirect:loop"
    assert len(server.requests) == 1


def test_a_longer_loop():
    result, _ = poll(redirect("/a"), redirect("/b"), redirect("/a"))

    assert code_of(result) == "redirect:loop"


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::1]/",
        "http://[fd00:ec2::254]/",
        "http://[64:ff9b::a00:1]/",
        "http://0.0.0.0/",
        "http://0x0a.0.0.1/",
        "http://167772161/",
        "http://012.0.0.1/",
        "http://10.1/",
        "https://10.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/_x",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
    ],
)
def test_redirects_cannot_leave_the_public_network(location):
    result, server = poll(redirect(location))

    assert code_of(result) == "blocked"
    assert len(server.requests) == 1
    assert not re.search(r"\d\.\d|::|fd00|1677", result.error.message)


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "http://user:secret@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://",
        "http:///x",
        "http://[::1/",
        "http://127.0.0.1:port/",
        "http://a b/",
        "http://exa\tmple/",
        "http://%00/",
        "http://" + "x" * 70_000,
    ],
)
def test_redirects_to_what_is_no_address(location):
    result, server = poll(redirect(location))

    assert code_of(result) == "redirect:target"
    assert "secret" not in result.error.message
    assert len(server.requests) == 1


def test_a_redirect_without_location():
    result, _ = poll(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")

    assert code_of(result) == "protocol"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/лента".encode(), b"/%D0%BB%D0%B5%D0%BD%D1%82%D0%B0"),
        ("/лента".encode("cp1251"), b"/%EB%E5%ED%F2%E0"),
        (b"/a b", b"/a%20b"),
        (b"/a%0d%0aCookie:%20x", b"/a%0d%0aCookie:%20x"),
        (b"/a%20b?c=%D0%BB", b"/a%20b?c=%D0%BB"),
    ],
    ids=["utf-8", "cp1251", "space", "escaped line break", "escaped"],
)
def test_odd_bytes_in_location(location, target):
    _, server = poll(redirect(location), answer())

    assert server.requests[1].split(b" ")[1] == target
    assert server.header("Cookie") is None


def test_the_body_of_a_redirect_is_not_read():
    async def bomb(writer):
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /new\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    result, _ = poll(bomb, answer(), timeout=5)

    assert isinstance(result, Fetched)


def test_validators_go_with_every_hop():
    """They are those of the last answer, so it is the last hop that needs them."""
    result, server = poll(
        redirect("/new"),
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        validators=Validators(etag='"v1"'),
    )

    assert isinstance(result, NotModified)
    assert server.header("If-None-Match", 1) == b'"v1"'


def test_no_cookie_is_sent_back():
    _, server = poll(
        redirect("/new").replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n"),
        answer(),
    )

    assert server.header("Cookie", 1) is None


def test_every_request_has_a_connection_of_its_own():
    """An answer that nobody asked for must not become the next one's."""
    poison = answer(b"<rss>POISON</rss>")

    result, _ = poll(redirect("/new") + poison, answer())

    assert result.body == FEED


# --- credentials --------------------------------------------------------------


def test_credentials_of_the_address_are_sent_and_not_shown():
    result, server = poll(answer(), url="http://us%40er:p%3Ass@127.0.0.1:{port}/")

    assert server.header("Authorization") == b"Basic dXNAZXI6cDpzcw=="
    assert "@" not in server.header("Host").decode()
    assert result.url == f"{server.base}/"


def test_credentials_stay_on_their_own_host():
    async def run():
        async with (
            Server(answer()) as other,
            Server(redirect("/again"), redirect(f"{other.base}/x")) as server,
            Client(user_agent="x", allow_private=LOOPBACK) as client,
        ):
            result = await fetch_source(
                server.base.replace("//", "//user:secret@"),
                Validators(),
                client=client,
                timeout=timedelta(seconds=5),
                max_bytes=1000,
                clock=FrozenClock(),
            )
            return result, server, other

    result, server, other = asyncio.run(run())

    assert isinstance(result, Fetched)
    assert server.header("Authorization", 1) == b"Basic dXNlcjpzZWNyZXQ="
    assert other.header("Authorization") is None


def test_a_failure_does_not_name_the_password():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        result, _ = poll(answer(), url=f"http://user:secret@127.0.0.1:{port}/")

    assert code_of(result) == "connect"
    assert "secret" not in result.error.message
