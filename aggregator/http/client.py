"""The HTTP client: one guarded connection for each request, never used twice.

The only module that knows httpx and httpcore. ``httpx.AsyncBaseTransport`` is the
boundary: a faster transport goes below it, and tests may put ``MockTransport`` there.
``httpx.AsyncClient`` stays out: its cookies, redirects and authentication are what we
must not have, and they cost 0.1 ms a request.
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
from importlib.util import find_spec
from typing import Any, cast

# Both are optional to the libraries that look for them, and cost too much here:
# httpx imports its own command line, with click, rich and pygments, whenever those are
# installed (65 of its 105 ms); httpcore looks for sniffio twice a request, and a failed
# import searches the whole path each time (0.15 ms of 0.9 ms CPU).
if "httpx" not in sys.modules:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]
import httpcore
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
#: An answer's headers and the informational answers (1xx) before them: h11 holds each
#: below 100 kB, and this their sum.
MAX_HEAD_BYTES = 256 * 1024
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
    """One ``httpcore.AsyncHTTPConnection`` per request; no pool, no keep-alive.

    A kept connection hands an answer that nobody asked for to the next request of
    that host; httpcore's pool costs 6 ms a request with 100 in flight on one host.
    """

    def __init__(self, network: GuardedNetwork) -> None:
        self._network = network

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        # The system's store, or SSL_CERT_FILE; 19 ms, so only when https comes up.
        return ssl.create_default_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        scheme, host = request.url.raw_scheme, request.url.raw_host
        port = request.url.port or PORTS[request.url.scheme]
        connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(scheme, host, port),
            ssl_context=self._ssl_context if scheme == b"https" else None,
            network_backend=self._network,
        )
        target = httpcore.URL(
            scheme=scheme, host=host, port=port, target=request.url.raw_path
        )
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=cast("httpx.AsyncByteStream", request.stream),
                )
            )
        except BaseException as error:
            await connection.aclose()
            _raise_head_failure(error)
            raise
        stream: _Stream = response.extensions["network_stream"]
        stream.bytes_allowed = None
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(connection, response, stream),
        )


class _Body(httpx.AsyncByteStream):
    def __init__(
        self,
        connection: httpcore.AsyncHTTPConnection,
        response: httpcore.Response,
        stream: _Stream,
    ) -> None:
        self._connection = connection
        self._response = response
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in cast("AsyncIterable[bytes]", self._response.stream):
                yield piece
        except httpcore.RemoteProtocolError as error:
            if self._stream.ended:
                raise _truncated() from error
            raise RequestFailed("protocol", _protocol_message(error)) from error
        except OSError as error:
            raise _truncated() from error

    async def aclose(self) -> None:
        await self._connection.aclose()


def _truncated() -> RequestFailed:
    return RequestFailed(
        "truncated", "The connection ended before the whole body had come."
    )


def _raise_head_failure(error: BaseException) -> None:
    """Translates what went wrong before the answer's headers were complete."""
    if isinstance(error, httpcore.RemoteProtocolError) and error.__cause__ is not None:
        raise RequestFailed("protocol", _protocol_message(error)) from error
    if isinstance(error, httpcore.LocalProtocolError):
        message = "The request can't be sent as it is."
        raise RequestFailed("protocol", message) from error
    if isinstance(error, httpcore.RemoteProtocolError | OSError):
        message = "The server closed the connection without an answer."
        raise RequestFailed("connect", message) from error


def _protocol_message(error: Exception) -> str:
    """h11's words without the bytes it quotes: ``illegal status line: bytearray(…)``."""
    words = re.sub(r"[:, ]*\(?(bytearray\(|b?['\"]).*", "", str(error), flags=re.S)
    return f"The server's answer is not proper HTTP: {words[:200]}."


# --- the network below httpcore -----------------------------------------------


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves once, checks every address, connects to the one that it checked."""

    def __init__(
        self, *, allow_private: Sequence[Network] = (), resolve: Resolver | None = None
    ) -> None:
        self._allow_private = tuple(allow_private)
        self._resolve = resolve or SystemResolver()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if port not in range(1, 65536):
            raise bad_port()
        addresses = await self._addresses(host, port)
        self._check(host, addresses)
        return _PlainStream(await _connect_any(host, addresses, port))

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


class _Stream(httpcore.AsyncNetworkStream):
    """Counts what comes in before the headers are complete, and remembers the end."""

    def __init__(self) -> None:
        #: None: no limit any more, the body has one of its own.
        self.bytes_allowed: int | None = MAX_HEAD_BYTES
        #: The server has closed its side.
        self.ended = False
        self._start = b""

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

    def get_extra_info(self, info: str) -> Any:
        return None


class _PlainStream(_Stream):
    """A bare socket: a third of the CPU that anyio's stream takes."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._socket = connection
        self._loop = asyncio.get_running_loop()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        return self._seen(await self._loop.sock_recv(self._socket, max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        if not buffer:
            return  # httpcore writes an empty body twice: two system calls
        try:
            await self._loop.sock_sendall(self._socket, buffer)
        except OSError as error:
            # httpcore then still looks for an answer that came early.
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._socket.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            reader, writer = await asyncio.open_connection(
                sock=self._socket, ssl=ssl_context, server_hostname=server_hostname
            )
        except asyncio.CancelledError:
            # Not closed: before the handshake has begun, asyncio's transport takes no
            # notice of its end, and would stay the owner of the file descriptor, whoever
            # gets it next. What is shut down it closes itself.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            raise
        except BaseException as error:
            self._socket.close()
            if isinstance(error, OSError):
                raise RequestFailed("tls", _tls_message(error)) from error
            raise
        return _TlsStream(reader, writer)


def _tls_message(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate is not valid: {error.verify_message}."
    reason = getattr(error, "reason", None) or "the connection was closed"
    return f"The TLS handshake failed: {reason}."


class _TlsStream(_Stream):
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__()
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        return self._seen(await self._reader.read(max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        # Not a polite close: nothing more is wanted, and a silent server would
        # hold a close_notify for 30 s.
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        return self._writer.get_extra_info(info)
