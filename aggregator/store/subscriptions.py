"""Rows of WebSub subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from aggregator.model import Subscription
from aggregator.store.bulk import delete_many, insert_many
from aggregator.store.schema import subscription
from aggregator.store.values import from_micros, to_micros

_CHANGING = ("mode", "failures", "asked_at", "ask_at", "renew_at", "expires")


def load(connection: Connection) -> tuple[Subscription, ...]:
    return tuple(
        Subscription(
            token=row.token,
            source=row.source,
            hub=row.hub,
            topic=row.topic,
            callback=row.callback,
            secret=row.secret,
            mode=row.mode,
            failures=row.failures,
            asked_at=from_micros(row.asked_at),
            ask_at=from_micros(row.ask_at),
            renew_at=from_micros(row.renew_at),
            expires=from_micros(row.expires),
        )
        for row in connection.execute(select(subscription))
    )


def save(
    connection: Connection, changed: Sequence[Subscription], gone: Sequence[str]
) -> None:
    rows = [
        (
            each.token,
            each.source,
            each.hub,
            each.topic,
            each.callback,
            each.secret,
            each.mode,
            each.failures,
            to_micros(each.asked_at),
            to_micros(each.ask_at),
            to_micros(each.renew_at),
            to_micros(each.expires),
        )
        for each in changed
    ]
    insert_many(connection, subscription, rows, replace=_CHANGING)
    delete_many(connection, subscription, [(token,) for token in gone])
