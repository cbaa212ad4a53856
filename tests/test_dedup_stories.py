"""Which story an entry belongs to, who leads it, what it is called."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.stories import WINDOW, choose_lead, group, story_id
from aggregator.model import (
    Fingerprint,
    Grouping,
    Join,
    Member,
    StoryMembers,
    Withheld,
)
from aggregator.text import hash64

NOON = datetime(2026, 5, 12, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = ("a", "b", "c", "d")


def make_member(
    source: str = "a",
    key: str = "1",
    *,
    link: int | None = None,
    title: int | None = None,
    start: int | None = None,
    hours: float = 0,
    **changes,
) -> Member:
    """An entry of a source; ``hours`` after noon, one of ``SOURCES``' order."""
    member = Member(
        ref=(source, hash64(key)),
        source_order=SOURCES.index(source),
        key=key,
        fingerprint=Fingerprint(
            key=hash64(key), content=0, link=link, title=title, start=start
        ),
        effective=NOON + hours * HOUR,
        position=0,
        withheld=None,
        own_site=True,
    )
    return replace(member, **changes)


def make_story(name: str, *members: Member, announced: bool = False) -> StoryMembers:
    return StoryMembers(
        id=name, lead=members[0].ref, members=members, announced=announced
    )


def group_all(newcomers, stories=(), loose=()) -> Grouping:
    return group(newcomers, stories, loose, host="news.example.org", year=2026)


def refs(grouping: Grouping) -> set[frozenset]:
    """The stories as sets of entries."""
    return {frozenset(m.ref for m in story.members) for story in grouping.stories}


# --- ids ------------------------------------------------------------------------


def test_ids_never_change():
    """Readers remember them: whatever is rewritten here, these stay."""
    assert (
        story_id("news.example.org", 2026, "kubnews.ru/rss", "https://kubnews.ru/1")
        == "tag:news.example.org,2026:51015be19d5973bd"
    )
    assert story_id("news.example.org", 2026, "a", "новость 1") == (
        "tag:news.example.org,2026:e6bce052d3f093ba"
    )
    assert story_id("xn--e1afmkfd.xn--p1ai", 2027, "", "") == (
        "tag:xn--e1afmkfd.xn--p1ai,2027:94f6d9cdd1ea8248"
    )


def test_a_story_is_named_after_its_first_member():
    early, late = make_member("b", "x", link=7), make_member("a", "y", link=7, hours=1)

    found = group_all([late, early])

    assert found.minted == {story_id("news.example.org", 2026, "b", "x")}


def test_an_id_that_is_taken_is_not_taken_twice():
    member = make_member()
    taken = story_id("news.example.org", 2026, "a", "1")
    other = make_story(taken, make_member("b", "2"))

    found = group_all([member], [other])

    assert len(found.minted) == 1
    assert taken not in found.minted
    assert found == group_all([member], [other])


# --- who belongs together -------------------------------------------------------

TOGETHER = {
    "same link, two sources": ({"link": 7}, {"source": "b", "link": 7}, True),
    "same link, one source": ({"link": 7}, {"key": "2", "link": 7}, False),
    "no link": ({}, {"source": "b"}, False),
    "other links": ({"link": 7}, {"source": "b", "link": 8}, False),
    "same link, far apart": (
        {"link": 7},
        {"source": "b", "link": 7, "hours": 99},
        True,
    ),
    "title and start": (
        {"title": 1, "start": 2},
        {"source": "b", "title": 1, "start": 2},
        True,
    ),
    "re-posted under a new guid": (
        {"title": 1, "start": 2, "link": 7},
        {"key": "2", "title": 1, "start": 2, "link": 8},
        True,
    ),
    "title alone, no texts": ({"title": 1}, {"source": "b", "title": 1}, True),
    "title, another start": (
        {"title": 1, "start": 2},
        {"source": "b", "title": 1, "start": 3},
        False,
    ),
    "title, one has no text": (
        {"title": 1, "start": 2},
        {"source": "b", "title": 1},
        False,
    ),
    "start, short titles": ({"start": 2}, {"source": "b", "start": 2}, False),
    "at the edge of the window": (
        {"title": 1, "start": 2},
        {"source": "b", "title": 1, "start": 2, "hours": 72},
        True,
    ),
    "outside the window": (
        {"title": 1, "start": 2},
        {"source": "b", "title": 1, "start": 2, "hours": 72.1},
        False,
    ),
}


@pytest.mark.parametrize(
    ("one", "other", "together"), TOGETHER.values(), ids=TOGETHER.keys()
)
@pytest.mark.parametrize("known", [False, True], ids=["one batch", "known story"])
def test_what_is_one_story(one, other, together, known):
    first, second = make_member(**one), make_member(**other)

    if known:
        found = group_all([second], [make_story("s", first)])
        assert found.minted == (
            frozenset() if together else {s.id for s in found.stories}
        )
    else:
        found = group_all([first, second])
        assert len(found.minted) == (1 if together else 2)


def test_why_entries_were_joined():
    first = make_member("a", "1", link=7, title=1, start=2)
    copy = make_member("b", "2", link=7, title=1, start=2, hours=1)
    report = make_member("c", "3", link=7, title=5, start=6, hours=2)
    repost = make_member("c", "4", title=5, start=6, hours=3)

    found = group_all([repost, report, copy, first])

    (story,) = found.stories
    why = {
        join.entry: (join.relation, join.score, join.why)
        for join in found.joins
        if join.story == story.id
    }
    assert why == {
        first.ref: ("report", 1.0, ("first",)),
        copy.ref: ("copy", 1.0, ("same link", "same title and start")),
        report.ref: ("report", 1.0, ("same link",)),
        repost.ref: ("copy", 0.95, ("same title and start",)),
    }
    assert {m.ref: m.relation for m in story.members} == {
        ref: relation for ref, (relation, _, _) in why.items()
    }


def test_a_link_that_a_source_gives_to_several_entries_is_no_identity():
    members = [
        make_member("a", "1", link=7, title=1, start=1),
        make_member("a", "2", link=7, title=2, start=2, hours=1),
        make_member("b", "3", link=7, title=3, start=3, hours=2),
    ]

    assert len(group_all(members).minted) == 3
    assert len(group_all(members[2:], [make_story("s", *members[:2])]).minted) == 1


def test_a_repost_does_not_spoil_its_link():
    members = [
        make_member("a", "1", link=7, title=1, start=1),
        make_member("a", "2", link=7, title=1, start=1, hours=1),
        make_member("b", "3", link=7, title=3, start=3, hours=2),
    ]

    assert len(group_all(members).minted) == 1


def test_a_spoilt_link_still_leaves_the_text():
    members = [
        make_member("a", "1", link=7, title=1, start=1),
        make_member("a", "2", link=7, title=2, start=2),
        make_member("b", "3", link=7, title=2, start=2, hours=1),
    ]

    found = group_all(members)

    assert found.joins[-1].why == ("same title and start",)


# --- two stories, one newcomer --------------------------------------------------


def test_the_best_score_decides():
    earlier = make_story("s1", make_member("a", "1", title=1, start=1))
    by_link = make_story("s2", make_member("b", "2", link=7, hours=1))
    newcomer = make_member("c", "3", link=7, title=1, start=1, hours=2)

    found = group_all([newcomer], [earlier, by_link])

    assert [join.story for join in found.joins] == ["s2"]


def test_of_equal_matches_the_earlier_story_is_joined_and_none_is_merged():
    later = make_story("s1", make_member("a", "1", title=1, start=1, hours=1))
    earlier = make_story("s2", make_member("b", "2", title=1, start=1))
    newcomer = make_member("c", "3", title=1, start=1, hours=2)

    found = group_all([newcomer], [later, earlier])

    assert [story.id for story in found.stories] == ["s2"]
    assert found.minted == frozenset()


# --- withheld entries -----------------------------------------------------------


def test_a_withheld_newcomer_makes_no_story():
    found = group_all([make_member(withheld=Withheld.FIRST_SIGHT)])

    assert found == Grouping(stories=(), minted=frozenset(), joins=())


@pytest.mark.parametrize("reason", [Withheld.FIRST_SIGHT, Withheld.FLOOD])
def test_a_withheld_newcomer_joins_and_does_not_lead(reason):
    withheld = make_member("a", "1", link=7, withheld=reason)
    newcomer = make_member("b", "2", link=7, hours=5, own_site=False)

    (story,) = group_all([withheld, newcomer]).stories

    assert {member.ref for member in story.members} == {withheld.ref, newcomer.ref}
    assert story.lead == newcomer.ref


def test_loose_entries_join_the_story_that_matches_them():
    loose = [
        make_member("a", "1", link=7, title=1, withheld=Withheld.FIRST_SIGHT),
        make_member("b", "2", title=1, withheld=Withheld.FIRST_SIGHT, hours=1),
        make_member("d", "9", link=8, withheld=Withheld.FIRST_SIGHT),
    ]
    newcomer = make_member("c", "3", link=7, hours=2)

    (story,) = group_all([newcomer], loose=loose).stories

    assert [member.ref for member in story.members] == [
        newcomer.ref,
        loose[0].ref,
        loose[1].ref,  # a copy of what the newcomer's link brought in
    ]
    assert story.lead == newcomer.ref


def test_advertising_joins_nothing():
    """Listed under another's story, its link would be published after all."""
    ad = make_member("a", "1", link=7, withheld=Withheld.AD)
    stored = make_member("b", "2", link=7, withheld=Withheld.AD)
    newcomer = make_member("c", "3", link=7, hours=1)

    assert refs(group_all([ad, newcomer], loose=[stored])) == {
        frozenset({newcomer.ref})
    }
    assert group_all([ad], [make_story("s", newcomer)]).joins == ()


# --- leads ----------------------------------------------------------------------

LEADS = {
    "own site before elsewhere": ({"own_site": False}, {"hours": 9}),
    "report before copy": ({"relation": "copy"}, {"hours": 9}),
    "own site before report": ({"own_site": False}, {"relation": "copy"}),
    "earlier": ({"hours": 1}, {}),
    "order in feeds.yaml": ({"source": "b"}, {"source": "a"}),
    "place in the document": ({"position": 2, "key": "0"}, {"position": 1}),
    "key, at last": ({"key": "2"}, {"key": "1"}),
    "withheld never": ({"withheld": Withheld.FLOOD}, {"own_site": False, "hours": 9}),
}


@pytest.mark.parametrize(("other", "lead"), LEADS.values(), ids=LEADS.keys())
def test_choose_lead(other, lead):
    members = [make_member(**other), make_member(**lead)]

    assert choose_lead(members) is members[1]
    assert choose_lead(members[::-1]) is members[1]


def test_nobody_leads_when_all_are_withheld():
    with pytest.raises(ValueError, match="empty"):
        choose_lead([make_member(withheld=Withheld.WITHDRAWN)])


@pytest.mark.parametrize("announced", [False, True])
def test_the_lead_is_fixed_once_documents_carried_it(announced):
    first = make_member("a", "1", link=7, own_site=False)
    better = make_member("b", "2", link=7, hours=1)

    (story,) = group_all(
        [better], [make_story("s", first, announced=announced)]
    ).stories

    assert story.lead == (first if announced else better).ref
    assert story.announced is announced


def test_a_story_whose_members_were_all_withdrawn_keeps_its_lead():
    gone = make_member("a", "1", link=7, withheld=Withheld.WITHDRAWN)
    late = make_member("b", "2", link=7, withheld=Withheld.FLOOD)

    (story,) = group_all([late], [make_story("s", gone)]).stories

    assert story.lead == gone.ref


# --- laws -----------------------------------------------------------------------

hashes = st.none() | st.integers(1, 3)


#: Entries with so few hashes, dates and sources that most have something in common.
members = st.lists(
    st.builds(
        make_member,
        st.sampled_from(SOURCES),
        st.sampled_from("12345"),
        link=hashes,
        title=hashes,
        start=hashes,
        hours=st.sampled_from([0, 1, 50, 80, 200]),
        position=st.integers(0, 1),
        withheld=st.none() | st.none() | st.sampled_from(Withheld),
        own_site=st.booleans(),
    ),
    max_size=14,
    unique_by=lambda member: member.ref,
)


@st.composite
def boards(draw):
    """Newcomers, stories and loose entries that have no entry in common."""
    found = draw(members)
    cut = sorted(draw(st.lists(st.integers(0, len(found)), min_size=3, max_size=3)))
    parts = found[: cut[0]], found[cut[0] : cut[1]]
    stories = [
        make_story(f"s{number}", *part, announced=draw(st.booleans()))
        for number, part in enumerate(parts)
        if part
    ]
    loose = [member for member in found[cut[1] : cut[2]] if member.withheld]
    return found[cut[2] :], stories, loose


@given(boards(), st.randoms(use_true_random=False))
def test_arrival_order_does_not_matter(board, dice):
    shuffled = [dice.sample(part, len(part)) for part in board]

    assert group_all(*board) == group_all(*shuffled)


@given(boards())
def test_grouping_again_changes_nothing(board):
    newcomers, stories, loose = board
    once = group_all(*board)
    touched = {story.id for story in once.stories}
    now_known = [
        *once.stories,
        *(story for story in stories if story.id not in touched),
    ]
    placed = {join.entry for join in once.joins}
    waiting = [m for m in (*loose, *newcomers) if m.withheld and m.ref not in placed]

    again = group_all(newcomers, now_known, waiting)

    assert again == Grouping(stories=(), minted=frozenset(), joins=())


@given(boards())
def test_what_a_grouping_holds(board):
    newcomers, stories, _ = board
    found = group_all(*board)
    before = {story.id: story for story in stories}
    joins: dict[str, list[Join]] = {}
    for join in found.joins:
        joins.setdefault(join.story, []).append(join)

    assert {story.id for story in found.stories} == set(joins)
    assert found.minted == set(joins) - set(before)
    for story in found.stories:
        old = before[story.id].members if story.id in before else ()
        assert story.members[: len(old)] == old
        added = [(join.entry, join.relation) for join in joins[story.id]]
        assert [(m.ref, m.relation) for m in story.members[len(old) :]] == added
        assert story.lead in {member.ref for member in story.members}
        if story.id in found.minted:
            lead = next(m for m in story.members if m.ref == story.lead)
            assert lead.withheld is None
    placed = [join.entry for join in found.joins]
    assert len(placed) == len(set(placed))
    assert {m.ref for m in newcomers if m.withheld is None} <= set(placed)


def test_many_equal_entries_cost_little():
    """A source that calls all its entries alike must not take the writer's time."""
    same = [make_member("a", str(n), link=7, title=1, start=1) for n in range(5_000)]
    loose = [
        replace(m, ref=("b", n), withheld=Withheld.FIRST_SIGHT)
        for n, m in enumerate(same)
    ]
    started = time.process_time()

    found = group_all(same, loose=loose)

    assert len(found.minted) == 1
    assert WINDOW == 72 * HOUR
    assert time.process_time() - started < 5
