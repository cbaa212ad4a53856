"""What pymorphy3's dictionary knows of a word form; its sole importer.

It loads at the first question, not at import: a crawl that finds nothing new never
pays for it (0.1 s, 25 MB).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymorphy3 import MorphAnalyzer
    from pymorphy3.analyzer import Parse
    from pymorphy3.tagset import OpencorporaTag

#: Longer «words» are keys, jokes and attacks: no dictionary has them, and a cache
#: that kept them could fill the memory.
LONGEST_FORM = 64


@cache
def _analyser() -> MorphAnalyzer:
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer(lang="ru")


def parses_of(form: str) -> Sequence[Parse]:
    """What a form may be, the likeliest first; nothing for what no dictionary has.

    What is not in the dictionary is guessed by its ending, at six times the cost.
    """
    if not _is_russian(form):
        return ()
    try:
        parses: Sequence[Parse] = _analyser().parse(form)
    except ValueError:  # pymorphy3 met a letter that Unicode has no name for
        return ()
    return parses


def likeliest_parse(form: str) -> tuple[str, OpencorporaTag] | None:
    """The normal form and tag that come first in ``parses_of`` a folded form.

    Of what the dictionary has no ``Parse`` is made, so that it costs half.
    """
    known = _known(form)
    if not known:
        parses = parses_of(form)
        return (parses[0].normal_form, parses[0].tag) if parses else None
    analyser = _analyser()
    dictionary = analyser.dictionary
    tags = [dictionary.build_tag_info(paradigm, at) for _, paradigm, at in known]
    first = 0
    if len(tags) > 1:
        share = analyser.prob_estimator.p_t_given_w.prob
        shares = [share(form, tag) for tag in tags]
        first = shares.index(max(shares))
    written, paradigm, at = known[first]
    return dictionary.build_normal_form(paradigm, at, written), tags[first]


def lexemes_of(form: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Each word that a folded form may be a form of: its normal form and all forms.

    A tenth of the cost of asking each of ``parses_of`` for its ``lexeme``.
    """
    known = _known(form)
    if not known:
        for parse in parses_of(form):
            yield parse.normal_form, [inflected.word for inflected in parse.lexeme]
        return
    dictionary = _analyser().dictionary
    prefixes, suffixes = dictionary.paradigm_prefixes, dictionary.suffixes
    given = set()
    for written, number, at in known:
        paradigm = dictionary.paradigms[number]
        stem = dictionary.build_stem(paradigm, at, written)
        if (number, stem) in given:
            continue  # another case of the same word
        given.add((number, stem))
        # In three rows of one length: the forms' suffixes, tags and prefixes.
        length = len(paradigm) // 3
        forms = [
            prefixes[prefix] + stem + suffixes[suffix]
            for suffix, prefix in zip(
                paradigm[:length], paradigm[2 * length :], strict=True
            )
        ]
        yield forms[0], forms


def _is_russian(form: str) -> bool:
    """Whether to ask at all: numbers and Latin names have no Russian forms."""
    return not form.isascii() and len(form) <= LONGEST_FORM


def _known(form: str) -> Sequence[tuple[str, int, int]]:
    """Of the words in the dictionary: the form with «ё», its paradigm and place in it."""
    if not _is_russian(form):
        return ()
    analyser = _analyser()
    try:
        similar = analyser.dictionary.words.similar_items(
            form, analyser.char_substitutes
        )
    except ValueError:  # half a character
        return ()
    return [
        (written, paradigm, at)
        for written, numbers in similar
        for paradigm, at in numbers
    ]
