"""The front page, and a page for every topic and place: the latest stories by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from aggregator.model import PublishedStory
from aggregator.publish import shown
from aggregator.publish.iri import http_iri
from aggregator.publish.pages.rendering import Head, render
from aggregator.publish.pages.site import PAGE_STORIES, FeedFile, Section, Site
from aggregator.publish.public import public_address
from aggregator.publish.typography import typeset
from aggregator.publish.wording import Wording

#: Characters of a summary on a page: two or three lines.
PAGE_SUMMARY = 200
#: Characters of a title; a longer one is markup or an article gone astray.
TITLE_LENGTH = 300
#: Paragraphs of a summary; a letter a line would push the next story out of sight.
SUMMARY_LINES = 4
#: Of the stories told to search engines: they look no further.
DESCRIBED_STORIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name, with a link where there is something to lead to."""

    name: str
    href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A story as pages show it."""

    title: str
    href: str | None
    #: In the site's zone.
    published: datetime
    when: str
    source: str
    topics: tuple[Named, ...]
    places: tuple[Named, ...]
    events: tuple[str, ...]
    summary: str
    others: tuple[Named, ...]
    #: Address of a picture on the source's server.
    image: str | None


def render_stories(
    site: Site, section: Section, stories: Sequence[PublishedStory]
) -> bytes:
    """The page of a section with the first `PAGE_STORIES` of `stories`, in their order."""
    words = site.words.pages
    on_page = stories[:PAGE_STORIES]
    newest = max((story.updated for story in on_page), default=None)
    is_front = section.key is None
    description = words.description if is_front else words.section_description
    head = Head(
        name="" if is_front else section.page,
        title=None if is_front else section.title,
        description=description.format(title=site.title, section=section.title),
        feeds=_announced(site, section),
        data=_collection(site, section, on_page[:DESCRIBED_STORIES]),
    )
    return render(
        "stories.html.j2",
        site,
        head,
        section=section,
        updated=newest.astimezone(site.zone) if newest else None,
        days=_by_day((item(site, section, story) for story in on_page), site.words),
        more=len(stories) > len(on_page),
    )


def item(site: Site, section: Section, story: PublishedStory) -> Item:
    """As the section's documents show it: what all of them have is no label."""
    published = story.published.astimezone(site.zone)
    return Item(
        title=title(site, story),
        href=http_iri(story.lead.link),
        published=published,
        when=typeset(site.words.moment(published)),
        source=source_name(story),
        topics=tuple(
            label for label in topic_labels(site, story) if label.href != section.page
        ),
        places=tuple(
            _label(site, key, title_)
            for key in story.places
            if key != section.key and (title_ := site.places.get(key))
        ),
        events=tuple(map(typeset, shown.events(story, site.words, site.timezone))),
        summary=_few_lines(
            shown.summary(story, min(site.summary_length, PAGE_SUMMARY))
        ),
        others=tuple(
            Named(
                name=shown.one_line(member.source.name) or member.source.id,
                href=http_iri(member.link),
            )
            for member in shown.others(story)
        ),
        image=_image(story) if site.images else None,
    )


def title(site: Site, story: PublishedStory) -> str:
    text = shown.title(story, site.words)
    return text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 1]}…"


def source_name(story: PublishedStory) -> str:
    return shown.one_line(story.source.name) or story.source.id


def topic_labels(site: Site, story: PublishedStory) -> tuple[Named, ...]:
    return tuple(_label(site, key, site.topics.get(key, key)) for key in story.topics)


def _label(site: Site, key: str, title_: str) -> Named:
    pages = (each.page for each in site.sections if each.key == key)
    return Named(name=title_, href=next(pages, None))


def _image(story: PublishedStory) -> str | None:
    """The first picture; over TLS alone, as the pages themselves may be."""
    for enclosure in story.lead.enclosures:
        address = http_iri(enclosure.url)
        is_image = (enclosure.type or "").strip().lower().startswith("image/")
        if is_image and address and address.startswith("https:"):
            return address
    return None


def _announced(site: Site, section: Section) -> tuple[FeedFile, ...]:
    """The section's feeds in every form, then the others in the first form of each."""
    others = (each for each in site.sections if each.kind != "place")
    rest = (each.feeds[0] for each in others if each != section and each.feeds)
    return (*section.feeds, *rest)


def _few_lines(text: str) -> str:
    """The text with its last lines, if there are too many, made one."""
    *first, last = text.split("\n", SUMMARY_LINES - 1)
    return "\n".join([*first, last.replace("\n", " ")])


def _by_day(items: Iterable[Item], words: Wording) -> list[tuple[str, list[Item]]]:
    return [
        (typeset(words.day(group[0].published)), group)
        for _, equals in groupby(items, key=lambda each: each.published.date())
        if (group := list(equals))
    ]


def _collection(
    site: Site, section: Section, stories: Sequence[PublishedStory]
) -> dict[str, Any]:
    """The page as a collection of articles that others published."""
    name = "" if section.key is None else section.page
    return {
        "@type": "CollectionPage",
        "name": section.title,
        "url": f"{site.url}{name}",
        "inLanguage": site.language,
        "isPartOf": {"@type": "WebSite", "name": site.title, "url": site.url},
        "mainEntity": {
            "@type": "ItemList",
            "itemListElement": [
                {
                    "@type": "ListItem",
                    "position": position,
                    "item": _article(site, story, link),
                }
                for position, (story, link) in enumerate(_linked(stories), 1)
            ],
        },
    }


def _linked(stories: Iterable[PublishedStory]) -> list[tuple[PublishedStory, str]]:
    return [(story, link) for story in stories if (link := http_iri(story.lead.link))]


def _article(site: Site, story: PublishedStory, link: str) -> dict[str, Any]:
    publisher = {"@type": "Organization", "name": source_name(story)}
    if home := public_address(story.source.info.link):
        publisher["url"] = home
    return {
        "@type": "NewsArticle",
        "headline": title(site, story),
        "url": link,
        "datePublished": story.published.astimezone(site.zone).isoformat(
            timespec="seconds"
        ),
        "publisher": publisher,
    }
