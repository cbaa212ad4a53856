"""The frozen data that passes between the stages, in the order it is made.

Words are those of the field: source, entry, story, lead, topic, document (see
docs/architecture.md). Every datetime is aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from aggregator.text import plain_text

T = TypeVar("T")


def quickly_pickled(cls: type[T], *, derived: str | None = None) -> type[T]:
    """For frozen dataclasses with slots that workers send by the ten thousand.

    dataclasses' own way asks for the fields of each object anew, and sets them by name.
    The slot ``derived`` is not sent: the class works it out when somebody asks for it.
    """
    slots = [slot for slot in cls.__dict__["__slots__"] if slot != derived]
    values = attrgetter(*slots)
    setters = [cls.__dict__[slot].__set__ for slot in slots]

    def state(self: T) -> Any:
        return values(self)

    def restore(self: T, state: Any) -> None:
        for set_value, value in zip(setters, state, strict=True):
            set_value(self, value)

    setattr(cls, "__getstate__", state)  # noqa: B010 - mypy knows no such method
    setattr(cls, "__setstate__", restore)  # noqa: B010
    return cls


# --- configuration that the stages read ---------------------------------------

TermField = Literal["any", "title", "text", "category"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One rule of a topic, as the operator wrote it.

    ``written`` keeps its marks: ``театр`` (a lemma), ``выстав*`` (a prefix),
    ``=МХАТ`` (this form alone), ``премьера спектакля`` (a phrase of lemmas),
    ``{any: [хор, оркестр]}`` (a group of such terms).
    """

    written: str
    #: ``all``: every member in one sentence; ``any``: some member, counted once.
    kind: Literal["term", "all", "any"] = "term"
    #: Of a group: its terms as written.
    members: tuple[str, ...] = ()
    #: Terms that must not stand in the sentence of a match.
    none: tuple[str, ...] = ()
    weight: float = 1.0
    field: TermField = "any"
    #: Most words that may stand between two lemmas of a phrase.
    gap: int = 2
    #: Only in ``not``: the topic is not given at all when this matches.
    veto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    key: str
    title: str
    #: The sum that gives the topic; scaled down for short texts.
    threshold: float
    words: tuple[Term, ...] = ()
    #: ``not:`` in feeds.yaml: weights taken off the sum, and vetoes.
    excluded: tuple[Term, ...] = ()
    #: Source categories that give the topic; ``Афиша*`` is a prefix.
    categories: tuple[str, ...] = ()
    #: Weights of the text's beginning, middle and rest; None: the default.
    positions: tuple[float, float, float] | None = None
    #: A topic needs a title match or two different words in the lead; None: the default.
    title_gate: bool | None = None
    #: A public happening and a date in one sentence give the topic.
    event_frame: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A municipality of the gazetteer, with the names by which texts mention it."""

    key: str
    title: str
    #: Enough by themselves, in any case; ``Эсто-Садок/Эсто-Садка`` writes them out.
    names: tuple[str, ...] = ()
    #: Names that other things bear too: they need «станица», «село» or «в … » beside.
    unsure: tuple[str, ...] = ()
    #: ``сочинский``: may begin with a small letter.
    adjectives: tuple[str, ...] = ()
    #: ``Туапсинский``, before «район» and «муниципальный округ».
    district: str | None = None


#: What a source's entries are known by, best first; each takes the next where it is empty.
Rung = Literal["guid", "link", "link+title", "title+text"]
RUNGS: tuple[Rung, ...] = ("guid", "link", "link+title", "title+text")

SourceKind = Literal["feed", "sitemap", "page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSelectors:
    """Where the entries of a page without a feed stand: CSS selectors.

    All but ``item`` are looked for inside an item; the first match counts.
    """

    item: str
    title: str
    #: None: the first link inside the item.
    link: str | None = None
    date: str | None = None
    #: As for strptime, day, month and year in it; None: dates are recognised.
    date_format: str | None = None
    summary: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing in feeds.yaml that is polled."""

    id: str
    url: str
    name: str
    #: Place in feeds.yaml, from 0: decides between equals.
    order: int
    #: Topics given to every entry.
    topics: tuple[str, ...] = ()
    #: Where adapting to the source's own pace starts.
    interval: timedelta
    #: Bounds of adapting; None: ``interval``, which is fixed then.
    min_interval: timedelta | None = None
    max_interval: timedelta | None = None
    #: IANA name; the zone of dates that carry none.
    timezone: str
    #: The operator's word on the bytes' encoding; None: found out per document.
    encoding: str | None = None
    content: Literal["title", "summary", "full"]
    rights: str | None = None
    max_bytes: int
    enabled: bool = True
    kind: SourceKind = "feed"
    #: Set for a page, and for nothing else.
    page: PageSelectors | None = None
    #: Entries that the source takes back are withdrawn.
    withdrawals: bool = True


# --- fetch --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a conditional request sends back, byte-exact (latin-1 text); RFC 9110, 8.8."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLinks:
    """Where news of a document are pushed from (WebSub, 4), as it or its headers say."""

    #: http(s), best first, a few at most; the topic is subscribed to at one of them.
    hubs: tuple[str, ...] = ()
    #: rel=self: the topic's name at the hubs; None when nothing names it.
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceError:
    """Why a poll of one source failed; a value, never the end of a cycle."""

    #: A code of docs/operating.md, such as ``http_404`` or ``not_a_feed:html``.
    code: str
    #: One English sentence for the operator, at most 500 characters.
    message: str
    #: The server asked not to be polled before this (Retry-After).
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A document as it came from the server, inflated, not yet looked into."""

    #: Where the bytes came from, after redirects.
    url: str
    body: bytes
    #: Content-Type as sent; None when absent.
    content_type: str | None
    validators: Validators
    #: 16 bytes over ``body``: an unchanged 200 costs no parse.
    body_hash: bytes
    fetched_at: datetime
    #: The server's hint (Cache-Control, Expires): polling earlier is pointless.
    fresh_for: timedelta | None = None
    #: The last address of a chain of redirects that were all 301 or 308.
    permanent_url: str | None = None
    #: What the Link headers name.
    hub_links: HubLinks = HubLinks()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    #: Those the 304 carried; None in a field means: keep the stored one.
    validators: Validators
    fetched_at: datetime
    fresh_for: timedelta | None = None
    permanent_url: str | None = None
    hub_links: HubLinks = HubLinks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    error: SourceError
    fetched_at: datetime
    #: A server gave an HTTP answer, be it a redirect or half a document.
    answered: bool = False


FetchResult = Fetched | NotModified | Failed


# --- parse --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    url: str
    type: str | None = None
    #: Bytes; None when the source gave none or nonsense.
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose entry it is by the source's word: ``atom:source``, or RSS's ``<source>``.

    A claim, shown by ``explain`` alone: identity and attribution never follow it.
    """

    title: str | None = None
    link: str | None = None


@partial(quickly_pickled, derived="text")
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of one source, clean: text is text, markup is sanitised, links are absolute."""

    #: Identity inside its source: guid, else link, else title and text.
    key: str
    title: str
    #: As the source gave it, made absolute; None when it gave none that is http(s).
    link: str | None
    canonical_link: str | None
    #: Sanitised HTML; None when the source gave none.
    summary: str | None
    content: str | None
    #: Plain text of content, else of summary: what is analysed and compared.
    text: str
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    #: BCP 47; None when neither entry nor feed says.
    language: str | None = None
    #: As claimed; None when missing or unreadable.
    published: datetime | None = None
    updated: datetime | None = None
    origin: Origin | None = None
    #: Place in the document, from 0.
    position: int

    if not TYPE_CHECKING:  # for a type checker, any misspelt attribute would be one

        def __getattr__(self, name: str) -> str:
            """``text`` of an entry that came from a worker: few are asked for it."""
            if name != "text":
                raise AttributeError(name)
            text = plain_text(self.content or "") or plain_text(self.summary or "")
            object.__setattr__(self, "text", text)
            return text


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedInfo:
    """What a feed says of itself; fills atom:source."""

    title: str | None = None
    link: str | None = None
    #: atom:id of the feed; None when it has none.
    id: str | None = None
    updated: datetime | None = None
    rights: str | None = None
    language: str | None = None
    #: ``<ttl>``, ``sy:updatePeriod``: a floor for polling.
    fresh_for: timedelta | None = None
    hub_links: HubLinks = HubLinks()
    #: ``skipHours``, ``skipDays``: hours of the week in GMT, from Monday's first, 0, in
    #: which it wants not to be polled.
    skipped: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWarning:
    #: recovered encoding mojibake dates guids cut ...
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    info: FeedInfo
    entries: tuple[Entry, ...]
    #: What the entries' keys were made of.
    rung: Rung = "guid"
    warnings: tuple[SourceWarning, ...] = ()


# --- tag ----------------------------------------------------------------------


class TermMatch(NamedTuple):
    """One term's part in a topic's sum, for ``explain``.

    A tuple: an entry has a dozen, and a frozen dataclass takes five times as long.
    """

    #: As written in feeds.yaml.
    rule: str
    #: The words found, as they stand in the text.
    form: str
    lemma: str
    field: Literal["title", "text", "category", "source"]
    #: Characters from 0 in the field's plain text.
    position: int
    #: After position, field and repeat weights; negative for ``not:``.
    weight: float


@quickly_pickled
@dataclass(frozen=True, slots=True, kw_only=True)
class TopicScore:
    topic: str
    score: float
    #: After scaling for short texts.
    threshold: float
    tagged: bool
    terms: tuple[TermMatch, ...] = ()
    #: What forbade the topic: terms as written, or ``title_gate``.
    vetoes: tuple[str, ...] = ()


# --- events -------------------------------------------------------------------

#: The topic whose entries are read for events, and whose stories fill the calendar.
EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A day, or a minute of it, by the clocks of the site's zone."""

    day: date
    #: None when the text tells no time.
    time: time | None = None

    @classmethod
    def fromisoformat(cls, written: str) -> When:
        """Reads what ``isoformat`` gives; ValueError for what is none."""
        day, _, clock = written.partition("T")
        return cls(
            day=date.fromisoformat(day),
            time=time.fromisoformat(clock) if clock else None,
        )

    def isoformat(self) -> str:
        """``2026-09-13T18:00``, or ``2026-09-13`` without a time."""
        if self.time is None:
            return self.day.isoformat()
        return f"{self.day.isoformat()}T{self.time:%H:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWords:
    """Words that a part of an event was read from."""

    part: Literal["start", "end", "place", "cancelled", "moved"]
    #: As they stand in the text.
    form: str
    field: Literal["title", "text"]
    #: Characters from 0 in the field's plain text.
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A public happening, ahead or under way when its entry was published."""

    #: None for what is open already and only its end is told.
    start: When | None
    #: The last day, or the hour at which it ends; None when the text does not tell.
    end: When | None = None
    #: The venue in the text's own words, else the town.
    place: str | None = None
    #: It was to be at ``start`` and will not, or not before a day that nobody tells.
    cancelled: bool = False
    #: The text says that it was moved; to ``start``, unless it is cancelled.
    moved: bool = False
    #: The day it was moved from, when the text tells that, too.
    moved_from: date | None = None
    #: 0 to 1.
    confidence: float
    words: tuple[EventWords, ...] = ()

    @property
    def all_day(self) -> bool:
        """Whether days are all that is known of it."""
        times = [when.time for when in (self.start, self.end) if when]
        return self.start is not None and times == [None] * len(times)


@quickly_pickled
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceMatch:
    """Where an entry first mentions a place, for ``explain``."""

    #: Key of the place.
    place: str
    #: As written in the gazetteer.
    name: str
    #: As it stands in the text.
    form: str
    field: Literal["title", "text"]
    #: Characters from 0 in the field's plain text.
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStory:
    """A story and the events that its members tell, for the calendar."""

    id: str
    #: The lead's.
    title: str
    #: Of its members and their texts: the calendar remembers which it has read.
    revision: int
    #: Of all members that are not withdrawn, by effective date.
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What one story says of an event of the calendar."""

    story: str
    title: str
    #: When the story first said so.
    since: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """An event as readers' calendars know it, whichever stories tell it."""

    #: Minted once, of the first story to tell it; survives moving and cancelling.
    uid: str
    #: Raised by each change of day, time, end, place or cancelling (RFC 5545, 3.8.7.4).
    sequence: int
    #: When it came to be as it is: DTSTAMP and LAST-MODIFIED.
    changed: datetime
    #: All tellings together; the last known when there is none any more.
    event: Event
    #: By ``since``; the first is whose page and title it has. Empty: taken back.
    tellings: tuple[Telling, ...]

    @property
    def minted_by(self) -> str:
        """The story whose id the uid begins with: ``STORY/1``."""
        return self.uid.rpartition("/")[0]


# --- dedup --------------------------------------------------------------------


@quickly_pickled
@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Signed 64-bit hashes by which entries are found again."""

    #: Of ``Entry.key``: identity inside the source.
    key: int
    #: Of all that a reader sees, noise removed: unequal means "look closer".
    content: int
    #: Of the canonical link; None when it names no single page.
    link: int | None
    #: Of the normalised title; None when it is too short to mean anything.
    title: int | None
    #: Of the normalised start of the text; None when there is none.
    start: int | None


class Edit(StrEnum):
    """The three kinds of edit; docs/decisions.md gives the rule."""

    NOISE = "noise"  #: nothing changes
    CORRECTION = "correction"  #: content is replaced, ``updated`` stays
    NEWS = "news"  #: ``updated`` moves


class Withheld(StrEnum):
    """Why an entry is stored and never leads a story."""

    FIRST_SIGHT = "first-sight"
    AD = "ad"
    FLOOD = "flood"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    #: The earlier of claimed and first seen.
    effective: datetime
    withheld: Withheld | None = None
    #: The link carries erid, or the entry begins with «Реклама».
    ad: bool = False


#: An entry everywhere in the program: source id and hash of its key.
EntryRef = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What dedup knows of an entry: a newcomer, or one that is stored."""

    ref: EntryRef
    #: The source's place in feeds.yaml.
    source_order: int
    #: ``Entry.key`` itself: a story's id is made from its first member's.
    key: str
    fingerprint: Fingerprint
    effective: datetime
    position: int
    withheld: Withheld | None
    #: The link's registrable domain is the source's.
    own_site: bool
    topics: frozenset[str] = frozenset()
    #: How it joined; "lead" is decided by ``choose_lead``.
    relation: Literal["copy", "report"] = "report"
    #: What similarity knows of its words (``dedup.signature``); None: it was older than
    #: the window when first seen, or is now.
    signature: bytes | None = None
    #: Of a stored signature.
    sums: bytes | None = None
    #: Of a stored signature: where the index of words has it.
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryMembers:
    """A story as dedup sees it."""

    id: str
    lead: EntryRef
    members: tuple[Member, ...]
    #: Documents have carried it: its lead and its dates are fixed.
    announced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Why an entry belongs to a story."""

    entry: EntryRef
    story: str
    relation: Literal["copy", "report"]
    #: 0 to 1.
    score: float
    #: Short machine-readable reasons, such as ``same link``.
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the store knows of some stems."""

    #: Entries of the last 30 days; older ones fade.
    entries: float
    #: In how many of them each stem stands; only those are named that do.
    frequencies: Mapping[int, float]
    #: Numbers of the entries that are found by a stem.
    postings: Mapping[int, Sequence[int]]


class IndexedWords(NamedTuple):
    """What the index of words knows of an entry, whatever else is stored of it."""

    number: int
    effective: datetime
    sums: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedEntry:
    """An entry that others are to be compared with, found by its heaviest stems."""

    ref: EntryRef
    effective: datetime
    #: See ``Member``: kept for the day when it joins a story.
    own_site: bool
    signature: bytes
    sums: bytes
    #: Of title and lead, each once.
    stems: tuple[int, ...]
    heaviest: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUpdate:
    """What a batch adds to the index of words, and what goes."""

    entries: tuple[IndexedEntry, ...]
    now: datetime
    #: Entries dated before this are compared with nothing any more.
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What dedup decided about one batch."""

    #: Every story that is new or has new members, whole, lead chosen.
    stories: tuple[StoryMembers, ...]
    #: Ids of those that did not exist before.
    minted: frozenset[str]
    joins: tuple[Join, ...]
    index: IndexUpdate | None = None


# --- a document, read in a worker ---------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentJob:
    """All that a worker needs to read one document; it knows nothing else."""

    source: Source
    url: str
    body: bytes
    content_type: str | None
    #: Key hash -> content hash of the source's stored entries and tombstones; None:
    #: withdrawn, to be read whatever it says.
    known: Mapping[int, int | None]
    #: Entries dated before this are not analysed: no document will carry them.
    tag_since: datetime
    fetched_at: datetime
    #: IANA name of the site's zone: events are told by its clocks.
    timezone: str
    #: What the source's entries are known by until now.
    rung: Rung = "guid"
    #: All that the source lists. A push may hold too few entries to judge its keys by.
    whole: bool = True
    #: New ones dated before this are not matched by their words; None: none is.
    match_since: datetime | None = None


@quickly_pickled
@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRead:
    """A new or changed entry, analysed."""

    entry: Entry
    fingerprint: Fingerprint
    #: Advertising, by its mark.
    ad: bool
    #: Topics with any match, tagged or not.
    topics: tuple[TopicScore, ...] = ()
    #: Of an entry tagged ``events``.
    events: tuple[Event, ...] = ()
    places: tuple[PlaceMatch, ...] = ()
    #: False: too old to be published, so nobody looked for topics.
    tagged: bool = True
    #: What similarity knows of its words; None when it is not to be matched by them.
    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsRead:
    """What an entry's words say under the rules in force."""

    topics: tuple[TopicScore, ...]
    events: tuple[Event, ...]
    places: tuple[PlaceMatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRead:
    info: FeedInfo
    #: Key hashes of every entry in the document, in its order.
    seen: tuple[int, ...]
    #: New and changed entries alone, in the document's order.
    entries: tuple[EntryRead, ...]
    #: Normalised blocks that several entries of this document share
    #: (advertising, footers): an edit inside them is noise.
    shared_blocks: frozenset[str]
    #: Its dates rise from entry to entry.
    oldest_first: bool = False
    #: What its entries are known by.
    rung: Rung = "guid"
    warnings: tuple[SourceWarning, ...] = ()


# --- schedule and store -------------------------------------------------------

#: A permanent redirect is believed after so many sightings over so long.
MOVED_SIGHTINGS = 5
MOVED_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedError:
    code: str
    message: str
    #: When this run of failures began.
    since: datetime
    #: Failures in a row; 429 and 503 with Retry-After do not raise it.
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedWarning:
    code: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Good polls in a row that permanent redirects led to one other address."""

    url: str
    first_seen: datetime
    last_seen: datetime
    sightings: int

    @property
    def confirmed(self) -> bool:
        """A portal's mistake or a captive portal's login is gone after some days."""
        lasted = self.last_seen - self.first_seen
        return self.sightings >= MOVED_SIGHTINGS and lasted >= MOVED_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Entries that went missing together, and are not yet withdrawn."""

    #: Key hashes.
    keys: tuple[int, ...]
    #: In a row, without them; 0: none counted yet.
    documents: int
    #: When the first of these documents was fetched.
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """That a hub brings a source's news: what lets polling slow down."""

    last: datetime
    #: The usual time between two pushes: the longest of late.
    gap: timedelta
    #: They are believed to go on until then, unless another one comes.
    until: datetime
    #: The last one brought no content, only word that there is some.
    hint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is remembered of a source between polls."""

    id: str
    validators: Validators = Validators()
    #: Of the last body that was read well, behind a mark of how it was read.
    body_hash: bytes | None = None
    info: FeedInfo = FeedInfo()
    error: RecordedError | None = None
    warnings: tuple[RecordedWarning, ...] = ()
    #: First good poll: from then on every new entry is news.
    first_success: datetime | None = None
    last_success: datetime | None = None
    last_poll: datetime | None = None
    last_new_entry: datetime | None = None
    #: The last 200 whose body came whole; a 304 since then is the server's word.
    last_full: datetime | None = None
    #: None: the last good poll was not redirected for good.
    moved: Moved | None = None
    #: The server asked not to be polled before this.
    retry_at: datetime | None = None
    #: The latest hint of server or feed; a floor, kept across 304.
    fresh_for: timedelta | None = None
    #: What its entries are known by; it only ever goes down.
    rung: Rung = "guid"
    #: What the last document lacked although it listed older entries.
    absences: tuple[Absence, ...] = ()
    #: What adapting has come to; None: nothing was learnt yet.
    interval: timedelta | None = None
    #: None: no hub has proved that it brings all news.
    pushes: Pushes | None = None
    #: At which hours of the week new entries appear: see rhythm.py.
    rhythm: bytes | None = None
    next_poll: datetime | None = None
    #: ``interval: …``, ``adaptive: …``, ``backoff: …``, ``retry-after: …``,
    #: ``hint: …``, ``websub: …``, ``new: …``.
    next_poll_reason: str = "new: never polled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One callback that a hub was asked to push a source's topic to, or to leave alone."""

    #: 128 random bits: the last part of ``callback``, and all that names it.
    token: str
    #: The source's id.
    source: str
    hub: str
    topic: str
    callback: str
    #: Signs what is pushed; this callback's own.
    secret: str = field(repr=False)
    mode: Literal["subscribe", "unsubscribe"] = "subscribe"
    #: Requests in a row that the hub did not confirm.
    failures: int = 0
    #: When the hub was asked last; None when it has answered with a refusal.
    asked_at: datetime | None
    #: It is asked again from then on, unless it has confirmed.
    ask_at: datetime
    #: Its lease should be followed by another one's from then on; None: not confirmed.
    renew_at: datetime | None = None
    #: Its lease ends; None: not confirmed.
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where documents go in an S3-compatible object store."""

    name: str
    #: What the objects' keys begin with, without slashes at its ends; empty: nothing.
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubState:
    """What a hub was told of our own documents, and how it took it."""

    url: str
    #: A document's name -> digest of the bytes that it was told of last.
    told: Mapping[str, str] = field(default_factory=dict)
    #: Attempts in a row that it did not answer, or answered with "later".
    failures: int = 0
    #: It is left alone until then; None: it answered last time.
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Content that a hub pushed and signed: a source's document, or the news of one."""

    #: The base of relative links.
    topic: str
    body: bytes
    content_type: str | None
    pushed_at: datetime
    #: When the subscription ends.
    lease: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    #: Stored.
    entries: int = 0
    #: By effective date, over the last 30 days.
    entries_a_day: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    read: EntryRead
    first_seen: datetime
    admission: Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedEntry:
    read: EntryRead
    edit: Edit
    #: When the change was seen; where NEWS moves ``updated`` to if the entry leads.
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A stored entry's new key, and the hashes of both."""

    key: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """Everything that one poll of one source changed; stored whole or not at all."""

    state: SourceState
    #: Key hashes listed by the document; empty when there was none to read.
    seen: tuple[int, ...] = ()
    #: The document is all that the source lists: what it lacks is gone.
    whole: bool = True
    new: tuple[NewEntry, ...] = ()
    #: Stored entries that go by another key from now on. What else stands here names
    #: them by the key that they had.
    renamed: tuple[Rename, ...] = ()
    #: A withdrawn entry among them is listed again.
    changed: tuple[ChangedEntry, ...] = ()
    #: Key hashes of entries that the source has taken back.
    withdrawn: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as the store gives it back."""

    ref: EntryRef
    entry: Entry
    fingerprint: Fingerprint
    first_seen: datetime
    effective: datetime
    withheld: Withheld | None
    ad: bool
    topics: tuple[TopicScore, ...] = ()
    events: tuple[Event, ...] = ()
    places: tuple[PlaceMatch, ...] = ()
    #: What would hold it back if its source listed it again; mostly as `withheld`.
    admitted: Withheld | None = None


# --- alerts -------------------------------------------------------------------

AlertCode = Literal["failing", "silent", "moved", "mojibake"]
#: A source has one alert of a code at most.
AlertKey = tuple[str, AlertCode]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something about a source that a person has to see to; it closes by itself."""

    #: Of this opening; a later one of the same source and code has another.
    id: str
    #: Source id, and the name for people.
    source: str
    name: str
    code: AlertCode
    #: When the trouble began, not when it was noticed.
    since: datetime
    #: One sentence and a proposal, in the site's language.
    message: str
    fix: str

    @property
    def key(self) -> AlertKey:
        return self.source, self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A source that answers well and has brought nothing new for unusually long."""

    since: datetime
    #: Between new entries, before.
    usual_gap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is known of the clock: spans that reach back beyond a jump say nothing."""

    #: None: no jump was ever seen.
    trusted_since: datetime | None = None
    #: None: nobody ever looked.
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBook:
    """What is remembered between two looks for alerts."""

    open: Mapping[AlertKey, Alert] = field(default_factory=dict)
    watch: Watch = Watch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the webhook is to be told, until it accepts it."""

    #: Of the alert and its phase: the same at every attempt.
    id: str
    alert: str
    #: JSON.
    body: str
    created: datetime
    attempts: int = 0
    next_attempt: datetime


# --- publish ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryHeader:
    """What selection needs to know of a story."""

    id: str
    #: The lead's source id: shares are counted by it.
    source: str
    published: datetime
    #: The lead's place in its document: order among equals.
    position: int
    #: Raised by every change that a document could show.
    revision: int
    #: The lead is an advertisement.
    ad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """A source as published entries name it."""

    id: str
    name: str
    url: str
    info: FeedInfo
    content: Literal["title", "summary", "full"]
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMember:
    source: SourceInfo
    title: str
    link: str | None
    relation: Literal["copy", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedStory:
    """A story as documents show it."""

    id: str
    published: datetime
    #: With the story's own fraction of a second.
    updated: datetime
    revision: int
    lead: Entry
    source: SourceInfo
    #: The others, lead excluded, by effective date.
    members: tuple[PublishedMember, ...]
    #: Topic keys of all members, in feeds.yaml's order; as the store gives it, place
    #: keys as well.
    topics: tuple[str, ...]
    #: Place keys of all members, in the gazetteer's order.
    places: tuple[str, ...] = ()
    #: What it tells of, by date.
    events: tuple[CalendarEvent, ...] = ()
    ad: bool = False
