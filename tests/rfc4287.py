"""What RFC 4287 demands of an Atom document, as far as we use it."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from lxml import etree

NS = "{http://www.w3.org/2005/Atom}"
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

#: RSS 1.0 Events, RFC 5005, RFC 6721.
EXTENSIONS = {
    "http://purl.org/rss/1.0/modules/event/",
    "http://purl.org/syndication/history/1.0",
    "http://purl.org/atompub/tombstones/1.0",
}
RELATIONS = {
    *("alternate", "self", "related", "enclosure"),
    *("hub", "current", "prev-archive", "next-archive"),
}

AT_MOST_ONCE = {
    "feed": {"generator", "icon", "logo", "rights", "subtitle"},
    "entry": {"content", "published", "rights", "source", "summary"},
    "source": {"generator", "icon", "logo", "rights", "subtitle"},
}
REPEATED = {
    "feed": {"author", "category", "contributor", "link", "entry"},
    "entry": {"author", "category", "contributor", "link"},
    "source": {"author", "category", "contributor", "link"},
}


def check(data):
    """RFC 4287, sections 4.1 and 4.2, as far as we use it; gives the feed element."""
    feed = etree.fromstring(data)
    assert feed.tag == f"{NS}feed"
    assert {etree.QName(element).namespace for element in feed.iter()} <= {
        NS[1:-1],
        *EXTENSIONS,
    }
    check_container(feed, "feed")
    assert feed.get(LANGUAGE)
    assert [link.get("rel") for link in feed.findall(f"{NS}link")].count("self") == 1
    entries = feed.findall(f"{NS}entry")
    assert len({e.findtext(f"{NS}id") for e in entries}) == len(entries)
    for element in entries:
        check_entry(element, feed)
    return feed


def check_entry(element, feed):
    check_container(element, "entry")
    links = element.findall(f"{NS}link")
    assert element.find(f"{NS}content") is not None or "alternate" in {
        link.get("rel", "alternate") for link in links
    }
    assert (
        element.find(f"{NS}author") is not None or feed.find(f"{NS}author") is not None
    )
    for name in ("title", "summary", "content"):
        for text in element.findall(f"{NS}{name}"):
            assert text.get("type", "text") in {"text", "html"}
            assert len(text) == 0
    source = element.find(f"{NS}source")
    check_container(source, "source")
    assert source.find(f"{NS}link") is not None


def check_container(element, kind):
    names = [
        child.tag.removeprefix(NS) for child in element if child.tag.startswith(NS)
    ]
    for required in ("id", "title", "updated"):
        assert names.count(required) == 1
    assert (
        set(names) <= {"id", "title", "updated"} | AT_MOST_ONCE[kind] | REPEATED[kind]
    )
    for single in AT_MOST_ONCE[kind]:
        assert names.count(single) <= 1
    assert element.findtext(f"{NS}title").strip()
    check_iri(element.findtext(f"{NS}id"))
    for name in ("updated", "published"):
        for date in element.findall(f"{NS}{name}"):
            assert RFC_3339.fullmatch(date.text)
            assert datetime.fromisoformat(date.text)
    for author in element.findall(f"{NS}author"):
        assert author.findtext(f"{NS}name").strip()
    for category in element.findall(f"{NS}category"):
        assert category.get("term")
        check_iri(category.get("scheme"))
    check_links(element.findall(f"{NS}link"))


def check_links(links):
    alternates = [
        (link.get("type"), link.get("hreflang"))
        for link in links
        if link.get("rel", "alternate") == "alternate"
    ]
    assert len(set(alternates)) == len(alternates)
    for link in links:
        check_iri(link.get("href"))
        assert link.get("rel") in RELATIONS
        assert link.get("type") is None or MEDIA_TYPE.fullmatch(link.get("type"))
        assert link.get("length") is None or link.get("length").isdigit()


def check_iri(value):
    assert urlsplit(value).scheme
    assert not re.search(r'[\s"<>\\^`{|}\[\]]|%(?![0-9A-Fa-f]{2})', value)
