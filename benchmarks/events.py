"""What reading events costs, warm, on one core: ``python -m benchmarks.events``.

Entries of the farm (README.md) that the shipped rules tag ``events``, 1,400 characters
of text each. The words' analysis is shared with the rules and not in it; what only
events ask of it (places of words, sentences) is. Every entry is read several times and
its best time counts: the machine's other work is not what is measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from aggregator.config import load_config
from aggregator.events import find_events
from aggregator.model import EVENTS
from aggregator.russian import Analysis, analyse
from aggregator.tag import compile_topics, tag
from benchmarks.farm import utc_now
from benchmarks.prose import Prose

ROOT = Path(__file__).parents[1]
CHARACTERS = 1_400
ENTRIES = 2_000
ROUNDS = 5
GOAL = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.events", description=__doc__
    )
    parser.add_argument("--entries", type=int, default=ENTRIES)
    count = parser.parse_args().entries
    now = utc_now()
    texts = list(islice(_texts(), count))
    best = [float("inf")] * count
    found = 0
    for _ in range(ROUNDS + 1):  # the first one warms the caches
        found = 0
        for number, (title, text) in enumerate(texts):
            analysis = _analysed(title, text)
            started = time.perf_counter()
            found += bool(find_events(analysis, now.date()))
            best[number] = min(best[number], time.perf_counter() - started)
    rate = count / sum(best)
    print(
        f"{rate:,.0f} entries/s, {1e6 / rate:.0f} µs each (goal {GOAL:,}/s);"
        f" {found / count:.0%} tell an event"
    )


def _analysed(title: str, text: str) -> Analysis:
    """As the rules leave it to events."""
    analysis = analyse(title, text)
    for words in (analysis.title, analysis.text):
        _ = words.lemmas, words.stems
    return analysis


def _texts() -> Iterator[tuple[str, str]]:
    """Titles and texts of tagged entries, without end."""
    topics = load_config(ROOT / "feeds.yaml").topics
    rules = compile_topics([topic for topic in topics if topic.key == EVENTS])
    prose, now, number = Prose(), utc_now(), 0
    while True:
        number += 1
        article = prose.article(number, now)
        text = "\n".join(article.paragraphs)[:CHARACTERS]
        if any(
            score.tagged
            for score in tag(
                analyse(article.title, text), categories=(), given=(), rules=rules
            )
        ):
            yield article.title, text


if __name__ == "__main__":
    main()
