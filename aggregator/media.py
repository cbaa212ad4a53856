"""Media types of documents, and of the files that operators put beside them."""

from __future__ import annotations

from pathlib import PurePosixPath

TEXT_TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".json": "application/json",
    ".opml": "text/x-opml",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".xml": "application/xml",
}
_OTHER_TYPES = {
    ".gif": "image/gif",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_JSON_FEED = "application/feed+json"
#: A JSON Feed says so at its beginning (jsonfeed.org/version/1.1, "version").
_JSON_FEED_VERSION = b"https://jsonfeed.org/version/"


def media_type(name: str, beginning: bytes = b"") -> str:
    """With charset; `beginning` of the file tells a JSON Feed from other JSON."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in TEXT_TYPES:
        return _OTHER_TYPES.get(suffix, "application/octet-stream")
    is_feed = suffix == ".json" and _JSON_FEED_VERSION in beginning[:200]
    return f"{_JSON_FEED if is_feed else TEXT_TYPES[suffix]}; charset=utf-8"
