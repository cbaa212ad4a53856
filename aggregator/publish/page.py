"""index.html: the latest stories by day, and the feeds' addresses.

The page loads nothing and runs nothing; its policy says so to the browser. Times are
absolute: it is written once and read whenever.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from aggregator.model import PublishedStory
from aggregator.publish import shown
from aggregator.publish.iri import http_iri
from aggregator.publish.wording import Wording, wording

#: Characters of a title; a longer one is markup or an article gone astray.
TITLE_LENGTH = 300
#: Paragraphs of a summary; a letter a line would push the next story out of sight.
SUMMARY_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    """A feed to subscribe to."""

    title: str
    #: File name below ``site.url``, such as ``culture.atom``.
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """The page but for its stories."""

    title: str
    #: ``site.url``; ends in "/".
    site_url: str
    #: BCP 47; chooses the words as well.
    language: str
    #: IANA name of the zone in which times are printed.
    timezone: str
    #: The merged feed first.
    feeds: tuple[FeedLink, ...]
    #: Topic key -> title.
    topics: Mapping[str, str]
    #: Most characters of a summary.
    summary_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OtherSource:
    name: str
    href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    title: str
    href: str | None
    #: Local time.
    published: datetime
    source: str
    topics: tuple[str, ...]
    summary: str
    others: tuple[_OtherSource, ...]


def render_index(page: IndexPage, stories: Sequence[PublishedStory]) -> bytes:
    """The page with ``stories`` in the order given; depends on its arguments alone."""
    zone, words = ZoneInfo(page.timezone), wording(page.language)
    newest = max((story.updated for story in stories), default=None)
    html = _template().render(
        page=page,
        words=words,
        days=_by_day((_item(story, page, zone, words) for story in stories), words),
        updated=newest.astimezone(zone) if newest else None,
        style_hash=_style_hash(),
    )
    return html.encode("utf-8", "replace")


def _by_day(items: Iterable[_Item], words: Wording) -> list[tuple[str, list[_Item]]]:
    return [
        (words.day(group[0].published), group)
        for _, equals in groupby(items, key=lambda item: item.published.date())
        if (group := list(equals))
    ]


def _item(
    story: PublishedStory, page: IndexPage, zone: ZoneInfo, words: Wording
) -> _Item:
    title = shown.title(story, words)
    if len(title) > TITLE_LENGTH:
        title = f"{title[: TITLE_LENGTH - 1]}…"
    return _Item(
        title=title,
        href=http_iri(story.lead.link),
        published=story.published.astimezone(zone),
        source=shown.one_line(story.source.name) or story.source.id,
        topics=tuple(page.topics.get(key, key) for key in story.topics),
        summary=_few_lines(shown.summary(story, page.summary_length)),
        others=tuple(
            _OtherSource(
                name=shown.one_line(member.source.name) or member.source.id,
                href=http_iri(member.link),
            )
            for member in shown.others(story)
        ),
    )


def _few_lines(text: str) -> str:
    """The text with its last lines, if there are too many, made one."""
    *first, last = text.split("\n", SUMMARY_LINES - 1)
    return "\n".join([*first, last.replace("\n", " ")])


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("aggregator.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("index.html.j2")


@cache
def _style_hash() -> str:
    """The policy's name for index.css as included: no style from elsewhere applies."""
    folder = resources.files("aggregator.publish") / "templates"
    style = "\n" + (folder / "index.css").read_text(encoding="utf-8")
    return (
        f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"
    )
