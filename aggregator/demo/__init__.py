"""The sample sources of ``aggregator demo``: own words, fictional outlets, real HTTP.

``samples`` holds what the sources say, ``formats`` how they say it (RSS, Atom, RDF,
JSON Feed), ``server`` puts them on a loopback port. Standard library only.
"""

from aggregator.demo.samples import sample_config, shipped_topics
from aggregator.demo.server import SampleServer

__all__ = ["SampleServer", "sample_config", "shipped_topics"]
