"""Every format into the same clean entries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.model import Enclosure, Origin, ParsedFeed, SourceError
from aggregator.parse import parse_document

DATA = Path(__file__).parent / "data" / "parse"
URL = "https://example.ru/feeds/rss.xml"
EMPTY_FEEDS = [
    '<rss version="2.0"><channel><title>Т</title></channel></rss>',
    "<rss/>",
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>Т</title></feed>',
    '{"version": "https://jsonfeed.org/version/1", "items": []}',
]


def parse(document, **options):
    body = document if isinstance(document, bytes) else document.encode()
    return parse_document(body, url=URL, content_type=None, **options)


def feed_from(name):
    found = parse_document((DATA / name).read_bytes(), url=URL, content_type=None)

    assert isinstance(found, ParsedFeed), found
    return found


def items(text, *, namespaces=""):
    found = parse(f'<rss version="2.0" {namespaces}><channel>{text}</channel></rss>')

    assert isinstance(found, ParsedFeed), found
    return found.entries


class TestYandexRss:
    """RSS 2.0 as Russian portals write it for Yandex (field-notes 0.6 to 0.8)."""

    @pytest.fixture
    def feed(self):
        return feed_from("yandex.xml")

    @pytest.fixture
    def entry(self, feed):
        return feed.entries[0]

    def test_related_articles_do_not_touch_the_entry(self, entry):
        assert entry.link == "https://example.ru/news/1?utm_source=rss"
        assert entry.canonical_link == "https://example.ru/news/1"
        assert "Чуж" not in repr(entry)

    def test_full_text_is_whole_and_sanitised_under_any_prefix(self, entry):
        assert entry.content.startswith("Музей <b>открыл</b> выставку <p>о море</p>")
        assert entry.text == "Музей открыл выставку\nо море\nи сегодня ждёт гостей."
        assert "steal" not in repr(entry)

    def test_description_stays_the_summary(self, entry):
        assert entry.summary == (
            'Коротко: <a href="https://example.ru/feeds/more"'
            ' rel="noopener noreferrer nofollow">подробнее</a>'
        )

    def test_title_is_text(self, entry):
        assert entry.title == 'Музей открыл выставку "Берег"'

    def test_moscow_time_is_three_hours_ahead(self, entry, feed):
        assert entry.published == datetime(2026, 1, 5, 7, tzinfo=UTC)
        assert feed.info.updated == datetime(2026, 1, 5, 9, tzinfo=UTC)

    def test_categories_are_split_and_unique(self, entry):
        assert entry.categories == ("Афиша", "Театр")

    def test_authors_are_names(self, entry):
        assert entry.authors == ("Анна Волкова", "Пётр Лесной")

    def test_enclosures_are_web_links_with_sane_lengths(self, entry):
        assert entry.enclosures == (
            Enclosure(
                url="https://example.ru/photo/1.jpg", type="image/jpeg", length=1024
            ),
            Enclosure(url="https://cdn.example.ru/2.mp4", type="video/mp4"),
        )

    def test_what_the_feed_says_of_itself(self, feed):
        assert feed.info.title == "Вести «Приморья»"
        assert feed.info.link == "https://vesti.example.ru/"
        assert feed.info.rights == "© Вести"
        assert feed.info.language == "ru"
        assert feed.info.fresh_for == timedelta(minutes=45)
        assert feed.entries[0].language == "ru"
        assert feed.warnings == ()


class TestAtom:
    @pytest.fixture
    def feed(self):
        return feed_from("atom.xml")

    def test_info(self, feed):
        assert feed.info.title == "Хор & оркестр"
        assert feed.info.id == "urn:uuid:60a76c80-d399-11d9-b93C-0003939e0af6"
        assert feed.info.link == "https://hor.example.ru/"
        assert feed.info.rights == "CC BY"

    def test_the_page_is_the_link_and_xml_base_applies(self, feed):
        first, second = feed.entries

        assert first.link == "https://hor.example.ru/blog/2026/1.html"
        assert 'href="https://hor.example.ru/blog/2026/a"' in first.content
        assert second.link == "https://hor.example.ru/two"

    def test_text_constructs(self, feed):
        first, second = feed.entries

        assert first.title == "Концерт в парке"
        assert first.summary == "5 &lt; 6 и &lt;b&gt; — это текст"
        assert first.text == "Поёт хор, афиша"
        assert second.content == "Plain &lt; text<br>in two lines"
        assert second.text == "Plain < text\nin two lines"

    def test_dates_people_languages(self, feed):
        first, second = feed.entries

        assert first.published == datetime(2026, 1, 4, 19, tzinfo=UTC)
        assert first.updated == datetime(2026, 1, 5, 7, tzinfo=UTC)
        assert second.published is None
        assert first.authors == ("Мария Ким", "Олег Ким")
        assert first.categories == ("Музыка",)
        assert (first.language, second.language) == ("ru", "en")
        assert first.enclosures[0].length == 99
        assert [entry.key for entry in feed.entries] == [
            "tag:hor.example.ru,2026:1",
            "tag:hor.example.ru,2026:2",
        ]


def test_rdf_has_its_date_in_dublin_core():
    (entry,) = feed_from("rdf.xml").entries

    assert entry.published == datetime(2026, 1, 5, 15, tzinfo=UTC)
    assert entry.key == entry.link == "https://bib.example.ru/1"
    assert entry.categories == ("Литература",)
    assert entry.authors == ("Библиотека им. Пушкина",)
    assert (entry.summary, entry.content, entry.text) == (
        "Читают стихи",
        None,
        "Читают стихи",
    )


class TestJsonFeed:
    def test_entries(self):
        feed = feed_from("feed.json")
        first, second = feed.entries

        assert feed.info.title == "Поликлиника"
        assert first.key == "17"
        assert first.link == "https://example.ru/news/17"
        assert first.title == "Приём <врачей>"
        assert first.text == "Приём ведут врачи"
        assert first.summary == "Приём &amp; запись"
        assert first.categories == ("Здоровье", "5")
        assert [each.url for each in first.enclosures] == [
            "https://med.example.ru/a.pdf"
        ]
        assert second.title == "Без заголовка, но с текстом."
        assert second.link == "https://other.example.org/"
        assert second.authors == ("Главврач",)
        assert second.text == "Без заголовка, но с текстом.\nВторая строка <b>."

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("{}", "not_a_feed:json"),
            ('[{"a": 1}]', "not_a_feed:json"),
            ('{"version": 1, "items": []}', "not_a_feed:json"),
            ("{broken", "not_a_feed:json"),
            ('{"version": "https://jsonfeed.org/version/1", "items": [', "parse:json"),
            ("[" * 200_000, "limit:depth"),
        ],
    )
    def test_what_is_none(self, text, code):
        assert parse(text).code == code

    @pytest.mark.parametrize(
        "end",
        [
            ",]}",
            "",
            ',{"id": "3", "title": "Обор',
            "]}<!-- 0.1 s -->",
            ']}{"version": 1}',
            ', {"id": 03}]}',
        ],
    )
    def test_of_an_ill_formed_one_the_items_before_the_fault_are_kept(self, end):
        found = parse(
            '{"version": "https://jsonfeed.org/version/1.1", "items": ['
            '{"id": "1", "title": "А"}, {"id": "2", "title": "Б"}' + end
        )

        assert [entry.title for entry in found.entries] == ["А", "Б"]
        assert [warning.code for warning in found.warnings] == ["recovered"]

    def test_items_under_numbers_are_items(self):
        """What PHP makes of an array with gaps."""
        found = parse(
            '{"version": "https://jsonfeed.org/version/1", "items":'
            ' {"0": {"id": "a", "title": "А"}, "2": {"id": "b", "title": "Б"}, "3": 1}}'
        )

        assert [entry.key for entry in found.entries] == ["a", "b"]

    def test_hostile_values(self):
        found = parse(
            '{"version": "https://jsonfeed.org/version/1.1", "title": NaN, "items": [null, 7,'
            ' {"id": '
            + "9"
            * 5000
            + ', "title": "A\\ud800\\u0000B\\u202e", "tags": "x",'
            ' "url": {"a": 1}, "authors": [null, {"name": 5}], "content_text": true,'
            ' "attachments": [{"url": "https://a.example/", "size_in_bytes": 1e400}]}]}'
        )

        (entry,) = found.entries
        assert entry.title == "AB"
        assert entry.enclosures == (Enclosure(url="https://a.example/"),)


@pytest.mark.parametrize("document", EMPTY_FEEDS)
def test_a_feed_without_entries_is_a_success(document):
    found = parse(document)

    assert isinstance(found, ParsedFeed)
    assert found.entries == ()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        ("\ufeff\n".encode(), "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "not_a_feed:binary"),
        (b"%PDF-1.7 ...", "not_a_feed:binary"),
        (bytes(range(1, 32)) * 30, "not_a_feed:binary"),
        (
            "<!DOCTYPE html><html><head><title>Вход</title></head></html>",
            "not_a_feed:html",
        ),
        ("<h1>Сайт на ремонте</h1>", "not_a_feed:html"),
        ("<html><title>Just a moment...</title></html>", "not_a_feed:challenge"),
        (
            "<html><script src='/.well-known/ddos-guard/js'></script>",
            "not_a_feed:challenge",
        ),
        ("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'/>", "not_a_feed"),
        ("<opml version='2.0'><body/></opml>", "not_a_feed"),
        ("<opml><head><title>1</title></head><body></body></opml>", "not_a_feed"),
        ("Извините, сервис недоступен", "not_a_feed"),
        ("<rss><channel><item><title>Начало", "parse:xml"),
        ("<feed", "not_a_feed"),
    ],
)
def test_what_is_no_feed_is_named(document, code):
    found = parse(document)

    assert isinstance(found, SourceError)
    assert found.code == code
    assert len(found.message) <= 500


ATOM_SOURCE = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Мост</title>
  <id>urn:1</id><link href="https://here.example/1"/>
  <source><id>urn:there</id><title type="html">&lt;b&gt;Там&lt;/b&gt; &amp;amp; тут</title>
    <link rel="self" href="https://there.example/rss"/><link href="https://there.example/"/>
  </source></entry></feed>"""
RSS_SOURCE = """<rss><channel><item><title>Мост</title><guid>urn:1</guid>
  <link>https://here.example/1</link>
  <source url="https://there.example/">Там &amp;amp; тут</source></item></channel></rss>"""
ILL_FORMED = RSS_SOURCE.replace("Мост", "Мост & река")


@pytest.mark.parametrize("document", [ATOM_SOURCE, RSS_SOURCE, ILL_FORMED])
def test_whose_an_entry_is_said_to_be_is_recorded_and_changes_nothing(document):
    (entry,) = parse(document).entries

    assert entry.origin == Origin(title="Там & тут", link="https://there.example/")
    assert (entry.key, entry.link) == ("urn:1", "https://here.example/1")
    assert entry.title.startswith("Мост")


@pytest.mark.parametrize(
    "source",
    [
        "<source>",
        "<source/>",
        "<source url='javascript:alert(1)'/>",
        "<source url='/'>",
    ],
)
def test_an_origin_that_says_nothing_of_use_is_none_or_survived(source):
    item = f"<item><title>Мост</title>{source}</item><item><title>Река</title></item>"
    found = parse(f"<rss><channel>{item}</channel></rss>")

    assert isinstance(found, ParsedFeed), found
    assert found.entries[0].title == "Мост"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_russian_is_text_although_its_bytes_look_like_controls(encoding, mark):
    items = f"<item><title>{'Выставка открылась в музее ' * 20}</title></item>"
    document = f'{mark}<?xml version="1.0"?><rss><channel>{items}</channel></rss>'

    found = parse(document.encode(encoding))

    assert isinstance(found, ParsedFeed), found
    assert found.entries[0].title.startswith("Выставка открылась")


def test_a_page_proposes_its_feeds():
    found = parse(
        "<!doctype html><html><head>"
        '<link rel="alternate" type="application/rss+xml" href="/rss.xml?a=1&amp;b=2">'
        "<LINK REL='alternate' TYPE='application/atom+xml' HREF='https://example.ru/atom'>"
        '<link rel="alternate" type="text/html" href="/en">'
        '<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">'
        "</head></html>"
    )

    assert found.code == "not_a_feed:html"
    assert (
        "https://example.ru/rss.xml?a=1&b=2, https://example.ru/atom" in found.message
    )
    assert "/en" not in found.message
    assert "javascript" not in found.message


def test_a_proposal_never_shows_the_way_inside():
    """Messages are published with the status."""
    link = '<link rel="alternate" type="application/rss+xml" href="{}">'
    inside = ("http://10.0.0.1/rss", "http://[::1]/rss", "http://169.254.169.254/")

    found = parse("<html>" + "".join(map(link.format, inside)))

    assert found.code == "not_a_feed:html"
    assert "names no feed" in found.message


class TestIdentity:
    def keys(self, text):
        return [entry.key for entry in items(text)]

    def test_the_ladder(self):
        guid = "<item><guid>a1</guid><link>https://a.ru/1</link><title>Х</title></item>"
        keys = self.keys(
            "<item><link>http://www.a.ru/2/?utm_source=x</link><title>Х</title></item>"
            "<item><title>Только заголовок</title><description>и текст</description></item>"
            "<item><title>Только заголовок</title><description>и другой</description></item>"
        )

        assert self.keys(guid) == ["a1"]
        assert keys[0] == "https://a.ru/2"
        assert keys[1].startswith("text:")
        assert len(set(keys)) == 3

    def test_http_and_https_are_one_link(self):
        keys = {
            self.keys(f"<item><link>{link}</link></item>")[0]
            for link in ("http://a.ru/1", "https://a.ru/1/", "https://www.a.ru/1")
        }

        assert keys == {"https://a.ru/1"}

    def test_fragments_tell_entries_of_one_page_apart(self):
        keys = self.keys(
            "<item><link>https://a.ru/day#1</link></item><item><link>https://a.ru/day#2</link></item>"
        )

        assert keys == ["https://a.ru/day#1", "https://a.ru/day#2"]

    def test_guids_that_repeat_give_way_to_links(self):
        found = parse(
            "<rss><channel>"
            "<item><guid>1</guid><link>https://a.ru/1</link></item>"
            "<item><guid>1</guid><link>https://a.ru/2</link></item>"
            "<item><guid>1</guid><title>Без ссылки</title></item>"
            "<item><guid>1</guid><link>https://a.ru/2</link></item>"
            "</channel></rss>"
        )

        keys = [entry.key for entry in found.entries]
        assert keys[:2] == ["https://a.ru/1", "https://a.ru/2"]
        assert keys[2].startswith("text:")
        # The last one says what the second says.
        assert len(keys) == 3
        assert found.rung == "link"
        assert [warning.code for warning in found.warnings] == ["guids"]

    def test_empty_guids_are_none(self):
        assert self.keys("<item><guid> </guid><link>https://a.ru/1</link></item>") == [
            "https://a.ru/1"
        ]

    def test_long_keys_are_hashed(self):
        first, second = self.keys(
            f"<item><guid>{'x' * 5000}1</guid><title>1</title></item>"
            f"<item><guid>{'x' * 5000}2</guid><title>2</title></item>"
        )

        assert first.startswith("hash:")
        assert first != second

    def test_a_permanent_guid_is_the_link(self):
        entries = items(
            "<item><guid>https://a.ru/1</guid><title>1</title></item>"
            '<item><guid isPermaLink="false">https://a.ru/2</guid><title>2</title></item>'
            "<item><guid>3</guid><title>3</title></item>"
        )

        assert [entry.link for entry in entries] == ["https://a.ru/1", None, None]

    def test_what_says_nothing_is_left_out(self):
        assert (
            items(
                "<item/><item><pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate></item>"
            )
            == ()
        )


class TestTitles:
    @pytest.mark.parametrize(
        ("written", "title"),
        [
            ("Просто  так\n", "Просто так"),
            ("A &amp;amp; B", "A & B"),
            ("&amp;laquo;Театр&amp;raquo;", "«Театр»"),
            (
                "&lt;b&gt;Жирно&lt;/b&gt; и &lt;script&gt;alert(1)&lt;/script&gt;",
                "Жирно и",
            ),
            ("<![CDATA[<i>Косо</i> &mdash; да]]>", "Косо — да"),
            ("&amp;lt;b&amp;gt; как пример", "<b> как пример"),
            ("5 &lt; 6 и 7 &gt; 3", "5 < 6 и 7 > 3"),
            ("Vec&lt;T&gt; и &lt;Новости&gt;", "Vec<T> и <Новости>"),
            ("Реверс &#8238;txt", "Реверс txt"),
            ("й" * 1001, "й" * 999 + "…"),
        ],
    )
    def test_are_one_line_of_text(self, written, title):
        (entry,) = items(
            f"<item><title>{written}</title><link>https://a.ru/1</link></item>"
        )

        assert entry.title == title

    @pytest.mark.parametrize("empty", ["", "<title/>", "<title> &#8203; </title>"])
    def test_an_empty_one_is_the_start_of_the_text_or_the_link(self, empty):
        with_text, without = items(
            f"<item>{empty}<description>Первая строка.&lt;br&gt;Вторая</description></item>"
            f"<item>{empty}<link>https://a.ru/1</link></item>"
        )

        assert with_text.title == "Первая строка."
        assert without.title == "https://a.ru/1"

    def test_media_titles_do_not_replace_them(self):
        (entry,) = items(
            "<item><media:group><media:title>Подпись</media:title>"
            "<media:description>О ролике</media:description></media:group>"
            "<title>Заголовок</title><description>О событии</description></item>",
            namespaces='xmlns:media="http://search.yahoo.com/mrss/"',
        )

        assert (entry.title, entry.text) == ("Заголовок", "О событии")

    def test_media_text_serves_when_there_is_no_other(self):
        (entry,) = items(
            "<item><media:group><media:title>Подпись</media:title>"
            "<media:description>О ролике</media:description></media:group></item>",
            namespaces='xmlns:media="http://search.yahoo.com/mrss/"',
        )

        assert (entry.title, entry.text) == ("Подпись", "О ролике")


def test_one_text_under_two_names_is_kept_once():
    (entry,) = items(
        "<item><title>Т</title><content:encoded>&lt;p&gt;Один&lt;/p&gt;</content:encoded></item>",
        namespaces='xmlns:content="http://purl.org/rss/1.0/modules/content/"',
    )

    assert (entry.summary, entry.content) == (None, "<p>Один</p>")


def test_full_text_goes_on_behind_its_first_element():
    """feedparser ends it there when the markup is neither escaped nor CDATA."""
    (entry,) = items(
        "<item><y:full-text>До <b onclick='x()'>и <i>после</i></b> тега<script>x()</script>."
        "</y:full-text><title>Т</title></item>",
        namespaces='xmlns:y="http://news.yandex.ru"',
    )

    assert entry.content == "До <b>и <i>после</i></b> тега."
    assert entry.title == "Т"


@pytest.mark.parametrize("prefix", ["", "yandex:", "ya:", "rambler:"])
@pytest.mark.parametrize("name", ["full-text", "fulltext"])
def test_full_text_by_any_name(prefix, name):
    tag = f"{prefix}{name}"
    (entry,) = items(
        f"<item><title>Т</title><description>Кратко</description>"
        f"<{tag}>Полный текст новости</{tag}></item>",
        namespaces=f'xmlns:{prefix[:-1]}="urn:x"' if prefix else "",
    )

    assert (entry.summary, entry.content) == ("Кратко", "Полный текст новости")


def test_dates_without_zone_are_the_sources():
    document = (
        "<rss><channel><item><title>Т</title><pubDate>05.01.2026 10:00</pubDate></item>"
        "<item><title>У</title><pubDate>позавчера</pubDate></item></channel></rss>"
    )

    found = parse(document, timezone="Asia/Vladivostok")

    assert found.entries[0].published == datetime(2026, 1, 5, tzinfo=UTC)
    assert found.entries[1].published is None
    assert [
        (warning.code, "позавчера" in warning.message) for warning in found.warnings
    ] == [("dates", True)]


@pytest.mark.parametrize(
    ("hint", "fresh_for"),
    [
        ("<ttl>60</ttl>", timedelta(hours=1)),
        ("<ttl>999999</ttl>", timedelta(hours=24)),
        ("<ttl>много</ttl>", None),
        ("<ttl>0</ttl>", None),
        ("<ttl>٣</ttl>", None),
        ("<sy:updatePeriod>daily</sy:updatePeriod>", timedelta(hours=24)),
        (
            "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            timedelta(hours=6),
        ),
        ("<sy:updatePeriod> Dayly </sy:updatePeriod>", timedelta(hours=24)),
        ("<sy:updatePeriod>often</sy:updatePeriod>", None),
        ("<sy:updateFrequency>6</sy:updateFrequency>", timedelta(hours=4)),
        (
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0.5</sy:updateFrequency>",
            timedelta(hours=2),
        ),
        (
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>",
            timedelta(hours=24),
        ),
    ],
)
def test_hints_on_polling(hint, fresh_for):
    found = parse(
        '<rss xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">'
        f"<channel>{hint}</channel></rss>"
    )

    assert found.info.fresh_for == fresh_for


@pytest.mark.parametrize("ending", ["", "<b>"])  # "<b>": ill-formed, read otherwise
@pytest.mark.parametrize(
    ("hint", "skipped"),
    [
        (
            "<skipHours><hour>1</hour><hour> 23 </hour><hour>24</hour></skipHours>",
            {day * 24 + hour for day in range(7) for hour in (0, 1, 23)},
        ),
        (
            "<skipDays><day>Sunday</day><day>monday</day></skipDays>",
            {*range(24), *range(144, 168)},
        ),
        (
            "<skipHours><hour>-1</hour><hour>25</hour><hour>\u0663</hour></skipHours>",
            set(),
        ),
        (
            "<skipDays><day>\u0432\u043e\u0441\u043a\u0440\u0435\u0441\u0435\u043d\u044c\u0435</day></skipDays>",
            set(),
        ),
        (
            "<skipHours>"
            + "".join(f"<hour>{n}</hour>" for n in range(24))
            + "</skipHours>",
            set(),
        ),
    ],
)
def test_hours_that_the_source_skips(hint, skipped, ending):
    item = "<item><guid>1</guid><title>a</title></item>"
    found = parse(f"<rss version='2.0'><channel>{hint}{item}{ending}</channel></rss>")

    assert found.info.skipped == skipped
