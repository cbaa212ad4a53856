"""WebSub, the publisher's side: https://www.w3.org/TR/websub/, 4 and 6.

What a hub has still to be told is no queue but a difference: between the documents as
they are published and what the hub was told of last. So nothing is lost when the
program is killed, and nothing is told twice for ever. Pure; `aggregator.hubs` asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import HubState

#: After a ping that the hub did not take: doubled with each in a row, up to the longest.
#: A hub that is down for a day gets some 30 requests, however many documents change.
FIRST_REST = timedelta(seconds=10)
LONGEST_REST = timedelta(hours=1)
#: What Retry-After may ask for; a rest that ends later is a clock that was set back.
LONGEST_WAIT = timedelta(hours=24)

#: Answers to one document, not to all: asking again would bring the same.
_refusal = re.compile(r"http_4(?!08|29)\d\d")


def untold(hub: HubState, digests: Mapping[str, str]) -> list[str]:
    """Names of the documents whose bytes the hub was not told of, in their order."""
    return [name for name, digest in digests.items() if hub.told.get(name) != digest]


def rests(hub: HubState, now: datetime) -> bool:
    """Whether the hub is to be left alone now."""
    until = hub.rests_until
    return until is not None and now < until <= now + LONGEST_WAIT


def ping(topic: str) -> dict[str, str]:
    """The form that says that a document changed; hubs read the one name or the other."""
    return {"hub.mode": "publish", "hub.topic": topic, "hub.url": topic}


def is_refusal(failed: str) -> bool:
    """Whether the hub wants no word of this document, as it is; else it is tried again."""
    return _refusal.match(failed) is not None


def told(hub: HubState, news: Mapping[str, str]) -> HubState:
    """The hub that took, or refused, word of these documents: name to digest."""
    return replace(hub, told={**hub.told, **news}, failures=0, rests_until=None)


def put_off(hub: HubState, retry_at: datetime | None, now: datetime) -> HubState:
    """The hub that did not answer, or asked for peace until `retry_at`."""
    rest = min(FIRST_REST * (1 << min(hub.failures, 20)), LONGEST_REST)
    return replace(
        hub,
        failures=hub.failures + 1,
        rests_until=max(now + rest, retry_at or now),
    )


def without(hub: HubState, digests: Mapping[str, str]) -> HubState:
    """Forgets documents that are no longer published."""
    kept = {name: digest for name, digest in hub.told.items() if name in digests}
    return replace(hub, told=kept)
