"""Characters, plain text, shortening and hashes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.text import clean_text, hash64, plain_text, shorten

# XML 1.0, 2.2: Char.
ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

anything = st.text(alphabet=st.characters(codec=None))  # lone surrogates too


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("Обычный текст, 😀 и ё", "Обычный текст, 😀 и ё"),
        ("строка\n\tи ещё\r", "строка\n\tи ещё\r"),
        ("нуль\0 и\x01 управляющие\x1f\x7f\x85\x9f", "нуль и управляющие"),
        ("пол\ud83dпары\udc00", "полпары"),
        ("не\ufdd0сим\ufffeвол\uffff\U0001ffff", "несимвол"),
        ("txt\u202egpj\u202c \u2066и\u2069", "txtgpj и"),
        ("неразрывный\xa0пробел\u200bи ноль", "неразрывный\xa0пробел\u200bи ноль"),
        ("й и й\u0306", "й и й\u0306"),
    ],
)
def test_clean_text_removes_what_xml_or_readers_cannot_bear(given, clean):
    assert clean_text(given) == clean


@given(anything)
def test_clean_text_is_idempotent_and_legal(value):
    once = clean_text(value)

    assert clean_text(once) == once
    assert not ILLEGAL_IN_XML.search(once)


@given(anything)
def test_what_prints_is_clean(value):
    """By this law ``clean_text`` and ``plain_text`` pass most texts without a search."""
    printed = "".join(filter(str.isprintable, value))

    assert clean_text(printed + "\n").removesuffix("\n") == printed


@given(st.text(st.sampled_from("аб \t\n\r\xa0\u2028\u3000<>p/&;")))
def test_plain_text_collapses_all_white_space(html):
    assert all(line == " ".join(line.split()) for line in plain_text(html).split("\n"))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("просто   текст\nдальше", "просто текст дальше"),
        ("<p>Один</p><p>Два</p>", "Один\nДва"),
        (
            "<p>Раз<br>два<br/>три</p>\n\n<ul><li>а</li>\n<li>б</li></ul>",
            "Раз\nдва\nтри\nа\nб",
        ),
        ("сл<b>ов</b>о", "слово"),
        ("<table><tr><td>10:00</td><td>Концерт</td></tr></table>", "10:00 Концерт"),
        ("&laquo;Театр&raquo;&nbsp;&mdash; A&amp;B &amp;lt; 5", "«Театр» — A&B &lt; 5"),
        ('<a href="https://a.example/?a=1&amp;b=&gt;" title="a > b">сюда</a>', "сюда"),
        ("5 &lt; 6 и <picture>нет</picture>", "5 < 6 и нет"),
        ("<pre>код\nещё</pre>", "код ещё"),
        ("", ""),
    ],
)
def test_plain_text(html, text):
    assert plain_text(html) == text


@pytest.mark.parametrize("unit", ["<", '<a "', "<p ", '<a b="', "&", "<td><", '">'])
def test_plain_text_is_linear_on_junk(unit):
    """Half a megabyte of anything is read at once; a quadratic search would hang here."""
    plain_text(unit * 100_000)


class TestShorten:
    def test_leaves_short_text_alone(self):
        assert shorten("Кратко.", 7) == "Кратко."

    def test_cuts_at_a_sentence(self):
        text = "Первое предложение. Второе — подлиннее. Третье уже не войдёт."

        assert shorten(text, 45) == "Первое предложение. Второе — подлиннее. …"

    @pytest.mark.parametrize(
        "text",
        [
            "Праздник пройдёт на ул. Красной в г. Краснодаре и в парке имени Горького",
            "Выставку открыл А. С. Пушкин в присутствии гостей и горожан в полдень дня",
            "Площадь составила 3.5 гектара и растёт, сообщили в администрации города",
        ],
    )
    def test_abbreviations_end_no_sentence(self, text):
        short = shorten(text, 40)

        assert short.endswith("…")
        assert not short.endswith(" …")
        assert text.startswith(short[:-1])

    def test_a_paragraph_ends_a_sentence(self):
        assert shorten(
            "Заголовок без точки\nДальше идёт длинный текст без конца", 30
        ) == ("Заголовок без точки …")

    def test_a_sentence_too_long_is_cut_between_words(self):
        assert shorten("Очень длинное предложение, без единой точки", 31) == (
            "Очень длинное предложение, без…"
        )
        assert shorten("слово, дело, ещё", 7) == "слово…"

    def test_a_word_too_long_is_cut(self):
        assert shorten("а" * 50, 10) == "а" * 9 + "…"

    @given(st.text(alphabet="Ааб. !?…\n«»,1"), st.integers(0, 40))
    def test_never_longer_than_asked(self, text, limit):
        assert len(shorten(text, limit)) <= max(limit, 0)


def test_hash64_is_fixed_for_ever():
    """Stored in databases: the value must never change."""
    assert hash64("a", "b") == -17643764250920285
    assert hash64("a", "b") != hash64("ab") != hash64("a", "", "b")


@given(st.lists(anything, max_size=3))
def test_hash64_fits_a_bigint(parts):
    assert -(2**63) <= hash64(*parts) < 2**63
