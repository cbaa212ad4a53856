"""Pages without a feed, read by the operator's selectors."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Enclosure, PageSelectors, ParsedFeed, SourceError
from aggregator.parse import parse_document
from aggregator.parse.dateformat import is_date_format, read_as
from tests.examples import examples

DATA = Path(__file__).parent / "data" / "pages"
URL = "https://town.example/news/"
FILES = [path.read_bytes() for path in sorted(DATA.iterdir())]

MUNICIPAL = PageSelectors(item="div.news-item", title="h3", summary="p")
LIBRARY = PageSelectors(
    item=".card", title="h4", date=".when", summary=".lead", image="img, .pic"
)
THEATRE = PageSelectors(
    item=".poster tr",
    title="td a",
    date="td.d",
    date_format="%d %B %Y г. в %H:%M",
    summary=".about",
)


def parse(document, page, **options):
    body = document if isinstance(document, bytes) else document.encode()
    settings = {"url": URL, "content_type": "text/html", "kind": "page"} | options
    return parse_document(body, page=page, **settings)


def entries(document, page, **options):
    found = parse(document, page, **options)

    assert isinstance(found, ParsedFeed), found
    return found.entries


def items(inner, **selectors):
    page = PageSelectors(item="li", title="b", **selectors)
    return entries(f"<ul>{inner}</ul>", page)


def warnings(found):
    return [(warning.code, warning.message) for warning in found.warnings]


class TestMunicipal:
    """«Последние новости» as title and lead, without links or dates."""

    @pytest.fixture
    def feed(self):
        return parse((DATA / "municipal.html").read_bytes(), MUNICIPAL)

    def test_titles_are_text_on_one_line(self, feed):
        assert [entry.title for entry in feed.entries] == [
            "В Заречном открыли новую библиотеку",
            "Ремонт моста через Тихую завершат к осени",
            "«Зелёный» двор: приём заявок <до пятницы>",
        ]

    def test_leads_are_sanitised_and_their_links_absolute(self, feed):
        first, second, third = feed.entries

        assert first.text == (
            "Фонд — двенадцать тысяч книг.\nЧитальный зал работает до восьми вечера."
        )
        assert "track" not in second.summary
        assert 'href="https://town.example/blago/?id=7"' in third.summary

    def test_entries_without_link_have_the_key_of_title_and_text(self, feed):
        first, second, _ = feed.entries

        assert (first.link, second.link) == (None, None)
        assert first.key.startswith("text:")
        assert len({entry.key for entry in feed.entries}) == 3

    def test_keys_do_not_depend_on_the_place(self, feed):
        page = (DATA / "municipal.html").read_text("utf-8")
        new = '<div class="news-item"><h3>Свежее</h3></div>'
        later = entries(
            page.replace('<div class="news-list">', f'<div class="news-list">{new}'),
            MUNICIPAL,
        )

        assert [e.key for e in later[1:]] == [e.key for e in feed.entries]

    def test_the_pages_title_is_the_feeds(self, feed):
        assert feed.info.title == "Администрация Заречного района — Новости"
        assert feed.info.link == URL
        assert feed.warnings == ()


class TestLibrary:
    """Cards with links, lazy pictures and <time>, in windows-1251 that only meta names."""

    @pytest.fixture
    def feed(self):
        return parse((DATA / "library.html").read_bytes(), LIBRARY)

    def test_a_carousel_repeats_nothing(self, feed):
        assert [entry.title for entry in feed.entries] == [
            "Ночь чтения",
            "Выставка старых карт",
            "Санитарный день",
        ]

    def test_links_are_absolute_by_the_pages_base(self, feed):
        assert [entry.link for entry in feed.entries] == [
            "https://town.example/news/142.html",
            "https://town.example/news/141.html#top",
            None,
        ]

    def test_pictures_that_load_late(self, feed):
        assert feed.entries[1].enclosures == (
            Enclosure(url="https://town.example/img/map.png", type="image/png"),
        )

    def test_dates_in_words_and_in_attributes(self, feed):
        assert feed.entries[1].published == datetime(2026, 8, 28, 6, 30, tzinfo=UTC)

    def test_unreadable_dates_are_told(self, feed):
        assert feed.entries[2].published is None
        assert warnings(feed) == [
            ("dates", "1 dates could not be read, such as 'вчера'")
        ]


def test_what_a_repeated_entry_lacks_comes_from_the_other():
    """The carousel's card has no date and no picture, the list's has both."""
    feed = parse((DATA / "library.html").read_bytes(), LIBRARY)

    assert feed.entries[0].published == datetime(2026, 8, 30, 15, 5, tzinfo=UTC)
    assert feed.entries[0].enclosures[0].url == "https://town.example/img/night.jpg"
    assert "вход свободный" in feed.entries[0].text


@pytest.mark.parametrize("header", [None, "text/html", "text/html; charset=utf-8"])
def test_a_page_that_is_mostly_markup_is_read_in_its_own_charset(header):
    page = "<meta charset=windows-1251>" + "<i></i>" * 3000 + "<li><b>Театр</b></li>"
    (entry,) = entries(
        page.encode("cp1251"),
        PageSelectors(item="li", title="b"),
        content_type=header,
    )

    assert entry.title == "Театр"


class TestTheatre:
    """A poster: a table with dates in Russian words."""

    @pytest.fixture
    def feed(self):
        return parse((DATA / "theatre.html").read_bytes(), THEATRE)

    def test_rows_without_title_are_no_entries(self, feed):
        assert [entry.title for entry in feed.entries] == [
            "«Лес»",
            "«Кот в сапогах»",
            "«Лес», закрытие сезона",
            "Экскурсия за кулисы",
        ]

    def test_russian_months_in_the_sources_zone(self, feed):
        east = parse(
            (DATA / "theatre.html").read_bytes(), THEATRE, timezone="Asia/Yekaterinburg"
        )

        assert [entry.published for entry in feed.entries] == [
            datetime(2026, 9, 5, 15, 30, tzinfo=UTC),
            datetime(2026, 9, 6, 9, 0, tzinfo=UTC),
            datetime(2027, 5, 13, 16, 0, tzinfo=UTC),
            None,
        ]
        assert east.entries[0].published == datetime(2026, 9, 5, 13, 30, tzinfo=UTC)

    def test_a_shared_link_is_no_identity(self, feed):
        keys = [entry.key for entry in feed.entries]

        assert feed.entries[0].link == feed.entries[2].link
        assert keys[0].startswith("text:")
        assert keys[1] == "https://town.example/play/7"

    def test_dates_that_do_not_fit_are_told(self, feed):
        assert warnings(feed) == [
            (
                "dates",
                "1 dates are not written as page.date_format says, such as 'по звонку'",
            )
        ]


class TestLinks:
    def test_the_item_itself_may_be_the_link(self):
        page = PageSelectors(item="a.card", title="b")
        (entry,) = entries("<a class=card href=/1><b>Т</b></a>", page)

        assert entry.link == "https://town.example/1"

    def test_the_item_may_stand_in_a_link(self):
        (entry,) = entries(
            "<a href=/1><div class=c><b>Т</b></div></a>",
            PageSelectors(item=".c", title="b"),
        )

        assert entry.link == "https://town.example/1"

    def test_a_selector_names_one_of_several(self):
        (entry,) = items("<li><a href=/tag>х</a><b><a href=/1>Т</a></b>", link="b")

        assert entry.link == "https://town.example/1"

    def test_what_is_no_page_is_no_link(self):
        (entry,) = items(
            "<li><b>Т</b><a href='#'>х</a><a href='#more'>х</a>"
            "<a href='javascript:void(0)'>х</a><a href='tel:112'>х</a><a href=/1>х</a>"
        )

        assert entry.link == "https://town.example/1"

    def test_parts_of_the_page_are_entries_of_their_own(self):
        first, second = items(
            "<li><b>А</b><a href='#a'>х</a><li><b>Б</b><a href='#b'>х</a>"
        )

        assert first.link == f"{URL}#a"
        assert first.key != second.key


def test_a_selector_prefers_what_stands_inside_the_item():
    (entry,) = entries(
        "<div class=n>Всё вместе<div>Заголовок</div></div>",
        PageSelectors(item=".n", title="div"),
    )

    assert entry.title == "Заголовок"


def test_titles_keep_the_gap_of_a_line_break():
    (entry,) = items("<li><b>Первая строка<br>вторая</b>")

    assert entry.title == "Первая строка вторая"


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("<i>05.09.2026</i>", datetime(2026, 9, 4, 21, tzinfo=UTC)),
        (
            "<i>Опубликовано: 5&nbsp;сентября 2026, 10:15</i>",
            datetime(2026, 9, 5, 7, 15, tzinfo=UTC),
        ),
        (
            "<i><span>5</span> <span>сент. 2026</span></i>",
            datetime(2026, 9, 4, 21, tzinfo=UTC),
        ),
        (
            "<time datetime='2026-09-05T10:15+05:00'>субботу</time>",
            datetime(2026, 9, 5, 5, 15, tzinfo=UTC),
        ),
    ],
)
def test_dates_are_recognised(date, expected):
    (entry,) = items(f"<li><b>Т</b>{date}", date="i, time")

    assert entry.published == expected


def test_a_date_selector_that_matches_nowhere_is_told():
    found = parse("<li><b>Т</b>", PageSelectors(item="li", title="b", date=".date"))

    assert warnings(found) == [
        ("dates", "page.date, '.date', matches in none of the entries")
    ]


@pytest.mark.parametrize(
    ("value", "format_", "expected"),
    [
        ("05.09.2026", "%d.%m.%Y", "2026-09-05"),
        ("09/05/2026", "%m/%d/%Y", "2026-09-05"),
        ("5.9.26", "%d.%m.%y", "2026-09-05"),
        ("7 мая 1999", "%d %B %Y", "1999-05-07"),
        ("7 МАРТА 2026 года", "%d %B %Y", "2026-03-07"),
        ("Дата: 7 нояб. 2026 (312)", "%d %b %Y", "2026-11-07"),
        ("сб, 5 сентября 2026", "%a, %d %B %Y", "2026-09-05"),
        ("September 5, 2026 6:05 PM", "%B %d, %Y %I:%M %p", "2026-09-05T18:05:00"),
        ("18:05 05.09.2026", "%H:%M %d.%m.%Y", "2026-09-05T18:05:00"),
        ("2026-09-05 18:05 +0500", "%Y-%m-%d %H:%M %z", "2026-09-05T18:05:00 +0500"),
        ("115.09.2026", "%d.%m.%Y", None),
        ("5 сентября", "%d %B %Y", None),
        ("", "%d.%m.%Y", None),
    ],
)
def test_dates_in_a_format(value, format_, expected):
    assert read_as(value, format_) == expected


@pytest.mark.parametrize(
    ("format_", "is_format"),
    [
        ("%d.%m.%Y", True),
        ("Дата: %d %B %Y года, %H:%M", True),
        ("%d %B", False),
        ("%d.%d.%Y", False),
        ("%d.%m.%Y %Q", False),
        ("%d.%m.%Y %", False),
        ("dd.mm.yyyy", False),
        ("", False),
    ],
)
def test_formats_of_dates(format_, is_format):
    assert is_date_format(format_) == is_format


def test_a_date_that_does_not_exist_is_none():
    (entry,) = items("<li><b>Т</b><i>31.02.2026</i>", date="i", date_format="%d.%m.%Y")

    assert entry.published is None


PLAIN = "<h1>Новости</h1>" + "<p>Страница, на которой много слов.</p>" * 100


@pytest.mark.parametrize(
    ("document", "page", "code", "words"),
    [
        (PLAIN, MUNICIPAL, "not_a_feed:html", "'div.news-item', matches nothing"),
        (
            (DATA / "theatre.html").read_bytes(),
            MUNICIPAL,
            "not_a_feed:html",
            "the page names a feed: https://town.example/rss.xml",
        ),
        (
            "<li>1<li>2",
            PageSelectors(item="li", title="h3"),
            "not_a_feed:html",
            "page.item matches 2 times on the page, but page.title, 'h3', in none",
        ),
        (
            "<li><b>1</b><li><b>2</b>",
            PageSelectors(item="li", title="b", link="a.more"),
            "not_a_feed:html",
            "but page.link, 'a.more', in none of them",
        ),
        (
            "<title>Just a moment...</title><script src=/cdn-cgi/challenge></script>",
            MUNICIPAL,
            "not_a_feed:challenge",
            "bot wall",
        ),
        (
            PLAIN + "<script src=captcha.js></script>",
            MUNICIPAL,
            "not_a_feed:html",
            "matches nothing",
        ),
        ('{"items": []}', MUNICIPAL, "not_a_feed:json", "JSON"),
        ("<rss><channel/></rss>", MUNICIPAL, "not_a_feed", "leave out kind and page"),
        ("%PDF-1.7", MUNICIPAL, "not_a_feed:binary", "PDF"),
        (" \n ", MUNICIPAL, "empty", "empty"),
    ],
)
def test_a_page_that_holds_no_entries_is_an_error(document, page, code, words):
    found = parse(document, page)

    assert isinstance(found, SourceError), found
    assert found.code == code
    assert words in found.message


def test_a_page_that_nests_without_end_is_cut_before_it_costs_minutes():
    """lexbor alone takes three and a half minutes for this one."""
    start = time.process_time()
    found = parse(
        "<li><b>Т</b></li>" + "<div>" * 200_000, PageSelectors(item="li", title="b")
    )

    assert [entry.title for entry in found.entries] == ["Т"]
    assert time.process_time() - start < 2


def test_items_inside_each_other_take_no_more_than_the_page_allows():
    page = "<div>" * 900 + "<b>Т</b><p>" + "слово " * 20_000
    found = parse(page, PageSelectors(item="div", title="b", summary="p"))

    assert [warning.code for warning in found.warnings] == ["cut"]
    assert sum(len(entry.text) for entry in found.entries) < 5 * len(page) + 2_000_000


SELECTORS = st.sampled_from([MUNICIPAL, LIBRARY, THEATRE])


@examples(300)
@given(st.data())
def test_any_bytes_are_entries_or_an_error(data):
    body = data.draw(st.sampled_from(FILES))
    pieces = st.binary(max_size=6) | st.sampled_from(
        [
            *(b"<div class='news-item'>", b"<tr>", b"</div>", b"<h3>", b"<td class=d>"),
            *(b"&#xD800;", b"\0", b"<!--", b"<template>", b"<svg>", b"<a href=//[>"),
        ]
    )
    for _ in range(data.draw(st.integers(0, 5))):
        start = data.draw(st.integers(0, len(body)))
        end = start + data.draw(st.integers(0, 40))
        body = body[:start] + data.draw(pieces) + body[end:]
    found = parse(body, data.draw(SELECTORS))

    if isinstance(found, SourceError):
        assert not found.message.startswith("The document cannot be read:")
        return
    assert found.entries
    assert len({entry.key for entry in found.entries}) == len(found.entries)
    assert all(entry.title for entry in found.entries)


@examples(200)
@given(st.text(max_size=120), st.text(max_size=20))
def test_any_date_in_any_format(value, format_):
    found = read_as(value, format_)

    assert found is None or is_date_format(format_)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("Сегодня, 14:30", "2026-09-01T11:30"),
        ("сегодня в 9.05", "2026-09-01T06:05"),
        ("Опубликовано вчера, 23:59", "2026-08-31T20:59"),
        ("Позавчера", "2026-08-29T21:00"),
        ("Yesterday at 10:00", "2026-08-31T07:00"),
    ],
)
@pytest.mark.parametrize("date_format", [None, "%d.%m.%Y %H:%M"])
def test_days_that_are_named_from_today(written, utc, date_format):
    """Of the source's own day: in Moscow it is the first of September already."""
    page = PageSelectors(item="li", title="b", date="i", date_format=date_format)
    now = datetime(2026, 8, 31, 21, 30, tzinfo=UTC)

    found = parse(f"<li><b>Т</b><i>{written}</i>", page, now=now)

    assert found.entries[0].published == datetime.fromisoformat(f"{utc}+00:00")
    assert found.warnings == ()
