"""Feeds in XML, the same bytes every time: what Atom and RSS share of feedgen.

feedgen builds the tree. What it cannot say is said through its own extension mechanism.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from feedgen.feed import FeedGenerator

log = logging.getLogger(__name__)

#: No version: an upgrade of the program must not change a document's bytes.
GENERATOR = "aggregator"
#: RSS 1.0 Events: the strictest validator knows it, and does not know xCal.
EVENT_NAMESPACE = "http://purl.org/rss/1.0/modules/event/"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def written(
    feed: FeedGenerator,
    name: str,
    write: Callable[..., bytes],
    build: Callable[[Any], object],
) -> bytes:
    """``write``'s bytes; an entry that `build` cannot make a tree of is left out."""
    try:
        return write(pretty=True)
    except Exception:
        # Building every entry twice to find the bad one is the rare case's price.
        for entry in list(feed.entry()):
            try:
                build(entry)
            except Exception:
                log.exception("story left out of %s: %s", name, entry.id())
                feed.remove_entry(entry)
        return write(pretty=True)
