"""A channel's stories as feeds: Atom, RSS and JSON Feed say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from aggregator.config import Config
from aggregator.documents.desk import (
    Channel,
    Desk,
    Edition,
    channels,
    page_of,
)
from aggregator.publish.feed import Feed, Tombstone
from aggregator.publish.item import Item
from aggregator.store import Removal

#: Of the names of every channel's documents, in the order in which they are written.
FORMS = ("atom", "rss", "json")


def feed_names(config: Config) -> list[str]:
    """Of the documents that hubs deliver."""
    return [f"{channel.stem}.{form}" for channel in channels(config) for form in FORMS]


def editions(desk: Desk) -> Iterator[Edition]:
    for channel in channels(desk.config):
        selection = desk.selection(channel)
        # Once, for all the forms that are rendered.
        told = cache(
            partial(desk.items, feed(desk, channel, channel.stem), selection.ids)
        )
        for form in FORMS:
            name = f"{channel.stem}.{form}"
            document = feed(desk, channel, name)
            if form == "atom":
                document = _with_history(desk, channel, document)
            yield Edition(
                name=name,
                inputs=desk.digest(
                    name, selection.digest, document.prev_archive, document.tombstones
                ),
                render=partial(_render, form, document, told),
                stories=selection.ids,
            )


def feed(desk: Desk, channel: Channel, name: str) -> Feed:
    """The channel's document called `name`, but for its stories."""
    config = desk.config
    site = config.site
    return Feed(
        id=f"{site.url}{name}",
        title=channel.title,
        self_url=f"{site.url}{name}",
        site_url=site.url,
        page_url=f"{site.url}{channel.key}.html" if channel.key else None,
        language=site.language,
        timezone=site.timezone,
        author=site.author or site.title,
        topics={topic.key: topic.title for topic in config.topics},
        places={place.key: place.title for place in config.gazetteer},
        summary_length=config.publish.summary_length,
        empty_updated=desk.store.created,
        hubs=config.publish.hubs,
    )


def tombstones(removals: Iterable[Removal]) -> tuple[Tombstone, ...]:
    return tuple(Tombstone(id=each.story, when=each.since) for each in removals)


def _with_history(desk: Desk, channel: Channel, document: Feed) -> Feed:
    """Only Atom has words for it."""
    newest = page_of(desk.last_number(channel)) if channel.is_archived else 0
    archive = f"{document.site_url}{channel.archive(newest)}"
    return replace(
        document,
        prev_archive=archive if newest else None,
        tombstones=tombstones(desk.removals(channel)),
    )


def render(form: str, document: Feed, told: Sequence[Item]) -> bytes:
    """The document in one of `FORMS`."""
    if form == "rss":
        from aggregator.publish.rss import render_rss

        return render_rss(document, told)
    if form == "json":
        from aggregator.publish.jsonfeed import render_json

        return render_json(document, told)
    from aggregator.publish.atom import render_atom

    return render_atom(document, told)


def _render(form: str, document: Feed, told: Callable[[], Sequence[Item]]) -> bytes:
    return render(form, document, told())
