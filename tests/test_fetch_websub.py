"""Where hubs are found, and what follows from what they say: no network."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch import hints, websub
from aggregator.http import Client
from aggregator.links import MAX_HUBS
from aggregator.model import HubLinks, ParsedFeed, Subscription
from aggregator.parse import parse_document

NOW = datetime(2026, 9, 1, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
URL = "https://portal.example/feed/"
OFFER = websub.Offer(
    source="portal",
    topic=URL,
    hubs=("https://one.example/", "https://two.example/"),
    callbacks="https://news.example.org/websub/",
)


def asked(failures: int = 0, now: datetime = NOW, token: str = "t") -> Subscription:
    return websub.requested(OFFER, failures, now, token=token, secret="тайна")


def live(lease: timedelta = 10 * DAY, now: datetime = NOW, token: str = "t"):
    seconds = str(int(lease.total_seconds()))
    return websub.confirmed(asked(now=now, token=token), seconds, now)


# --- discovery ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "hubs", "topic"),
    [
        ('<https://hub.example/>; rel="hub"', ["https://hub.example/"], None),
        (
            '<https://hub.example/>; rel=hub, <https://portal.example/f>; rel="self"',
            ["https://hub.example/"],
            "https://portal.example/f",
        ),
        ('</hub>;title="a, b";REL="x HUB"', ["https://portal.example/hub"], None),
        (
            "<https://a.example/>; rel=hub,<https://a.example/>;rel=hub,<b>;rel=hub",
            ["https://a.example/", URL + "b"],
            None,
        ),
        ("<javascript:alert(1)>; rel=hub", [], None),
        (
            "<ftp://a.example/>; rel=hub, <//c.example>; rel=hub",
            ["https://c.example"],
            None,
        ),
        ('<https://a.example/>; rel="hub"; anchor="/other"', [], None),
        ('<https://a.example/>; rel="self"', [], None),
        ("<https://a.example/; rel=hub", [], None),
        ("https://a.example/; rel=hub", [], None),
        ('<https://hub.example/>; title="rel=hub"', [], None),
        ("<" * 8000 + "hub", [], None),
        ("<a>;hub" + " ;x" * 3000, [], None),
    ],
)
def test_hubs_in_link_headers(header, hubs, topic):
    found = hints.hub_links({"link": header}, URL)

    assert (list(found.hubs), found.topic) == (hubs, topic)


def test_a_few_hubs_are_enough():
    header = ", ".join(f"<https://h{n}.example/>; rel=hub" for n in range(100))

    assert len(hints.hub_links({"link": header}, URL).hubs) == MAX_HUBS


@given(st.text('<>;=",rel hubself/a', max_size=200))
def test_any_link_header_is_read(header):
    assert isinstance(hints.hub_links({"link": header + "hub"}, URL), HubLinks)


ATOM = "http://www.w3.org/2005/Atom"
LINKS = (
    '<{0}link rel="self" href="/f"/><{0}link rel="hub" href="https://hub.example/"/>'
)
DOCUMENTS = {
    "rss": f'<rss version="2.0" xmlns:a="{ATOM}"><channel><title>П</title>{LINKS.format("a:")}'
    "<link>https://portal.example/</link>"
    "<item><title>Раз</title><link>https://portal.example/1</link></item></channel></rss>",
    "rss, mended": f'<rss version="2.0" xmlns:a="{ATOM}"><channel>{LINKS.format("a:")}'
    "<item><title>Раз & два</title><link>/1</link></item></channel></rss>",
    "atom": f'<feed xmlns="{ATOM}"><title>П</title><id>urn:x</id>{LINKS.format("")}'
    "<entry><title>Раз</title><id>urn:1</id>"
    '<link rel="hub" href="https://not.example/"/></entry></feed>',
    "json": '{"version": "https://jsonfeed.org/version/1.1", "title": "П", "feed_url": '
    '"https://portal.example/f", "hubs": [{"type": "rssCloud", "url": "https://no.example/"},'
    ' {"type": "WebSub", "url": "https://hub.example/"}], "items": [{"id": "1", "title": "Раз"}]}',
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hubs_in_documents(name):
    read = parse_document(DOCUMENTS[name].encode(), url=URL, content_type=None)

    assert isinstance(read, ParsedFeed)
    assert len(read.entries) == 1
    assert read.info.hub_links == HubLinks(
        hubs=("https://hub.example/",), topic="https://portal.example/f"
    )


def test_a_hub_that_is_no_web_address_is_none():
    document = DOCUMENTS["rss"].replace("https://hub.example/", "file:///etc/passwd")

    read = parse_document(document.encode(), url=URL, content_type=None)

    assert read.info.hub_links.hubs == ()


# --- upkeep -------------------------------------------------------------------------


def test_nothing_is_asked_when_nothing_is_offered():
    assert websub.upkeep([], None, NOW) == websub.Upkeep()


def test_a_request_waits_for_its_confirmation_longer_each_time():
    waits = []
    each, now = asked(), NOW
    for _ in range(7):
        waits.append((each.ask_at - now) // HOUR)
        assert websub.upkeep([each], OFFER, each.ask_at - HOUR / 60) == websub.Upkeep()
        now = each.ask_at
        due = websub.upkeep([each], OFFER, now)
        assert (due.subscribe, due.gone) == (True, ("t",))
        each = asked(due.failures, now)

    assert waits == [1, 2, 4, 8, 16, 24, 24]


def test_hubs_take_turns():
    assert [asked(n).hub[8:11] for n in range(3)] == ["one", "two", "one"]


@pytest.mark.parametrize(
    ("seconds", "lease"),
    [
        ("864000", 10 * DAY),
        ("60", timedelta(minutes=1)),
        ("0", timedelta()),
        (None, websub.LEASE),
        ("", websub.LEASE),
        ("-5", websub.LEASE),
        ("1e9", websub.LEASE),
        ("٣", websub.LEASE),
        ("9" * 5000, websub.LONGEST_LEASE),
    ],
)
def test_leases_are_as_the_hub_says_within_reason(seconds, lease):
    each = websub.confirmed(asked(), seconds, NOW)

    assert each.expires == NOW + lease
    assert each.renew_at >= NOW + websub.SHORTEST_LEASE


def test_a_lease_is_renewed_once_with_time_to_spare():
    old = live(9 * DAY)
    assert not websub.upkeep([old], OFFER, NOW + 5 * DAY).subscribe
    later = NOW + 6 * DAY
    assert websub.upkeep([old], OFFER, later).subscribe

    asked_again = asked(now=later, token="u")
    assert websub.upkeep([old, asked_again], OFFER, later) == websub.Upkeep()
    new = websub.confirmed(asked_again, None, later)
    due = websub.upkeep([old, new], OFFER, later)

    assert due == websub.Upkeep(unsubscribe=(old,))


def test_a_failing_renewal_leaves_the_old_lease_to_its_end():
    old = live(9 * DAY)
    again = asked(now=NOW + 6 * DAY, token="u")
    due = websub.upkeep([old, again], OFFER, again.ask_at)

    assert due == websub.Upkeep(gone=("u",), subscribe=True, failures=1)
    assert websub.upkeep([old], OFFER, NOW + 9 * DAY).gone == ("t",)


@pytest.mark.parametrize(
    "offer",
    [
        None,
        replace(OFFER, topic=URL + "2"),
        replace(OFFER, hubs=("https://three.example/",)),
        replace(OFFER, callbacks="https://elsewhere.example/websub/"),
    ],
)
def test_what_no_longer_fits_is_ended(offer):
    due = websub.upkeep([live()], offer, NOW)

    assert due == websub.Upkeep(unsubscribe=(live(),), subscribe=offer is not None)


def test_ending_is_tried_a_few_times():
    each, times = websub.ending(live(), NOW), 1
    while not (due := websub.upkeep([each], None, each.ask_at)).gone:
        (each,) = (websub.ending(one, each.ask_at) for one in due.unsubscribe)
        times += 1

    assert times == websub.UNSUBSCRIBE_ATTEMPTS


def test_what_was_never_confirmed_needs_no_ending():
    due = websub.upkeep([asked()], None, NOW)

    assert (due.gone, due.unsubscribe, due.subscribe) == (("t",), (), False)


def test_a_refusal_is_taken_for_a_day():
    each = websub.refused(live(), NOW)

    assert not websub.is_live(each, NOW)
    assert not websub.upkeep([each], OFFER, NOW + DAY - HOUR).subscribe
    assert websub.upkeep([each], OFFER, NOW + DAY).subscribe
    question = {"hub.mode": "subscribe", "hub.topic": URL, "hub.challenge": "x"}
    assert not websub.is_asked(each, question, NOW)


# --- trust --------------------------------------------------------------------------


def signed(method: str, body: bytes = b"body", secret: str = "тайна") -> str:
    return f"{method}={hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()}"


@pytest.mark.parametrize(
    ("signatures", "trust"),
    [
        ([signed("sha256")], "content"),
        ([signed("sha384")], "content"),
        ([signed("sha512").upper()], "content"),
        ([signed("sha1")], "hint"),
        ([signed("sha1"), signed("sha256")], "content"),
        ([signed("sha1"), "sha256=" + "0" * 64], "hint"),
        ([signed("sha256", b"other")], None),
        ([signed("sha256", secret="")], None),
        ([signed("sha256")[:-1]], None),
        (["sha1=" + signed("sha256")[7:]], None),
        ([signed("md5")], None),
        ([signed("sha224")], None),
        (["sha256=", "=", "", "blake2b=1"], None),
        ([], None),
        (["x"] * 4 + [signed("sha256")], None),
    ],
)
def test_signatures(signatures, trust):
    assert websub.trust(asked(), signatures, b"body") == trust


# --- asking -------------------------------------------------------------------------


def test_a_redirect_from_https_to_http_does_not_get_the_secret():
    sent: list[str] = []

    def hub(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://one.example/"})

    async def ask():
        transport = httpx.MockTransport(hub)
        async with Client(user_agent="test", transport=transport) as client:
            return await websub.ask(asked(), client=client, now=NOW)

    failed, _ = asyncio.run(ask())

    assert failed is not None
    assert failed.startswith("redirect:target")
    assert sent == ["https://one.example/"]
