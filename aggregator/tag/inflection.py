"""Names of places in all six cases, made from their endings.

The dictionary knows Сочи and Анапа, not Бжедуховская or Эсто-Садок, and it makes
«Крымском» a form of Crimea's adjective. Endings of place names are few and regular;
for the rest a gazetteer writes the forms out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aggregator.russian import fold

_VELAR = "гкхжчшщ"
#: Ending, what may stand before it, what replaces it in each case. The first that fits.
_ENDINGS: tuple[tuple[str, str, str], ...] = (
    ("ая", "", "ая ой ой ую ой ой"),
    ("яя", "", "яя ей ей юю ей ей"),
    ("ое", _VELAR, "ое ого ому ое им ом"),
    ("ое", "", "ое ого ому ое ым ом"),
    ("ее", "", "ее его ему ее им ем"),
    ("ие", "", "ие ия ию ие ием ии"),
    ("ье", "", "ье ья ью ье ьем ье"),
    ("ий", "гкх", "ий ого ому ий им ом"),
    ("ий", "", "ий его ему ий им ем"),
    ("ый", "", "ый ого ому ый ым ом"),
    ("ой", _VELAR, "ой ого ому ой им ом"),
    ("ой", "", "ой ого ому ой ым ом"),
    ("й", "", "й я ю й ем е"),
    ("ия", "", "ия ии ии ию ией ии"),
    ("я", "", "я и е ю ей е"),
    ("а", _VELAR, "а и е у ой е"),
    ("а", "", "а ы е у ой е"),
    ("ь", "", "ь и и ь ью и"),
    ("о", "вн", "о а у о ом е"),  # Витязево, Лермонтово
)
#: Where none of these stands at the end, the word has one form for all cases.
_CONSONANT = re.compile("[бвгджзклмнпрстфхцчшщ]$")

#: Of adjectives: masculine, feminine, neuter and plural in all cases.
_ADJECTIVE = ["ий", "ой", "ого", "ому", "им", "ом", "ая", "ую", "ое", "ие", "их", "ими"]


def forms_of_name(written: str) -> frozenset[str]:
    """All forms of a name, case kept: «Белая Глина», «Белой Глины», …

    ``Эсто-Садок/Эсто-Садка/Эсто-Садке`` gives the forms themselves.
    """
    if "/" in written:
        return frozenset(form.strip() for form in written.split("/"))
    words = [_cases(word) for word in written.split()]
    # The word itself too: «в Витязево» is as common as «в Витязеве».
    return frozenset(
        {written, *(" ".join(forms) for forms in zip(*words, strict=True))}
    )


def forms_of_adjective(written: str) -> frozenset[str]:
    """All forms of an adjective in -ий or -ой, of every gender and number."""
    stem = written[:-2]
    return frozenset(stem + ending for ending in _ADJECTIVE)


def masculine_forms(written: str) -> frozenset[str]:
    """All forms that stand before «район»."""
    return frozenset(_cases(written))


def _cases(word: str) -> Iterable[str]:
    """The six cases of one word; of «Усть-Лабинск» the last part changes."""
    if "-на-" in fold(word):
        first, rest = word.split("-", 1)
        return [f"{form}-{rest}" for form in _cases(first)]
    before, hyphen, last = word.rpartition("-")
    folded = fold(last)
    for ending, preceding, endings in _ENDINGS:
        stem = last[: len(last) - len(ending)]
        if folded.endswith(ending) and (
            not preceding or fold(stem)[-1:] in tuple(preceding)
        ):
            return [f"{before}{hyphen}{stem}{new}" for new in endings.split()]
    if _CONSONANT.search(folded):
        return [f"{before}{hyphen}{last}{new}" for new in ("", "а", "у", "", "ом", "е")]
    return [word] * 6
