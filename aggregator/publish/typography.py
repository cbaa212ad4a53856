"""Spaces that lines do not break at, in our own words; what sources wrote stays as it is.

Milchin's and Cheltsova's reference for publishers: a line does not end with a short
preposition or conjunction, begins neither with a dash nor with a particle, and does
not part a number from its unit.
"""

from __future__ import annotations

import re

NBSP = "\u00a0"

_SHORT = (
    "а без в во да для до же за и из или к ко на над не ни но о об от по под при про с "
    "со то у"
)
_after_short = re.compile(rf"\b({_SHORT.replace(' ', '|')}) (?=\S)", re.IGNORECASE)
_before_particle = re.compile(r" (?=(?:бы|ли|же|б|ж)\b)")
_before_dash = re.compile(r" (?=[—–] )")
_after_number = re.compile(r"(?<=\d) (?=[^\W\d])")


def typeset(text: str) -> str:
    """`text` with no-break spaces where Russian lines must not break. Idempotent."""
    text = _after_short.sub(rf"\1{NBSP}", text)
    text = _before_particle.sub(NBSP, text)
    text = _before_dash.sub(NBSP, text)
    return _after_number.sub(NBSP, text)
