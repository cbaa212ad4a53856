"""A small site's stories, for rendering tests; also run by a process of its own.

``python sample.py`` prints the Atom document and the page: the same bytes every time.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from aggregator.model import (
    Enclosure,
    Entry,
    FeedInfo,
    PublishedMember,
    PublishedStory,
    SourceInfo,
)
from aggregator.publish.atom import render_atom
from aggregator.publish.feed import Feed
from aggregator.publish.item import items
from aggregator.publish.pages.site import FeedFile, Section, Site
from aggregator.publish.pages.stories import render_stories

SITE = "https://news.example.org/"
TOPICS = {"culture": "Культура", "health": "Здоровье"}
NOON = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)

HERALD = SourceInfo(
    id="herald.example/rss",
    name="Степной вестник",
    url="https://herald.example/rss/",
    info=FeedInfo(
        title="Вестник: всё",
        link="https://herald.example/",
        id="urn:uuid:7f0c7c5e-6f0b-4d3e-9c58-0d7a8e0a4b11",
        updated=NOON,
        rights="© Степной вестник",
    ),
    content="summary",
)
HARBOUR = SourceInfo(
    id="harbour.example/feed",
    name="Гавань",
    url="https://reader:secret@harbour.example/feed",
    info=FeedInfo(link="https://harbour.example/"),
    content="full",
    rights="Перепечатка со ссылкой",
)
BULLETIN = SourceInfo(
    id="bulletin.example/a.xml",
    name="Листок & Ко",
    url="http://bulletin.example/a.xml",
    info=FeedInfo(),
    content="title",
)


def entry(number: int, title: str, **fields) -> Entry:
    values = {
        "key": f"key-{number}",
        "title": title,
        "link": f"https://herald.example/{number}",
        "canonical_link": None,
        "summary": None,
        "content": None,
        "text": "",
        "position": number,
    }
    return Entry(**(values | fields))


def story(number: int, lead: Entry, source: SourceInfo, **fields) -> PublishedStory:
    published = NOON - timedelta(hours=5 * number)
    values = {
        "id": f"tag:news.example.org,2026:{number:016x}",
        "published": published,
        "updated": published + timedelta(microseconds=100_000 + number),
        "revision": 1,
        "lead": lead,
        "source": source,
        "members": (),
        "topics": (),
    }
    return PublishedStory(**(values | fields))


STORIES = (
    story(
        1,
        entry(
            1,
            "В музее открылась выставка",
            summary="<p>Выставка работает до конца месяца.</p>",
            content="<p>Длинный рассказ.</p>",
            text="Длинный рассказ.",
            authors=("Анна Петрова", "Анна Петрова", "Олег Ким"),
            categories=("Разное",),
            enclosures=(
                Enclosure(
                    url="https://herald.example/a b.jpg",
                    type="image/jpeg; q=1",
                    length=1200,
                ),
                Enclosure(url="javascript:alert(1)", type="nonsense"),
            ),
        ),
        HERALD,
        members=(
            PublishedMember(
                source=HARBOUR,
                title="Музей показал новое",
                link="https://harbour.example/77?a[]=1",
                relation="report",
            ),
            PublishedMember(
                source=BULLETIN, title="Выставка", link=None, relation="copy"
            ),
        ),
        topics=("culture", "health"),
    ),
    story(
        2,
        entry(
            2,
            "Поликлиника <принимает> & «лечит»",
            content='<p>Приём идёт <a href="https://harbour.example/x">с утра</a>.</p>',
            text="Приём идёт с утра.",
        ),
        HARBOUR,
        topics=("health",),
    ),
    story(3, entry(3, "", link=None, text="Только текст без заголовка."), BULLETIN),
    story(
        4,
        entry(
            4,
            "Скидки на билеты",
            summary="Первое предложение здесь. Второе предложение уже не поместится целиком.",
            text="Первое предложение здесь. Второе предложение уже не поместится целиком.",
        ),
        HERALD,
        ad=True,
    ),
)


def atom_document(**fields) -> Feed:
    values = {
        "id": f"{SITE}feed.atom",
        "title": "Новости степи",
        "self_url": f"{SITE}feed.atom",
        "site_url": SITE,
        "language": "ru",
        "timezone": "Europe/Moscow",
        "author": "Новости степи",
        "topics": TOPICS,
        "places": {"stepnoy": "Степной район"},
        "summary_length": 40,
        "empty_updated": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Feed(**(values | fields))


def section(key, title, kind) -> Section:
    stem = key or "feed"
    return Section(
        key=key,
        title=title,
        kind=kind,
        feeds=tuple(
            FeedFile(name=f"{stem}.{form}", title=title)
            for form in ("atom", "rss", "json")
        ),
    )


def site(**fields) -> Site:
    values = {
        "title": "Новости степи",
        "url": SITE,
        "language": "ru",
        "timezone": "Europe/Moscow",
        "sections": (
            section(None, "Новости степи", "all"),
            section("culture", "Культура", "topic"),
            section("health", "Здоровье", "topic"),
            section("stepnoy", "Степной район", "place"),
        ),
        "topics": TOPICS,
        "places": {"stepnoy": "Степной район", "lesnoy": "Лесной район"},
        "summary_length": 40,
    }
    return Site(**(values | fields))


if __name__ == "__main__":
    document = atom_document()
    sys.stdout.buffer.write(render_atom(document, items(document, STORIES)))
    sys.stdout.buffer.write(render_stories(site(), site().everything, STORIES))
