"""Which topics an entry has, and why: the sum of its rules' weights.

Weights by position and the gate are what cured most wrong tags when rules were
tried on 680 real articles: a passing mention, deep in a text about something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from aggregator.model import TermMatch, Topic, TopicScore
from aggregator.russian import Analysis, Words, lemma_of, read_words
from aggregator.tag.frame import FRAME_REACH, FRAME_SENTENCES, FRAME_WORDS, date_in
from aggregator.tag.patterns import same_yo
from aggregator.tag.rules import BAR, Found, Phrase, Rule, Rules, fold_category

#: Words of the text that are its lead, and where its rest begins.
LEAD, REST = 45, 110
#: Weights of lead, middle and rest: news say what they are about at once.
POSITIONS = (1.0, 0.6, 0.35)
#: A word of the title tells twice as much as one of the lead.
TITLE_BOOST = 2.0
#: Terms that weigh less only support others; they open no gate.
GATE_WEIGHT = 0.5
#: What a term's first, second and third match count; later ones tell nothing new.
REPEATS = (1.0, 0.5, 0.25)
#: Texts under this many words cannot reach a sum made for articles ...
SHORT_TEXT = 40
#: ... and are asked for this part of it.
SHORT_SCALE = 0.6

#: Joins the words of a group's match where others stand between.
BETWEEN = " … "

#: Stands among the vetoes when a sum was reached and the gate was not passed.
TITLE_GATE = "title_gate"

Field = Literal["title", "text", "category"]


#: The first and last word, itself, of what a phrase found.
Span = tuple[int, int]


class _Hit(NamedTuple):
    rule: Rule
    field: Field
    words: Words
    #: In the text's order; one but for ``all`` and the event frame.
    spans: tuple[Span, ...]

    @property
    def first(self) -> int:
        return self.spans[0][0]


def tag(
    analysis: Analysis,
    *,
    categories: Sequence[str],
    given: Sequence[str],
    rules: Rules,
) -> tuple[TopicScore, ...]:
    """Every topic for which something speaks, in the topics' order, tagged or not.

    ``categories`` are the entry's in its source; ``given`` are the keys of topics
    that its source gives to all entries. A veto is stronger than both.
    """
    found = _Hits(rules)
    found.add(analysis.title, "title")
    for category in categories:
        found.add(read_words(category), "category")
    found.add(analysis.text, "text")
    gifts = _gifts(categories, given, rules)
    for number, frames in found.frames.items():
        if frame := _frame(frames, found.by_topic[number]):
            gifts.setdefault(number, []).append(frame)
    short = len(analysis.text.tokens) < SHORT_TEXT
    return tuple(
        _score(topic, hits, gifts.get(number, []), short=short)
        for number, (topic, hits) in enumerate(
            zip(rules.topics, found.by_topic, strict=True)
        )
        if number in gifts or any(hit.rule.weight > 0 for hit in hits)
    )


# --- what matches --------------------------------------------------------------


def _place(hit: _Hit) -> tuple[int, int]:
    return hit.spans[0][0], hit.rule.number


class _Hits:
    """What matches, by topic, in the order in which the fields are added."""

    def __init__(self, rules: Rules) -> None:
        self._found = rules.found
        self.by_topic: list[list[_Hit]] = [[] for _ in rules.topics]
        #: The nouns of event frames, by topic: they weigh nothing.
        self.frames: dict[int, list[_Hit]] = {}

    def add(self, words: Words, field: Field) -> None:
        by_topic = self.by_topic
        found = map(self._found.__getitem__, words.tokens)
        matches = [(at, item) for at, item in enumerate(found) if item is not None]
        phrased = False
        for at, item in matches:
            for rule in item.plain:
                by_topic[rule.topic].append(_Hit(rule, field, words, ((at, at),)))
            if item.phrases:
                phrased = True
        if phrased:
            self._add_phrases(words, field, dict(matches))

    def _add_phrases(
        self, words: Words, field: Field, matches: Mapping[int, Found]
    ) -> None:
        # Most phrases whose first word stands here lack another one: seen at once.
        present = {number for item in matches.values() for number in item.patterns}
        grouped: dict[int, list[tuple[Phrase, Span]]] = {}
        added: dict[int, list[_Hit]] = {}
        for at, item in matches.items():
            for phrase in item.phrases:
                if phrase.field not in ("any", field) or not phrase.needs <= present:
                    continue
                last = _phrase_end(phrase, words, matches, at) if phrase.needs else at
                if last is None:
                    continue
                rule = phrase.rule
                if phrase.suffices:
                    hit = _Hit(rule, field, words, ((at, last),))
                    added.setdefault(rule.topic, []).append(hit)
                else:
                    parts = grouped.setdefault(rule.number, [])
                    parts.append((phrase, (at, last)))
        for parts in grouped.values():
            rule = parts[0][0].rule
            store = self.frames if rule.kind == "frame" else added
            store.setdefault(rule.topic, []).extend(
                _Hit(rule, field, words, spans)
                for spans in _together(rule, words, parts)
            )
        for topic, hits in added.items():
            # In the text's order, behind those of the fields before.
            ours = self.by_topic[topic]
            before = next((n for n, hit in enumerate(ours) if hit.words is words), None)
            mixed = hits if before is None else ours[before:] + hits
            ours[len(ours) if before is None else before :] = sorted(mixed, key=_place)


def _together(
    rule: Rule, words: Words, parts: Sequence[tuple[Phrase, Span]]
) -> Iterator[tuple[Span, ...]]:
    """Matches of a rule that looks at whole sentences, from the phrases found of it."""
    members = {phrase.member for phrase, _ in parts}
    if rule.kind == "all":
        if len(members - {BAR}) < len(rule.term.members):
            return
    elif BAR not in members:
        yield from ((span,) for _, span in parts)
        return
    for inside in _by_sentence(words, parts):
        if any(phrase.member == BAR for phrase, _ in inside):
            continue
        if rule.kind != "all":
            yield from ((span,) for _, span in inside)
            continue
        firsts: dict[int, Span] = {}
        for phrase, span in inside:
            firsts.setdefault(phrase.member, span)
        if len(firsts) == len(rule.term.members):
            yield tuple(sorted(firsts.values()))


def _by_sentence(
    words: Words, parts: Sequence[tuple[Phrase, Span]]
) -> Iterator[list[tuple[Phrase, Span]]]:
    """What was found, sentence by sentence.

    Looks between neighbours alone: to part the whole text takes as long as the rest.
    """
    inside: list[tuple[Phrase, Span]] = []
    for part in sorted(parts, key=lambda part: part[1]):
        if inside and not words.same_sentence(inside[-1][1][0], part[1][0]):
            yield inside
            inside = []
        inside.append(part)
    yield inside


def _frame(frames: Iterable[_Hit], hits: Sequence[_Hit]) -> TermMatch | None:
    """The first happening that has its date beside it, in title or beginning.

    Where a term of ``not:`` stands in the same sentence there is no frame.
    """
    for frame in frames:
        words = frame.words
        if frame.field == "category" or frame.first >= FRAME_WORDS:
            continue
        position = words.starts[frame.first]
        near = words.text[max(0, position - FRAME_REACH) : position + FRAME_REACH]
        if date_in(near) is None:
            continue  # spares looking for sentences
        number, start, end = words.sentence_around(frame.first, FRAME_REACH)
        if frame.field == "text" and number >= FRAME_SENTENCES:
            continue
        date = date_in(words.text[start:end])
        if date is None or any(
            hit.rule.weight < 0
            and hit.words is words
            and start <= words.starts[hit.first] < end
            for hit in hits
        ):
            continue
        return TermMatch(
            rule=frame.rule.term.written,
            form=_form(words, frame.spans) + BETWEEN + date[0],
            lemma=_lemma(words, frame.spans),
            field=frame.field,
            position=position,
            weight=0.0,
        )
    return None


def _phrase_end(
    phrase: Phrase, words: Words, found: Mapping[int, Found], first: int
) -> int | None:
    """The last word of a phrase that begins at ``first``; None when it does not.

    A phrase stays inside its sentence.
    """
    if phrase.two_lemmas:  # most are, and need no look back
        wanted = phrase.patterns[1]
        for at in range(first + 1, first + 2 + phrase.parts[1].gap):
            item = found.get(at)
            if item is not None and wanted in item.patterns:
                return at if words.same_sentence(first, at) else None
        return None

    def end(part: int, at: int) -> int | None:
        if not _fits(phrase, part, words, found, at):
            return None
        if part + 1 == len(phrase.parts):
            return at
        for following in range(at + 1, at + 2 + phrase.parts[part + 1].gap):
            if (last := end(part + 1, following)) is not None:
                return last
        return None

    last = end(0, first)
    if last is None or last == first:
        return last
    return last if words.same_sentence(first, last) else None


def _fits(
    phrase: Phrase, part: int, words: Words, found: Mapping[int, Found], at: int
) -> bool:
    item = found.get(at)
    if item is None or phrase.patterns[part] not in item.patterns:
        return False
    pattern = phrase.parts[part].pattern
    return pattern.kind != "exact" or same_yo(words.form(at, at)) == pattern.word


def _gifts(
    categories: Sequence[str], given: Sequence[str], rules: Rules
) -> dict[int, list[TermMatch]]:
    """Topics that come without counting, each with its reason (of no weight yet)."""
    gifts: dict[int, list[TermMatch]] = {}
    for number, topic in enumerate(rules.topics):
        if topic.key in given:
            gifts[number] = [_gift(topic.key, "", "source")]
    for category in categories:
        name = fold_category(category)
        for rule in rules.categories:
            if rule.names(name):
                reason = _gift(rule.written, category, "category")
                gifts.setdefault(rule.topic, []).append(reason)
    return gifts


def _gift(rule: str, form: str, field: Literal["category", "source"]) -> TermMatch:
    return TermMatch(
        rule=rule, form=form, lemma="", field=field, position=0, weight=0.0
    )


# --- what it weighs ------------------------------------------------------------


def _score(
    topic: Topic, hits: Sequence[_Hit], gifts: Sequence[TermMatch], *, short: bool
) -> TopicScore:
    threshold = round(topic.threshold * (SHORT_SCALE if short else 1.0), 4)
    terms = tuple(_weighed(topic, hits))
    score = round(sum([term.weight for term in terms]), 4)
    vetoes = tuple(dict.fromkeys(hit[0].term.written for hit in hits if hit[0].veto))
    if (
        not vetoes
        and not gifts
        and score >= threshold
        and not _passes_gate(topic, hits)
    ):
        vetoes = (TITLE_GATE,)
    return TopicScore(
        topic=topic.key,
        score=score,
        threshold=threshold,
        tagged=not vetoes and (bool(gifts) or score >= threshold),
        terms=(*gifts, *terms),
        vetoes=vetoes,
    )


def _weighed(topic: Topic, hits: Sequence[_Hit]) -> Iterator[TermMatch]:
    seen: dict[int, int] = {}
    positions = topic.positions or POSITIONS
    for rule, field, words, spans in hits:
        number, (first, last) = rule.number, spans[0]
        times = seen.get(number, 0)
        if times == (1 if rule.kind == "any" else len(REPEATS)):
            continue
        seen[number] = times + 1
        weight = rule.weight * _place_weight(field, first, positions) * REPEATS[times]
        start = words.starts[first]
        if first == last and len(spans) == 1:
            form = words.text[start : words.ends[first]]
            lemma = lemma_of(words.tokens[first])
        else:
            form, lemma = _form(words, spans), _lemma(words, spans)
        yield TermMatch(rule.term.written, form, lemma, field, start, round(weight, 4))


def _place_weight(
    field: Field, first: int, positions: tuple[float, float, float]
) -> float:
    if field == "text":
        return positions[0 if first < LEAD else 1 if first < REST else 2]
    return TITLE_BOOST if field == "title" else 1.0


def _form(words: Words, spans: Sequence[Span]) -> str:
    """The words as they stand in the text, from a phrase's first to its last."""
    return BETWEEN.join(words.form(first, last) for first, last in spans)


def _lemma(words: Words, spans: Sequence[Span]) -> str:
    """The lemmas of all words from a phrase's first to its last, joined."""
    return " ".join(
        lemma_of(token)
        for first, last in spans
        for token in words.tokens[first : last + 1]
    )


def _passes_gate(topic: Topic, hits: Sequence[_Hit]) -> bool:
    """Whether title, category or two different words of the lead speak of the topic."""
    if topic.title_gate is False:
        return True
    lead = set()
    for hit in hits:
        if hit.rule.weight < GATE_WEIGHT:
            continue
        if hit.field != "text":
            return True
        lead |= {
            lemma_of(hit.words.tokens[first]) for first, _ in hit.spans if first < LEAD
        }
    return len(lead) > 1
