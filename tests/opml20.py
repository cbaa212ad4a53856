"""The rules of OPML 2.0 (opml.org/spec2.opml), one by one, and what a reader finds.

With what the W3C's validator adds: it does not know ``docs``, and takes text for HTML, as
the specification allows.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

from html5lib.html5parser import HTMLParser, ParseError

from aggregator.language import known_language

HEAD = {
    *("title", "dateCreated", "dateModified", "ownerName", "ownerEmail", "ownerId"),
    *("expansionState", "vertScrollState", "windowTop", "windowLeft"),
    *("windowBottom", "windowRight"),
}
OUTLINE = {
    *("text", "type", "isComment", "isBreakpoint", "created", "category"),
    *("xmlUrl", "htmlUrl", "title", "description", "language", "version", "url"),
}
VERSIONS = {"RSS", "RSS1", "scriptingNews"}


def problems(data: bytes) -> list[str]:
    """What the specification forbids, or a subscription list lacks; empty for a valid one."""
    root = ElementTree.fromstring(data)
    found = []
    if root.tag != "opml" or root.get("version") != "2.0":
        found.append(f"root: {root.tag} {root.attrib}")
    if [child.tag for child in root] != ["head", "body"]:
        found.append("opml holds head and body, in this order")
        return found
    head, body = root
    found += [f"head: {child.tag}" for child in head if child.tag not in HEAD]
    found += [f"head: {tag} twice" for tag in HEAD if len(head.findall(tag)) > 1]
    for date in (*head.findall("dateCreated"), *head.findall("dateModified")):
        found += _date(date.text)
    if owner := head.findtext("ownerId"):
        found += _address("ownerId", owner)
    for text in ("title", "ownerName"):
        found += _html(head.findtext(text))
    found += [] if len(body) else ["body: no outline"]
    for element in body.iter():
        if element is not body:
            found += _outline(element)
    return found


def _outline(element: ElementTree.Element) -> list[str]:
    found = [f"outline: {name}" for name in element.attrib if name not in OUTLINE]
    if element.tag != "outline":
        found.append(f"body: {element.tag}")
    if not element.get("text"):
        found.append("outline: no text")
    if element.get("type") == "rss" and not element.get("xmlUrl"):
        found.append("a feed without xmlUrl")
    if element.get("xmlUrl") and element.get("type") != "rss":
        found.append("xmlUrl on what is no feed")
    for name in ("text", "title", "description"):
        found += _html(element.get(name))
    if element.get("type") == "rss" and not element.get("title"):
        found.append("a feed without title")
    if "language" in element.attrib and not known_language(element.get("language")):
        found.append(f"language {element.get('language')}")
    for name in ("xmlUrl", "htmlUrl", "url"):
        if name in element.attrib:
            found += _address(name, element.get(name, ""))
    if element.get("version", "RSS") not in VERSIONS:
        found.append(f"version {element.get('version')}")
    for path in element.get("category", "").split(","):
        if path != path.strip():
            found.append(f"category {path!r}")
    return found + _date(element.get("created"))


def _html(text: str | None) -> list[str]:
    try:
        HTMLParser(strict=True).parseFragment(text or "")
    except ParseError as error:
        return [f"no HTML: {text!r}: {error}"]
    return []


def _date(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return [f"no date of RFC 822: {text}"]
    return []


def _address(name: str, text: str) -> list[str]:
    parts = urlsplit(text)
    right = (
        parts.scheme in ("http", "https") and parts.hostname and text == text.strip()
    )
    return [] if right else [f"{name}: {text!r} is no http address"]


def feeds(data: bytes) -> dict[str, dict[str, str]]:
    """Address -> attributes, folders left aside."""
    root = ElementTree.fromstring(data)
    return {
        outline.attrib["xmlUrl"]: dict(outline.attrib)
        for outline in root.iter("outline")
        if "xmlUrl" in outline.attrib
    }
