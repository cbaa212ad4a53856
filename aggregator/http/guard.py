"""Which addresses may be contacted (server-side request forgery).

A feed, a redirect or a name server may point anywhere, also into the network that
this program runs in. The address that is really connected is checked, after the
look-up: names such as ``167772161``, ``0x7f.1`` or ``127.1`` are resolved like any
other and then seen for what they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import SplitResult

from aggregator.http.errors import RequestFailed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = {"http": 80, "https": 443}

#: ASCII that no host name has; httpx would percent-encode it and ask the resolver.
UNUSUAL_IN_HOST = re.compile(r"[\x00-\x20\x7f!\"#$%&'()*+,/;<=>?@\\^`{|}~]")
DOTTED = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)

#: All that is routed publicly in IPv6 (IANA, "Global Unicast Address Space");
#: leaves out fc00::/7, fe80::/10, fec0::/10, ff00::/8 and ::/96 at once.
GLOBAL_UNICAST = IPv6Network("2000::/3")
#: RFC 6052: the IPv4 address stands in the last 32 bits.
NAT64 = IPv6Network("64:ff9b::/96")
#: Said again, since ``is_global`` differs between Python's releases.
NEVER_PUBLIC = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)


@lru_cache(maxsize=4096)  # asked twice a request
def parse_address(host: str) -> Address | None:
    """The address that ``host`` literally is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Routed publicly, also after unwrapping IPv4 inside IPv6."""
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        return (
            address.is_global and not address.is_multicast and address in GLOBAL_UNICAST
        )
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in NEVER_PUBLIC)
    )


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to ``address`` may end at."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def is_allowed(address: Address, allow_private: Sequence[Network]) -> bool:
    """Public, or inside one of the networks that the operator allows.

    A mapped address (``::ffff:127.0.0.1``) is the IPv4 one to the kernel, so the
    operator's IPv4 networks hold for it; those behind 6to4 and NAT64 are elsewhere.
    """
    if is_public(address):
        return True
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(
        network.version == plain.version and plain in network
        for network in allow_private
    )


def check_target(parts: SplitResult) -> None:
    """Refuses schemes, ports and odd hosts before anything is looked up.

    Raises RequestFailed ``blocked``, and ValueError when host or port are none.
    """
    if parts.scheme.lower() not in PORTS:
        raise RequestFailed("blocked", "Only http and https addresses are fetched.")
    if _port(parts) not in range(1, 65536):
        raise bad_port()
    host = parts.hostname or ""
    if not host or UNUSUAL_IN_HOST.search(host):
        raise ValueError("no host name")
    if DOTTED.fullmatch(host.removesuffix(".")) and parse_address(host) is None:
        # 012.0.0.1 is 10.0.0.1 to some resolvers, 12.0.0.1 to others; and 10.0.0.1.
        # is an address to browsers, a name to the C library.
        message = "The host is an address that different programs read differently."
        raise RequestFailed("blocked", message)


def bad_port() -> RequestFailed:
    return RequestFailed("blocked", "The port is not between 1 and 65535.")


def _port(parts: SplitResult) -> int:
    """urllib refuses ports over 65535 with the same ValueError as those in letters."""
    digits = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    if not digits:
        return PORTS[parts.scheme.lower()]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("port is not a number")
    return int(digits) if len(digits) < 8 else -1
