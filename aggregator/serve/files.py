"""The output folder as a web application: flat, read-only, made for polling readers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.media import media_type
from aggregator.serve.asking import Headers, fails, fields, is_fresh, ranking
from aggregator.serve.callback import CALLBACKS, Subscriber, callback_route
from aggregator.serve.folder import LARGEST_KEPT, Folder, Signature
from aggregator.serve.headers import (
    PREFLIGHT,
    SAFETY,
    SHARING,
    Delivery,
    HeaderList,
    policy,
)

INDEX = "index.html"
HEALTH = "healthz"
#: Bytes of a streamed file in memory at once.
PIECE = 256_000

T = TypeVar("T")


def make_app(
    output: Path,
    delivery: Callable[[], Delivery],
    subscriber: Subscriber | None = None,
) -> ASGIApp:
    """Serves the regular files of ``output``; ``/`` is index.html.

    Hidden files (our temporary ones among them), symbolic links and folders do not
    exist for it. ``/healthz`` is 200 while documents can be read, else 503. GET, HEAD and
    OPTIONS only, but for the callbacks of a ``subscriber``. ``delivery`` is asked at each
    request, and gives the same object while nothing has changed.
    """
    documents = Documents(output, delivery)
    if subscriber is None:
        return documents
    callbacks = Starlette(
        routes=[callback_route(subscriber)],
        exception_handlers={HTTPException: _refuse, Exception: _refuse},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_callback = scope["path"].startswith(CALLBACKS)
        await (callbacks if is_callback else documents)(scope, receive, send)

    return app


class Documents:
    """The folder's files as an ASGI application.

    Without Starlette's requests and responses, which take longer than all that is done
    here: a look at the file's status, and one into a table of answers. What has changed
    is read and compressed in a thread, one file after another, each once.
    """

    def __init__(self, output: Path, delivery: Callable[[], Delivery]) -> None:
        self._folder = Folder(output)
        self._delivery = delivery
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="documents")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery()
        name = scope["path"][1:] or INDEX
        if scope["method"] not in ("GET", "HEAD"):
            await _answer_other_method(scope["method"], policy(name, delivery), send)
        elif name == HEALTH:
            await self._tell_health(send)
        elif (signature := self._folder.look(name)) is None:
            await _say(HTTPStatus.NOT_FOUND, policy(name, delivery), send)
        elif signature[0] > LARGEST_KEPT:
            await self._stream(name, delivery, receive, send)
        else:
            await self._answer(name, signature, delivery, scope["headers"], send)

    async def _answer(
        self,
        name: str,
        signature: Signature,
        delivery: Delivery,
        headers: Headers,
        send: Send,
    ) -> None:
        asked = fields(headers)
        codings = ranking(asked.get(b"accept-encoding"))
        if not codings:
            await _say(HTTPStatus.NOT_ACCEPTABLE, policy(name, delivery), send)
            return
        answer = self._folder.ready(name, signature, delivery, codings)
        if answer is None:
            answer = await self._in_thread(
                self._folder.prepare, name, delivery, codings
            )
        if answer is None:  # it has gone since
            await _say(HTTPStatus.NOT_FOUND, policy(name, delivery), send)
        elif fails(asked, answer.tag, answer.modified):
            await _say(HTTPStatus.PRECONDITION_FAILED, policy(name, delivery), send)
        elif is_fresh(asked, answer.tag, answer.modified):
            await _send(HTTPStatus.NOT_MODIFIED, answer.fresh_headers, b"", send)
        else:
            await _send(HTTPStatus.OK, answer.headers, answer.body, send)

    async def _stream(
        self, name: str, delivery: Delivery, receive: Receive, send: Send
    ) -> None:
        file = await self._in_thread(self._folder.open, name)
        if file is None:
            await _say(HTTPStatus.NOT_FOUND, policy(name, delivery), send)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            headers = [
                (b"content-type", media_type(name).encode()),
                (b"content-length", str(size).encode()),
                *policy(name, delivery),
            ]
            await send(_start(HTTPStatus.OK, headers))
            hanging_up = asyncio.create_task(_hang_up(receive))
            try:
                for start in range(0, size, PIECE):
                    if hanging_up.done():
                        return
                    left = size - start
                    piece = await asyncio.to_thread(file.read, min(PIECE, left))
                    await send(_body(piece, more=left > PIECE))
            finally:
                hanging_up.cancel()

    async def _tell_health(self, send: Send) -> None:
        # Asked of the thread that reads: when it hangs, nobody hears that all is well.
        headers = [*SAFETY, (b"cache-control", b"no-store")]
        if await self._in_thread(self._folder.is_readable):
            await _say(HTTPStatus.OK, headers, send, "ok")
        else:
            await _say(HTTPStatus.SERVICE_UNAVAILABLE, headers, send)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)


async def _hang_up(receive: Receive) -> None:
    """Returns when the client has gone; uvicorn then swallows what is sent."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer_other_method(method: str, headers: HeaderList, send: Send) -> None:
    allow = (b"allow", b"GET, HEAD, OPTIONS")
    if method != "OPTIONS":
        await _say(HTTPStatus.METHOD_NOT_ALLOWED, [*headers, allow], send)
        return
    if SHARING[0] in headers:
        headers = [*headers, *PREFLIGHT]
    await _send(HTTPStatus.NO_CONTENT, [*headers, allow], b"", send)


async def _say(
    status: HTTPStatus, headers: HeaderList, send: Send, text: str = ""
) -> None:
    """A short plain sentence that repeats nothing of the request."""
    body = f"{text or status.phrase}\n".encode()
    type_ = (b"content-type", b"text/plain; charset=utf-8")
    length = (b"content-length", str(len(body)).encode())
    await _send(status, [type_, length, *headers], body, send)


async def _send(
    status: HTTPStatus, headers: HeaderList, body: bytes, send: Send
) -> None:
    await send(_start(status, headers))
    await send(_body(body))


def _start(status: HTTPStatus, headers: HeaderList) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def _refuse(request: Request, error: Exception) -> Response:
    """What the callbacks refuse, and a fault of theirs."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, {}
    if isinstance(error, HTTPException):
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
    headers["X-Content-Type-Options"] = "nosniff"
    return PlainTextResponse(f"{status.phrase}\n", status, headers)
