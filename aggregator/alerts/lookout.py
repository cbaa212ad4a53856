"""Looking for what has to be told, and remembering it in the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from aggregator.alerts.judge import judge, watch_at
from aggregator.alerts.silence import first_sight_sources, quiet_sources, silence_of
from aggregator.alerts.wording import AlertWords
from aggregator.config import Config
from aggregator.model import (
    Alert,
    AlertBook,
    AlertKey,
    Notice,
    Silence,
    SourceState,
    Watch,
)
from aggregator.store import Store

T = TypeVar("T")

#: That somebody looked is written no more often: most looks then write nothing.
WRITTEN_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


def open_alerts(
    store: Store, config: Config, states: Mapping[str, SourceState], now: datetime
) -> list[Alert]:
    """What is open, also what nobody has noticed yet: for who only reads."""
    book, offline_since = store.alert_book(), store.offline_since()
    book = replace(book, watch=watch_at(book.watch, now, offline_since))
    newest = store.newest_entries(first_sight_sources(config.sources, states))
    days = store.entry_days(quiet_sources(config.sources, states, newest))
    silences = _silences(states, days, book, now)
    offline = offline_since is not None
    return list(_judge(config, states, silences, book, now, offline=offline).values())


def _silences(
    states: Mapping[str, SourceState],
    moments: Mapping[str, Sequence[datetime]],
    book: AlertBook,
    now: datetime,
) -> dict[str, Silence]:
    found = {
        id_: silence_of(states[id_], theirs, book.watch, now)
        for id_, theirs in moments.items()
    }
    return {id_: silence for id_, silence in found.items() if silence}


def _judge(
    config: Config,
    states: Mapping[str, SourceState],
    silences: Mapping[str, Silence],
    book: AlertBook,
    now: datetime,
    *,
    offline: bool,
) -> dict[AlertKey, Alert]:
    return judge(
        config.sources,
        states,
        silences,
        book,
        now,
        after=config.alerts.after,
        words=AlertWords(config.site.language, config.site.timezone),
        offline=offline,
    )


class Lookout:
    """Opens and closes alerts in the store; for the one process that writes.

    In the store's thread alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: _Kept[datetime] = _Kept()
        self._days: _Kept[Sequence[datetime]] = _Kept()

    def look(
        self,
        config: Config,
        states: Mapping[str, SourceState],
        now: datetime,
    ) -> list[Alert]:
        """Store what opened and closed since the last look, with what is to be told.

        Gives what is open now.
        """
        stored, offline_since = self._store.alert_book(), self._store.offline_since()
        book = replace(stored, watch=watch_at(stored.watch, now, offline_since))
        silences = _silences(states, self._moments(config, states), book, now)
        offline = offline_since is not None
        found = _judge(config, states, silences, book, now, offline=offline)
        opened = [alert for key, alert in found.items() if key not in book.open]
        closed = [alert for key, alert in book.open.items() if key not in found]
        polled = {source.id for source in config.sources if source.enabled}
        notices: list[Notice] = []
        if config.alerts.webhook:
            words = AlertWords(config.site.language, config.site.timezone)
            notices += [_opening(config, alert, now) for alert in opened]
            notices += [
                _closing(
                    config,
                    alert,
                    words.closed(alert, polled=alert.source in polled),
                    now,
                )
                for alert in closed
            ]
        if opened or closed or _is_worth_writing(stored.watch, book.watch):
            self._store.save_alerts(opened, closed, notices, book.watch)
        for phase, alerts in (("opened", opened), ("closed", closed)):
            for alert in alerts:
                fields = {"source": alert.source, "code": alert.code}
                log.warning("alert %s", phase, extra=fields)
        return list(found.values())

    def _moments(
        self, config: Config, states: Mapping[str, SourceState]
    ) -> dict[str, Sequence[datetime]]:
        first_sight = first_sight_sources(config.sources, states)
        newest = self._newest.of(first_sight, states, self._store.newest_entries)
        quiet = quiet_sources(config.sources, states, newest)
        return self._days.of(quiet, states, self._store.entry_days)


class _Kept(Generic[T]):
    """What the store said of sources, asked again when they bring something new."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime | None, T]] = {}

    def of(
        self,
        ids: Sequence[str],
        states: Mapping[str, SourceState],
        ask: Callable[[Sequence[str]], Mapping[str, T]],
    ) -> dict[str, T]:
        kept = self._kept
        unknown = [
            id_
            for id_ in ids
            if id_ not in kept or kept[id_][0] != states[id_].last_new_entry
        ]
        for id_, found in ask(unknown).items():
            kept[id_] = states[id_].last_new_entry, found
        return {id_: kept[id_][1] for id_ in ids if id_ in kept}


def _is_worth_writing(stored: Watch, watch: Watch) -> bool:
    times = (
        (stored.looked_at, watch.looked_at),
        (stored.trusted_since, watch.trusted_since),
    )
    return any(
        after and (before is None or abs(after - before) >= WRITTEN_EVERY)
        for before, after in times
    )


def _opening(config: Config, alert: Alert, now: datetime) -> Notice:
    return _notice(config, alert, "opened", alert.message, alert.fix, now)


def _closing(config: Config, alert: Alert, message: str, now: datetime) -> Notice:
    return _notice(config, alert, "closed", message, None, now)


def _notice(
    config: Config,
    alert: Alert,
    phase: str,
    message: str,
    fix: str | None,
    now: datetime,
) -> Notice:
    """The receiver can drop repeats by ``id``: delivery is at least once."""
    id_ = f"{alert.id}-{phase}"
    body = {
        "id": id_,
        "alert": alert.id,
        "phase": phase,
        "at": _time(now),
        "site": config.site.url,
        "source": alert.source,
        "name": alert.name,
        "code": alert.code,
        "since": _time(alert.since),
        "message": message,
        "fix": fix,
    }
    return Notice(
        id=id_,
        alert=alert.id,
        body=json.dumps(body, ensure_ascii=False),
        created=now,
        next_attempt=now,
    )


def _time(moment: datetime) -> str:
    """RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
