"""Addresses as documents may carry them: http(s) only, without credentials.

Pages have IRIs (RFC 3987), which people can read; feeds have URIs (RFC 3986).
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

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
_PORTS = {"http": 80, "https": 443}
# An accent may be encoded behind a letter that is not: "e%CC%81" is "é", too.
_encoded = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+")
_tag = re.compile(
    r"tag:(?:[a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(?:-\d\d(?:-\d\d)?)?:"
    r"[0-9a-zA-Z;/?:@&=+$._!~*'(),-]*"
)
_urn = re.compile(r"urn:[a-zA-Z0-9][a-zA-Z0-9-]{1,31}:[a-zA-Z0-9()+,.:=@;$_!*'-]+")
_uuid = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: What http_iri leaves as it is: encoding touches what is not ASCII alone.
_ASCII = "!#$%&'()*+,;=:@/?~"
_http = re.compile(r"(https?)://([^/?#\\]*)((?:[/?#].*)?)", re.DOTALL | re.IGNORECASE)
_host = re.compile(r"(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


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


def http_uri(address: str | None) -> str | None:
    """``address`` in ASCII alone (RFC 3986), as RSS and the strictest readers want it.

    None where ``http_iri`` gives None, for IPv6 literals, whose brackets they refuse,
    and when the host has no ASCII form. Idempotent.
    """
    iri = http_iri(address)
    match = _http.fullmatch(iri) if iri else None
    if match is None or match[2].startswith("["):
        return None
    host, rest = match[2], match[3]
    if not host.isascii():
        name, colon, port = host.partition(":")
        try:
            host = f"{name.encode('idna').decode('ascii')}{colon}{port}"
        except UnicodeError:  # a label of more than 63 characters
            return None
    if not rest.startswith("/"):
        rest = f"/{rest}"
    return f"{match[1]}://{host}{quote(rest, safe=_ASCII)}"


def normal_uri(address: str | None) -> str | None:
    """``address`` in the one spelling that RFC 3986, 6.2, makes of all its equals.

    None when it has none: no ``http_uri``, bytes that are no UTF-8, dots for segments.
    """
    match = _http.fullmatch(http_uri(address) or "")
    if match is None or re.search(r"/\.\.?(?=[/?#]|$)|%25", match[3]):
        return None
    name, _, port = match[2].lower().rstrip(".").partition(":")
    if port and int(port) not in (_PORTS[match[1]], 0):
        name = f"{name}:{int(port)}"
    try:
        rest = _encoded.sub(_normal_encoding, match[3])
    except UnicodeDecodeError:
        return None
    return f"{match[1]}://{name}{rest}"


def is_id(value: str | None) -> bool:
    """Whether ``value`` may stand as an atom:id before the strictest reader.

    A tag (RFC 4151), a URN (RFC 2141), or an address in its normal spelling.
    """
    if not value:
        return False
    if value.startswith("urn:uuid:"):
        return bool(_uuid.fullmatch(value))
    if value.startswith(("tag:", "urn:")):
        return bool(_tag.fullmatch(value) or _urn.fullmatch(value))
    return normal_uri(value) == value


def without_credentials(address: str) -> str:
    """``address`` as status pages may show it: user and password left out."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\\]*@", r"\1", address)


def _normal_encoding(found: re.Match[str]) -> str:
    """Letters and encoded bytes: in NFC, in capitals, what needs no encoding without."""
    run = unquote(found[0], errors="strict")
    return quote(unicodedata.normalize("NFC", run), safe="")


def _encode(part: str) -> str:
    return _illegal.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), part
    )
