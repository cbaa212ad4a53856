"""Source to bytes: the first stage."""

from aggregator.fetch.politeness import Politeness
from aggregator.fetch.source import fetch_source

__all__ = ["Politeness", "fetch_source"]
