"""Fingerprints: equal under noise, unequal under edits; copies share title and start."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.fingerprint import fingerprint, shared_blocks
from aggregator.dedup.noise import bare, quiet, quiet_title, words
from aggregator.model import Enclosure, Entry
from aggregator.text import hash64

TITLE = "В Анапе открыли выставку ёлочных игрушек - фото"
TEXT = (
    "Выставка «Старая ёлка» открылась 12 мая 2026 года в 18:30 в музее Анапы.\n"
    "Её собирали — без преувеличения — всем городом; в экспозиции 340 игрушек.\n"
    "Просмотров: 123. Комментарии (5). 17 лайков. Обновлено 5 минут назад."
)


def make_entry(**changes) -> Entry:
    entry = Entry(
        key="https://a.example/1",
        title=TITLE,
        link="https://a.example/news/1",
        canonical_link="https://a.example/news/1",
        summary=None,
        content=None,
        text=TEXT,
        position=0,
    )
    return replace(entry, **changes)


def content(**changes) -> int:
    return fingerprint(make_entry(**changes)).content


# --- noise ----------------------------------------------------------------------

NOISE = {
    "letter case": {"text": TEXT.upper(), "title": TITLE.lower()},
    "ё": {"text": TEXT.replace("ё", "е"), "title": TITLE.replace("ё", "е")},
    "ё of two characters": {"text": TEXT.replace("ё", "е\u0308")},
    "quotes": {"text": TEXT.replace("«", '"').replace("»", '"')},
    "typographic quotes": {"text": TEXT.replace("«", "“").replace("»", "”")},
    "dashes": {"text": TEXT.replace("—", "-"), "title": TITLE.replace("-", "—")},
    "rare dashes": {"text": TEXT.replace("—", "\u2012").replace("-", "\u2011")},
    "white space": {"text": TEXT.replace(" ", "\xa0").replace("\n", "\n\n")},
    "white space of the title": {"title": TITLE.replace(" ", "  ")},
    "blocks joined": {"text": TEXT.replace("\n", " ")},
    "soft hyphens": {"text": TEXT.replace("выставка", "вы\u00adстав\u200bка")},
    "another day": {"text": TEXT.replace("12 мая 2026 года", "13 мая")},
    "days of a month": {"text": TEXT.replace("12 мая 2026 года", "12–15 июня")},
    "a date in figures": {"text": TEXT.replace("12 мая 2026 года", "12.05.2026")},
    "an ISO date": {"text": TEXT.replace("12 мая 2026 года", "2026-05-12")},
    "another time": {"text": TEXT.replace("18:30", "9.05")},
    "a time with seconds": {"text": TEXT.replace("18:30", "18:30:59")},
    "views": {"text": TEXT.replace("123", "1 240")},
    "comments": {"text": TEXT.replace("(5)", "(12)")},
    "likes": {"text": TEXT.replace("17 лайков", "1 лайк")},
    "a time ago": {"text": TEXT.replace("5 минут назад", "2 часа назад")},
    "dates of the entry": {"published": None, "updated": None},
    "place in the document": {"position": 7},
    "markup of the text": {"summary": "<p>b</p>", "content": None},
    "tracking parameters": {"link": "https://a.example/news/1?utm_source=rss"},
}


@pytest.mark.parametrize("changes", NOISE.values(), ids=NOISE.keys())
def test_noise_leaves_the_content_hash(changes):
    assert content(**changes) == content()


def test_a_view_counter_in_the_title_is_noise():
    assert content(title=f"{TITLE} (9 просмотров)") == content(
        title=f"{TITLE} (12 просмотров)"
    )


EDITS = {
    "a word of the text": {"text": TEXT.replace("Анапы", "Сочи")},
    "a number of the text": {"text": TEXT.replace("340", "350")},
    "a comma": {"text": TEXT.replace("города;", "города,").replace("всем", "всем,")},
    "a decimal is no time": {"text": TEXT + " 10.25 процента"},
    "a word of the title": {"title": TITLE.replace("Анапе", "Сочи")},
    "a date in the title": {"title": TITLE + ", 12 мая"},
    "a time in the title": {"title": TITLE + " в 18:30"},
    "link": {"canonical_link": "https://a.example/news/2"},
    "enclosure": {"enclosures": (Enclosure(url="https://a.example/1.jpg"),)},
    "author": {"authors": ("Анна Ёлкина",)},
    "category": {"categories": ("Культура",)},
    "a summary beside the text": {"summary": "<p>Коротко</p>", "content": "<p>…</p>"},
    "emoji": {"text": TEXT + " 🎄"},
    "other emoji": {"text": TEXT + " 🎆"},
}


@pytest.mark.parametrize("changes", EDITS.values(), ids=EDITS.keys())
def test_edits_change_the_content_hash(changes):
    assert content(**changes) != content()


def test_different_edits_have_different_hashes():
    hashes = {content(**changes) for changes in EDITS.values()}

    assert len(hashes) == len(EDITS)


def test_signatures_of_image_links_are_noise():
    one = (Enclosure(url="https://img.example/1.jpg?expires=1&sign=ab"),)
    other = (Enclosure(url="https://img.example/1.jpg?expires=2&sign=cd"),)

    assert content(enclosures=one) == content(enclosures=other)


@given(st.text(alphabet="абвёйАБВЁЙ 12.:,-—«»\n", max_size=60))
def test_typography_never_matters(text):
    typographic = (
        text.replace("ё", "е").replace("—", "-").replace("«", "").replace("»", "")
    )

    assert bare(quiet_title(text)) == bare(quiet_title(typographic.upper()))


@given(st.text(max_size=200))
def test_quiet_keeps_lines_and_never_fails(text):
    assert quiet(text).count("\n") == text.lower().count("\n")
    assert isinstance(bare(quiet(text)), str)
    assert all(words(quiet(text)))


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 50_000,
        "1." * 50_000,
        "12 ма" * 20_000,
        "просмотров: " * 8_000,
        "—" * 99_999,
    ],
    ids=["digits", "points", "months", "counters", "dashes"],
)
def test_quiet_is_linear_on_hostile_text(text):
    started = time.process_time()
    bare(quiet(text))

    assert time.process_time() - started < 1


# --- key, link, title, start ----------------------------------------------------


def test_key_is_the_hash_of_the_entry_key():
    assert fingerprint(make_entry()).key == hash64("https://a.example/1")


@pytest.mark.parametrize(
    ("link", "names_a_page"),
    [
        ("https://a.example/news/1", True),
        ("https://a.example/vystavka", True),
        ("https://a.example?p=1", True),
        ("https://a.example", False),
        ("https://a.example/news", False),
        ("https://a.example/Afisha", False),
        ("https://a.example/news?id=1", True),
        (None, False),
    ],
)
def test_home_pages_and_sections_have_no_link_hash(link, names_a_page):
    found = fingerprint(make_entry(canonical_link=link)).link

    assert found == (hash64(link) if names_a_page else None)


def title_hash(title: str, text: str = TEXT) -> int | None:
    return fingerprint(make_entry(title=title, text=text)).title


SAME_TITLES = {
    "case": "В АНАПЕ ОТКРЫЛИ ВЫСТАВКУ ЁЛОЧНЫХ ИГРУШЕК",
    "ё, quotes": "В Анапе открыли выставку «елочных игрушек»",
    "full stop": "В Анапе открыли выставку ёлочных игрушек.",
    "source after a bar": "В Анапе открыли выставку ёлочных игрушек | Кубань 24",
    "source after a dash": "В Анапе открыли выставку ёлочных игрушек — Новости Кубани",
    "source after a hyphen": "В Анапе открыли выставку ёлочных игрушек - Юга.ру",
}


@pytest.mark.parametrize("title", SAME_TITLES.values(), ids=SAME_TITLES.keys())
def test_titles_of_copies_are_equal(title):
    assert title_hash(title) == title_hash("В Анапе открыли выставку ёлочных игрушек")


OTHER_TITLES = {
    "another town": "В Сочи открыли выставку ёлочных игрушек",
    "a dash that parts the sentence": "Выставка — в Анапе открыли коллекцию ёлочных игрушек",
    "a second half": "В Анапе открыли выставку ёлочных игрушек — мэр города обещал ещё одну",
}


@pytest.mark.parametrize("title", OTHER_TITLES.values(), ids=OTHER_TITLES.keys())
def test_titles_of_others_differ(title):
    assert title_hash(title) != title_hash("В Анапе открыли выставку ёлочных игрушек")


def test_numbers_part_titles():
    assert title_hash("Погода в Сочи 12 мая") != title_hash("Погода в Сочи 13 мая")


@pytest.mark.parametrize(
    ("title", "text", "known"),
    [
        ("", TEXT, False),
        ("Афиша недели", TEXT, False),
        ("Концерт хора в Анапе", TEXT, True),
        ("Концерт хора в Анапе", "", False),
        ("Концерт кубанского хора в Анапе", "", True),
    ],
)
def test_short_titles_are_nobodys(title, text, known):
    assert (title_hash(title, text) is not None) is known


def test_a_town_after_a_dash_stays_when_there_is_no_text():
    titles = [f"Какая погода ждёт жителей края — {town}" for town in ("Сочи", "Анапа")]

    assert title_hash(titles[0], "") != title_hash(titles[1], "")


def test_start_is_of_the_first_sentences():
    text = "Выставку «Старая ёлка» собирали всем городом. " * 6
    start = fingerprint(make_entry(text=text)).start
    edited = text.upper().replace("«", "“").replace(".", ";") + "Дополнено."

    assert start == fingerprint(make_entry(text=edited)).start
    assert start != fingerprint(make_entry(text="Анапа. " + text)).start
    assert fingerprint(make_entry(text="")).start is None


def test_start_keeps_dates():
    """A template's edition of another day is another entry."""
    one = make_entry(text="12 мая в Сочи ожидается дождь")
    other = make_entry(text="13 мая в Сочи ожидается дождь")

    assert fingerprint(one).start != fingerprint(other).start


# --- shared blocks --------------------------------------------------------------

AD = "Окна «Юг»: скидки до конца недели!"


def make_entries(count: int, *, ads: int, ad: str = AD) -> list[Entry]:
    return [
        make_entry(
            key=str(number),
            title=f"Новость номер {number}",
            text=f"Своё начало {number}\n{ad if number < ads else 'Своё'}\nКонец {number}",
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "ads", "shared"),
    [(1, 1, False), (2, 2, True), (19, 2, True), (20, 2, False), (20, 3, True)],
)
def test_blocks_that_entries_share(count, ads, shared):
    blocks = shared_blocks(make_entries(count, ads=ads))

    assert (bare(quiet(AD)) in blocks) is shared


def test_reposts_share_nothing():
    entries = [make_entry(key="1"), make_entry(key="2")]

    assert shared_blocks(entries) == frozenset()


def test_shared_blocks_are_noise():
    entries = make_entries(5, ads=5)
    other_ad = make_entries(5, ads=5, ad="Пластиковые двери дёшево")

    for before, after in zip(entries, other_ad, strict=True):
        assert fingerprint(before, shared_blocks(entries)) == fingerprint(
            after, shared_blocks(other_ad)
        )


def test_an_own_block_is_no_noise():
    entries = make_entries(5, ads=5)
    edited = replace(entries[0], text=entries[0].text + "\nИ ещё.")
    shared = shared_blocks(entries)

    assert (
        fingerprint(edited, shared).content != fingerprint(entries[0], shared).content
    )


def test_a_shared_first_block_is_not_the_start():
    entries = [
        make_entry(key=str(n), title=f"Новость {n}", text=f"{AD}\n{n} начало")
        for n in range(3)
    ]
    plain = make_entry(text="0 начало")

    assert (
        fingerprint(entries[0], shared_blocks(entries)).start
        == fingerprint(plain).start
    )
