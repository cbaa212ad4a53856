"""What a request asks for: codings, and the version that a client has (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

#: What ASGI gives: names are lower-case, a name may come several times.
Headers = Iterable[tuple[bytes, bytes]]
#: Codings that a client takes, the best first.
Ranking = tuple[str, ...]

#: Codings that we have, the smallest first: it decides where the client does not mind.
CODINGS = ("br", "gzip", "identity")
_ALIASES = {"x-gzip": "gzip"}  # 8.4.1.3

_READ = frozenset(
    {b"accept-encoding", b"if-match", b"if-none-match"}
    | {b"if-modified-since", b"if-unmodified-since"}
)
_entity_tag = re.compile(rb'(W/)?("[^"]*")')
_weight = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def fields(headers: Headers) -> dict[bytes, bytes]:
    """The fields that decide over an answer; a field's lines are one list (5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ:
            found[name] = found[name] + b"," + value if name in found else value
    return found


def ranking(accept_encoding: bytes | None) -> Ranking:
    """Codings that Accept-Encoding allows (12.5.3); none: refuses all that we have."""
    if accept_encoding is None:
        # Anything would do, but who does not ask may not know how to inflate.
        return ("identity",)
    if len(accept_encoding) > 200:  # of no browser; it must not fill the cache
        return _ranking.__wrapped__(accept_encoding)
    return _ranking(accept_encoding)


@lru_cache(maxsize=256)
def _ranking(accept_encoding: bytes) -> Ranking:
    weights = dict(map(_coding, accept_encoding.decode("latin-1").lower().split(",")))
    others = weights.get("*")
    # "identity" is taken unless it is refused, but last: naming gzip asks for gzip.
    taken = {name: weights.get(name, others or 0) for name in CODINGS}
    if "identity" not in weights and others != 0:
        taken["identity"] = 0.0001
    allowed = (name for name in CODINGS if taken[name] > 0)
    return tuple(sorted(allowed, key=taken.__getitem__, reverse=True))


def _coding(element: str) -> tuple[str, float]:
    """A coding and its weight; one that cannot be read counts as refused."""
    name, _, parameter = element.partition(";")
    name = name.strip()
    match = _weight.fullmatch(parameter.strip().replace(" ", "")) if parameter else None
    weight = float(match[1]) if match else float(not parameter.strip())
    return _ALIASES.get(name, name), weight


def fails(asked: Mapping[bytes, bytes], tag: bytes, modified: int) -> bool:
    """Whether If-Match or, without it, If-Unmodified-Since wants another version: 412."""
    if (tags := asked.get(b"if-match")) is not None:
        return tags.strip() != b"*" and (b"", tag) not in _entity_tag.findall(tags)
    since = _seconds(asked.get(b"if-unmodified-since"))
    return since is not None and modified > since


def is_fresh(asked: Mapping[bytes, bytes], tag: bytes, modified: int) -> bool:
    """Whether the client's copy is this version; If-None-Match decides alone (13.2.2)."""
    if (tags := asked.get(b"if-none-match")) is not None:
        if tags == tag:
            return True
        found = {opaque for _, opaque in _entity_tag.findall(tags)}
        return tags.strip() == b"*" or tag in found
    since = _seconds(asked.get(b"if-modified-since"))
    return since is not None and modified <= since


def _seconds(date: bytes | None) -> float | None:
    """Since 1970; None for what is no date, which counts as absent (13.1.3)."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date.decode("ascii"))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
