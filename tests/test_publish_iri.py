"""Addresses in documents are valid IRIs, http(s) alone, without passwords."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.publish.iri import http_iri, is_iri, without_credentials

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
    assert is_iri(iri)
    assert not re.search(r'[\s"<>\\^`{|}]', iri)


@pytest.mark.parametrize(
    "value",
    ["urn:uuid:1-2", "tag:a.example,2026:x", "https://a.example/?x#y", "urn:имя:ё"],
)
def test_is_iri(value):
    assert is_iri(value)


@pytest.mark.parametrize(
    "value",
    [None, "", "news", "/a", "https:", "urn:a b", "urn:100%", "x:a#b#c", "тег:а"],
)
def test_is_no_iri(value):
    assert not is_iri(value)


def test_without_credentials():
    assert without_credentials("https://u:p@a.example/@x") == "https://a.example/@x"
    assert without_credentials("https://a.example/u:p@x") == "https://a.example/u:p@x"
