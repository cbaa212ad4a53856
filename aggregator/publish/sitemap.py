"""What search engines are told: which pages there are, and where they may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aggregator.publish.iri import http_iri

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: sitemaps.org: more need a list of sitemaps.
MOST_PAGES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePage:
    #: Absolute.
    address: str
    #: When its newest story changed last; None: nothing is known of it.
    updated: datetime | None = None


def render_sitemap(pages: Sequence[SitePage]) -> bytes:
    """sitemap.xml (sitemaps.org, 0.9), in the order given; dates in UTC."""
    root = Element("urlset", xmlns=NAMESPACE)
    for page in pages[:MOST_PAGES]:
        url = SubElement(root, "url")
        SubElement(url, "loc").text = http_iri(page.address) or page.address
        if page.updated is not None:
            moment = page.updated.astimezone(UTC).replace(microsecond=0)
            SubElement(url, "lastmod").text = moment.isoformat()
    indent(root)
    rendered: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return rendered + b"\n"


def render_robots(sitemap: str) -> bytes:
    """robots.txt (RFC 9309): everything may be fetched; ``sitemap`` is an address.

    Feeds too, since well-behaved readers ask here. What is not to be listed by search
    engines (blocks for other portals repeat the pages) says so itself, by noindex, which
    is only heard by who may fetch it.
    """
    return f"User-agent: *\nDisallow:\n\nSitemap: {sitemap}\n".encode()
