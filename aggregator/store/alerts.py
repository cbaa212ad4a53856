"""Open alerts, and what the webhook has still to be told of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from aggregator.model import Alert, AlertBook, Notice, Watch
from aggregator.store.bulk import chunks, delete_many, insert_many, update_many
from aggregator.store.schema import alert, alert_watch, entry, notice, source
from aggregator.store.values import SECOND, from_micros, to_micros

#: Entries of one hour count once: silence is measured in days, and in hours at most.
HOUR = 3600 * SECOND


def load_book(connection: Connection) -> AlertBook:
    alerts = [
        Alert(
            source=row.source,
            code=row.code,
            id=row.id,
            name=row.name,
            since=from_micros(row.since),
            message=row.message,
            fix=row.fix,
        )
        for row in connection.execute(select(alert))
    ]
    row = connection.execute(select(alert_watch)).one_or_none()
    watch = Watch()
    if row is not None:
        watch = Watch(
            trusted_since=from_micros(row.trusted_since),
            looked_at=from_micros(row.looked_at),
        )
    return AlertBook(open={each.key: each for each in alerts}, watch=watch)


def save(
    connection: Connection,
    opened: Sequence[Alert],
    closed: Sequence[Alert],
    notices: Sequence[Notice],
    watch: Watch,
) -> None:
    delete_many(connection, alert, [each.key for each in closed])
    insert_many(connection, alert, [_alert_row(each) for each in opened])
    last = connection.execute(select(func.max(notice.c.number))).scalar() or 0
    rows = [_notice_row(number, each) for number, each in enumerate(notices, last + 1)]
    insert_many(connection, notice, rows)
    connection.execute(alert_watch.delete())
    times = to_micros(watch.trusted_since), to_micros(watch.looked_at)
    insert_many(connection, alert_watch, [times])


def load_notices(connection: Connection) -> list[Notice]:
    """The oldest first, an opening before its closing."""
    found = connection.execute(select(notice).order_by(notice.c.number))
    return [
        Notice(
            id=row.id,
            alert=row.alert,
            body=row.body,
            created=from_micros(row.created),
            attempts=row.attempts,
            next_attempt=from_micros(row.next_attempt),
        )
        for row in found
    ]


def settle_notices(
    connection: Connection, settled: Sequence[Notice], later: Sequence[Notice]
) -> None:
    delete_many(connection, notice, [(each.id,) for each in settled])
    rows = [(each.attempts, to_micros(each.next_attempt), each.id) for each in later]
    update_many(connection, notice, ("attempts", "next_attempt"), rows)


def newest_entries(connection: Connection, ids: Collection[str]) -> dict[str, datetime]:
    """The newest effective date of each source that has entries."""
    newest: dict[str, datetime] = {}
    for part in chunks(ids):
        found = (
            select(source.c.id, func.max(entry.c.effective))
            .join_from(entry, source, entry.c.source == source.c.number)
            .where(source.c.id.in_(part))
            .group_by(source.c.id)
        )
        for id_, micros in connection.execute(found):
            newest[id_] = from_micros(micros)
    return newest


def entry_days(
    connection: Connection, ids: Collection[str]
) -> dict[str, list[datetime]]:
    """The newest effective date of every hour with entries, newest first, by source."""
    days: dict[str, list[datetime]] = {}
    newest = func.max(entry.c.effective)
    for part in chunks(ids):
        found = (
            select(source.c.id, newest)
            .join_from(entry, source, entry.c.source == source.c.number)
            .where(source.c.id.in_(part))
            .group_by(source.c.id, entry.c.effective // HOUR)
            .order_by(newest.desc())
        )
        for id_, micros in connection.execute(found):
            days.setdefault(id_, []).append(from_micros(micros))
    return days


def _alert_row(each: Alert) -> tuple[object, ...]:
    since = to_micros(each.since)
    return each.source, each.code, each.id, each.name, since, each.message, each.fix


def _notice_row(number: int, each: Notice) -> tuple[object, ...]:
    created, next_attempt = to_micros(each.created), to_micros(each.next_attempt)
    attempts = each.attempts
    return each.id, number, each.alert, each.body, created, attempts, next_attempt
