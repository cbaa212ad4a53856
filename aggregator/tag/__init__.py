"""Topics of an entry, decided by the operator's rules, and its places, each with its reasons."""

from aggregator.tag.places import Gazetteer, compile_places, find_places
from aggregator.tag.rules import Rules, compile_topics
from aggregator.tag.topics import tag

__all__ = [
    "Gazetteer",
    "Rules",
    "compile_places",
    "compile_topics",
    "find_places",
    "tag",
]
