"""The days that a mention means, seen from the day of publication."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from aggregator.events.mentions import DateMention

#: A day and month without a year lie at most so far back; what lies further is next
#: year's. News of what was are written within weeks, announcements up to months ahead.
LONGEST_BACK = timedelta(days=120)
#: What is further ahead was never announced: «31.12.9999» means until further notice.
LONGEST_AHEAD = timedelta(days=3_653)


def days_of(
    mention: DateMention, today: date, *, past: bool, month_of: date | None
) -> tuple[date, ...]:
    """In their order; two, the first and the last, for a range. Empty: no such day.

    ``past`` turns weekdays backwards; ``month_of`` is what «17-го» counts in.
    """
    match mention.kind:
        case "day" | "list" | "range" | "pair":
            return _explicit(mention, today, month_of)
        case "relative":
            return (today + timedelta(days=mention.offset),)
        case "weekday":
            return tuple(
                _weekday(day, mention.week, today, past) for day in mention.weekdays
            )
        case "weekend":
            saturday = _weekday(5, mention.week, today, past)
            if today.weekday() == 6 and not mention.week and not past:
                saturday = today - timedelta(days=1)  # «в эти выходные», on a Sunday
            return saturday, saturday + timedelta(days=1)
        case "every":
            return _every(mention, today)
        case "end":
            return (_end(mention, today),)


def _explicit(
    mention: DateMention, today: date, month_of: date | None
) -> tuple[date, ...]:
    found: list[date] = []
    for partial in mention.days:
        month, year = partial.month, partial.year
        if month is None:
            if month_of is None:
                return ()
            month, year = month_of.month, month_of.year
        after = found[-1] if found else None
        day = _day(partial.day, month, year, today, mention.weekdays)
        if day is None:
            return ()
        if after and day < after and partial.year is None:
            day = _safe(day.year + 1, day.month, day.day) or day
        found.append(day)
    if mention.kind == "range" and len(found) == 2 and found[0] > found[1]:
        return ()
    return tuple(found)


def _day(
    day: int, month: int, year: int | None, today: date, weekdays: tuple[int, ...]
) -> date | None:
    if year is not None:
        named = _safe(year if year > 1 else today.year + year, month, day)
        return named if named and named - today <= LONGEST_AHEAD else None
    found = _safe(today.year, month, day)
    if found is None:
        return None  # 29 February of another year, too
    if today - found > LONGEST_BACK:
        found = _safe(today.year + 1, month, day) or found
    elif found - today > timedelta(days=365) - LONGEST_BACK:
        found = _safe(today.year - 1, month, day) or found
    return found


def _safe(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _weekday(weekday: int, week: int, today: date, past: bool) -> date:
    ahead = timedelta(days=(weekday - today.weekday()) % 7)
    if past or week < 0:
        back = timedelta(days=(today.weekday() - weekday) % 7 or 7 * (week < 0))
        return today - back
    if week > 0:
        monday = today - timedelta(days=today.weekday()) + timedelta(weeks=1)
        return monday + timedelta(days=weekday)
    return today + ahead


def _every(mention: DateMention, today: date) -> tuple[date, ...]:
    if mention.month is None:
        return ()
    first = _month_start(mention.month, today)
    length = monthrange(first.year, first.month)[1]
    days = [first.replace(day=day) for day in range(1, length + 1)]
    days = [day for day in days if day.weekday() in mention.weekdays]
    if mention.which:
        place = mention.which - (mention.which > 0)
        days = days[place:][:1]
    return tuple(day for day in days if day >= today)


def _month_start(month: int, today: date) -> date:
    return date(today.year + (month < today.month), month, 1)


def _end(mention: DateMention, today: date) -> date:
    if mention.unit == "week":
        return today + timedelta(days=6 - today.weekday())
    if mention.unit == "year":
        return date(today.year, 12, 31)
    first = _month_start(mention.month, today) if mention.month else today
    return first.replace(day=monthrange(first.year, first.month)[1])
