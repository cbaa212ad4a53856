"""The three kinds of edit: noise, correction, news."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup.edits import judge_edit
from aggregator.dedup.fingerprint import fingerprint, shared_blocks
from aggregator.model import Edit, Enclosure, Entry, EntryRead, StoredEntry

NOON = datetime(2026, 5, 12, 9, tzinfo=UTC)
TITLE = "В Анапе 12 мая откроют выставку кукол"
#: 60 words that are all different, and numbers that sites change by themselves.
WORDS = [f"слово{chr(1072 + n % 32)}{chr(1072 + n // 32)}как" for n in range(60)]
TEXT = " ".join(WORDS)


def make_entry(**changes) -> Entry:
    entry = Entry(
        key="1",
        title=TITLE,
        link="https://a.example/1",
        canonical_link="https://a.example/1",
        summary=None,
        content=None,
        text=TEXT,
        position=0,
    )
    return replace(entry, **changes)


def judge(
    old: Entry,
    new: Entry,
    *,
    old_shared: frozenset[str] = frozenset(),
    shared: frozenset[str] = frozenset(),
) -> Edit:
    stored = StoredEntry(
        ref=("a", 1),
        entry=old,
        fingerprint=fingerprint(old, old_shared),
        first_seen=NOON,
        effective=NOON,
        withheld=None,
        ad=False,
    )
    read = EntryRead(entry=new, fingerprint=fingerprint(new, shared), ad=False)
    return judge_edit(stored, read, shared)


def with_words(count: int, *, word: str = "другое") -> str:
    """TEXT with its first words replaced."""
    return " ".join([word] * count + WORDS[count:])


CASES = {
    # noise
    "nothing": (Edit.NOISE, {}, {}),
    "letter case of the title": (Edit.NOISE, {}, {"title": TITLE.upper()}),
    "quotes in the title": (
        Edit.NOISE,
        {},
        {"title": TITLE.replace("кукол", "«кукол»")},
    ),
    "a view counter": (
        Edit.NOISE,
        {"text": TEXT + " Просмотров: 123"},
        {"text": TEXT + " Просмотров: 4 567"},
    ),
    "the form of a counted word": (
        Edit.NOISE,
        {"text": "1 комментарий " + TEXT},
        {"text": "2 комментария " + TEXT},
    ),
    "a date in the text": (
        Edit.NOISE,
        {"text": TEXT + " 12 мая 2026 года"},
        {"text": TEXT + " 13 мая 2026 года"},
    ),
    "a time in the text": (
        Edit.NOISE,
        {"text": TEXT + " Обновлено в 18:30"},
        {"text": TEXT + " Обновлено в 19:05"},
    ),
    "tracking in the link": (
        Edit.NOISE,
        {},
        {"link": "https://a.example/1?utm_source=rss"},
    ),
    # corrections
    "a letter of the title": (
        Edit.CORRECTION,
        {},
        {"title": TITLE.replace("кукол", "кукал")},
    ),
    "a letter lost in the title": (
        Edit.CORRECTION,
        {},
        {"title": TITLE.replace("выставку", "вставку")},
    ),
    "letters of two title words": (
        Edit.CORRECTION,
        {"title": TITLE.replace("выставку кукол", "вставку кукл")},
        {},
    ),
    "a comma in the title": (
        Edit.CORRECTION,
        {},
        {"title": TITLE.replace("мая", "мая,")},
    ),
    "order of the title's words": (
        Edit.CORRECTION,
        {},
        {"title": "Выставку кукол 12 мая откроют в Анапе"},
    ),
    "four words of a short text": (
        Edit.CORRECTION,
        {"text": "пять слов было тут раньше"},
        {"text": "пять новых слов теперь стоит"},
    ),
    "under a tenth of the text": (Edit.CORRECTION, {}, {"text": with_words(5)}),
    "a number of the text": (
        Edit.CORRECTION,
        {"text": TEXT + " пришли 120 человек"},
        {"text": TEXT + " пришли 150 человек"},
    ),
    "letters all over the text": (
        Edit.CORRECTION,
        {},
        {"text": TEXT.replace("как", "кок")},
    ),
    "paragraphs in another order": (
        Edit.CORRECTION,
        {},
        {"text": " ".join(WORDS[30:] + WORDS[:30])},
    ),
    "link": (
        Edit.CORRECTION,
        {},
        {"link": "https://a.example/2", "canonical_link": "https://a.example/2"},
    ),
    "enclosure": (
        Edit.CORRECTION,
        {},
        {"enclosures": (Enclosure(url="https://a.example/1.jpg"),)},
    ),
    "category": (Edit.CORRECTION, {}, {"categories": ("Культура",)}),
    # news
    "a word of the title": (
        Edit.NEWS,
        {},
        {"title": TITLE.replace("кукол", "роботов")},
    ),
    "a word more in the title": (Edit.NEWS, {}, {"title": TITLE + " не"}),
    "a word less in the title": (Edit.NEWS, {"title": TITLE + " не"}, {}),
    "a number of the title": (Edit.NEWS, {}, {"title": TITLE.replace("12", "13")}),
    "a number with one digit of the title": (
        Edit.NEWS,
        {"title": "Погибли 5 человек"},
        {"title": "Погибли 6 человек"},
    ),
    "two letters of a title word": (
        Edit.NEWS,
        {},
        {"title": TITLE.replace("кукол", "кекал")},
    ),
    "two letters of neighbours": (
        Edit.NEWS,
        {},
        {"title": TITLE.replace("кукол", "куокл")},
    ),
    "a time in the title": (
        Edit.NEWS,
        {"title": "Концерт начнётся в 18:30"},
        {"title": "Концерт начнётся в 19:30"},
    ),
    "a tenth of the text": (Edit.NEWS, {}, {"text": with_words(6)}),
    "five words of a short text": (
        Edit.NEWS,
        {"text": "здесь стояло пять коротких слов"},
        {"text": "теперь написано нечто совсем другое"},
    ),
    "a paragraph more": (
        Edit.NEWS,
        {},
        {"text": TEXT + "\n" + "Ещё новое слово. " * 4},
    ),
    "a paragraph less": (
        Edit.NEWS,
        {"text": TEXT + "\n" + "Ещё новое слово. " * 4},
        {},
    ),
    "a text where there was none": (Edit.NEWS, {"text": ""}, {}),
    "another summary beside a short text": (
        Edit.NEWS,
        {"content": "<p>а</p>", "summary": "<p>Было так.</p>", "text": "а"},
        {
            "content": "<p>а</p>",
            "summary": "<p>Теперь стало совсем иначе, чем прежде.</p>",
            "text": "а",
        },
    ),
}


@pytest.mark.parametrize(("kind", "old", "new"), CASES.values(), ids=CASES.keys())
def test_kinds_of_edit(kind, old, new):
    assert judge(make_entry(**old), make_entry(**new)) is kind


AD = "Окна и двери со скидкой до конца недели: звоните прямо сейчас, пока не поздно!"


def in_document(*ads: str) -> tuple[Entry, frozenset[str]]:
    """An entry in a document of three that all carry the same advertising."""
    entries = [
        make_entry(
            key=str(n), title=f"{TITLE} {n}", text="\n".join([f"Текст {n}", *ads])
        )
        for n in range(3)
    ]
    return entries[0], shared_blocks(entries)


@pytest.mark.parametrize("ads", [(), ("Отдых в горах! " * 9,), (AD, AD.upper())])
def test_advertising_that_comes_goes_or_changes_is_noise(ads):
    old, old_shared = in_document(AD)
    new, shared = in_document(*ads)

    assert judge(old, new, old_shared=old_shared, shared=shared) is Edit.NOISE


def test_advertising_that_others_begin_to_share_is_noise():
    """The stored entry was hashed with the block, the new one without."""
    entry, shared = in_document(AD)

    assert judge(entry, entry, shared=shared) is Edit.NOISE


@pytest.mark.parametrize("ads", [(AD,), (AD, "Отдых в горах, в лесу и на море")])
def test_a_slip_mended_while_the_advertising_changes_is_a_correction(ads):
    """What the stored document shared is not stored, but its hash knows."""
    old, old_shared = in_document(*ads)
    new, shared = in_document("Ремонт окон, дверей, крыш и полов по всему краю")
    new = replace(new, text=new.text.replace("Текст 0", "Текст, 0"))

    assert judge(old, new, old_shared=old_shared, shared=shared) is Edit.CORRECTION


def test_a_real_edit_beside_new_advertising_is_seen():
    old, _ = in_document()
    new, shared = in_document(AD)
    new = replace(new, title=new.title.replace("кукол", "роботов"))

    assert judge(old, new, shared=shared) is Edit.NEWS


texts = st.text(alphabet="абвгё 0123456789.:-«»\n", max_size=80)
entries = st.builds(
    make_entry,
    title=texts,
    text=texts,
    summary=st.none() | texts,
    content=st.none() | texts,
    categories=st.lists(texts, max_size=2).map(tuple),
)


@given(entries)
def test_the_same_entry_is_noise(entry):
    assert judge(entry, entry) is Edit.NOISE


@given(entries, entries)
def test_an_equal_content_hash_is_noise_and_only_that(old, new):
    same = fingerprint(old).content == fingerprint(new).content

    assert (judge(old, new) is Edit.NOISE) is same


def test_huge_edits_are_judged_in_time():
    old = make_entry(text=" ".join(f"а{n}б" for n in range(60_000)))
    new = make_entry(text=" ".join(f"б{n}а" for n in range(60_000)))
    started = time.process_time()

    assert judge(old, new) is Edit.NEWS
    assert time.process_time() - started < 3
