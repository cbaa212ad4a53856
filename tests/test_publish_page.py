"""index.html: valid, readable, and harmless whatever the sources wrote."""

import base64
import hashlib
import re
import runpy
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.publish.page import render_index
from aggregator.publish.wording import wording

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
STORIES, HERALD, index_page = (
    sample["STORIES"],
    sample["HERALD"],
    sample["index_page"],
)

VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """A strict reader: every element is closed in turn; what it saw is kept."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def find(self, tag, **attributes):
        return [
            found
            for name, found in self.elements
            if name == tag and attributes.items() <= found.items()
        ]

    def text(self, *tags):
        return [text for tag, text in self.texts if tag in tags and text.strip()]


def render(stories=STORIES, **page):
    return render_index(index_page(**page), stories).decode()


def test_stories_stand_by_day_newest_first():
    page = Page(render())

    assert page.text("h3") == [
        "вторник, 1 сентября 2026",
        "понедельник, 31 августа 2026",
    ]
    assert page.text("time") == [
        "1 сентября, 07:00",
        "1 сентября, 07:00",
        "1 сентября, 02:00",
        "31 августа, 21:00",
        "31 августа, 16:00",
    ]
    times = [found["datetime"] for found in page.find("time")]
    assert times[1] == "2026-09-01T07:00:00+03:00"


def test_a_story_names_its_source_its_topics_and_who_else_reported():
    html = render(STORIES[:1])
    page = Page(html)

    names = page.text("bdi")
    assert names == [
        "В музее открылась выставка",
        "Выставка работает до конца месяца.",
        "Степной вестник",
        "Гавань",
    ]
    assert "также: " in page.text("span")
    assert {"Культура", "Здоровье"} <= set(page.text("span"))
    assert page.find("a", href="https://harbour.example/77?a%5B%5D=1")


def test_links_away_tell_nothing_and_count_for_nothing():
    page = Page(render())

    away = [a for a in page.find("a") if a["href"].startswith("http")]
    assert away
    assert {a["rel"] for a in away} == {"noopener noreferrer nofollow"}


def test_feeds_are_announced_listed_and_explained():
    html = render()
    page = Page(html)

    announced = page.find("link", rel="alternate", type="application/atom+xml")
    assert [(link["href"], link["title"]) for link in announced] == [
        ("feed.atom", "Все новости"),
        ("culture.atom", "Культура"),
    ]
    assert page.find("a", href="culture.atom")
    assert "https://news.example.org/<wbr>culture.atom" in html
    assert any("Скопируйте адрес" in text for text in page.text("p"))


def test_page_loads_and_runs_nothing():
    html = render()
    page = Page(html)

    (policy,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert not {"script", "img", "iframe", "object", "form"} & {
        name for name, _ in page.elements
    }
    assert not re.search(r"url\(|@import| on\w+=| style=", html)


def test_policy_admits_the_style_of_the_page():
    html = render()

    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in html


def test_markup_from_sources_is_text():
    lead = replace(
        STORIES[0].lead,
        title="<script>alert(1)</script>",
        authors=("<b>",),
        summary=None,
        content=None,
        text='"><img src=x onerror=alert(1)>',
        link='https://herald.example/"onmouseover="alert(1)',
    )
    source = replace(HERALD, name="</bdi><plaintext>")
    page = Page(render([replace(STORIES[0], lead=lead, source=source)]))

    assert "<script>alert(1)</script>" in page.text("bdi")
    assert "</bdi><plaintext>" in page.text("bdi")
    assert not {"script", "img", "plaintext"} & {name for name, _ in page.elements}


@pytest.mark.parametrize("link", [None, "javascript:alert(1)", "data:text/html,x"])
def test_title_without_web_address_is_no_link(link):
    lead = replace(STORIES[0].lead, link=link)
    page = Page(render([replace(STORIES[0], lead=lead, members=())]))

    assert not [a for a in page.find("a") if ":" in a["href"]]


def test_endless_title_is_cut():
    lead = replace(STORIES[0].lead, title="Ы" * 1000)
    page = Page(render([replace(STORIES[0], lead=lead)]))

    assert page.text("bdi")[0] == "Ы" * 299 + "…"


def test_a_letter_a_line_does_not_push_the_next_story_away():
    text = "\n".join("абвгдежзиклмно")
    lead = replace(STORIES[0].lead, summary=None, content=None, text=text)

    page = Page(render([replace(STORIES[0], lead=lead)]))

    (summary,) = [text for text in page.text("bdi") if text.startswith("а\n")]
    assert summary.split("\n") == [*"абвгдеж", "з и к л м н о"]


def test_title_only_sources_show_no_summary():
    source = replace(HERALD, content="title")

    assert "до конца месяца" not in render([replace(STORIES[0], source=source)])


def test_page_without_stories():
    page = Page(render([]))

    assert "Новостей пока нет." in page.text("p")


def test_page_in_english():
    page = Page(render(language="en"))

    assert page.find("html", lang="en")
    assert page.text("h3")[0] == "Tuesday, 1 September 2026"
    assert "Subscribe" in page.text("h2")


@pytest.mark.parametrize(
    ("language", "untitled"),
    [("ru", "Без заголовка"), ("RU-ru", "Без заголовка"), ("rum", "Untitled")],
)
def test_wording_by_language(language, untitled):
    assert wording(language).untitled == untitled


def test_updated_is_the_newest_storys():
    edited = replace(STORIES[3], updated=STORIES[0].updated + timedelta(hours=5))
    page = Page(render([*STORIES[:3], edited]))

    assert page.text("time")[0] == "1 сентября, 12:00"


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
HOSTILE = ANY_TEXT | st.sampled_from(
    ["</style>", "<!--", "]]>", "{{ 7*7 }}", "<plaintext>", "&#0;", "' onx='", "\u202e"]
)


@settings(max_examples=100)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_any_text_makes_a_whole_page(title, text, name, topic):
    lead = replace(STORIES[0].lead, title=title, text=text, summary=text, content=None)
    hostile = replace(STORIES[0], lead=lead, source=replace(HERALD, name=name))

    html = render([hostile, STORIES[1]], topics={"culture": topic}, title=title)

    page = Page(html)
    expected = {name for name, _ in Page(render(STORIES[:2])).elements}
    assert {name for name, _ in page.elements} <= expected
    assert STORIES[1].lead.title in page.text("bdi")
