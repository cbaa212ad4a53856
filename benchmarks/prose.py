"""Articles put together from the words and sentence patterns of ``words``.

Phrases are drawn beforehand into pools, by topic and case, so that an article costs
some 0.2 ms: a farm of 50,000 is made in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from benchmarks import words

#: Phrases in a pool: far more than an article needs, so that two seldom share many.
POOL = 4000
#: Characters of text in an article, about; the issue's figure.
TEXT_LENGTH = 1500
#: Shares of rare words and names that bring the number of different words to that of
#: real news (README.md); a noun phrase has an adjective in ADJECTIVE_SHARE of the cases.
RARE_SHARE = 0.38
ADJECTIVE_SHARE = 0.5

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    domain: str
    paragraphs: tuple[str, ...]


class Zipf:
    """Draws from a list: the item of rank r with weight 1 / (r + 2) ** exponent."""

    def __init__(self, items: list[str], exponent: float) -> None:
        self.items = items
        weights = ((rank + 2) ** -exponent for rank in range(len(items)))
        self.weights = list(accumulate(weights))

    def draw(self, random: Random) -> str:
        return random.choices(self.items, cum_weights=self.weights)[0]


class Prose:
    """Writes articles; the same seeds give the same words."""

    def __init__(self, seed: int = 0, pool: int = POOL) -> None:
        random = Random(seed)
        nouns, adjectives, verbs = words.rare_words()
        for rare in (nouns, adjectives, verbs):
            random.shuffle(rare)
        self._rare = _Lexicon(nouns, adjectives, verbs, exponent=0.2)
        self._common = _Lexicon(
            words.COMMON.split(),
            words.ADJECTIVES.split(),
            words.VERBS.split(),
            exponent=0.6,
        )
        self._names = [
            r + e for r in words.SURNAME_ROOTS for e in words.SURNAME_ENDINGS
        ]
        random.shuffle(self._names)
        shared = self._shared_pools(random, pool)
        self._pools = {
            domain: shared | self._domain_pools(random, lists, pool)
            for domain, lists in words.DOMAINS.items()
        }

    def article(self, seed: int, published: datetime) -> Article:
        """The article of that seed; the days it names lie around ``published``."""
        random = Random(seed)
        weights = list(words.DOMAIN_WEIGHTS.values())
        domain = random.choices(list(words.DOMAIN_WEIGHTS), weights)[0]
        pools = self._pools[domain]
        openings = _EVENT_OPENINGS if domain == "events" else _OPENINGS
        sentences = [_write(random.choice(openings), pools, random, published)]
        length = random.randint(TEXT_LENGTH - 400, TEXT_LENGTH + 300)
        while sum(map(len, sentences)) < length:
            sentences.append(
                _write(random.choice(_SENTENCES), pools, random, published)
            )
        title = _write(random.choice(_TITLES), pools, random, published).removesuffix(
            "."
        )
        return Article(title, domain, tuple(_paragraphs(sentences, random)))

    def _domain_pools(
        self, random: Random, lists: dict[str, str], pool: int
    ) -> dict[str, list[str]]:
        own = _Lexicon(
            lists["nouns"].split(),
            lists["adjectives"].split(),
            lists["verbs"].split(),
            0.6,
        )
        pools = {
            case: [self._phrase(random, own, index)[1] for _ in range(pool)]
            for index, case in enumerate(words.CASES)
        }
        pools["act"] = [self._act(random, own) for _ in range(pool)]
        pools["inf"] = [
            self._lexicon(random, own).verbs.draw(random) for _ in range(pool)
        ]
        return pools

    def _shared_pools(self, random: Random, pool: int) -> dict[str, list[str]]:
        return {
            "who": [self._person(random) for _ in range(pool)],
            "town": [_town(random) for _ in range(pool)],
            "org": [self._organisation(random) for _ in range(pool)],
        }

    def _lexicon(self, random: Random, own: _Lexicon) -> _Lexicon:
        """The topic's own words half of the time, else common or rare ones."""
        lot = random.random()
        if lot < RARE_SHARE:
            return self._rare
        return own if lot < RARE_SHARE + 0.42 else self._common

    def _phrase(self, random: Random, own: _Lexicon, case: int) -> tuple[str, str]:
        """Gender or number (m f n p), and a noun phrase in that case."""
        noun = self._lexicon(random, own).nouns.draw(random)
        gender, forms = words.decline(noun)
        number, offset = ("p", 6) if random.random() < 0.3 else (gender, 0)
        if random.random() > ADJECTIVE_SHARE:
            return number, forms[case + offset]
        adjective = self._lexicon(random, own).adjectives.draw(random)
        if random.random() < 0.04:
            adjective = random.choice(words.PREFIXES) + adjective
        # Of what lives the accusative is the genitive, but for the feminine singular.
        alive = noun.endswith("+") and number in "mp" and words.CASES[case] == "acc"
        agreeing = words.adjective(adjective)[number][1 if alive else case]
        return number, f"{agreeing} {forms[case + offset]}"

    def _act(self, random: Random, own: _Lexicon) -> str:
        number, subject = self._phrase(random, own, 0)
        verb = words.past(self._lexicon(random, own).verbs.draw(random))[number]
        adverb = random.choice(words.ADVERBS) + " " if random.random() < 0.2 else ""
        return f"{subject} {adverb}{verb}"

    def _person(self, random: Random) -> str:
        people, names = random.choice(words.PEOPLE), random.choice(words.FIRST_NAMES)
        return f"{people} {names} {random.choice(self._names)}"

    def _organisation(self, random: Random) -> str:
        kind = random.choice(
            ("пресс-служба", "газета", "компания", "дирекция", "ассоциация")
        )
        root, tail = (
            random.choice(words.SURNAME_ROOTS),
            random.choice(words.BRAND_ENDINGS),
        )
        return (
            f"{kind} «{random.choice(words.PREFIXES).capitalize()}{root.lower()}{tail}»"
        )


class _Lexicon:
    def __init__(
        self, nouns: list[str], adjectives: list[str], verbs: list[str], exponent: float
    ) -> None:
        self.nouns = Zipf(nouns, exponent)
        self.adjectives = Zipf(adjectives, exponent)
        self.verbs = Zipf(verbs, exponent)


def _town(random: Random) -> str:
    prefix = random.choice(
        ("", "", "Ново", "Старо", "Верхне", "Нижне", "Красно", "Мало")
    )
    root = random.choice(words.PLACE_ROOTS)
    name = (prefix + root).capitalize()
    pattern = random.choice(
        (
            "в станице {}ской",
            "в {}ске",
            "в хуторе {}ном",
            "в {}ском районе",
            "в посёлке {}овом",
        )
    )
    return pattern.format(name)


def _compile(patterns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Each pattern as literal, slot, literal, slot, … literal."""
    return tuple(tuple(_SLOT.split(pattern)) for pattern in patterns)


_SENTENCES = _compile(words.SENTENCES)
_OPENINGS = _compile(words.OPENINGS)
_EVENT_OPENINGS = _compile(words.EVENT_OPENINGS)
_TITLES = _compile(words.TITLES)


def _write(
    pattern: tuple[str, ...],
    pools: dict[str, list[str]],
    random: Random,
    published: datetime,
) -> str:
    parts = list(pattern)
    for index in range(1, len(parts), 2):
        pool = pools.get(parts[index])
        if pool is not None:
            parts[index] = pool[int(random.random() * len(pool))]
        else:
            parts[index] = _number(parts[index], random, published)
    text = "".join(parts)
    first = 1 if text[0] == "«" else 0
    return text[:first] + text[first].upper() + text[first + 1 :] + "."


def _number(slot: str, random: Random, published: datetime) -> str:
    if slot == "num":
        return str(int(random.paretovariate(0.7) * 3))
    if slot == "percent":
        return str(random.randint(2, 98))
    if slot == "hour":
        return str(random.randint(10, 20))
    day = published + timedelta(days=random.randint(-6, 20))
    return (
        str(day.year) if slot == "year" else f"{day.day} {words.MONTHS[day.month - 1]}"
    )


def _paragraphs(sentences: list[str], random: Random) -> Iterator[str]:
    start = 0
    while start < len(sentences):
        end = start + random.randint(2, 4)
        yield " ".join(sentences[start:end])
        start = end
