"""What every form of a feed says of a story: Atom, RSS and JSON differ in notation alone.

Text is decoded and harmless, addresses are URIs, moments are in the feed's zone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from html import escape
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from aggregator.language import known_language, primary
from aggregator.model import Event, PublishedStory, SourceInfo
from aggregator.publish import shown
from aggregator.publish.feed import Feed
from aggregator.publish.html import shortened
from aggregator.publish.iri import http_uri, is_id, normal_uri
from aggregator.publish.public import holds_key, public_id
from aggregator.publish.wording import Wording, wording

log = logging.getLogger(__name__)

#: Bytes of a story's text in a feed: a hundred stay below the 5,000,000 beyond which
#: the strictest validator reads no further. A long read is about half of this.
MOST_CONTENT = 40_000
#: A name more is no attribution.
MOST_AUTHORS = 20
#: Characters.
MOST_RIGHTS = 500
#: What enclosures without a type are by the ends of their names.
_TYPES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "webp": "image/webp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    #: "topics" or "places".
    kind: str
    #: In feeds.yaml.
    key: str
    label: str
    #: The address under which the keys of this kind mean something.
    scheme: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    url: str
    #: ``type/subtype``; None when it is unknown.
    type: str | None
    #: Bytes, at least one; None when it is unknown.
    length: int | None

    @property
    def is_image(self) -> bool:
        return (self.type or "").startswith("image/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Another source's page that tells the same."""

    url: str
    source: str
    #: Empty when it has none.
    title: str

    @property
    def label(self) -> str:
        return f"{self.source}: {self.title}" if self.title else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the story's lead comes from."""

    #: A URI.
    id: str
    name: str
    #: Of its pages, and of its feed.
    link: str | None
    feed: str | None
    #: The operator's word before the source's own.
    rights: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """When it takes place, what the source's rights allow of its text, who else reported."""

    #: Plain: the dates of events, then the summary.
    lines: tuple[str, ...]
    #: How many of the lines tell dates.
    dates: int
    #: Sanitised HTML, where the rights allow all of it; else empty.
    content: str
    #: A paragraph of HTML that names the others; empty when there are none.
    also: str

    @property
    def plain(self) -> str:
        return "\n".join(self.lines)

    @property
    def is_markup(self) -> bool:
        """Whether ``plain`` would lose something."""
        return bool(self.content or self.also)

    @property
    def html(self) -> str:
        """The content up to MOST_CONTENT, or else the summary, as HTML."""
        if self.content:
            content = shortened(self.content, MOST_CONTENT)
            return _paragraphs(self.lines[: self.dates]) + content + self.also
        return _paragraphs(self.lines) + self.also


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    id: str
    title: str
    link: str
    #: In whole seconds, since RSS has no others.
    published: datetime
    #: No two items of a feed share it.
    updated: datetime
    #: At least one.
    authors: tuple[str, ...]
    categories: tuple[Category, ...]
    #: BCP 47; None when it is the feed's.
    language: str | None
    text: Text
    attachments: tuple[Attachment, ...]
    reports: tuple[Report, ...]
    source: Source
    #: By date.
    events: tuple[Event, ...]

    @property
    def event(self) -> Event | None:
        """The first that will take place, for forms that have room for one."""
        return next((event for event in self.events if not event.cancelled), None)


def items(feed: Feed, stories: Iterable[PublishedStory]) -> list[Item]:
    """The stories, in the order given.

    One that cannot be told is logged and left out: it never costs the others theirs.
    """
    zone, words = ZoneInfo(feed.timezone), wording(feed.language)
    told = []
    for story in stories:
        try:
            told.append(_item(feed, story, zone, words))
        except Exception:
            log.exception("story left out of %s: %s", feed.self_url, story.id)
    return told


def newest(feed: Feed, told: Sequence[Item]) -> datetime:
    """When the feed changed last: with its newest item, in its zone."""
    if told:
        return max(item.updated for item in told)
    return local(feed.empty_updated, ZoneInfo(feed.timezone))


def local(moment: datetime, zone: tzinfo) -> datetime:
    """``moment`` in ``zone``; in UTC where its offset is none that every reader knows.

    RFC 3339 writes no seconds in offsets (before 1920), and the strictest reader of
    RFC 822's no quarters of an hour.
    """
    there = moment.astimezone(zone)
    offset = there.utcoffset()
    if offset is None or offset % timedelta(minutes=30):
        return moment.astimezone(UTC)
    return there


def _item(feed: Feed, story: PublishedStory, zone: tzinfo, words: Wording) -> Item:
    source = _source(story.source)
    link = http_uri(story.lead.link) or source.link or feed.site_url
    return Item(
        id=story.id,
        title=shown.title(story, words),
        link=link,
        published=local(story.published.replace(microsecond=0), zone),
        updated=local(story.updated, zone),
        authors=_authors(story) or (source.name,),
        categories=tuple(_categories(feed, story)),
        language=_language(feed, story),
        text=_text(feed, story, words, source),
        attachments=tuple(_attachments(story)),
        reports=tuple(_reports(story, link)),
        source=source,
        events=tuple(listed.event for listed in story.events),
    )


@lru_cache(maxsize=1024)  # a source stands in every form, with each of its stories
def _source(source: SourceInfo) -> Source:
    info, address = source.info, _shareable(source.url)
    known_as = quote(public_id(source.id, source.url), safe="")
    return Source(
        id=_own_id(info.id) or normal_uri(address) or f"urn:source:{known_as}",
        name=source_name(source),
        link=http_uri(info.link),
        feed=address,
        rights=shown.label(source.rights or info.rights, MOST_RIGHTS) or None,
    )


def _own_id(id_: str | None) -> str | None:
    """A source's own id, if it may stand as one; an address is judged as its feed's."""
    if not id_ or not is_id(id_):
        return None
    return None if http_uri(id_) and not _shareable(id_) else id_


def _shareable(address: str) -> str | None:
    """A feed's address, unless it opens to its subscriber alone what others may not read."""
    shown = http_uri(address)
    return None if shown and holds_key(shown) else shown


def source_name(source: SourceInfo) -> str:
    return shown.person(source.name) or shown.person(source.id) or "?"


def _authors(story: PublishedStory) -> tuple[str, ...]:
    names = (shown.person(author) for author in story.lead.authors)
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_AUTHORS]


def _categories(feed: Feed, story: PublishedStory) -> Iterator[Category]:
    for kind, keys, titles in (
        ("topics", story.topics, feed.topics),
        ("places", story.places, feed.places),
    ):
        for key in keys:
            label = shown.label(titles.get(key)) or key
            scheme = f"{feed.site_url}{kind}"
            yield Category(kind=kind, key=key, label=label, scheme=scheme)


def _language(feed: Feed, story: PublishedStory) -> str | None:
    own = known_language(story.lead.language)
    return own if own and primary(own) != primary(feed.language) else None


def _text(feed: Feed, story: PublishedStory, words: Wording, source: Source) -> Text:
    dates = shown.events(story, words, feed.timezone)
    summary = shown.summary(story, feed.summary_length).splitlines()
    content = ""
    if story.source.content == "full":
        content = shown.harmless(story.lead.content or story.lead.summary or "")
    also = _also_reported(story, words)
    if not (dates or summary or content or also):
        # Strict readers ask for some text; rights may allow the title alone.
        summary = [f"{words.source}: {source.name}"]
    return Text(lines=(*dates, *summary), dates=len(dates), content=content, also=also)


def _also_reported(story: PublishedStory, words: Wording) -> str:
    names = []
    for member in shown.others(story):
        name, href = escape(source_name(member.source)), http_uri(member.link)
        names.append(f'<a href="{escape(href)}">{name}</a>' if href else name)
    return f"<p>{words.also_reported}: {', '.join(names)}.</p>" if names else ""


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _reports(story: PublishedStory, link: str) -> Iterator[Report]:
    seen = {link}
    for member in story.members:
        url = http_uri(member.link)
        if url is None or url in seen:
            continue
        seen.add(url)
        title = shown.label(member.title)
        yield Report(url=url, source=source_name(member.source), title=title)


def _attachments(story: PublishedStory) -> Iterator[Attachment]:
    seen = set()
    for enclosure in story.lead.enclosures:
        url = http_uri(enclosure.url)
        if url is None or url in seen:
            continue
        seen.add(url)
        claimed = shown.one_line(enclosure.type).partition(";")[0].strip().lower()
        length = enclosure.length
        yield Attachment(
            url=url,
            type=claimed if _is_media_type(claimed) else _type_by_name(url),
            length=length if length is not None and length > 0 else None,
        )


def _is_media_type(value: str) -> bool:
    """``type/subtype`` of RFC 6838's characters (restricted-name)."""
    kind, slash, subtype = value.partition("/")
    return bool(slash) and all(
        name.isascii() and name and all(c.isalnum() or c in "!#$&-^_.+" for c in name)
        for name in (kind, subtype)
    )


def _type_by_name(url: str) -> str | None:
    return _TYPES.get(urlsplit(url).path.rpartition(".")[2].lower())
