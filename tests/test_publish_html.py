"""Shortened HTML is within its limit and still what a parser builds."""

from html import escape

import pytest
from html5lib.html5parser import HTMLParser
from hypothesis import given
from hypothesis import strategies as st

from aggregator.parse.html import Sanitiser
from aggregator.publish.html import shortened

SANITISER = Sanitiser()
PIECES = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<ul>",
        "<li>",
        "<br>",
        "<a/href=//a.b/>",
        "слово",
        "&amp;",
        "<img/src=//a.b/c.png/title=x>y>",
        "<h2>",
        "<section>",
        "<center>",
        "<dd>",
    ]
)


def is_built_without_complaint(html):
    HTMLParser(strict=True).parseFragment(html)  # ParseError
    return True


def test_what_fits_is_left_alone():
    assert shortened("<p>Слово</p>", 100) == "<p>Слово</p>"


@pytest.mark.parametrize(
    ("html", "limit", "short"),
    [
        ("<p>Раз два</p><p>три</p>" * 9, 90, "<p>Раз два</p><p></p><p>…</p>"),
        ("<p>раз два три четыре</p>", 40, "<p></p><p>…</p>"),
        ("раз два три четыре пять", 30, "раз<p>…</p>"),
        ("&amp;" * 40, 60, "<p>…</p>"),
    ],
)
def test_it_ends_behind_a_tag_or_between_words(html, limit, short):
    assert shortened(html, limit) == short


@given(st.lists(PIECES, max_size=60).map(" ".join), st.integers(20, 400))
def test_it_is_within_its_limit_and_well_nested(parts, limit):
    html = SANITISER.clean(parts, "https://a.example/")

    short = shortened(html, limit)

    assert is_built_without_complaint(short)
    closing = 150  # of what was open, and the "…"
    assert short == html or len(escape(short, quote=False).encode()) <= limit + closing


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_sanitiser_leaves_what_every_parser_builds(html):
    assert is_built_without_complaint(SANITISER.clean(html, "https://a.example/"))
