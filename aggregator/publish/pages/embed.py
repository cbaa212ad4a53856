"""Blocks for other portals' pages, and the script that puts one into a page.

A block is a page without script that is shown in a sandboxed frame. How many stories
it shows is said by its address: ``embed-culture.html#n5`` targets the mark after the
fifth, and the style hides what follows a targeted mark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aggregator.model import PublishedStory
from aggregator.publish.pages.rendering import Head, environment, render
from aggregator.publish.pages.site import EMBED_STORIES, Section, Site
from aggregator.publish.pages.stories import item
from aggregator.text import shorten

#: Pixels, as site.css has them: a title of two lines and a line below, and the heading.
STORY_HEIGHT = 84
HEADING_HEIGHT = 56
#: Characters of a frame's title: of the worst, twelve bytes each, the script has 1 kB.
TITLE_LENGTH = 28


def render_embed(
    site: Site, section: Section, stories: Sequence[PublishedStory]
) -> bytes:
    """The block of a section with the first `EMBED_STORIES` of `stories`."""
    words = site.words.pages
    head = Head(
        name=section.page if section.key else "",
        title=section.title if section.key else None,
        description=words.section_description.format(section=section.title),
    )
    items = [item(site, section, story) for story in stories[:EMBED_STORIES]]
    return render("embed.html.j2", site, head, section=section, items=items)


def embed_script(site: Site) -> bytes:
    """The script that inserts a block's frame after itself; ASCII, at most 1 kB.

    A page may take it for another encoding than UTF-8: it says which, or its server.
    """
    return (
        environment()
        .get_template("embed.js.j2")
        .render(
            title=json.dumps(shorten(site.title, TITLE_LENGTH)),
            most=EMBED_STORIES,
            heading=HEADING_HEIGHT,
            story=STORY_HEIGHT,
        )
        .encode("ascii")
    )


def block_height(stories: int) -> int:
    """Pixels of a frame that shows so many stories without scrolling."""
    return HEADING_HEIGHT + stories * STORY_HEIGHT
