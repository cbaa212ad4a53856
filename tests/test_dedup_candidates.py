"""Of the entries that share a newcomer's words, those that are worth loading."""

from datetime import UTC, datetime, timedelta

from aggregator.dedup.candidates import (
    MOST_COMPARED,
    drop_unlike,
    read_signatures,
    stems_of,
    weigh_words,
)
from aggregator.dedup.signature import Signature, read_signature
from aggregator.dedup.similarity import Rarity, pack_sums, weigh
from aggregator.model import Fingerprint, IndexedWords, Member, Vocabulary
from aggregator.russian import analyse

NOW = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
WINDOW = timedelta(hours=72)

BRIDGE = (
    "В Туапсе открыли мост через реку Паук",
    "Мост через реку Паук открыли в Туапсе после ремонта, он длился восемь месяцев.",
)
REPORT = (
    "Мост через Паук в Туапсе открыли после ремонта",
    "В Туапсе после восьми месяцев ремонта открыли движение по мосту через реку Паук.",
)
OTHER = (
    "Ремонт моста в Сочи начнут весной",
    "Мост в Хосте закроют на восемь месяцев, движение пустят через Адлер.",
)


def newcomer(entry=BRIDGE):
    return Member(
        ref=("paper.example/rss", 1),
        source_order=0,
        key="one",
        fingerprint=Fingerprint(key=1, content=1, link=None, title=None, start=None),
        effective=NOW,
        position=0,
        withheld=None,
        own_site=True,
        signature=read_signature(analyse(*entry)),
    )


def stored(number, entry, effective=NOW):
    packed = read_signature(analyse(*entry))
    sums = pack_sums(weigh(Signature(packed), Rarity(0, {})))
    return IndexedWords(number, effective, sums, packed)


def words_finding(member, *numbers):
    """The newcomer's words, when each of its stems finds these entries."""
    signatures = read_signatures([member])
    postings = dict.fromkeys(stems_of(signatures), numbers)
    return weigh_words(
        signatures, Vocabulary(entries=0, frequencies={}, postings=postings)
    )


def test_what_may_tell_the_same_stays_with_what_is_known_of_it():
    member = newcomer()
    words = words_finding(member, 1, 2)

    left = drop_unlike(
        words, [member], [stored(1, REPORT), stored(2, OTHER)], window=WINDOW
    )

    assert words.stored == {1, 2}
    assert left.stored == {1}
    assert left.similar[member.ref, 1].score > 0.32
    assert left.known.keys() == {1}


def test_what_lies_outside_the_window_is_dropped_however_alike():
    member = newcomer()
    old = stored(1, BRIDGE, effective=NOW - WINDOW - timedelta(seconds=1))

    left = drop_unlike(words_finding(member, 1), [member], [old], window=WINDOW)

    assert left.stored == set()


def test_of_more_than_are_compared_none_is_dropped():
    """Which of those that share as much come first, whole members say."""
    member = newcomer()
    numbers = range(1, MOST_COMPARED + 2)
    unlike = [stored(number, OTHER) for number in numbers]

    left = drop_unlike(words_finding(member, *numbers), [member], unlike, window=WINDOW)

    assert left.stored == set(numbers)
