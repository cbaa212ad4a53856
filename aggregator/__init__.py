"""A regional news aggregator and publisher."""

__version__ = "0.1.0"
