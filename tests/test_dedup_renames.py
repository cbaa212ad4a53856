"""Which new entries are stored ones under another key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.renames import find_renames
from aggregator.model import Fingerprint


def prints(key, link=None, title=None, start=None):
    return Fingerprint(key=key, content=0, link=link, title=title, start=start)


STORED = [prints(n, 100 + n, 200 + n, 300 + n) for n in range(10)]


def renamed(like, key):
    return prints(key, like.link, like.title, like.start)


def listed(new, kept=()):
    return {each.key for each in (*new, *kept)}


def test_a_mass_change_is_a_migration():
    new = [renamed(each, 50 + each.key) for each in STORED]

    found = find_renames(new, STORED, listed(new))

    assert found.migration
    assert found.old == {50 + n: n for n in range(10)}


@pytest.mark.parametrize("by", ["link", "text"])
def test_links_or_texts_are_enough_for_a_mass_change(by):
    new = [
        prints(50 + n, 100 + n, 900 + n, 900 + n)
        if by == "link"
        else prints(50 + n, 900 + n, 200 + n, 300 + n)
        for n in range(10)
    ]

    assert find_renames(new, STORED, listed(new)).old == {50 + n: n for n in range(10)}


def test_a_few_need_link_and_text():
    kept = STORED[4:]
    same = [renamed(each, 50 + each.key) for each in STORED[:2]]
    linked = [prints(52, 102, 900, 900), prints(53, 900, 203, 303)]

    found = find_renames([*same, *linked], STORED, listed([*same, *linked], kept))

    assert (found.old, found.migration) == ({50: 0, 51: 1}, False)


def test_a_page_that_shows_the_latest_is_no_migration():
    """One entry with a link that stays: another text is another entry."""
    new = [prints(50, 100, 900, 901)]

    assert find_renames(new, STORED[:1], listed(new)).old == {}


def test_what_is_listed_still_is_not_renamed():
    new = [renamed(each, 50 + each.key) for each in STORED]

    assert find_renames(new, STORED, listed(new, STORED)).old == {}


def test_news_after_a_long_silence_are_no_migration():
    """Most of the document is new; two links are known, of pages that come again."""
    new = [prints(50 + n, 500 + n, 600 + n, 700 + n) for n in range(8)]
    new += [prints(60 + n, 100 + n, 900 + n, 900 + n) for n in range(2)]

    found = find_renames(new, STORED, listed(new))

    assert (found.old, found.migration) == ({}, False)


hashes = st.none() | st.integers(0, 5)
fingerprints = st.lists(
    st.builds(prints, st.integers(0, 40), hashes, hashes, hashes),
    max_size=20,
    unique_by=lambda each: each.key,
)


@given(fingerprints, fingerprints, st.booleans())
def test_laws(stored, document, switched):
    known = {each.key for each in stored}
    new = [each for each in document if each.key not in known]

    found = find_renames(new, stored, listed(document), switched=switched)

    assert len(set(found.old.values())) == len(found.old)
    assert found.old.keys() <= {each.key for each in new}
    assert not set(found.old.values()) & listed(document)
    assert set(found.old.values()) <= known
    by_key = {each.key: each for each in (*stored, *new)}
    for one, other in found.old.items():
        first, second = by_key[one], by_key[other]
        assert first.link == second.link or first.title == second.title
