"""What every document shows of a story, whatever its format: title, summary, others."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from aggregator.model import CalendarEvent, PublishedMember, PublishedStory
from aggregator.publish.wording import Wording
from aggregator.text import clean_text, plain_text, shorten

#: Of a title made from the text when the source gave none.
MADE_TITLE_LENGTH = 100
#: Lines of dates above a story's text; a festival's whole programme stays behind its link.
MOST_EVENTS = 5


def one_line(value: str | None) -> str:
    """Harmless text without line breaks; empty for None."""
    return " ".join(clean_text(value).split()) if value else ""


def title(story: PublishedStory, words: Wording) -> str:
    """The lead's title, else the start of its text; advertising says so in front."""
    text = (
        one_line(story.lead.title)
        or shorten(one_line(story.lead.text), MADE_TITLE_LENGTH)
        or words.untitled
    )
    if story.ad and not text.casefold().startswith(words.advertisement.casefold()):
        return f"{words.advertisement}. {text}"
    return text


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
    text = shorten(clean_text(plain or lead.text).strip(), length)
    return "" if one_line(text) == one_line(lead.title) else text


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
