"""Where hubs verify subscriptions and push to (WebSub, 5.3 and 7): ``/websub/TOKEN``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aggregator.errors import AggregatorError

CALLBACKS = "/websub/"
#: Seconds in which a body must have come.
BODY_DEADLINE = 30.0
#: Bodies that come in at once: each may take as much memory as its source's documents.
BODIES = 8


class Subscriber(Protocol):
    """Who knows the subscriptions. Tokens are as they came, right or wrong."""

    async def answer(self, token: str, question: Mapping[str, str]) -> str | None:
        """What to say to a hub that verifies or denies; None: that is none of ours."""

    def limit(self, token: str) -> int | None:
        """The most bytes that may be pushed there; None: nothing may."""

    def push(
        self,
        token: str,
        body: bytes,
        *,
        content_type: str | None,
        content_encoding: str | None,
        signatures: Sequence[str],
    ) -> None:
        """Take what was pushed, whatever it is; returns at once."""


def callback_route(subscriber: Subscriber) -> Route:
    bodies = asyncio.Semaphore(BODIES)

    async def respond(request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "POST":
            return await take(request, token)
        if request.method == "HEAD":
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            answer = await subscriber.answer(token, request.query_params)
        except AggregatorError:  # the store's, which has been logged
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from None
        if answer is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return PlainTextResponse(answer, headers=_HEADERS)

    async def take(request: Request, token: str) -> Response:
        limit = subscriber.limit(token)
        if limit is None:
            # 7: the hub may then end the subscription.
            raise HTTPException(HTTPStatus.GONE)
        if bodies.locked():
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE)
        async with bodies:
            body = await _body(request, limit)
        headers = request.headers
        subscriber.push(
            token,
            body,
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
            signatures=headers.getlist("x-hub-signature"),
        )
        # Also to a wrong signature (8): whoever guesses learns nothing.
        return Response(status_code=HTTPStatus.ACCEPTED, headers=_HEADERS)

    return Route(CALLBACKS + "{token}", respond, methods=["GET", "POST"])


_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


async def _body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:18]) > limit:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                pieces.append(piece)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
    return b"".join(pieces)
