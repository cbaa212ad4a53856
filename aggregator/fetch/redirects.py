"""Addresses on the way: the source's own, and those that redirects lead to.

Everything a server puts into Location is checked here before it becomes a request;
where the address really leads is checked again when it is connected (http.guard).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import (
    SplitResult,
    quote,
    unquote_to_bytes,
    urljoin,
    urlsplit,
    urlunsplit,
)

from aggregator.http import BadAddress, RequestFailed
from aggregator.http.guard import check_target

#: 303 and 302 change nothing for a GET.
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: "Use the other address from now on"; the others say nothing of tomorrow.
PERMANENT = frozenset({301, 308})
MAX_HOPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a fetch begins."""

    #: Without credentials and fragment.
    url: str
    #: Value of Authorization, for this scheme, host and port alone.
    authorization: str | None


def start_at(url: str) -> Start:
    """Raises RequestFailed ``blocked`` (BadAddress) for what can't be fetched at all."""
    try:
        parts = urlsplit(url.strip())
        check_target(parts)
        bare = _bare(parts)
    except ValueError:
        raise BadAddress from None
    return Start(url=bare, authorization=_basic(parts))


def redirect_target(base: str, location: str | None) -> str:
    """The absolute address, without fragment, of a Location header (latin-1 text).

    Raises RequestFailed: ``protocol`` when it is missing, ``redirect:target`` when it
    is no address or carries credentials, ``blocked`` for its scheme or port.
    """
    if location is None:
        raise RequestFailed("protocol", "A redirect does not say where to.")
    try:
        parts = urlsplit(urljoin(base, _reference(location)))
        check_target(parts)
        if "@" in parts.netloc:
            message = "A redirect leads to an address with credentials."
            raise RequestFailed("redirect:target", message)
        return _bare(parts)
    except ValueError:
        raise bad_target() from None


def bad_target() -> RequestFailed:
    message = "A redirect leads to something that is no address."
    return RequestFailed("redirect:target", message)


def same_origin(url: str, other: str) -> bool:
    """Scheme, host and port; RFC 6454."""
    return urlsplit(url)[:2] == urlsplit(other)[:2]


def spaces_quoted(url: str) -> str:
    """As feeds.yaml takes it: servers send raw spaces in Location."""
    return re.sub(r"\s", lambda space: quote(space[0]), url)


def _reference(location: str) -> str:
    """Servers send raw UTF-8 in Location; other bytes are percent-encoded as they are."""
    location = location.strip(" \t")
    if not location or any(char < " " or char == "\x7f" for char in location):
        raise ValueError("empty, or with control characters")
    if re.match(r"https?:/*$|https?:///", location, re.IGNORECASE):
        raise ValueError("no host, which urljoin would take from the base")
    raw = location.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


def _bare(parts: SplitResult) -> str:
    """Without credentials and fragment, scheme and host in lower case."""
    netloc = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), netloc, parts.path, parts.query, ""))


def _basic(parts: SplitResult) -> str | None:
    """RFC 7617, for ``https://user:password@host/`` in feeds.yaml."""
    if parts.username is None:
        return None
    pair = b":".join(
        unquote_to_bytes(part or "") for part in (parts.username, parts.password)
    )
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
