"""OPML, the sitemap and robots.txt: valid by their rules, silent about what is private."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import app
from aggregator.config import load_config
from aggregator.publish.opml import Outline, render_opml
from aggregator.publish.public import public_feed
from aggregator.publish.sitemap import SitePage, render_robots, render_sitemap
from tests import opml20

SITEMAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HOSTILE = "Гавань & <b>«Ко»</b>\x00\x1b[31m\ud800\ufffe \n\u2028"

ANY_TEXT = st.text(max_size=40) | st.lists(
    st.sampled_from(
        ["&", "&amp;", "&copy", "<", "</b>", "<b", "!--", "Ã", "©", "я", " "]
    )
).map("".join)
OUTLINES = st.recursive(
    st.builds(
        Outline,
        title=ANY_TEXT,
        feed=st.one_of(st.none(), ANY_TEXT, st.just("https://a.example/?q=ю&b=<x>")),
        page=st.one_of(st.none(), ANY_TEXT, st.just("http://a.example")),
        language=st.one_of(st.none(), ANY_TEXT, st.just("ru-RU")),
        description=st.one_of(st.none(), ANY_TEXT),
        topics=st.lists(st.sampled_from(["culture", "health"])).map(tuple),
    ),
    lambda inner: st.builds(
        Outline, title=ANY_TEXT, children=st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def test_a_list_of_feeds_holds_what_a_reader_needs():
    opml = render_opml(
        "Новости Кубани",
        "Редакция",
        [
            Outline(
                title=HOSTILE,
                feed="https://harbour.example/feed?format=rss",
                page="https://harbour.example/",
                language="ru",
                description="Всё о порте",
                topics=("culture", "health"),
            ),
            Outline(
                title="Темы",
                children=(Outline(title="Культура", feed="https://a.example/c"),),
            ),
            Outline(title="Без адреса"),
            Outline(title="Не адрес", feed="ftp://a.example/rss"),
        ],
    )

    assert opml20.problems(opml) == []
    root = ElementTree.fromstring(opml)
    assert root.findtext("head/title") == "Новости Кубани"
    assert root.findtext("head/ownerName") == "Редакция"
    first, folder, name = root.findall("body/outline")
    assert first.attrib == {
        "type": "rss",
        "text": "Гавань & «Ко»[31m",
        "title": "Гавань & «Ко»[31m",
        "xmlUrl": "https://harbour.example/feed?format=rss",
        "htmlUrl": "https://harbour.example/",
        "language": "ru",
        "description": "Всё о порте",
        "category": "/culture,/health",
    }
    assert [child.get("text") for child in folder] == ["Культура"]
    assert name.attrib == {"text": "Без адреса"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Q&A", "Q & A"),
        ("&&Ко &amp;copy &", "& & Ко & copy &"),
        ("a<b & c>d", "a‹b & c>d"),
        ("<i>Вестник</i>", "Вестник"),
    ],
)
def test_a_name_says_the_same_as_text_and_as_html(name, text):
    """OPML lets either be written; what reads HTML would take "&A" for an entity."""
    opml = render_opml(name, name, [Outline(title=name, feed="https://a.example/")])

    assert opml20.problems(opml) == []
    (outline,) = ElementTree.fromstring(opml).findall("body/outline")
    assert outline.get("text") == text


@given(
    title=ANY_TEXT, owner=st.one_of(st.none(), ANY_TEXT), outlines=st.lists(OUTLINES)
)
def test_any_list_is_valid_and_the_same_every_time(title, owner, outlines):
    opml = render_opml(title, owner, outlines)

    assert opml20.problems(opml) == []
    assert opml == render_opml(title, owner, outlines)


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example/feed",
        "https://a.example/?feed=rss2&cat=12",
        "https://a.example/rss.php?section=novosti-krasnodara-2026",
        "https://a.example/news/2026-11-23/all.xml",
        "https://a.example/rss?from=20260101000000",
        "https://news.a.example:8443/feed",
        "https://a.example/feeds/videos.xml?keywords=sochi",
    ],
)
def test_addresses_that_anybody_may_have(address: str):
    assert public_feed(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example/feed?token=x",
        "https://a.example/feed?access_token=1",
        "https://a.example/feed?KEY=1",
        "https://a.example/feed?api-key=1",
        "https://a.example/feed?user=ivan&password=1",
        "https://a.example/feed?a=1;sid=2&s=PHPSESSID&session_id=3",
        "https://a.example/feed?f=9f86d081884c7d659a2feaa0c55ad015",
        "https://a.example/feed?f=AbCdEfGhIjKlMnOpQrSt",
        "https://a.example/private/9f86d081884c7d659a2feaa0/rss",
        "https://a.example/123e4567-e89b-12d3-a456-426614174000.xml",
        "https://a.example/%39f86d081884c7d659a2feaa0/rss",
        "https://ivan:secret@a.example/feed",
        "http://127.0.0.1/feed",
        "http://10.1.2.3:8080/feed",
        "http://[::1]/feed",
        "http://2130706433/feed",
        "http://intranet/feed",
        "http://portal.local/feed",
        "file:///etc/passwd",
        "",
        None,
    ],
)
def test_addresses_that_stay_with_the_operator(address: str | None):
    assert public_feed(address) is None


def test_the_published_list_is_for_everybody(tmp_path: Path):
    path = tmp_path / "feeds.yaml"
    path.write_text(
        """
site: {title: Новости, url: https://news.example.org/, author: Редакция}
fetch: {allow_private: [10.0.0.0/8]}
topics: {culture: {title: Культура, words: [театр]}}
places: [sochi]
sources:
  - {url: https://a.example/rss, name: Вестник, topics: [culture]}
  - https://b.example/?feed=rss2#all
  - https://c.example/rss?token=tell-nobody
  - {url: http://10.0.0.7/rss, name: Внутренний}
  - {url: https://d.example/rss, enabled: false}
  - {url: https://e.example/map.xml, kind: sitemap}
  - {url: "https://f.example/afisha?page=1", name: Афиша, kind: page, page: {item: li, title: a}}
  - https://новости.example/лента
""",
        "utf-8",
    )
    app.publish(load_config(path))

    data = (tmp_path / "output" / "sources.opml").read_bytes()
    own = (tmp_path / "output" / "feeds.opml").read_bytes()

    assert (opml20.problems(data), opml20.problems(own)) == ([], [])
    found = opml20.feeds(data)
    assert [(url, feed["text"]) for url, feed in found.items()] == [
        ("https://a.example/rss", "Вестник"),
        ("https://b.example/?feed=rss2", "b.example"),
        (
            "https://xn--b1amnebsh.example/%D0%BB%D0%B5%D0%BD%D1%82%D0%B0",
            "новости.example",
        ),
    ]
    assert found["https://a.example/rss"]["category"] == "/culture"
    named = [
        (each.get("text"), each.get("url"))
        for each in ElementTree.fromstring(data).findall("body/outline")
        if each.get("xmlUrl") is None
    ]
    assert named == [
        ("c.example", None),
        ("Внутренний", None),
        ("e.example", None),
        ("Афиша", "https://f.example/afisha"),
    ]
    assert not any(private in data for private in (b"tell-nobody", b"10.0.0.7"))
    body = ElementTree.fromstring(own).find("body")
    assert [(each.get("text"), len(each)) for each in body] == [
        ("Новости", 0),
        ("Темы", 1),
        ("Города и районы", 1),
    ]
    feeds = opml20.feeds(own)
    assert list(feeds) == [
        f"https://news.example.org/{name}.atom" for name in ("feed", "culture", "sochi")
    ]
    assert feeds["https://news.example.org/culture.atom"]["description"] == (
        "Сообщения на тему «Культура»"
    )
    output = {file.name for file in (tmp_path / "output").iterdir()}
    for url, feed in feeds.items():
        document = (tmp_path / "output" / url.rpartition("/")[2]).read_text("utf-8")
        assert f'<link href="{feed["htmlUrl"]}" rel="alternate"' in document
    pages = [feed["htmlUrl"].rpartition("/")[2] for feed in feeds.values()]
    assert pages == ["", "culture.html", "sochi.html"]
    assert {*pages[1:], *(url.rpartition("/")[2] for url in feeds)} <= output


def test_the_sitemap_names_every_page_that_is_to_be_found(tmp_path: Path):
    path = tmp_path / "feeds.yaml"
    path.write_text(
        """
site: {title: Новости, url: https://news.example.org/region/}
topics: {events: {title: Афиша}, culture: {title: Культура}}
places: [sochi]
sources: [https://a.example/rss]
""",
        "utf-8",
    )
    app.publish(load_config(path))

    root = ElementTree.fromstring((tmp_path / "output" / "sitemap.xml").read_bytes())
    pages = {file.name for file in (tmp_path / "output").glob("*.html")}

    listed = {url.findtext(f"{SITEMAPS}loc") for url in root}
    hidden = {name for name in pages if name.startswith("embed-")}
    site = "https://news.example.org/region/"
    assert hidden
    assert {address.removeprefix(site) or "index.html" for address in listed} == (
        # The page of sources changes with time alone.
        pages - hidden - {"status.html"}
    )


# --- pages ------------------------------------------------------------------------------


def test_the_sitemap_says_when_each_page_changed():
    moscow = timezone(timedelta(hours=3))
    changed = datetime(2026, 9, 1, 12, 30, 15, 999, tzinfo=moscow)

    data = render_sitemap(
        [
            SitePage(address="https://news.example.org/", updated=changed),
            SitePage(address="https://news.example.org/a&b.html"),
        ]
    )

    root = ElementTree.fromstring(data)
    assert root.tag == f"{SITEMAPS}urlset"
    assert {child.tag for child in root} == {f"{SITEMAPS}url"}
    assert [url.findtext(f"{SITEMAPS}loc") for url in root] == [
        "https://news.example.org/",
        "https://news.example.org/a&b.html",
    ]
    first, second = (url.findtext(f"{SITEMAPS}lastmod") for url in root)
    assert first == "2026-09-01T09:30:15+00:00"
    assert datetime.fromisoformat(first) == changed.replace(microsecond=0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", first)
    assert second is None


def test_robots_may_fetch_everything_and_learn_of_the_sitemap():
    robots = RobotFileParser()
    text = render_robots("https://news.example.org/sitemap.xml").decode()
    robots.parse(text.splitlines())

    assert robots.site_maps() == ["https://news.example.org/sitemap.xml"]
    for path in ("", "culture.html", "feed.atom", "embed-culture.html"):
        assert robots.can_fetch("YandexBot", f"https://news.example.org/{path}")
