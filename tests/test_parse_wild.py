"""Real feeds collected from the web, when they are at hand (never part of the project)."""

import csv
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from aggregator.model import ParsedFeed
from aggregator.parse import parse_document

WILD = Path(__file__).parents[2] / "shared" / "data" / "wildfeeds"
# UTF-8 read as windows-1252 or windows-1251, and windows-1251 read as windows-1252.
MOJIBAKE = re.compile(r"[ÐÑ][\x80-\xbf€-™]|[РС][\x80-\xbfЂЃѓ€™°±]\S?[РС]|[À-ÿ]{4}")
CYRILLIC = re.compile(r"[а-яёіїєґ]", re.IGNORECASE)

pytestmark = pytest.mark.skipif(
    not WILD.is_dir(), reason="shared/data/wildfeeds is absent"
)


@pytest.fixture(scope="module")
def wild():
    """(row of the index, what was read) for every file."""
    with (WILD / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(row, read(WILD / row["file"])) for row in rows]


def read(path):
    return parse_document(
        path.read_bytes(), url="https://feed.example.org/rss.xml", content_type=None
    )


def test_every_feed_parses_or_fails_with_a_named_reason(wild, capsys):
    table = defaultdict(Counter)
    failed = {}
    for row, found in wild:
        counts = table[row["format"]]
        counts["files"] += 1
        counts["expected"] += int(row["items"])
        if isinstance(found, ParsedFeed):
            counts["read"] += 1
            counts["entries"] += len(found.entries)
            counts.update(warning.code for warning in found.warnings)
        else:
            counts[found.code] += 1
            failed[row["file"]] = int(row["items"])

    with capsys.disabled():
        sys.stdout.write(f"\n{summary(table)}\n")
    assert len(wild) == 295
    assert all(items == 0 for items in failed.values()), failed


def summary(table):
    return "\n".join(
        f"{name:12} "
        + ", ".join(f"{key} {count}" for key, count in sorted(counts.items()))
        for name, counts in sorted(table.items())
    )


def test_entries_are_complete(wild):
    """Of what the index counts, at most one entry in a hundred is missing: empty ones."""
    expected = sum(int(row["items"]) for row, _ in wild)
    found = sum(len(feed.entries) for _, feed in wild if isinstance(feed, ParsedFeed))

    assert found >= expected * 0.99


def test_russian_titles_read_as_russian(wild):
    for row, feed in wild:
        if row["lang_guess"] not in {"ru", "cyr", "uk"} or not isinstance(
            feed, ParsedFeed
        ):
            continue
        texts = " ".join(f"{entry.title} {entry.text[:500]}" for entry in feed.entries)

        assert not MOJIBAKE.search(texts), row["file"]
        letters = sum(char.isalpha() for char in texts)
        share = len(CYRILLIC.findall(texts)) / max(letters, 1)
        # One of them is a blog in English with a Russian entry or two.
        assert share > 0.3 or row["file"] == "ru-feeder__openstreetmap.xml", row["file"]
