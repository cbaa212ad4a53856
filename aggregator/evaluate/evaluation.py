"""What an evaluation says, whatever it was of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from aggregator.evaluate.figures import Counts


class Miss(Protocol):
    """A labelled line that was judged otherwise."""

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejects:
    """Entries that must give nothing."""

    right: int
    of: int

    def as_json(self) -> dict[str, Any]:
        """``rate`` is 1 when there was none to reject."""
        rate = self.right / self.of if self.of else 1.0
        return {"right": self.right, "of": self.of, "rate": round(rate, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    kind: str
    #: Labelled lines in the file.
    entries: int
    #: By class: of topics their keys, in the order of feeds.yaml.
    classes: dict[str, Counts]
    misses: tuple[Miss, ...]
    #: Of events alone.
    rejects: Rejects | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "entries": self.entries,
            "classes": {
                name: counts.as_json() for name, counts in self.classes.items()
            },
            **({"rejects": self.rejects.as_json()} if self.rejects else {}),
            "misses": [miss.as_json() for miss in self.misses],
        }
