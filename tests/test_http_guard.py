"""Which addresses may be contacted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.http import RequestFailed
from aggregator.http.guard import check_target, is_allowed, is_public

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "8.8.8.8",
    "77.88.8.8",
    "192.0.1.1",
    "2a02:6b8::feed:0ff",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public(address):
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_does_not_change_what_it_is(address):
    number = int(address)
    wrapped = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address(0x2002 << 112 | number << 80),
    ]

    assert {is_public(form) for form in wrapped} == {is_public(address)}


@given(st.ip_addresses())
def test_public_addresses_are_global_to_the_standard_library_too(address):
    inner = getattr(address, "ipv4_mapped", None)

    if (
        is_public(address)
        and inner is None
        and address not in ip_network("64:ff9b::/96")
    ):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_private


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("::2", False),
    ],
)
def test_the_operators_networks_and_nothing_beside_them(address, allowed):
    networks = [ip_network("127.0.0.0/8"), ip_network("::1/128")]

    assert is_allowed(ip_address(address), networks) is allowed


def test_nothing_private_is_allowed_from_the_start():
    assert not is_allowed(IPv4Address("127.0.0.1"), ())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "HTTPS://example.org:443/",
        "http://user:1@example.org:8080/",
        "http://[2606:4700::1111]:80/",
        "http://127.1/",
        "http://новости.рф/",
        "http://under_score.example/",
        "http://example.org.:65535/",
        "http://example.org:/",
    ],
)
def test_targets_that_pass(url):
    check_target(urlsplit(url))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ws://example.org/",
        "example.org",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://[2606:4700::1111]:99999/",
        "http://user@example.org:99999999999/",
        "http://010.0.0.1/",
        "http://1.2.3.256/",
        "http://10.0.0.1./",
    ],
)
def test_targets_that_are_blocked(url):
    with pytest.raises(RequestFailed) as caught:
        check_target(urlsplit(url))

    assert caught.value.code == "blocked"


@pytest.mark.parametrize(
    "url", ["http://", "http://:80/", "http://a b/", "http://x:y/", "http://x:-1/"]
)
def test_targets_that_are_no_address(url):
    with pytest.raises(ValueError, match=r"host|port"):
        check_target(urlsplit(url))
