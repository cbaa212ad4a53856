"""What is read of an announcement: when, until when, where, and whether at all."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import load_config
from aggregator.evaluate import evaluate_events
from aggregator.events import find_events
from aggregator.events.places import _VENUES, _beginnings
from aggregator.russian import analyse, fold
from aggregator.russian.dictionary import lexemes_of

ROOT = Path(__file__).parents[1]
LABELLED = Path(__file__).parent / "data" / "events.jsonl"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "events_dev.jsonl"

#: A Wednesday.
TODAY = date(2026, 4, 1)


def events(title, text="", today=TODAY):
    return find_events(analyse(title, text), today)


def told(title, text="", today=TODAY):
    return [
        " – ".join(when.isoformat() for when in (event.start, event.end) if when)
        for event in events(title, text, today)
    ]


def test_all_forms_of_a_venue_are_looked_up():
    """Words that begin otherwise are passed over."""
    assert not [
        form
        for noun in _VENUES
        for normal_form, forms in lexemes_of(noun)
        for form in map(fold, forms)
        if fold(normal_form) == noun and not form.startswith(_beginnings())
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Фестиваль пройдёт с 30 по 31 декабря 9999 года.",
        "Выставка продлится до 31.12.9999.",
        "Концерт пройдёт с 18.30 31.12.9999 года на последнюю 18.30 дней.",
        "Концерт пройдёт 2 апреля 2036 года.",
    ],
)
def test_nobody_announces_what_is_ten_years_ahead(text):
    assert told(text) == []


def test_an_exhibition_may_stay_for_years():
    assert told("Выставка продлится до 31 марта 2036 года.") == ["2036-03-31"]


@pytest.mark.parametrize(
    ("title", "text", "when"),
    [
        (
            "Рождественские вечера в филармонии",
            "3 апреля — джаз, 5 апреля — «Романсы». Все концерты начинаются в 17:00.",
            ["2026-04-03T17:00", "2026-04-05T17:00"],
        ),
        (
            "Афиша: что покажут в парке",
            "4 апреля, 12:00 — концерт\n5 апреля, 19:00 — танцы\n9 апреля, 21:00 — салют",
            ["2026-04-04T12:00", "2026-04-05T19:00", "2026-04-09T21:00"],
        ),
        (
            "Гастроли театра",
            "4 апреля — «Лес»; 5 апреля — «Гроза»; 6 апреля — «Трамвай „Желание“».",
            ["2026-04-04", "2026-04-05", "2026-04-06"],
        ),
        (
            "Ярмарка откроется 17 апреля",
            "Работать она будет до 20 апреля с 9:00 до 20:00.",
            ["2026-04-17T09:00 – 2026-04-20T20:00"],
        ),
        (
            "Фестиваль пройдёт 19 апреля: начало в 10:00, закрытие в 17:00",
            "",
            ["2026-04-19T10:00 – 2026-04-19T17:00"],
        ),
        ("Выставку продлили", "Её продлили до 5 мая.", ["2026-05-05"]),
        ("Выставка открылась", "Работы можно посмотреть по 8 мая.", ["2026-05-08"]),
        (
            "Концерт перенесён",
            "Вместо 14 апреля слушателей ждут 20 апреля в 19:00.",
            ["2026-04-20T19:00"],
        ),
        (
            "Фестиваль откроется в пятницу, 3 апреля, в 17:00 и завершится в воскресенье",
            "",
            ["2026-04-03T17:00 – 2026-04-05"],
        ),
        (
            "Выставка гравюр открыта до 12 апреля",
            "Музей работает ежедневно, кроме понедельника, с 10 до 18 часов.",
            ["2026-04-12"],
        ),
        (
            "День донора",
            "Сдать кровь можно 6 апреля с 8:00 до 12:00.",
            ["2026-04-06T08:00 – 2026-04-06T12:00"],
        ),
        (
            "Танцевальный вечер 6 апреля",
            "Собраться предлагают в 9:30, сам вальс начнут в 10 часов.",
            ["2026-04-06T10:00"],
        ),
    ],
)
def test_what_two_sentences_tell_together(title, text, when):
    assert told(title, text) == when


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Концерт пройдёт 17 апреля в 18:30.", ["2026-04-17T18:30"]),
        ("Концерт пройдёт 17 апреля в половине седьмого.", ["2026-04-17T18:30"]),
        ("Концерт пройдёт 17 апреля в семь вечера.", ["2026-04-17T19:00"]),
        ("Концерт пройдёт 17 апреля в 18 ч 30 мин.", ["2026-04-17T18:30"]),
        ("Концерт пройдёт 17.04 в 18.30.", ["2026-04-17T18:30"]),
        ("Концерт пройдёт 17.04.2026.", ["2026-04-17"]),
        ("Концерт пройдёт завтра в 12 часов.", ["2026-04-02T12:00"]),
        ("Концерт пройдёт через неделю.", ["2026-04-08"]),
        ("Концерт пройдёт в эту субботу в полдень.", ["2026-04-04T12:00"]),
        ("Концерт пройдёт в следующую субботу.", ["2026-04-11"]),
        ("Ярмарка пройдёт с 5 по 12 апреля.", ["2026-04-05 – 2026-04-12"]),
        ("Ярмарка пройдёт 5–12 апреля.", ["2026-04-05 – 2026-04-12"]),
        (
            "Ярмарка пройдёт с 28 апреля по 3 мая.",
            ["2026-04-28 – 2026-05-03"],
        ),
        ("Фестиваль пройдёт в эти выходные.", ["2026-04-04 – 2026-04-05"]),
        ("Ярмарка откроется 5 апреля на три дня.", ["2026-04-05 – 2026-04-07"]),
        ("Выставка продлится до 13 апреля.", ["2026-04-13"]),
        ("Выставка продлится до конца мая.", ["2026-05-31"]),
        (
            "Выставка откроется 5 апреля и продлится до конца мая.",
            ["2026-04-05 – 2026-05-31"],
        ),
        (
            "Выставка открыта с 20 марта по 13 апреля.",
            ["2026-03-20 – 2026-04-13"],
        ),
        (
            "Приём врачей пройдёт 8 апреля с 9 до 15 часов.",
            ["2026-04-08T09:00 – 2026-04-08T15:00"],
        ),
        (
            "Спектакль покажут 10 и 11 апреля в 18:00.",
            ["2026-04-10T18:00", "2026-04-11T18:00"],
        ),
        (
            "Мастер-класс проведут 10 апреля в 11:00 и 14:00.",
            ["2026-04-10T11:00", "2026-04-10T14:00"],
        ),
        ("Лекции — каждую среду апреля в 18:00", [
            "2026-04-01T18:00", "2026-04-08T18:00", "2026-04-15T18:00",
            "2026-04-22T18:00", "2026-04-29T18:00",
        ]),
        ("Концерт перенесён с 10 апреля на 2 мая.", ["2026-05-02"]),
        ("Концерт пройдёт не 10 апреля, а 2 мая.", ["2026-05-02"]),
        ("Праздник отметят в третье воскресенье мая.", ["2026-05-17"]),
        ("Ёлку зажгут 20 января.", ["2027-01-20"]),
    ],
)  # fmt: skip
def test_when_it_will_be(text, when):
    today = date(2026, 12, 20) if "Ёлку" in text else TODAY

    assert told(text, today=today) == when


@pytest.mark.parametrize(
    "text",
    [
        "Концерт прошёл 17 апреля.",
        "Вчера в 18:00 открыли выставку.",
        "В минувшую субботу состоялся концерт.",
        "17 апреля 1943 года в станице открыли театр.",
        "Певица родилась 17 апреля.",
        "Приём заявок на фестиваль продлится до 17 апреля.",
        "Билеты на концерт поступят в продажу 17 апреля.",
        "Движение перекроют 17 апреля с 6:00 до 14:00.",
        "С 1 мая вырастет плата за проезд.",
        "Справки по телефону 8 (861) 217-04-20.",
        "Здание театра сдадут к 17 апреля.",
        "Концерт пройдёт в конце апреля.",
        "Фестиваль собрал 17 тысяч гостей в возрасте от 6 до 70 лет.",
        "17 апреля в России отмечается день ветерана.",
        "Суд рассмотрит дело 17 апреля в 10:00.",
    ],
)
def test_what_is_no_event(text):
    assert told(text) == []


def test_a_cancelled_event_keeps_its_date():
    [event] = events("Концерт 17 апреля отменён")

    assert event.cancelled
    assert event.start.isoformat() == "2026-04-17"


def test_a_moved_event_remembers_the_day_it_was_to_be_on():
    [event] = events("Спектакль перенесли с 10 на 19 апреля")

    assert not event.cancelled
    assert event.start.day == date(2026, 4, 19)
    assert event.moved_from == date(2026, 4, 10)


def test_an_event_laid_by_is_cancelled():
    (event,) = events("Концерт 3 апреля откладывается на неопределённый срок")

    assert event.cancelled


def test_an_event_put_off_without_a_new_day_is_cancelled():
    [event] = events("Концерт 17 апреля перенесён на неопределённый срок")

    assert (event.cancelled, event.moved) == (True, True)
    assert event.start.day == date(2026, 4, 17)


def test_the_time_of_the_start_counts_not_that_of_what_surrounds_it():
    text = (
        "Забег состоится 19 апреля. Регистрация с 8:00, старт в 10:00. "
        "Движение перекроют с 7:00. Справки: 8 928 000-11-22."
    )

    assert told("Весенний забег", text) == ["2026-04-19T10:00"]


def test_a_dateline_is_no_date():
    text = "Краснодар. 3 апреля. НОВОСТИ - Выставка откроется 17 апреля."

    assert told("Открывается выставка", text) == ["2026-04-17"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Концерт пройдёт 17 апреля в Доме культуры.", "Дом культуры"),
        (
            "Лекция состоится 17 апреля в библиотеке имени Пушкина.",
            "библиотека имени Пушкина",
        ),
        ("17 апреля в парке «Старый сад» пройдёт фестиваль.", "парк «Старый сад»"),
        ("Форум пройдёт 17 апреля в «Экспограде Юг».", "Экспограде Юг"),
        (
            "Лекция пройдёт 17 апреля в актовом зале краевой больницы № 2.",
            "актовый зал краевой больницы № 2",
        ),
        (
            "Ярмарка пройдёт 17 апреля на площади у Дома культуры.",
            "площадь у Дома культуры",
        ),
        ("Ярмарка пройдёт 17 апреля в Тимашевске.", "Тимашевск"),
    ],
)
def test_where_it_will_be(text, place):
    [event] = events(text)

    assert event.place == place


def test_words_stand_where_they_are_said_to():
    title, text = "Вечер джаза", "Начало 17 апреля в 19:00 в клубе «Ритм»."
    [event] = events(title, text)

    assert {words.part for words in event.words} == {"start", "place"}
    for words in event.words:
        field = title if words.field == "title" else text
        assert field[words.position :].startswith(words.form)


WORDS = (
    "с по до на в и , . : — « » концерт состоится перенесён отменён 1 5 31 12 29 00 30"
    " мая февраля апреля 2026 26 года субботу завтра каждую среду часов вечера половине"
    " седьмого конца месяца последний день 8 861 - + выходные не а планировалось третье"
    " ² 1²"  # digits to Unicode, and no numbers
)


@given(st.lists(st.sampled_from(sorted(WORDS.split())), max_size=40).map(" ".join))
def test_any_words_give_events_that_are_not_over(text):
    for event in events(text[:10], text):
        ends = event.end or event.start

        assert ends.day >= TODAY or event.start.day >= TODAY
        assert (
            event.start is None
            or event.end is None
            or (event.start.day <= event.end.day)
        )
        assert 0.5 <= event.confidence <= 1


@pytest.mark.parametrize(
    ("path", "exact", "day", "rejects"),
    [
        # Measured 0.96, 0.96, 0.91 on the first and 0.97, 1.0, 1.0 on the second. The
        # first was written in four parts; at its first run, before anything was
        # corrected by it, each gave: 0.90, 0.94, 0.95; 0.76, 0.78, 0.69 (made hard on
        # purpose); 0.81, 0.88, 0.90; 0.81, 0.84, 0.83 (other outlets, 2019 to 2027).
        (LABELLED, 0.93, 0.95, 0.90),
        (SHARED, 0.90, 0.95, 0.95),
    ],
    ids=["own", "shared"],
)
def test_quality_on_labelled_entries(path, exact, day, rejects):
    if not path.exists():
        pytest.skip(f"labelled entries are not here: {path}")
    topics = load_config(ROOT / "feeds.yaml").topics
    found = evaluate_events(
        path, topics, timezone="Europe/Moscow", misses=True, gate=False
    ).as_json()

    assert found["classes"]["exact"]["f1"] >= exact, found["misses"]
    assert found["classes"]["date"]["f1"] >= day, found["misses"]
    assert found["rejects"]["rate"] >= rejects, found["misses"]
