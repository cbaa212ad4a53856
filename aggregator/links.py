"""Links: made absolute, brought to one identity, asked for their domain.

Three forms of an address, each for its own use:

* ``resolve`` gives the link that is published: what the source wrote, absolute
  and legal (RFC 3986), nothing taken out of it.
* ``canonical_link`` gives the identity of a page: equal for all spellings under
  which sources link to the same article. It is compared, never published.
* ``source_address`` gives the identity of a source in feeds.yaml.

Nothing here raises, whatever the input; what is no http(s) link is None where the
signature says so. Only importer of publicsuffixlist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from ipaddress import AddressValueError, IPv6Address
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin

from aggregator.model import HubLinks

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

#: Servers refuse longer request lines (nginx 8k, IIS 4k); a Cyrillic slug of 300
#: letters, percent-encoded, has 1,800.
MAX_LINK_LENGTH = 4096

#: Hubs that a document may name; honest ones name one, seldom two.
MAX_HUBS = 3

#: RFC 1035: 253 characters; also bounds the work of the IDNA codec.
_MAX_HOST_LENGTH = 253

#: Parameters that say how a reader came, never what the page is. Collected from
#: Miniflux's list, with what Russian portals and networks add. ``erid`` is here
#: too: it marks an advertisement (see ``has_ad_token``), not another page.
# fmt: off
_TRACKING = frozenset({
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid",
    "ttclid", "igshid", "igsh", "_ga", "_gl", "_hsenc", "_hsmi", "__hsfp", "__hssc",
    "__hstc", "mkt_tok", "vero_id", "oly_enc_id", "oly_anon_id", "wickedid", "cmpid",
    "s_cid", "__readwiselocation",
    # Yandex, Mail.ru, Rambler, Telegram, VK, openstat.ru, Mindbox, Roistat
    "yclid", "ysclid", "ymclid", "yadclid", "yadordid", "etext", "frommail",
    "rb_clickid", "tg_rhash", "vk_ref", "vkclid", "_openstat", "openstat",
    "mindbox-click-id", "mindbox-message-key", "roistat", "calltouch_tm", "erid",
    # sessions
    "phpsessid", "jsessionid",
})
# fmt: on
_TRACKING_PREFIXES = ("utm_", "mtm_", "mc_", "pk_", "piwik_", "hsa_", "fb_action_")

#: First labels of hosts that show the same pages in another dress.
_VARIANTS = ("www.", "m.", "amp.")
_DEFAULT_PORT = {"http": 80, "https": 443}
#: A server answers the same for a folder and for these names in it.
_FOLDER_PAGES = frozenset({"index.html", "index.htm", "index.php"})

_EDGES = "".join(map(chr, range(0x21))) + "\x7f\x85\xa0\u200b\u2028\u2029\ufeff"
_LINE_BREAKS = str.maketrans("", "", "\t\n\r")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_PARTS = re.compile(
    r"(?P<scheme>https?):/+(?P<authority>[^/?#]*)(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/]*").fullmatch
_LEGAL = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]%]*").fullmatch
_SAFE_IN_PATH = "!$&'()*+,;=:@/%~"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?[]"
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]").fullmatch
_HOST = re.compile(r"[a-z0-9_\-]+(?:\.[a-z0-9_\-]+)*").fullmatch
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_AD_TOKEN = re.compile(r"[?&;#]erid=[^&#\s]", re.IGNORECASE).search


def resolve(base: str | None, link: str) -> str | None:
    """The absolute http(s) link that a source meant; None when there is none.

    ``base`` is where the document came from (or its xml:base). White space and
    controls are cleaned as browsers do (WHATWG URL), non-ASCII is mapped to a URI
    (RFC 3987, 3.1), a user name and password are dropped: published, they would
    leak or deceive. The query and the fragment stay as they are.
    """
    cleaned = _cleaned(link)
    if not cleaned or len(cleaned) > MAX_LINK_LENGTH:
        return None
    if not _SCHEME.match(cleaned):
        cleaned = _joined(base, cleaned)
    match = _PARTS.fullmatch(cleaned)
    server = _server(match["authority"]) if match else None
    if match is None or server is None:
        return None
    scheme, (host, port) = match["scheme"].lower(), server
    if port and port != _DEFAULT_PORT[scheme]:
        host = f"{host}:{port}"
    query = "" if match["query"] is None else "?" + _legal(match["query"])
    fragment = "" if match["fragment"] is None else "#" + _legal(match["fragment"])
    path = _legal(match["path"], _SAFE_IN_PATH)
    return f"{scheme}://{host}{path}{query}{fragment}"


def hub_links(base: str, hubs: Iterable[str], topic: str | None) -> HubLinks:
    """What WebSub's discovery found at ``base``, made absolute, without what is no http(s)."""
    found = (resolve(base, hub) for hub in islice(hubs, 10 * MAX_HUBS))
    return HubLinks(
        hubs=tuple(dict.fromkeys(hub for hub in found if hub))[:MAX_HUBS],
        topic=resolve(base, topic) if topic else None,
    )


def canonical_link(link: str) -> str:
    """The identity of the page behind a link, as an https link; idempotent.

    Merged: http and https, ``www.``, ``m.`` and ``amp.`` hosts, AMP paths, letter
    case and IDN of the host, default ports, dot segments, repeated and trailing
    slashes, ``index.html``, escapes, tracking parameters (with ``erid``), fragment.
    The query is otherwise left byte for byte: its order and case may mean something.
    What is no http(s) link comes back cleaned of white space at its ends.
    """
    cleaned = _cleaned(link)
    match = _PARTS.fullmatch(cleaned)
    host = _identity_host(match["authority"], _VARIANTS) if match else None
    if match is None or host is None:
        return cleaned
    path = _canonical_path(match["path"])
    query = match["query"]
    return f"https://{host}{path}{_without_tracking(query) if query else ''}"


def source_address(url: str) -> str:
    """A source's address for comparison, such as ``kubnews.ru/rss``.

    Without scheme, ``www.``, default port, trailing slash, tracking parameters and
    fragment. Narrower than ``canonical_link``: ``m.example.org/rss`` and
    ``/index.php`` may well be other feeds than ``example.org/rss`` and ``/``.
    """
    cleaned = _cleaned(url)
    match = _PARTS.fullmatch(cleaned) or _PARTS.fullmatch("https://" + cleaned)
    host = _identity_host(match["authority"], ("www.",)) if match else None
    if match is None or host is None:
        return cleaned
    path = _without_dot_segments(_normal_escapes(match["path"])).rstrip("/")
    query = match["query"]
    return f"{host}{path}{_without_tracking(query) if query else ''}"


def spellings(key: str) -> tuple[str, ...]:
    """Other spellings of a guid that is an address: http or https, ``www.``, last slash.

    None for what is no such guid. Sources flip between them without a word.
    """
    scheme, mark, rest = key.partition("://")
    if not mark or scheme not in {"http", "https"}:
        return ()
    bare = rest.removeprefix("www.").rstrip("/")
    return tuple(
        other
        for scheme in ("https", "http")
        for www in ("", "www.")
        for slash in ("", "/")
        if (other := f"{scheme}://{www}{bare}{slash}") != key
    )


@lru_cache(maxsize=8192)
def registrable_domain(host: str) -> str:
    """The domain that somebody registered: ``kubnews.ru`` of ``www.kubnews.ru``.

    By the public suffix list, private suffixes included (two blogs of one hoster
    are two owners). Literal addresses, single labels and public suffixes are their
    own. Lower case, IDN as punycode; a port is not expected.
    """
    bare = host.strip(_EDGES + ".").lower()
    name = _ascii_host(bare)
    if name is None:
        return bare
    last = name.rpartition(".")[2]
    if ":" in name or last == name or last.isdigit():  # ::1, localhost, 127.0.0.1
        return name.strip("[]")
    return _public_suffixes().privatesuffix(name) or name


def has_ad_token(link: str) -> bool:
    """Whether the link carries ``erid``, the mark of advertising in Russia (38-FZ)."""
    return _AD_TOKEN(link) is not None


@cache
def _public_suffixes() -> PublicSuffixList:
    # 40 ms to import and build: only commands that ask for a domain pay it.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


# --- the link as a whole --------------------------------------------------------


def _cleaned(link: str) -> str:
    """White space off the ends, line breaks out, backslashes read as browsers do."""
    cleaned = link.strip(_EDGES).translate(_LINE_BREAKS)
    if "\\" not in cleaned:
        return cleaned
    # https://good.example\@evil.example leads to good.example in every browser.
    end = min(i for i in (cleaned.find("?"), cleaned.find("#"), len(cleaned)) if i >= 0)
    return cleaned[:end].replace("\\", "/") + cleaned[end:]


def _joined(base: str | None, link: str) -> str:
    """A reference without scheme, completed; empty when that can't be done."""
    parts = _PARTS.fullmatch(_cleaned(base)) if base else None
    scheme = parts["scheme"] if parts else "https"
    if link.startswith("//"):
        return f"{scheme}:{link}"
    if link[:4].lower() == "www." or (parts and _begins_with_host(link, parts)):
        return f"{scheme}://{link}"  # feeds do write <link>www.example.org/1</link>
    try:
        return urljoin(parts[0], link) if parts else ""
    except ValueError:
        return ""


def _begins_with_host(link: str, base: re.Match[str]) -> bool:
    """Whether ``kubnews.ru/1`` stands in a document of kubnews.ru."""
    first = re.split(r"[/?#]", link, maxsplit=1)[0].lower()
    return "." in first and first == base["authority"].lower().removeprefix("www.")


def _legal(text: str, safe: str = _SAFE_IN_QUERY) -> str:
    """The text with what RFC 3986 forbids percent-encoded, all else untouched."""
    return text if _LEGAL(text) else quote(text, safe, errors="replace")


# --- authority ------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _server(authority: str) -> tuple[str, int | None] | None:
    """Host in normal form and the port, if one is written; None for nonsense."""
    address = authority.rpartition("@")[2]
    host, _, port = address.partition(":")
    if address.startswith("["):
        host, bracket, rest = address.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    name = _ascii_host(host.rstrip("."))
    if name is None or (port and not _is_port(port)):
        return None
    return name, int(port) if port else None


@lru_cache(maxsize=8192)
def _identity_host(authority: str, prefixes: tuple[str, ...]) -> str | None:
    """Host and unusual port, without the labels that name a variant of a site.

    80 and 443 are both left out: http and https are one identity, and no page is
    published on the other scheme's port.
    """
    server = _server(authority)
    if server is None:
        return None
    host, port = server
    while host.startswith(prefixes):
        rest = host.partition(".")[2]
        if "." not in rest or rest.rpartition(".")[2].isdigit():  # m.ru, www.127.0.0.1
            break
        host = rest
    return host if port in (None, 80, 443) else f"{host}:{port}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65535


def _ascii_host(host: str) -> str | None:
    """Lower case, IDN as punycode, IPv6 compressed in brackets; None if no host."""
    if host.startswith("[") or host.count(":") > 1:
        return _ipv6(host.strip("[]"))
    if len(host) > _MAX_HOST_LENGTH:
        return None
    try:
        name = unquote(host).encode("idna").decode().lower()
    except UnicodeError:  # an empty label, one over 63 bytes, a forbidden letter
        return None
    return name if _HOST(name) else None


def _ipv6(text: str) -> str | None:
    try:
        return None if "%" in text else f"[{IPv6Address(text).compressed}]"
    except AddressValueError:
        return None


# --- path -----------------------------------------------------------------------


def _canonical_path(path: str) -> str:
    """Escapes in normal form, dots resolved, no variant marks, no trailing slash."""
    path = _normal_escapes(path)
    if ";" in path:
        path = _SESSION.sub("", path)
    path = _without_dot_segments(path)
    segments = [segment for segment in path.split("/") if segment]
    while segments and _names_variant(segments):
        segments.pop()
    while len(segments) > 1 and segments[0].lower() == "amp":
        del segments[0]
    return "/" + "/".join(segments) if segments else ""


def _names_variant(segments: list[str]) -> bool:
    """Whether the last segment names no page of its own: ``/1/amp``, ``/1/index.html``."""
    last = segments[-1].lower()
    return last in _FOLDER_PAGES or (last == "amp" and len(segments) > 1)


def _normal_escapes(path: str) -> str:
    """RFC 3986, 6.2.2: upper-case hex, nothing escaped that needn't be."""
    if _PLAIN_PATH(path):
        return path
    return _ESCAPE.sub(_normal_escape, quote(path, _SAFE_IN_PATH, errors="replace"))


def _normal_escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if _UNRESERVED(character) else match[0].upper()


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept) + ("/" if segments[-1] in (".", "..") else "")


# --- query ----------------------------------------------------------------------


def _without_tracking(query: str) -> str:
    """``?`` and the parameters that choose the page, in their order; or nothing."""
    pieces = query.split("&")
    kept = [piece for piece in pieces if not _is_tracking(piece)]
    left = "&".join(kept) if len(kept) < len(pieces) else query
    return "?" + _legal(left) if left else ""


def _is_tracking(piece: str) -> bool:
    name, _, value = piece.partition("=")
    # "&amp;" escaped once too often leaves "amp;utm_source".
    name = (unquote(name) if "%" in name else name).lower().removeprefix("amp;")
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return True
    judge = _BY_VALUE.get(name)
    return judge is not None and judge(value.lower())


def _names_origin(value: str) -> bool:
    # from=rss, from=yandex_news; but from=20 pages and from=2026-01-01 filters.
    return value[:1] not in set("0123456789")


def _names_feed(value: str) -> bool:
    # source=rss; but source=anons chooses what is shown.
    return value in {"rss", "feed", "atom"}


def _names_feed_or_site(value: str) -> bool:
    # ref=rss, ref=kubnews.ru; but ref=42 is an article's number somewhere.
    return "." in value or _names_feed(value)


def _asks_for_amp(value: str) -> bool:
    return value in {"", "1", "true", "amp"}


#: Names that honest sites use as well: their value decides.
_BY_VALUE = {
    "from": _names_origin,
    "rs": _names_origin,
    "ref": _names_feed_or_site,
    "source": _names_feed,
    "amp": _asks_for_amp,
    "outputtype": _asks_for_amp,
}
