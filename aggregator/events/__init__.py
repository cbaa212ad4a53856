"""When and where what an entry announces will be: a stage of pure functions."""

from aggregator.events.find import find_events

__all__ = ["find_events"]
