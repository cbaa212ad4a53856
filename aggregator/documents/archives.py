"""The history of feeds (RFC 5005, 4): every story that was published, 500 to a page.

Pages are cut by the numbers that the store gave, so they never shift. The newest is open
and grows. One with a successor is closed: written once more, with a link to it, and left
as it is from then on, whatever is edited, configured or programmed otherwise. Only what
is taken back has it written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

from aggregator.config import Config
from aggregator.documents.desk import (
    Channel,
    Desk,
    Edition,
    channels,
    numbers_on,
    page_of,
    versions,
)
from aggregator.documents.feeds import feed, tombstones
from aggregator.publish.feed import Feed
from aggregator.store import Published, Store

#: In place of a digest of inputs.
CLOSED = "closed"


def editions(desk: Desk) -> Iterator[Edition]:
    """Of each feed the newest first: who follows a link finds its target in place."""
    for channel in channels(desk.config):
        if not channel.is_archived:
            continue
        newest = page_of(desk.last_number(channel))
        stale = {
            page_of(number)
            for key, number in desk.stale_publications
            if key == channel.feed
        }
        for page in range(newest, 0, -1):
            if page == newest:
                yield _open(desk, channel, page)
            else:
                yield _closed(desk, channel, page, is_stale=page in stale)


def archives_of(store: Store, config: Config, story: str) -> list[str]:
    """Names of the archives in which a story was published."""
    numbers = store.publication_numbers(story)
    return [
        channel.archive(page_of(numbers[channel.feed]))
        for channel in channels(config)
        if channel.is_archived and channel.feed in numbers
    ]


def _open(desk: Desk, channel: Channel, page: int) -> Edition:
    document = _document(desk, channel, page)
    shown = _shown(desk, channel, page)
    ids = [story.id for story in shown]
    return Edition(
        name=channel.archive(page),
        inputs=desk.digest(
            document,
            desk.said_of_sources({story.source for story in shown}),
            [(story.id, story.revision) for story in shown],
            [(id_, versions(rows)) for id_, rows in desk.events(ids).items()],
        ),
        render=partial(_render, desk, document, shown),
    )


def _closed(desk: Desk, channel: Channel, page: int, *, is_stale: bool) -> Edition:
    def render() -> bytes:
        document = replace(
            _document(desk, channel, page),
            next_archive=f"{desk.config.site.url}{channel.archive(page + 1)}",
        )
        return _render(desk, document, _shown(desk, channel, page))

    return Edition(
        name=channel.archive(page),
        inputs=CLOSED,
        render=render,
        is_closed=True,
        is_stale=is_stale,
    )


def _shown(desk: Desk, channel: Channel, page: int) -> list[Published]:
    found = desk.store.published(channel.feed, *numbers_on(page))
    if desk.config.publish.ads == "drop":
        return [story for story in found if not story.ad]
    return found


def _document(desk: Desk, channel: Channel, page: int) -> Feed:
    """One of the documents that are together a feed, and so has its id."""
    url = desk.config.site.url
    current = feed(desk, channel, f"{channel.stem}.atom")
    return replace(
        current,
        self_url=f"{url}{channel.archive(page)}",
        current=current.self_url,
        prev_archive=f"{url}{channel.archive(page - 1)}" if page > 1 else None,
        tombstones=tombstones(desk.removals(channel, numbers_on(page))),
        # They tell of news.
        hubs=(),
    )


def _render(desk: Desk, document: Feed, shown: Sequence[Published]) -> bytes:
    from aggregator.publish.atom import render_atom

    newest_first = sorted(shown, key=attrgetter("id"))
    newest_first.sort(key=attrgetter("published"), reverse=True)
    return render_atom(
        document, desk.items(document, [each.id for each in newest_first])
    )
