"""Headers that tell when to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch import hints
from aggregator.model import Validators

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "Public, MAX-AGE = 600"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "nonsense"}, 600),
        ({"cache-control": "max-age=600", "age": "700"}, 0),
        ({"cache-control": "max-age=99999999999999999999"}, 24 * 3600),
        ({"cache-control": "max-age=0"}, 0),
        ({"cache-control": "max-age=-5"}, None),
        ({"cache-control": "max-age="}, None),
        ({"cache-control": "no-cache, max-age=600"}, 0),
        ({"cache-control": "max-age=600, no-store"}, 0),
        ({"cache-control": "private, must-revalidate"}, None),
        ({"expires": "Sun, 22 Nov 2026 12:10:00 GMT"}, 600),
        (
            {
                "expires": "Sun, 01 Jan 2023 00:05:00 GMT",
                "date": "Sun, 01 Jan 2023 00:00:00 GMT",
            },
            300,
        ),
        ({"expires": "Mon, 22 Nov 2027 12:10:00 GMT"}, 24 * 3600),
        ({"expires": "0"}, 0),
        ({"expires": "-1"}, 0),
        ({"expires": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        (
            {"expires": "Sun, 22 Nov 2026 12:10:00 GMT", "cache-control": "max-age=60"},
            60,
        ),
        (
            {"expires": "Sun, 22 Nov 2026 12:10:00 GMT", "cache-control": "max-age=0"},
            0,
        ),
        (
            {"expires": "Sun, 22 Nov 2026 12:10:00 GMT", "cache-control": "private"},
            600,
        ),
    ],
)
def test_freshness(headers, seconds):
    expected = timedelta(seconds=seconds) if seconds is not None else None

    assert hints.fresh_for(headers, NOW) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("86401", 86400),
        ("000060", 60),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 12:01:00 -0000", 60),
        ("Sunday, 22-Nov-26 12:01:00 GMT", 60),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 11:00:00 GMT", None),
        ("Sun, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after(value, seconds):
    expected = NOW + timedelta(seconds=seconds) if seconds is not None else None

    assert hints.retry_at({"retry-after": value}, NOW) == expected


header = st.text(st.characters(max_codepoint=255), max_size=200) | st.from_regex(
    r"(max-age=|Sun, )?[0-9: ,;=GMTNova-]{0,40}", fullmatch=True
)


@given(st.dictionaries(st.sampled_from(
    ["cache-control", "expires", "date", "age", "retry-after"]), header))  # fmt: skip
def test_no_header_raises_or_reaches_beyond_a_day(headers):
    fresh = hints.fresh_for(headers, NOW)
    retry = hints.retry_at(headers, NOW)

    assert fresh is None or timedelta(0) <= fresh <= hints.LONGEST_HINT
    assert retry is None or NOW < retry <= NOW + hints.LONGEST_HINT


@given(etag=header, last_modified=header)
def test_what_is_kept_of_validators_can_be_sent_as_it_is(etag, last_modified):
    kept = hints.validators_of({"etag": etag, "last-modified": last_modified})

    for value, given_ in ((kept.etag, etag), (kept.last_modified, last_modified)):
        assert value in (None, given_)
    sent = dict(hints.conditions(kept))
    assert sent.get("If-None-Match") == kept.etag
    assert sent.get("If-Modified-Since") == kept.last_modified
    assert not any(set(value) & set("\r\n\0") for value in sent.values())


def test_no_validators_no_conditions():
    assert hints.conditions(Validators()) == []
