"""Pages: the front page, one for every topic and place, and what they lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter

from aggregator.config import Config
from aggregator.documents.desk import Channel, Desk, Edition, Selection, channels
from aggregator.documents.feeds import FORMS
from aggregator.model import EVENTS, PublishedStory
from aggregator.publish.pages.assets import assets
from aggregator.publish.pages.site import (
    AGENDA,
    EMBED_SCRIPT,
    EMBED_STORIES,
    INDEX,
    PAGE_STORIES,
    SUBSCRIBE,
    FeedFile,
    Section,
    Site,
)

_Renderer = Callable[[Site, Section, Sequence[PublishedStory]], bytes]

#: The calendar that pages offer.
CALENDAR = "events.ics"


def asset_editions(desk: Desk) -> Iterator[Edition]:
    """What pages need beside them; they stand before the first page does."""
    for name, data in assets().items():
        yield Edition(
            name=name, inputs=desk.digest(name, data), render=partial(bytes, data)
        )
    yield _of_configuration(desk, EMBED_SCRIPT, _block_script)


def page_editions(desk: Desk) -> Iterator[Edition]:
    """A page a topic and place, but for the events: they have theirs by date."""
    for edition in _of_stories(desk, attrgetter("page"), PAGE_STORIES, _stories_page):
        if edition.name not in (INDEX, AGENDA):
            yield edition
    yield _of_configuration(desk, SUBSCRIBE, _subscribe)


def index_editions(desk: Desk) -> Iterator[Edition]:
    yield next(_of_stories(desk, attrgetter("page"), PAGE_STORIES, _stories_page))


def embed_editions(desk: Desk) -> Iterator[Edition]:
    """Blocks for other portals' pages."""
    # A topic may be called "embed-culture"; its page goes before the block of culture.
    taken = {f"{channel.stem}.html" for channel in channels(desk.config)}
    for edition in _of_stories(desk, attrgetter("embed"), EMBED_STORIES, _block):
        if edition.name not in taken:
            yield edition


def site_of(config: Config) -> Site:
    """What every page knows of the site."""
    topics = {topic.key: topic.title for topic in config.topics}
    return Site(
        title=config.site.title,
        url=config.site.url,
        language=config.site.language,
        timezone=config.site.timezone,
        sections=tuple(_section(config, channel) for channel in channels(config)),
        topics=topics,
        places={place.key: place.title for place in config.gazetteer},
        summary_length=config.publish.summary_length,
        calendar=CALENDAR if EVENTS in topics else None,
        feed_list="feeds.opml",
        source_list="sources.opml",
        images=config.publish.page_images,
    )


def _section(config: Config, channel: Channel) -> Section:
    topics = {topic.key: topic.title for topic in config.topics}
    places = {place.key: place.title for place in config.places}
    key = channel.key
    return Section(
        key=key,
        title=config.site.title if key is None else topics.get(key) or places[key],
        kind="all" if key is None else "topic" if key in topics else "place",
        feeds=tuple(
            FeedFile(name=f"{channel.stem}.{form}", title=channel.title)
            for form in FORMS
        ),
    )


def _of_configuration(
    desk: Desk, name: str, render: Callable[[Site], bytes]
) -> Edition:
    known = site_of(desk.config)
    return Edition(
        name=name, inputs=desk.digest(name, known), render=partial(render, known)
    )


def _of_stories(
    desk: Desk, name_of: Callable[[Section], str], most: int, render: _Renderer
) -> Iterator[Edition]:
    """A document a channel, all stories first."""
    known = site_of(desk.config)
    said = desk.digest(known)
    for channel, section in zip(channels(desk.config), known.sections, strict=True):
        selection, name = desk.selection(channel), name_of(section)
        yield Edition(
            name=name,
            inputs=desk.digest(name, said, selection.digest),
            # One more: a page says whether there are others.
            render=partial(
                _rendered, desk, selection, most + 1, partial(render, known, section)
            ),
            stories=selection.ids[:most],
        )


def _rendered(
    desk: Desk,
    selection: Selection,
    most: int,
    render: Callable[[Sequence[PublishedStory]], bytes],
) -> bytes:
    return render(desk.stories(selection, most))


def _stories_page(
    known: Site, section: Section, stories: Sequence[PublishedStory]
) -> bytes:
    from aggregator.publish.pages.stories import render_stories

    return render_stories(known, section, stories)


def _block(known: Site, section: Section, stories: Sequence[PublishedStory]) -> bytes:
    from aggregator.publish.pages.embed import render_embed

    return render_embed(known, section, stories)


def _block_script(known: Site) -> bytes:
    from aggregator.publish.pages.embed import embed_script

    return embed_script(known)


def _subscribe(known: Site) -> bytes:
    from aggregator.publish.pages.subscribe import render_subscribe

    return render_subscribe(known)
