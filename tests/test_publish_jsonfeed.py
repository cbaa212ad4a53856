"""JSON Feed documents are valid per version 1.1, whatever the sources wrote."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

from aggregator.publish import jsonfeed
from aggregator.publish.item import items

DATA = Path(__file__).parent / "data" / "publish"
sample = runpy.run_path(str(DATA / "sample.py"))
STORIES = sample["STORIES"]


def render_json(document, stories):
    return jsonfeed.render_json(document, items(document, stories))


def json_document(**fields):
    return sample["atom_document"](
        **{"self_url": "https://news.example.org/feed.json", **fields}
    )


def test_golden_bytes():
    """A change here is a change for every subscriber: make it knowingly."""
    data = render_json(json_document(), STORIES)

    assert data.decode() == (DATA / "small.json").read_text(encoding="utf-8")


def test_a_bad_story_never_costs_the_others(caplog):
    unreadable = replace(STORIES[3], published=None)

    feed = json.loads(render_json(json_document(), [unreadable, *STORIES[:3]]))

    assert [item["id"] for item in feed["items"]] == [story.id for story in STORIES[:3]]
    assert STORIES[3].id in caplog.text
