"""What every document shows of a story, whatever its format: title, summary, others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from zoneinfo import ZoneInfo

from aggregator.model import CalendarEvent, PublishedMember, PublishedStory
from aggregator.publish.wording import Wording
from aggregator.text import clean_text, plain_text, shorten

#: Of a title made from the text when the source gave none.
MADE_TITLE_LENGTH = 100
#: Of names and labels; more is no name.
LABEL_LENGTH = 200
#: Lines of dates above a story's text; a festival's whole programme stays behind its link.
MOST_EVENTS = 5

_end_tag = re.compile(r"</\w+>")
_any_tag = re.compile(r"</?\w[^<>]*>")
_mailbox = re.compile(r"<[^<>]*@[^<>]*>")
# With its semicolon alone: "?a=1&copy=2" is an address, not a copyright.
_entity = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# One Latin letter or sign in UTF-8, read as two: "Ã©", "Â«".
_read_twice = re.compile("[\xc2\xc3][\xa0-\xbf]")


def harmless(value: str) -> str:
    """``value`` without what readers and validators take for damage.

    Besides what ``clean_text`` removes: the replacement character, which says that
    something was lost before us, byte order marks, which half of the readers cut off, and
    letters that were decoded twice.
    """
    value = clean_text(value)
    if value.isascii():
        return value
    value = value.replace("\ufffd", "").replace("\ufeff", "")
    # Seldom; to look for the two letters alone is 20 times as fast.
    if "\xc2" in value or "\xc3" in value:
        while _read_twice.search(value):  # "ÂÂ«" leaves "Â«"
            value = _read_twice.sub(_read_once, value)
    return value


def _read_once(found: re.Match[str]) -> str:
    return found[0].encode("latin-1").decode()


def one_line(value: str | None) -> str:
    """Harmless text without line breaks; empty for None."""
    return " ".join(harmless(value).split()) if value else ""


def decoded(value: str | None) -> str:
    """One line of text whose entities are resolved, however often they were escaped."""
    text = value or ""
    while "&" in text:
        # Every entity is longer than what it stands for, so that this ends.
        less = _entity.sub(lambda found: unescape(found[0]), text)
        if less == text:
            break
        text = less
    return one_line(text)


def untagged(text: str) -> str:
    """One line without tags, if it has an end tag: there, it was markup for sure.

    For places where nothing can say that the text is no markup.
    """
    while _end_tag.search(text):
        text = one_line(_any_tag.sub("", text))  # what now meets may be damage, too
    return text


def label(value: str | None, length: int = LABEL_LENGTH) -> str:
    """A name, or a line of small print: decoded, untagged, at most ``length`` long."""
    return shorten(untagged(decoded(value)), length)


def person(value: str | None) -> str:
    """A name to sign with, without the e-mail address behind it, or one within another."""
    name = label(_mailbox.sub("", decoded(value)))
    while _mailbox.search(name):
        name = label(_mailbox.sub("", name))
    return name


def title(story: PublishedStory, words: Wording) -> str:
    """The lead's title, else the start of its text; advertising says so in front."""
    own = decoded(story.lead.title)
    text = (
        (own if _has_glyph(own) else "")
        or shorten(one_line(story.lead.text), MADE_TITLE_LENGTH)
        or words.untitled
    )
    if story.ad and not text.casefold().startswith(words.advertisement.casefold()):
        return f"{words.advertisement}. {text}"
    return text


def _has_glyph(text: str) -> bool:
    """Whether there is anything to see: zero-width spaces and soft hyphens are nothing."""
    return any(char.isprintable() and not char.isspace() for char in text)


def summary(story: PublishedStory, length: int) -> str:
    """Plain sentences of the lead's summary, else of its text, at most ``length`` long.

    Empty when the source's rights allow the title alone, or when there is no more to
    say than the title.
    """
    lead = story.lead
    if story.source.content == "title":
        return ""
    # Without content, ``text`` is the summary's already.
    has_both = lead.summary is not None and lead.content is not None
    plain = plain_text(lead.summary or "") if has_both else ""
    text = shorten(harmless(plain or lead.text).strip(), length)
    return "" if one_line(text) == decoded(lead.title) else text


def others(story: PublishedStory) -> Iterator[PublishedMember]:
    """The members to name under the story: one per source, the lead's own left out.

    Copies tell a reader nothing more; documents for machines link them all the same.
    """
    named = {story.source.id}
    for member in story.members:
        if member.relation == "report" and member.source.id not in named:
            named.add(member.source.id)
            yield member


def events(story: PublishedStory, words: Wording, timezone: str) -> list[str]:
    """A line for each event: «13 сентября, 18:00 — Краснодарская филармония»."""
    year = story.published.astimezone(ZoneInfo(timezone)).year
    return [event_line(one, words, year) for one in story.events[:MOST_EVENTS]]


def event_line(listed: CalendarEvent, words: Wording, year: int) -> str:
    event = listed.event
    line = words.when(event, year)
    if place := one_line(event.place):
        line = f"{line} — {place}"
    return f"{line} ({words.cancelled})" if event.cancelled else line
