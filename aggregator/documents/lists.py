"""Lists of feeds and of pages: sources.opml, feeds.opml, sitemap.xml, robots.txt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from aggregator.documents.desk import Desk, Edition
from aggregator.documents.pages import site_of
from aggregator.model import Source, SourceState
from aggregator.publish.iri import http_uri
from aggregator.publish.opml import Outline, render_opml
from aggregator.publish.pages.site import INDEX
from aggregator.publish.public import public_address, public_feed, public_name
from aggregator.publish.sitemap import SitePage, render_robots, render_sitemap
from aggregator.publish.wording import wording

SOURCES = "sources.opml"
FEEDS = "feeds.opml"
SITEMAP = "sitemap.xml"
ROBOTS = "robots.txt"


def feed_editions(desk: Desk) -> Iterator[Edition]:
    """Whom we read, and what we publish."""
    site = desk.config.site
    read = [source for source in desk.config.sources if source.enabled]
    # What is told of them; to make outlines of 1,000 sources takes 25 ms.
    told = [
        (each.url, each.kind, each.name, each.topics, _said(desk, each))
        for each in read
    ]
    yield Edition(
        name=SOURCES,
        inputs=desk.digest(SOURCES, told),
        render=lambda: render_opml(
            site.title, site.author, public_outlines(read, desk.states)
        ),
    )
    own = _own_feeds(desk)
    yield Edition(
        name=FEEDS,
        inputs=desk.digest(FEEDS, own),
        render=partial(render_opml, site.title, site.author, own),
    )


def page_editions(desk: Desk, pages: Sequence[Edition]) -> Iterator[Edition]:
    """What search engines are told of `pages`."""
    site = desk.config.site.url
    yield Edition(
        name=SITEMAP,
        inputs=desk.digest(SITEMAP, [(page.name, page.inputs) for page in pages]),
        render=partial(_sitemap, desk, pages),
    )
    yield Edition(
        name=ROBOTS,
        inputs=desk.digest(ROBOTS),
        render=partial(render_robots, f"{site}{SITEMAP}"),
    )


def outlines(
    sources: Iterable[Source], states: Mapping[str, SourceState]
) -> list[Outline]:
    """The sources as feeds to subscribe to, with what they say of themselves."""
    found = []
    for source in sources:
        info = states.get(source.id, SourceState(id=source.id)).info
        found.append(
            Outline(
                title=source.name,
                feed=source.url,
                page=info.link,
                language=info.language,
                topics=source.topics,
            )
        )
    return found


def public_outlines(
    sources: Sequence[Source], states: Mapping[str, SourceState]
) -> list[Outline]:
    """The sources as everybody may know of them.

    One whose address is the operator's own, or that has no feed, has its name here, and
    a link to its page.
    """
    found = []
    for source, outline in zip(sources, outlines(sources, states), strict=True):
        feed = public_feed(source.url) if source.kind == "feed" else None
        page = source.url if source.kind == "page" else outline.page
        found.append(
            replace(
                outline,
                title=public_name(source.name, source.id, source.url),
                feed=http_uri(feed),
                page=public_address(page),
            )
        )
    return found


def _said(desk: Desk, source: Source) -> tuple[str | None, str | None] | None:
    state = desk.states.get(source.id)
    return (state.info.link, state.info.language) if state else None


def _own_feeds(desk: Desk) -> list[Outline]:
    """All stories; a folder of the topics, one of the places."""
    site = site_of(desk.config)
    words = wording(site.language)
    abouts = {
        "all": words.all_stories,
        "topic": words.stories_on,
        "place": words.stories_that_mention,
    }
    held: dict[str, list[Outline]] = {kind: [] for kind in abouts}
    for section in site.sections:
        feed = section.feeds[0]
        held[section.kind].append(
            Outline(
                title=feed.title,
                feed=site.url + feed.name,
                page=_address(site.url, section.page),
                language=site.language,
                description=abouts[section.kind].format(title=section.title),
            )
        )
    return [
        *held["all"],
        *(
            Outline(title=title, children=tuple(held[kind]))
            for kind, title in (("topic", words.topics), ("place", words.places))
            if held[kind]
        ),
    ]


def _address(site: str, page: str) -> str:
    return site if page == INDEX else site + page


def _sitemap(desk: Desk, pages: Sequence[Edition]) -> bytes:
    site = desk.config.site.url
    return render_sitemap(
        [
            SitePage(
                address=_address(site, page.name),
                updated=desk.updated(page.stories),
            )
            for page in pages
        ]
    )
