"""WebSub, the subscriber's side: https://www.w3.org/TR/websub/.

What is to be asked of which hub, what an answer or a question of a hub means, and
whether a push may be trusted, are pure; `ask` alone sends something. A subscription
goes through this: asked for (`requested`), confirmed by the hub's question
(`confirmed`), followed by another one before its lease ends, and then, or when its
source no longer wants it, asked to end (`ending`) and forgotten.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode, urlsplit

from aggregator.fetch.hints import retry_at
from aggregator.fetch.redirects import redirect_target, start_at
from aggregator.http import Client, RequestFailed
from aggregator.model import Subscription

#: Ten days: the longest that the largest hub gives.
LEASE = timedelta(days=10)
#: What a hub may promise: one that says a hundred years would never be asked again.
LONGEST_LEASE = timedelta(days=30)
#: A lease is followed by another one when this share of it is over, which leaves days
#: to try again; and never sooner than after an hour, however short it is.
RENEWED_AFTER = 2 / 3
SHORTEST_LEASE = timedelta(hours=1)
#: A request that is not confirmed by then has failed; doubled with each in a row.
RETRY = timedelta(hours=1)
LONGEST_RETRY = timedelta(hours=24)
#: A hub that refuses means it.
REFUSED_RETRY = timedelta(hours=24)
#: Then an unwanted subscription is left to end by itself: its pushes find nobody.
UNSUBSCRIBE_ATTEMPTS = 3
#: A hub that did not hear our confirmation may ask again for so long.
ASKED_AGAIN = timedelta(hours=1)

#: Seconds for one request, redirects and all.
DEADLINE = 20.0
#: W3C, 5.1.1: 307 and 308 keep method and body; the others are no answer to a POST.
MAX_REDIRECTS = 3
KEPT_METHOD = frozenset({307, 308})

#: W3C, 8: these are believed; sha1 is what the largest hubs send, and not enough.
TRUSTED = frozenset({"sha256", "sha384", "sha512"})
MAX_SIGNATURES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where a source's news can be had from, and where they are to be sent."""

    source: str
    topic: str
    hubs: tuple[str, ...]
    #: A callback is this and a token.
    callbacks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What follows, at one moment, for the subscriptions of one source."""

    #: Unwanted: the hub is to be asked to end these.
    unsubscribe: tuple[Subscription, ...] = ()
    #: Tokens to be forgotten.
    gone: tuple[str, ...] = ()
    #: A subscription is to be asked for.
    subscribe: bool = False
    #: Requests in a row that failed before.
    failures: int = 0


def upkeep(held: Sequence[Subscription], offer: Offer | None, now: datetime) -> Upkeep:
    """What to ask for one source now; `offer` is None when no push of it is wanted."""
    unsubscribe: list[Subscription] = []
    gone: list[str] = []
    failures, wanted = 0, offer is not None
    newest = max((one.renew_at for one in held if one.renew_at), default=now)
    for each in held:
        if each.mode == "unsubscribe":
            if _is_over(each, now):
                gone.append(each.token)
            elif each.ask_at <= now:
                unsubscribe.append(each)
        elif each.expires is None or each.renew_at is None:
            if offer is not None and each.ask_at > now:
                wanted = False  # it is the hub's turn, or too early to ask again
            else:
                gone.append(each.token)
                failures = each.failures
        elif offer is None or not _fits(each, offer) or each.renew_at < newest:
            unsubscribe.append(each)
        elif each.renew_at > now:
            wanted = False
        elif each.expires <= now:
            gone.append(each.token)
    return Upkeep(
        unsubscribe=tuple(unsubscribe),
        gone=tuple(gone),
        subscribe=wanted,
        failures=failures,
    )


def _fits(each: Subscription, offer: Offer) -> bool:
    return (
        each.topic == offer.topic
        and each.hub in offer.hubs
        and each.callback == offer.callbacks + each.token
    )


def _is_over(each: Subscription, now: datetime) -> bool:
    tried = each.failures >= UNSUBSCRIBE_ATTEMPTS and each.ask_at <= now
    return tried or each.expires is None or each.expires <= now


def requested(
    offer: Offer, failures: int, now: datetime, *, token: str, secret: str
) -> Subscription:
    """A subscription to ask for now, at the next of the source's hubs after failures."""
    return Subscription(
        token=token,
        source=offer.source,
        hub=offer.hubs[failures % len(offer.hubs)],
        topic=offer.topic,
        callback=offer.callbacks + token,
        secret=secret,
        failures=failures + 1,
        asked_at=now,
        ask_at=now + _retry(failures),
    )


def ending(each: Subscription, now: datetime) -> Subscription:
    """The subscription when its hub is asked to end it, now."""
    failures = each.failures if each.mode == "unsubscribe" else 0
    return replace(
        each,
        mode="unsubscribe",
        failures=failures + 1,
        asked_at=now,
        ask_at=now + _retry(failures),
    )


def _retry(failures: int) -> timedelta:
    return min(RETRY * (1 << min(failures, 10)), LONGEST_RETRY)


def is_asked(each: Subscription, question: Mapping[str, str], now: datetime) -> bool:
    """Whether a hub's verification of intent (5.3) is for what we asked of it."""
    if question.get("hub.mode") != each.mode or not question.get("hub.challenge"):
        return False
    if question.get("hub.topic") != each.topic or each.asked_at is None:
        return False
    confirmed = each.mode == "subscribe" and each.expires is not None
    return not confirmed or now < each.asked_at + ASKED_AGAIN


def is_refused(each: Subscription, question: Mapping[str, str]) -> bool:
    """Whether a hub says that it does not, or no longer, serve this (5.2)."""
    return (
        question.get("hub.mode") == "denied"
        and question.get("hub.topic") == each.topic
        and each.mode == "subscribe"
    )


def confirmed(each: Subscription, seconds: str | None, now: datetime) -> Subscription:
    """The subscription with its lease, as long as the hub says."""
    digits = (seconds or "").strip()
    lease = LEASE
    if digits.isascii() and digits.isdigit():
        lease = min(timedelta(seconds=int(digits[:9])), LONGEST_LEASE)
    return replace(
        each,
        failures=0,
        expires=now + lease,
        renew_at=now + max(lease * RENEWED_AFTER, SHORTEST_LEASE),
    )


def refused(each: Subscription, now: datetime) -> Subscription:
    """The subscription after the hub's refusal; asked for again in a day."""
    return replace(
        each,
        failures=each.failures + 1,
        asked_at=None,
        ask_at=now + REFUSED_RETRY,
        renew_at=None,
        expires=None,
    )


def later(each: Subscription, ask_at: datetime) -> Subscription:
    """The subscription whose hub wants peace until then."""
    return replace(each, ask_at=ask_at)


def is_live(each: Subscription, now: datetime) -> bool:
    """The hub has confirmed it, and its lease runs."""
    return each.mode == "subscribe" and each.expires is not None and now < each.expires


# --- what is pushed ---------------------------------------------------------------


def trust(
    each: Subscription, signatures: Iterable[str], body: bytes
) -> Literal["content", "hint"] | None:
    """What a push is good for by its X-Hub-Signature (8): ``sha256=…`` in hexadecimal."""
    found: Literal["hint"] | None = None
    for signature in list(signatures)[:MAX_SIGNATURES]:
        method, _, digest = signature.strip().partition("=")
        method = method.strip().lower()
        if method not in TRUSTED and method != "sha1":
            continue
        right = hmac.new(each.secret.encode(), body, getattr(hashlib, method))
        given = digest.strip().lower().encode("utf-8", "replace")
        if hmac.compare_digest(right.hexdigest().encode(), given):
            if method in TRUSTED:
                return "content"
            found = "hint"
    return found


# --- asking -----------------------------------------------------------------------


async def ask(
    each: Subscription, *, client: Client, now: datetime
) -> tuple[str | None, datetime | None]:
    """Send the request (5.1); why the hub did not take it, and until when it wants peace."""
    fields = {
        "hub.mode": each.mode,
        "hub.topic": each.topic,
        "hub.callback": each.callback,
    }
    if each.mode == "subscribe":
        fields["hub.lease_seconds"] = str(round(LEASE.total_seconds()))
        fields["hub.secret"] = each.secret
    return await send(each.hub, fields, client=client, now=now)


async def send(
    hub: str,
    fields: Mapping[str, str],
    *,
    client: Client,
    now: datetime,
    deadline: float = DEADLINE,
) -> tuple[str | None, datetime | None]:
    """Post a form to a hub; why it did not take it, and until when it wants peace.

    Why begins with an error code as sources have them: ``http_404``, ``timeout``.
    """
    try:
        async with asyncio.timeout(deadline):
            return await _post(hub, urlencode(fields).encode(), client, now)
    except TimeoutError:
        return "timeout: no answer in time", None
    except RequestFailed as failure:
        return f"{failure.code}: {failure.message}", None


async def _post(
    hub: str, form: bytes, client: Client, now: datetime
) -> tuple[str | None, datetime | None]:
    at = start_at(hub).url
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    for _ in range(MAX_REDIRECTS + 1):
        async with client.post(at, form, headers) as response:
            if response.status not in KEPT_METHOD:
                if 200 <= response.status < 300:
                    return None, None
                return f"http_{response.status}", retry_at(response.headers, now)
            target = redirect_target(at, response.headers.get("location"))
        if urlsplit(at).scheme == "https" and urlsplit(target).scheme != "https":
            return "redirect:target: away from https", None
        at = target
    return "redirect:limit", None
