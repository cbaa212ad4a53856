"""What response headers say about the next poll: validators, freshness, Retry-After, hubs.

Headers are a mapping of lower-case names to latin-1 text. Nothing here raises: a
header that makes no sense is one that was not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.links import hub_links as absolute_hub_links
from aggregator.model import HubLinks, Validators

#: Server hints are floors up to this (docs/decisions.md).
LONGEST_HINT = timedelta(hours=24)
#: Longer validators are somebody's cookie, not a validator.
LONGEST_VALIDATOR = 1024

#: Link headers are read so far; WordPress sends 300 characters of them.
LONGEST_LINKS = 8192
#: RFC 8288, 3: ``<address>; rel="one two"; title=three``, many to a header.
LINK = re.compile(
    r"<([^<>]*)>((?:\s*;\s*[^\s;,=<>]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"<>]*))?)*)"
)
PARAMETER = re.compile(r";\s*([^\s;,=<>]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"<>]*))")

#: RFC 9110, 5.5: a field value that may be sent, so neither controls nor outer blanks.
SENDABLE = re.compile(
    r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?"
)


def validators_of(headers: Mapping[str, str]) -> Validators:
    """Byte-exact, weak marks and missing quotes included."""
    return Validators(
        etag=_sendable(headers.get("etag")),
        last_modified=_sendable(headers.get("last-modified")),
    )


def conditions(validators: Validators) -> list[tuple[str, str]]:
    """The request headers that send ``validators`` back."""
    pairs = (
        ("If-None-Match", _sendable(validators.etag)),
        ("If-Modified-Since", _sendable(validators.last_modified)),
    )
    return [(name, value) for name, value in pairs if value is not None]


def _sendable(value: str | None) -> str | None:
    if value is None or len(value) > LONGEST_VALIDATOR:
        return None
    return value if SENDABLE.fullmatch(value) else None


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the answer stays the same by the server's word; None when it says nothing.

    ``no-cache`` and ``no-store`` mean zero and beat ``max-age``, which beats
    ``Expires``, where an invalid date is past (RFC 9111, 5.2.2 and 5.3); what a cache
    on the way has used up (Age) is taken off.
    """
    directives = _directives(headers.get("cache-control", ""))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta()
    if "max-age" in directives:
        lifetime = _seconds(directives["max-age"])
        age = _seconds(headers.get("age", "0")) or timedelta()
        return _floor(lifetime - age) if lifetime is not None else None
    if "expires" not in headers:
        return None
    expires = _date(headers["expires"])
    return _floor(expires - _sent_at(headers, now)) if expires else timedelta()


def _floor(lifetime: timedelta) -> timedelta:
    return min(max(lifetime, timedelta()), LONGEST_HINT)


def hub_links(headers: Mapping[str, str], url: str) -> HubLinks:
    """WebSub's discovery (4) in the Link headers of the answer at ``url``."""
    links = headers.get("link", "")
    if "hub" not in links.lower():
        return HubLinks()
    hubs: list[str] = []
    topic = None
    for target, parameters in LINK.findall(links[:LONGEST_LINKS]):
        named = {
            name.lower(): quoted or bare
            for name, quoted, bare in PARAMETER.findall(parameters)
        }
        relations = named.get("rel", "").lower().split()
        if "anchor" in named:
            continue  # of another document
        if "hub" in relations:
            hubs.append(target)
        if "self" in relations:
            topic = topic or target
    return absolute_hub_links(url, hubs, topic)


def retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The earliest next poll by Retry-After: seconds, or a date by the server's clock."""
    value = headers.get("retry-after", "").strip()
    delay = _seconds(value)
    if delay is None:
        date = _date(value)
        delay = date - _sent_at(headers, now) if date is not None else None
    if delay is None or delay <= timedelta():
        return None
    return now + min(delay, LONGEST_HINT)


def _directives(value: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in value.split(","))
    return {name.strip().lower(): argument.strip(' \t"') for name, _, argument in pairs}


def _seconds(value: str) -> timedelta | None:
    value = value.strip()
    if not (value.isascii() and value.isdigit()):
        return None
    # Cut before int(): thousands of digits are an attack, and timedelta overflows.
    return timedelta(seconds=int(value.lstrip("0")[:9] or "0"))


def _sent_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """The server's own present: its clock may be wrong, but it is wrong throughout."""
    return _date(headers.get("date")) or now


def _date(value: str | None) -> datetime | None:
    if not value or len(value) > 100:
        return None
    try:
        date = parsedate_to_datetime(value)
        # RFC 9110 dates are GMT, also where the zone is missing or "-0000".
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
