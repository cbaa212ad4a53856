"""The tables, as the newest migration leaves them.

Times are integers: microseconds since 1970 in UTC. That is exact and compares the
same way on both databases. Hashes are signed 64-bit integers.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    true,
)

#: Of the newest migration. Revisions are four digits and count up.
REVISION = "0007"

#: "AGRG": marks a SQLite file as ours (`file` prints it).
APPLICATION_ID = 0x41475247

# Compared and ordered by bytes on both databases, whatever the server's locale.
Id = Text().with_variant(Text(collation="C"), "postgresql")

#: A 64-bit key that is SQLite's own row number, so that no second tree leads to it.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: One row: when this store came into being, and by what time entries expired last.
birth = Table(
    "birth",
    metadata,
    Column("created", BigInteger, nullable=False),
    Column("believed", BigInteger),
)

#: One row while this machine is offline, else none.
outage = Table("outage", metadata, Column("since", BigInteger, nullable=False))

source = Table(
    "source",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False, unique=True),
    # as configured
    Column("configured", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("first_url", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("rights", Text),
    # as polled: model.SourceState; info, error, warnings, moved
    # and pushes are JSON
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", LargeBinary),
    Column("info", Text),
    Column("error", Text),
    Column("warnings", Text),
    Column("first_success", BigInteger),
    Column("last_success", BigInteger),
    Column("last_poll", BigInteger),
    Column("last_new_entry", BigInteger),
    Column("last_full", BigInteger),
    Column("moved", Text),
    Column("retry_at", BigInteger),
    Column("fresh_for", BigInteger),
    Column("poll_interval", BigInteger),
    Column("next_poll", BigInteger),
    Column("next_poll_reason", Text),
    Column("rung", Text),
    # JSON: [[documents, since, [key hash, ...]], ...]
    Column("absences", Text),
    Column("pushes", Text),
    # When in the week new entries appear: see rhythm.py.
    Column("rhythm", LargeBinary),
)

#: WebSub: model.Subscription, one row a callback.
subscription = Table(
    "subscription",
    metadata,
    Column("token", Id, primary_key=True),
    # The id: what is left of a source that is gone has to be ended.
    Column("source", Text, nullable=False),
    Column("hub", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("callback", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("asked_at", BigInteger),
    Column("ask_at", BigInteger, nullable=False),
    Column("renew_at", BigInteger),
    Column("expires", BigInteger),
)

#: The key hashes in a source's last document, 8 bytes each, little-endian. One row a
#: source instead of a mark on every entry: a poll that changes nothing writes no entry.
listing = Table(
    "listing",
    metadata,
    Column("source", ForeignKey("source.number"), primary_key=True),
    Column("key_hashes", LargeBinary, nullable=False),
)

# What is looked up and counted, apart from what is read: a source's rows lie together,
# sixteen to a page, so that `known` and `summary` never touch the texts.
entry = Table(
    "entry",
    metadata,
    Column("source", ForeignKey("source.number"), primary_key=True),
    Column("key_hash", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("content_hash", BigInteger, nullable=False),
    Column("link_hash", BigInteger),
    Column("title_hash", BigInteger),
    Column("start_hash", BigInteger),
    Column("position", Integer, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("effective", BigInteger, nullable=False),
    Column("withheld", Text),
    Column("ad", Boolean, nullable=False),
    # Of an entry in no story: found out when it is asked for.
    Column("own_site", Boolean),
    # Keys of topics, and of places, a space between them.
    Column("tagged", Text),
    Column("placed", Text),
    # How often it moved its story's `updated`.
    Column("moves", Integer, nullable=False),
    # Membership and its reasons; an entry has one story at most.
    Column(
        "story",
        ForeignKey("story.number", deferrable=True, initially="DEFERRED"),
    ),
    Column("relation", Text),
    Column("score", Float),
    Column("why", Text),
    # When the source was found to have taken it back; NULL while it lists it. What
    # `withheld` says stays beside it, for the day it comes back.
    Column("withdrawn", BigInteger),
    # When the operator took it back: then the source's listing it changes nothing.
    Column("removed", BigInteger),
    sqlite_with_rowid=False,
)

entry_content = Table(
    "entry_content",
    metadata,
    Column("source", Integer, primary_key=True),
    Column("key_hash", BigInteger, primary_key=True),
    Column("title", Text, nullable=False),
    Column("link", Text),
    Column("canonical_link", Text),
    Column("summary", Text),
    Column("content", Text),
    # Only where neither summary nor content is there to derive it from.
    Column("text", Text),
    # JSON, NULL when empty
    Column("authors", Text),
    Column("categories", Text),
    Column("enclosures", Text),
    Column("language", Text),
    Column("published", BigInteger),
    Column("updated", BigInteger),
    Column("topics", Text),
    Column("events", Text),
    Column("places", Text),
    Column("origin", Text),
    ForeignKeyConstraint(
        ["source", "key_hash"],
        ["entry.source", "entry.key_hash"],
    ),
)

#: Expired entries that their source still lists, so that they are not new again.
tombstone = Table(
    "tombstone",
    metadata,
    Column("source", ForeignKey("source.number"), primary_key=True),
    Column("key_hash", BigInteger, primary_key=True),
    Column("content_hash", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

story = Table(
    "story",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False, unique=True),
    Column("lead_source", Integer, nullable=False),
    Column("lead_key", BigInteger, nullable=False),
    # The lead's, copied so that selection reads this table alone.
    Column("position", Integer, nullable=False),
    Column("withheld", Boolean, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False, unique=True),
    Column("revision", Integer, nullable=False),
    Column("announced", Boolean, nullable=False),
)

#: Topics and places of a story's members; no place has a topic's key.
story_topic = Table(
    "story_topic",
    metadata,
    Column("story", ForeignKey("story.number"), primary_key=True),
    Column("topic", Id, primary_key=True),
    # The story's, for the index below.
    Column("published", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: What was published in which feed ("": all stories; else a topic's or place's key), in
#: the order of first publication: numbers begin with 1, are given once and have no gaps.
#: Stories are named by id: what has expired, or was merged, keeps its place.
publication = Table(
    "publication",
    metadata,
    Column("feed", Id, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("story", Id, nullable=False),
    # Its archive shows what is no longer to be shown.
    Column("stale", Boolean, nullable=False),
    UniqueConstraint("story", "feed"),
    sqlite_with_rowid=False,
)

#: Published stories that are taken back, and since when.
withdrawal = Table(
    "withdrawal",
    metadata,
    Column("story", Id, primary_key=True),
    Column("since", BigInteger, nullable=False, index=True),
    # By the operator: nothing that sources do brings it back.
    Column("for_good", Boolean, nullable=False),
)

#: model.Request: what an operator asked of whoever publishes next.
request = Table(
    "request",
    metadata,
    # story or source
    Column("scope", Id, primary_key=True),
    # Its id.
    Column("target", Id, primary_key=True),
    Column("undo", Boolean, nullable=False),
    Column("asked", BigInteger, nullable=False),
)

#: Entries of the window that newcomers are compared with (store/words.py); `number` is
#: given once and never again.
signature = Table(
    "signature",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("source", Integer, nullable=False),
    Column("key_hash", BigInteger, nullable=False),
    Column("effective", BigInteger, nullable=False, index=True),
    Column("sums", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    UniqueConstraint("source", "key_hash"),
)

#: Entries of `signature` that `stem` does not know yet: hashes of their stems, and of the
#: heaviest, 4 bytes each, little-endian.
recent = Table(
    "recent",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("stems", LargeBinary, nullable=False),
    Column("heaviest", LargeBinary, nullable=False),
)

#: Stems by hash: in how many entries each stands, fading, and the latest `number`s
#: of which it is one of the heaviest, 8 bytes each, little-endian.
stem = Table(
    "stem",
    metadata,
    Column("hash", RowNumber, primary_key=True, autoincrement=False),
    Column("frequency", Float, nullable=False),
    Column("postings", LargeBinary),
)

#: One row: how many entries the frequencies in `stem` are of, fading as they do, and the
#: last `number` that was given.
corpus = Table(
    "corpus",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("entries", Float, nullable=False),
    Column("last", BigInteger, nullable=False),
)

#: What an operator decided about stories, in order.
decision = Table(
    "decision",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("decided", BigInteger, nullable=False),
    # split, merge, withdraw or restore
    Column("kind", Text, nullable=False),
    # That stayed.
    Column("story", Id, nullable=False, index=True),
    # That was made by a split or is gone after a merge; else the same.
    Column("other", Id, nullable=False, index=True),
    # Of a split: the entry that left.
    Column("source", Integer),
    Column("key_hash", BigInteger),
)

#: Topics in feeds.yaml's order.
topic = Table(
    "topic",
    metadata,
    Column("key", Id, primary_key=True),
    Column("position", Integer, nullable=False),
)

#: model.CalendarEvent; a day is an ordinal (date.toordinal), `event` is JSON.
calendar_event = Table(
    "calendar_event",
    metadata,
    Column("uid", Id, primary_key=True),
    Column("first_day", Integer, nullable=False),
    Column("last_day", Integer, nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
)

#: model.Telling. Stories are named by id: what an expired one told stays told.
calendar_telling = Table(
    "calendar_telling",
    metadata,
    Column("uid", ForeignKey("calendar_event.uid"), primary_key=True),
    Column("story", Id, primary_key=True, index=True),
    Column("title", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: The revision in which the calendar read a story last.
calendar_story = Table(
    "calendar_story",
    metadata,
    Column("story", Id, primary_key=True),
    Column("revision", Integer, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("name", Id, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("tag", Text),
)

#: model.HubState; `told` is JSON.
hub = Table(
    "hub",
    metadata,
    Column("url", Id, primary_key=True),
    Column("told", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("rests_until", BigInteger),
)

#: Alerts that are open. By the source's id, not its row: it may be taken out.
alert = Table(
    "alert",
    metadata,
    Column("source", Id, primary_key=True),
    Column("code", Id, primary_key=True),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("fix", Text, nullable=False),
)

#: What the webhook has not accepted yet.
notice = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    # In the order in which they were written.
    Column("number", BigInteger, nullable=False),
    Column("alert", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
)

#: One row: model.Watch.
alert_watch = Table(
    "alert_watch",
    metadata,
    Column("trusted_since", BigInteger),
    Column("looked_at", BigInteger, nullable=False),
)


@cache
def whole_metadata() -> MetaData:
    """The tables with their partial indexes, for whoever compares or creates schemas.

    Apart from the tables: naming PostgreSQL's option imports its dialect, 45 ms of every
    command on SQLite.
    """
    _partial("ix_entry_link", entry.c.link_hash, where=entry.c.link_hash.is_not(None))
    _partial(
        "ix_entry_title",
        entry.c.title_hash,
        entry.c.effective,
        where=entry.c.title_hash.is_not(None),
    )
    _partial("ix_entry_story", entry.c.story, where=entry.c.story.is_not(None))
    # What retention looks through.
    _partial("ix_entry_loose", entry.c.effective, where=entry.c.story.is_(None))
    _partial(
        "ix_story_waiting",
        story.c.withheld,
        story.c.published,
        where=~story.c.announced,
    )
    _partial(
        "ix_story_announced",
        story.c.published.desc(),
        story.c.position,
        story.c.id,
        # Spelt as queries spell it; SQLite compares the two word by word.
        where=story.c.announced == true(),
    )
    _partial(
        "ix_publication_stale",
        publication.c.feed,
        publication.c.number,
        where=publication.c.stale,
    )
    return metadata


def _partial(name: str, *columns: object, where: object) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)  # type: ignore[arg-type]


Index(
    "ix_story_topic_published",
    story_topic.c.topic,
    story_topic.c.published.desc(),
    story_topic.c.position,
)
