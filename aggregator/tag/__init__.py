"""Topics of an entry, decided by the operator's rules, each with its reasons."""

from aggregator.tag.rules import Rules, compile_topics
from aggregator.tag.topics import tag

__all__ = ["Rules", "compile_topics", "tag"]
