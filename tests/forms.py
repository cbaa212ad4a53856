"""Every checker that we have, over the three forms of one feed."""

import json
import re
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import escape, unescape
from pathlib import Path

import feedparser
import jsonschema
from lxml import etree

from aggregator.publish.atom import render_atom
from aggregator.publish.item import items
from aggregator.publish.jsonfeed import render_json
from aggregator.publish.rss import render_rss
from aggregator.publish.shown import untagged
from tests import rfc4287
from tests.strict import ATOM, objections

SCHEMAS = Path(__file__).parent / "data" / "schemas"
RFC_4287 = etree.RelaxNG(file=str(SCHEMAS / "atom.rng"))
JSON_FEED = jsonschema.Draft202012Validator(
    json.loads((SCHEMAS / "jsonfeed-1.1.json").read_text(encoding="utf-8"))
)
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
MEDIA = "{http://search.yahoo.com/mrss/}"


def render_forms(feed, stories):
    """The three documents, by form; each knows its own address."""
    stem = feed.self_url.rpartition(".")[0]
    told = items(feed, stories)
    return {
        form: render(replace(feed, self_url=f"{stem}.{form}"), told)
        for form, render in (
            ("atom", render_atom),
            ("rss", render_rss),
            ("json", render_json),
        )
    }


def check_forms(documents):
    """Valid, each of them, and telling the same; gives what they tell."""
    rfc4287.check(documents["atom"])
    RFC_4287.assertValid(etree.fromstring(documents["atom"]))
    JSON_FEED.validate(json.loads(documents["json"]))
    assert objections(documents["atom"]) == []
    assert objections(documents["rss"]) == []
    told = from_atom(documents["atom"])
    assert from_json(documents["json"]) == told
    as_rss = from_rss(documents["rss"])
    for entry, item in zip(told, as_rss, strict=True):
        # RSS cannot say that a title is no markup: its tags go, or all of it.
        title = untagged(entry["title"]) or item["title"]
        assert item == entry | {"title": title}
    check_reading(documents, told)
    return told


def check_reading(documents, told):
    """A reader of feeds finds the same in Atom and in RSS."""
    atom, rss = (feedparser.parse(documents[form]) for form in ("atom", "rss"))
    assert not atom.bozo
    assert not rss.bozo
    for parsed in (atom, rss):
        assert [entry.id for entry in parsed.entries] == [one["id"] for one in told]
        for entry, one in zip(parsed.entries, told, strict=True):
            if ";" not in one["link"]:  # it looks for entities in addresses
                assert entry.link == one["link"]
            # It takes e-mail addresses apart, entities and what was decoded twice.
            if re.fullmatch("[A-Za-zА-Яа-яЁё .-]*", "".join(one["authors"])):
                assert [author.name for author in entry.authors] == one["authors"]
    for first, second in zip(atom.entries, rss.entries, strict=True):
        assert first.published_parsed == second.published_parsed
        assert first.updated_parsed == second.updated_parsed
        if "content" in first and "content" in second:
            assert first.content[0].value == second.content[0].value


def from_atom(data):
    return [
        {
            "id": entry.findtext(f"{ATOM}id"),
            "link": entry.find(f"{ATOM}link[@rel='alternate']").get("href"),
            "title": _plain(entry.find(f"{ATOM}title")),
            "published": datetime.fromisoformat(entry.findtext(f"{ATOM}published")),
            "updated": datetime.fromisoformat(entry.findtext(f"{ATOM}updated")),
            "authors": [
                one.findtext(f"{ATOM}name") for one in entry.findall(f"{ATOM}author")
            ],
            "tags": [one.get("label") for one in entry.findall(f"{ATOM}category")],
            "html": _html(entry),
            "files": {
                (one.get("href"), _type(one.get("type")), one.get("length"))
                for one in entry.findall(f"{ATOM}link[@rel='enclosure']")
            },
            "language": entry.get("{http://www.w3.org/XML/1998/namespace}lang"),
            "related": [
                one.get("href") for one in entry.findall(f"{ATOM}link[@rel='related']")
            ],
        }
        for entry in etree.fromstring(data).findall(f"{ATOM}entry")
    ]


def _plain(element):
    text = element.text
    return unescape(text) if element.get("type") == "html" else text


def _html(entry):
    element = entry.find(f"{ATOM}content")
    if element is not None:
        return element.text
    element = entry.find(f"{ATOM}summary")
    if element.get("type") == "html":
        return element.text
    return escape(element.text, quote=False).replace("\n", "<br>")


def from_rss(data):
    told = []
    for item in etree.fromstring(data)[0].findall("item"):
        encoded = item.findtext(f"{CONTENT}encoded")
        files = {
            (one.get("url"), _type(one.get("type")), _length(one.get("length")))
            for one in item.findall("enclosure")
        } | {
            (one.get("url"), _type(one.get("type")), one.get("fileSize"))
            for one in item.findall(f"{MEDIA}content")
        }
        told.append(
            {
                "id": item.findtext("guid"),
                "link": item.findtext("link"),
                "title": item.findtext("title"),
                "published": parsedate_to_datetime(item.findtext("pubDate")),
                "updated": datetime.fromisoformat(item.findtext(f"{ATOM}updated")),
                "authors": [one.text for one in item.findall(f"{DC}creator")],
                "tags": [one.text for one in item.findall("category")],
                "html": encoded or item.findtext("description"),
                "files": files,
                "language": item.findtext(f"{DC}language"),
                "related": [one.get("href") for one in item.findall(f"{ATOM}link")],
            }
        )
    return told


def _type(written):
    """JSON Feed must name one: this stands for what is not known."""
    return None if written == "application/octet-stream" else written


def _length(written):
    return None if written == "0" else written


def from_json(data):
    told = []
    for item in json.loads(data)["items"]:
        html = item.get("content_html") or escape(
            item["content_text"], quote=False
        ).replace("\n", "<br>")
        told.append(
            {
                "id": item["id"],
                "link": item["url"],
                "title": item["title"],
                "published": datetime.fromisoformat(item["date_published"]),
                "updated": datetime.fromisoformat(item["date_modified"]),
                "authors": [one["name"] for one in item["authors"]],
                "tags": item.get("tags", []),
                "html": html,
                "files": {
                    (
                        one["url"],
                        _type(one["mime_type"]),
                        str(one["size_in_bytes"]) if "size_in_bytes" in one else None,
                    )
                    for one in item.get("attachments", [])
                },
                "language": item.get("language"),
                "related": [
                    one["url"] for one in item["_aggregator"].get("also_reported", [])
                ],
            }
        )
    return told
