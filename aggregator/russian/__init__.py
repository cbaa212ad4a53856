"""Russian words: one analysis of an entry's text, shared by every stage."""

from aggregator.russian.analysis import Analysis, Words, analyse, read_words
from aggregator.russian.morphology import (
    FormCache,
    cases_of,
    forms_of,
    is_given_name,
    lemma_of,
    place_kind,
    stem_of,
    tense_of,
)
from aggregator.russian.tokens import fold, sentence_starts

__all__ = [
    "Analysis",
    "FormCache",
    "Words",
    "analyse",
    "cases_of",
    "fold",
    "forms_of",
    "is_given_name",
    "lemma_of",
    "place_kind",
    "read_words",
    "sentence_starts",
    "stem_of",
    "tense_of",
]
