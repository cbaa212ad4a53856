"""The calendar, brought up to date with the stories that documents show."""

from __future__ import annotations

from datetime import datetime

from aggregator.config import Config
from aggregator.model import EVENTS, CalendarEvent
from aggregator.publish.select import cutoff
from aggregator.store import Store


def settle_calendar(store: Store, config: Config, now: datetime) -> None:
    """Read the stories that tell of events and were not read as they are.

    One transaction a story: what a crash left unread is read the next time.
    """
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    unread = store.unread_stories(EVENTS, since)
    if not unread:
        return  # the grammar's words would be loaded for nothing: 35 to 75 ms
    from aggregator.events import settle

    # Most stories lie near the same rows: each row is read once.
    known: dict[str, CalendarEvent] = {}
    for told in unread:
        uids = store.uids_near(told)
        missing = [uid for uid in uids if uid not in known]
        known |= {row.uid: row for row in store.calendar_rows(missing)}
        rows = settle([known[uid] for uid in uids], told, now)
        store.save_calendar(rows, told)
        known |= {row.uid: row for row in rows}
