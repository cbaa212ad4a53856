"""No-break spaces in our own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.publish.typography import typeset
from aggregator.publish.wording import ENGLISH, RUSSIAN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("в саду и на даче", "в~саду и~на~даче"),
        ("В саду", "В~саду"),
        ("для сайта", "для~сайта"),
        ("Лента — это", "Лента~— это"),
        ("2 – 3 сентября", "2~– 3~сентября"),
        ("22 ноября, 18:40", "22~ноября, 18:40"),
        ("был ли он", "был~ли он"),
        ("новое слово", "новое слово"),
        ("вновь", "вновь"),
        ("5 — 8", "5~— 8"),
        ("", ""),
    ],
)
def test_where_lines_do_not_break(text, expected):
    assert typeset(text) == expected.replace("~", "\u00a0")


@given(st.text("ви на—–5 дож\u00a0"))
def test_only_spaces_change_and_once(text):
    found = typeset(text)

    assert found.replace("\u00a0", " ") == text.replace("\u00a0", " ")
    assert typeset(found) == found


def test_page_words_are_typeset():
    for words in (RUSSIAN.pages, ENGLISH.pages):
        assert typeset(words.what_a_feed_is) == words.what_a_feed_is
    assert "Лента\u00a0— это" in RUSSIAN.pages.what_a_feed_is
