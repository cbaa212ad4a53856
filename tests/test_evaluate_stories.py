"""Figures on labelled pairs, and how well stories are found with what ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aggregator.errors import ConfigError
from aggregator.evaluate import evaluate_stories

OWN = Path(__file__).parent / "data" / "stories.jsonl"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "stories_dev.jsonl"

TEXT = (
    "Ночью в порту Ейска загорелся склад с зерном. Огонь охватил 400 квадратных метров, "
    "его тушили 35 человек. Пострадавших нет, причину установят дознаватели МЧС."
)


def write(path, *lines):
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return path


def entry(title, text=TEXT, **more):
    return {"title": title, "text": text, **more}


def test_counts_and_misses(tmp_path):
    file = write(
        tmp_path / "pairs.jsonl",
        {"a": entry("Склад горел в Ейске"), "b": entry("В Ейске горел склад"), "same": True},
        {"a": entry("Склад горел в Ейске"), "b": entry("В Ейске горел склад"), "same": False},
        {"a": entry("Склад горел в Ейске"), "b": entry("Выставка роз", "В парке."), "same": True},
    )  # fmt: skip

    found = evaluate_stories(file, misses=True).as_json()

    same = found["classes"]["same"]
    assert found["kind"] == "stories"
    assert found["entries"] == 3
    assert (same["true_positives"], same["false_positives"]) == (1, 1)
    assert same["false_negatives"] == 1
    assert [(miss["line"], miss["expected"]) for miss in found["misses"]] == [
        (2, False),
        (3, True),
    ]
    assert found["misses"][0]["why"]


@pytest.mark.parametrize(
    ("dates", "same"),
    [
        (("2026-05-01T10:00:00+03:00", "2026-05-02T10:00:00+03:00"), True),
        (("2026-05-01T10:00:00+03:00", "2026-05-09T10:00:00+03:00"), False),
        (("2026-05-01T10:00:00+03:00", None), True),
        (("2026-05-01", "2026-05-02T10:00:00Z"), True),
        (("вчера", "2026-05-02T10:00:00Z"), True),
    ],
)
def test_only_what_lies_within_the_window_is_one_story(tmp_path, dates, same):
    a, b = (entry("Склад горел в Ейске", published=date) for date in dates)
    file = write(tmp_path / "pairs.jsonl", {"a": a, "b": b, "same": True})

    counts = evaluate_stories(file, misses=False).classes["same"]

    assert counts.true_positives == int(same)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"a": entry("x"), "b": entry("y")}, "same: expected true or false, found null"),
        ({"a": entry("x"), "same": True}, "b: expected an object, found null"),
        ({"a": entry("x"), "b": {"title": "y"}, "same": True}, "b: no 'text'"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path, line, message):
    good = {"a": entry("x"), "b": entry("y"), "same": False}
    file = write(tmp_path / "pairs.jsonl", good, line)

    with pytest.raises(ConfigError) as raised:
        evaluate_stories(file, misses=False)

    (fault,) = raised.value.faults
    assert (fault.line, fault.message) == (2, message)


def test_stories_are_found_in_the_shared_pairs():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not here")

    same = evaluate_stories(SHARED, misses=False).classes["same"]

    assert same.f1 >= 0.86
    assert same.precision >= 0.85


def test_stories_are_found_in_pairs_of_our_own():
    """Written before they were measured: 38 tellings, 36 sequels, templates, digests."""
    evaluation = evaluate_stories(OWN, misses=False)

    same = evaluation.classes["same"]
    assert evaluation.entries >= 60
    assert same.f1 >= 0.90
    assert same.precision >= 0.88
