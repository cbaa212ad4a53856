"""The HTTP client: one guarded connection for each request, never used twice.

The only module that knows httpx and h11. ``httpx.AsyncBaseTransport`` is the boundary:
a faster transport goes below it, and tests may put ``MockTransport`` there.
``httpx.AsyncClient`` stays out: its cookies, redirects and authentication are what we
must not have, and they cost 0.1 ms a request. So does httpcore: what it does between a
pool and h11 is not needed for a connection that is used once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import ssl
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import h11

# httpx imports its own command line, with click, rich and pygments, whenever those are
# installed: 65 of its 105 ms.
if "httpx" not in sys.modules:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
import httpx

from aggregator.http.errors import BadAddress, RequestFailed
from aggregator.http.guard import (
    PORTS,
    Address,
    Network,
    bad_port,
    is_allowed,
    parse_address,
)
from aggregator.http.resolve import Resolver, SystemResolver

log = logging.getLogger(__name__)

#: Seconds for one of several addresses of a host; the last one has all the rest.
CONNECT_DEADLINE = 5.0
#: An answer's headers, or an informational answer (1xx) before them; and all together.
MAX_EVENT_BYTES = 100 * 1024
MAX_HEAD_BYTES = 256 * 1024
#: In one network read.
READ_BYTES = 64 * 1024
#: How every answer begins (RFC 9112, 4).
HTTP = b"HTTP/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer whose body has not been read."""

    status: int
    #: Lower-case names to values as latin-1 text, so byte-exact; repeated ones joined
    #: with ``", "``.
    headers: dict[str, str]
    #: Raw bytes as they come, still compressed; raises RequestFailed.
    body: AsyncIterator[bytes]


class Client:
    """Sends requests that share nothing but the TLS context.

    Proxy variables of the environment are ignored: a proxy looks names up itself,
    and the guard would check nothing.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        allow_private: Sequence[Network] = (),
        resolve: Resolver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._common = [
            (b"User-Agent", _header_bytes(user_agent)),
            (b"Connection", b"close"),
        ]
        self._transport = transport or ConnectionTransport(
            GuardedNetwork(allow_private=allow_private, resolve=resolve)
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._transport.aclose()

    def get(
        self, url: str, headers: Iterable[tuple[str, str]] = ()
    ) -> AbstractAsyncContextManager[Response]:
        """One GET, redirects not followed; header values are latin-1 text.

        Raises RequestFailed with ``dns connect tls protocol blocked`` (BadAddress when
        ``url`` is none); has no time limit of its own. Credentials in ``url`` are not
        sent: they are the caller's to put into a header.
        """
        return self._send("GET", url, headers, None)

    def post(
        self, url: str, content: bytes, headers: Iterable[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Response]:
        """One POST, like `get`; ``headers`` name the content's type."""
        return self._send("POST", url, headers, content)

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        content: bytes | None,
    ) -> AsyncIterator[Response]:
        encoded = [(name.encode("ascii"), _header_bytes(v)) for name, v in headers]
        try:
            request = httpx.Request(
                method, url, headers=self._common + encoded, content=content
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise BadAddress from error
        response = await self._transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            yield Response(
                status=response.status_code,
                headers=_joined(response.headers.raw),
                # Not aiter_raw(): two more generators around every piece.
                body=aiter(stream),
            )
        finally:
            await stream.aclose()


def _header_bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")


def _joined(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class ConnectionTransport(httpx.AsyncBaseTransport):
    """A connection for each request; no pool, no keep-alive.

    A kept connection hands an answer that nobody asked for to the next request of
    that host; httpcore's pool costs 6 ms a request with 100 in flight on one host.
    """

    def __init__(self, network: GuardedNetwork) -> None:
        self._network = network

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        # The system's store, or SSL_CERT_FILE; 19 ms, so only when https comes up.
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        stream = await self._connect(request.url)
        exchange = _Exchange(stream)
        try:
            answer = await exchange.answer(request)
        except BaseException as error:
            stream.close()
            _raise_head_failure(error)
            raise
        stream.bytes_allowed = None
        return httpx.Response(
            answer.status_code,
            headers=answer.headers.raw_items(),
            stream=_Body(exchange, stream),
        )

    async def _connect(self, url: httpx.URL) -> _Stream:
        host = url.raw_host.decode("ascii")
        connection = await self._network.connect(host, url.port or PORTS[url.scheme])
        if url.scheme == "https":
            return await _secured(connection, self._ssl_context, host)
        return _PlainStream(connection)


class _Exchange:
    """One request and its answer, in h11's words, over a stream."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(
            h11.CLIENT, max_incomplete_event_size=MAX_EVENT_BYTES
        )

    async def answer(self, request: httpx.Request) -> h11.Response:
        """Sends the request; the answer's status and headers.

        Raises h11.ProtocolError and OSError.
        """
        # A server may refuse a request before it has read it; its answer is read then.
        with suppress(OSError):
            await self._send(request)
        while not isinstance(event := await self.next_event(), h11.Response):
            pass  # informational (1xx); 101, which nobody asked for, is an error
        return event

    async def _send(self, request: httpx.Request) -> None:
        head = h11.Request(
            method=request.method,
            target=request.url.raw_path,
            headers=request.headers.raw,
        )
        parts = [self._http.send(head)]
        async for piece in cast("AsyncIterable[bytes]", request.stream):
            parts.append(self._http.send(h11.Data(data=piece)))
        parts.append(self._http.send(h11.EndOfMessage()))
        await self._stream.write(b"".join(part for part in parts if part))

    async def next_event(
        self,
    ) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._stream.read(READ_BYTES)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise ConnectionResetError("closed without an answer")
            self._http.receive_data(data)
        return event


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, stream: _Stream) -> None:
        self._exchange = exchange
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while isinstance(event := await self._exchange.next_event(), h11.Data):
                yield bytes(event.data)
        except h11.RemoteProtocolError as error:
            if self._stream.ended:
                raise _truncated() from error
            raise RequestFailed("protocol", _protocol_message(error)) from error
        except OSError as error:
            raise _truncated() from error

    async def aclose(self) -> None:
        self._stream.close()


def _truncated() -> RequestFailed:
    return RequestFailed(
        "truncated", "The connection ended before the whole body had come."
    )


def _raise_head_failure(error: BaseException) -> None:
    """Translates what went wrong before the answer's headers were complete."""
    if isinstance(error, h11.RemoteProtocolError):
        raise RequestFailed("protocol", _protocol_message(error)) from error
    if isinstance(error, h11.LocalProtocolError):
        message = "The request can't be sent as it is."
        raise RequestFailed("protocol", message) from error
    if isinstance(error, OSError):
        message = "The server closed the connection without an answer."
        raise RequestFailed("connect", message) from error


def _protocol_message(error: Exception) -> str:
    """h11's words without the bytes it quotes: ``illegal status line: bytearray(…)``."""
    words = re.sub(r"[:, ]*\(?(bytearray\(|b?['\"]).*", "", str(error), flags=re.S)
    return f"The server's answer is not proper HTTP: {words[:200]}."


# --- the network below HTTP ---------------------------------------------------


class GuardedNetwork:
    """Resolves once, checks every address, connects to the one that it checked."""

    def __init__(
        self, *, allow_private: Sequence[Network] = (), resolve: Resolver | None = None
    ) -> None:
        self._allow_private = tuple(allow_private)
        self._resolve = resolve or SystemResolver()

    async def connect(self, host: str, port: int) -> socket.socket:
        if port not in range(1, 65536):
            raise bad_port()
        addresses = await self._addresses(host, port)
        self._check(host, addresses)
        return await _connect_any(host, addresses, port)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        literal = parse_address(host)
        if literal is not None:
            return [literal]  # no thread: a look-up costs 0.1 ms even for these
        try:
            addresses = await self._resolve(host, port)
        except TimeoutError as error:
            message = f"The name servers do not answer for {_shown(host)}."
            raise RequestFailed("dns", message) from error
        except (OSError, UnicodeError) as error:
            message = f"There is no address for {_shown(host)}."
            raise RequestFailed("dns", message) from error
        if not addresses:
            raise RequestFailed("dns", f"There is no address for {_shown(host)}.")
        return addresses

    def _check(self, host: str, addresses: Sequence[Address]) -> None:
        """One bad address blocks the host: a rebinding name mixes them."""
        for address in addresses:
            if not is_allowed(address, self._allow_private):
                # Only the log names it: messages are published.
                log.info("blocked: %s is %s", _shown(host), address)
                raise RequestFailed(
                    "blocked",
                    "The address leads into a private or reserved network, "
                    "which fetch.allow_private does not list.",
                )


async def _connect_any(
    host: str, addresses: Sequence[Address], port: int
) -> socket.socket:
    """A connection to the first address that takes it."""
    *others, last = addresses
    for address in others:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                return await _connect(address, port)
        except OSError:  # TimeoutError is one
            continue
    try:
        return await _connect(last, port)
    except OSError as error:
        # Not error.strerror: asyncio writes the address into it.
        why = os.strerror(error.errno) if error.errno else "no connection"
        message = f"Can't connect to {_shown(host)}, port {port}: {why}."
        raise RequestFailed("connect", message) from error


async def _connect(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection


def _shown(host: str) -> str:
    """A host as a message may show it: it may come from a redirect."""
    return re.sub(r"[^\w.:-]", "?", host)[:100]


class _Stream:
    """Counts what comes in before the headers are complete, and remembers the end."""

    def __init__(self) -> None:
        #: None: no limit any more, the body has one of its own.
        self.bytes_allowed: int | None = MAX_HEAD_BYTES
        #: The server has closed its side.
        self.ended = False
        self._start = b""

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes that come; none at the end."""
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _seen(self, data: bytes) -> bytes:
        if len(self._start) < len(HTTP):
            self._start += data[: len(HTTP)]
        if not data:
            self.ended = True
            if not HTTP.startswith(self._start[: len(HTTP)]):
                raise RequestFailed("protocol", "The server does not speak HTTP.")
        if self.bytes_allowed is not None:
            self.bytes_allowed -= len(data)
            if self.bytes_allowed < 0:
                raise RequestFailed("protocol", "The headers never end.")
        return data


class _PlainStream(_Stream):
    """A bare socket: a third of the CPU that asyncio's streams take."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._socket = connection
        self._loop = asyncio.get_running_loop()

    async def read(self, max_bytes: int) -> bytes:
        return self._seen(await self._loop.sock_recv(self._socket, max_bytes))

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    def close(self) -> None:
        self._socket.close()


class _TlsStream(_Stream):
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__()
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int) -> bytes:
        return self._seen(await self._reader.read(max_bytes))

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        # Not a polite close: nothing more is wanted, and a silent server would
        # hold a close_notify for 30 s.
        self._writer.transport.abort()


async def _secured(
    connection: socket.socket, context: ssl.SSLContext, host: str
) -> _TlsStream:
    """The connection after the handshake; closed when that fails."""
    try:
        reader, writer = await asyncio.open_connection(
            sock=connection, ssl=context, server_hostname=host
        )
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise RequestFailed("tls", _tls_message(error)) from error
        raise
    return _TlsStream(reader, writer)


def _tls_message(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate is not valid: {error.verify_message}."
    reason = getattr(error, "reason", None) or "the connection was closed"
    return f"The TLS handshake failed: {reason}."
