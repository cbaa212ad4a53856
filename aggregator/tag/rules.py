"""Topics compiled into dictionaries, so that a word costs one look-up.

A word form is matched against all rules once per process; what it matches is
remembered. Most words of a text match nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aggregator.model import Term, TermField, Topic
from aggregator.russian import FormCache, fold, forms_of, lemma_of, stem_of
from aggregator.tag.patterns import Part, Pattern, parts_of

#: «эк» is the stem of «эко» and of «эка»: stems this short say nothing.
SHORTEST_STEM = 3


class Rule(NamedTuple):
    """A term of one topic, ready to be matched."""

    #: Place in ``Rules.rules``: its name in ``Found``.
    number: int
    #: Place of the topic in ``Rules.topics``.
    topic: int
    term: Term
    field: TermField
    #: Negative for a term of ``not:``.
    weight: float
    parts: tuple[Part, ...]
    patterns: tuple[int, ...]
    #: The patterns as a set, when there is more to see than one word's lemma.
    needs: frozenset[int]


class Found(NamedTuple):
    """What one word form matches."""

    #: Numbers of all its patterns: it may stand in a phrase.
    patterns: frozenset[int]
    #: Rules whose first word it may be.
    rules: tuple[Rule, ...]


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
    rules: tuple[Rule, ...]
    categories: tuple[Category, ...]
    found: FormCache[Found | None]


def compile_topics(topics: Sequence[Topic]) -> Rules:
    """Rules for ``tag``; made once per process.

    Costs 0.15 ms a lemma: every form of a rule's word is looked up now, so that
    an entry's words need the dictionary only when they look like one of them.
    Raises ValueError for a term without letter or digit.
    """
    patterns: dict[Pattern, int] = {}
    rules: list[Rule] = []
    for number, topic in enumerate(topics):
        for term, sign in _signed_terms(topic):
            parts = parts_of(term)
            if not parts:
                raise ValueError(f"topic {topic.key}: no word in {term.written!r}")
            needed = [
                patterns.setdefault(part.pattern, len(patterns)) for part in parts
            ]
            rules.append(
                Rule(
                    number=len(rules),
                    topic=number,
                    term=term,
                    field=term.field,
                    weight=sign * term.weight,
                    parts=parts,
                    patterns=tuple(needed),
                    needs=frozenset(() if _is_plain(parts) else needed),
                )
            )
    return Rules(
        topics=tuple(topics),
        rules=tuple(rules),
        categories=tuple(_categories(topics)),
        found=FormCache(_Matcher(patterns, rules)),
    )


def _is_plain(parts: Sequence[Part]) -> bool:
    return len(parts) == 1 and parts[0].pattern.kind != "exact"


def fold_category(name: str) -> str:
    """A category's name as it is compared: case, «ё» and spaces do not count."""
    return " ".join(fold(name).split())


def _signed_terms(topic: Topic) -> Iterable[tuple[Term, int]]:
    yield from ((term, 1) for term in topic.words)
    yield from ((term, -1) for term in topic.excluded)


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
    """Answers which rules a word form takes part in."""

    def __init__(self, patterns: dict[Pattern, int], rules: Sequence[Rule]) -> None:
        self._by_form: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        self._by_prefix: dict[str, list[int]] = defaultdict(list)
        self._exact: dict[str, list[int]] = defaultdict(list)
        for pattern, number in patterns.items():
            self._add(pattern, number)
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self._starting: dict[int, list[Rule]] = defaultdict(list)
        for rule in rules:
            self._starting[rule.patterns[0]].append(rule)

    def _add(self, pattern: Pattern, number: int) -> None:
        match pattern.kind:
            case "exact":
                self._exact[fold(pattern.word)].append(number)
            case "prefix":
                self._by_prefix[pattern.word].append(number)
            case "lemma":
                forms = forms_of(pattern.word) | {pattern.word}
                lemma = lemma_of(pattern.word)
                for form in forms:
                    self._by_form[form].append((lemma, number))
                for stem in {stem_of(pattern.word), stem_of(lemma)}:
                    if len(stem) >= SHORTEST_STEM:
                        self._by_stem[stem].append(number)

    def __call__(self, form: str) -> Found | None:
        numbers = frozenset(self._patterns(form))
        if not numbers:
            return None
        rules = [rule for number in numbers for rule in self._starting.get(number, ())]
        return Found(numbers, tuple(sorted(rules)))

    def _patterns(self, form: str) -> Iterable[int]:
        yield from self._exact.get(form, ())
        yield from self._by_stem.get(stem_of(form), ())
        for length in self._prefix_lengths:
            yield from self._by_prefix.get(form[:length], ())
        # A form of several words («стали») counts for its likeliest lemma alone.
        yield from (
            number
            for lemma, number in self._by_form.get(form, ())
            if lemma_of(form) == lemma or form == lemma
        )
