"""What an operator decides about stories: taken apart, put together, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from aggregator.app.commands import publish_now
from aggregator.app.wiring import open_store, sync
from aggregator.clock import Clock, SystemClock
from aggregator.config import Config
from aggregator.dedup import decided
from aggregator.errors import Locked, NotDone
from aggregator.model import EntryRef, StoryMembers
from aggregator.store import LOCK_TIMEOUT, Request, Store

#: So long a command that need not write itself waits for the lock before it looks
#: whether the holder has done what was asked.
LOOK_FOR_LOCK = timedelta(seconds=0.5)


def split_story(
    config: Config, entries: Sequence[str], clock: Clock | None = None
) -> dict[str, Any]:
    """Take entries out of their story, each into one of its own; publishes.

    Each is named by link or guid. Raises NotDone when one names no entry of a story, or
    several, or cannot leave it.
    """
    now = (clock or SystemClock()).now()
    site = config.site
    year = now.astimezone(ZoneInfo(site.timezone)).year
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        sync(store, config)
        refs = [_one_entry(store, name) for name in entries]
        stories = store.stories_of(refs)
        if len(stories) != 1:
            raise NotDone("the entries are not of one story")
        (story,) = stories
        _refuse_withdrawn(store, [story.id])
        ids = [
            each
            for member in story.members
            if member.ref in refs
            for each in decided.possible_ids(
                member.ref, member.key, host=site.host, year=year
            )
        ]
        try:
            grouping = decided.split(
                story, refs, host=site.host, year=year, taken=store.taken_ids(ids)
            )
        except ValueError as error:
            raise NotDone(str(error)) from error
        store.split(grouping, now)
        publish_now(store, config, clock)
    made = [each.id for each in grouping.stories[1:]]
    return {"story": story.id, "made": made}


def merge_stories(
    config: Config, one: str, other: str, clock: Clock | None = None
) -> dict[str, Any]:
    """Make two stories one; publishes. Each is named by its id, or by an entry of it."""
    now = (clock or SystemClock()).now()
    with open_store(config, writing=True, clock=clock) as store, store.lock():
        sync(store, config)
        found: list[StoryMembers] = []
        for name in (one, other):
            refs = store.find(name)
            stories = store.stories_of(refs)
            if len(stories) != 1:
                raise NotDone(f"{name} names {len(stories) or 'no'} stories")
            found += stories
        if found[0].id == found[1].id:
            raise NotDone("that is one story already")
        _refuse_withdrawn(store, [each.id for each in found])
        grouping, gone = decided.merge(*found)
        store.merge(grouping, gone, now)
        publish_now(store, config, clock)
    return {"story": grouping.stories[0].id, "gone": gone}


def withdraw(
    config: Config,
    name: str,
    *,
    of_source: bool = False,
    undo: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Take a story, or all that a source told, out of every document; or bring it back.

    `name`: a story's id, an entry of it, or (`of_source`) a source's id. While another
    process holds the writer's lock, that one does what is asked, and this waits for it.
    NotDone when nothing is so called; Locked when the other one takes too long: it goes
    on to do it at its next publishing.
    """
    clock = clock or SystemClock()
    with open_store(config, writing=True, clock=clock) as store:
        request = Request(
            scope="source" if of_source else "story",
            target=_one_source(store, name) if of_source else _one_story(store, name),
            undo=undo,
            asked=clock.now(),
        )
        store.ask(request)
        _publish_or_wait(store, config, request, clock)
    return {request.scope: request.target, "withdrawn": not undo}


def _one_source(store: Store, name: str) -> str:
    if name not in store.states():
        raise NotDone(f"no source is called {name}; `aggregator status` lists them")
    return name


def _one_story(store: Store, name: str) -> str:
    """The id of the story that a published id, a link or a guid names."""
    stories = store.stories_of(store.find(name))
    if len(stories) == 1:
        return stories[0].id
    # Merged, or expired from the store and still in an archive.
    if not stories and (present := store.present_id(name)):
        return present
    raise NotDone(f"{name} names {len(stories) or 'no'} stories; give a published id")


def _one_entry(store: Store, name: str) -> EntryRef:
    refs = store.find(name)
    if len(refs) == 1:
        return refs[0]
    # A link that several sources give: their guids tell them apart.
    raise NotDone(f"{name} names {len(refs) or 'no'} entries; give a guid")


def _publish_or_wait(
    store: Store, config: Config, request: Request, clock: Clock
) -> None:
    """Carry the request out, unless the holder of the lock does it first."""
    deadline = monotonic() + LOCK_TIMEOUT.total_seconds()
    while True:
        try:
            with store.lock(LOOK_FOR_LOCK):
                sync(store, config)
                publish_now(store, config, clock)
                return
        except Locked:
            if request not in store.requests():
                return
            if monotonic() > deadline:
                raise


def _refuse_withdrawn(store: Store, ids: Sequence[str]) -> None:
    """Regrouped, what was taken back would be published again."""
    for id_ in store.withdrawn_for_good(ids):
        raise NotDone(f"{id_} is withdrawn; `aggregator withdraw --undo` comes first")
