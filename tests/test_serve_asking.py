"""What requests ask for, by RFC 9110: pure functions over header values."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.serve.asking import CODINGS, fails, fields, is_fresh, ranking

ALL = ("br", "gzip", "identity")
TAG = b'"one"'
MODIFIED = 1_700_000_000


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (None, ("identity",)),
        ("", ("identity",)),
        ("identity", ("identity",)),
        ("gzip", ("gzip", "identity")),
        ("gzip, deflate, br, zstd", ALL),
        ("br;q=0.2, gzip;q=0.8", ("gzip", "br", "identity")),
        ("GZIP;Q=0.5", ("gzip", "identity")),
        ("x-gzip", ("gzip", "identity")),
        ("gzip ; q=1.000 , br ;q= 0", ("gzip", "identity")),
        ("*", ALL),
        ("br, *;q=0.1", ALL),
        ("gzip;q=0.001", ("gzip", "identity")),
        ("gzip;q=0, *", ("br", "identity")),
        ("gzip;q=0.5, identity;q=0.9", ("identity", "gzip")),
        ("identity;q=0", ()),
        ("gzip, identity;q=0", ("gzip",)),
        ("gzip, *;q=0", ("gzip",)),
        ("*;q=0", ()),
        ("*;q=0, identity", ("identity",)),
        ("gzip;q=0", ("identity",)),
        ("gzip;q=x, br;q=2, deflate", ("identity",)),
        ("gzip;level=9", ("identity",)),
        ("gzipped, brotli", ("identity",)),
        (",, gzip,", ("gzip", "identity")),
        ("gzip" + ", x" * 1000, ("gzip", "identity")),
    ],
)
def test_accept_encoding(accept_encoding, expected):
    value = None if accept_encoding is None else accept_encoding.encode()

    assert ranking(value) == expected


@given(st.binary(max_size=400))
def test_any_accept_encoding_has_a_ranking(value):
    assert set(ranking(value)) <= set(CODINGS)


@pytest.mark.parametrize(
    ("if_none_match", "fresh"),
    [
        ('"one"', True),
        ('W/"one"', True),
        ("*", True),
        (' "zero" , "one" ', True),
        ('"a,b",W/"one"', True),
        ('"One"', False),
        ("one", False),
        ('"one', False),
        ("", False),
        ('"zero"', False),
        ('"one-gzip"', False),
    ],
)
def test_if_none_match(if_none_match, fresh):
    """The date does not count beside it, whatever it says."""
    for date in (0, MODIFIED):
        asked = {
            b"if-none-match": if_none_match.encode(),
            b"if-modified-since": formatdate(date, usegmt=True).encode(),
        }
        assert is_fresh(asked, TAG, MODIFIED) is fresh


@pytest.mark.parametrize(
    ("date", "fresh"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True),
        ("Tue, 14 Nov 2023 22:13:21 GMT", True),
        ("Tue, 14 Nov 2023 22:13:19 GMT", False),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("Tue Nov 14 22:13:20 2023", True),
        ("yesterday", False),
        ("", False),
        ("Tue, 14 Nov 99999999999999999999 22:13:20 GMT", False),
        ("вторник", False),
    ],
)
def test_if_modified_since(date, fresh):
    assert is_fresh({b"if-modified-since": date.encode()}, TAG, MODIFIED) is fresh


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("if-match", '"one"', False),
        ("if-match", '"zero", "one"', False),
        ("if-match", "*", False),
        ("if-match", 'W/"one"', True),
        ("if-match", '"zero"', True),
        ("if-unmodified-since", "Tue, 14 Nov 2023 22:13:20 GMT", False),
        ("if-unmodified-since", "Tue, 14 Nov 2023 22:13:19 GMT", True),
        ("if-unmodified-since", "yesterday", False),
        ("accept", "*/*", False),
    ],
)
def test_what_wants_another_version_fails(name, value, expected):
    assert fails(fields([(name.encode(), value.encode())]), TAG, MODIFIED) is expected


def test_lines_of_one_field_are_one_list():
    lines = [(b"if-none-match", b'"zero"'), (b"if-none-match", TAG), (b"te", b"x")]

    assert fields(lines) == {b"if-none-match": b'"zero","one"'}


@given(st.binary(), st.binary(), st.binary(), st.binary())
def test_nothing_that_is_asked_breaks_it(match, none_match, since, unmodified):
    asked = {
        b"if-match": match,
        b"if-none-match": none_match,
        b"if-modified-since": since,
        b"if-unmodified-since": unmodified,
    }
    for name in asked:
        alone = {name: asked[name]}
        assert fails(alone, TAG, MODIFIED) in (True, False)
        assert is_fresh(alone, TAG, MODIFIED) in (True, False)
