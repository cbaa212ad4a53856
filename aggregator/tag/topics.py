"""Which topics an entry has, and why: the sum of its rules' weights.

Weights by position and the gate are what cured most wrong tags when rules were
tried on 680 real articles: a passing mention, deep in a text about something else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import compress, count
from typing import Literal, NamedTuple

from aggregator.model import TermMatch, Topic, TopicScore
from aggregator.russian import Analysis, Words, lemma_of, read_words, sentence_starts
from aggregator.tag.frame import (
    FRAME_REACH,
    FRAME_SENTENCES,
    FRAME_WORDS,
    date_in,
    may_have_date,
)
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

#: A match: its first word, the rule, and all its words in the text's order, or None
#: for that one word. A tuple, for an entry has dozens.
Hit = tuple[int, Rule, tuple[Span, ...] | None]


class _Read(NamedTuple):
    """What matches in one field."""

    field: Field
    words: Words
    #: One a word.
    found: Sequence[Found | None]
    #: By topic, in the text's order.
    hits: Sequence[Sequence[Hit]]
    #: By topic, the nouns of its event frame: they weigh nothing.
    frames: Mapping[int, Sequence[Hit]]


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
    fields = [
        _read("title", analysis.title, rules),
        *(_read("category", read_words(category), rules) for category in categories),
        _read("text", analysis.text, rules),
    ]
    gifts = _gifts(categories, given, rules)
    for number, frame in _framed(fields):
        gifts.setdefault(number, []).append(frame)
    short = len(analysis.text.tokens) < SHORT_TEXT
    return tuple(
        _score(number, topic, fields, gifts.get(number, []), short=short)
        for number, topic in enumerate(rules.topics)
        if number in gifts or _speaks_for(number, fields)
    )


def _speaks_for(topic: int, fields: Sequence[_Read]) -> bool:
    return any(rule.weight > 0 for field in fields for _, rule, _ in field.hits[topic])


# --- what matches --------------------------------------------------------------


def _read(field: Field, words: Words, rules: Rules) -> _Read:
    """One pass over a field's words, each looked up once; most match nothing."""
    found = [*map(rules.found.__getitem__, words.tokens)]
    hits: list[list[Hit]] = [[] for _ in rules.topics]
    grouped: dict[int, list[tuple[Phrase, Span]]] = {}
    mixed = set()
    matches = zip(compress(count(), found), filter(None, found), strict=True)
    for at, item in matches:
        for rule in item.plain:
            hits[rule.topic].append((at, rule, None))
        for phrase in _beginning(item, found, at) if item.phrases else ():
            if phrase.field not in ("any", field):
                continue
            last = at if phrase.one_word else _phrase_end(phrase, words, found, at)
            if last is None:
                continue
            rule = phrase.rule
            if phrase.suffices:
                spans = None if last == at else ((at, last),)
                hits[rule.topic].append((at, rule, spans))
                mixed.add(rule.topic)
            else:
                grouped.setdefault(rule.number, []).append((phrase, (at, last)))
    frames: dict[int, list[Hit]] = {}
    for parts in grouped.values():
        rule = parts[0][0].rule
        together = _together(rule, words, parts)
        if rule.kind == "frame":
            frames[rule.topic] = [(spans[0][0], rule, spans) for spans in together]
        else:
            hits[rule.topic] += [(spans[0][0], rule, spans) for spans in together]
            mixed.add(rule.topic)
    for topic in mixed:
        hits[topic].sort(key=_place)
    return _Read(field, words, found, hits, frames)


def _place(hit: Hit) -> tuple[int, int]:
    return hit[0], hit[1].number


def _beginning(item: Found, found: Sequence[Found | None], at: int) -> Sequence[Phrase]:
    """The phrases to look for at a word; most lack their second word: seen at once."""
    for near in found[at + 1 : at + 1 + item.reach]:
        if near is not None and not item.seconds.isdisjoint(near.patterns):
            return item.phrases
    return item.alone


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


def _framed(fields: Sequence[_Read]) -> Iterator[tuple[int, TermMatch]]:
    """By topic: the first happening that has its date beside it, in title or beginning.

    Where a term of ``not:`` stands in the same sentence there is no frame.
    """
    given: set[int] = set()
    for field in fields:
        if not field.frames or field.field == "category":
            continue
        words = field.words
        in_text = field.field == "text"
        # One more than counts, for the end of the last.
        starts = sentence_starts(
            words.text, most=FRAME_SENTENCES + 1 if in_text else None
        )
        for topic, nouns in field.frames.items():
            for noun in nouns:
                if topic in given or noun[0] >= FRAME_WORDS:
                    break
                position = words.edges[2 * noun[0]]
                number = bisect_right(starts, position)
                if in_text and number > FRAME_SENTENCES:
                    break
                end = min([position + FRAME_REACH, *starts[number : number + 1]])
                frame = _frame(field, topic, noun, starts[number - 1], end)
                if frame is not None:
                    given.add(topic)
                    yield topic, frame


def _frame(
    field: _Read, topic: int, noun: Hit, start: int, end: int
) -> TermMatch | None:
    """The happening with its date, when both stand in a sentence without objections."""
    words = field.words
    first, last = bisect_left(words.starts, start), bisect_left(words.starts, end)
    if not may_have_date(words.tokens[first:last]):
        return None
    date = date_in(words.text[start:end])
    if date is None or any(
        rule.weight < 0 and first <= at < last for at, rule, _ in field.hits[topic]
    ):
        return None
    at, rule, spans = noun
    return TermMatch(
        rule=rule.term.written,
        form=_form(words, spans or ((at, at),)) + BETWEEN + date[0],
        lemma=_lemma(words, spans or ((at, at),)),
        field=field.field,
        position=words.edges[2 * at],
        weight=0.0,
    )


def _phrase_end(
    phrase: Phrase, words: Words, found: Sequence[Found | None], first: int
) -> int | None:
    """The last word of a phrase that begins at ``first``; None when it does not.

    A phrase stays inside its sentence.
    """

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
    phrase: Phrase, part: int, words: Words, found: Sequence[Found | None], at: int
) -> bool:
    item = found[at] if at < len(found) else None
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
    number: int,
    topic: Topic,
    fields: Sequence[_Read],
    gifts: Sequence[TermMatch],
    *,
    short: bool,
) -> TopicScore:
    threshold = round(topic.threshold * (SHORT_SCALE if short else 1.0), 4)
    fields = [field for field in fields if field.hits[number]]
    terms = _weighed(number, topic, fields)
    score = round(sum([term.weight for term in terms]), 4)
    vetoes = tuple(
        dict.fromkeys(
            rule.term.written
            for field in fields
            for _, rule, _ in field.hits[number]
            if rule.veto
        )
    )
    if (
        not vetoes
        and not gifts
        and score >= threshold
        and not _passes_gate(number, topic, fields)
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


def _weighed(number: int, topic: Topic, fields: Sequence[_Read]) -> list[TermMatch]:
    """What counts, each with its part of the sum."""
    terms: list[TermMatch] = []
    seen: dict[int, int] = {}
    positions = topic.positions or POSITIONS
    for field, words, found, hits, _ in fields:
        text, edges = words.text, words.edges
        place_weight = TITLE_BOOST if field == "title" else 1.0
        for first, rule, spans in hits[number]:
            times = seen.get(rule.number, 0)
            if times == (1 if rule.kind == "any" else len(REPEATS)):
                continue
            seen[rule.number] = times + 1
            if field == "text":
                place_weight = positions[
                    0 if first < LEAD else 1 if first < REST else 2
                ]
            weight = _rounded(rule.weight * place_weight * REPEATS[times])
            start = edges[2 * first]
            if spans is None:
                form = text[start : edges[2 * first + 1]]
                lemma = found[first].lemma  # type: ignore[union-attr]
            else:
                form, lemma = _form(words, spans), _lemma(words, spans)
            written = rule.term.written
            # Half the time of TermMatch(...), whose keywords nobody needs here.
            terms.append(_term((written, form, lemma, field, start, weight)))
    return terms


_term: Callable[[tuple[str, str, str, Field, int, float]], TermMatch] = partial(
    tuple.__new__, TermMatch
)


@lru_cache(maxsize=1024)
def _rounded(weight: float) -> float:
    """Rounding takes as long as all else about a term, and weights are few."""
    return round(weight, 4)


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


def _passes_gate(number: int, topic: Topic, fields: Sequence[_Read]) -> bool:
    """Whether title, category or two different words of the lead speak of the topic."""
    if topic.title_gate is False:
        return True
    lead = set()
    for field in fields:
        tokens = field.words.tokens
        for at, rule, spans in field.hits[number]:
            if rule.weight < GATE_WEIGHT:
                continue
            if field.field != "text":
                return True
            firsts = [first for first, _ in spans] if spans else [at]
            lead |= {lemma_of(tokens[first]) for first in firsts if first < LEAD}
    return len(lead) > 1
