"""Yandex's dialect keeps Yandex's rules, and the sources' rights before them."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Enclosure
from aggregator.publish.yandex import render_yandex
from tests import yandex_rss

sample = runpy.run_path(str(Path(__file__).parent / "data" / "publish" / "sample.py"))
HARBOUR, NOON = sample["HARBOUR"], sample["NOON"]


def document(**fields):
    return sample["atom_document"](
        **{"self_url": "https://news.example.org/yandex.rss", **fields}
    )


def story(number: int = 1, *, content: str = "<p>Текст новости.</p>", **fields):
    of_story = {key: fields.pop(key) for key in ("topics", "ad") if key in fields}
    source = fields.pop("source", HARBOUR)
    title = fields.pop("title", f"Заголовок {number}")
    lead = sample["entry"](number, title, content=content, **fields)
    return sample["story"](number, lead, source, **of_story)


def rendered(*stories, genre: str = "message") -> bytes:
    return render_yandex(document(), stories, genre)


def test_an_item_has_all_that_is_known():
    data = rendered(
        story(
            content="<p>Первый абзац &amp; «слово».</p><p>Второй <b>абзац</b>.</p>",
            summary="<p>Коротко о том же.</p>",
            authors=("Анна Петрова", "Олег Ким"),
            topics=("culture", "health"),
            enclosures=(
                Enclosure(url="https://a.example/ф.jpg", type="image/jpeg", length=12),
                Enclosure(url="https://a.example/b.png"),
                Enclosure(url="https://a.example/unknown"),
            ),
        ),
        genre="article",
    )

    assert yandex_rss.problems(data) == []
    (item,) = ElementTree.fromstring(data).iter("item")
    assert {child.tag: child.text for child in item if child.tag != "enclosure"} == {
        "title": "Заголовок 1",
        "link": "https://herald.example/1",
        "pdalink": "https://herald.example/1",
        "guid": "tag:news.example.org,2026:0000000000000001",
        "description": "Коротко о том же.",
        "author": "Анна Петрова, Олег Ким",
        "category": "Культура",
        "pubDate": "Tue, 01 Sep 2026 07:00:00 +0300",
        "{http://news.yandex.ru}genre": "article",
        "{http://news.yandex.ru}full-text": "Первый абзац & «слово».\nВторой абзац.",
    }
    assert [dict(each.attrib) for each in item.findall("enclosure")] == [
        {
            "url": "https://a.example/%D1%84.jpg",
            "length": "12",
            "type": "image/jpeg",
        },
        {"url": "https://a.example/b.png", "length": "0", "type": "image/png"},
    ]


def test_rights_come_before_rules():
    """A text of which a summary may be given is no text for Yandex at all."""
    data = rendered(
        story(1, source=replace(HARBOUR, content="summary")),
        story(2, source=replace(HARBOUR, content="title")),
        story(3),
    )

    assert list(yandex_rss.texts(data)) == ["https://herald.example/3"]
    assert "Заголовок 1".encode() not in data


def test_what_has_no_place_there_is_left_out():
    data = rendered(
        story(1, ad=True),
        story(2, link=None),
        story(3, content="<p>Заголовок 3</p>"),
        story(4, content="<p><br></p>"),
        story(5),
    )

    assert list(yandex_rss.texts(data)) == ["https://herald.example/5"]


def test_a_text_names_no_source_and_advertises_nothing():
    text = (
        "<p>Гавань</p><p>Порт открыли. Источник шума нашли.</p><p>Источник: «Гавань»</p>"
        "<p>Реклама. ООО «Ромашка», erid: 2Vtz</p><p>Рекламация принята.</p>"
        "<p>Читайте также: Мост закрыли</p>"
        "<p>Запись Порт открыли впервые появилась на Гавань.</p>"
    )

    (found,) = yandex_rss.texts(rendered(story(content=text))).values()

    assert found == "Порт открыли. Источник шума нашли.\nРекламация принята."


def test_a_long_title_is_cut_and_a_document_ends_before_it_is_too_large():
    long = "слово " * 80_000
    stories = [story(n, content=f"<p>{n} {long}</p>") for n in range(15)]

    data = rendered(story(99, title="Очень длинный заголовок " * 20), *stories)

    assert yandex_rss.problems(data) == []
    assert 9_000_000 < len(data) <= 10_000_000
    assert list(yandex_rss.texts(data))[1] == "https://herald.example/0"


@given(
    texts=st.lists(st.tuples(st.text(), st.text()), max_size=4),
    name=st.text(),
    author=st.text(),
)
def test_whatever_sources_write_the_rules_are_kept(texts, name, author):
    source = replace(HARBOUR, name=name)
    stories = [
        story(n, title=title, content=content, authors=(author,), source=source)
        for n, (title, content) in enumerate(texts)
    ]

    data = rendered(*stories)

    assert yandex_rss.problems(data) == []
    assert data == rendered(*stories)


def test_nothing_to_give_is_a_document_all_the_same():
    assert yandex_rss.problems(rendered()) == []
