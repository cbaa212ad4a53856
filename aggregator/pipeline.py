"""The way data flows, from top to bottom; nothing flows back.

    due sources
      -> fetch        bytes, "not modified", or an error that is a value
      -> read         in a worker: parse, analyse, tag (reading.py)
      -> settle       admit new entries, judge edits, group into stories
      -> record       one transaction a batch
      -> publish      the documents whose content changed (documents/)

`Intake` and `Pipeline` hold the steps for one configuration; `Machine` keeps many
sources in flight and one writer behind them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from aggregator import outage, scheduler
from aggregator.clock import Clock
from aggregator.config import Config
from aggregator.dedup import presence
from aggregator.dedup.arrival import admit
from aggregator.dedup.candidates import (
    NO_WORDS,
    Words,
    drop_unlike,
    read_signatures,
    stems_of,
    weigh_words,
)
from aggregator.dedup.edits import judge_edit
from aggregator.dedup.presence import Presence
from aggregator.dedup.renames import (
    NO_RENAMES,
    Renames,
    find_renames,
    may_be_migration,
)
from aggregator.dedup.stories import group
from aggregator.errors import StoreError
from aggregator.fetch import GaveWay, Politeness, Turn, fetch_source
from aggregator.http import Client
from aggregator.links import registrable_domain
from aggregator.model import (
    ChangedEntry,
    DocumentJob,
    DocumentRead,
    Edit,
    EntryRead,
    EntryRef,
    Failed,
    Fetched,
    FetchResult,
    Fingerprint,
    Grouping,
    IndexUpdate,
    Member,
    NewEntry,
    NotModified,
    PollOutcome,
    Pushed,
    RecordedWarning,
    Rename,
    Rung,
    Source,
    SourceError,
    SourceState,
    SourceWarning,
    StoredEntry,
    StoryMembers,
    Validators,
    Withheld,
)
from aggregator.pool import Pool
from aggregator.publish.select import cutoff
from aggregator.store import Recorded, Store

T = TypeVar("T")

#: Gives the key hashes and content hashes that are stored of a source.
KnownEntries = Callable[[str], Awaitable[Mapping[int, int | None]]]

#: A batch is committed when it holds so many polls ...
BATCH_POLLS = 200
#: ... or so many entries, or so much text (they are what takes memory) ...
BATCH_ENTRIES = 2_000
BATCH_CHARACTERS = 5_000_000
#: ... or is so old.
BATCH_SECONDS = 1.0

#: Polls that wait for the committer; more keep their turn and their host's.
BACKLOG = 32
#: Bytes of pushes that are being read or wait for it, in all; what each counts at least.
#: A hub that pushes more makes its sources be polled instead.
PUSHED_BYTES = 50_000_000
LEAST_PUSH = 100_000
#: Pushes of a source that take longer to read than this many seconds take a tenth of one
#: worker at most; what comes meanwhile has the source polled instead.
QUICK_PUSH = 0.5
PUSH_REST = 10
#: After so many single polls that the database refused, it is the database: waiting
#: for its lock once more for each of the others would take minutes.
REFUSED_IN_A_ROW = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one poll of one source found, before anything is decided."""

    source: Source
    #: Before the poll.
    state: SourceState
    result: FetchResult
    #: None when nothing had to be read: a 304, known bytes, a failed fetch.
    read: DocumentRead | SourceError | None = None
    #: Key hashes and content hashes that were stored before the poll; None: withdrawn.
    known: Mapping[int, int | None] = field(default_factory=dict)
    #: The document was pushed, not polled: it may hold its newest entries alone.
    pushed: Pushed | None = None
    #: Which new entries are stored ones under other keys; found out from the store.
    renames: Renames = NO_RENAMES

    @property
    def urgent(self) -> bool:
        """A hub brought the document, or word of it: readers are to have it at once."""
        pushes = self.state.pushes
        return self.pushed is not None or (pushes is not None and pushes.hint)

    @property
    def error(self) -> SourceError | None:
        if isinstance(self.result, Failed):
            return self.result.error
        return self.read if isinstance(self.read, SourceError) else None

    @property
    def entries(self) -> tuple[EntryRead, ...]:
        return self.read.entries if isinstance(self.read, DocumentRead) else ()

    @property
    def listed(self) -> frozenset[int]:
        """Key hashes in the document, of entries that are stored as they are stored."""
        seen = self.read.seen if isinstance(self.read, DocumentRead) else ()
        old = self.renames.old
        return frozenset(old.get(key, key) for key in seen) if old else frozenset(seen)

    def stored_key(self, read: EntryRead) -> int:
        """The key hash that the entry has in the store, or will have."""
        key = read.fingerprint.key
        return self.renames.old.get(key, key)

    def new_prints(self) -> list[Fingerprint]:
        return [
            read.fingerprint
            for read in self.entries
            if read.fingerprint.key not in self.known
        ]

    def is_switched(self) -> bool:
        """Whether this document made the source go down the ladder of its keys."""
        return isinstance(self.read, DocumentRead) and self.read.rung != self.state.rung

    def may_be_migration(self) -> bool:
        new = len(self.new_prints())
        return self.is_switched() or may_be_migration(new, len(self.listed))


class Intake:
    """Fetch and read: one source by itself, many at a time. Decides and stores nothing."""

    def __init__(
        self,
        config: Config,
        *,
        client: Client,
        politeness: Politeness,
        pool: Pool,
        clock: Clock,
    ) -> None:
        self._config = config
        self._client = client
        self._politeness = politeness
        self._pool = pool
        self._clock = clock

    @property
    def waiting(self) -> int:
        """How many documents wait for a worker."""
        return self._pool.waiting

    def turn(
        self, source: Source, *, late: bool = False
    ) -> AbstractAsyncContextManager[Turn]:
        """Wait for the source's turn, and hold it: poll, and hand the result on, inside.

        So what is fetched and not yet stored is bounded by ``fetch.concurrency``.
        `late`: it is likely to hang, and others go first.
        """
        return self._politeness.turn(source.url, late=late)

    async def poll(
        self,
        source: Source,
        state: SourceState,
        known_entries: KnownEntries,
        giving_way: AbstractAsyncContextManager[None],
    ) -> Poll:
        """Fetch a source and read what is new in it; `giving_way` is held meanwhile."""
        mark = _reading_mark(source)
        if state.body_hash is not None and not state.body_hash.startswith(mark):
            # The operator has it read otherwise now: the same bytes may say another thing.
            state = replace(state, body_hash=None, validators=Validators())
        async with giving_way:
            result = await fetch_source(
                source.url,
                scheduler.conditions(state, self._clock.now()),
                client=self._client,
                timeout=self._config.fetch.timeout,
                max_bytes=source.max_bytes,
                clock=self._clock,
            )
        if isinstance(result, Fetched):
            result = replace(result, body_hash=mark + result.body_hash)
        if not isinstance(result, Fetched) or result.body_hash == state.body_hash:
            return Poll(source=source, state=state, result=result)
        known: Mapping[int, int | None] = {}
        if state.first_success is not None:
            known = await known_entries(source.id)
        read = await self._pool.run(self._job(source, state, result, known))
        return Poll(source=source, state=state, result=result, read=read, known=known)

    async def read_push(
        self,
        source: Source,
        state: SourceState,
        pushed: Pushed,
        known_entries: KnownEntries,
    ) -> Poll:
        """Read what is new in a push, as if it had been polled."""
        result = Fetched(
            url=pushed.topic,
            body=pushed.body,
            content_type=pushed.content_type,
            validators=Validators(),
            body_hash=b"",
            fetched_at=pushed.pushed_at,
        )
        known = await known_entries(source.id)
        job = self._job(source, state, result, known)
        read = await self._pool.run(replace(job, whole=False))
        return Poll(
            source=source,
            state=state,
            result=result,
            read=read,
            known=known,
            pushed=pushed,
        )

    def _job(
        self,
        source: Source,
        state: SourceState,
        result: Fetched,
        known: Mapping[int, int | None],
    ) -> DocumentJob:
        publish, site = self._config.publish, self._config.site
        tag_since = cutoff(result.fetched_at, site.timezone, publish.max_age)
        if state.first_success is None and isinstance(publish.first_sight, timedelta):
            # What is withheld can still join a story, which then has its topics.
            youngest = result.fetched_at - max(
                publish.first_sight, self._config.dedup.window
            )
            tag_since = max(tag_since, youngest)
        return DocumentJob(
            source=source,
            url=result.url,
            body=result.body,
            content_type=result.content_type,
            known=known,
            tag_since=tag_since,
            fetched_at=result.fetched_at,
            timezone=site.timezone,
            rung=state.rung,
            match_since=None
            if self._config.dedup.level == "none"
            else result.fetched_at - self._config.dedup.window,
        )


def _reading_mark(source: Source) -> bytes:
    """Four bytes before a body's hash that change with what says how it is read."""
    settings = (source.kind, source.page, source.encoding, source.timezone)
    return blake2b(repr(settings).encode(), digest_size=4).digest()


class Pipeline:
    """The steps, in order, for one configuration."""

    def __init__(
        self,
        config: Config,
        *,
        intake: Intake,
        store: Store,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self.intake = intake
        self._store = store
        self._clock = clock
        self._jitter = jitter
        self._born = store.created

    def now(self) -> datetime:
        return self._clock.now()

    def source(self, source_id: str) -> Source | None:
        """The source with this id, when it is configured and enabled."""
        found = (one for one in self.config.sources if one.id == source_id)
        return next((one for one in found if one.enabled), None)

    def known_entries(self, source_id: str) -> Mapping[int, int | None]:
        return self._store.known(source_id)

    def begin_outage(self, since: datetime) -> None:
        self._store.save_outage(since)

    def end_outage(
        self, states: Mapping[str, SourceState]
    ) -> Mapping[str, SourceState]:
        """The states of those that are overdue, as they are polled after an outage."""
        late = outage.after_return(states.values(), self.now(), self._jitter)
        self._store.save_outage(None, late)
        return {state.id: state for state in late}

    # --- settle, record: a batch at a time, in the store's thread

    def commit(self, polls: Sequence[Poll]) -> tuple[Recorded, dict[str, SourceState]]:
        """Decide what the polls mean and store it, in one transaction."""
        polls = self._with_renames(polls)
        changed = {
            (poll.source.id, key)
            for poll in polls
            for read in poll.entries
            if (key := poll.stored_key(read)) in poll.known
        }
        stored = self._store.entries(changed) if changed else {}
        presences = self._presences(polls)
        outcomes = [
            self._outcome(poll, stored, presence)
            for poll, presence in zip(polls, presences, strict=True)
        ]
        grouping = self._group(outcomes, _standing(outcomes, stored))
        recorded = self._store.record(outcomes, grouping)
        return recorded, {outcome.state.id: outcome.state for outcome in outcomes}

    def _with_renames(self, polls: Sequence[Poll]) -> list[Poll]:
        """The polls, each with its new entries that are stored under other keys."""
        new = {
            poll.source.id: found
            for poll in polls
            if poll.pushed is None and poll.known and (found := poll.new_prints())
        }
        if not new:
            return list(polls)
        many = {poll.source.id for poll in polls if poll.may_be_migration()}
        stored = self._store.alike(
            new,
            links={one.link for found in new.values() for one in found if one.link},
            titles={
                one.title for id_ in new.keys() & many for one in new[id_] if one.title
            },
        )
        return [
            replace(
                poll,
                renames=find_renames(
                    new[poll.source.id],
                    stored[poll.source.id],
                    poll.listed,
                    switched=poll.is_switched(),
                ),
            )
            if poll.source.id in stored
            else poll
            for poll in polls
        ]

    def _presences(self, polls: Sequence[Poll]) -> list[Presence]:
        """What each poll says of entries that are listed no longer.

        Nothing is looked up for a document that lists what the last one did, or lost
        only its end.
        """
        followed = {poll.source.id: poll for poll in polls if _follows(poll)}
        listings = self._store.listings(followed) if followed else {}
        before: dict[str, Sequence[int]] = {}
        refs: set[EntryRef] = set()
        for source_id, poll in followed.items():
            assert isinstance(poll.read, DocumentRead)  # noqa: S101 - see _follows
            listed = listings.get(source_id, ())
            before[source_id] = listed[::-1] if poll.read.oldest_first else listed
            seen = poll.listed
            if poll.state.absences or presence.went(before[source_id], seen):
                absent = (key for one in poll.state.absences for key in one.keys)
                refs.update((source_id, key) for key in seen.union(listed, absent))
        dates = self._store.effective_dates(refs) if refs else {}
        effective: dict[str, dict[int, datetime]] = {}
        for (source_id, key), date in dates.items():
            effective.setdefault(source_id, {})[key] = date
        return [
            _presence(
                poll, before.get(poll.source.id, ()), effective.get(poll.source.id, {})
            )
            for poll in polls
        ]

    def _outcome(
        self,
        poll: Poll,
        stored: Mapping[EntryRef, StoredEntry],
        presence: Presence,
    ) -> PollOutcome:
        """What one poll changes: the source's state, new entries, edits."""
        if poll.pushed is not None:
            return self._outcome_of_push(poll, poll.pushed, stored)
        error, jitter = poll.error, self._jitter()
        if error is not None:
            state = scheduler.after_failure(
                poll.state,
                poll.source,
                error,
                now=poll.result.fetched_at,
                jitter=jitter,
            )
            return PollOutcome(state=state)
        assert not isinstance(poll.result, Failed)  # noqa: S101 - for the type checker
        read = poll.read if isinstance(poll.read, DocumentRead) else None
        new = self._admit(poll)
        state = scheduler.after_success(
            poll.state,
            poll.source,
            poll.result,
            read and _with_warnings(poll, read, new, presence),
            known=poll.known.keys() | poll.renames.old.keys(),
            new_entries=bool(new),
            arrivals=[one.admission.effective for one in new],
            jitter=jitter,
        )
        rung = _rung(poll) if read else state.rung
        if (presence.absences, rung) != (state.absences, state.rung):
            state = replace(state, absences=presence.absences, rung=rung)
        return PollOutcome(
            state=state,
            seen=read.seen if read else (),
            whole=read is None or _is_complete(read.warnings),
            new=new,
            renamed=_renamed(poll),
            changed=_edits(poll, read, stored) if read else (),
            withdrawn=presence.withdrawn,
        )

    def _outcome_of_push(
        self, poll: Poll, pushed: Pushed, stored: Mapping[EntryRef, StoredEntry]
    ) -> PollOutcome:
        """What one push changes: it says nothing of what the source no longer lists."""
        now, lease = pushed.pushed_at, pushed.lease
        assert isinstance(poll.read, DocumentRead)  # noqa: S101 - Machine polls instead
        new = self._admit(poll)
        state = scheduler.after_push(poll.state, poll.source, now, lease, new=bool(new))
        return PollOutcome(
            state=state,
            whole=False,
            new=new,
            changed=_edits(poll, poll.read, stored),
        )

    def _admit(self, poll: Poll) -> tuple[NewEntry, ...]:
        fresh = [
            read for read in poll.entries if poll.stored_key(read) not in poll.known
        ]
        # A machine without a clock starts in 1970, and an entry's first date stays.
        now = max(poll.result.fetched_at, self._born)
        admissions = admit(
            fresh,
            now=now,
            first_sight=self.config.publish.first_sight,
            # A portal that changes its guids may list its archive besides.
            first_poll=poll.state.first_success is None or poll.renames.migration,
            ads=self.config.publish.ads,
        )
        return tuple(
            NewEntry(read=read, first_seen=now, admission=admission)
            for read, admission in zip(fresh, admissions, strict=True)
        )

    def _group(
        self,
        outcomes: Sequence[PollOutcome],
        standing: Mapping[EntryRef, Withheld | None],
    ) -> Grouping:
        """The stories that the batch's new entries make or join, or that lose a member."""
        newcomers = self._newcomers(outcomes)
        if not newcomers and not standing:
            return Grouping(stories=(), minted=frozenset(), joins=())
        now, words = self._clock.now(), self._words(newcomers)
        stories, loose = self._neighbours(newcomers, words) if newcomers else ((), ())
        if standing:
            whole = {each.id: each for each in self._store.stories_of(standing)}
            stories = (*({each.id: each for each in stories} | whole).values(),)
        site, dedup = self.config.site, self.config.dedup
        grouping = group(
            newcomers,
            stories,
            loose,
            host=site.host,
            year=now.astimezone(ZoneInfo(site.timezone)).year,
            standing=standing,
            words=words,
            window=dedup.window,
            level=dedup.level,
        )
        # Entries come up to one window late, and match those of one window before.
        since = now - 2 * dedup.window
        index = IndexUpdate(entries=words.index(newcomers), now=now, since=since)
        return replace(grouping, index=index)

    def _words(self, newcomers: Sequence[Member]) -> Words:
        """What the newcomers' words tell, beside those of stored entries."""
        signatures = read_signatures(newcomers)
        if not signatures:
            return NO_WORDS
        stems = stems_of(signatures)
        vocabulary = self._store.vocabulary(stems, self._clock.now())
        words = weigh_words(signatures, vocabulary)
        stored = self._store.indexed(words.stored)
        return drop_unlike(words, newcomers, stored, self.config.dedup.window)

    def _neighbours(
        self, newcomers: Sequence[Member], words: Words
    ) -> tuple[tuple[StoryMembers, ...], tuple[Member, ...]]:
        prints = [member.fingerprint for member in newcomers]
        window = self.config.dedup.window
        return self._store.neighbours(
            links={found.link for found in prints if found.link is not None},
            titles={found.title for found in prints if found.title is not None},
            since=min(member.effective for member in newcomers) - window,
            numbers=words.stored,
        )

    def _newcomers(self, outcomes: Sequence[PollOutcome]) -> list[Member]:
        """New entries that can make or join a story.

        What is withheld and was old when first seen can do neither: nobody will see it,
        and most of a first crawl is of that kind.
        """
        order = {source.id: source for source in self.config.sources}
        window = self.config.dedup.window
        return [
            _member(order[outcome.state.id], new)
            for outcome in outcomes
            for new in outcome.new
            if new.admission.withheld is None
            or new.first_seen - new.admission.effective <= window
        ]


def _rung(poll: Poll) -> Rung:
    """What the source's entries are known by from now on."""
    assert isinstance(poll.read, DocumentRead)  # noqa: S101 - for the type checker
    again = any(warning.code == "migration" for warning in poll.state.warnings)
    if poll.read.rung == "guid" and poll.renames.migration and again:
        # New ones with every document: they say nothing.
        return "link"
    return poll.read.rung


def _renamed(poll: Poll) -> tuple[Rename, ...]:
    return tuple(
        Rename(key=one.entry.key, old=old, new=one.fingerprint.key)
        for one in poll.entries
        if (old := poll.renames.old.get(one.fingerprint.key)) is not None
    )


def _with_warnings(
    poll: Poll, read: DocumentRead, new: Sequence[NewEntry], presence: Presence
) -> DocumentRead:
    """The document with what only shows beside the store."""
    warnings = list(read.warnings)
    held = sum(one.admission.withheld is Withheld.FLOOD for one in new)
    if held:
        message = (
            f"{held} entries more than one poll may publish are stored and withheld"
        )
        warnings.append(SourceWarning(code="flood", message=message))
    if poll.renames.migration and read.rung == "guid":
        message = (
            f"{len(poll.renames.old)} of {len(read.seen)} entries came under new guids;"
            " known by their links or texts, they keep their ids and dates"
        )
        warnings.append(SourceWarning(code="migration", message=message))
    if presence.shrunk:
        message = (
            f"{presence.shrunk} entries are missing beside {len(read.seen)} listed ones;"
            " taken for the source's fault, none of them was withdrawn"
        )
        warnings.append(SourceWarning(code="shrunk", message=message))
    return replace(read, warnings=tuple(warnings))


def _is_complete(warnings: Iterable[SourceWarning | RecordedWarning]) -> bool:
    """Whether all of the document was read: what an ill-formed one lacks may be there."""
    return not any(warning.code in {"recovered", "cut"} for warning in warnings)


def _follows(poll: Poll) -> bool:
    """Whether the poll read a document that can be compared with the last one."""
    return (
        poll.pushed is None
        and poll.source.withdrawals
        # None: the last one was of another address, or was read in another way.
        and poll.state.body_hash is not None
        and isinstance(poll.read, DocumentRead)
    )


def _presence(
    poll: Poll, before: Sequence[int], effective: Mapping[int, datetime]
) -> Presence:
    state, now = poll.state, poll.result.fetched_at
    untold = poll.error is not None or isinstance(poll.result, NotModified)
    if untold or poll.pushed is not None:
        return Presence(absences=state.absences)
    if not poll.source.withdrawals or state.body_hash is None:
        return Presence()
    if isinstance(poll.read, DocumentRead):
        return presence.judge(
            state.absences,
            before,
            poll.listed,
            effective,
            whole=_is_complete(poll.read.warnings),
            last=state.last_success,
            now=now,
        )
    # The bytes of the last document again: it counts as often as it comes, unless it
    # was one that counts for nothing.
    shrunk = any(warning.code == "shrunk" for warning in state.warnings)
    if shrunk or not state.absences or not _is_complete(state.warnings):
        return Presence(absences=state.absences)
    return presence.again(state.absences, last=state.last_success, now=now)


def _standing(
    outcomes: Sequence[PollOutcome], stored: Mapping[EntryRef, StoredEntry]
) -> dict[EntryRef, Withheld | None]:
    """Entries that were withdrawn or are listed again, and what holds them back now."""
    standing: dict[EntryRef, Withheld | None] = {}
    for outcome in outcomes:
        source_id = outcome.state.id
        for key in outcome.withdrawn:
            standing[source_id, key] = Withheld.WITHDRAWN
        for changed in outcome.changed:  # by the key that is stored
            old = stored.get((source_id, changed.read.fingerprint.key))
            if old is not None and old.withheld is Withheld.WITHDRAWN:
                standing[old.ref] = old.admitted
    return standing


def _member(source: Source, new: NewEntry) -> Member:
    entry, found = new.read.entry, new.read.fingerprint
    return Member(
        ref=(source.id, found.key),
        source_order=source.order,
        key=entry.key,
        fingerprint=found,
        effective=new.admission.effective,
        position=entry.position,
        withheld=new.admission.withheld,
        own_site=_is_own_site(entry.link, source.url),
        topics=frozenset(score.topic for score in new.read.topics if score.tagged),
        signature=new.read.signature,
    )


def _is_own_site(link: str | None, source_url: str) -> bool:
    if link is None:
        return False
    host_of = scheduler.host_of
    return registrable_domain(host_of(link)) == registrable_domain(host_of(source_url))


def _edits(
    poll: Poll, read: DocumentRead, stored: Mapping[EntryRef, StoredEntry]
) -> tuple[ChangedEntry, ...]:
    """Known entries that read otherwise now, judged; those long expired stay so."""
    changes: list[ChangedEntry] = []
    for one in read.entries:
        key = poll.stored_key(one)
        if key not in poll.known:
            continue
        old = stored.get((poll.source.id, key))
        # Of an expired entry only the hash is kept, so that it is read once.
        edit = judge_edit(old, one, read.shared_blocks) if old else Edit.NOISE
        if old and not one.tagged:
            one = replace(one, topics=old.topics, events=old.events, places=old.places)
        if key != one.fingerprint.key:
            one = replace(one, fingerprint=replace(one.fingerprint, key=key))
            # The portal's new system words it otherwise: no reason to read it again.
            edit = Edit.CORRECTION if edit is Edit.NEWS else edit
        changes.append(
            ChangedEntry(read=one, edit=edit, seen_at=poll.result.fetched_at)
        )
    return tuple(changes)


# --- many sources, one writer -------------------------------------------------------


class StoreThread:
    """The one thread in which the store is used, so that the event loop never waits."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, function, *arguments
        )

    def close(self) -> None:
        """Give up what waits for its turn; a call that runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class Totals:
    """What the machine did since it was made."""

    polled: int = 0
    fetched: int = 0
    not_modified: int = 0
    failed: int = 0
    entries_new: int = 0
    entries_updated: int = 0
    stories_new: int = 0
    stories_changed: bool = False
    #: Polls whose result could not be stored.
    lost: int = 0

    def count(self, poll: Poll) -> None:
        if poll.pushed is not None:
            return
        self.polled += 1
        if poll.error is not None:
            self.failed += 1
        elif poll.read is None:
            self.not_modified += 1
        else:
            self.fetched += 1

    def add(self, recorded: Recorded) -> None:
        self.entries_new += recorded.entries_new
        self.entries_updated += recorded.entries_updated
        self.stories_new += recorded.stories_new
        self.stories_changed |= recorded.stories_changed


class Meter:
    """Is told what the machine did; this one forgets it. See metrics.py."""

    def polled(self, poll: Poll, seconds: float) -> None: ...

    def committed(self, recorded: Recorded, seconds: float) -> None: ...

    def published(self, documents: int) -> None: ...


class Machine:
    """Keeps sources in flight and commits their results as they come.

    `submit` and `take` hand work over and return at once. `pipeline` may be replaced
    while it runs: polls in flight end with the one they began with.

    Polls that nobody answered are kept until somebody is polled who does, and are
    committed then; or until it shows that this machine is offline, and are forgotten.

    `on_stories` is told of every commit that changed a story, and whether any of what
    was committed is urgent.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        states: Mapping[str, SourceState],
        store_thread: StoreThread,
        *,
        offline_since: datetime | None = None,
        on_poll: Callable[[Source], None] = lambda source: None,
        on_stories: Callable[[bool], None] = lambda urgent: None,
        meter: Meter | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.states = dict(states)
        #: None: this machine is online, as far as is known.
        self.offline_since = offline_since
        self.totals = Totals()
        self._store_thread = store_thread
        self._on_poll = on_poll
        self._on_stories = on_stories
        self._meter = meter or Meter()
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        #: In flight, or not yet committed: not to be polled again.
        self._busy: set[str] = set()
        #: Polls since the last answer; busy until the verdict.
        self._unanswered: list[tuple[Pipeline, Poll]] = []
        #: When a source was last asked whether anybody answers.
        self._asked: datetime | None = None
        #: Hosts that asked for peace since the machine was made, and until when.
        self._closed: dict[str, datetime] = {}
        #: What comes after a source's poll or push in flight: pushes, oldest first, and
        #: the last change of its state.
        self._pushes: dict[str, deque[Pushed]] = {}
        self._changes: dict[str, Callable[[SourceState], SourceState]] = {}
        self._pushed_bytes = 0
        #: When word of news last had, or will have, a source polled.
        self._hinted: dict[str, datetime] = {}
        #: Monotonic times until which pushes of a source are not read.
        self._resting: dict[str, float] = {}
        self._polls: asyncio.Queue[tuple[Pipeline, Poll] | None] = asyncio.Queue(
            BACKLOG
        )
        self._committer = asyncio.create_task(self._commit_as_they_come())

    def submit(self, sources: Iterable[Source], *, insist: bool = False) -> None:
        """Poll these sources, except those that are being polled.

        Without `insist` a source is left for later when another one of its host was
        answered with Retry-After since.
        """
        for source in sorted(sources, key=self._may_hang):
            if source.id not in self._busy:
                self._busy.add(source.id)
                self._in_flight[source.id] = asyncio.create_task(
                    self._poll(self.pipeline, source, insist=insist)
                )

    def take(self, source_id: str, pushed: Pushed) -> None:
        """Read what a hub pushed, after what is in flight of its source.

        More than may wait is taken for word of news: the source is polled.
        """
        size = max(len(pushed.body), LEAST_PUSH)
        if self._pushed_bytes and self._pushed_bytes + size > PUSHED_BYTES:
            self._poll_instead(source_id, pushed)
            return
        self._pushed_bytes += size
        self._pushes.setdefault(source_id, deque()).append(pushed)
        if source_id not in self._busy:
            self._free(source_id)

    def hint(self, source_id: str, now: datetime, lease: datetime) -> None:
        """A hub said that there is news: poll the source at once, once a minute at most."""
        poll_at = scheduler.hinted_poll(self._hinted.get(source_id), now)
        self._hinted[source_id] = poll_at
        self.change(
            source_id,
            partial(scheduler.after_hint, poll_at=poll_at, now=now, lease=lease),
        )

    def change(
        self, source_id: str, change: Callable[[SourceState], SourceState]
    ) -> None:
        """Change what is remembered of a source, now or after what is in flight of it."""
        if source_id in self._busy:
            self._changes[source_id] = change
        elif source_id in self.states:
            self.states[source_id] = change(self.states[source_id])

    async def finish(self, patience: timedelta | None = None) -> None:
        """Wait until nothing is in flight and all is committed; cancel after `patience`."""
        tasks = list(self._in_flight.values())
        if tasks:
            seconds = patience.total_seconds() if patience else None
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._polls.join()

    async def those_in_flight(self) -> None:
        """Wait for the polls that are in flight now, not for those that follow."""
        if tasks := list(self._in_flight.values()):
            await asyncio.wait(tasks)

    async def close(self) -> None:
        self._committer.cancel()
        await asyncio.gather(self._committer, return_exceptions=True)

    async def _poll(self, pipeline: Pipeline, source: Source, *, insist: bool) -> None:
        delivered = False
        late = self._may_hang(source)
        try:
            try:
                delivered = await self._in_turn(
                    pipeline, source, insist=insist, late=late, gives_way=True
                )
            except GaveWay:
                log.info("put off", extra={"source": source.id})
                delivered = await self._in_turn(
                    pipeline, source, insist=insist, late=True, gives_way=False
                )
        finally:
            del self._in_flight[source.id]
            if not delivered:
                self._free(source.id)
        if not self._in_flight:
            await self._polls.put(None)  # nothing more will come: commit what is there
        self._on_poll(source)

    def _may_hang(self, source: Source) -> bool:
        state = self.states.get(source.id)
        return state is not None and outage.did_not_answer(state)

    async def _in_turn(
        self,
        pipeline: Pipeline,
        source: Source,
        *,
        insist: bool,
        late: bool,
        gives_way: bool,
    ) -> bool:
        """Poll in the source's turn; whether the result was delivered. May raise GaveWay."""
        async with pipeline.intake.turn(source, late=late) as turn:
            if not insist and self._is_closed(source, pipeline.now()):
                return False
            giving_way = turn.giving_way() if gives_way else nullcontext()
            poll = await self._polled(pipeline, source, giving_way)
            if poll is None:
                return False
            await self._deliver(pipeline, poll)
            return True

    def _free(self, source_id: str) -> None:
        """Nothing of the source is in flight; what came meanwhile has its turn."""
        self._busy.discard(source_id)
        if change := self._changes.pop(source_id, None):
            self.change(source_id, change)
        pushes = self._pushes.get(source_id)
        if not pushes:
            return
        pushed = pushes.popleft()
        if not pushes:
            del self._pushes[source_id]
        self._busy.add(source_id)
        self._in_flight[source_id] = asyncio.create_task(
            self._push(self.pipeline, source_id, pushed)
        )

    async def _push(self, pipeline: Pipeline, source_id: str, pushed: Pushed) -> None:
        delivered = False
        try:
            poll = await self._pushed(pipeline, source_id, pushed)
            if poll is not None:
                await self._polls.put((pipeline, poll))
                delivered = True
        finally:
            self._pushed_bytes -= max(len(pushed.body), LEAST_PUSH)
            del self._in_flight[source_id]
            if not delivered:
                self._free(source_id)
        if not self._in_flight:
            await self._polls.put(None)

    async def _pushed(
        self, pipeline: Pipeline, source_id: str, pushed: Pushed
    ) -> Poll | None:
        source, state = pipeline.source(source_id), self.states.get(source_id)
        if source is None or state is None or state.first_success is None:
            return None  # taken out of feeds.yaml since
        started = time.monotonic()
        if started < self._resting.get(source_id, started):
            self._poll_instead(source_id, pushed)
            return None
        try:
            poll = await pipeline.intake.read_push(
                source,
                state,
                pushed,
                partial(self._store_thread.call, pipeline.known_entries),
            )
        except Exception:
            # The store's failure or a bug: nothing is lost, a poll finds the same.
            log.exception("push given up", extra={"source": source_id})
            self._poll_instead(source_id, pushed)
            return None
        seconds = time.monotonic() - started
        if seconds > QUICK_PUSH:
            self._resting[source_id] = started + seconds * PUSH_REST
        _log_poll(poll, seconds)
        if poll.error is not None:
            # What the hub sent makes no sense; that there is news it says still.
            self._poll_instead(source_id, pushed)
            return None
        return poll

    def _poll_instead(self, source_id: str, pushed: Pushed) -> None:
        self.hint(source_id, pushed.pushed_at, pushed.lease)

    async def _polled(
        self,
        pipeline: Pipeline,
        source: Source,
        giving_way: AbstractAsyncContextManager[None],
    ) -> Poll | None:
        state = self.states.get(source.id, SourceState(id=source.id))
        started = time.monotonic()
        try:
            poll = await pipeline.intake.poll(
                source,
                state,
                partial(self._store_thread.call, pipeline.known_entries),
                giving_way,
            )
        except GaveWay:
            raise
        except StoreError as error:
            log.error("poll given up", extra={"source": source.id, "error": str(error)})
            self._give_up(source, state, pipeline.now())
            return None
        except Exception:
            # A bug that one source met: every other source goes on.
            log.exception("poll ended by a bug", extra={"source": source.id})
            poll = Poll(source=source, state=state, result=_bug(pipeline.now()))
        seconds = time.monotonic() - started
        _log_poll(poll, seconds)
        self._meter.polled(poll, seconds)
        if poll.error is not None and poll.error.retry_at is not None:
            self._closed[scheduler.host_of(source.url)] = poll.error.retry_at
        return poll

    def _is_closed(self, source: Source, now: datetime) -> bool:
        until = self._closed.get(scheduler.host_of(source.url))
        return until is not None and now < until

    async def _deliver(self, pipeline: Pipeline, poll: Poll) -> None:
        """Hand a poll over to the committer, or keep it when nobody answered."""
        if not outage.was_answered(poll.result):
            self._unanswered.append((pipeline, poll))
            return
        if self.offline_since is not None:
            await self._come_back(pipeline)
        await self._blame_the_sources()
        await self._polls.put((pipeline, poll))

    # --- when nobody answers

    def submit_due(self, sources: Sequence[Source]) -> list[Source]:
        """Poll those whose time has come; offline, one a minute. Gives those asked.

        While nobody answers, sources are asked out of turn whether they do.
        """
        now = self.pipeline.now()
        polled: list[Source] = []
        if self.offline_since is None:
            polled = scheduler.due(sources, self.states, now)
            if self._unanswered and self._may_ask(now, outage.DOUBT):
                self._asked = now
                polled += self._others(sources, now)[:1]
        elif self._may_ask(now, outage.TRY_EVERY):
            self._asked = now
            candidates = outage.scouts(sources, self.states, now)
            polled = outage.whose_minute(candidates, self.offline_since, now)
        self.submit(polled)
        return polled

    def _may_ask(self, now: datetime, after: timedelta) -> bool:
        before = [self._asked] if self._asked else []
        if self._unanswered:
            before.append(self._unanswered[-1][1].result.fetched_at)
        return not before or not timedelta() <= now - max(before) < after

    def _others(self, sources: Sequence[Source], now: datetime) -> list[Source]:
        """Whom to ask whether anybody answers: at hosts that were not asked yet."""
        asked = {scheduler.host_of(poll.source.url) for _, poll in self._unanswered}
        found = outage.scouts(sources, self.states, now, but_hosts=asked)
        return [source for source in found if source.id not in self._busy]

    @property
    def in_doubt(self) -> bool:
        """Somebody has to `judge`."""
        return bool(self._unanswered)

    async def judge(self, sources: Sequence[Source], *, ended: bool = False) -> None:
        """Settle whose fault it is that nobody answered; `ended`: the round is over."""
        if not self._unanswered:
            return
        now = self.pipeline.now()
        if self.offline_since is not None:
            if outage.can_tell(sources):
                self._forgive()
                return
            await self._come_back(self.pipeline)  # feeds.yaml has become too short
        silence = self._unanswered[0][1].result.fetched_at
        found = outage.verdict(
            len({scheduler.host_of(poll.source.url) for _, poll in self._unanswered}),
            now - silence,
            nothing_left=ended
            or not (self._in_flight or self._others(sources, now))
            or not outage.can_tell(sources),
        )
        if found is outage.Verdict.THEM:
            await self._blame_the_sources()
        elif found is outage.Verdict.US:
            self._forgive()
            self.offline_since = self._asked = silence
            log.warning("offline", extra={"since": silence.isoformat()})
            await self._store_thread.call(self.pipeline.begin_outage, silence)

    async def _blame_the_sources(self) -> None:
        failed, self._unanswered = self._unanswered, []
        for each in failed:
            await self._polls.put(each)

    def _forgive(self) -> None:
        """As if they had not been polled: nobody has failed but this machine."""
        forgiven, self._unanswered = self._unanswered, []
        for _, poll in forgiven:
            self.totals.count(poll)
            self._free(poll.source.id)

    async def _come_back(self, pipeline: Pipeline) -> None:
        log.warning("online again")
        self.offline_since = None
        try:
            late = await self._store_thread.call(pipeline.end_outage, dict(self.states))
        except StoreError as error:
            log.error("end of outage not stored", extra={"error": str(error)})
        else:
            self.states.update(late)

    # --- one writer

    async def _commit_as_they_come(self) -> None:
        while True:
            batch = await self._batch()
            for pipeline in {id(pipeline): pipeline for pipeline, _ in batch}.values():
                polls = [poll for one, poll in batch if one is pipeline]
                await self._commit(pipeline, polls)
            for _, poll in batch:
                self._free(poll.source.id)
                self._polls.task_done()

    async def _batch(self) -> list[tuple[Pipeline, Poll]]:
        """The next polls to commit together: many, or all there are after a second."""
        batch: list[tuple[Pipeline, Poll]] = []
        entries = characters = 0
        deadline: float | None = None
        while (
            len(batch) < BATCH_POLLS
            and entries < BATCH_ENTRIES
            and characters < BATCH_CHARACTERS
        ):
            try:
                async with asyncio.timeout_at(deadline):
                    item = await self._polls.get()
            except TimeoutError:
                break
            if item is None:
                self._polls.task_done()
                if batch:
                    break
                continue
            batch.append(item)
            entries += len(item[1].entries)
            for one in item[1].entries:
                characters += len(one.entry.content or one.entry.summary or "")
            # What is urgent waits for nothing but what is there already.
            wait = 0.0 if item[1].urgent else BATCH_SECONDS
            end = asyncio.get_running_loop().time() + wait
            deadline = min(deadline or end, end)
        return batch

    async def _commit(self, pipeline: Pipeline, polls: list[Poll]) -> None:
        try:
            await self._commit_whole(pipeline, polls)
        except Exception as error:
            # Whatever it is, a bug included: one bad poll must not take down the others,
            # and nothing may end the committer.
            log.warning(
                "batch refused", extra={"polls": len(polls), "error": str(error)}
            )
            await self._commit_one_by_one(pipeline, polls)

    async def _commit_one_by_one(self, pipeline: Pipeline, polls: list[Poll]) -> None:
        refused = 0
        for poll in polls:
            if refused == REFUSED_IN_A_ROW:
                self._give_up(poll.source, poll.state, poll.result.fetched_at)
                continue
            try:
                await self._commit_whole(pipeline, [poll])
                refused = 0
            except StoreError as error:
                log.error(
                    "poll not stored",
                    extra={"source": poll.source.id, "error": str(error)},
                )
                refused += 1
                self._give_up(poll.source, poll.state, poll.result.fetched_at)
            except Exception:
                log.exception("poll not stored", extra={"source": poll.source.id})
                self._give_up(poll.source, poll.state, poll.result.fetched_at)

    async def _commit_whole(self, pipeline: Pipeline, polls: list[Poll]) -> None:
        started = time.monotonic()
        recorded, states = await self._store_thread.call(pipeline.commit, polls)
        self._meter.committed(recorded, time.monotonic() - started)
        for poll in polls:
            self.totals.count(poll)
        self.totals.add(recorded)
        self.states.update(states)
        if recorded.stories_changed:
            self._on_stories(any(poll.urgent for poll in polls))

    def _give_up(self, source: Source, state: SourceState, now: datetime) -> None:
        """The store failed, not the source: as if it had not been polled, it comes again."""
        self.totals.lost += 1
        reason = "interval: what the last poll found could not be stored"
        self.states[source.id] = replace(
            state,
            next_poll=now + scheduler.interval_of(source, state),
            last_poll=now,
            next_poll_reason=reason,
        )


def _bug(now: datetime) -> Failed:
    message = "a bug in the aggregator ended the poll; its log says where"
    return Failed(
        error=SourceError(code="parse:crash", message=message), fetched_at=now
    )


def _log_poll(poll: Poll, seconds: float) -> None:
    error = poll.error
    fields: dict[str, object] = {
        "source": poll.source.id,
        "result": error.code if error else "read" if poll.read else "not_modified",
        "entries": len(poll.entries),
        "ms": round(seconds * 1000),
    }
    if error:
        fields["error"] = error.message
    log.info("pushed" if poll.pushed else "polled", extra=fields)
