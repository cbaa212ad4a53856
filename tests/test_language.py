"""A language is named by a well-formed tag of a language that ISO 639 knows."""

import pytest

from aggregator.language import known_language, primary


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("ru", "ru"),
        ("ru_RU", "ru-RU"),
        (" EN-gb ", "EN-gb"),
        ("sr-Cyrl-RS", "sr-Cyrl-RS"),
        ("ady", "ady"),
        ("qq", None),
        ("russian", None),
        ("ru-", None),
        ("ру", None),
        ("", None),
        (None, None),
    ],
)
def test_known_language(written, tag):
    assert known_language(written) == tag


def test_primary():
    assert primary("RU-ru") == "ru"
