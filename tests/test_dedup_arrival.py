"""What a new entry's date is, and whether readers may get it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.arrival import (
    EARLIEST_DATE,
    FIRST_UNDATED,
    MOST_PUBLISHED,
    admit,
    is_ad,
)
from aggregator.dedup.fingerprint import fingerprint
from aggregator.model import Admission, Entry, EntryRead, Withheld

NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)
TWO_DAYS = timedelta(hours=48)


def make_read(position: int = 0, **fields) -> EntryRead:
    values = {
        "key": str(position),
        "title": "Новость",
        "link": "https://a.example/1",
        "canonical_link": "https://a.example/1",
        "summary": None,
        "content": None,
        "text": "Текст.",
        "published": NOW,
        "position": position,
    }
    entry = Entry(**(values | fields))
    return EntryRead(entry=entry, fingerprint=fingerprint(entry), ad=is_ad(entry))


def admit_all(
    reads, *, first_poll=False, first_sight=TWO_DAYS, ads="drop"
) -> tuple[Admission, ...]:
    return admit(
        reads, now=NOW, first_sight=first_sight, first_poll=first_poll, ads=ads
    )


def admit_one(
    *, first_poll=False, first_sight=TWO_DAYS, ads="drop", **fields
) -> Admission:
    (admission,) = admit_all(
        [make_read(**fields)], first_poll=first_poll, first_sight=first_sight, ads=ads
    )
    return admission


# --- dates ----------------------------------------------------------------------

DATES = {
    "past": (NOW - timedelta(days=3), None, NOW - timedelta(days=3)),
    "future": (NOW + timedelta(days=3), None, NOW),
    "now": (NOW, None, NOW),
    "missing": (None, None, NOW),
    "year zero of Unix": (datetime(1970, 1, 1, tzinfo=UTC), None, NOW),
    "before 1990": (datetime(1989, 12, 31, 23, 59, tzinfo=UTC), None, NOW),
    "1990": (EARLIEST_DATE, None, EARLIEST_DATE),
    "updated alone": (None, NOW - timedelta(days=1), NOW - timedelta(days=1)),
    "published goes first": (NOW - timedelta(days=2), NOW, NOW - timedelta(days=2)),
}


@pytest.mark.parametrize(
    ("published", "updated", "effective"), DATES.values(), ids=DATES.keys()
)
def test_effective_date(published, updated, effective):
    admission = admit_one(published=published, updated=updated)

    assert admission == Admission(effective=effective)


# --- first sight ----------------------------------------------------------------

FIRST_SIGHTS = {
    "young": (TWO_DAYS, NOW - timedelta(hours=47), None),
    "at the edge": (TWO_DAYS, NOW - TWO_DAYS, None),
    "old": (TWO_DAYS, NOW - timedelta(hours=49), Withheld.FIRST_SIGHT),
    "future": (TWO_DAYS, NOW + timedelta(days=9), None),
    "undated": (TWO_DAYS, None, None),
    "all": ("all", NOW - timedelta(days=900), None),
    "none": ("none", NOW, Withheld.FIRST_SIGHT),
    "none, undated": ("none", None, Withheld.FIRST_SIGHT),
}


@pytest.mark.parametrize(
    ("first_sight", "published", "withheld"),
    FIRST_SIGHTS.values(),
    ids=FIRST_SIGHTS.keys(),
)
def test_first_poll(first_sight, published, withheld):
    admission = admit_one(first_poll=True, first_sight=first_sight, published=published)

    assert admission.withheld is withheld


@pytest.mark.parametrize("first_sight", [TWO_DAYS, "all", "none"])
def test_later_polls_withhold_nothing_for_its_age(first_sight):
    admission = admit_one(first_sight=first_sight, published=NOW - timedelta(days=40))

    assert admission == Admission(effective=NOW - timedelta(days=40))


def test_of_undated_entries_the_first_five_of_the_document_are_news():
    reads = [make_read(n, published=None) for n in (7, 3, 0, 9, 1, 5, 2)]

    admissions = admit_all(reads, first_poll=True)

    published = {
        read.entry.position
        for read, admission in zip(reads, admissions, strict=True)
        if admission.withheld is None
    }
    assert published == {0, 1, 2, 3, 5}
    assert len(published) == FIRST_UNDATED
    assert {admission.effective for admission in admissions} == {NOW}


def test_impossible_dates_count_as_undated():
    reads = [make_read(n, published=datetime(1970, 1, 1, tzinfo=UTC)) for n in range(7)]

    admissions = admit_all(reads, first_poll=True)

    assert [admission.withheld for admission in admissions] == (
        [None] * 5 + [Withheld.FIRST_SIGHT] * 2
    )


# --- advertising ----------------------------------------------------------------

ADS = {
    "token": ({"link": "https://a.example/1?erid=2Vtz"}, True),
    "title": ({"title": "Реклама. ООО «Ромашка»"}, True),
    "title in capitals": ({"title": "РЕКЛАМА 16+ Окна со скидкой"}, True),
    "title with a mark before it": ({"title": "⚡ [Реклама] Окна"}, True),
    "title without a stop": ({"title": "Реклама Окна со скидкой"}, True),
    "the word alone": ({"title": "Реклама"}, True),
    "text": ({"text": "«Реклама»\nОкна со скидкой"}, True),
    "summary beside a text": (
        {"summary": "<p><b>Реклама.</b> Окна</p>", "content": "<p>Окна</p>"},
        True,
    ),
    "another word": ({"title": "Рекламный щит упал на остановку"}, False),
    "complaint": ({"title": "Рекламация подана в суд"}, False),
    "inflected": ({"title": "Рекламу на фасадах запретят"}, False),
    "later in the title": ({"title": "Наружная реклама подорожает"}, False),
    "later in the text": ({"text": "Текст. Реклама."}, False),
    "parameter that only ends so": ({"link": "https://a.example/?hererid=1"}, False),
    "no link": ({"link": None}, False),
}


@pytest.mark.parametrize(("fields", "ad"), ADS.values(), ids=ADS.keys())
def test_advertising(fields, ad):
    dropped, labelled = admit_one(**fields), admit_one(ads="label", **fields)

    assert (dropped.ad, labelled.ad) == (ad, ad)
    assert dropped.withheld is (Withheld.AD if ad else None)
    assert labelled.withheld is None


def test_an_old_ad_is_withheld_as_an_ad():
    """Why it is withheld must still be true when the operator changes first_sight."""
    admission = admit_one(
        first_poll=True, title="Реклама", published=NOW - timedelta(days=9)
    )

    assert admission.withheld is Withheld.AD


# --- flood ----------------------------------------------------------------------


def test_a_poll_publishes_the_newest_two_hundred():
    reads = [
        make_read(n, published=NOW - timedelta(minutes=n))
        for n in range(MOST_PUBLISHED + 3)
    ]

    admissions = admit_all(list(reversed(reads)))

    assert [a.withheld for a in admissions] == [Withheld.FLOOD] * 3 + [None] * 200


def test_of_equal_dates_the_first_of_the_document_are_published():
    reads = [make_read(n, published=None) for n in range(MOST_PUBLISHED + 1)]

    admissions = admit_all(list(reversed(reads)))

    assert [a.withheld for a in admissions] == [Withheld.FLOOD] + [None] * 200


def test_what_is_withheld_anyway_takes_no_place():
    ads = [make_read(n, title="Реклама") for n in range(9)]
    news = [make_read(9 + n) for n in range(MOST_PUBLISHED)]

    withheld = [admission.withheld for admission in admit_all([*ads, *news])]

    assert withheld == [Withheld.AD] * 9 + [None] * MOST_PUBLISHED


@given(
    st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=12),
    st.booleans(),
    st.sampled_from([TWO_DAYS, timedelta(0), "all", "none"]),
)
def test_every_entry_is_admitted_and_none_from_the_future(
    dates, first_poll, first_sight
):
    reads = [make_read(n, published=date) for n, date in enumerate(dates)]

    admissions = admit_all(reads, first_poll=first_poll, first_sight=first_sight)

    assert len(admissions) == len(reads)
    assert all(
        datetime(1990, 1, 1, tzinfo=UTC) <= a.effective <= NOW for a in admissions
    )
