"""How fast entries are analysed, tagged and placed.

``python -m benchmarks.tags``: warm, one core, articles of 1,400 characters by the rules
and the gazetteer that ship. Every article is read several times and its best time
counts, so that what else the machine does matters little.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aggregator.config import load_config
from aggregator.russian import Analysis, analyse
from aggregator.tag import compile_places, compile_topics, find_places, tag
from benchmarks.prose import Prose

ARTICLES = 400
CHARACTERS = 1_400
ROUNDS = 7
#: Entries a second that the project asks for.
GOAL = 4_000


def main() -> None:
    config = load_config(Path(__file__).parents[1] / "feeds.yaml")
    rules, gazetteer = compile_topics(config.topics), compile_places(config.gazetteer)
    prose = Prose()
    written = [
        prose.article(seed, datetime(2026, 9, 1, tzinfo=UTC))
        for seed in range(ARTICLES)
    ]
    articles = [
        (article.title, "\n".join(article.paragraphs)[:CHARACTERS])
        for article in written
    ]

    def tagged(title: str, text: str) -> Analysis:
        analysis = analyse(title, text)
        tag(analysis, categories=(), given=(), rules=rules)
        return analysis

    def placed(title: str, text: str) -> None:
        find_places(tagged(title, text), gazetteer)

    print(
        f"{ARTICLES} articles of {CHARACTERS:,} characters, Python"
        f" {platform.python_version()}; the goal is {GOAL:,} entries/s"
    )
    steps: tuple[tuple[str, Callable[[str, str], object]], ...] = (
        ("analysis", analyse),
        ("analysis + topics", tagged),
        ("analysis + topics + places", placed),
    )
    for name, step in steps:
        print(f"{name:28} {_a_second(step, articles):8,.0f} entries/s")


def _a_second(
    step: Callable[[str, str], object], articles: list[tuple[str, str]]
) -> float:
    best = [float("inf")] * len(articles)
    for _ in range(ROUNDS + 1):  # the first one warms the caches
        for number, article in enumerate(articles):
            started = time.perf_counter()
            step(*article)
            best[number] = min(best[number], time.perf_counter() - started)
    return len(articles) / sum(best)


if __name__ == "__main__":
    main()
