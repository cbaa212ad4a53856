"""One source, fetched: conditional request, redirects, body; every failure a value."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import blake2b
from http import HTTPStatus
from urllib.parse import urlsplit

from aggregator.clock import Clock
from aggregator.fetch import hints
from aggregator.fetch.challenge import LOOKED_AT, is_challenge
from aggregator.fetch.redirects import (
    MAX_HOPS,
    PERMANENT,
    REDIRECTS,
    Start,
    bad_target,
    redirect_target,
    same_origin,
    spaces_quoted,
    start_at,
)
from aggregator.http import BadAddress, Client, RequestFailed, Response
from aggregator.http.inflate import ACCEPTED, GZIP_MAGIC, inflater, too_large
from aggregator.model import (
    Failed,
    Fetched,
    FetchResult,
    NotModified,
    SourceError,
    Validators,
)

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, "
    "application/feed+json, application/xml;q=0.9, text/xml;q=0.9, "
    "application/json;q=0.8, */*;q=0.5"
)
#: A network read gives 64 kB; chunks of a byte each would cost 15 µs a byte.
MAX_PIECES = 50_000
_GZIP_TYPES = frozenset({"application/gzip", "application/x-gzip"})
#: An error page that drips must not hide the status we already know.
CHALLENGE_DEADLINE = 1.0
MAX_ERROR_PAGE = 1_000_000
LONGEST_MESSAGE = 500


async def fetch_source(
    url: str,
    validators: Validators,
    *,
    client: Client,
    timeout: timedelta,  # noqa: ASYNC109 - a result, not an exception, comes of it
    max_bytes: int,
    clock: Clock,
) -> FetchResult:
    """The document behind ``url``, or why there is none; raises nothing of the network's.

    ``timeout`` is for all together: look-up, redirects, headers and body.
    ``max_bytes`` holds for the body as sent and as inflated. The validators are sent
    on every hop: they are the source's, wherever it lives today, and the address that
    redirects has no use for them.
    """
    answers: list[str] = []
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await _fetch(url, validators, client, max_bytes, clock, answers)
    except TimeoutError:
        seconds = f"{timeout.total_seconds():g}"
        message = f"The document had not come after {seconds} s."
        error = SourceError(code="timeout", message=message)
    except RequestFailed as failure:
        error = SourceError(code=failure.code, message=_sentence(failure.message))
    return Failed(error=error, fetched_at=clock.now(), answered=bool(answers))


def _sentence(message: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", message)[:LONGEST_MESSAGE]


async def _fetch(
    url: str,
    validators: Validators,
    client: Client,
    max_bytes: int,
    clock: Clock,
    answers: list[str],
) -> FetchResult:
    """`answers` gets every address that answered, for when no result comes of it."""
    headers = [("Accept", ACCEPT), ("Accept-Encoding", ACCEPTED)]
    conditions = hints.conditions(validators)
    async with _final_response(url, client, headers + conditions, answers) as (
        at,
        permanent_url,
        response,
    ):
        now = clock.now()
        if response.status == 200:
            body = await _body(response, max_bytes)
            if _is_gzip_file(body, at, response):
                body = _unpacked(body, max_bytes)
            return Fetched(
                url=at,
                body=body,
                content_type=response.headers.get("content-type"),
                validators=hints.validators_of(response.headers),
                body_hash=blake2b(body, digest_size=16).digest(),
                fetched_at=now,
                fresh_for=hints.fresh_for(response.headers, now),
                permanent_url=permanent_url,
                hub_links=hints.hub_links(response.headers, at),
            )
        if response.status == 304 and conditions:
            return NotModified(
                validators=hints.validators_of(response.headers),
                fetched_at=now,
                fresh_for=hints.fresh_for(response.headers, now),
                permanent_url=permanent_url,
                hub_links=hints.hub_links(response.headers, at),
            )
        error = await _refused(response, now)
        return Failed(error=error, fetched_at=now, answered=True)


@asynccontextmanager
async def _final_response(
    url: str, client: Client, headers: list[tuple[str, str]], answers: list[str]
) -> AsyncIterator[tuple[str, str | None, Response]]:
    """Follows redirects, their bodies unread; gives the last address and its answer.

    Between them: the last address again, when every redirect was a permanent one.
    """
    start, permanent = start_at(url), True
    at = start.url
    visited = {at}
    while True:
        try:
            async with client.get(at, headers + _authorization(start, at)) as response:
                answers.append(at)
                if response.status not in REDIRECTS:
                    moved = permanent and len(visited) > 1
                    yield at, spaces_quoted(at) if moved else None, response
                    return
                permanent = permanent and response.status in PERMANENT
                at = redirect_target(at, response.headers.get("location"))
        except BadAddress:
            raise bad_target() if len(visited) > 1 else BadAddress from None
        if at in visited:
            raise RequestFailed("redirect:loop", "The redirects lead in a circle.")
        visited.add(at)
        if len(visited) > MAX_HOPS + 1:
            message = f"There are more than {MAX_HOPS} redirects."
            raise RequestFailed("redirect:limit", message)


def _authorization(start: Start, at: str) -> list[tuple[str, str]]:
    """Credentials of feeds.yaml go to the host that they were written for alone."""
    if start.authorization is None or not same_origin(start.url, at):
        return []
    return [("Authorization", start.authorization)]


async def _body(response: Response, max_bytes: int) -> bytes:
    """The whole body, inflated; raises RequestFailed."""
    inflate = inflater(response.headers.get("content-encoding"), max_bytes=max_bytes)
    if _declared_length(response) > max_bytes:
        raise too_large(max_bytes)
    inflated: list[bytes] = []
    sent = 0
    async for piece in response.body:
        sent += len(piece)
        if sent > max_bytes:
            raise too_large(max_bytes)
        inflated.append(inflate.feed(piece))
        if len(inflated) > MAX_PIECES:
            raise RequestFailed("protocol", "The body comes in chunks of a few bytes.")
    inflate.finish()
    body = b"".join(inflated)
    if not body or body.isspace():
        raise RequestFailed("empty", "The document is empty.")
    return body


def _is_gzip_file(body: bytes, url: str, response: Response) -> bool:
    """``sitemap.xml.gz``: compressed as it lies there, without a Content-Encoding."""
    if not body.startswith(GZIP_MAGIC):
        return False
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind in _GZIP_TYPES or urlsplit(url).path.lower().endswith(".gz")


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """What a gzip file holds; one inside it stays what it is."""
    inflate = inflater("gzip", max_bytes=max_bytes)
    body = inflate.feed(body)
    inflate.finish()
    if not body or body.isspace():
        raise RequestFailed("empty", "The document is empty.")
    return body


def _declared_length(response: Response) -> int:
    """Content-Length, 0 when there is none; the client has refused unreadable ones."""
    digits = response.headers.get("content-length", "")
    return int(digits) if digits.isdigit() and digits.isascii() else 0


async def _refused(response: Response, now: datetime) -> SourceError:
    """Any status that is neither a document nor "not modified"."""
    if response.status == 304:
        message = (
            "The server answered 304 Not Modified to a request without conditions."
        )
        return SourceError(code="protocol", message=message)
    code = f"http_{response.status}"
    message = f"The server answered {response.status}{_phrase(response.status)}."
    retry_at = None
    if response.status in (429, 503):
        retry_at = hints.retry_at(response.headers, now)
    if response.status in (403, 503) and await _is_challenge(response):
        code += ":challenge"
        message = f"A bot wall stands before the source (status {response.status})."
    return SourceError(code=code, message=message, retry_at=retry_at)


def _phrase(status: int) -> str:
    """Never the server's own words: they would be published."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


async def _is_challenge(response: Response) -> bool:
    """Reads the page's beginning, unless the headers say it all."""
    if is_challenge(response.headers, b""):
        return True
    page = b""
    try:
        async with asyncio.timeout(CHALLENGE_DEADLINE):
            inflate = inflater(
                response.headers.get("content-encoding"), max_bytes=MAX_ERROR_PAGE
            )
            async for piece in response.body:
                page += inflate.feed(piece)
                if len(page) >= LOOKED_AT:
                    break
    except (RequestFailed, TimeoutError):
        pass  # what has come so far will do
    return is_challenge(response.headers, page)
