"""How the sample sources say it: RSS 2.0, Atom 1.0, RDF (RSS 1.0) and JSON Feed 1.1.

Written out by hand and not by the publisher's library, so that the samples are what
other people's systems write, and stay it when the publisher changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import format_datetime
from html import escape
from typing import Any

from aggregator.demo.samples import Format, Sample, SampleEntry

CONTENT_TYPES: dict[Format, str] = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "rdf": "application/rdf+xml",
    "json": "application/feed+json",
}


def render(sample: Sample, url: str) -> bytes:
    """The feed as its source sends it, in the source's encoding; ``url``: the server."""
    text = _WRITERS[sample.format](sample, url)
    # koi8-r has no «», — and №: such sources write character references.
    return text.encode(sample.encoding, "xmlcharrefreplace")


def content_type(sample: Sample) -> str:
    plain = CONTENT_TYPES[sample.format]
    return f"{plain}; charset={sample.encoding}" if sample.declared else plain


def entry_html(entry: SampleEntry) -> str:
    return "".join(f"<p>{escape(part, quote=False)}</p>\n" for part in entry.paragraphs)


def _rss(sample: Sample, url: str) -> str:
    items = "".join(_rss_item(sample, entry, url) for entry in sample.entries)
    space = ' xmlns:yandex="http://news.yandex.ru"' if sample.yandex else ""
    return f"""{_declaration(sample)}
<rss version="2.0"{space}>
<channel>
<title>{escape(sample.name)}</title>
<link>{url}/{sample.id}/</link>
<description>{escape(sample.about)}</description>
<language>ru</language>
<lastBuildDate>{_rfc822(sample, sample.entries[0])}</lastBuildDate>
{items}</channel>
</rss>
"""


def _rss_item(sample: Sample, entry: SampleEntry, url: str) -> str:
    link = entry.path if sample.relative_links else url + entry.path
    author = f"<author>{escape(entry.author)}</author>\n" if entry.author else ""
    categories = "".join(
        f"<category>{escape(c)}</category>\n" for c in entry.categories
    )
    return f"""<item>
<title>{escape(entry.title)}</title>
<link>{escape(link)}</link>
<guid isPermaLink="false">{sample.id}-{entry.slug}</guid>
<pubDate>{_rfc822(sample, entry)}</pubDate>
{author}{categories}{_rss_text(sample, entry)}</item>
"""


def _rss_text(sample: Sample, entry: SampleEntry) -> str:
    if not sample.yandex:
        html = entry_html(entry) + entry.markup
        return f"<description>{escape(html, quote=False)}</description>\n"
    full = "\n\n".join(entry.paragraphs)
    return (
        f"<description>{escape(entry.paragraphs[0])}</description>\n"
        f"<yandex:genre>message</yandex:genre>\n"
        f"<yandex:full-text>{escape(full)}</yandex:full-text>\n"
    )


def _atom(sample: Sample, url: str) -> str:
    entries = "".join(_atom_entry(sample, entry, url) for entry in sample.entries)
    return f"""{_declaration(sample)}
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ru">
<id>{_tag(sample)}</id>
<title>{escape(sample.name)}</title>
<subtitle>{escape(sample.about)}</subtitle>
<link rel="alternate" type="text/html" href="{url}/{sample.id}/"/>
<link rel="self" type="application/atom+xml" href="{url}{sample.path}"/>
<updated>{sample.entries[0].published.isoformat()}</updated>
<author><name>{escape(sample.name)}</name></author>
{entries}</feed>
"""


def _atom_entry(sample: Sample, entry: SampleEntry, url: str) -> str:
    author = (
        f"<author><name>{escape(entry.author)}</name></author>\n"
        if entry.author
        else ""
    )
    categories = "".join(f'<category term="{escape(c)}"/>\n' for c in entry.categories)
    html = escape(entry_html(entry) + entry.markup, quote=False)
    return f"""<entry>
<id>{_tag(sample)}:{entry.slug}</id>
<title>{escape(entry.title)}</title>
<link rel="alternate" type="text/html" href="{escape(url + entry.path)}"/>
<published>{entry.published.isoformat()}</published>
<updated>{entry.published.isoformat()}</updated>
{author}{categories}<summary>{escape(entry.paragraphs[0])}</summary>
<content type="html">{html}</content>
</entry>
"""


def _rdf(sample: Sample, url: str) -> str:
    places = "".join(
        f'<rdf:li rdf:resource="{escape(url + e.path)}"/>\n' for e in sample.entries
    )
    items = "".join(_rdf_item(entry, url) for entry in sample.entries)
    return f"""{_declaration(sample)}
<rdf:RDF xmlns="http://purl.org/rss/1.0/"
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel rdf:about="{url}{sample.path}">
<title>{escape(sample.name)}</title>
<link>{url}/{sample.id}/</link>
<description>{escape(sample.about)}</description>
<dc:language>ru</dc:language>
<items><rdf:Seq>
{places}</rdf:Seq></items>
</channel>
{items}</rdf:RDF>
"""


def _rdf_item(entry: SampleEntry, url: str) -> str:
    link = escape(url + entry.path)
    creator = (
        f"<dc:creator>{escape(entry.author)}</dc:creator>\n" if entry.author else ""
    )
    subjects = "".join(
        f"<dc:subject>{escape(c)}</dc:subject>\n" for c in entry.categories
    )
    html = escape(entry_html(entry) + entry.markup, quote=False)
    return f"""<item rdf:about="{link}">
<title>{escape(entry.title)}</title>
<link>{link}</link>
<dc:date>{entry.published.isoformat()}</dc:date>
{creator}{subjects}<description>{escape(entry.paragraphs[0])}</description>
<content:encoded>{html}</content:encoded>
</item>
"""


def _json(sample: Sample, url: str) -> str:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": sample.name,
        "description": sample.about,
        "home_page_url": f"{url}/{sample.id}/",
        "feed_url": url + sample.path,
        "language": "ru",
        "items": [_json_item(sample, entry, url) for entry in sample.entries],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _json_item(sample: Sample, entry: SampleEntry, url: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": f"{sample.id}-{entry.slug}",
        "url": url + entry.path,
        "title": entry.title,
        "content_html": entry_html(entry) + entry.markup,
        "date_published": entry.published.isoformat(),
        "tags": list(entry.categories),
    }
    if entry.author:
        item["authors"] = [{"name": entry.author}]
    return item


_WRITERS: dict[Format, Callable[[Sample, str], str]] = {
    "rss": _rss,
    "atom": _atom,
    "rdf": _rdf,
    "json": _json,
}


def _declaration(sample: Sample) -> str:
    encoding = f' encoding="{sample.encoding}"' if sample.declared else ""
    return f'<?xml version="1.0"{encoding}?>'


def _tag(sample: Sample) -> str:
    """No port in it: an id must outlive the address."""
    return f"tag:{sample.id}.example,2026:news"


def _rfc822(sample: Sample, entry: SampleEntry) -> str:
    written = format_datetime(entry.published)
    return written.replace("+0300", "MSK") if sample.zone_name else written
