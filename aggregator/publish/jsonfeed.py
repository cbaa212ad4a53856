"""JSON Feed 1.1 documents (jsonfeed.org/version/1.1), the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.item import Attachment, Item
from aggregator.publish.wording import iso_moment

VERSION = "https://jsonfeed.org/version/1.1"
#: For an attachment whose type nobody tells: the format demands one.
UNKNOWN_TYPE = "application/octet-stream"


def render_json(document: Feed, told: Sequence[Item]) -> bytes:
    """The document with the items in the order given.

    Depends on nothing but its arguments. What JSON Feed has no name for stands under
    ``_aggregator``.
    """
    zone = ZoneInfo(document.timezone)
    feed = _known(
        version=VERSION,
        title=shown.decoded(document.title) or document.site_url,
        home_page_url=document.alternate,
        feed_url=document.self_url,
        description=shown.decoded(document.subtitle),
        language=document.language,
        authors=[
            {
                "name": shown.decoded(document.author) or document.site_url,
                "url": document.site_url,
            }
        ],
        hubs=[{"type": "WebSub", "url": hub} for hub in document.hubs],
    )
    if rights := shown.decoded(document.rights):
        feed["_aggregator"] = {"rights": rights}
    feed["items"] = [_item(item, zone) for item in told]
    return (json.dumps(feed, ensure_ascii=False, indent=1) + "\n").encode()


def _item(item: Item, zone: ZoneInfo) -> dict[str, Any]:
    text = item.text
    image = next((one.url for one in item.attachments if one.is_image), None)
    return _known(
        id=item.id,
        url=item.link,
        title=item.title,
        content_html=text.html if text.is_markup else None,
        content_text=None if text.is_markup else text.plain,
        summary=text.plain if text.is_markup else None,
        image=image,
        date_published=item.published.isoformat(),
        date_modified=item.updated.isoformat(),
        authors=[{"name": name} for name in item.authors],
        tags=list(dict.fromkeys(category.label for category in item.categories)),
        language=item.language,
        attachments=[_attachment(one) for one in item.attachments],
        _aggregator=_extension(item, zone),
    )


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return _known(
        url=attachment.url,
        mime_type=attachment.type or UNKNOWN_TYPE,
        size_in_bytes=attachment.length,
    )


def _extension(item: Item, zone: ZoneInfo) -> dict[str, Any]:
    source = item.source
    return _known(
        source=_known(
            id=source.id,
            name=source.name,
            url=source.link,
            feed_url=source.feed,
            rights=source.rights,
        ),
        topics=[one.key for one in item.categories if one.kind == "topics"],
        places=[one.key for one in item.categories if one.kind == "places"],
        also_reported=[
            _known(source=report.source, title=report.title, url=report.url)
            for report in item.reports
        ],
        events=[
            _known(
                start=event.start and iso_moment(event.start, zone),
                end=event.end and iso_moment(event.end, zone),
                place=shown.one_line(event.place),
                cancelled=event.cancelled or None,
            )
            for event in item.events
        ],
    )


def _known(**values: Any) -> dict[str, Any]:
    """``values`` without those that are not known."""
    return {
        name: value for name, value in values.items() if value not in (None, "", [])
    }
