"""The calendar: an event stays the same one, whoever tells what of it."""

from datetime import UTC, date, datetime, time, timedelta

from aggregator.events.calendar import settle, unite
from aggregator.model import Event, ToldStory, When

NOW = datetime(2026, 9, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
PLACE = "Доме культуры"


def event(day=12, hour=18, place=PLACE, until=None, **more):
    when = When(day=date(2026, 9, day), time=time(hour) if hour else None)
    end = When(day=date(2026, 9, until)) if until else None
    return Event(start=when, end=end, place=place, confidence=0.9, **more)


def story(*events, id="story", title="Концерт оркестра «Юг»", revision=1):
    return ToldStory(id=id, title=title, revision=revision, events=events)


def settled(*stories, now=NOW, rows=()):
    """The calendar by uid, after these stories one by one."""
    calendar = {row.uid: row for row in rows}
    for each in stories:
        for row in settle(tuple(calendar.values()), each, now):
            calendar[row.uid] = row
    return calendar


def facts(calendar):
    return {
        uid: (row.event.start.isoformat(), row.sequence, row.event.cancelled)
        for uid, row in calendar.items()
        if row.tellings
    }


def test_an_event_is_minted_once():
    calendar = settled(story(event()), story(event(), revision=2))

    assert facts(calendar) == {"story/1": ("2026-09-12T18:00", 0, False)}


def test_sessions_are_events_of_their_own():
    calendar = settled(story(event(12), event(13)))

    assert facts(calendar) == {
        "story/1": ("2026-09-12T18:00", 0, False),
        "story/2": ("2026-09-13T18:00", 0, False),
    }


def test_three_stories_tell_one_event():
    calendar = settled(
        story(event()),
        story(event(hour=None), id="two", title="Оркестр «Юг» даст концерт"),
        story(event(place=None), id="three", title="«Юг»: концерт оркестра"),
    )

    assert facts(calendar) == {"story/1": ("2026-09-12T18:00", 0, False)}
    told = calendar["story/1"].tellings
    assert [each.story for each in told] == ["story", "two", "three"]


def test_another_event_of_the_same_hour_is_another():
    calendar = settled(
        story(event()), story(event(place=None), id="two", title="Ярмарка мёда")
    )

    assert set(calendar) == {"story/1", "two/1"}


def test_an_edit_that_moves_it_raises_the_sequence():
    calendar = settled(story(event()), now=NOW)
    calendar = settled(story(event(19)), now=LATER, rows=calendar.values())

    assert facts(calendar) == {"story/1": ("2026-09-19T18:00", 1, False)}
    assert calendar["story/1"].changed == LATER


def test_another_story_moves_it():
    news = event(19, moved=True, moved_from=date(2026, 9, 12))
    calendar = settled(
        story(event()), story(news, id="two", title="Концерт оркестра «Юг» перенесли")
    )

    assert facts(calendar) == {"story/1": ("2026-09-19T18:00", 1, False)}


def test_another_story_moves_it_without_saying_from_when():
    news = event(19, moved=True)
    calendar = settled(
        story(event()), story(news, id="two", title="Концерт оркестра «Юг» перенесли")
    )

    assert facts(calendar) == {"story/1": ("2026-09-19T18:00", 1, False)}


def test_another_story_cancels_it():
    news = event(hour=None, place=None, cancelled=True)
    calendar = settled(
        story(event()), story(news, id="two", title="Концерт оркестра «Юг» отменён")
    )

    assert facts(calendar) == {"story/1": ("2026-09-12T18:00", 1, True)}


def test_what_was_moved_stays_moved_when_the_first_story_is_reworded():
    news = event(19, moved=True, moved_from=date(2026, 9, 12))
    calendar = settled(
        story(event()),
        story(news, id="two", title="Концерт оркестра «Юг» перенесли"),
        story(event(), revision=2, title="Большой концерт оркестра «Юг»"),
    )

    assert facts(calendar) == {"story/1": ("2026-09-19T18:00", 1, False)}


def test_what_is_no_longer_told_is_taken_back_and_comes_back_as_itself():
    calendar = settled(story(event(12), event(13)))
    calendar = settled(story(event(12)), now=LATER, rows=calendar.values())

    assert set(facts(calendar)) == {"story/1"}

    calendar = settled(story(event(12), event(13)), now=LATER, rows=calendar.values())

    assert facts(calendar) == {
        "story/1": ("2026-09-12T18:00", 0, False),
        "story/2": ("2026-09-13T18:00", 2, False),
    }


def test_members_of_a_story_are_united_the_later_with_the_last_word():
    united = unite(
        [
            event(hour=None, place=None),
            event(),
            event(19, moved=True, moved_from=date(2026, 9, 12), place=None),
        ]
    )

    (one,) = united
    assert one.start.isoformat() == "2026-09-19T18:00"
    assert one.place == PLACE


def test_settling_twice_changes_nothing():
    told = story(event(12), event(13, until=15))
    calendar = settled(told)

    assert settle(tuple(calendar.values()), told, LATER) == ()
