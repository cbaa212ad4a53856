"""How alike entries are by their words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.signature import Signature, read_signature
from aggregator.dedup.similarity import (
    Rarity,
    Similarity,
    compare,
    is_same,
    pack_sums,
    unpack_weighed,
    weigh,
)
from aggregator.russian import analyse

RARE = Rarity(0, {})
HOUR = timedelta(hours=1)

BRIDGE = (
    "В Армавире открыли мост через Уруп",
    "Новый мост через реку Уруп открыли в Армавире после двух лет ремонта. Движение "
    "запустили во вторник, сообщили в краевом министерстве транспорта. Длина моста "
    "184 метра, работы обошлись в 620 млн рублей. Раньше водителям приходилось ехать в "
    "объезд через станицу Прочноокопскую, дорога занимала до сорока минут.",
)
BRIDGE_IN_OTHER_WORDS = (
    "Водители Армавира дождались нового моста",
    "Переправа над Урупом снова связала два берега Армавира: строители сдали мост, "
    "который чинили с 2024 года. Как рассказали в миндоре, на 184-метровое сооружение "
    "потратили 620 миллионов. Жителям больше не нужен объезд через Прочноокопскую.",
)
BRIDGE_ELSEWHERE = (
    "В Лабинске открыли мост через Лабу",
    "Новый мост через реку Лаба открыли в Лабинске после трёх лет ремонта. Движение "
    "запустили в пятницу, сообщили в краевом министерстве транспорта. Длина моста "
    "212 метров, работы обошлись в 710 млн рублей. Раньше водителям приходилось ехать в "
    "объезд через соседнюю станицу, дорога занимала до часа.",
)


def weighed(entry):
    return weigh(Signature(read_signature(analyse(*entry))), RARE)


def similar(one, other) -> Similarity:
    return compare(weighed(one), weighed(other), RARE)


def same(one, other, *, hours=0.0, same_source=False) -> bool:
    first, second = weighed(one), weighed(other)
    return is_same(
        compare(first, second, RARE),
        first,
        second,
        apart=hours * HOUR,
        same_source=same_source,
    )


def test_a_report_in_other_words_is_the_same_story_and_no_copy():
    found = similar(BRIDGE, BRIDGE_IN_OTHER_WORDS)

    assert same(BRIDGE, BRIDGE_IN_OTHER_WORDS)
    assert found.relation == "report"
    assert found.why[0].startswith("words 0.")


def test_a_template_about_another_town_is_another_story():
    assert "other places" in similar(BRIDGE, BRIDGE_ELSEWHERE).why
    assert not same(BRIDGE, BRIDGE_ELSEWHERE)


EDITS = {
    "typography": lambda title, text: (
        title.replace("«", '"'),
        text.replace(" — ", " - ").replace("ё", "е").upper().capitalize(),
    ),
    "a source's name behind the title": lambda title, text: (
        f"{title} — Наш край",
        text,
    ),
    "the last sentence gone": lambda title, text: (
        title,
        text[: text.rindex("Раньше")],
    ),
    "the first sentence alone": lambda title, text: (title, text.split(". ")[0]),
    "another title": lambda title, text: ("Мост через Уруп снова открыт", text),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_lightly_edited_text_is_a_copy(edit):
    edited = edit(*BRIDGE)

    assert same(BRIDGE, edited)
    assert similar(BRIDGE, edited).relation == "copy"


def test_other_dates_in_titles_tell_stories_apart():
    text = "Ночью в Сочи до плюс 14, днём до плюс 21 градуса, осадков не ждут."

    found = similar(("Погода в Сочи 8 мая", text), ("Погода в Сочи 9 мая", text))

    assert found.score == 0
    assert found.why[-1] == "other dates"


def test_figures_of_another_day_tell_stories_apart():
    text = "В крае потушили пожары, сообщили в управлении МЧС. Пострадавших нет."

    assert (
        "other numbers"
        in similar(
            ("За сутки на Кубани потушили 18 пожаров", text),
            ("За сутки на Кубани потушили 25 пожаров", text),
        ).why
    )


def test_a_comment_is_no_report():
    comment = ("Мэр Сочи прокомментировал открытие моста в Армавире", BRIDGE[1])

    assert "sequel" in similar(BRIDGE, comment).why


@pytest.mark.parametrize(
    "title",
    [
        "Главное за день: мост, урожай, концерт",
        "Новости дня: что случилось на Кубани",
        "Прогноз погоды на выходные",
        "Афиша недели",
        "Куда пойти в выходные в Краснодаре",
        "Оперативная сводка за сутки",
        "Курс валют на сегодня",
    ],
)
def test_what_tells_many_stories_joins_none(title):
    assert not same((title, BRIDGE[1]), BRIDGE)
    assert same((title, BRIDGE[1]), (title, BRIDGE[1]))


def test_a_source_repeats_itself_only_in_the_same_words():
    assert not same(BRIDGE, BRIDGE_IN_OTHER_WORDS, same_source=True)
    assert same(BRIDGE, (f"{BRIDGE[0]} — дополнено", BRIDGE[1]), same_source=True)


def test_what_is_hardly_alike_has_to_be_of_one_day():
    weak = Similarity(score=0.4, relation="report", near=False, why=())
    one, other = weighed(BRIDGE), weighed(BRIDGE_IN_OTHER_WORDS)

    assert is_same(weak, one, other, apart=20 * HOUR, same_source=False)
    assert not is_same(weak, one, other, apart=30 * HOUR, same_source=False)
    assert is_same(
        replace(weak, score=0.5), one, other, apart=30 * HOUR, same_source=False
    )


def test_townspeople_stand_for_their_town():
    title = "Туляки получат новые автобусы"
    signature = Signature(read_signature(analyse(title, "")))
    other = Signature(read_signature(analyse("Автобусы для Тулы", "")))

    assert signature.places
    assert signature.places == other.places


@given(title=st.text(max_size=60), text=st.text(max_size=900))
def test_whatever_the_text_a_signature_comes_back_and_is_like_itself(title, text):
    packed = read_signature(analyse(title, text))
    one = weigh(Signature(packed), RARE)

    again = unpack_weighed(pack_sums(one), packed)

    assert again.signature == one.signature
    assert again.length == pytest.approx(one.length, rel=1e-6)
    assert compare(one, one, RARE).score <= 1.0


@given(
    st.tuples(st.text(max_size=60), st.text(max_size=200)),
    st.tuples(st.text(max_size=60), st.text(max_size=200)),
)
def test_likeness_has_no_direction(one, other):
    assert similar(one, other) == similar(other, one)


def test_both_names_of_the_region_are_one_place():
    text = "Аграрии намолотили ячмень, в среднем 62 центнера с гектара."
    found = similar(
        ("Первый миллион тонн зерна собрали на Кубани", text),
        ("Миллион тонн зерна собрали в Краснодарском крае", text),
    )

    assert "other places" not in found.why


def test_the_cause_of_a_fire_is_no_news_of_the_fire():
    text = "Огонь охватил склад пиломатериалов на Мысхакском шоссе."
    found = similar(
        ("Пожар на складе в Новороссийске потушили", text),
        ("Названа причина пожара на складе в Новороссийске", text),
    )

    assert "sequel" in found.why
