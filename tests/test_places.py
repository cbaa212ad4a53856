"""Which municipalities an entry speaks of."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.gazetteer import SHIPPED, load_places
from aggregator.model import Place
from aggregator.russian import analyse
from aggregator.tag.inflection import forms_of_adjective, forms_of_name
from aggregator.tag.places import compile_places, find_places

LABELLED = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "places.jsonl")
    .read_text("utf-8")
    .splitlines()
]
KRAI = compile_places(load_places(SHIPPED))


def found(text, title="", gazetteer=KRAI):
    return [match.place for match in find_places(analyse(title, text), gazetteer)]


# --- names in all their forms ----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("Анапа", "Анапа Анапы Анапе Анапу Анапой"),
        ("Джубга", "Джубга Джубги Джубге Джубгу Джубгой"),
        ("Краснодар", "Краснодар Краснодара Краснодару Краснодаром Краснодаре"),
        ("Тамань", "Тамань Тамани Таманью"),
        ("Псебай", "Псебай Псебая Псебаю Псебаем Псебае"),
        ("Каневская", "Каневская Каневской Каневскую"),
        ("Сенной", "Сенной Сенного Сенному Сенным Сенном"),
        ("Мостовской", "Мостовской Мостовского Мостовскому Мостовским Мостовском"),
        ("Витязево", "Витязево Витязева Витязеву Витязевом Витязеве"),
        (
            "Лазаревское",
            "Лазаревское Лазаревского Лазаревскому Лазаревским Лазаревском",
        ),
        ("Сочи", "Сочи"),
        ("Абрау-Дюрсо", "Абрау-Дюрсо"),
        ("Усть-Лабинск", "Усть-Лабинск Усть-Лабинска Усть-Лабинску Усть-Лабинском "
         "Усть-Лабинске"),
        ("Выселки/Выселок", "Выселки Выселок"),
    ],
)  # fmt: skip
def test_forms_of_a_name(name, forms):
    assert forms_of_name(name) == set(forms.split())


def test_the_words_of_a_name_agree():
    forms = forms_of_name("Белая Глина")

    assert forms == {
        "Белая Глина",
        "Белой Глины",
        "Белой Глине",
        "Белую Глину",
        "Белой Глиной",
    }
    assert "Славянске-на-Кубани" in forms_of_name("Славянск-на-Кубани")


def test_forms_of_an_adjective_have_every_gender():
    assert {"сочинский", "сочинская", "сочинских"} <= forms_of_adjective("сочинский")


# --- the shipped gazetteer -------------------------------------------------------


@pytest.mark.parametrize("labelled", LABELLED, ids=lambda one: one["text"][:60])
def test_a_labelled_sentence(labelled):
    assert set(found(labelled["text"])) == set(labelled["places"])


def test_every_municipality_is_found_by_its_name_in_the_genitive():
    for place in KRAI.places:
        name = place.district or place.names[0]
        forms = {
            " ".join(each.tokens)
            for names in KRAI.names.values()
            for each in names
            if each.written == name
        }
        assert forms, place
        titles = [f"Глава {place.title.replace('ий район', 'ого района')} отчитался"]
        if place.district is None:
            titles = [f"Новости: {place.title}"]
        if place.title.endswith("ой район"):
            titles = [f"Глава {place.title.replace('ой район', 'ого района')} уехал"]
        assert found("", titles[0]) == [place.key]


def test_a_match_says_where_it_stands():
    text = "Дождь.\nВ городе Сочи и в Анапе ждут гостей, в Сочи — особенно."

    sochi, anapa = find_places(analyse("", text), KRAI)

    assert (sochi.place, sochi.name, sochi.form, sochi.field) == (
        *("sochi", "Сочи", "Сочи", "text"),
    )
    assert text[sochi.position :].startswith("Сочи и")
    assert text[anapa.position :].startswith("Анапе ждут")


def test_the_title_comes_first():
    (match,) = find_places(analyse("Новости Анапы", "В Анапе тепло"), KRAI)

    assert (match.field, match.position) == ("title", 8)


@pytest.mark.parametrize(
    "text",
    [
        "Калининский район получил субсидию. Деньги дало правительство Твери.",
        "В станице Ленинградской тихо, сообщают из Волгоградской области.",
    ],
)
def test_an_unsure_name_is_no_place_in_news_of_another_region(text):
    assert found(text) == []


def test_news_of_another_region_may_name_our_towns():
    assert found("Туристы из Ростовской области поехали в Анапу") == ["anapa"]


def test_an_operators_names():
    gazetteer = compile_places(
        [Place(key="sarov", title="Саров", names=("Саров",), adjectives=("саровский",))]
    )

    assert found("Саровские физики", gazetteer=gazetteer) == ["sarov"]
    assert found("В Сочи", gazetteer=gazetteer) == []


def test_no_gazetteer_no_places():
    assert found("В Сочи", gazetteer=compile_places([])) == []


WORDS = st.sampled_from(
    [
        "Сочи",
        "Анапы",
        "в",
        "станице",
        "Ленинградской",
        "Отрадная",
        "«Краснодар»",
        "Крымском",
        "районе",
        "и",
        ",",
        ".",
        "район",
        "Анна",
        "Северская",
        "улица",
        "область",
        "Белой",
        "Глины",
        "край",
        "матч",
        "Кропоткине",
        "\n",
        "ФК",
    ]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_matches_point_at_their_forms_and_each_place_stands_once(text):
    matches = find_places(analyse(text, text), KRAI)

    assert len({match.place for match in matches}) == len(matches)
    for match in matches:
        assert text[match.position :].startswith(match.form)
