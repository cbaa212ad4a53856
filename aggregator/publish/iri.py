"""Addresses as documents may carry them: RFC 3987, http(s) only, without credentials."""

from __future__ import annotations

import re

from aggregator.text import clean_text

# RFC 3987, 2.2, ipath and iquery; "%" only before two hexadecimal digits. Private use
# (legal in a query alone) and everything outside ucschar is percent-encoded,
# and so is white space, of which ucschar has kinds that RFC 3987 would allow.
_UCSCHAR = "\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 15)
)
_illegal = re.compile(
    rf"%(?![0-9A-Fa-f]{{2}})|[^%A-Za-z0-9._~!$&'()*+,;=:@/?\-{_UCSCHAR}]|\s"
)
_http = re.compile(r"(https?)://([^/?#\\]*)((?:[/?#].*)?)", re.DOTALL | re.IGNORECASE)
_host = re.compile(r"(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=.)")


def http_iri(address: str | None) -> str | None:
    """``address`` as a valid http(s) IRI without user and password; None if it is none.

    What RFC 3987 forbids is percent-encoded. Idempotent.
    """
    match = _http.fullmatch(clean_text(address).strip()) if address else None
    if match is None:
        return None
    host = match[2].rpartition("@")[2]
    if not _host.fullmatch(host):
        return None
    path, hash_, fragment = match[3].partition("#")
    return f"{match[1].lower()}://{host}{_encode(path)}{hash_}{_encode(fragment)}"


def is_iri(value: str | None) -> bool:
    """Whether ``value`` may stand as an atom:id: an absolute IRI, nothing to encode."""
    if not value or not (match := _scheme.match(value)):
        return False
    body, _, fragment = value[match.end() :].partition("#")
    return not _illegal.search(body) and not _illegal.search(fragment)


def without_credentials(address: str) -> str:
    """``address`` as status pages may show it: user and password left out."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\\]*@", r"\1", address)


def _encode(part: str) -> str:
    return _illegal.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), part
    )
