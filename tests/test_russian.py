"""Words, stems, lemmas and sentences of a text, and where they stand."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.russian import (
    FormCache,
    analyse,
    cases_of,
    fold,
    forms_of,
    is_given_name,
    lemma_of,
    place_kind,
)
from aggregator.russian.dictionary import lexemes_of, likeliest_parse, parses_of
from aggregator.russian.tokens import sentence_starts

TEXTS = st.text(
    st.sampled_from(
        "абвёЁйЙ АБВabcİß123-–—«»\"'.,!?…_\n\u0301\u0306\u0308\u00ad\U0001f600"
    )
    | st.characters(exclude_categories=["Cs"])
)


def words(text):
    return analyse("", text).text


def test_reads_words_in_lower_case_with_yo_as_ye():
    assert words("Ёлка и ЁЖ в Сочи").tokens == ("елка", "и", "еж", "в", "сочи")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("рок-концерт", ("рок", "концерт")),
        ("«Ёлочки»,", ("елочки",)),
        ("COVID-19", ("covid", "19")),
        ("18:00–20:00", ("18", "00", "20", "00")),
        ("snake_case", ("snake", "case")),
        ("д’Артаньян", ("д", "артаньян")),
        ("", ()),
        ("—…!", ()),
    ],
    ids=str,
)
def test_hyphens_quotes_and_signs_part_words(text, tokens):
    assert words(text).tokens == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("стари\u0301нный за\u0301мок", ("старинный", "замок")),
        ("вы\u00adста\u00adвка", ("выставка",)),
        ("и\u0306од и е\u0308лка", ("йод", "и", "елка")),
    ],
    ids=["stress", "soft hyphen", "letters of two characters"],
)
def test_marks_inside_a_word_change_nothing(text, tokens):
    assert words(text).tokens == tokens


def test_places_are_characters_of_the_text_as_it_stands():
    text = "İ! Вы\u00adставка «Ёлка»."
    found = words(text)

    assert [text[s:e] for s, e in zip(found.starts, found.ends, strict=True)] == [
        "İ",
        "Вы\u00adставка",
        "Ёлка",
    ]
    assert found.form(1, 2) == "Вы\u00adставка «Ёлка"


def test_marks_elsewhere_change_no_word():
    """U+2F800 is a character of its own, with or without a soft hyphen before it."""
    assert words("\xad\U0002f800").tokens == words("\U0002f800").tokens


@given(TEXTS)
def test_every_word_stands_where_it_is_said_to(text):
    found = words(text)

    assert len(found.starts) == len(found.ends) == len(found.tokens)
    assert len(found.sentences) == len(found.stems) == len(found.tokens)
    for place, token in enumerate(found.tokens):
        form = found.form(place, place)
        assert form
        assert words(form).tokens == (token,)


@given(TEXTS)
def test_folding_moves_no_character_and_changes_nothing_twice(text):
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


def test_lemmas_and_stems():
    found = words("В музеях новые выставки Rammstein 2026")

    assert found.lemmas == ("в", "музей", "новый", "выставка", "rammstein", "2026")
    assert found.stems == ("в", "музе", "нов", "выставк", "rammstein", "2026")


def test_a_form_of_several_words_has_its_likeliest_lemma():
    assert lemma_of("стали") == "стать"


def test_the_dictionary_says_what_pymorphy_would():
    """Read past its ``parse``, for speed."""
    stories = Path(__file__).parent / "data" / "stories.jsonl"
    tokens = words(stories.read_text(encoding="utf-8")).tokens
    for form in sorted(set(tokens))[::5]:
        parses = parses_of(form)
        likeliest = likeliest_parse(form)
        lexemes = [(lemma, set(forms)) for lemma, forms in lexemes_of(form)]

        assert likeliest == ((parses[0].normal_form, parses[0].tag) if parses else None)
        for parse in parses:
            assert (parse.normal_form, {each.word for each in parse.lexeme}) in lexemes


def test_forms_of_a_word_are_folded_and_of_that_word_alone():
    (forms,) = forms_of("елка").values()

    assert {"елка", "елки", "елкой"} <= forms
    assert not any("ё" in form for form in forms)


@pytest.mark.parametrize(
    "text",
    [
        "Музей им. Е. Д. Фелицына открыт на ул. Красной.",
        "Встреча в г. Сочи",
        "Вход 250 руб. с человека",
        "Концерт группы «Моя Мишель» пройдёт завтра.",
    ],
)
def test_a_short_form_ends_no_sentence(text):
    assert sentence_starts(text) == [0]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("Всё готово. Начало в шесть", "Начало"),
        ("Придёте? «Да», — сказал он", "«Да»"),
        ("Открытие!\nЗавтра", "Завтра"),
        ("приём на ул.\nначало", "начало"),
        ("Готово… 18 мая начнём", "18"),
    ],
)
def test_sentences_end_at_signs_and_at_lines(text, second):
    assert [text[start:][: len(second)] for start in sentence_starts(text)[1:]] == [
        second
    ]


def test_words_know_their_sentence():
    found = words("Открыт музей. Вход свободный. Ждём")

    assert found.sentences == (0, 0, 1, 1, 2)
    assert found.same_sentence(0, 1)
    assert not found.same_sentence(1, 2)


def test_a_full_cache_begins_anew_and_keeps_answering():
    asked = []
    cache = FormCache(lambda form: asked.append(form) or form.upper(), limit=2)

    assert [cache[form] for form in ("а", "а", "б", "в", "а")] == list("ААБВА")
    assert asked == ["а", "б", "в", "а"]
    assert len(cache) <= 2


def test_endless_words_are_neither_kept_nor_looked_up():
    cache = FormCache(len)

    assert cache["я" * 100_000] == 100_000
    assert not cache
    assert lemma_of("выставк" + "а" * 100_000).startswith("выставк")


def test_dictionaries_load_at_the_first_question_only():
    """An unchanged crawl imports the room and never asks."""
    code = (
        "import sys, aggregator.russian, aggregator.tag, aggregator.evaluate as e;"
        "assert not {'pymorphy3', 'Stemmer'} & set(sys.modules);"
        "aggregator.russian.lemma_of('музеи');"
        "assert 'pymorphy3' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_letters_without_a_name_are_no_words_to_look_up():
    """Tangut letters have no names in Python's Unicode tables; pymorphy3 asks for them."""
    assert lemma_of("театр\U00017000") == "театр\U00017000"
    assert forms_of("а\U00017000") == {"а\U00017000": {"а\U00017000"}}
    assert place_kind("а\U00017000") is None
    assert cases_of("\U00017000") == frozenset()
    assert not is_given_name("\U00017000")


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("краснодаре", "name"),
        ("башкирии", "name"),
        ("тверские", "adjective"),
        ("большой", None),
        ("спутник", None),
        ("nato", None),
    ],
)
def test_names_of_places(form, kind):
    assert place_kind(form) == kind
