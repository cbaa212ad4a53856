"""Rows of the hubs that our documents name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from aggregator.model import HubState
from aggregator.store.bulk import insert_many
from aggregator.store.schema import hub
from aggregator.store.values import decode, encode, from_micros, to_micros


def load(connection: Connection) -> dict[str, HubState]:
    return {
        row.url: HubState(
            url=row.url,
            told=decode(row.told),
            failures=row.failures,
            rests_until=from_micros(row.rests_until),
        )
        for row in connection.execute(select(hub))
    }


def save(connection: Connection, changed: Sequence[HubState]) -> None:
    rows = [
        (each.url, encode(each.told), each.failures, to_micros(each.rests_until))
        for each in changed
    ]
    insert_many(connection, hub, rows, replace=("told", "failures", "rests_until"))
