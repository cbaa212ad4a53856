"""What the store answers, where no stage knows the answer's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from aggregator.model import EntryRef, SourceCounts, StoredEntry, StoryMembers


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one batch changed."""

    entries_new: int = 0
    #: News edits alone, also of entries that lead no story.
    entries_updated: int = 0
    stories_new: int = 0
    #: A document could show a difference now.
    stories_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A published file as it was written last."""

    name: str
    #: Digest of all that its bytes depend on.
    fingerprint: str
    #: SHA-256 of its bytes, in hexadecimal.
    digest: str
    #: What an object store calls them; None: they are in a folder.
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A story in the order of first publication."""

    id: str
    #: Rises with every change of what is shown.
    revision: int
    #: The lead's.
    source: str
    published: datetime
    #: The lead is an advertisement.
    ad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A published story that is taken back."""

    #: Its id.
    story: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an operator asked of whoever publishes next."""

    scope: Literal["story", "source"]
    #: Id of the story or of the source.
    target: str
    #: Bring back what was withdrawn so.
    undo: bool = False
    asked: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    #: Stored, announced or not.
    stories: int
    #: The newest ``updated`` of an announced story; None while there is none.
    updated: datetime | None
    #: By source id; a source without entries is absent.
    sources: Mapping[str, SourceCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberHistory:
    """What ``explain`` says of one entry of a story."""

    ref: EntryRef
    #: As the source gave it: guid, link.
    key: str
    #: Source id.
    source: str
    title: str
    link: str | None
    relation: Literal["copy", "report"]
    #: 0 to 1; None when it joined nothing: the story began with it.
    score: float | None
    #: Short machine-readable reasons.
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator decided about stories."""

    decided: datetime
    kind: Literal["split", "merge", "withdraw", "restore"]
    #: The story that stayed.
    story: str
    #: The one that a split made, or that a merge ended; else the same.
    other: str
    #: Of a split: the key of the entry that left, while it is stored.
    entry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHistory:
    """An entry's whole way, for ``explain``."""

    stored: StoredEntry
    #: None when the entry belongs to no story; what follows then holds nothing.
    story: StoryMembers | None = None
    #: Documents have carried it, or will at the next publishing.
    announced: bool = False
    #: The story as a whole is taken back.
    withdrawn: bool = False
    published: datetime | None = None
    #: With the story's own fraction of a second.
    updated: datetime | None = None
    revision: int = 0
    #: The lead first, then by effective date.
    members: Mapping[EntryRef, MemberHistory] = field(default_factory=dict)
    #: What an operator decided about the story, in order.
    decisions: Sequence[Decision] = ()
