"""Telling the webhook: one POST a notice, again and again until it is accepted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.clock import Clock
from aggregator.http import Client
from aggregator.http.errors import RequestFailed
from aggregator.model import Notice

#: The whole of one POST; a receiver that takes longer gets it again.
DEADLINE = timedelta(seconds=10)
#: Between attempts: doubled from the first wait to the longest ...
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=30)
#: ... until the notice is so old. `status` shows what is open in any case.
GIVEN_UP_AFTER = timedelta(days=1)

log = logging.getLogger(__name__)


async def deliver(
    notices: Sequence[Notice],
    url: str,
    client: Client,
    clock: Clock,
    *,
    insist: bool = False,
) -> AsyncIterator[tuple[Notice, bool]]:
    """Post those that are due, oldest first; gives each once it was tried, and whether it is settled.

    Settled is what was accepted (2xx) or given up; what is not has its next attempt set.
    A closing waits for its opening. When the receiver cannot be reached at all, the
    rest waits too. `insist`: due or not. The address may hold a secret: no text names it.
    """
    waiting: set[str] = set()
    for notice in notices:
        if notice.alert in waiting:
            continue
        if not insist and not _is_due(notice, clock.now()):
            waiting.add(notice.alert)
            continue
        refused = await _post(notice, url, client)
        if refused is None:
            yield notice, True
            continue
        waiting.add(notice.alert)
        later, given_up = _put_off(notice, clock.now())
        log.log(
            logging.ERROR if given_up else logging.WARNING,
            "alert given up" if given_up else "alert not delivered",
            extra={"notice": notice.id, "attempts": later.attempts, "error": refused},
        )
        yield later, given_up
        if not refused.startswith("http_"):
            return


async def _post(notice: Notice, url: str, client: Client) -> str | None:
    """None when it was accepted; else why not, as an error code."""
    headers = [("Content-Type", "application/json; charset=utf-8")]
    try:
        async with (
            asyncio.timeout(DEADLINE.total_seconds()),
            client.post(url, notice.body.encode(), headers) as response,
        ):
            accepted = 200 <= response.status < 300
            return None if accepted else f"http_{response.status}"
    except TimeoutError:
        return "timeout"
    except RequestFailed as failure:
        return failure.code  # its message may name the address


def _is_due(notice: Notice, now: datetime) -> bool:
    # Further off than any wait: the clock was set back.
    return not now < notice.next_attempt <= now + LONGEST_WAIT


def _put_off(notice: Notice, now: datetime) -> tuple[Notice, bool]:
    attempts = notice.attempts + 1
    doublings = min(attempts - 1, 20)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    later = replace(notice, attempts=attempts, next_attempt=now + wait)
    return later, now - notice.created >= GIVEN_UP_AFTER
