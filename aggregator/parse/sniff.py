"""What a document that should be a feed is instead, in words for the operator."""

from __future__ import annotations

import re
from html import unescape
from ipaddress import ip_address
from urllib.parse import urlsplit

from aggregator import links
from aggregator.model import SourceError
from aggregator.parse.decode import is_wide
from aggregator.text import clean_text

#: Enough of a page to hold its head; later markers would be article text.
_HEAD = 100_000
_MAX_MESSAGE = 500
_MAX_PROPOSALS = 3

_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"RIFF", "a RIFF media file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
)
_html = re.compile(
    r"<!doctype\s+html|<(?:html|head|body|title|meta|script|h1|div|table)[\s>]",
    re.IGNORECASE,
).search
_html_root = re.compile(r"<!doctype\s+html|<html[\s>]", re.IGNORECASE).search
# What stands at addresses next to feeds; parts of it look like HTML.
_other_xml = re.compile(
    # Atomic: a comment that may end at any later "-->" costs 2^n steps for n comments.
    r"(?>(?:<\?.*?>|<!--.*?-->)\s*)*+<(opml|urlset|sitemapindex|svg)[\s>]",
    re.DOTALL,
).match
_OTHER_XML = {
    "opml": "a list of feeds (OPML)",
    "urlset": "a sitemap (kind: sitemap reads it)",
    "sitemapindex": "a list of sitemaps",
    "svg": "an SVG image",
}
# Bot walls: what their pages say or load. Each names the product or its script.
_challenge = re.compile(
    r"cf-browser-verification|cf[-_]chl|/cdn-cgi/challenge|challenges\.cloudflare\.com|Just a moment\.\.\."
    r"|ddos-guard|__ddg[12]|__qrator|qauth\.js|captcha|servicepipe|_Incapsula_|__js_p_|BotManager"
    r"|Checking your browser|Проверка браузера|Проверяем,? что вы не робот|Вы не робот|Доступ ограничен",
    re.IGNORECASE,
).search
_link_tag = re.compile(r"<link\b[^<>]{0,2000}>", re.IGNORECASE)
_attribute = re.compile(r"""([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")
_FEED_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
}


def binary_kind(body: bytes) -> str | None:
    """``a PNG image`` for bytes that are no text; None for what may be text."""
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    if is_wide(body):
        return None
    sample = body[:1000]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return "binary data" if controls * 10 > len(sample) else None


_CONTROLS = bytes({*range(1, 32), 127} - {9, 10, 12, 13, 27})


def is_html(text: str) -> bool:
    """Whether it says so; what only has some of HTML's elements may be anything."""
    return _html_root(text[:_HEAD]) is not None


def looks_like_html(text: str) -> bool:
    return _html(text[:_HEAD]) is not None


def is_challenge(text: str) -> bool:
    """Whether a page that is not what was asked for comes from a bot wall."""
    return _challenge(text[:_HEAD]) is not None


def not_binary_feed(kind: str) -> SourceError:
    return _error(
        "not_a_feed:binary", f"The address answers with {kind}, not with a feed."
    )


def not_a_feed(text: str, url: str) -> SourceError:
    """The error that names what the text is: a web page, a bot wall, something else."""
    head = text[:_HEAD]
    if other := _other_xml(head):
        kind = _OTHER_XML[other[1]]
        return _error(
            "not_a_feed", f"The address answers with {kind}, not with a feed."
        )
    if not looks_like_html(head):
        start = " ".join(clean_text(head[:200]).split())[:80]
        return _error(
            "not_a_feed",
            f"The document is no known kind of feed; it begins with: {start}",
        )
    if is_challenge(head):
        return _error(
            "not_a_feed:challenge",
            "A bot wall answers instead of the feed; ask the portal to admit this aggregator.",
        )
    proposals = feed_links(head, url)
    if proposals:
        return _error(
            "not_a_feed:html",
            f"A web page, not a feed; the page names: {', '.join(proposals)}",
        )
    return _error(
        "not_a_feed:html", "A web page, not a feed; the page names no feed either."
    )


def not_json_feed() -> SourceError:
    return _error(
        "not_a_feed:json", "JSON, but no JSON Feed (https://jsonfeed.org/version/…)."
    )


def feed_links(html: str, url: str) -> list[str]:
    """Addresses of the feeds that a page proposes (link rel=alternate), absolute."""
    found: dict[str, None] = {}
    for tag in _link_tag.findall(html):
        attributes = {
            match[1].lower(): unescape(match[2] or match[3] or match[4] or "")
            for match in _attribute.finditer(tag)
        }
        kind = attributes.get("type", "").split(";")[0].strip().lower()
        is_alternate = "alternate" in attributes.get("rel", "").lower().split()
        if is_alternate and kind in _FEED_TYPES:
            link = links.resolve(url, attributes.get("href", ""))
            if link and len(link) < 150 and not leads_inside(link, url):
                found[link] = None
    return list(found)[:_MAX_PROPOSALS]


def leads_inside(link: str, url: str) -> bool:
    """Whether a link names a private address: messages are published.

    A page may name its own.
    """
    try:
        host = urlsplit(link).hostname or ""
        return not ip_address(host).is_global and host != urlsplit(url).hostname
    except ValueError:
        return False


def _error(code: str, message: str) -> SourceError:
    return SourceError(code=code, message=clean_text(message)[:_MAX_MESSAGE])
