"""Sources that change between polls: edits, faults after good days, floods, validators."""

from __future__ import annotations

from collections.abc import Sequence

from tests.hostile.behaviour import (
    Answer,
    Bad,
    Behaviour,
    Exchange,
    Good,
    Outcome,
    Serve,
    as_answer,
    feed,
    item,
    rss,
)

BAD_VALIDATORS = (("ETag", '"\xff\xe9"'), ("Last-Modified", "\xffthu"))


def turns(
    name: str, *polls: tuple[Answer | bytes | str, Outcome], **more: object
) -> Behaviour:
    """A new answer at each poll, and what must come of it."""
    return Behaviour(
        name=name,
        serve=_in_turn([as_answer(answer) for answer, _ in polls]),
        outcomes=tuple(outcome for _, outcome in polls),
        **more,
    )


def _in_turn(answers: Sequence[Answer]) -> Serve:
    async def serve(exchange: Exchange) -> None:
        await exchange.answer(answers[min(exchange.poll, len(answers)) - 1])

    return serve


def stays(name: str, does: Answer | bytes | str, code: str) -> Behaviour:
    """Good, then a fault that costs nothing of what was there, then good again."""
    return turns(
        f"then_{name}",
        (two(name), Good(entries=2, titles=titled(name, 1, 2))),
        (does, Bad(code=code, entries=2)),
        (
            rss(numbered(name, 1), numbered(name, 2), numbered(name, 3)),
            Good(entries=3, titles=titled(name, 1, 2, 3)),
        ),
    )


def numbered(name: str, number: int) -> str:
    return item(f"then_{name}", number)


def two(name: str) -> str:
    return rss(numbered(name, 1), numbered(name, 2))


def titled(name: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"Новость then_{name} номер {number}" for number in numbers)


def _edited(name: str, title: str) -> str:
    return rss(item(name, title=title))


def _flood(poll: int) -> str:
    return rss(*[item("flood", 1000 * poll + n, date="") for n in range(250)])


async def _eight_bits(exchange: Exchange) -> None:
    """Validators that no ASCII codec sends must come back byte for byte."""
    if exchange.poll == 1:
        await exchange.answer(Answer(body=feed("cache_8bit"), headers=BAD_VALIDATORS))
    elif exchange.headers.get("if-none-match") == BAD_VALIDATORS[0][1]:
        await exchange.answer(Answer(status="304 Same", body=b""))
    else:
        await exchange.answer(Answer(status="500 Forgotten", body=b"no"))


async def _huge(exchange: Exchange) -> None:
    """A validator of 60 kB is no validator."""
    if exchange.poll > 1 and "if-none-match" in exchange.headers:
        await exchange.answer(Answer(status="431 Huge", body=b"no"))
    else:
        headers = (("ETag", '"' + "x" * 60_000 + '"'),)
        await exchange.answer(Answer(body=feed("cache_huge"), headers=headers))


async def _page_with_etag(exchange: Exchange) -> None:
    """The validator of a page that was no feed must not be kept."""
    page = Answer(body=b"<html>", headers=(("ETag", '"page"'),))
    if exchange.poll == 1:
        await exchange.answer(page)
    elif "if-none-match" in exchange.headers:
        await exchange.answer(Answer(status="304 Same", body=b""))
    else:
        await exchange.answer(Answer(body=feed("cache_page")))


ONE = Good(entries=1)
FLOOD = frozenset({"flood"})

BEHAVIOURS = [
    stays("500", Answer(status="500 Oops", body=b"no"), "http_500"),
    stays("404", Answer(status="404 Gone", body=b"no"), "http_404"),
    stays("html", Answer(body=b"<!doctype html><html>"), "not_a_feed:html"),
    stays("empty", b"", "empty"),
    stays("json", Answer(body=b'{"a": 1}'), "not_a_feed:json"),
    stays("binary", b"\x89PNG\r\n\x1a\n", "not_a_feed:binary"),
    turns(
        "feed_empties",
        (two("e"), Good(entries=2)),
        (rss(), Good(entries=2, titles=titled("e", 1, 2))),
        (two("e"), Good(entries=2, titles=titled("e", 1, 2))),
    ),
    turns(
        "feed_replaced",
        (two("r"), Good(entries=2)),
        (
            rss(item("casino", 1), item("casino", 2)),
            Good(
                entries=4,
                titles=(*titled("r", 1, 2), *(f"Новость casino номер {n}" for n in (1, 2))),
            ),
        ),
    ),
    turns(
        "feed_format",
        (two("f"), Good(entries=2)),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>then_f-1</id>"
            "<title>Новость then_f номер 1</title></entry></feed>",
            Good(entries=2, titles=titled("f", 1, 2)),
        ),
    ),
    turns(
        "edit_title",
        (_edited("edit_title", "Мост edit_title открыт"), ONE),
        (
            _edited("edit_title", "Мост edit_title закрыт"),
            Good(entries=1, titles=("Мост edit_title закрыт",)),
        ),
        (
            _edited("edit_title", "Мост edit_title снова открыт"),
            Good(entries=1, titles=("Мост edit_title снова открыт",)),
        ),
    ),
    turns(
        "edit_date",
        (rss(item("edit_date")), ONE),
        (rss(item("edit_date", date="Fri, 01 Jan 2038 00:00:00 GMT")), ONE),
    ),
    turns(
        "edit_to_markup",
        (_edited("edit_to_markup", "Обычная новость edit_to_markup"), ONE),
        (
            _edited("edit_to_markup", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ONE,
        ),
    ),
    turns(
        "flood",
        (_flood(1), Good(entries=250, warnings=FLOOD)),
        (_flood(2), Good(entries=500, warnings=FLOOD)),
        (_flood(3), Good(entries=750, warnings=FLOOD)),
    ),
    Behaviour(name="cache_8bit", serve=_eight_bits, outcomes=(ONE, ONE)),
    Behaviour(name="cache_huge", serve=_huge, outcomes=(ONE, ONE)),
    Behaviour(
        name="cache_page",
        serve=_page_with_etag,
        outcomes=(Bad(code="not_a_feed:html"), ONE),
    ),
]  # fmt: skip
