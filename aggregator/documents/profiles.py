"""Documents of partners' own: each with its selection, what it may have, its dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from heapq import merge
from operator import attrgetter
from typing import Literal

from aggregator.config import Profile
from aggregator.documents import feeds
from aggregator.documents.desk import Channel, Desk, Edition, Selection, channels
from aggregator.model import PublishedStory, StoryHeader
from aggregator.publish.feed import Feed
from aggregator.publish.item import items

#: The end of a document's name, by dialect.
SUFFIXES = {"atom": ".atom", "rss": ".rss", "json": ".json", "yandex": ".rss"}

_Content = Literal["title", "summary", "full"]
_LESS_FIRST: tuple[_Content, ...] = ("title", "summary", "full")


def editions(desk: Desk) -> Iterator[Edition]:
    for profile in desk.config.publish.profiles:
        selection = desk.choose(
            _candidates(desk, profile),
            ads=profile.dialect != "yandex",
            max_entries=profile.max_entries,
        )
        document = _document(desk, profile)
        yield Edition(
            name=profile.key + SUFFIXES[profile.dialect],
            inputs=desk.digest(profile, selection.digest, document.tombstones),
            render=partial(_render, desk, profile, document, selection),
            stories=selection.ids,
        )


def _document(desk: Desk, profile: Profile) -> Feed:
    """The profile's document, but for its stories."""
    title = profile.title or desk.config.site.title
    channel = Channel(key=profile.key, title=title, is_archived=False)
    document = feeds.feed(desk, channel, profile.key + SUFFIXES[profile.dialect])
    if profile.dialect == "atom":
        # A partner has copies: of all that is taken back it is told. Only Atom has words.
        everything = channels(desk.config)[0]
        taken_back = feeds.tombstones(desk.removals(everything))
        document = replace(document, tombstones=taken_back)
    return replace(
        document,
        page_url=None,
        # Hubs are told of the feeds alone.
        hubs=(),
    )


def _candidates(desk: Desk, profile: Profile) -> Iterator[StoryHeader]:
    """Stories of a topic and of a place that are asked for, by sources that are meant."""
    allowed = set(profile.sources)
    if profile.dialect == "yandex":
        allowed &= {each.id for each in desk.config.sources if each.content == "full"}
    there = {story.id for story in _of_any(desk, profile, profile.places)}
    for story in _of_any(desk, profile, profile.topics or (None,)):
        if story.source in allowed and (story.id in there or not profile.places):
            yield story


def _of_any(
    desk: Desk, profile: Profile, keys: Iterable[str | None]
) -> Iterator[StoryHeader]:
    """Stories of one of the topics or places, newest first, none twice."""
    seen = set()
    rows = (desk.headers(key, profile.max_age) for key in keys)
    for story in merge(*rows, key=attrgetter("published"), reverse=True):
        if story.id not in seen:
            seen.add(story.id)
            yield story


def _render(
    desk: Desk, profile: Profile, document: Feed, selection: Selection
) -> bytes:
    stories = [_within(profile.content, story) for story in desk.stories(selection)]
    if profile.dialect == "yandex":
        from aggregator.publish.yandex import render_yandex

        return render_yandex(document, stories, profile.genre)
    return feeds.render(profile.dialect, document, items(document, stories))


def _within(most: _Content | None, story: PublishedStory) -> PublishedStory:
    """The story as far as its source, and the partner's agreement, allow."""
    source = story.source
    least = min(source.content, most or "full", key=_LESS_FIRST.index)
    return replace(story, source=replace(source, content=least))
