"""What is open now: a pure function of the sources' states and what was open before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from aggregator.alerts.silence import SHORTEST
from aggregator.alerts.wording import AlertWords
from aggregator.model import (
    Alert,
    AlertBook,
    AlertCode,
    AlertKey,
    Silence,
    Source,
    SourceState,
    Watch,
)

#: When nobody looked for longer, the machine was off or its clock has jumped, either
#: way. As long as the shortest silence: no shorter jump makes one by itself.
LONGEST_ABSENCE = SHORTEST
#: A longer outage of this machine says as little. A router that starts anew every
#: night stays below it.
LONGEST_OUTAGE = timedelta(hours=1)


def watch_at(
    watch: Watch, now: datetime, offline_since: datetime | None = None
) -> Watch:
    """The watch after a look at `now`; what it saw of a jump is kept.

    `offline_since`: when the outage began that this machine has; None: none.
    """
    before = watch.looked_at
    jumped = before is not None and abs(now - before) > LONGEST_ABSENCE
    if offline_since is not None:
        jumped = jumped or now - offline_since > LONGEST_OUTAGE
    return Watch(trusted_since=now if jumped else watch.trusted_since, looked_at=now)


def judge(
    sources: Sequence[Source],
    states: Mapping[str, SourceState],
    silences: Mapping[str, Silence],
    book: AlertBook,
    now: datetime,
    *,
    after: timedelta,
    words: AlertWords,
    offline: bool = False,
) -> dict[AlertKey, Alert]:
    """The alerts that are open at `now`, in the order of `sources`.

    Opening takes evidence: time that polls bear out, of a machine that is not
    `offline`. So does closing: a good poll, a new entry, an
    address without redirects; or the source is no longer polled.
    """
    found: dict[AlertKey, Alert] = {}
    for source in sources:
        state = states.get(source.id)
        if not source.enabled or state is None:
            continue
        for code, since, message, fix in _troubles(
            source, state, silences.get(source.id), book, now, after, words
        ):
            key = source.id, code
            stored = book.open.get(key)
            if stored is None and offline:
                continue
            found[key] = Alert(
                id=stored.id if stored else _id(source, code, now),
                source=source.id,
                name=source.name,
                code=code,
                since=stored.since if stored else since,
                message=message,
                fix=fix,
            )
    return found


Trouble = tuple[AlertCode, datetime, str, str]


def _troubles(
    source: Source,
    state: SourceState,
    silence: Silence | None,
    book: AlertBook,
    now: datetime,
    after: timedelta,
    words: AlertWords,
) -> Iterator[Trouble]:
    error = state.error
    if error is not None and (
        (source.id, "failing") in book.open or _has_failed_for(state, after, now)
    ):
        yield "failing", error.since, *words.failing(source, error)
    silent = book.open.get((source.id, "silent"))
    if silence is not None:
        yield "silent", silence.since, *words.silent(source, silence)
    elif silent is not None and _is_still_silent(state, silent):
        yield "silent", silent.since, silent.message, silent.fix
    if state.moved is not None and state.moved.confirmed:
        yield "moved", state.moved.first_seen, *words.moved(source, state.moved)
    for warning in state.warnings:
        if warning.code == "mojibake":
            yield "mojibake", warning.since, *words.mojibake(source, warning.since)


def _has_failed_for(state: SourceState, after: timedelta, now: datetime) -> bool:
    """Whether polls bear out that the source has failed for so long.

    Two do, however far apart; a single one does until the next was to come.
    """
    error = state.error
    if error is None or error.count == 0 or state.last_poll is None:
        return False
    if error.code.partition(":")[0] == "http_429" or state.retry_at is not None:
        return False  # it asks for rest, and is there
    if error.count == 1 and state.last_poll != error.since:
        return False  # put off since by an outage at our side
    # Of the time after the next poll nothing is known: it did not take place.
    until = min(now, max(state.last_poll, state.next_poll or state.last_poll))
    return until - error.since >= after


def _is_still_silent(state: SourceState, stored: Alert) -> bool:
    """Nothing new has come since; whatever the clock says."""
    return state.last_new_entry in (stored.since, state.first_success)


def _id(source: Source, code: AlertCode, now: datetime) -> str:
    opening = f"{source.id}\n{code}\n{now.isoformat()}"
    return blake2b(opening.encode(), digest_size=12).hexdigest()
