"""A source's own hours: when in the week its new entries appear. Pure.

Newsrooms sleep at night and on Sundays. What is learnt is 168 counts, one for each hour
of the week in the source's zone, halved every four weeks. From them comes a clock of
the source's own: an hour in which twice the usual number of entries appears counts two.
An interval by that clock brings the same number of new entries at any time.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Long enough to tell Sundays from Mondays, short enough for holidays to pass.
HALF_LIFE = timedelta(weeks=4)
#: Older entries of a first document say little of how the source works today.
OLDEST = timedelta(weeks=4)
#: An entry is dated so long before it appears: editors save, then publish; servers cache.
LATE = timedelta(hours=1)
#: What is dated earlier is an archive put online, or everything under a new guid.
ARCHIVE = timedelta(days=1)
#: Fewer entries tell nothing of the week's 168 hours.
FEWEST = 8.0
#: Where so many entries are expected by what is known of all days together, a weekday's
#: own count is believed by half; the same for an hour of the day, and all hours.
DOUBT = 0.5
#: Slowest and fastest the source's clock goes. A quiet hour may have news for once, and a
#: document must not turn over in it unseen: no wait is longer than four intervals.
SLOWEST, FASTEST = 0.25, 8.0

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)
#: To when the counts are decayed, in seconds since 1970; the counts.
#: Half floats: integers would be rounded back to what they were before a day's decay.
_FORM = struct.Struct("<q168e")
_MOST = 60_000.0  # half floats end at 65,504


def learnt(
    rhythm: bytes | None,
    arrivals: Iterable[datetime],
    *,
    before: datetime | None,
    now: datetime,
    zone: str,
) -> bytes:
    """The rhythm with new entries' effective dates; `before`: the last good poll, if any.

    An entry that was not listed then has appeared since, whatever its date says.
    """
    local = _zone(zone)
    if before is None:
        # Dates without a time read as midnight; they would teach that nobody sleeps.
        moments = [
            moment
            for moment in arrivals
            if now - OLDEST <= moment <= now and not _is_midnight(moment, local)
        ]
    else:
        moments = [
            moment if before - LATE <= moment <= now else now
            for moment in arrivals
            if before - ARCHIVE <= moment
        ]
    if rhythm is None or len(rhythm) != _FORM.size:
        counted, counts = int(now.timestamp()), [0.0] * 168
    elif not moments:
        return rhythm
    else:
        counted, *counts = _FORM.unpack(rhythm)
        # Whole days, and none when the clock was set back.
        days = max(0, int(now.timestamp()) - counted) // 86_400
        decay = 0.5 ** (days / (HALF_LIFE / _DAY))
        counts, counted = [count * decay for count in counts], counted + days * 86_400
    for moment in moments:
        hour = _hour_of_week(moment.astimezone(local))
        counts[hour] = min(counts[hour] + 1, _MOST)
    return _FORM.pack(counted, *counts)


class Hours:
    """The source's clock; without a rhythm, or of too few entries, it is everybody's."""

    def __init__(self, rhythm: bytes | None, zone: str) -> None:
        self._zone = _zone(zone)
        self._counts: Sequence[float] = ()
        #: By hour of the week: a poll asks several times for the same one or two.
        self._paces: dict[int, float] = {}
        if rhythm is None or len(rhythm) != _FORM.size:
            return
        _, *counts = _FORM.unpack(rhythm)
        total = math.fsum(counts)
        if total >= FEWEST:
            self._counts, self._mean = counts, total / 168

    @property
    def known(self) -> bool:
        return bool(self._counts)

    def pace(self, moment: datetime) -> float:
        """How fast the source's clock goes in that hour; 1.0 on the week's average."""
        if not self._counts:
            return 1.0
        hour = _hour_of_week(moment.astimezone(self._zone))
        if hour not in self._paces:
            self._paces[hour] = self._pace_of(hour)
        return self._paces[hour]

    def _pace_of(self, hour: int) -> float:
        counts = self._counts
        # The hours beside it count half: a newsroom keeps no minutes.
        near = ((hour - 1, 0.25), (hour, 0.5), ((hour + 1) % 168, 0.25))
        own = sum(weight * counts[at] for at, weight in near)
        daily = sum(weight * sum(counts[at % 24 :: 24]) for at, weight in near)
        daily = _believed(daily, 7 * self._mean) / 7
        return min(max(_believed(own, daily) / self._mean, SLOWEST), FASTEST)

    def spent(self, start: datetime, end: datetime) -> timedelta:
        """The time between by the source's clock; over a week the two agree."""
        if not self._counts or not timedelta() < end - start <= _WEEK:
            return end - start
        spent = timedelta()
        while start < end:
            until = min(self._next_hour(start), end)
            spent += (until - start) * self.pace(start)
            start = until
        return spent

    def after(self, start: datetime, span: timedelta, latest: datetime) -> datetime:
        """When `span` has passed by the source's clock; `latest` if that is earlier."""
        if not self._counts:
            return min(start + span, latest)
        while start < latest:
            until, pace = min(self._next_hour(start), latest), self.pace(start)
            if (until - start) * pace >= span:
                return start + span / pace
            span -= (until - start) * pace
            start = until
        return latest

    def _next_hour(self, moment: datetime) -> datetime:
        local = moment.astimezone(self._zone)
        past = timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        return moment + _HOUR - past


def _believed(counted: float, expected: float) -> float:
    """Between a count and what was expected before: the more is expected, the count."""
    share = expected / (expected + DOUBT)
    return share * counted + (1 - share) * expected


def _hour_of_week(local: datetime) -> int:
    return local.weekday() * 24 + local.hour


def _is_midnight(moment: datetime, zone: ZoneInfo) -> bool:
    # In UTC too: ISO dates without a zone are read so by whoever made the feed.
    return any(
        (local.hour, local.minute, local.second) == (0, 0, 0)
        for local in (moment.astimezone(zone), moment.astimezone(UTC))
    )


@lru_cache(64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
