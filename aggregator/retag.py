"""Stored entries under the rules of now: what would change, and changing it.

``retag`` is for changed rules and a changed gazetteer, ``try_term`` for a term before
it is one. Neither moves a date: other rules are no news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aggregator.config import Config
from aggregator.model import (
    EntryRef,
    StoredEntry,
    StoryMembers,
    Term,
    Topic,
    Withheld,
    WordsRead,
)
from aggregator.publish.select import cutoff
from aggregator.reading import read_words
from aggregator.russian import analyse, fold
from aggregator.store import Store
from aggregator.store.bulk import chunks
from aggregator.tag import compile_places, compile_topics, tag

#: Stories, or entries without one, in one transaction: a second's work, so that a
#: command that is ended loses little and readers never wait long.
CHUNK = 500
#: Stories named of those that enter or leave a topic.
EXAMPLES = 10
#: Entries that a term is tried on: some days of a region's news.
TRIED = 1_000
#: Characters shown before and after the words that a tried term found.
AROUND = 40


@dataclass(slots=True)
class _Change:
    """Stories that enter or leave one topic, or one place."""

    count: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)

    def add(self, story: str, title: str) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append({"id": story, "title": title})

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "examples": self.examples}


@dataclass(slots=True)
class _Tally:
    """What changes, by key of topic or place."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    enter: dict[str, _Change] = field(default_factory=dict)
    leave: dict[str, _Change] = field(default_factory=dict)

    def add(self, story: str, title: str, old: set[str], new: set[str]) -> None:
        self.before.update(old)
        self.after.update(new)
        for keys, changes in ((new - old, self.enter), (old - new, self.leave)):
            for key in keys:
                changes.setdefault(key, _Change()).add(story, title)

    def as_json(
        self, titles: Mapping[str, str], *, whole: bool
    ) -> list[dict[str, Any]]:
        """A row a key, in the order of ``titles``; those without change if ``whole``."""
        changed = self.enter.keys() | self.leave.keys()
        gone = sorted((self.before.keys() | changed) - titles.keys())
        return [
            {
                "key": key,
                "title": titles.get(key, key),
                "before": self.before[key],
                "after": self.after[key],
                "enter": self.enter.get(key, _Change()).as_json(),
                "leave": self.leave.get(key, _Change()).as_json(),
            }
            for key in (*titles, *gone)
            if whole or key in changed
        ]


def retag(
    store: Store, config: Config, now: datetime, *, apply: bool
) -> dict[str, Any]:
    """Read again every entry that a document may carry; what changed, as plain data.

    Those are the members of stories younger than ``publish.max_age``, however old and
    tagged or not, and entries of that age that may still join one. ``apply`` stores
    it, a transaction for every CHUNK stories; without it nothing is written.
    """
    reader = _Reader(config)
    since = cutoff(now, config.site.timezone, config.publish.max_age)
    topics, places = _Tally(), _Tally()
    looked_at = changed_entries = changed_stories = 0
    for numbers in chunks(store.stories_since(since), CHUNK):
        stories, stored = store.story_entries(numbers)
        changed = reader.changed(stored.values())
        shown = list(_shown(stories, stored, changed, topics, places))
        if apply and changed:
            store.save_words(changed, shown)
        looked_at += len(stored)
        changed_entries += len(changed)
        changed_stories += len(shown)
    for refs in chunks(store.loose_since(since), CHUNK):
        stored = store.entries(refs)
        changed = reader.changed(stored.values())
        if apply and changed:
            store.save_words(changed, ())
        looked_at += len(stored)
        changed_entries += len(changed)
    titles = {topic.key: topic.title for topic in config.topics}
    towns = {place.key: place.title for place in config.gazetteer}
    return {
        "applied": apply,
        "entries": looked_at,
        "older": store.count_entries() - looked_at,
        "entries_changed": changed_entries,
        "stories_changed": changed_stories,
        "topics": topics.as_json(titles, whole=True),
        "places": places.as_json(towns, whole=False),
    }


class _Reader:
    """Reads stored entries as a worker would read them now."""

    def __init__(self, config: Config) -> None:
        self._rules = compile_topics(config.topics)
        self._gazetteer = compile_places(config.gazetteer)
        self._zone = ZoneInfo(config.site.timezone)
        self._given = {source.id: source.topics for source in config.sources}

    def changed(self, stored: Iterable[StoredEntry]) -> dict[EntryRef, WordsRead]:
        """What the words say now, of the entries of which something else is stored."""
        return {
            one.ref: said
            for one in stored
            if (said := self._read(one)) != _stored_words(one)
        }

    def _read(self, stored: StoredEntry) -> WordsRead:
        given = self._given.get(stored.ref[0])
        if given is None:  # a source taken out of feeds.yaml: as it gave then
            given = tuple(
                score.topic
                for score in stored.topics
                if any(term.field == "source" for term in score.terms)
            )
        return read_words(
            stored.entry,
            analyse(stored.entry.title, stored.entry.text),
            given=given,
            seen_at=stored.first_seen,
            zone=self._zone,
            rules=self._rules,
            gazetteer=self._gazetteer,
        )


def _stored_words(stored: StoredEntry) -> WordsRead:
    return WordsRead(topics=stored.topics, events=stored.events, places=stored.places)


def _shown(
    stories: Sequence[StoryMembers],
    stored: Mapping[EntryRef, StoredEntry],
    changed: Mapping[EntryRef, WordsRead],
    topics: _Tally,
    places: _Tally,
) -> Iterator[str]:
    """Ids of the stories of which documents show another thing; counts what changes."""
    for story in stories:
        old = [_stored_words(one) for one in _present(story, stored)]
        new = [
            changed.get(one.ref, _stored_words(one)) for one in _present(story, stored)
        ]
        title = stored[story.lead].entry.title if story.lead in stored else story.id
        topics.add(story.id, title, _topics(old), _topics(new))
        places.add(story.id, title, _places(old), _places(new))
        if _seen(old) != _seen(new):
            yield story.id


def _present(
    story: StoryMembers, stored: Mapping[EntryRef, StoredEntry]
) -> list[StoredEntry]:
    """The members but for those withdrawn, which give their story nothing."""
    found = [stored[member.ref] for member in story.members if member.ref in stored]
    return [one for one in found if one.withheld is not Withheld.WITHDRAWN]


def _topics(said: Iterable[WordsRead]) -> set[str]:
    return {score.topic for one in said for score in one.topics if score.tagged}


def _places(said: Iterable[WordsRead]) -> set[str]:
    return {match.place for one in said for match in one.places}


def _seen(said: Sequence[WordsRead]) -> tuple[object, ...]:
    return _topics(said), _places(said), [one.events for one in said]


# --- a term, tried -------------------------------------------------------------


def try_term(store: Store, config: Config, term: Term) -> dict[str, Any]:
    """What a term would match in the entries stored last, as plain data."""
    topic = Topic(key="try", title="", threshold=term.weight, words=(term,))
    rules = compile_topics([topic])
    refs = store.latest(TRIED)
    stored = store.entries(refs)
    forms: Counter[str] = Counter()
    matches = titles = 0
    examples: list[dict[str, Any]] = []
    for ref in refs:
        one = stored.get(ref)
        if one is None:
            continue
        entry = one.entry
        scores = tag(
            analyse(entry.title, entry.text),
            categories=entry.categories,
            given=(),
            rules=rules,
        )
        terms = [term for score in scores for term in score.terms]
        if not terms:
            continue
        matches += 1
        titles += terms[0].field == "title"
        found = [fold(term.form) for term in terms]
        forms.update(set(found))
        if len(examples) < EXAMPLES:
            first = terms[0]
            examples.append(
                {
                    "id": entry.key,
                    "source": ref[0],
                    "title": entry.title,
                    "link": entry.link,
                    "forms": list(dict.fromkeys(term.form for term in terms)),
                    "field": first.field,
                    "position": first.position,
                    "around": _around(entry.text, first.position)
                    if first.field == "text"
                    else None,
                    "topics": [s.topic for s in one.topics if s.tagged],
                }
            )
    return {
        "term": term.written,
        "entries": len(stored),
        "matches": matches,
        "in_title": titles,
        "forms": dict(forms.most_common()),
        "examples": examples,
    }


def _around(text: str, position: int) -> str:
    start = max(0, position - AROUND)
    return " ".join(text[start : position + 2 * AROUND].split())
