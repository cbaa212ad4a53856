"""Yandex's rules for RSS with news, one by one.

yandex.ru/support/webmaster, search-appearance/fresh-content; RSS 2.0 around them.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

YANDEX = "{http://news.yandex.ru}"
NAMESPACES = (
    b'xmlns:yandex="http://news.yandex.ru"',
    b'xmlns:media="http://search.yahoo.com/mrss/"',
)
GENRES = {"lenta", "message", "article", "interview"}
REQUIRED = ("title", "link", "pubDate", f"{YANDEX}full-text")
KNOWN = {
    *REQUIRED,
    *("pdalink", "guid", "description", "author", "category", "enclosure"),
    f"{YANDEX}genre",
}


def problems(data: bytes) -> list[str]:
    """What the rules forbid; empty for a document that keeps all of them."""
    found = []
    if len(data) > 10_000_000:
        found.append(f"{len(data)} bytes")
    if not data.startswith(b"<?xml version='1.0' encoding='utf-8'?>"):
        found.append("no declaration of XML and UTF-8")
    found += [f"not declared: {each!r}" for each in NAMESPACES if each not in data]
    root = ElementTree.fromstring(data)
    if (root.tag, root.get("version")) != ("rss", "2.0"):
        found.append(f"root: {root.tag} {root.attrib}")
    channel = root.find("channel")
    for name in ("title", "link", "description", "language"):
        if not channel.findtext(name):
            found.append(f"channel: no {name}")
    links = []
    for item in channel.findall("item"):
        links.append(item.findtext("link"))
        found += [f"{links[-1]}: {problem}" for problem in _item(item)]
    found += [f"{link} twice" for link in set(links) if links.count(link) > 1]
    return found


def _item(item: ElementTree.Element) -> list[str]:
    found = [
        f"no {name}" for name in REQUIRED if not (item.findtext(name) or "").strip()
    ]
    found += [f"unknown: {child.tag}" for child in item if child.tag not in KNOWN]
    for name in KNOWN - {"enclosure"}:
        if len(item.findall(name)) > 1:
            found.append(f"{name} twice")
    for child in item:
        if child.tag != "enclosure" and not (child.text or "").strip():
            found.append(f"empty: {child.tag}")
        if len(child):
            found.append(f"markup in {child.tag}")
    if len(item.findtext("title") or "") > 200:
        found.append("title over 200 characters")
    for name in ("link", "pdalink"):
        address = item.findtext(name)
        if address and not (
            address.isascii() and urlsplit(address).scheme in ("http", "https")
        ):
            found.append(f"{name}: {address}")
    if date := item.findtext("pubDate"):
        moment = parsedate_to_datetime(date)
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            found.append(f"pubDate: {date}")
    if item.findtext(f"{YANDEX}genre") not in {None, *GENRES}:
        found.append(f"genre: {item.findtext(f'{YANDEX}genre')}")
    for enclosure in item.findall("enclosure"):
        if {"url", "type", "length"} != set(enclosure.attrib) or not enclosure.attrib[
            "length"
        ].isdigit():
            found.append(f"enclosure: {enclosure.attrib}")
    return found


def texts(data: bytes) -> dict[str, str]:
    """Link -> full text, in the document's order."""
    items = ElementTree.fromstring(data).iter("item")
    return {
        item.findtext("link"): item.findtext(f"{YANDEX}full-text") for item in items
    }
