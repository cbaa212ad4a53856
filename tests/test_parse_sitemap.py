"""Sitemaps, Google's for news among them, as entries."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Enclosure, ParsedFeed, SourceError
from aggregator.parse import parse_document
from aggregator.parse.raw import MAX_ENTRIES
from tests.examples import examples

DATA = Path(__file__).parent / "data" / "sitemaps"
URL = "https://portal.example/sitemap.xml"
FILES = [path.read_bytes() for path in sorted(DATA.iterdir())]


def parse(document):
    body = document if isinstance(document, bytes) else document.encode()
    return parse_document(body, url=URL, content_type=None, kind="sitemap")


def entries(document):
    found = parse(document)

    assert isinstance(found, ParsedFeed), found
    return found.entries


def urlset(inner, root="urlset"):
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f"<{root} xmlns='{space}'>{inner}</{root}>"


class TestNews:
    @pytest.fixture
    def feed(self):
        return parse((DATA / "news.xml").read_bytes())

    def test_titles_are_text(self, feed):
        assert [entry.title for entry in feed.entries] == [
            'Паром "Чайка" вернулся на линию',
            "Школа № 3 принимает первоклассников",
        ]

    def test_links_are_absolute_and_each_stands_once(self, feed):
        assert [entry.link for entry in feed.entries] == [
            "https://portal.example/news/ferry",
            "https://portal.example/news/school",
        ]

    def test_the_dates_of_publication_and_change(self, feed):
        first, second = feed.entries

        assert first.published == datetime(2026, 9, 1, 6, tzinfo=UTC)
        assert first.updated == datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
        # A date without time is midnight in the source's zone.
        assert second.published == datetime(2026, 8, 30, 21, tzinfo=UTC)

    def test_language_keywords_and_images(self, feed):
        entry = feed.entries[0]

        assert entry.language == "ru"
        assert entry.categories == ("транспорт", "река")
        assert entry.enclosures == (
            Enclosure(url="https://portal.example/img/ferry.jpg", type="image/jpeg"),
        )

    def test_the_publication_is_the_feeds_title(self, feed):
        assert feed.info.title == "Портал Заречья"

    def test_nothing_to_complain_of(self, feed):
        assert feed.warnings == ()


def test_a_plain_sitemap_gives_addresses_and_when_they_changed():
    first, second, third = entries((DATA / "plain.xml").read_bytes())

    assert first.title == first.link == "https://museum.example/news/12"
    assert first.published is None
    assert first.updated == datetime(2026, 8, 30, 7, tzinfo=UTC)
    assert second.updated == datetime(2026, 8, 28, 21, tzinfo=UTC)
    assert (third.link, third.updated) == (
        "https://museum.example/about?a=1&b=2",
        None,
    )


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("news/otkrytie-parka-pobedy", "Otkrytie parka pobedy"),
        ("news/1234-otkrytie-parka-pobedy.html?utm=1", "Otkrytie parka pobedy"),
        ("news/otkrytie_parka_pobedy_20260901/", "Otkrytie parka pobedy"),
        (
            "%D0%BD%D0%B0-%D1%80%D0%B5%D0%BA%D0%B5-%D0%BB%D1%91%D0%B4",
            "На реке лёд",
        ),
        ("news/5-let-parku-pobedy", "5 let parku pobedy"),
        ("culture/", None),
        ("news/12345", None),
        ("about-us", None),
        ("%FF%FE-%00-%01", None),
    ],
)
def test_a_page_without_title_is_called_by_its_address(path, title):
    (entry,) = entries(urlset(f"<url><loc>https://a.ru/{path}</loc></url>"))

    assert entry.title == (title or entry.link)


def test_an_index_is_not_followed_and_names_its_children_but_none_inside():
    found = parse((DATA / "index.xml").read_bytes())

    assert found == SourceError(
        code="not_a_feed",
        message="A list of sitemaps, which is not followed; take one of them as a source,"
        " such as: https://portal.example/sitemap-news.xml,"
        " https://portal.example/sitemap-pages.xml",
    )


def test_an_empty_sitemap_is_a_success():
    assert entries(urlset("")) == ()


@pytest.mark.parametrize(
    "document",
    [
        "<sm:urlset xmlns:sm='http://www.sitemaps.org/schemas/sitemap/0.9'>"
        "<sm:url><sm:loc>https://a.ru/1</sm:loc></sm:url></sm:urlset>",
        "<urlset><url><loc>https://a.ru/1</loc></url></urlset>",
        urlset("<url><loc><![CDATA[https://a.ru/1]]></loc></url>"),
        "Warning: mysql_connect() in /x.php\n<?xml version='1.0'?>"
        + urlset("<url><loc>https://a.ru/1</loc></url>"),
        "<!DOCTYPE urlset [<!ENTITY h 'https://a.ru'>]>"
        + urlset("<url><loc>&h;/1</loc></url>"),
    ],
    ids=["prefix", "no namespace", "cdata", "junk before", "entity"],
)
def test_spellings_of_one_sitemap(document):
    (entry,) = entries(document)

    assert entry.link == "https://a.ru/1"


@pytest.mark.parametrize(
    "document",
    [
        "<urlset><url><loc>https://a.ru/?a=1&b=2</loc></url></urlset>",
        "<urlset><url><loc>https://a.ru/?a=1&amp;b=2</loc></url><url><loc>https://a",
        "<urlset><url><loc>https://a.ru/?a=1&amp;b=2</loc>"
        "<news:news><news:title>Т</news:title></news:news></url></urlset>",
    ],
    ids=["bare ampersand", "cut off", "prefix undeclared"],
)
def test_what_can_be_read_is_read_with_a_warning(document):
    found = parse(document)

    assert [entry.link for entry in found.entries] == ["https://a.ru/?a=1&b=2"]
    assert [warning.code for warning in found.warnings] == ["recovered"]


def test_undeclared_news_still_have_titles():
    (entry,) = entries(
        "<urlset><url><loc>https://a.ru/1</loc><news:news>"
        "<news:title>Новость</news:title></news:news></url></urlset>"
    )

    assert entry.title == "Новость"


def test_of_too_many_pages_the_latest_are_kept_in_order():
    def page(number, day):
        return f"<url><loc>https://a.ru/{number}</loc><lastmod>{day}</lastmod></url>"

    old = "".join(page(n, "2020-01-01") for n in range(MAX_ENTRIES + 10))
    found = parse(urlset(old + page("b", "2026-09-01") + page("a", "2026-09-02")))

    assert len(found.entries) == MAX_ENTRIES
    assert [entry.link for entry in found.entries[-2:]] == [
        "https://a.ru/b",
        "https://a.ru/a",
    ]
    assert [warning.code for warning in found.warnings] == ["cut"]


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        ("<rss><channel/></rss>", "not_a_feed", "leave out kind: sitemap"),
        ("<html><body>Нет</body></html>", "not_a_feed:html", "A web page"),
        ("<urlset><url><loc>https://a", "parse:xml", "holds no whole entry"),
        ("<urlset><url>" + "<a>" * 100_000, "limit:depth", "nested too deep"),
        ("", "empty", "empty"),
        ("\x89PNG\r\n", "not_a_feed", "no known kind"),
    ],
)
def test_what_is_no_sitemap(document, code, words):
    found = parse(document)

    assert isinstance(found, SourceError)
    assert found.code == code
    assert words in found.message


def test_a_feed_source_that_is_a_sitemap_is_told_the_kind():
    found = parse_document((DATA / "news.xml").read_bytes(), url=URL, content_type=None)

    assert found.code == "not_a_feed"
    assert "kind: sitemap" in found.message


@examples(200)
@given(st.data())
def test_any_bytes_are_entries_or_an_error(data):
    body = data.draw(st.sampled_from(FILES))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(body)))
        end = start + data.draw(st.integers(0, 40))
        body = body[:start] + data.draw(st.binary(max_size=6)) + body[end:]
    found = parse(body)

    if isinstance(found, SourceError):
        assert not found.message.startswith("The document cannot be read:")
    else:
        assert len({entry.key for entry in found.entries}) == len(found.entries)
