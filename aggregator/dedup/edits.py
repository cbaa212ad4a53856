"""What an edit is worth: nothing, a silent replacement, or a reader's second look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from aggregator.dedup.fingerprint import body, reading, tell_otherwise, telling
from aggregator.dedup.noise import bare, quiet, quiet_title, words
from aggregator.model import Edit, Entry, EntryRead, StoredEntry
from aggregator.text import hash64

#: A text is news again when so many of its words are other words, in number ...
NEWS_WORDS = 5
#: ... and as a share of the words that were there.
NEWS_SHARE = 0.10

#: Longer "words" are addresses and hashes: not worth a search for a lost letter.
_LONGEST_WORD = 40
#: More changed words than this are no slips of the pen, and cost memory to compare.
MOST_FIXED = 500
#: Of the blocks that went so many are tried as advertising, in 10 runs: the judge works
#: beside the writer, and a hostile 10 MB document may be edited at every poll.
MOST_GONE = 4


def judge_edit(old: StoredEntry, new: EntryRead, shared_blocks: frozenset[str]) -> Edit:
    """The kind of edit that made ``new`` of ``old``.

    ``shared_blocks`` are those of the document that ``new`` stands in. The rule is
    contracts' "Edits": words are counted, not their order; a number is a word.
    """
    if old.fingerprint.content == new.fingerprint.content:
        return Edit.NOISE
    before = reading(old.entry, shared_blocks)
    after = reading(new.entry, shared_blocks)
    if before == after:
        moved = new.tagged and tell_otherwise(old.events, new.events)
        return Edit.CORRECTION if moved else Edit.NOISE
    if before.title != after.title and _changed_words(
        words(quiet_title(old.entry.title)), words(quiet_title(new.entry.title))
    ):
        return Edit.NEWS
    if before.body != after.body and _is_news(old, new.entry, shared_blocks):
        return Edit.NEWS
    return Edit.CORRECTION


def _is_news(old: StoredEntry, new: Entry, shared_blocks: frozenset[str]) -> bool:
    now = words(body(new, shared_blocks))
    if not _is_much(words(body(old.entry, shared_blocks)), now):
        return False
    then = shared_blocks | _shared_then(old, new, shared_blocks)
    return _is_much(words(body(old.entry, then)), now)


def _shared_then(
    old: StoredEntry, new: Entry, shared_blocks: frozenset[str]
) -> frozenset[str]:
    """The advertising that stood in the stored text and has gone since.

    Nobody stored which blocks other entries shared then, but the content hash was made
    without them: they are the run of blocks without which it comes out. Otherwise a
    mended comma would be news wherever advertising rotates.
    """
    kept = {bare(quiet(block)) for block in new.text.split("\n")}
    blocks = (bare(quiet(block)) for block in old.entry.text.split("\n"))
    gone = [block for block in blocks if block not in kept][:MOST_GONE]
    for first in range(len(gone)):
        for end in range(first + 1, len(gone) + 1):
            run = frozenset(gone[first:end])
            hashed = hash64(*reading(old.entry, shared_blocks | run))
            if telling(hashed, old.entry, old.events) == old.fingerprint.content:
                return run
    return frozenset()


def _is_much(old: list[str], new: list[str]) -> bool:
    enough = max(NEWS_WORDS, NEWS_SHARE * len(old))
    return _changed_words(old, new, enough=enough) >= enough


def _changed_words(old: list[str], new: list[str], *, enough: float = 1) -> int:
    """How many words came, went or were replaced; one letter makes no other word.

    Below ``enough`` the count need not be exact, nor is it for very many words.
    """
    gone, come = Counter(old), Counter(new)
    gone, come = gone - come, come - gone
    changed = max(gone.total(), come.total())
    if changed < enough or changed > MOST_FIXED:
        return changed
    return changed - _fixed_words(gone.elements(), come.elements())


def _fixed_words(gone: Iterable[str], come: Iterable[str]) -> int:
    """How many words that went came back with one letter replaced, lost or added.

    A table of each word's forms without one letter finds the pairs; comparing each
    word with each would take a hostile source's edits seconds.
    """
    table: defaultdict[str, list[int]] = defaultdict(list)
    for number, word in enumerate(gone):
        for form in (f"={word}", *_gaps(word), *(f"-{rest}" for rest in _rests(word))):
            table[form].append(number)
    taken: set[int] = set()
    for word in come:
        forms = (f"-{word}", *_gaps(word), *(f"={rest}" for rest in _rests(word)))
        pair = next((n for form in forms for n in table[form] if n not in taken), None)
        if pair is not None:
            taken.add(pair)
    return len(taken)


def _gaps(word: str) -> list[str]:
    return [f"{word[:i]}_{word[i + 1 :]}" for i in _letters(word)]


def _rests(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in _letters(word)]


def _letters(word: str) -> range:
    """Places of letters that may be a slip; in a number no digit is one."""
    if len(word) > _LONGEST_WORD or any(map(str.isdigit, word)):
        return range(0)
    return range(len(word))
