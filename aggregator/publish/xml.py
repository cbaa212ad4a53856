"""Feeds in XML, the same bytes every time: what Atom and RSS have in common.

feedgen builds the tree of a document and writes it. The entries are put into it through
its extension mechanism: what it would make of them lacks links' attributes, types of text
and most of a source, and takes twice as long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from feedgen.ext.base import BaseExtension
from feedgen.util import xml_elem

from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.item import Item
from aggregator.publish.wording import iso_moment

log = logging.getLogger(__name__)

#: No version: an upgrade of the program must not change a document's bytes.
GENERATOR = "aggregator"
#: RSS 1.0 Events: the strictest validator knows it, and does not know xCal.
EVENT_NAMESPACE = "http://purl.org/rss/1.0/modules/event/"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class Extension(BaseExtension):  # type: ignore[misc] # feedgen is untyped
    """What feedgen has no words for, and the entries; a form says how each is written."""

    def __init__(self) -> None:
        self._document: Feed | None = None
        self._told: Sequence[Item] = ()

    def show(self, document: Feed, told: Sequence[Item]) -> None:
        self._document, self._told = document, told

    def extend_ns(self) -> dict[str, str]:
        """Each prefix is declared only where it is used."""
        if self._document is None:
            return {}
        return {
            prefix: namespace
            for prefix, namespace, is_used in self.namespaces(self._document)
            if is_used
        }

    def namespaces(self, document: Feed) -> Iterator[tuple[str, str, bool]]:
        """Prefix, namespace and whether the document uses it."""
        is_used = any(item.event for item in self._told)
        yield "ev", EVENT_NAMESPACE, is_used


def add_each(
    parent: Any,
    tag: str,
    told: Iterable[Item],
    fill: Callable[[Any, Item], None],
    *,
    name: str,
) -> None:
    """An element for every item, at the end of `parent`; `name` is the document's.

    One that cannot be filled is logged and left out: it never costs the others theirs.
    """
    for item in told:
        element = xml_elem(tag, parent)
        try:
            fill(element, item)
        except Exception:
            log.exception("story left out of %s: %s", name, item.id)
            parent.remove(element)


def add(parent: Any, name: str, text: str) -> None:
    xml_elem(name, parent).text = text


def add_event(parent: Any, item: Item, zone: ZoneInfo) -> None:
    """The first that will take place: the elements may stand once."""
    event = item.event
    if event is None:
        return
    for name, when in (("startdate", event.start), ("enddate", event.end)):
        if when is not None:
            add(parent, f"{{{EVENT_NAMESPACE}}}{name}", iso_moment(when, zone))
    if place := shown.one_line(event.place):
        add(parent, f"{{{EVENT_NAMESPACE}}}location", place)
