"""What public files may say of a source: nothing that opens, or lies inside, a network.

The operator sees everything (``aggregator status``). Status documents, pages and lists
of sources are for everybody, and what is in ``feeds.yaml`` may hold passwords, keys in
queries, and addresses of machines that only this one reaches.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from aggregator.publish.iri import http_iri

#: Names of machines nearby: RFC 6762, RFC 6761, RFC 8375, ICANN's ``.internal``, habit.
_INSIDE = ("local", "localhost", "home.arpa", "internal", "intranet", "lan", "corp")
#: An id that its operator chose: it is no address.
_chosen_id = re.compile(r"[^./:?@]+")

#: Names of parameters that hold a secret, or whose it is.
_secret_name = re.compile(
    r"token|secret|passw|pwd|auth|api_?key|signature|session|login|e?mail"
    r"|(?:^|[^a-z])(?:key|pass|sig|sid|hash|user|usr|uid|access|code|pin)(?:$|[^a-z])",
    re.IGNORECASE,
)
# A date and time without marks has 14 characters.
_run = re.compile(r"[A-Za-z0-9]{16,}")
_digit, _letter = re.compile(r"[0-9]"), re.compile(r"[A-Za-z]")
_turn = re.compile(r"[a-z][A-Z]")
_uuid = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def public_address(address: str | None) -> str | None:
    """An http(s) address without user, password, query and fragment.

    None if it is none, its host is not one of the public network, or its path looks as
    if it held a key. The query goes whole: nobody can tell a key from a section's number.
    """
    shown = _outside(address)
    return None if shown is None or holds_key(shown) else shown


@lru_cache(maxsize=4096)  # each publishing tells of every source, twice
def _outside(address: str | None) -> str | None:
    """Scheme, host and path of an http(s) address in the public network."""
    shown = http_iri(address)
    if shown is None or not is_public_host(_host(shown)):
        return None
    return re.split(r"[?#]", shown, maxsplit=1)[0]


def public_feed(address: str | None) -> str | None:
    """An address that everybody may subscribe to, with its query.

    None if it is not public, or some part of it looks like a key: better that a list
    lacks a feed than that it gives a private one away.
    """
    shown = http_iri(address)
    if shown is None or _outside(shown) is None or "@" in (address or ""):
        return None
    return None if holds_key(shown) else shown.partition("#")[0]


def holds_key(address: str) -> bool:
    """Whether some part of an http(s) address looks like a key, or is named as one."""
    parts = urlsplit(address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    named = any(_secret_name.search(name) for name, _ in query)
    values = [*(value for _, value in query), *map(unquote, parts.path.split("/"))]
    return named or any(map(_looks_like_key, values))


def _looks_like_key(value: str) -> bool:
    """Letters and digits, or small and capital letters, mixed as in no word or date."""
    if _uuid.search(value):
        return True
    return any(
        (_digit.search(run) and _letter.search(run)) or len(_turn.findall(run)) > 3
        for run in _run.findall(value)
    )


def public_home(address: str) -> str | None:
    """The front page of the site that an address belongs to."""
    shown = _outside(address)
    return shown and re.sub(r"(?<=[^/:]/).*", "", shown, flags=re.DOTALL)


@lru_cache(maxsize=4096)  # a source's is asked about five times a publishing
def is_public_host(host: str) -> bool:
    """Whether a host, as written in an address, is one that everybody can reach.

    Names are judged by their form alone: nothing is looked up.
    """
    host = host.strip("[]").rstrip(".").lower()
    try:
        literal = ip_address(host)
    except ValueError:
        labels = host.split(".")
        # ``127.1`` and ``0x7f.1`` are addresses too (WHATWG URL, "ends in a number").
        number = re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])
        inside = any(host == name or host.endswith(f".{name}") for name in _INSIDE)
        return len(labels) > 1 and all(labels) and not number and not inside
    if isinstance(literal, IPv6Address) and literal.ipv4_mapped:
        literal = literal.ipv4_mapped
    return literal.is_global and not literal.is_multicast


def public_id(identity: str, address: str) -> str:
    """The id of the source at `address`; a digest of an id that says too much.

    An id that nobody chose is made from the address, query and all.
    """
    if _chosen_id.fullmatch(identity) and identity != _host(address):
        return identity
    if "?" not in identity and public_address(f"http://{identity}"):
        return identity
    return f"source-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def public_name(name: str, identity: str, address: str) -> str:
    """The name of a source; without one it is called by its host, which may be private."""
    host = _host(address)
    if name in (host, host.removeprefix("www.")) and not is_public_host(host):
        return public_id(identity, address)
    return name


@lru_cache(maxsize=4096)
def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
