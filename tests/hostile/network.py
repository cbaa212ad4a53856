"""Below the document: statuses, connections, redirects, codings, headers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Callable

from tests.hostile.behaviour import (
    HOME,
    TRAP,
    Answer,
    Behaviour,
    Exchange,
    Serve,
    fails,
    feed,
    gives,
    item,
    rss,
)

#: Longer than anybody waits here.
FOR_EVER = 3600.0


def raw(*pieces: bytes, then: Callable[[Exchange], None] | None = None) -> Serve:
    """Sends bytes as they are, then closes."""

    async def serve(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(exchange.filled(piece))
        if then is not None:
            then(exchange)

    return serve


def forever(first: bytes, again: bytes, *, pause: float = 0.0) -> Serve:
    """Sends ``first``, then ``again`` for ever."""

    async def serve(exchange: Exchange) -> None:
        await exchange.send(first)
        while True:
            await exchange.send(again)
            await asyncio.sleep(pause)

    return serve


async def silence(exchange: Exchange) -> None:
    await asyncio.sleep(FOR_EVER)


def reset(exchange: Exchange) -> None:
    """End the connection with RST, whatever was sent."""
    connection: socket.socket = exchange.writer.get_extra_info("socket")
    no_lingering = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
    exchange.writer.transport.abort()


def status(code: str, body: bytes = b"no", **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status=code, body=body, content_type="text/html", headers=named)


def with_header(name: str, header: str, value: str) -> Answer:
    return Answer(body=feed(name), headers=((header, value),))


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", *lines)) + b"\r\n\r\n"


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = head(b"Transfer-Encoding: chunked")
WALL = b"<html><title>Just a moment...</title><script src='/cdn-cgi/challenge-platform/x'></script>"

STATUSES = [
    fails("status_401", status("401 Unauthorized", WWW_Authenticate="Basic"), "http_401"),
    fails("status_403", status("403 Forbidden"), "http_403"),
    fails("status_403_challenge", status("403 Forbidden", WALL), "http_403:challenge"),
    fails("status_404_feed", Answer(status="404 Not Found", body=feed("404")), "http_404"),
    fails("status_410", status("410 Gone"), "http_410"),
    fails("status_418_markup", status("418 <script>alert(1)</script>"), "http_418"),
    fails("status_429", status("429 Slow", Retry_After="3600"), "http_429"),
    fails("status_429_bad", status("429 Slow", Retry_After="-1"), "http_429"),
    fails(
        "status_429_digits", status("429 Slow", Retry_After="9" * 5000), "http_429"
    ),
    fails("status_500", status("500 Oops"), "http_500"),
    fails("status_503_retry", status("503 Wait", Retry_After="60"), "http_503"),
    fails("status_503_challenge", status("503 Wait", WALL), "http_503:challenge"),
    fails("status_503_drip", forever(
        b"HTTP/1.1 503 No\r\nContent-Length: 1000000\r\n\r\n", b"x", pause=0.05
    ), "http_503"),
    fails("status_204", status("204 Empty", b""), "http_204"),
    fails("status_206", Answer(status="206 Part", body=feed("206")), "http_206"),
    fails("status_304_unasked", raw(b"HTTP/1.1 304 Same\r\n\r\n"), "protocol"),
    fails("status_100_forever", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "protocol"),
    fails("status_101", raw(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "protocol"),
    fails("status_599", status("599 Odd"), "http_599"),
    fails("status_000", raw(b"HTTP/1.1 000 None\r\n\r\n"), "protocol"),
    fails("status_99999", raw(b"HTTP/1.1 99999 Many\r\n\r\n"), "protocol"),
]  # fmt: skip

CONNECTIONS = [
    fails("conn_refused", b"", "connect", url="http://127.0.250.1:1/feed"),
    fails("conn_reset", raw(then=reset), "connect"),
    fails("conn_closed", raw(), "connect"),
    fails("conn_reset_in_body", raw(head(b"Content-Length: 9999") + b"<rss>", then=reset), "truncated"),
    fails("conn_silence", silence, "timeout"),
    fails("conn_ssh", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    fails("conn_http09", raw(feed("http09")), "protocol"),
    fails("tls_plain_http", feed("tls"), "tls", url="https://home.test/feed"),
    fails("drip_headers", forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause=0.1), "timeout"),
    fails("drip_body", forever(head(b"Content-Length: 99999") + b"<rss>", b" ", pause=0.1), "timeout"),
    fails("drip_chunked", forever(CHUNKED, chunks(b" "), pause=0.1), "timeout"),
    fails("endless_body", forever(head(), b"<item/>" * 5000), "too_large"),
    fails("endless_chunked", forever(CHUNKED, chunks(b" " * 50_000)), "too_large"),
    fails("endless_tiny_chunks", forever(CHUNKED, chunks(b" ") * 5000), "protocol"),
    fails("endless_trailer", forever(CHUNKED + b"0\r\n", b"X: y\r\n" * 5000), "protocol"),
    fails("endless_chunk_extension", forever(CHUNKED + b"5;", b"x" * 50_000), "protocol"),
    fails("chunk_bad_size", raw(CHUNKED + b"zz\r\n"), "protocol"),
    fails("chunk_negative", raw(CHUNKED + b"-5\r\nhello\r\n"), "protocol"),
    fails("chunk_huge", raw(CHUNKED + b"f" * 15 + b"\r\n<rss>"), "truncated"),
    fails("chunk_cut", raw(CHUNKED + chunks(feed("chunk_cut"))), "truncated"),
    fails("length_short", raw(head(b"Content-Length: 5000") + feed("short")), "truncated"),
    gives("length_behind", raw(head(b"Content-Length: %d" % len(feed("length_behind"))) + feed("length_behind") + b"junk")),
    fails("length_conflict", raw(head(b"Content-Length: 5", b"Content-Length: 6") + b"<rss/>"), "protocol"),
    fails("length_negative", raw(head(b"Content-Length: -1") + b"<rss/>"), "protocol"),
    fails("length_words", raw(head(b"Content-Length: many") + b"<rss/>"), "protocol"),
    fails("length_huge", raw(head(b"Content-Length: 10000000000") + b"<rss/>"), "too_large"),
    fails("length_digits", raw(head(b"Content-Length: " + b"9" * 5000) + b"<rss/>"), "protocol"),
    gives("length_and_chunked", raw(head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + chunks(feed("length_and_chunked"), b""))),
    fails("transfer_unknown", raw(head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"), "protocol"),
    gives("poison", raw(*[head(b"Content-Length: %d" % len(feed("poison"))) + feed("poison"), head(b"Content-Length: 5") + b"POISON"])),
]  # fmt: skip


# --- redirects -----------------------------------------------------------------------


def to(location: str, code: str = "302 Found") -> Serve:
    """From /feed elsewhere; any other path of the server has a feed."""

    async def serve(exchange: Exchange) -> None:
        if exchange.path == "/feed":
            where = exchange.filled(location.encode("latin-1")).decode("latin-1")
            where = where.replace("PORT", str(exchange.port))
            await exchange.answer(Answer(status=code, headers=(("Location", where),)))
        else:
            name = exchange.path.strip("/").partition("?")[0]
            await exchange.answer(Answer(body=feed(name)))

    return serve


async def _hop(exchange: Exchange) -> None:
    number = (
        int(exchange.path.removeprefix("/hop") or 0) if "hop" in exchange.path else 0
    )
    location = (("Location", f"/hop{number + 1}"),)
    await exchange.answer(Answer(status="302 Found", headers=location))


async def _cookie(exchange: Exchange) -> None:
    """A cookie set on the way must not come back."""
    if exchange.path == "/feed":
        headers = (("Set-Cookie", "a=b; Path=/"), ("Location", "/cookie"))
        await exchange.answer(Answer(status="302 Found", headers=headers))
    elif "cookie" in exchange.headers:
        await exchange.answer(status("500 Cookie"))
    else:
        await exchange.answer(Answer(body=feed("cookie_redirect")))


async def _captive(exchange: Exchange) -> None:
    if exchange.path == "/feed":
        headers = (("Location", "/login"),)
        await exchange.answer(Answer(status="301 Moved Permanently", headers=headers))
    else:
        await exchange.answer(Answer(body=b"<!doctype html><title>Wi-Fi</title><form>"))


def blocked(name: str, location: str) -> Behaviour:
    return fails(f"redirect_{name}", to(location), "blocked")


REDIRECTS = [
    gives("redirect_301", to("/redirect_301", "301 Moved")),
    gives("redirect_303", to(f"{HOME}/redirect_303?x=1#y", "303 See")),
    gives("redirect_308", to("./redirect_308", "308 Moved")),
    fails("redirect_loop", to("/feed"), "redirect:loop"),
    fails("redirect_eleven", _hop, "redirect:limit"),
    fails("redirect_nowhere", status("302 Found"), "protocol"),
    fails("redirect_empty", to(""), "redirect:target"),
    fails("redirect_control", raw(b"HTTP/1.1 302 F\r\nLocation: /a\x01b\r\n\r\n"), "redirect:target"),
    fails("redirect_credentials", to("http://user:word@127.0.0.1:PORT/"), "redirect:target"),
    fails("redirect_no_host", to("http:///feed"), "redirect:target"),
    fails("redirect_bad_name", to("http://a..b/"), "dns"),
    fails("redirect_long", to("/" + "a" * 300_000), "protocol"),
    fails("redirect_captive", _captive, "not_a_feed:html"),
    gives("cookie_redirect", _cookie),
    blocked("trap", f"{TRAP}/"),
    fails("redirect_trap_backslash", to("http://127.0.0.1:PORT\\@127.66.6.6:PORT/"), "redirect:target"),
    blocked("trap_number", "http://2135033350:PORT/"),
    blocked("trap_hex", "http://0x7f.66.6.6:PORT/"),
    blocked("trap_octal", "http://0177.66.6.6:PORT/"),
    blocked("trap_short", "http://127.66.1542:PORT/"),
    blocked("trap_mapped", "http://[::ffff:127.66.6.6]:PORT/"),
    fails("redirect_trap_wide_digits", to("http://127.66.6.６:PORT/".encode().decode("latin-1")), "redirect:target"),
    blocked("ipv6_loopback", "http://[::1]:PORT/"),
    blocked("zero", "http://0.0.0.0:PORT/"),
    blocked("ten", "http://10.0.0.1/"),
    blocked("metadata", "http://169.254.169.254/latest/meta-data/"),
    blocked("ula", "http://[fd00:ec2::254]/"),
    blocked("nat64", "http://[64:ff9b::7f42:606]:PORT/"),
    blocked("6to4", "http://[2002:7f42:606::]:PORT/"),
    blocked("port_99999", "http://127.0.0.1:99999/"),
    blocked("port_0", "http://127.0.0.1:0/"),
    blocked("file", "file:///etc/passwd"),
    blocked("ftp", "ftp://127.66.6.6/"),
    blocked("gopher", "gopher://127.66.6.6:PORT/_x"),
    blocked("javascript", "javascript:alert(1)"),
    blocked("data", "data:application/rss+xml,<rss/>"),
]  # fmt: skip


# --- codings -------------------------------------------------------------------------


def coded(coding: str, body: bytes) -> Answer:
    return Answer(body=body, headers=(("Content-Encoding", coding),))


def deflated(data: bytes) -> bytes:
    """A bare deflate stream."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


def bomb(start: bytes, megabytes: int) -> bytes:
    """``start``, then so much white space, in a thousandth of the size (zlib format)."""
    packer = zlib.compressobj(9)
    packed = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    # Blocks of a full flush know nothing of each other, so one serves many times.
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return packed + block * megabytes


def gzip_bomb(megabytes: int) -> bytes:
    return gzip.compress(b"")[:10] + bomb(b"<rss>", megabytes)[2:]


CODINGS = [
    gives("coding_gzip", coded("gzip", gzip.compress(feed("coding_gzip")))),
    gives("coding_deflate", coded("deflate", zlib.compress(feed("coding_deflate")))),
    gives("coding_bare_deflate", coded("deflate", deflated(feed("coding_bare_deflate")))),
    gives("coding_members", coded("gzip", gzip.compress(feed("coding_members")[:50]) + gzip.compress(feed("coding_members")[50:]))),
    gives("coding_case", coded("GZip, identity", gzip.compress(feed("coding_case")))),
    fails("coding_cut", coded("gzip", gzip.compress(feed("coding_cut"))[:-12]), "truncated"),
    fails("coding_no_checksum", coded("gzip", gzip.compress(feed("coding_sum"))[:-8] + bytes(8)), "decode"),
    fails("coding_lie", coded("gzip", feed("coding_lie")), "decode"),
    fails("coding_unsaid", gzip.compress(feed("coding_unsaid")), "not_a_feed:binary"),
    fails("coding_br", coded("br", b"\x0b\x02\x80<rss>\x03"), "decode"),
    fails("coding_zstd", coded("zstd", b"\x28\xb5\x2f\xfd"), "decode"),
    fails("coding_chain", coded("gzip, gzip", gzip.compress(gzip.compress(b"<rss/>"))), "decode"),
    fails("bomb_gzip", coded("gzip", gzip_bomb(2000)), "too_large"),
    fails("bomb_deflate", coded("deflate", bomb(b"<rss>", 1000)), "too_large"),
    fails("bomb_members", coded("gzip", gzip.compress(b"") * 5000), "decode"),
]  # fmt: skip


# --- headers -------------------------------------------------------------------------

HEADERS = [
    fails("header_huge", with_header("header_huge", "X-Big", "a" * 300_000), "protocol"),
    fails("header_many", raw(head(*[b"X-%d: y" % n for n in range(50_000)])), "protocol"),
    fails("header_nul", raw(head(b"X: a\0b") + b"<rss/>"), "protocol"),
    fails("header_no_colon", raw(head(b"nonsense") + b"<rss/>"), "protocol"),
    gives("header_8bit", with_header("header_8bit", "X", "\xff\xfe")),
    gives("header_bare_lf", raw(b"HTTP/1.1 200 OK\nX: y\n\n" + feed("header_bare_lf"))),
    gives("header_cookies", Answer(body=feed("header_cookies"), headers=tuple(("Set-Cookie", f"c{n}=" + "x" * 4000) for n in range(14)))),
    gives("header_age", Answer(body=feed("header_age"), headers=(("Cache-Control", "max-age=" + "9" * 400), ("Expires", "Thu, 99 Foo"), ("Age", "-5")))),
    gives("type_missing", Answer(body=feed("type_missing"), content_type=None)),
    gives("type_html", Answer(body=feed("type_html"), content_type="text/html; charset=")),
    gives("type_nonsense", Answer(body=feed("type_nonsense"), content_type=";;;charset=\"x" + "=" * 5000)),
    gives("disposition", with_header("disposition", "Content-Disposition", 'attachment; filename="../../feed.atom"')),
]  # fmt: skip


async def _endless_redirect(exchange: Exchange) -> None:
    """A redirect whose own body never ends."""
    if exchange.path == "/feed":
        await exchange.send(b"HTTP/1.1 302 F\r\nLocation: /x\r\n\r\n")
        while True:
            await exchange.send(b" " * 65536)
    await exchange.answer(Answer(body=feed("redirect_endless_body")))


async def _bomb_redirect(exchange: Exchange) -> None:
    if exchange.path == "/feed":
        headers = (("Content-Encoding", "gzip"), ("Location", "/x"))
        answer = Answer(status="302 F", headers=headers, body=gzip_bomb(1000))
        await exchange.answer(answer)
    else:
        await exchange.answer(Answer(body=feed("bomb_redirect")))


OTHER = [
    gives("redirect_endless_body", _endless_redirect),
    gives("bomb_redirect", _bomb_redirect),
    gives("size_just_fits", rss(item("size_just_fits"), channel="<x>" + "y" * 1_900_000 + "</x>")),
    fails("size_over", rss(item("size_over"), channel="<x>" + "y" * 2_000_000 + "</x>"), "too_large"),
]  # fmt: skip

BEHAVIOURS = [*STATUSES, *CONNECTIONS, *REDIRECTS, *CODINGS, *HEADERS, *OTHER]
