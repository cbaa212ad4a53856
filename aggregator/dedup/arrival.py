"""What a new entry's date is, and whether readers may get it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from aggregator.links import has_ad_token
from aggregator.model import Admission, Entry, EntryRead, Withheld
from aggregator.text import plain_text

#: Older dates are zero clocks and slips of the pen; there was no web.
EARLIEST_DATE = datetime(1990, 1, 1, tzinfo=UTC)
#: Undated entries of a first poll that count as news: about what a home page shows.
FIRST_UNDATED = 5
#: Published stories a poll and source; a CMS that renumbers its archive brings
#: thousands (845 were seen on one planet).
MOST_PUBLISHED = 200

#: The word alone: not «Рекламный щит», not «Рекламация». What follows doesn't matter:
#: the law's mark stands first, with or without a stop.
_begins_with_ad = re.compile(r"[\W_]*реклама(?!\w)", re.IGNORECASE).match


def admit(
    entries: Sequence[EntryRead],
    *,
    now: datetime,
    first_sight: timedelta | Literal["all", "none"],
    first_poll: bool,
    ads: Literal["drop", "label"],
) -> tuple[Admission, ...]:
    """Date and admission of entries first seen at ``now``, in the order given.

    ``entries`` are the new ones of one poll of one source. On its first poll what is
    dated before ``now - first_sight`` is withheld, and of the undated all but the
    first in document order (``all``: nothing, ``none``: everything).
    """
    dates = [_claimed_date(read.entry) for read in entries]
    old = _old_entries(entries, dates, now, first_sight) if first_poll else frozenset()
    admissions = [
        _admission(read.ad, date, now=now, old=index in old, ads=ads)
        for index, (read, date) in enumerate(zip(entries, dates, strict=True))
    ]
    for index in _flood(entries, admissions):
        admissions[index] = Admission(
            effective=admissions[index].effective,
            withheld=Withheld.FLOOD,
            ad=admissions[index].ad,
        )
    return tuple(admissions)


def _claimed_date(entry: Entry) -> datetime | None:
    """What the source says; None when it says nothing that can be true.

    Atom demands ``updated`` and leaves ``published`` open: one stands for the other.
    """
    date = entry.published or entry.updated
    return None if date is None or date < EARLIEST_DATE else date


def _old_entries(
    entries: Sequence[EntryRead],
    dates: Sequence[datetime | None],
    now: datetime,
    first_sight: timedelta | Literal["all", "none"],
) -> frozenset[int]:
    """Which entries of a first poll were there before anybody looked, by index."""
    if first_sight == "all":
        return frozenset()
    if first_sight == "none":
        return frozenset(range(len(entries)))
    dated = {i for i, date in enumerate(dates) if date and date < now - first_sight}
    undated = [index for index, date in enumerate(dates) if date is None]
    undated.sort(key=lambda index: entries[index].entry.position)
    return frozenset(dated.union(undated[FIRST_UNDATED:]))


def _admission(
    ad: bool,
    date: datetime | None,
    *,
    now: datetime,
    old: bool,
    ads: Literal["drop", "label"],
) -> Admission:
    withheld = None
    if ad and ads == "drop":
        withheld = Withheld.AD
    elif old:
        withheld = Withheld.FIRST_SIGHT
    return Admission(effective=min(date or now, now), withheld=withheld, ad=ad)


def is_ad(entry: Entry) -> bool:
    """Whether the link carries erid, or what is read first is «Реклама»."""
    if entry.link is not None and has_ad_token(entry.link):
        return True
    if _begins_with_ad(entry.title) or _begins_with_ad(entry.text):
        return True
    # The text is made from the content; readers may get the summary.
    other = entry.summary if entry.content is not None else None
    return bool(other and _begins_with_ad(plain_text(other)))


def _flood(
    entries: Sequence[EntryRead], admissions: Sequence[Admission]
) -> Sequence[int]:
    """Indexes of admitted entries beyond the newest ``MOST_PUBLISHED``."""
    admitted = [i for i, admission in enumerate(admissions) if not admission.withheld]
    if len(admitted) <= MOST_PUBLISHED:
        return ()
    # Newest first; among equals those that stand higher in the document.
    admitted.sort(key=lambda i: entries[i].entry.position)
    admitted.sort(key=lambda i: admissions[i].effective, reverse=True)
    return admitted[MOST_PUBLISHED:]
