"""The calendar, brought up to date with the stories that documents show."""

from __future__ import annotations

from datetime import datetime

from aggregator.config import Config
from aggregator.events import TOPIC, settle
from aggregator.publish.select import cutoff
from aggregator.store import Store


def settle_calendar(store: Store, config: Config, now: datetime) -> None:
    """Read the stories that tell of events and were not read as they are.

    One transaction a story: what a crash left unread is read the next time.
    """
    if all(topic.key != TOPIC for topic in config.topics):
        return
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    for told in store.unread_stories(TOPIC, since):
        rows = settle(store.calendar_near(told), told, now)
        store.save_calendar(rows, told)
