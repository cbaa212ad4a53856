"""What passes without the sanitiser is what the sanitiser would give."""

import weakref

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aggregator.parse.html import Sanitiser
from aggregator.parse.tidy import tidy_text
from aggregator.text import plain_text

TEXT = st.text(st.sampled_from("аБ1 \n\"'`=/;\xa0\u00ad\t\r\0\u202e&><😀"), max_size=6)
EMPHASIS = ["b", "em", "i", "strong", "u"]


def wrapped(names, inside):
    return st.builds(
        lambda name, text: f"<{name}>{text}</{name}>", st.sampled_from(names), inside
    )


pieces = st.recursive(
    TEXT | st.just("<br>") | st.sampled_from(["<p>", "</p>", "<b>", "</i>", "<img>"]),
    lambda inside: (
        wrapped(["p", *EMPHASIS], inside) | st.lists(inside, max_size=4).map("".join)
    ),
)


@given(pieces.map(str.strip))
def test_what_is_tidy_is_as_the_sanitiser_would_give_it(html):
    text = tidy_text(html)
    event("untidy" if text is None else "tidy")
    if text is not None:
        assert Sanitiser()._within_limits(html).strip() == html
        assert text == plain_text(html)


@pytest.mark.parametrize(
    "html",
    [
        "текст",
        "<p>Один</p>\n<p>Два <b>три</b><br>и четыре</p>",
        "<b>Один</b><p></p>",
    ],
)
def test_plain_paragraphs_are_tidy(html):
    assert tidy_text(html) is not None


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<p onclick=x>a</p>",
        "<P>a</P>",
        "<p>a",
        "<p>a</b></p>",
        "<p>a<p>b</p></p>",
        "<b><p>a</p></b>",
        "<b><b>a</b></b>",
        "a < b",
        "a > b",
        "<p",
        "a &amp; b",
        "<p>a\xa0b</p>",
        "<p>a\rb</p>",
        "<p>a\0b</p>",
        "<p>\u202eb</p>",
        "<p>\ud800</p>",
        "</p>",
        "<br/>",
        "<>",
        "<p/>",
        "<!-- -->",
    ],
)
def test_anything_else_is_not(html):
    assert tidy_text(html) is None


def test_a_sanitiser_ends_with_its_document():
    """A worker that has read 1,000 documents had 1,000 of them, 20 MB."""
    sanitiser = Sanitiser()
    sanitiser.clean("<a href=x>ссылка</a>", "https://a.ru/")
    gone = weakref.ref(sanitiser)

    del sanitiser

    assert gone() is None
