"""Which story an entry belongs to, which of its entries leads, what it is called.

``group`` walks the newcomers in an order of their own (never that of arrival) over a
``_Board`` of what is known. Two entries tell one story by their fingerprints
(``likeness``: one link, one title with one text) or by their words (``similarity``,
``candidates``); by words a newcomer has to be like the story, not like one entry of it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal, NamedTuple

from aggregator.dedup.candidates import (
    MOST_COMPARED,
    NO_WORDS,
    Words,
    order_of,
)
from aggregator.dedup.similarity import (
    SUPPORT,
    SURE,
    Similarity,
    is_same,
    tightened,
)
from aggregator.model import (
    EntryRef,
    Grouping,
    Join,
    Member,
    StoryMembers,
    Withheld,
)
from aggregator.text import hash64

#: What ``dedup.window`` is when nobody says. Equal titles further apart are a series
#: («Итоги недели»), not a story.
WINDOW = timedelta(hours=72)

Level = Literal["story", "copy", "none"]

#: A page is one happening; a title with its text may be an agency's template.
_SAME_LINK = 1.0
_SAME_TEXT = 0.95

#: Of entries with one link or one text the latest so many are compared; a source that
#: calls 5,000 entries by one title would else cost 25 million comparisons.
_MOST_CANDIDATES = 50
#: Members of a story that a newcomer is compared with, besides those that matched.
_SAMPLE = 5


class Likeness(NamedTuple):
    """How alike two entries of one story are."""

    #: 0 to 1; the best decides which story a newcomer joins.
    score: float
    relation: Literal["copy", "report"]
    why: tuple[str, ...]


def group(
    newcomers: Sequence[Member],
    stories: Sequence[StoryMembers],
    loose: Sequence[Member],
    *,
    host: str,
    year: int,
    standing: Mapping[EntryRef, Withheld | None] | None = None,
    words: Words = NO_WORDS,
    window: timedelta = WINDOW,
    level: Level = "story",
) -> Grouping:
    """The stories that ``newcomers`` join or make, whatever order they come in.

    ``stories`` and ``loose`` (stored, withheld, without a story) are those that may
    match. A newcomer joins the best-matching story, of equals the earlier one; without
    a match it mints its own, unless it is withheld. What waited for a story joins with
    the entry it matches. Entries that are known already change nothing; stories are
    never merged.

    ``standing``: entries that were just withdrawn or are listed again, and what holds
    them back now. A story whose lead was withdrawn is led by the next member.
    """
    board = _Board(
        newcomers,
        *_with_standing(standing or {}, stories, loose),
        words=words,
        window=window,
        level=level,
    )
    for ref in standing or ():
        board.touch(ref)
    for newcomer in sorted(newcomers, key=order_of):
        board.place(newcomer, host=host, year=year)
    return board.grouping()


def choose_lead(members: Sequence[Member]) -> Member:
    """The entry that is shown: on its own site, a report, the earliest.

    Withheld entries never lead; ValueError when there is no other.
    """
    return min((m for m in members if m.withheld is None), key=_lead_order)


def story_id(host: str, year: int, source_id: str, key: str) -> str:
    """A tag URI (RFC 4151) made from a story's first member: minted once, then kept."""
    return f"tag:{host},{year}:{hash64(source_id, key) & (2**64 - 1):016x}"


def story_ids(host: str, year: int, source_id: str, key: str) -> Iterator[str]:
    """The id that a first member mints, then those for when it is taken already."""
    yield story_id(host, year, source_id, key)
    for attempt in count(1):
        yield story_id(host, year, source_id, f"{key}\0{attempt}")


def lead_of(lead: EntryRef, members: Sequence[Member], *, announced: bool) -> EntryRef:
    """Chosen anew until documents have carried one, or if it is withdrawn."""
    withdrawn = any(m.ref == lead and m.withheld is Withheld.WITHDRAWN for m in members)
    if (withdrawn or not announced) and any(m.withheld is None for m in members):
        return choose_lead(members).ref
    return lead


def _with_standing(
    standing: Mapping[EntryRef, Withheld | None],
    stories: Sequence[StoryMembers],
    loose: Sequence[Member],
) -> tuple[Sequence[StoryMembers], Sequence[Member]]:
    """Stories and waiting entries as they are after this batch's withdrawals."""
    if not standing:
        return stories, loose

    def now(members: Sequence[Member]) -> tuple[Member, ...]:
        return tuple(
            replace(each, withheld=standing[each.ref]) if each.ref in standing else each
            for each in members
        )

    return [replace(story, members=now(story.members)) for story in stories], now(loose)


def likeness(
    one: Member,
    other: Member,
    shared_links: frozenset[int] = frozenset(),
    window: timedelta = WINDOW,
) -> Likeness | None:
    """Whether two entries tell one story by their fingerprints; None when not.

    The same link counts between sources alone: what one source says twice on one page
    it says for a reason. The same title and start counts inside a source too: it is
    how entries come back under a new guid. ``shared_links`` name no single page.
    """
    first, second = one.fingerprint, other.fingerprint
    same_text = (
        first.title is not None
        and first.title == second.title
        and first.start == second.start
    )
    same_link = first.link == second.link and first.link not in shared_links
    if first.link is not None and same_link and one.ref[0] != other.ref[0]:
        if same_text:
            return Likeness(_SAME_LINK, "copy", ("same link", "same title and start"))
        return Likeness(_SAME_LINK, "report", ("same link",))
    if same_text and _apart(one, other) <= window:
        return Likeness(_SAME_TEXT, "copy", ("same title and start",))
    return None


def _apart(one: Member, other: Member) -> timedelta:
    return abs(one.effective - other.effective)


def _lead_order(member: Member) -> tuple[Any, ...]:
    return (not member.own_site, member.relation == "copy", *order_of(member))


# --- what is known while a batch is grouped --------------------------------------


@dataclass(slots=True, kw_only=True)
class _Story:
    id: str
    lead: EntryRef
    members: list[Member]
    #: The earliest member's date: of two equal matches the earlier story is joined.
    began: datetime
    announced: bool = False

    def add(self, member: Member) -> None:
        self.members.append(member)
        self.began = min(self.began, member.effective)

    def frozen(self) -> StoryMembers:
        return StoryMembers(
            id=self.id,
            lead=lead_of(self.lead, self.members, announced=self.announced),
            members=tuple(self.members),
            announced=self.announced,
        )


class _Board:
    """Stories and waiting entries, found by what they have in common with another."""

    def __init__(
        self,
        newcomers: Sequence[Member],
        stories: Sequence[StoryMembers],
        loose: Sequence[Member],
        *,
        words: Words,
        window: timedelta,
        level: Level,
    ) -> None:
        self._words = words
        self._window = window
        self._level = level
        known = [member for story in stories for member in story.members]
        self._shared_links = _shared_links([*newcomers, *known, *loose])
        self._ids = {story.id for story in stories}
        self._minted: set[str] = set()
        self._touched: dict[str, _Story] = {}
        self._joins: list[Join] = []
        #: Every known entry's story; None while it waits for one.
        self._story_of: dict[EntryRef, _Story | None] = {}
        self._by_link: defaultdict[int, _Candidates] = defaultdict(_candidates)
        self._by_text: defaultdict[_Text, _Candidates] = defaultdict(_candidates)
        #: As ``Words.candidates`` calls them.
        self._by_number: dict[int, Member] = {}
        for found in stories:
            story = _Story(
                id=found.id,
                lead=found.lead,
                members=list(found.members),
                began=min(member.effective for member in found.members),
                announced=found.announced,
            )
            self._story_of.update((member.ref, story) for member in found.members)
        waiting = [member for member in loose if member.withheld is not Withheld.AD]
        for member in sorted((*known, *waiting), key=order_of):
            self._story_of.setdefault(member.ref, None)
            self._index(member)

    def touch(self, ref: EntryRef) -> None:
        """Give back the entry's story, whether anything joins it or not."""
        story = self._story_of.get(ref)
        if story is not None:
            self._touched[story.id] = story

    def place(self, newcomer: Member, *, host: str, year: int) -> None:
        """Put a newcomer where it belongs, if need be in a story of its own."""
        if newcomer.ref in self._story_of or newcomer.withheld is Withheld.AD:
            return
        self._story_of[newcomer.ref] = None
        alike = self._alike(newcomer)
        found = self._best_match(alike)
        self._index(newcomer)
        if found is None and newcomer.withheld is None:
            story = self._mint(newcomer, host=host, year=year)
            found = story, Likeness(1.0, "report", ("first",))
        if found is not None:
            self._join(newcomer, *found, alike)

    def _mint(self, first: Member, *, host: str, year: int) -> _Story:
        """A new story of which ``first`` is to be the first member."""
        ids = story_ids(host, year, first.ref[0], first.key)
        identity = next(each for each in ids if each not in self._ids)
        self._ids.add(identity)
        self._minted.add(identity)
        return _Story(id=identity, lead=first.ref, members=[], began=first.effective)

    def grouping(self) -> Grouping:
        return Grouping(
            stories=tuple(story.frozen() for story in self._touched.values()),
            minted=frozenset(self._minted),
            joins=tuple(self._joins),
        )

    def _best_match(self, alike: Sequence[_Alike]) -> tuple[_Story, Likeness] | None:
        matches = [
            (story, like)
            for other, like in alike
            if (story := self._story_of[other.ref]) is not None
        ]
        return min(matches, key=_preference, default=None)

    def _alike(self, member: Member) -> list[_Alike]:
        """Known entries that tell the same story."""
        if self._level == "none":
            return []
        found = list(self._same_prints(member))
        refs = {other.ref for other, _ in found}
        found += (pair for pair in self._same_words(member) if pair[0].ref not in refs)
        return found

    def _same_prints(self, member: Member) -> Iterator[_Alike]:
        prints = member.fingerprint
        candidates: dict[EntryRef, Member] = {}
        if prints.link is not None and prints.link not in self._shared_links:
            candidates.update((m.ref, m) for m in self._by_link[prints.link])
        if prints.title is not None:
            same = self._by_text[prints.title, prints.start]
            candidates.update((m.ref, m) for m in same)
        for other in candidates.values():
            like = likeness(member, other, self._shared_links, self._window)
            if like is not None and other.ref != member.ref:
                yield other, like

    # --- by words

    def _same_words(self, member: Member) -> Iterator[_Alike]:
        """Entries whose words tell the same, in stories that have room for a member."""
        words = self._words
        if member.ref not in words.weighed:
            return
        found = {
            other.ref: (other, like)
            for other in self._worth_comparing(member)
            if (like := self._words.compare(member, other)) is not None
            and self._is_same(member, other, like)
            and (self._level == "story" or like.relation == "copy")
        }
        best: dict[str, Similarity] = {}
        for other, like in found.values():
            story = self._story_of[other.ref]
            if story and (story.id not in best or like.score > best[story.id].score):
                best[story.id] = like
        for other, like in found.values():
            story = self._story_of[other.ref]
            if story is None or self._takes(story, member, best[story.id]):
                yield other, Likeness(like.score, like.relation, like.why)

    def _worth_comparing(self, member: Member) -> list[Member]:
        """Those that share most: stored ones and newcomers that were placed before."""
        found = [
            (-part, order_of(other), other)
            for number, part in self._words.candidates[member.ref].items()
            if (other := self._by_number.get(number)) is not None
        ]
        found.sort()
        return [
            other
            for *_, other in found[:MOST_COMPARED]
            if other.withheld is not Withheld.AD
            and other.ref != member.ref
            and _apart(member, other) <= self._window
        ]

    def _is_same(
        self, one: Member, other: Member, like: Similarity, more: float = 0.0
    ) -> bool:
        first, second = self._words.of(one), self._words.of(other)
        assert first is not None  # noqa: S101 - they were compared
        assert second is not None  # noqa: S101
        return is_same(
            like,
            first,
            second,
            apart=_apart(one, other),
            same_source=one.ref[0] == other.ref[0],
            more=more,
        )

    def _takes(self, story: _Story, member: Member, best: Similarity) -> bool:
        """Whether a story has room for a member that is like one of its entries.

        It has to be like the first one too, or surely like the one, and like half of a
        sample: else chains would grow from a festival to its tickets to a trial. What
        grows asks for more. A source tells a story once; updates repeat their text.
        """
        if best.near:
            return True
        known = [other for other in story.members if other.signature is not None]
        if any(other.ref[0] == member.ref[0] for other in story.members):
            return False
        if len(known) < 2:
            return True
        known.sort(key=order_of)
        more = tightened(len(story.members))
        first = self._words.compare(member, known[0])
        if best.score < SURE + more and not (
            first is not None and self._is_same(member, known[0], first, more)
        ):
            return False
        step = max(len(known) / _SAMPLE, 1.0)
        sample = [known[int(place * step)] for place in range(min(len(known), _SAMPLE))]
        scores = [
            found.score
            for other in sample
            if (found := self._words.compare(member, other))
        ]
        return 2 * sum(score >= SUPPORT for score in scores) >= len(scores)

    def _join(
        self, member: Member, story: _Story, like: Likeness, alike: Sequence[_Alike]
    ) -> None:
        """Add a member to a story, and with it what waited for one like it."""
        self._touched[story.id] = story
        arriving: deque[tuple[Member, Likeness, Sequence[_Alike]]] = deque()
        arriving.append((member, like, alike))
        while arriving:
            member, like, alike = arriving.popleft()
            if self._story_of[member.ref] is None:
                self._add(member, story, like)
                arriving.extend(
                    (other, other_like, self._alike(other))
                    for other, other_like in alike
                    if self._story_of[other.ref] is None
                    and other.withheld is not Withheld.AD
                )

    def _add(self, member: Member, story: _Story, like: Likeness) -> None:
        self._story_of[member.ref] = story
        story.add(
            member
            if member.relation == like.relation
            else replace(member, relation=like.relation)
        )
        self._joins.append(
            Join(
                entry=member.ref,
                story=story.id,
                relation=like.relation,
                score=like.score,
                why=like.why,
            )
        )

    def _index(self, member: Member) -> None:
        prints = member.fingerprint
        if prints.link is not None:
            self._by_link[prints.link].append(member)
        if prints.title is not None:
            self._by_text[prints.title, prints.start].append(member)
        number = member.number or self._words.numbers.get(member.ref)
        if number is not None:
            self._by_number[number] = member


_Alike = tuple[Member, Likeness]
_Text = tuple[int, int | None]
_Candidates = deque[Member]


def _candidates() -> _Candidates:
    return deque(maxlen=_MOST_CANDIDATES)


def _preference(match: tuple[_Story, Likeness]) -> tuple[Any, ...]:
    """The best match first; of equals the earlier story, there a copy's reason."""
    story, like = match
    return (-like.score, story.began, story.id, like.relation != "copy", like.why)


def _shared_links(members: Sequence[Member]) -> frozenset[int]:
    """Links that one source gives to several of its entries: sections, not pages.

    Entries of one title are one, re-posted under a new guid.
    """
    titles: defaultdict[tuple[str, int], set[int | str]] = defaultdict(set)
    for member in members:
        prints = member.fingerprint
        if prints.link is not None and member.withheld is not Withheld.AD:
            titles[member.ref[0], prints.link].add(prints.title or member.key)
    return frozenset(link for (_, link), found in titles.items() if len(found) > 1)
