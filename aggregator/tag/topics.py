"""Which topics an entry has, and why: the sum of its rules' weights.

Weights by position and the gate are what cured most wrong tags when rules were
tried on 680 real articles: a passing mention, deep in a text about something else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from aggregator.model import TermMatch, Topic, TopicScore
from aggregator.russian import Analysis, Words, lemma_of, read_words
from aggregator.tag.frame import FRAME_SENTENCES, date_in
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
    hits = _hits_by_topic(analysis, categories, rules)
    gifts = _gifts(categories, given, rules)
    short = len(analysis.text.tokens) < SHORT_TEXT
    for number, found in hits.items():
        if rules.topics[number].event_frame and (frame := _frame(found)):
            gifts.setdefault(number, []).append(frame)
    return tuple(
        _score(topic, _counted(hits, number), gifts.get(number, []), short=short)
        for number, topic in enumerate(rules.topics)
        if number in gifts or any(hit.rule.weight > 0 for hit in hits.get(number, ()))
    )


def _counted(hits: dict[int, list[_Hit]], topic: int) -> list[_Hit]:
    """What enters the sum: the frame gives the topic without."""
    return [hit for hit in hits.get(topic, ()) if hit.rule.kind != "frame"]


# --- what matches --------------------------------------------------------------


def _hits_by_topic(
    analysis: Analysis, categories: Sequence[str], rules: Rules
) -> dict[int, list[_Hit]]:
    """What matches, in the order title, categories, text."""
    hits: dict[int, list[_Hit]] = {}
    _add_hits(hits, analysis.title, "title", rules)
    for category in categories:
        _add_hits(hits, read_words(category), "category", rules)
    _add_hits(hits, analysis.text, "text", rules)
    return hits


def _add_hits(
    hits: dict[int, list[_Hit]], words: Words, field: Field, rules: Rules
) -> None:
    found = list(map(rules.found.__getitem__, words.tokens))
    matches = [(at, item) for at, item in enumerate(found) if item]
    # Most phrases whose first word stands here lack another one: seen at once.
    present = {number for _, item in matches for number in item.patterns}
    grouped: dict[int, list[tuple[Phrase, Span]]] = {}
    for at, item in matches:
        for phrase in item.phrases:
            if phrase.field not in ("any", field):
                continue
            last: int | None = at
            if phrase.needs:
                if not phrase.needs <= present:
                    continue
                last = _phrase_end(phrase, words, found, at)
            if last is None:
                continue
            rule = phrase.rule
            if phrase.suffices:
                hit = _Hit(rule, field, words, ((at, last),))
                hits.setdefault(rule.topic, []).append(hit)
            else:
                grouped.setdefault(rule.number, []).append((phrase, (at, last)))
    for parts in grouped.values():
        rule = parts[0][0].rule
        hits.setdefault(rule.topic, []).extend(
            _Hit(rule, field, words, spans) for spans in _together(rule, words, parts)
        )


def _together(
    rule: Rule, words: Words, parts: Sequence[tuple[Phrase, Span]]
) -> Iterator[tuple[Span, ...]]:
    """Matches of a rule that looks at whole sentences, from the phrases found of it."""
    sentences: dict[int, list[tuple[Phrase, Span]]] = {}
    for phrase, span in parts:
        sentences.setdefault(words.sentences[span[0]], []).append((phrase, span))
    for inside in sentences.values():
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


def _frame(hits: Iterable[_Hit]) -> TermMatch | None:
    """The first happening that has its date beside it, in title or beginning.

    Where a term of ``not:`` stands in the same sentence there is no frame.
    """
    hits = list(hits)
    for hit in hits:
        if hit.rule.kind != "frame":
            continue
        sentence = hit.words.sentences[hit.first]
        if hit.field == "text" and sentence >= FRAME_SENTENCES:
            continue
        start, end = _sentence_bounds(hit.words, sentence)
        date = date_in(hit.words.text[start:end])
        if date is None or any(
            other.rule.weight < 0
            and other.words is hit.words
            and other.words.sentences[other.first] == sentence
            for other in hits
        ):
            continue
        return TermMatch(
            rule=hit.rule.term.written,
            form=_form(hit) + BETWEEN + date[0],
            lemma=_lemma(hit),
            field=hit.field,
            position=hit.words.starts[hit.first],
            weight=0.0,
        )
    return None


def _sentence_bounds(words: Words, sentence: int) -> tuple[int, int]:
    """Where a sentence's words begin and end in the text."""
    first = bisect_left(words.sentences, sentence)
    last = bisect_right(words.sentences, sentence) - 1
    return words.starts[first], words.ends[last]


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
    topic: Topic, hits: Sequence[_Hit], gifts: Sequence[TermMatch], *, short: bool
) -> TopicScore:
    threshold = round(topic.threshold * (SHORT_SCALE if short else 1.0), 4)
    terms = tuple(_weighed(topic, hits))
    score = round(sum(term.weight for term in terms), 4)
    vetoes = tuple(
        dict.fromkeys(hit.rule.term.written for hit in hits if _is_veto(hit))
    )
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


def _is_veto(hit: _Hit) -> bool:
    return hit.rule.weight <= 0 and hit.rule.term.veto


def _weighed(topic: Topic, hits: Sequence[_Hit]) -> Iterator[TermMatch]:
    seen: Counter[int] = Counter()
    positions = topic.positions or POSITIONS
    for hit in hits:
        times = seen[hit.rule.number]
        if times == (1 if hit.rule.kind == "any" else len(REPEATS)):
            continue
        seen[hit.rule.number] += 1
        weight = hit.rule.weight * _place_weight(hit, positions) * REPEATS[times]
        yield TermMatch(
            rule=hit.rule.term.written,
            form=_form(hit),
            lemma=_lemma(hit),
            field=hit.field,
            position=hit.words.starts[hit.first],
            weight=round(weight, 4),
        )


def _place_weight(hit: _Hit, positions: tuple[float, float, float]) -> float:
    if hit.field == "title":
        return TITLE_BOOST
    if hit.field == "category":
        return 1.0
    lead, middle, rest = positions
    return lead if hit.first < LEAD else middle if hit.first < REST else rest


def _form(hit: _Hit) -> str:
    """The words as they stand in the text, from a phrase's first to its last."""
    return BETWEEN.join(hit.words.form(first, last) for first, last in hit.spans)


def _lemma(hit: _Hit) -> str:
    """The lemmas of all words from a phrase's first to its last, joined."""
    return " ".join(
        lemma_of(token)
        for first, last in hit.spans
        for token in hit.words.tokens[first : last + 1]
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
