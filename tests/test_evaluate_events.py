"""Figures on labelled events: what counts as right, and behind which gate."""

import json

import pytest

from aggregator.errors import ConfigError
from aggregator.evaluate import evaluate_events
from aggregator.model import Term, Topic

GATE = Topic(
    key="events", title="События", threshold=1, words=(Term(written="концерт"),)
)
PUBLISHED = "2026-04-01T10:00:00+03:00"


def line(title, *events, published=PUBLISHED, **more):
    labels = [
        {"start": start, "end": end, "all_day": False} | more for start, end in events
    ]
    return {"title": title, "text": "", "published": published, "events": labels}


@pytest.fixture
def evaluate(tmp_path):
    def run(*lines, gate=True, misses=False, topics=(GATE,)):
        path = tmp_path / "events.jsonl"
        text = "\n".join(json.dumps(one, ensure_ascii=False) for one in lines)
        path.write_text(text, encoding="utf-8")
        return evaluate_events(
            path, topics, timezone="Europe/Moscow", misses=misses, gate=gate
        ).as_json()

    return run


def counts(found, name):
    one = found["classes"][name]
    return one["true_positives"], one["false_positives"], one["false_negatives"]


def test_a_time_counts_where_the_label_has_one(evaluate):
    found = evaluate(
        line("Концерт пройдёт 17 апреля в 18:00", ("2026-04-17", None)),
        line("Концерт пройдёт 18 апреля", ("2026-04-18T18:00", None)),
    )

    assert counts(found, "exact") == (1, 1, 1)
    assert counts(found, "date") == (2, 0, 0)
    assert counts(found, "end") == (0, 0, 0)


def test_what_is_under_way_is_matched_by_its_end(evaluate):
    found = evaluate(
        line("Концерты продлятся до 13 апреля", (None, "2026-04-13")),
        line("Концерты продлятся до 14 апреля", (None, "2026-04-15")),
    )

    assert counts(found, "exact") == (1, 1, 1)
    assert counts(found, "date") == (1, 1, 1)
    assert counts(found, "end") == (1, 1, 1)


def test_a_label_is_matched_once(evaluate):
    found = evaluate(
        line("Концерты пройдут 17 апреля в 12:00 и 15:00", ("2026-04-17T12:00", None))
    )

    assert counts(found, "exact") == (1, 1, 0)
    assert counts(found, "date") == (1, 1, 0)


def test_cancelled_events_are_left_out(evaluate):
    found = evaluate(line("Концерт 17 апреля отменён"))

    assert found["rejects"] == {"right": 1, "of": 1, "rate": 1.0}
    assert counts(found, "date") == (0, 0, 0)


def test_only_tagged_entries_are_read_but_without_the_gate(evaluate):
    entry = line("Лекция пройдёт 17 апреля", ("2026-04-17", None))

    assert counts(evaluate(entry), "date") == (0, 0, 1)
    assert counts(evaluate(entry, gate=False), "date") == (1, 0, 0)


def test_rejects_are_entries_without_a_label(evaluate):
    found = evaluate(
        line("Концерт прошёл 30 марта"),
        line("Концерт пройдёт 17 апреля"),
        line("Концерт пройдёт 18 апреля", ("2026-04-18", None)),
    )

    assert found["rejects"] == {"right": 1, "of": 2, "rate": 0.5}


def test_publication_is_taken_in_the_sites_zone(evaluate):
    late = "2026-04-01T22:30:00+00:00"  # 01:30 of the next day in Moscow

    found = evaluate(
        line("Концерт пройдёт завтра", ("2026-04-03", None), published=late)
    )

    assert counts(found, "date") == (1, 0, 0)


def test_misses_say_what_was_read_and_from_which_words(evaluate):
    found = evaluate(
        line("Концерт пройдёт 17 апреля", ("2026-04-18", None)), misses=True
    )

    [miss] = found["misses"]
    assert miss["expected"] == [{"start": "2026-04-18", "end": None}]
    assert miss["found"][0]["start"] == "2026-04-17"
    assert miss["found"][0]["words"] == ["17 апреля"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"published": None}, "published: expected a string, found null"),
        ({"published": "в среду"}, "published: "),
        ({"events": None}, "events: expected a list"),
        ({"events": ["17 апреля"]}, "events: expected objects, found a string"),
        ({"events": [{"start": None, "end": None}]}, "expected a start or an end"),
        ({"events": [{"start": "17 апреля"}]}, "start: "),
    ],
)
def test_a_bad_line_is_named(evaluate, broken, message):
    with pytest.raises(ConfigError) as caught:
        evaluate(line("Концерт"), line("Концерт") | broken)

    [fault] = caught.value.faults
    assert fault.line == 2
    assert message in fault.message


def test_a_gate_that_is_not_configured_is_a_fault(evaluate):
    with pytest.raises(ConfigError, match="no topic 'events'"):
        evaluate(line("Концерт"), topics=())
