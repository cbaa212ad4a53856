"""The store's door. Every method is one transaction; times are aware, in UTC."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from aggregator.clock import Clock, SystemClock
from aggregator.model import (
    Alert,
    AlertBook,
    CalendarEvent,
    EntryRef,
    Fingerprint,
    Grouping,
    HubState,
    IndexedWords,
    Member,
    Notice,
    PollOutcome,
    PublishedStory,
    Source,
    SourceState,
    StoredEntry,
    StoryHeader,
    StoryMembers,
    Subscription,
    ToldStory,
    Vocabulary,
    Watch,
    WordsRead,
)
from aggregator.store import (
    alerts,
    calendar,
    decisions,
    entries,
    hubs,
    publications,
    reports,
    rereading,
    sources,
    stories,
    subscriptions,
    upgrading,
    withdrawals,
    words,
)
from aggregator.store.bulk import delete_many, insert_many, update_many
from aggregator.store.database import Database
from aggregator.store.lock import writers_lock
from aggregator.store.record import record
from aggregator.store.records import (
    DocumentRecord,
    EntryHistory,
    Published,
    Recorded,
    Removal,
    Request,
    Summary,
)
from aggregator.store.retention import expire
from aggregator.store.schema import birth, document, outage, publication
from aggregator.store.values import from_micros, to_micros

T = TypeVar("T")

#: Long enough for a cycle that is just ending; then a person wants to know.
LOCK_TIMEOUT = timedelta(seconds=10)


class Store:
    """What is remembered, in SQLite or PostgreSQL.

    One thread writes, others may read at the same time, each method in a snapshot of
    its own. Storing the same thing twice is a no-op. Whatever goes wrong in the
    database is a StoreError, and the transaction it happened in changed nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Makes sure, before a write, that the writer's lock is still held.
        self._keep_lock: Callable[[], None] = lambda: None
        #: Used by the one thread that writes.
        self._recent = words.Recent()

    @classmethod
    def open(cls, url: str, *, writing: bool, clock: Clock | None = None) -> Store:
        """Open ``sqlite:///…`` or ``postgresql://…``.

        Writing makes what is missing (on PostgreSQL the database itself must be there)
        and brings an older schema up to date. Reading raises StoreError when there is
        nothing to read, or nothing this version understands. Paths are taken as they
        are; a relative one counts from the working folder.
        """
        return cls(upgrading.open_current(url, clock or SystemClock(), writing=writing))

    def close(self) -> None:
        with self._database.translated():
            self._database.engine.dispose()

    @cached_property
    def created(self) -> datetime:
        """When this store came into being, to the second."""
        created: int = self._read(
            lambda connection: connection.execute(select(birth.c.created)).scalar_one()
        )
        return from_micros(created)

    @property
    def believed(self) -> datetime | None:
        """By what time entries expired last; None: never."""
        believed: int | None = self._read(
            lambda connection: connection.execute(select(birth.c.believed)).scalar_one()
        )
        return from_micros(believed)

    @contextmanager
    def lock(self, timeout: timedelta = LOCK_TIMEOUT) -> Iterator[None]:
        """The writer's lock; Locked, with the holder's pid, when it stays taken.

        One that is lost meanwhile is taken again before the next write, or that raises.
        """
        with writers_lock(self._database, timeout) as self._keep_lock:
            try:
                yield
            finally:
                self._keep_lock = lambda: None

    # --- sources

    def sync_sources(
        self, configured: Sequence[Source], topics: Sequence[str] | None = None
    ) -> None:
        """Make rows for the sources in feeds.yaml; `topics`: the topics' keys, in order.

        A source that is no longer there keeps its entries and is marked. Without
        `topics` the order that is stored stays.
        """

        def write(connection: Connection) -> None:
            sources.sync_sources(connection, configured)
            if topics is not None:
                sources.sync_topics(connection, topics)

        self._write(write)

    def states(self) -> dict[str, SourceState]:
        """The state of every source that has a row, by source id."""
        return self._read(sources.load_states)

    def offline_since(self) -> datetime | None:
        """Since when this machine has been offline; None: it is not."""
        since: int | None = self._read(
            lambda connection: connection.execute(select(outage)).scalar()
        )
        return from_micros(since)

    def save_outage(
        self, since: datetime | None, states: Sequence[SourceState] = ()
    ) -> None:
        """Record that this machine is offline, or (None) no longer; and these states."""

        def write(connection: Connection) -> None:
            connection.execute(outage.delete())
            if since is not None:
                connection.execute(outage.insert().values(since=to_micros(since)))
            numbers = sources.source_numbers(connection, {each.id for each in states})
            sources.save_states(connection, states, numbers)

        self._write(write)

    # --- subscriptions

    def subscriptions(self) -> tuple[Subscription, ...]:
        return self._read(subscriptions.load)

    def save_subscriptions(
        self, changed: Sequence[Subscription], gone: Sequence[str] = ()
    ) -> None:
        """Write these, new or known by their tokens, and forget the tokens in `gone`."""
        self._write(lambda connection: subscriptions.save(connection, changed, gone))

    # --- entries

    def known(self, source_id: str) -> dict[int, int | None]:
        """Key hash to content hash, of a source's entries and tombstones.

        None for an entry that its source took back.
        """
        return self._read(lambda connection: entries.known(connection, source_id))

    def entries(self, refs: Collection[EntryRef]) -> dict[EntryRef, StoredEntry]:
        """Those of the entries that are stored."""
        return self._read(lambda connection: entries.load_entries(connection, refs))

    def listings(self, source_ids: Collection[str]) -> dict[str, Sequence[int]]:
        """The key hashes in each source's last document, in its order."""
        return self._read(lambda connection: sources.listings(connection, source_ids))

    def effective_dates(self, refs: Collection[EntryRef]) -> dict[EntryRef, datetime]:
        """Of those entries that are stored and not withdrawn."""
        return self._read(lambda connection: entries.effective_dates(connection, refs))

    def stories_of(self, refs: Collection[EntryRef]) -> tuple[StoryMembers, ...]:
        """The stories that have one of the entries as a member, whole."""
        return self._read(lambda connection: entries.stories_of(connection, refs))

    def alike(
        self,
        source_ids: Collection[str],
        *,
        links: Collection[int],
        titles: Collection[int],
    ) -> dict[str, list[Fingerprint]]:
        """Entries of these sources with one of the hashes, by source; the latest first."""
        return self._read(
            lambda connection: entries.alike(connection, source_ids, links, titles)
        )

    def neighbours(
        self,
        *,
        links: Collection[int],
        titles: Collection[int],
        since: datetime,
        numbers: Collection[int] = (),
    ) -> tuple[tuple[StoryMembers, ...], tuple[Member, ...]]:
        """What new entries may join: whole stories, and entries without a story.

        They have, or have a member with, one of the link hashes (of any age), of the
        title hashes (effective from `since` on), or of the numbers in `vocabulary`.
        """
        return self._read(
            lambda connection: entries.neighbours(
                connection, links, titles, since, numbers
            )
        )

    def vocabulary(self, stems: Collection[int], now: datetime) -> Vocabulary:
        """How often stems occur, and which entries of the window they find."""
        return self._read(
            lambda connection: words.load_vocabulary(
                connection, self._recent, stems, now
            )
        )

    def indexed(self, numbers: Collection[int]) -> list[IndexedWords]:
        """What the entries with these numbers, which `vocabulary` gave, say."""
        return self._read(lambda connection: words.load_indexed(connection, numbers))

    def record(self, outcomes: Sequence[PollOutcome], grouping: Grouping) -> Recorded:
        """Store a batch of polls and the stories they made, whole or not at all."""
        return self._write(
            lambda connection: record(connection, outcomes, grouping, self._recent)
        )

    def split(self, grouping: Grouping, now: datetime) -> None:
        """Carry out what ``dedup.decided.split`` found, and remember it."""
        self._write(lambda connection: decisions.split(connection, grouping, now))

    def merge(self, grouping: Grouping, gone: str, now: datetime) -> None:
        """Carry out what ``dedup.decided.merge`` found; the id ``gone`` is no more."""
        self._write(lambda connection: decisions.merge(connection, grouping, gone, now))

    # --- what operators take back

    def ask(self, request: Request) -> None:
        """Leave word for whoever publishes next; it takes no writer's lock."""
        self._write(lambda connection: withdrawals.ask(connection, request))

    def requests(self) -> list[Request]:
        """What was asked and is not settled, in order."""
        return self._read(withdrawals.requests)

    def settle_requests(self, done: Sequence[Request]) -> None:
        """Forget them; what was asked anew meanwhile stays."""
        if done:
            self._write(lambda connection: withdrawals.settle(connection, done))

    def present_id(self, story_id: str) -> str | None:
        """The id that a story has now, after merges; None when there never was one."""
        return self._read(
            lambda connection: withdrawals.present_id(connection, story_id)
        )

    def withdrawn_for_good(self, ids: Collection[str]) -> set[str]:
        """Those of the stories that an operator withdrew."""
        return self._read(
            lambda connection: publications.withdrawn_for_good(connection, ids)
        )

    def withdraw_story(self, story_id: str, now: datetime) -> None:
        """Take a story back for good: nothing that sources do brings it back."""
        self._write(
            lambda connection: withdrawals.withdraw_story(connection, story_id, now)
        )

    def restore_story(self, story_id: str, now: datetime) -> None:
        """Undo `withdraw_story`; what its source took back as well stays so."""
        self._write(
            lambda connection: withdrawals.restore_story(connection, story_id, now)
        )

    def told_by(self, source_id: str) -> list[EntryRef]:
        """A source's entries in stories, but for those that an operator took back."""
        return self._read(lambda connection: withdrawals.told_by(connection, source_id))

    def withdraw_entries(
        self, refs: Collection[EntryRef], grouping: Grouping, now: datetime
    ) -> None:
        """Take entries back for good; `grouping`: their stories without them."""
        self._write(
            lambda connection: withdrawals.withdraw_entries(
                connection, refs, grouping, now
            )
        )

    def restore_entries(self, source_id: str, now: datetime) -> None:
        """Undo `withdraw_entries` for all of a source's."""
        self._write(
            lambda connection: withdrawals.restore_entries(connection, source_id, now)
        )

    def taken_ids(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that a story has, or had."""
        return self._read(lambda connection: decisions.taken_ids(connection, ids))

    def expire(
        self,
        now: datetime,
        keep_unpublished: timedelta,
        keep_published: timedelta | None,
    ) -> int:
        """Remove what is too old; how many entries.

        An entry that its source still lists leaves a tombstone, so that it is not new
        again; the tombstone goes when the source no longer lists it.
        """
        removed = self._write(
            lambda connection: expire(connection, now, keep_unpublished, keep_published)
        )
        self._write(lambda connection: words.forget_stems(connection, now))
        # Called once an hour, by `run` too: a copy of the file alone, or a log that gets
        # lost, is then at most an hour old.
        self._database.checkpoint()
        return removed

    # --- entries read again

    def stories_since(self, since: datetime) -> list[int]:
        """Numbers, for `story_entries`, of the stories published from `since` on."""
        return self._read(lambda connection: rereading.stories_since(connection, since))

    def story_entries(
        self, numbers: Collection[int]
    ) -> tuple[tuple[StoryMembers, ...], dict[EntryRef, StoredEntry]]:
        """Whole stories, by `stories_since`'s numbers, and their members' entries."""

        def ask(
            connection: Connection,
        ) -> tuple[tuple[StoryMembers, ...], dict[EntryRef, StoredEntry]]:
            found = entries.load_stories(connection, numbers)
            refs = [member.ref for one in found for member in one.members]
            return found, entries.load_entries(connection, refs)

        return self._read(ask)

    def loose_since(self, since: datetime) -> list[EntryRef]:
        """Entries in no story, dated from `since` on."""
        return self._read(lambda connection: rereading.loose_since(connection, since))

    def latest(self, limit: int) -> list[EntryRef]:
        """The entries stored last, the newest first."""
        return self._read(lambda connection: rereading.latest(connection, limit))

    def count_entries(self) -> int:
        return self._read(rereading.count_entries)

    def save_words(
        self, read: Mapping[EntryRef, WordsRead], stories: Collection[str]
    ) -> None:
        """Replace what entries say; revisions of `stories`, by id, rise.

        Dates and ids stay: other rules are no news.
        """
        self._write(lambda connection: rereading.save_words(connection, read, stories))

    # --- stories

    def announce(self) -> int:
        """Fix lead, dates and id of the stories that documents may now show; how many.

        Each gets its number in every feed that it is published in, by date, then id.
        Stories whose lead is withheld wait.
        """
        return self._write(publications.announce)

    def headers(self, topic: str | None, since: datetime) -> Iterator[StoryHeader]:
        """Announced stories from `since` on, of one topic or (None) of all.

        Newest first, then by position, then by id; read a page at a time, so that a
        caller who has enough may stop.
        """
        last: StoryHeader | None = None
        while True:
            after = last
            page = self._read(
                lambda connection, after=after: stories.header_page(  # type: ignore[misc]
                    connection, topic, since, after
                )
            )
            yield from page
            if len(page) < stories.PAGE:
                return
            last = page[-1]

    def headers_of(self, ids: Collection[str]) -> list[StoryHeader]:
        """Of these stories, in any order; unknown ids are left out."""
        return self._read(lambda connection: stories.headers_of(connection, ids))

    def stories(self, ids: Sequence[str]) -> list[PublishedStory]:
        """Whole stories, in the order asked; unknown ids are left out."""
        return self._read(lambda connection: stories.load_published(connection, ids))

    # --- the order of publication

    def last_number(self, feed: str) -> int:
        """How many stories were ever published in a feed: "" or a topic's, a place's key."""
        return self._read(lambda connection: publications.last_number(connection, feed))

    def published(self, feed: str, first: int, last: int) -> list[Published]:
        """A feed's publications from number to number, but for those taken back."""
        return self._read(
            lambda connection: publications.published(connection, feed, first, last)
        )

    def publication_numbers(self, story_id: str) -> dict[str, int]:
        """The story's number in every feed in which it was published."""
        return self._read(
            lambda connection: publications.numbers_of(connection, story_id)
        )

    def removals(
        self,
        feed: str,
        since: datetime,
        *,
        numbers: tuple[int, int] | None = None,
        limit: int,
    ) -> list[Removal]:
        """What was taken back from a feed since then, the latest first.

        `numbers`: of the publications from the first to the last of them alone.
        """
        return self._read(
            lambda connection: publications.removals(
                connection, feed, since, numbers, limit
            )
        )

    def stale_publications(self) -> list[tuple[str, int]]:
        """Feed and number of those whose archive shows what is no longer to be shown."""
        return self._read(publications.stale)

    def settle_publications(self, settled: Sequence[tuple[str, int]]) -> None:
        """The archives of these were written anew."""
        if settled:
            self._write(
                lambda connection: update_many(
                    connection,
                    publication,
                    ("stale",),
                    [(False, *each) for each in settled],
                )
            )

    # --- the calendar

    def unread_stories(self, topic: str, since: datetime) -> list[ToldStory]:
        """Announced stories of a topic since then that the calendar has not read as they are.

        Those it has read and that lost the topic are among them.
        """
        return self._read(
            lambda connection: calendar.unread_stories(connection, topic, since)
        )

    def calendar_around(
        self, stories: Collection[str], days: range
    ) -> list[CalendarEvent]:
        """Rows that stories told or minted, and those that touch these days (ordinals).

        In any order.
        """
        return self._read(
            lambda connection: calendar.rows_around(connection, stories, days)
        )

    def save_calendar(
        self, rows: Sequence[CalendarEvent], told: Sequence[ToldStory]
    ) -> None:
        """Replace these rows; the stories are read."""
        self._write(lambda connection: calendar.save_calendar(connection, rows, told))

    def calendar(self, since: date) -> list[CalendarEvent]:
        """What some story tells and is not over before that day, by first day, then uid."""
        return self._read(lambda connection: calendar.calendar(connection, since))

    def calendar_of(self, stories: Collection[str]) -> dict[str, list[CalendarEvent]]:
        """The events that stories tell, by the stories' ids."""
        return self._read(lambda connection: calendar.calendar_of(connection, stories))

    # --- documents

    def documents(self) -> dict[str, DocumentRecord]:
        """The manifest, by name: what was written last under each."""
        rows = self._read(lambda connection: connection.execute(select(document)).all())
        return {
            row.name: DocumentRecord(
                name=row.name,
                fingerprint=row.fingerprint,
                digest=row.digest,
                tag=row.tag,
            )
            for row in rows
        }

    def save_documents(
        self, records: Iterable[DocumentRecord], gone: Iterable[str] = ()
    ) -> None:
        """Replace what the manifest says under these names; forget those that are gone."""
        rows = [
            (each.name, each.fingerprint, each.digest, each.tag) for each in records
        ]
        names = [(name,) for name in gone]
        if not rows and not names:
            return

        def write(connection: Connection) -> None:
            insert_many(
                connection, document, rows, replace=("fingerprint", "digest", "tag")
            )
            delete_many(connection, document, names)

        self._write(write)

    # --- hubs that are told of documents

    def hubs(self) -> dict[str, HubState]:
        """By address, also those that feeds.yaml no longer names."""
        return self._read(hubs.load)

    def save_hubs(self, changed: Sequence[HubState]) -> None:
        self._write(lambda connection: hubs.save(connection, changed))

    # --- alerts

    def alert_book(self) -> AlertBook:
        """What is open, and what is known of the clock."""
        return self._read(alerts.load_book)

    def save_alerts(
        self,
        opened: Sequence[Alert],
        closed: Sequence[Alert],
        notices: Sequence[Notice],
        watch: Watch,
    ) -> None:
        """What one look changed, with what is to be told of it."""
        self._write(
            lambda connection: alerts.save(connection, opened, closed, notices, watch)
        )

    def notices(self) -> list[Notice]:
        """What the webhook has not accepted yet, in the order in which it happened."""
        return self._read(alerts.load_notices)

    def settle_notices(
        self, settled: Sequence[Notice], later: Sequence[Notice]
    ) -> None:
        """Forget those that are settled; keep the attempts of the others."""
        self._write(
            lambda connection: alerts.settle_notices(connection, settled, later)
        )

    def newest_entries(self, ids: Collection[str]) -> dict[str, datetime]:
        """The newest effective date of each source that has entries."""
        if not ids:
            return {}
        return self._read(lambda connection: alerts.newest_entries(connection, ids))

    def entry_days(self, ids: Collection[str]) -> dict[str, list[datetime]]:
        """The newest effective date of every hour with entries, newest first, by source."""
        if not ids:
            return {}
        return self._read(lambda connection: alerts.entry_days(connection, ids))

    # --- status and explain

    def summary(self, now: datetime) -> Summary:
        return self._read(lambda connection: reports.summary(connection, now))

    def find(self, query: str) -> tuple[EntryRef, ...]:
        """Entries by link, guid or published id; those that lead a story first.

        A story's id finds all its members.
        """
        return self._read(lambda connection: entries.find(connection, query))

    def history(self, ref: EntryRef) -> EntryHistory | None:
        """All that is known of an entry; None when it is not stored."""
        return self._read(lambda connection: reports.history(connection, ref))

    # --- upkeep

    def migrate(self) -> tuple[str, str]:
        """Bring the schema up to date; the revisions before and after."""
        return upgrading.upgrade(self._database, SystemClock())

    def backup(self, path: Path) -> None:
        """A copy in a new file, also while another process writes."""
        from aggregator.store.backup import backup

        backup(self._database, path)

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with self._database.transaction() as connection:
            return ask(connection)

    def _write(self, change: Callable[[Connection], T]) -> T:
        self._keep_lock()
        with self._database.transaction(writing=True) as connection:
            return change(connection)


def migrate(url: str) -> tuple[str, str]:
    """Bring the database behind `url` up to date; the revisions before and after.

    "none" stands for a database that did not exist.
    """
    return upgrading.migrate(url, SystemClock())
