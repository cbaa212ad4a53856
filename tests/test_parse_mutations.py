"""A small slice of what ``python -m benchmarks.mutations`` does with 100,000 documents."""

from pathlib import Path

from aggregator.parse import parse_document
from benchmarks.mutations import SLOW_SECONDS, URL, faults, mutated, read_files, run

DATA = Path(__file__).parent / "data"


def test_damaged_documents_break_no_law():
    bodies = read_files([DATA / "parse"])

    tally = run(bodies, range(2000))

    assert tally.faults == []
    assert tally.slowest[-1][0] < SLOW_SECONDS
    assert tally.outcomes["read"] > 1000


def test_the_same_seed_gives_the_same_document():
    assert mutated([b"<rss/>"], 7) == mutated([b"<rss/>"], 7)


def test_a_broken_law_would_be_seen():
    body = b"<rss><channel><item><title>A</title></item></channel></rss>"
    found = parse_document(body, url=URL, content_type=None)
    (entry,) = found.entries
    object.__setattr__(entry, "summary", "<a href='javascript:x'>\x01</a>")

    assert list(faults(found)) == ['unclean: "href=\'javascript:"']
