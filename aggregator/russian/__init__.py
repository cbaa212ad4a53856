"""Russian words: one analysis of an entry's text, shared by every stage."""

from aggregator.russian.analysis import Analysis, Words, analyse, read_words
from aggregator.russian.morphology import (
    FormCache,
    forms_of,
    lemma_of,
    place_kind,
    stem_of,
    tense_of,
)
from aggregator.russian.tokens import fold

__all__ = [
    "Analysis",
    "FormCache",
    "Words",
    "analyse",
    "fold",
    "forms_of",
    "lemma_of",
    "place_kind",
    "read_words",
    "stem_of",
    "tense_of",
]
