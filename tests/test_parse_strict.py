"""The fast reader gives what feedparser gives, or declines."""

import time
import tracemalloc
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from feedparser.mixin import _FeedParserMixin
from hypothesis import event, given
from hypothesis import strategies as st

from aggregator.demo.formats import render
from aggregator.demo.samples import load_samples
from aggregator.model import ParsedFeed, SourceError
from aggregator.parse import elements, feed, parse_document, strict
from aggregator.parse.decode import decode
from aggregator.parse.namespaces import PREFIXES
from aggregator.parse.raw import MAX_ENTRIES
from aggregator.parse.xmltext import xml_text
from tests.examples import examples

DATA = Path(__file__).parent / "data" / "parse"
ROOT = Path(__file__).parents[1]
WILD = ROOT.parent / "shared" / "data" / "wildfeeds"
FARM = ROOT / "benchmarks" / "results"
SAMPLES = [
    sample
    for sample in load_samples(datetime(2026, 1, 5, tzinfo=UTC))
    if sample.answer == "feed" and sample.format != "json"
]

NAMESPACES = {
    "admin": "http://webns.net/mvcb/",
    "atom": "http://www.w3.org/2005/Atom",
    "cc": "http://web.resource.org/cc/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "creativeCommons": "http://backend.userland.com/creativeCommonsRssModule",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "georss": "http://www.georss.org/georss",
    "gml": "http://www.opengis.net/gml",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "psc": "http://podlove.org/simple-chapters",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "yandex": "http://news.yandex.ru",
}
ATOM = NAMESPACES["atom"]


def declarations(namespaces):
    return "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())


def rss(inside, *, attributes=""):
    return (
        f'<rss version="2.0"{declarations(NAMESPACES)}{attributes}>'
        f"<channel>{inside}</channel></rss>"
    )


def atom(inside, *, attributes=""):
    return f'<feed xmlns="{ATOM}"{declarations(NAMESPACES)}{attributes}>{inside}</feed>'


def read(text):
    """What the fast reader makes of a document, which is what feedparser makes of it."""
    xml = xml_text(text)
    found = strict.read_feed(xml)
    if found is not None:
        assert found == feed.read_feed(xml)
    return found


# --- documents as they come ---------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DATA.glob("*.xml")), ids=lambda path: path.name)
def test_our_own_files_are_the_same(path):
    read(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_demo_samples_are_read_fast(sample):
    body = render(sample, "http://127.0.0.1/")
    text = body.decode(sample.encoding).lstrip("\ufeff")

    assert read(text) is not None


@pytest.mark.skipif(not WILD.is_dir(), reason="shared/data/wildfeeds is absent")
def test_wild_feeds_are_the_same_and_most_are_read_fast(capsys):
    fast, well_formed = 0, 0
    for path in sorted(WILD.iterdir()):
        decoded = decode(path.read_bytes(), None, None)
        xml = decoded and xml_text(decoded.text.lstrip("\ufeff \t\r\n\0"))
        if not xml:
            continue
        found, expected = strict.read_feed(xml), feed.read_feed(xml)
        assert found in (None, expected), path.name
        fast += found is not None
        well_formed += not getattr(expected, "recovered", "an error")

    with capsys.disabled():
        print(f"\n{fast} of {well_formed} well-formed feeds are read fast")  # noqa: T201
    assert fast > 0.8 * well_formed


@pytest.mark.skipif(not list(FARM.glob("*/www")), reason="no farm was built")
def test_the_benchmarks_farm_is_read_fast():
    for path in islice(FARM.glob("*/www/*.rss"), 0, 1000, 100):
        decoded = decode(path.read_bytes(), None, None)

        assert read(decoded.text.lstrip("\ufeff")) is not None


def test_a_document_is_the_same_without_the_fast_reader(monkeypatch):
    body = (DATA / "yandex.xml").read_bytes()
    fast = parse_document(body, url="https://example.ru/rss", content_type=None)
    monkeypatch.setattr(
        "aggregator.parse.read_strictly", lambda document, body=None: None
    )

    assert isinstance(fast, ParsedFeed)
    assert parse_document(body, url="https://example.ru/rss", content_type=None) == fast


# --- tables against feedparser's own -------------------------------------------------


def test_namespaces_are_those_of_feedparser():
    known = {
        uri.lower(): prefix.lower()
        for uri, prefix in _FeedParserMixin.namespaces.items()
    }

    assert {uri: prefix for uri, prefix in known.items() if uri} == PREFIXES


#: Elements with handlers in feedparser from which no field of ours comes, and whose
#: handlers change nothing else; as documents call them.
HARMLESS = {
    *("admin:errorreportsto", "admin:generatoragent", "cc:license", "cloud"),
    *(
        "creativecommons:license",
        "dc:contributor",
        "dc:publisher",
        "email",
        "generator",
    ),
    *("contributor", "georss:box", "georss:line", "georss:point", "georss:polygon"),
    *("height", "homepage", "itunes:block", "itunes:email", "itunes:explicit"),
    *("itunes:image", "itunes:link", "itunes:name", "media:credit", "media:license"),
    *("media:player", "media:rating", "media:restriction", "media:thumbnail", "name"),
    *("uri", "url", "webmaster", "width"),
}
HARMLESS_IN_FEED = {
    *("author", "category", "created", "dc:author", "dc:creator", "dc:subject"),
    *("dcterms:created", "enclosure", "itunes:author", "itunes:category"),
    *(
        "itunes:keywords",
        "itunes:owner",
        "keywords",
        "managingeditor",
        "media:category",
    ),
    *("media:content", "media:group", "media:keywords"),
}
HARMLESS_IN_ENTRY = {"dc:language", "language"}


def handled_by_feedparser():
    prefixes = set(PREFIXES.values()) - {""}
    for attribute in dir(_FeedParserMixin):
        if attribute.startswith(("_start_", "_end_")):
            name = attribute.split("_", 2)[2].lower()
            prefix, mark, local = name.partition("_")
            yield f"{prefix}:{local}" if mark and prefix in prefixes else name


@pytest.mark.parametrize("name", sorted(set(handled_by_feedparser())))
def test_nothing_that_feedparser_handles_is_passed_over_unknowingly(name):
    in_feed = elements.feed_handler(name) is elements.passed
    in_entry = elements.entry_handler(name) is elements.passed

    assert in_feed == (name in HARMLESS | HARMLESS_IN_FEED)
    assert in_entry == (name in HARMLESS | HARMLESS_IN_ENTRY)


# --- documents that are made up -------------------------------------------------------

TEXTS = st.sampled_from(
    [
        *("", "x", " a b ", "<b>bold</b> text", "a &amp; b", "&lt;i&gt;x&lt;/i&gt;"),
        *(
            "&copy; 2020",
            "http://a.ru/1?a=1&b=2",
            "http:///a.ru//2",
            "http://a.ru/?a=1",
        ),
        *("http://a.ru/?a=1&amp;b=2", "Привет", "Ð\x9fÑ\x80", "\x93quoted\x94", "café"),
        *(
            "a,b , c",
            "5",
            "daily",
            "ru",
            "a@b.ru (Имя)",
            "&bogus; </p>",
            "<p>x",
            "\xa0z",
        ),
        *("Mon, 05 Jan 2026 10:00:00 +0300", "12.5 44.1", "text/plain", "x</p>&amp;"),
    ]
)
ATTRIBUTES = {
    "type": ["text", "html", "xhtml", "TEXT/HTML", "text/plain", "video/mp4", "", "x"],
    "rel": ["self", "alternate", "enclosure", "SELF", "related", ""],
    "href": ["http://a.ru/x", "/relative", "", "http:////z"],
    "url": ["http://u.ru/y", ""],
    "isPermaLink": ["true", "false"],
    "term": ["t", ""],
    "scheme": ["s"],
    "domain": ["d"],
    "label": ["l"],
    "length": ["12"],
    "fileSize": ["3"],
    "text": ["subject"],
    "xml:lang": ["ru", "", "en_US"],
    "rdf:about": ["urn:1"],
    # Those that make it decline
    "mode": ["escaped", "base64"],
    "base": ["http://b.ru/"],
    "xml:base": ["http://b.ru/"],
    "lang": ["de"],
    "lastmod": ["x"],
    "atom:href": ["http://a.ru/atom"],
}
KNOWN = [
    *elements.ENTRY,
    *elements.FEED,
    *("yandex:full-text", "full-text", "yandex:related", "yandex:genre", "pubDate"),
    *("isRead", "docs", "skipHours", "slash:comments", "media:credit", "media:text"),
    *("atom:link", "atom:author", "atom:id", "rdf:li", "items", "title_detail", "DATE"),
    *HARMLESS,
]
NAMES = st.sampled_from(sorted({name for name in KNOWN if "xhtml" not in name}))
READ = st.sampled_from(
    [
        name
        for name in sorted(set(KNOWN))
        if elements.entry_handler(name.lower()) is not elements.ENTRY["item"]
    ]
)
INSIDE = st.sampled_from(
    [
        *("name", "email", "uri", "title", "link", "url", "hour", "yandex:x", "rdf:li"),
        *("media:content", "media:title", "media:description", "media:thumbnail"),
    ]
)


@st.composite
def attributes(draw):
    if draw(st.integers(0, 3)):
        return ""
    names = draw(st.lists(st.sampled_from(list(ATTRIBUTES)), max_size=3, unique=True))
    return "".join(
        f" {name}={quoteattr(draw(st.sampled_from(ATTRIBUTES[name])))}"
        for name in names
    )


@st.composite
def xml_elements(draw, names, level=0):
    name = draw(names).replace("creativecommons", "creativeCommons")
    inside = escape(draw(TEXTS))
    if level < 3 and draw(st.integers(0, 7)) == 0:
        below = xml_elements(INSIDE, level + 1)
        inside += "".join(draw(st.lists(below, min_size=1, max_size=3)))
    return f"<{name}{draw(attributes())}>{inside}</{name}>"


@st.composite
def documents(draw):
    names = st.sampled_from(draw(st.lists(READ | NAMES, min_size=1, max_size=6)))
    values = st.lists(xml_elements(names), max_size=5).map("\n".join)
    kind = draw(st.sampled_from(["rss", "atom", "rdf"]))
    entry = "entry" if kind == "atom" else "item"
    entries = values.map(lambda inside: f"<{entry}>{inside}</{entry}>")
    if kind == "rdf":
        after = "".join(draw(st.lists(entries, max_size=3)))
        channel = f"<channel>{draw(values)}</channel>"
        return (
            f'<rdf:RDF xmlns="http://purl.org/rss/1.0/"'
            f"{declarations(NAMESPACES)}>{channel}{after}</rdf:RDF>"
        )
    inside = "".join(draw(st.lists(entries | xml_elements(names), max_size=6)))
    return (rss if kind == "rss" else atom)(inside, attributes=draw(attributes()))


@examples(300)
@given(documents())
def test_any_document_is_the_same_or_declined(text):
    event("read" if read(text) else "declined")


# --- what it reads, what it declines ---------------------------------------------------

READ_FAST = {
    "source of an item": "<item><source url='http://a.ru/rss'> A &amp;amp; B </source></item>",
    "source without a name": "<item><title>A</title><source url='http://a.ru/rss'/></item>",
    "source with a title inside": "<item><source>A<title>B</title>C</source><title>D</title></item>",
    "several links": "<item><link>http://a.ru/1</link><atom:link href='http://a.ru/2'/></item>",
    "link with a slash too many": "<item><link>http:///a.ru/1</link></item>",
    "link escaped twice": "<item><link>http://a.ru/?a=1&amp;amp;b=2</link></item>",
    "guid before and after the link": "<item><guid>1</guid><link>http://a.ru</link></item>"
    "<item><link>http://a.ru</link><guid>1</guid></item>",
    "guid that is no link": "<item><guid isPermaLink='false'>http:///a</guid></item>",
    "title repeated": "<item><title/><title>A</title><dc:title>B</dc:title></item>",
    "title after a picture": "<image><title>P</title></image><title>T</title>",
    "title after an entry": "<title>T</title><item><title>A</title></item><title>U</title>",
    "summary, then description": "<item><itunes:summary>A</itunes:summary>"
    "<description>&lt;b&gt;B&lt;/b&gt;</description></item>",
    "content, then description": "<item><content:encoded>A</content:encoded>"
    "<description>B</description><description>C</description></item>",
    "podcast's summary first": "<itunes:summary>A</itunes:summary><description>B"
    "</description><item><description>C</description><summary>D</summary></item>",
    "text of Yandex": "<item><yandex:full-text>A</yandex:full-text><yandex:related>"
    "<link>http://a.ru</link></yandex:related></item>",
    "media of a group": "<item><media:group><media:content url='http://a.ru/1' type='IMAGE/PNG'>"
    "<media:title>A</media:title></media:content><media:title>B</media:title></media:group>"
    "<media:description>C</media:description></item>",
    "text in the wrong encoding": "<item><title>Ð\x9fÑ\x80Ð¸</title></item>",
    "quotes of windows-1252": "<item><title>\x93Газета\x94</title></item>",
    "categories": "<item><category domain='d'>A</category><category domain='d'>A</category>"
    "<category term='B' label='C'/><itunes:keywords>D, E</itunes:keywords></item>",
    "plain text that looks like HTML": "<copyright>&amp;copy; 2020</copyright>",
    "picture of an entry": "<item><title>A</title><image>http://a.ru/1.png</image></item>",
    "unknown tree": "<yandex:a x='1'><yandex:b>text</yandex:b></yandex:a><item/>",
    "hours to skip": "<skipHours><hour>1</hour></skipHours>",
    "hints": "<ttl>60</ttl><sy:updatePeriod>hourly</sy:updatePeriod>",
    "languages": "<language>ru-RU</language><item xml:lang='uk'/><item xml:lang=''/><item/>",
    "many hours": f"<ttl>1{'0' * 400}</ttl>",
}


@pytest.mark.parametrize("inside", READ_FAST.values(), ids=READ_FAST)
def test_reads(inside):
    assert read(rss(inside)) is not None


READ_FAST_ATOM = {
    "people": "<entry><author><name>A</name><email>a@a.ru</email></author>"
    "<author><name> B </name></author></entry>",
    "source of an entry": "<entry><title>A</title><source><title>B</title><id>C</id>"
    "<link href='http://a.ru'/><author><name>D</name></author></source></entry>",
    "source with several links": "<entry><source><link rel='self' href='http://a.ru/1'/>"
    "<link href='http:///a.ru/2'/><link href='http://a.ru/3'/><title type='html'>&lt;b&gt;B"
    "</title><title>C</title></source></entry>",
    "types": "<entry><title type='html'>&lt;b&gt;A</title><summary type='text'>B</summary>"
    "<content type='text/html'>C</content></entry>",
    "enclosure": "<entry><link rel='enclosure' href='http://a.ru/1' type='audio/MPEG'/></entry>",
    "dates": "<updated>2026-01-05</updated><entry><published>1</published>"
    "<updated>2</updated></entry>",
}


@pytest.mark.parametrize("inside", READ_FAST_ATOM.values(), ids=READ_FAST_ATOM)
def test_reads_atom(inside):
    assert read(atom(inside)) is not None


DECLINED = {
    "ill-formed": "<item><title>A</item>",
    "base": "<item xml:base='http://a.ru'/>",
    # For feedparser, one: and it stays in force after such an element.
    "base without its prefix": "<skipHours Base = 'http://a.ru'/><item/>",
    "markup that is not escaped": "<item><description>A <b>B</b></description></item>",
    "item in an item": "<item><item/></item>",
    "item in a list of others": "<item><yandex:related><item/></yandex:related></item>",
    "title in an unknown element": "<item><yandex:x><title>A</title></yandex:x></item>",
    "base64": "<item><content type='image/png'>aGFsbG8=</content></item>",
    "namespace without prefix": "<item><title xmlns='http://www.w3.org/1999/xhtml'/></item>",
    "name that feedparser uses": "<item><links>A</links></item>",
    "one prefix for two namespaces": "<item><dc:title xmlns:dc='urn:x'>A</dc:title></item>",
    "source in a source": "<item><source>A<source><title>B</title></source></source></item>",
    "too many categories": "<item>"
    + "".join(f"<category>{number}</category>" for number in range(501))
    + "</item>",
    "deep": "<yandex:x>" * 50 + "</yandex:x>" * 50,
}


@pytest.mark.parametrize("inside", DECLINED.values(), ids=DECLINED)
def test_declines(inside):
    assert read(rss(inside)) is None


@pytest.mark.parametrize(
    "text",
    [
        "<rss/>",
        "<rss><channel/><channel/></rss>",
        "<channel/>",
        "<rss><item/></rss>",
        f'<feed xmlns="{ATOM}"><entry><content type="xhtml">'
        '<div xmlns="http://www.w3.org/1999/xhtml">A</div></content></entry></feed>',
        '<feed xmlns="http://purl.org/rss/1.0/"/>',
        f'<rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}" xmlns:a="{ATOM}"><channel/></rdf:RDF>',
        # feedparser looks for content:encoded and rdf:about by these prefixes.
        f'<rss xmlns:content="{ATOM}"><channel><item><full-text/></item></channel></rss>',
        f'<rss xmlns:rdf="{ATOM}"><channel><item rdf:about="1"/></channel></rss>',
    ],
)
def test_declines_what_is_built_otherwise(text):
    assert read(text) is None


def test_undeclared_prefix_is_feedparsers():
    found = parse_document(
        b"<rss><channel><item><a:b/><title>A</title></item></channel></rss>",
        url="https://example.ru/rss",
        content_type=None,
    )

    assert [entry.title for entry in found.entries] == ["A"]


# --- hostile ----------------------------------------------------------------------


def seconds(text):
    started = time.process_time()
    strict.read_feed(xml_text(text))
    return time.process_time() - started


HOSTILE = {
    "depth": "<a>" * 190_000 + "</a>" * 190_000,
    "depth of a tree that is skipped": "<item><yandex:related>"
    + "<a>" * 190_000
    + "</a>" * 190_000
    + "</yandex:related></item>",
    "depth of media": "<item>"
    + "<media:group>" * 100_000
    + "</media:group>" * 100_000
    + "</item>",
    "elements": "<a/>" * 390_000,
    "names": "".join(f"<a{number}/>" for number in range(100_000)),
    "attributes": "<a "
    + " ".join(f'a{number}=""' for number in range(100_000))
    + "/><item/>",
    "categories": "<item>" + "<category>a</category>" * 190_000 + "</item>",
    "keywords": "<item><itunes:keywords>"
    + "a," * 500_000
    + "</itunes:keywords></item>",
    "titles": "<item>" + "<title>a</title>" * 190_000 + "</item>",
    "a text": "<item><title>" + "&amp;" * 1_000_000 + "</title></item>",
    "a link": "<item><link>" + "&amp;" * 1_000_000 + "</link></item>",
    "a link of slashes": "<item><link>http:" + "/" * 5_000_000 + "</link></item>",
    "rights": "<copyright>" + "&amp;a</" * 500_000 + "</copyright>",
    "media": "<item>" + "<media:content url='a'/>" * 100_000 + "</item>",
    "comments": "<item/>" + "<!-- -->" * 390_000,
}


@pytest.mark.parametrize("inside", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_cost_little(inside):
    assert seconds(rss(inside)) < 3


def test_namespaces_cost_no_square_of_their_number():
    inside = "".join(f"<a:b xmlns:a='urn:{number}'/>" for number in range(50_000))

    assert seconds(rss(inside)) < 3


def test_memory_of_a_tree_is_bounded():
    text = rss("<item>" + "<a b=''/>" * 500_000 + "</item>")
    tracemalloc.start()
    assert strict.read_feed(xml_text(text)) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5 * len(text)


def test_no_more_entries_than_the_limit_and_nothing_behind():
    found = read(rss("<item/>" * (MAX_ENTRIES + 1) + "<title>A</title>"))

    assert found is not None
    assert len(found.entries) == MAX_ENTRIES
    assert found.cut
    assert found.title is None


def test_depth_is_the_same_error():
    body = rss("<a>" * 300 + "</a>" * 300).encode()
    found = parse_document(body, url="https://example.ru/rss", content_type=None)

    assert isinstance(found, SourceError)
    assert found.code == "limit:depth"
