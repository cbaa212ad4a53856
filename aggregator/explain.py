"""``aggregator explain``: an entry's whole way, from its source to the documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aggregator import documents
from aggregator.config import Config
from aggregator.events import same_event
from aggregator.model import EntryRef, Event, Origin, TopicScore, Withheld
from aggregator.publish.select import cutoff
from aggregator.store import EntryHistory, Store

#: What was stored but never leads, in the words of the report.
_WITHHELD = {
    Withheld.FIRST_SIGHT: "first-sight",
    Withheld.AD: "ad",
    # More in one poll than one source may publish: its share is used up.
    Withheld.FLOOD: "share",
    Withheld.WITHDRAWN: "withdrawn",
}


def explain(
    store: Store, config: Config, query: str, now: datetime
) -> dict[str, Any] | None:
    """The report on the entry that `query` names: a link, a guid, a published id.

    None when nothing matches. If several entries do, it is on the lead of their story.
    """
    refs = store.find(query)
    if not refs:
        return None
    history = store.history(refs[0])
    if history is None:
        return None
    if history.story and (len(refs) > 1 or history.story.lead in refs):
        history = store.history(history.story.lead) or history
    zone = ZoneInfo(config.site.timezone)
    standing = _standing(store, config, history, now)
    return {
        "entry": _entry(history, config),
        "published": {
            "id": history.story.id if history.story else None,
            "published": _time(history.published, zone),
            "updated": _time(history.updated, zone),
            "documents": standing + _archives(store, config, history),
            "withheld": _withheld(history, standing, config, now),
        },
        "story": _story(history, zone),
        "topics": _topics(store, history),
        "places": _places(store, history, config),
        "events": _events(store, history),
    }


def _entry(history: EntryHistory, config: Config) -> dict[str, Any]:
    stored = history.stored
    zone = ZoneInfo(config.site.timezone)
    return {
        "id": stored.entry.key,
        "source": stored.ref[0],
        "title": stored.entry.title,
        "link": stored.entry.link,
        "canonical_link": stored.entry.canonical_link,
        "published": _time(stored.entry.published, zone),
        "first_seen": _time(stored.first_seen, zone),
        "origin": _origin(stored.entry.origin),
    }


def _origin(origin: Origin | None) -> dict[str, str | None] | None:
    return {"title": origin.title, "link": origin.link} if origin else None


def _standing(
    store: Store, config: Config, history: EntryHistory, now: datetime
) -> list[str]:
    """Names of the documents that carry the entry's story, but for archives."""
    story = history.story
    if story is None or not history.announced:
        return []
    desk = documents.Desk(store, config, now, {})
    return [
        edition.name
        for edition in documents.editions(desk)
        if story.id in edition.stories
    ]


def _archives(store: Store, config: Config, history: EntryHistory) -> list[str]:
    """Names of the archives that carry the entry's story."""
    story = history.story
    if story is None or history.withdrawn:
        return []
    if history.stored.ad and config.publish.ads == "drop":
        return []
    return documents.archives_of(store, config, story.id)


def _withheld(
    history: EntryHistory, standing: list[str], config: Config, now: datetime
) -> str | None:
    """Why the entry leads no published story; None when it does."""
    stored, story = history.stored, history.story
    if stored.withheld:
        return _WITHHELD[stored.withheld]
    if history.withdrawn:
        return "withdrawn"
    if story and story.lead != stored.ref:
        return "member"
    if stored.ad and config.publish.ads == "drop":
        return "ad"
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    if (history.published or stored.effective) < since:
        return "age"
    return None if standing or not history.announced else "share"


def _story(history: EntryHistory, zone: ZoneInfo) -> dict[str, Any] | None:
    story = history.story
    if story is None:
        return None
    return {
        "id": story.id,
        "lead": history.members[story.lead].key,
        "members": [
            {
                "entry": member.key,
                "source": member.source,
                "link": member.link,
                "relation": member.relation,
                "score": member.score,
                "why": list(member.why),
            }
            for member in history.members.values()
        ],
        "decisions": [
            {
                "decided": _time(each.decided, zone),
                "kind": each.kind,
                "story": each.story,
                "other": each.other,
                "entry": each.entry,
            }
            for each in history.decisions
        ],
    }


def _topics(store: Store, history: EntryHistory) -> list[dict[str, Any]]:
    """The entry's own topics, then those its story has from other members."""
    own = [_topic(score) for score in history.stored.topics]
    tagged = {score.topic for score in history.stored.topics if score.tagged}
    others = [ref for ref in history.members if ref != history.stored.ref]
    for ref, stored in _in_order(store, others):
        for score in stored.topics:
            if score.tagged and score.topic not in tagged:
                tagged.add(score.topic)
                own.append(_topic(score) | {"member": history.members[ref].key})
    return own


def _places(
    store: Store, history: EntryHistory, config: Config
) -> list[dict[str, Any]]:
    """The entry's own places, then those its story has from other members."""
    titles = {place.key: place.title for place in config.gazetteer}
    others = [ref for ref in history.members if ref != history.stored.ref]
    found: dict[str, dict[str, Any]] = {}
    for ref, stored in [(None, history.stored), *_in_order(store, others)]:
        for match in stored.places:
            member = {} if ref is None else {"member": history.members[ref].key}
            found.setdefault(
                match.place,
                {
                    "place": match.place,
                    "title": titles.get(match.place, match.place),
                    "name": match.name,
                    "form": match.form,
                    "field": match.field,
                    "position": match.position,
                }
                | member,
            )
    return list(found.values())


def _in_order(store: Store, refs: list[EntryRef]) -> list[tuple[EntryRef, Any]]:
    found: Mapping[EntryRef, Any] = store.entries(refs) if refs else {}
    return [(ref, found[ref]) for ref in refs if ref in found]


def _topic(score: TopicScore) -> dict[str, Any]:
    return {
        "topic": score.topic,
        "score": round(score.score, 3),
        "threshold": round(score.threshold, 3),
        "tagged": score.tagged,
        "terms": [
            {
                "rule": term.rule,
                "form": term.form,
                "lemma": term.lemma,
                "field": term.field,
                "position": term.position,
                "weight": round(term.weight, 3),
            }
            for term in score.terms
        ],
        "vetoes": list(score.vetoes),
    }


def _events(store: Store, history: EntryHistory) -> list[dict[str, Any]]:
    """The entry's own events, then those that only other members of its story tell."""
    shown = list(history.stored.events)
    told = [_event(event) for event in shown]
    others = [ref for ref in history.members if ref != history.stored.ref]
    for ref, stored in _in_order(store, others):
        for event in stored.events:
            if not any(same_event(event, one) for one in shown):
                shown.append(event)
                told.append(_event(event) | {"member": history.members[ref].key})
    return told


def _event(event: Event) -> dict[str, Any]:
    return {
        "start": event.start.isoformat() if event.start else None,
        "end": event.end.isoformat() if event.end else None,
        "all_day": event.all_day,
        "place": event.place,
        "cancelled": event.cancelled,
        "moved": event.moved,
        "moved_from": event.moved_from.isoformat() if event.moved_from else None,
        "confidence": event.confidence,
        "words": [words.form for words in event.words],
        "read_from": [
            {
                "part": words.part,
                "form": words.form,
                "field": words.field,
                "position": words.position,
            }
            for words in event.words
        ],
    }


def _time(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat() if moment else None
