"""Documents that want to break, deceive or exhaust us; security.md, sections 1 and 2."""

from pathlib import Path

import pytest

from aggregator.model import ParsedFeed, SourceError
from aggregator.parse import parse_document
from aggregator.parse.entries import MAX_CATEGORIES, MAX_ENCLOSURES, MAX_TEXT
from aggregator.parse.html import Sanitiser
from aggregator.parse.raw import MAX_ENTRIES

URL = "https://example.ru/feeds/rss.xml"
DATA = Path(__file__).parent / "data" / "parse"
GOOD = "<item><title>Хорошая</title><link>https://example.ru/good</link></item>"


def parse(document, **options):
    body = document if isinstance(document, bytes) else document.encode("utf-8")
    return parse_document(body, url=URL, content_type=None, **options)


def rss(items, *, head="", namespaces=""):
    return parse(
        f'{head}<rss version="2.0" {namespaces}><channel>{items}</channel></rss>'
    )


def codes(found):
    return [warning.code for warning in found.warnings]


def described(html):
    found = rss(
        f"<item><title>Т</title><description><![CDATA[{html}]]></description></item>"
    )

    assert isinstance(found, ParsedFeed), found
    return found.entries[0].summary


class TestDoctype:
    """Taken out after decoding; entities that are plain text still work."""

    def test_plain_entities_are_resolved(self):
        found = rss(
            "<item><title>&region;: новости &#38; &mdash2;</title></item>",
            head='<?xml version="1.0"?><!DOCTYPE rss [\n<!ENTITY region "Кубань">'
            "\n<!ENTITY mdash2 '&#8212;'>\n]>",
        )

        assert found.entries[0].title == "Кубань: новости & —"
        assert codes(found) == []

    @pytest.mark.parametrize(
        "declaration",
        [
            '<!ENTITY x SYSTEM "file:///etc/passwd">',
            '<!ENTITY x PUBLIC "p" "https://evil.example/x.dtd">',
            '<!ENTITY % p SYSTEM "https://evil.example/p"> %p; <!ENTITY x "&p;">',
            '<!ENTITY x "<b>разметка</b>">',
            '<!ENTITY y "й"><!ENTITY x "&y;&y;">',
            f'<!ENTITY x "{"й" * 2000}">',
        ],
    )
    def test_other_entities_stand_for_nothing(self, declaration):
        found = rss(
            "<item><title>До&x;после</title></item>",
            head=f"<!DOCTYPE rss [{declaration}]>",
        )

        assert found.entries[0].title == "Допосле"
        assert codes(found) == ["recovered"]
        assert "DOCTYPE" in found.warnings[0].message

    def test_what_the_predefined_entities_mean_cannot_be_declared(self):
        found = rss(
            "<item><title>1 &lt; 2 &amp; 3</title></item>",
            head='<!DOCTYPE rss [<!ENTITY lt "много"><!ENTITY amp "&#38;#38;">]>',
        )

        assert found.entries[0].title == "1 < 2 & 3"
        assert codes(found) == []

    def test_dropped_declarations_of_html_entities_keep_their_meaning(self):
        found = rss(
            "<item><title>А&nbsp;&mdash; Б</title></item>",
            head='<!DOCTYPE rss [<!ENTITY mdash SYSTEM "https://evil.example/">]>',
        )

        assert found.entries[0].title == "А — Б"

    def test_a_comment_declares_nothing(self):
        found = rss(GOOD, head='<!DOCTYPE rss [<!-- <!ENTITY x SYSTEM "q"> -->]>')

        assert codes(found) == []

    def test_a_billion_laughs_stay_silent(self):
        laughs = '<!ENTITY l0 "ха-ха">' + "".join(
            f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
        )

        found = rss(
            "<item><title>&l9;!</title></item>", head=f"<!DOCTYPE rss [{laughs}]>"
        )

        assert found.entries[0].title == "!"

    def test_quadratic_expansion_is_bounded(self):
        found = rss(
            f"<item><title>Т</title><description>{'&x;' * 100_000}</description></item>",
            head=f'<!DOCTYPE rss [<!ENTITY x "{"й" * 1000}">]>',
        )

        assert len(found.entries[0].summary) <= MAX_TEXT

    def test_declarations_beyond_the_hundredth_are_dropped(self):
        many = "".join(f'<!ENTITY e{n} "{n}">' for n in range(300))

        found = rss(
            "<item><title>&e99; &e299;</title></item>", head=f"<!DOCTYPE r [{many}]>"
        )

        assert found.entries[0].title == "99"
        assert codes(found) == ["recovered"]

    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
            '"http://my.netscape.com/publish/formats/rss-0.91.dtd">',
            "<!doctype rss>",
            "<!DOCTYPE rss [<!-- ]> ' -->]>",
        ],
    )
    def test_no_document_is_refused_for_it(self, doctype):
        found = rss(GOOD, head=f'<?xml version="1.0"?>\n{doctype}\n')

        assert found.entries[0].title == "Хорошая"
        assert codes(found) == []

    @pytest.mark.parametrize(
        "subset",
        [
            "<!ELEMENT rss ANY><!ATTLIST a b CDATA ']>'>",
            '<!NOTATION n SYSTEM "x">',
            "%unknown;",
            "<!ENTITY ",
        ],
    )
    def test_what_is_no_entity_is_dropped(self, subset):
        found = rss(GOOD, head=f"<!DOCTYPE rss [{subset}]>")

        assert found.entries[0].title == "Хорошая"
        assert codes(found) == ["recovered"]

    def test_an_endless_doctype_is_quick(self):
        assert isinstance(
            parse("<!DOCTYPE rss [" + "<!ENTITY a '" * 50_000), SourceError
        )

    def test_in_utf16_it_hides_nothing(self):
        document = (
            '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel>'
        )
        document += "<item><title>Т&x;</title></item></channel></rss>"

        assert parse(document.encode("utf-16")).entries[0].title == "Т"


class TestIllFormed:
    """What can be read is read, and a warning says so."""

    @pytest.mark.parametrize(
        ("item", "title"),
        [
            ("<item><title>Театр & музей</title></item>", "Театр & музей"),
            (
                "<item><title>&laquo;Театр&raquo;&nbsp;&mdash; да</title></item>",
                "«Театр» — да",
            ),
            ("<item><title>Нуль\0 и \x01звонок\x07</title></item>", "Нуль и звонок"),
            ("<item><title>Ссылки&#1; и &#xD800;&#0;</title></item>", "Ссылки и"),
            ("<item><title>5 < 6</title></item>", "5 < 6"),
            ("<item><title>Т</title><media:thumbnail url='x'/></item>", "Т"),
            ("<item><title>Т</title><a xlink:href='x'/></item>", "Т"),
            ("<item><title>Т</title><!-- a -- b --></item>", "Т"),
            ("<item><title>Т</title><a><!--</a></item>", "Т"),
            ("<item><title>Т</title><b>не закрыто</item>", "Т"),
            ("<item><title>Т</title><description>а<br>б</description></item>", "Т"),
            ("<item><title>Т</title><a b=c d>x</a></item>", "Т"),
        ],
    )
    def test_recovered(self, item, title):
        found = rss(item + GOOD)

        assert isinstance(found, ParsedFeed), found
        assert [entry.title for entry in found.entries] == [title, "Хорошая"]
        assert codes(found) == ["recovered"]

    @pytest.mark.parametrize(
        "end", ["", "<item><title>Только нача", "<item><title>Т</title>"]
    )
    def test_of_a_cut_document_whole_entries_are_kept(self, end):
        found = parse(f"<rss><channel><title>К</title>{GOOD}{end}")

        assert [entry.title for entry in found.entries] == ["Хорошая"]
        assert codes(found) == ["recovered"]

    @pytest.mark.parametrize(
        "junk",
        [
            "\n\n ",
            "Warning: mysql_connect() in /a.php on line 3\n",
            "<br />\n<b>Notice</b>: x\n",
        ],
    )
    @pytest.mark.parametrize(
        "declaration", ["", '<?xml version="1.0" encoding="utf-8"?>\n']
    )
    def test_junk_before_and_behind(self, junk, declaration):
        found = parse(
            f"{junk}{declaration}<rss><channel>{GOOD}</channel></rss>{junk}<!-- 0.1 s -->"
        )

        assert [entry.title for entry in found.entries] == ["Хорошая"]

    def test_mended_namespaces_keep_their_meaning(self):
        found = rss(
            "<item><content:encoded>Текст</content:encoded><dc:creator>Я</dc:creator></item>"
        )

        assert found.entries[0].content == "Текст"
        assert found.entries[0].authors == ("Я",)

    def test_a_lone_surrogate_does_not_raise(self):
        """feedparser itself ends in UnicodeEncodeError here."""
        found = rss("<item><title>А&#xDC00;Б</title></item><item><a></item>")

        assert found.entries[0].title == "АБ"

    @pytest.mark.parametrize(
        "element",
        [
            "<image><width><url/></width></image>",
            "<image><a><height/></a></image><textinput/>",
            "<itunes:block><link/></itunes:block>",
        ],
    )
    def test_elements_that_feedparser_stumbles_over(self, element):
        """Its handlers end in TypeError here; the document must not."""
        found = rss(f"{element}{GOOD}<item><title>Т</title>{element}</item>")

        assert [entry.title for entry in found.entries] == ["Хорошая", "Т"]

    def test_items_inside_items_are_none(self):
        found = rss("<item><title>Т</title><item><title>Внутри</title></item></item>")

        assert [entry.title for entry in found.entries] == ["Т"]
        assert codes(found) == ["recovered"]


class TestDamaged:
    """A feed whose frame is broken still has its entries."""

    def test_each_whole_entry_of_a_broken_channel_is_kept(self):
        found = parse((DATA / "damaged.xml").read_bytes())

        assert [entry.title for entry in found.entries] == [
            "Первая весть",
            "Весть, в которой не закрыт тег",
            "Весть, которую ничто не закрыло",
            "Весть о реке",
        ]
        assert found.entries[3].authors == ("И. Речной",)
        assert found.entries[3].content == "Вода <b>спала</b>."
        assert found.info.title == "Портал Заречья"
        assert codes(found) == ["recovered"]

    def test_a_fault_in_a_long_document_costs_nothing_behind_it(self):
        """feedparser's lenient parser takes half a minute for a document of this size."""
        items = "".join(
            f"<item><title>Весть {n}</title><description>{'слово ' * 200}</description></item>"
            for n in range(2000)
        )

        found = rss(f"{GOOD}<item><title>Весть</b></title></item>{items}")

        assert len(found.entries) == 2002
        assert codes(found) == ["recovered"]

    @pytest.mark.parametrize(
        "beginning",
        [
            "<rs version='2.0'><channel><title>К</title>",
            "<?xml version='1.0'?><rs",
            "nel><title>К</title>",
            "",
        ],
    )
    def test_a_lost_beginning(self, beginning):
        found = parse(f"{beginning}{GOOD}</channel></rss>")

        assert [entry.title for entry in found.entries] == ["Хорошая"]
        assert codes(found) == ["recovered"]

    def test_a_page_with_items_is_no_feed(self):
        found = parse(f"<!doctype html><html><body>{GOOD}</body></html>")

        assert found.code == "not_a_feed:html"

    def test_entries_that_hide_inside_empty_ones(self):
        found = rss("<item>" * 3000 + GOOD + "</item>" * 3000)

        assert [entry.title for entry in found.entries] == ["Хорошая"]
        assert codes(found) == ["recovered"]

    def test_entries_that_say_nothing_are_spoken_of(self):
        found = rss("<item></item><item><guid>1</guid></item>")

        assert found.entries == ()
        assert codes(found) == ["recovered"]


class TestMarkup:
    @pytest.mark.parametrize(
        "payload",
        [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg onload=alert(1)><a href='https://a.ru'>x</a></svg>",
            "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
            "<iframe src='https://evil.example/'>alert(1)</iframe>",
            "<form action='https://evil.example/'><button>alert(1)</button></form>",
            "<a href='javascript:alert(1)'>",
            "<a href='JaVa\tScript:alert(1)'>",
            "<a href='&#106;avascript:alert(1)'>",
            "<a href='vbscript:alert(1)'><a href='data:text/html,alert(1)'>",
            "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
            "<p style='background:url(https://evil.example/)' class='a' id='b' name='c'>",
            "<style>@import 'https://evil.example/'</style><link rel=stylesheet href=x>",
            "<base href='https://evil.example/'><meta http-equiv=refresh content='0;url=x'>",
            "<object data=x>alert(1)</object><embed src=x><video src=x></video>",
            "<noscript><img src=x onerror=alert(1)></noscript>",
            "<template><script>alert(1)</script></template>",
            "<textarea></textarea><img src=x onerror=alert(1)>",
        ],
    )
    def test_nothing_that_runs_or_loads_survives(self, payload):
        clean = described(f"До {payload} после").lower()

        assert "до" in clean
        for evil in (
            "alert",
            "script",
            "evil",
            "onerror",
            "style",
            "data:",
            "<svg",
            "class",
        ):
            assert evil not in clean

    @pytest.mark.parametrize(
        ("html", "clean"),
        [
            ("<p>не закрыт<b>о", "<p>не закрыт<b>о</b></p>"),
            ("</div></div>текст", "текст"),
            ("<!--[if IE]> x <![endif]-->текст<!--", "текст"),
            ("<plaintext>текст", "текст"),
            ("текст & ещё", "текст &amp; ещё"),
            ("<h2>Тема</h2><font color=red>красный</font>", "<h2>Тема</h2>красный"),
            (
                "<img src='/a.jpg' width=300>",
                '<img src="https://example.ru/a.jpg" width="300">',
            ),
            ("<img src='//cdn.ru/a.jpg'>", '<img src="https://cdn.ru/a.jpg">'),
            ("<img src='http://t.ru/p.gif' width=1 height=1>x", "x"),
            ("<img src='https://mc.yandex.ru/watch/1'>x", "x"),
            ("<img src='mailto:a@b.ru'>x", "x"),
            ("<img alt=пусто>x", "x"),
            ("a&#8238;b\u202e&#1;c", "abc"),
        ],
    )
    def test_what_is_left_is_well_nested(self, html, clean):
        assert described(html) == clean

    def test_mail_links_stay(self):
        assert 'href="mailto:a@b.ru"' in described("<a href='mailto:a@b.ru'>почта</a>")

    @pytest.mark.parametrize(
        "scheme",
        ["file:///etc/passwd", "ftp://a.ru/", "javascript:alert(1)", "gopher://a.ru"],
    )
    def test_links_to_anything_but_the_web_are_dropped(self, scheme):
        found = rss(
            f"<item><title>Т</title><link>{scheme}</link><enclosure url='{scheme}'/></item>"
        )

        assert found.entries[0].link is None
        assert found.entries[0].enclosures == ()

    def test_names_are_text(self):
        evil = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;Имя&lt;/b&gt;"

        found = rss(
            f"<title>{evil}</title><item><title>Т</title><author>{evil}</author><category>{evil}</category></item>"
        )

        assert found.info.title == "Имя"
        assert found.entries[0].authors == ("Имя",)
        assert found.entries[0].categories == ("Имя",)


class TestLimits:
    def test_entries(self):
        found = rss(
            "".join(
                f"<item><guid>{n}</guid><title>{n}</title></item>" for n in range(5100)
            )
        )

        assert len(found.entries) == MAX_ENTRIES
        assert codes(found) == ["cut"]

    def test_enclosures_and_categories(self):
        many = "".join(
            f"<category>Тема {n}</category><enclosure url='https://a.ru/{n}'/>"
            for n in range(1000)
        )

        (entry,) = rss(f"<item><title>Т</title>{many}</item>").entries

        assert len(entry.categories) == MAX_CATEGORIES
        assert len(entry.enclosures) == MAX_ENCLOSURES

    def test_long_fields_are_cut_by_nodes(self):
        found = rss(
            f"<item><title>Т</title><description><![CDATA[{'<p>Слово &amp; дело</p>' * 40_000}]]>"
            "</description></item>"
        )

        (entry,) = found.entries
        assert MAX_TEXT * 0.7 < len(entry.summary) <= MAX_TEXT
        assert entry.summary.endswith("</p>")
        assert codes(found) == ["cut"]

    def test_short_links_to_a_long_base_do_not_grow_the_document(self):
        """170 kB came out as 45 MB, and all of it went to the main process."""
        base = f"https://example.ru/{'x' * 4000}/"
        item = f"<item><guid>{{}}</guid><title>Т</title><description><![CDATA[{'<a href=z>ссылка' * 130}]]></description></item>"
        items = "".join(map(item.format, range(100)))
        document = f'<rss xml:base="{base}"><channel>{items}</channel></rss>'

        for url in (URL, base):
            found = parse_document(document.encode(), url=url, content_type=None)
            assert len(found.entries) == 100
            assert '<a href="https://example.ru/z"' in found.entries[0].summary
            assert sum(len(entry.summary or "") for entry in found.entries) < 3_000_000

    def test_texts_hold_no_more_than_the_document_could(self):
        links = "<a href=z>" * 200
        item = f"<item><guid>{{}}</guid><title>Т</title><description><![CDATA[{links}]]></description></item>"
        base = f"https://example.ru/{'x' * 400}/"

        items = "".join(map(item.format, range(1000)))
        found = rss(items, namespaces=f'xml:base="{base}"')

        assert len(found.entries) == 1000
        assert codes(found) == ["cut"]
        total = sum(len(entry.summary or "") for entry in found.entries)
        assert total < 3 * 1000 * len(item) + 2_000_000

    def test_xml_depth(self):
        inside = rss(f"<item><title>Т</title>{'<a>' * 300}x{'</a>' * 300}</item>{GOOD}")
        everywhere = parse("<rss>" + "<a>" * 50_000)

        assert [entry.title for entry in inside.entries] == ["Т", "Хорошая"]
        assert codes(inside) == ["cut"]
        assert everywhere.code == "limit:depth"

    @pytest.mark.parametrize(
        "tag", ["div", "b", "a href=x", "blockquote", "table", "ul"]
    )
    def test_html_depth(self, tag):
        """nh3 alone takes 20 s for 100,000 divs."""
        assert Sanitiser().clean(f"текст<{tag}>" * 50_000, URL).startswith("текст")

    @pytest.mark.parametrize(
        "item",
        [
            f"<author>{'a@' * 50_000}</author>",
            f"<author>{'(' * 100_000}</author>",
            f"<title>{'&lt;' * 50_000}</title>",
            f"<title>{'&amp;' * 100_000}</title>",
            f"<pubDate>{'1 ' * 100_000}</pubDate>",
            f"<category>{',' * 200_000}</category>",
            f"<link>{'/a' * 100_000}</link>",
            f"<description>{'&lt;p style=&quot;' * 20_000}</description>",
            f"<a {' '.join(f'b{n}=1' for n in range(20_000))}>x</a>",
        ],
    )
    def test_pathological_fields_are_quick(self, item):
        """Each hangs feedparser or a careless expression; the suite's time would show it."""
        found = rss(f"<item><guid>1</guid>{item}</item>{GOOD}")

        assert found.entries[-1].title == "Хорошая"

    @pytest.mark.parametrize("length", ["-1", "9" * 30, "1e9", "много", "", "0", "²"])
    def test_lengths_of_enclosures(self, length):
        found = rss(
            f"<item><title>Т</title><enclosure url='https://a.ru/1' length='{length}'/></item>"
        )

        assert found.entries[0].enclosures[0].length is None


@pytest.mark.parametrize("charset", ["windows-1251", "koi8-r"])
def test_undeclared_cyrillic_titles_read_as_russian(charset):
    """field-notes 0.5: feedparser alone gives «Âûñòàâêà»."""
    body = "<rss><channel><item><title>Выставка открылась в музее</title></item></channel></rss>"

    found = parse(body.encode(charset))

    assert found.entries[0].title == "Выставка открылась в музее"
    assert codes(found) == ["encoding"]


def test_comments_before_an_unknown_root_are_quick():
    """60 comments of no text took longer than the universe is old."""
    found = parse("<!---->" * 60 + "<x/>")

    assert found.code == "not_a_feed"


def test_utf8_under_a_wrong_http_charset():
    body = '<?xml version="1.0" encoding="UTF-8"?><rss><channel><item><title>Театр</title></item></channel></rss>'

    found = parse_document(
        body.encode(), url=URL, content_type="text/html; charset=windows-1251"
    )

    assert found.entries[0].title == "Театр"
    assert "Content-Type header says windows-1251" in found.warnings[0].message


def test_a_false_declaration_does_not_reach_the_xml_parser():
    body = '<?xml version="1.0" encoding="UTF-16"?><rss><channel><item><title>Театр</title></item></channel></rss>'

    assert parse(body).entries[0].title == "Театр"


def test_the_operators_encoding_wins():
    body = "<rss><channel><item><title>Театр</title></item></channel></rss>".encode(
        "cp866"
    )

    assert parse(body, encoding="cp866").entries[0].title == "Театр"
    assert parse(body, encoding="utf-8").code == "decode"
