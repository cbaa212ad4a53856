"""What a hostile server does, and what must come of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

#: The present of every document here.
NOW = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)

#: In bodies and headers: an address where nobody may ever call, and the server itself.
TRAP, HOME = "http://trap.test", "http://home.test"


@dataclass(frozen=True, kw_only=True)
class Good:
    """The poll succeeds; the source then has so many entries."""

    entries: int
    #: Codes of the warnings, no more and no less.
    warnings: frozenset[str] = frozenset()
    #: Of the source's entries in feed.atom, in any order; None: not looked at.
    titles: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Bad:
    """The poll fails; what was there before stays."""

    code: str
    entries: int = 0


Outcome = Good | Bad


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and the connection it came by."""

    path: str
    #: Names in lower case.
    headers: dict[str, str]
    #: The how many-th poll of this behaviour it is, from 1.
    poll: int
    #: ``http://127.66.6.6:PORT``, where a trap is.
    trap: str
    #: ``http://127.0.1.N:PORT``, this behaviour's own address.
    home: str
    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def filled(self, data: bytes) -> bytes:
        """With the addresses in their places."""
        data = data.replace(TRAP.encode(), self.trap.encode())
        return data.replace(HOME.encode(), self.home.encode())

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, answer: Answer) -> None:
        body = self.filled(answer.body)
        head = [f"HTTP/1.1 {answer.status}".encode()]
        names = {name.lower() for name, _ in answer.headers}
        if answer.content_type and "content-type" not in names:
            head.append(f"Content-Type: {answer.content_type}".encode())
        if "content-length" not in names and "transfer-encoding" not in names:
            head.append(b"Content-Length: %d" % len(body))
        head += [
            self.filled(f"{name}: {value}".encode("latin-1"))
            for name, value in answer.headers
        ]
        await self.send(b"\r\n".join(head) + b"\r\n\r\n" + body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole HTTP answer."""

    body: bytes = b""
    status: str = "200 OK"
    content_type: str | None = "application/rss+xml"
    #: Values are latin-1 text.
    headers: tuple[tuple[str, str], ...] = ()


Serve = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    name: str
    serve: Serve = field(repr=False)
    #: What it says at every poll, if it is that simple.
    answer: Answer | None = field(default=None, repr=False)
    #: After the first poll, after the second, and so on.
    outcomes: tuple[Outcome, ...]
    #: The source's address when it is not simply its host's; may hold HOME.
    url: str = f"{HOME}/feed"
    #: What feeds.yaml says of the source besides.
    settings: dict[str, Any] = field(default_factory=dict)


def behaviour(
    name: str, does: Serve | Answer | bytes | str, outcome: Outcome, **more: Any
) -> Behaviour:
    """A behaviour that is the same at every poll; text and bytes are an RSS body."""
    if callable(does):
        return Behaviour(name=name, serve=does, outcomes=(outcome,), **more)
    answer = as_answer(does)
    serve = _answering(answer)
    return Behaviour(name=name, serve=serve, answer=answer, outcomes=(outcome,), **more)


def fails(name: str, does: Serve | Answer | bytes | str, code: str, **more: Any) -> Any:
    return behaviour(name, does, Bad(code=code), **more)


def gives(
    name: str,
    does: Serve | Answer | bytes | str,
    entries: int = 1,
    *,
    warnings: str = "",
    titles: tuple[str, ...] | None = None,
    **more: Any,
) -> Behaviour:
    outcome = Good(entries=entries, warnings=frozenset(warnings.split()), titles=titles)
    return behaviour(name, does, outcome, **more)


def as_answer(does: Answer | bytes | str) -> Answer:
    if isinstance(does, Answer):
        return does
    return Answer(body=does.encode() if isinstance(does, str) else does)


def _answering(answer: Answer) -> Serve:
    async def serve(exchange: Exchange) -> None:
        await exchange.answer(answer)

    return serve


# --- documents -----------------------------------------------------------------------


def item(
    name: str,
    number: int = 1,
    *,
    title: str | None = None,
    text: str | None = None,
    more: str = "",
    guid: str | None = None,
    link: str | None = None,
    date: str | None = None,
) -> str:
    """An RSS item that is unlike any other behaviour's; an empty field leaves it out."""
    fields = {
        "title": f"Новость {name} номер {number}" if title is None else title,
        "link": f"http://{name.replace('_', '-')}.example/{number}"
        if link is None
        else link,
        "guid": f"{name}-{number}" if guid is None else guid,
        "description": f"Рассказ {name} о том, что было {number} раз."
        if text is None
        else text,
        "pubDate": rfc822(number) if date is None else date,
    }
    written = "".join(f"<{tag}>{text}</{tag}>" for tag, text in fields.items() if text)
    return f"<item>{written}{more}</item>".replace(
        "<guid>", '<guid isPermaLink="false">'
    )


def rfc822(minutes: int) -> str:
    return format_datetime(NOW - timedelta(minutes=minutes))


def rss(*items: str, head: str = "", root: str = "", channel: str = "") -> str:
    """An RSS document; ``head`` stands before the root, ``root`` is its attributes."""
    return (
        f'{head}<rss version="2.0" {root}><channel><title>Портал</title>{channel}'
        f"{''.join(items)}</channel></rss>"
    )


def json_feed(*items: object, **more: object) -> Answer:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Портал",
        "items": items,
    }
    body = json.dumps(document | more).encode()
    return Answer(body=body, content_type="application/feed+json")


def feed(name: str) -> bytes:
    """A feed of one entry that there is nothing wrong with."""
    return rss(item(name)).encode()
