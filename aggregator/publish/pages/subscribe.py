"""The page that gives every address there is to subscribe to."""

from __future__ import annotations

from html import escape

from aggregator.publish.pages.embed import block_height
from aggregator.publish.pages.rendering import Head, render
from aggregator.publish.pages.site import EMBED_SCRIPT, SUBSCRIBE, Section, Site

#: In the lines to copy.
EXAMPLE_STORIES = 5


def render_subscribe(site: Site) -> bytes:
    words = site.words.pages
    head = Head(
        name=SUBSCRIBE,
        title=words.subscribe,
        description=words.subscribe_description,
        feeds=tuple(feed for each in site.sections for feed in each.feeds[:1]),
        data={
            "@type": "WebPage",
            "name": words.subscribe,
            "url": f"{site.url}{SUBSCRIBE}",
            "inLanguage": site.language,
            "isPartOf": {"@type": "WebSite", "name": site.title, "url": site.url},
        },
    )
    return render(
        "feeds.html.j2",
        site,
        head,
        updated=None,
        script=_script(site),
        frame=_frame(site),
    )


def _script(site: Site) -> str:
    return (
        f'<script src="{site.url}{EMBED_SCRIPT}" data-topic="{_example(site).embed_key}" '
        f'data-count="{EXAMPLE_STORIES}" async></script>'
    )


def _frame(site: Site) -> str:
    return (
        f'<iframe src="{site.url}{_example(site).embed}#n{EXAMPLE_STORIES}" '
        f'title="{escape(site.title)}" width="100%" '
        f'height="{block_height(EXAMPLE_STORIES)}" style="border:0" loading="lazy" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
    )


def _example(site: Site) -> Section:
    """A topic shows how one is chosen."""
    return next(iter(site.topic_sections), site.everything)
