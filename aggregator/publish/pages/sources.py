"""The page that tells readers which sources there are and when each answered last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.publish.pages.rendering import Head, moment, render
from aggregator.publish.pages.site import SOURCES, Site
from aggregator.publish.status import State


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A source as everybody may see it (`publish.public`)."""

    name: str
    #: Of its site.
    href: str | None
    state: State
    #: Aware; None: it never answered.
    last_success: datetime | None


def render_sources(site: Site, sources: Sequence[SourceLine]) -> bytes:
    """The sources in the order given."""
    words = site.words.pages
    head = Head(
        name=SOURCES,
        title=words.sources,
        description=words.sources_description,
        feeds=site.everything.feeds,
        data={
            "@type": "WebPage",
            "name": words.sources,
            "url": f"{site.url}{SOURCES}",
            "inLanguage": site.language,
            "isPartOf": {"@type": "WebSite", "name": site.title, "url": site.url},
        },
    )
    answering = sum(source.state == "ok" for source in sources)
    return render(
        "status.html.j2",
        site,
        head,
        updated=None,
        answering=words.answering.format(ok=answering, of=len(sources)),
        rows=[
            (
                source,
                words.states[source.state],
                source.last_success and source.last_success.astimezone(site.zone),
                source.last_success and moment(site, source.last_success),
            )
            for source in sources
        ],
    )
