"""How often something was found, wrongly found and overlooked, as figures."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

#: Two-sided 95 % of the normal distribution.
Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often a class was found, wrongly found and overlooked."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """0 when nothing was found."""
        found = self.true_positives + self.false_positives
        return self.true_positives / found if found else 0.0

    @property
    def recall(self) -> float:
        """0 when there was nothing to find."""
        wanted = self.true_positives + self.false_negatives
        return self.true_positives / wanted if wanted else 0.0

    @property
    def f1(self) -> float:
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of F1; (0, 1) when nothing was counted.

        F1 = 2 J / (1 + J), where J is the share of true positives among all that
        was found or wanted: a proportion, whose interval is Wilson's (1927).
        """
        total = self.true_positives + self.false_positives + self.false_negatives
        if not total:
            return 0.0, 1.0
        low, high = _wilson(self.true_positives / total, total)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    def as_json(self) -> dict[str, Any]:
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
            "interval": [round(bound, 4) for bound in self.interval],
        }


def _wilson(share: float, total: int) -> tuple[float, float]:
    middle = share + Z * Z / (2 * total)
    reach = Z * sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    scale = 1 + Z * Z / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
