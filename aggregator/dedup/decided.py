"""What an operator decides about stories: what follows, without doing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import islice

from aggregator.dedup.stories import choose_lead, lead_of, story_ids
from aggregator.model import EntryRef, Grouping, Join, StoryMembers, Withheld

#: Reasons that ``explain`` gives.
SPLIT, MERGED = "split by the operator", "merged by the operator"


def split(
    story: StoryMembers,
    refs: Collection[EntryRef],
    *,
    host: str,
    year: int,
    taken: Collection[str],
) -> Grouping:
    """Each of the entries in a story of its own; the others keep theirs, and its id.

    ``taken``: ids that are in use. Where the lead leaves, the next entry leads. Raises
    ValueError when an entry cannot lead a story, or none is left that can lead this one.
    """
    leaving = [member for member in story.members if member.ref in refs]
    staying = tuple(member for member in story.members if member.ref not in refs)
    for member in leaving:
        if member.withheld is not None:
            raise ValueError(f"{member.key} is withheld, so it leads no story")
    if all(member.withheld is not None for member in staying):
        raise ValueError(f"nothing would be left that can lead {story.id}")
    lead = story.lead if story.lead not in refs else choose_lead(staying).ref
    stories, joins, ids = [replace(story, lead=lead, members=staying)], [], set(taken)
    for member in leaving:
        # Often not the first: the entry may have been the story's own first.
        names = story_ids(host, year, member.ref[0], member.key)
        identity = next(each for each in names if each not in ids)
        ids.add(identity)
        alone = replace(member, relation="report")
        stories.append(
            StoryMembers(
                id=identity, lead=member.ref, members=(alone,), announced=False
            )
        )
        joins.append(
            Join(
                entry=member.ref,
                story=identity,
                relation="report",
                score=1.0,
                why=(SPLIT,),
            )
        )
    return Grouping(
        stories=tuple(stories),
        minted=frozenset(each.id for each in stories[1:]),
        joins=tuple(joins),
    )


def withdraw(stories: Iterable[StoryMembers], refs: Collection[EntryRef]) -> Grouping:
    """The stories after these entries of theirs were taken back.

    Where the lead goes, the next entry leads; where none is left that can, nothing does.
    """
    gone = set(refs)
    left = []
    for story in stories:
        members = tuple(
            replace(member, withheld=Withheld.WITHDRAWN)
            if member.ref in gone
            else member
            for member in story.members
        )
        lead = lead_of(story.lead, members, announced=story.announced)
        left.append(replace(story, lead=lead, members=members))
    return Grouping(stories=tuple(left), minted=frozenset(), joins=())


def possible_ids(ref: EntryRef, key: str, *, host: str, year: int) -> list[str]:
    """Ids that ``split`` may give to an entry, so that one can look which are taken."""
    return list(islice(story_ids(host, year, ref[0], key), 100))


def merge(one: StoryMembers, other: StoryMembers) -> tuple[Grouping, str]:
    """One story of two, and the id that is gone.

    The one that documents have carried stays, of two such the older one; with its lead.
    """
    kept, gone = sorted((one, other), key=_age)
    members = (*kept.members, *gone.members)
    lead = lead_of(kept.lead, members, announced=kept.announced)
    joins = tuple(
        Join(
            entry=member.ref,
            story=kept.id,
            relation=member.relation,
            score=1.0,
            why=(MERGED,),
        )
        for member in gone.members
    )
    merged = replace(kept, lead=lead, members=members)
    return Grouping(stories=(merged,), minted=frozenset(), joins=joins), gone.id


def _age(story: StoryMembers) -> tuple[object, ...]:
    began = min(member.effective for member in story.members)
    return (not story.announced, began, story.id)
