"""Addresses in documents are valid IRIs, http(s) alone, without passwords."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.publish.iri import (
    http_iri,
    http_uri,
    is_id,
    normal_uri,
    without_credentials,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


@pytest.mark.parametrize(
    ("address", "iri"),
    [
        ("https://a.example/п/у?q=ё#ж", "https://a.example/п/у?q=ё#ж"),
        ("https://a.example/a b\"<>'", "https://a.example/a%20b%22%3C%3E'"),
        ("https://a.example/?a[]=1|2", "https://a.example/?a%5B%5D=1%7C2"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example/%d0%BF", "https://a.example/%d0%BF"),
        ("https://a.example/#a#b", "https://a.example/#a%23b"),
        ("https://user:pw@a.example/", "https://a.example/"),
        ("HTTP://A.example:8080", "http://A.example:8080"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://новости.рф/", "https://новости.рф/"),
        ("https://a.example/\u202e\x00x", "https://a.example/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//a.example/", None),
        ("https:///x", None),
        ("https://a b/", None),
        ("https://a.example\\@evil.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_http_iri(address, iri):
    assert http_iri(address) == iri


@given(ANY_TEXT)
def test_http_iri_is_idempotent_and_valid(text):
    iri = http_iri(f"https://a.example/{text}")

    assert iri is not None
    assert http_iri(iri) == iri
    assert not re.search(r'[\s"<>\\^`{|}]', iri)


def test_without_credentials():
    assert without_credentials("https://u:p@a.example/@x") == "https://a.example/@x"
    assert without_credentials("https://a.example/u:p@x") == "https://a.example/u:p@x"


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("https://a.example/п?q=ё#ж", "https://a.example/%D0%BF?q=%D1%91#%D0%B6"),
        ("https://новости.рф:8080", "https://xn--b1amnebsh.xn--p1ai:8080/"),
        ("https://a.example?x", "https://a.example/?x"),
        ("https://a.example/%d0%BF~", "https://a.example/%d0%BF~"),
        (f"https://{'ы' * 64}.рф/", None),
        ("http://[::1]/x", None),
        ("javascript:alert(1)", None),
        (None, None),
    ],
)
def test_http_uri_is_ascii(address, uri):
    assert http_uri(address) == uri


@given(ANY_TEXT)
def test_http_uri_and_its_normal_spelling_are_idempotent(text):
    uri = http_uri(f"https://a.example/{text}")
    normal = normal_uri(uri)

    assert uri is not None
    assert uri.isascii()
    assert http_uri(uri) == uri
    assert normal is None or normal_uri(normal) == normal


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("HTTPS://A.Example:443/%7ex/%d0%bf", "https://a.example/~x/%D0%BF"),
        ("http://a.example:080/%2f%41", "http://a.example/%2FA"),
        ("http://a.example:8080", "http://a.example:8080/"),
        ("https://a.example/%D0%B8%CC%86", "https://a.example/%D0%B9"),
        ("https://a.example/cafe%CC%81?e%cc%81", "https://a.example/caf%C3%A9?%C3%A9"),
        ("https://a.example/%ff", None),
        ("https://a.example/a/../b", None),
        ("https://a.example/100%25", None),
    ],
)
def test_normal_uri(address, normal):
    assert normal_uri(address) == normal


@pytest.mark.parametrize(
    "value",
    [
        "urn:uuid:7f0c7c5e-6f0b-4d3e-9c58-0d7a8e0a4b11",
        "tag:a.example,2026:x",
        "tag:blogger.com,1999:blog-1",
        "urn:isbn:1",
        "https://a.example/feed",
    ],
)
def test_is_id(value):
    assert is_id(value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "news", "doi:10.1/2", "urn:uuid:1-2", "URN:ISBN:1", "urn:имя:ё"),
        *("tag:Blogger.com,1999:1", "https://A.example/", "https://a.example", "tag:x"),
        *("https://a.example/п", "ftp://a.example/", "https://a.example:443/"),
        "https://a.example/e%CC%81",
    ],
)
def test_is_no_id(value):
    assert not is_id(value)
