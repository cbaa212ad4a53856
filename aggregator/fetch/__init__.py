"""Source to bytes: the first stage."""

from aggregator.fetch.politeness import GaveWay, Politeness, Turn
from aggregator.fetch.source import fetch_source

__all__ = ["GaveWay", "Politeness", "Turn", "fetch_source"]
