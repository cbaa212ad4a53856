"""When and where what an entry announces will be: a stage of pure functions."""

from aggregator.events.calendar import settle
from aggregator.events.find import find_events
from aggregator.events.same import same_event

__all__ = ["find_events", "same_event", "settle"]
