"""Topics compiled into dictionaries, so that a word costs one look-up.

A word form is matched against all rules once per process; what it matches is
remembered. Most words of a text match nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple

from aggregator.model import Term, TermField, Topic
from aggregator.russian import FormCache, fold, forms_of, lemma_of, stem_of
from aggregator.tag.frame import EVENT_FRAME
from aggregator.tag.patterns import Part, Pattern, parts_of

#: «кор» is the stem of «корь» and of «кора»: stems this short say nothing.
SHORTEST_STEM = 4


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A term of one topic, or its event frame, ready to be matched."""

    #: Place in ``Rules.rules``.
    number: int
    #: Place of the topic in ``Rules.topics``.
    topic: int
    #: Of the event frame: its nouns.
    term: Term
    kind: Literal["term", "all", "any", "frame"]
    #: Negative for a term of ``not:``.
    weight: float
    veto: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """Words in a row that a rule looks for; mostly one word and all of the rule."""

    rule: Rule
    #: Place among the members of a group; BAR: the match is void in this sentence.
    member: int
    #: Found, it is a match of the rule: nothing else has to be seen.
    suffices: bool
    field: TermField
    parts: tuple[Part, ...]
    patterns: tuple[int, ...]
    #: One word in any form: nothing has to be compared after its pattern.
    one_word: bool

    @property
    def plain(self) -> bool:
        """One word, in any field, and a match at once."""
        return self.suffices and self.one_word and self.field == "any"


#: The ``member`` of a phrase under ``none:``.
BAR = -1


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one word form matches."""

    #: Empty for a word that is none of a rule's alone.
    lemma: str
    #: Numbers of all its patterns: it may stand in a phrase.
    patterns: frozenset[int]
    #: Rules that this word satisfies wherever it stands: most of them.
    plain: tuple[Rule, ...]
    #: Other phrases of one word.
    alone: tuple[Phrase, ...]
    #: Those and the longer ones that may begin here ...
    phrases: tuple[Phrase, ...]
    #: ... if one of these patterns is found within so many words.
    seconds: frozenset[int]
    reach: int


class Category(NamedTuple):
    """A source's category that gives a topic."""

    topic: int
    #: As written in feeds.yaml.
    written: str
    name: str
    prefix: bool

    def names(self, name: str) -> bool:
        """Whether it means a category of this name, folded by ``fold_category``."""
        return name.startswith(self.name) if self.prefix else name == self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All topics of a configuration; ``found[form]`` is None for most forms."""

    topics: tuple[Topic, ...]
    categories: tuple[Category, ...]
    found: FormCache[Found | None]


def compile_topics(topics: Sequence[Topic]) -> Rules:
    """Rules for ``tag``; made once per process.

    Costs 0.15 ms a lemma: every form of a rule's word is looked up now, so that
    an entry's words need the dictionary only when they look like one of them.
    Raises ValueError for a term without letter or digit.
    """
    patterns: dict[Pattern, int] = {}
    phrases = [
        phrase for rule in _rules(topics) for phrase in _phrases(rule, topics, patterns)
    ]
    return Rules(
        topics=tuple(topics),
        categories=tuple(_categories(topics)),
        found=FormCache(_Matcher(patterns, phrases)),
    )


def _rules(topics: Sequence[Topic]) -> Iterator[Rule]:
    number = count()
    for place, topic in enumerate(topics):
        for term in topic.words:
            yield Rule(next(number), place, term, term.kind, term.weight)
        for term in topic.excluded:
            yield Rule(
                next(number), place, term, term.kind, -term.weight, veto=term.veto
            )
        if topic.event_frame:
            yield Rule(next(number), place, EVENT_FRAME, "frame", 0.0)


def _phrases(
    rule: Rule, topics: Sequence[Topic], patterns: dict[Pattern, int]
) -> Iterator[Phrase]:
    """What a rule looks for; new patterns are given numbers."""
    term = rule.term
    members = list(enumerate(term.members or (term.written,)))
    for member, written in members + [(BAR, written) for written in term.none]:
        parts = parts_of(written, gap=term.gap)
        if not parts:
            topic = topics[rule.topic].key
            raise ValueError(f"topic {topic}: no word in {written!r}")
        needed = [patterns.setdefault(part.pattern, len(patterns)) for part in parts]
        yield Phrase(
            rule=rule,
            member=member,
            suffices=rule.kind in ("term", "any") and not term.none,
            field=term.field,
            parts=parts,
            patterns=tuple(needed),
            one_word=len(parts) == 1 and parts[0].pattern.kind != "exact",
        )


def fold_category(name: str) -> str:
    """A category's name as it is compared: case, «ё» and spaces do not count."""
    return " ".join(fold(name).split())


def _categories(topics: Sequence[Topic]) -> Iterable[Category]:
    for number, topic in enumerate(topics):
        for written in topic.categories:
            name = written.strip()
            prefix = name.endswith("*")
            yield Category(
                topic=number,
                written=written,
                name=fold_category(name.removesuffix("*")),
                prefix=prefix,
            )


class _Matcher:
    """Answers which phrases a word form takes part in."""

    def __init__(self, patterns: dict[Pattern, int], phrases: Sequence[Phrase]) -> None:
        #: What a form must be for a pattern: itself, or a form of this lemma.
        self._by_form: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        self._prefixes: list[tuple[str, int]] = []
        for pattern, number in patterns.items():
            self._add(pattern, number)
        self._length = min([SHORTEST_STEM, *(len(word) for word, _ in self._prefixes)])
        #: By the first letters of all stems and prefixes: those prefixes.
        self._beginnings: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for stem in self._by_stem:
            self._beginnings[stem[: self._length]] = []
        for prefix, number in self._prefixes:
            self._beginnings[prefix[: self._length]].append((prefix, number))
        self._starting: dict[int, list[Phrase]] = defaultdict(list)
        for phrase in phrases:
            self._starting[phrase.patterns[0]].append(phrase)

    def _add(self, pattern: Pattern, number: int) -> None:
        match pattern.kind:
            case "exact":
                form = fold(pattern.word)
                self._by_form[form].append((form, number))
            case "prefix":
                self._prefixes.append((pattern.word, number))
            case "lemma":
                words = forms_of(pattern.word)
                for lemma, forms in words.items():
                    named = lemma, number
                    for form in forms:
                        self._by_form[form].append(named)
                    if pattern.word not in forms:
                        self._by_form[pattern.word].append(named)
                for stem in {stem_of(word) for word in (pattern.word, *words)}:
                    if len(stem) >= SHORTEST_STEM:
                        self._by_stem[stem].append(number)

    def __call__(self, form: str) -> Found | None:
        numbers = frozenset(self._patterns(form))
        if not numbers:
            return None
        phrases = [
            phrase for number in numbers for phrase in self._starting.get(number, ())
        ]
        phrases.sort(key=lambda phrase: (phrase.rule.number, phrase.member))
        plain = [phrase.rule for phrase in phrases if phrase.plain]
        others = [phrase for phrase in phrases if not phrase.plain]
        alone = [phrase for phrase in others if len(phrase.parts) == 1]
        longer = [phrase for phrase in others if len(phrase.parts) > 1]
        return Found(
            lemma=lemma_of(form) if plain or alone else "",
            patterns=numbers,
            plain=tuple(plain),
            alone=tuple(alone),
            phrases=tuple(others),
            seconds=frozenset([phrase.patterns[1] for phrase in longer]),
            reach=max([1 + phrase.parts[1].gap for phrase in longer], default=0),
        )

    def _patterns(self, form: str) -> Sequence[int]:
        named = self._by_form.get(form, ())
        prefixes = self._beginnings.get(form[: self._length])
        if prefixes is None and not named:
            return ()  # most words, which are not even stemmed
        # A form of several words («стали») counts for its likeliest lemma alone.
        numbers = [n for lemma, n in named if form == lemma or lemma_of(form) == lemma]
        if prefixes is not None:
            # A stem is a word without its end: both begin with the same letters.
            numbers += self._by_stem.get(stem_of(form), ())
            numbers += [n for prefix, n in prefixes if form.startswith(prefix)]
        return numbers
