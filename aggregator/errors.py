"""The exception tree, and what the program does about each.

* AggregatorError
  + ConfigError     feeds.yaml or arguments are wrong; exit code 2, nothing touched
  + StoreError      the database failed or is not ours; exit code 1
    - NoStore       nothing was stored yet; what reads shows nothing
    - Locked        another process holds the writer's lock; exit code 1
  + NotDone         what an operator asked cannot be done to what is stored; exit code 1
  + PublishError    a document could not be written; exit code 1, the old one stands

A source's failure is no exception: it is a ``model.SourceError`` value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path


class AggregatorError(Exception):
    """Anything that ends a command with a sentence instead of a traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file an operator wrote."""

    file: str
    #: From 1; 0 when the fault has no place in the file.
    line: int
    column: int
    #: Path of the key, such as ``sources.3.interval``; empty for the whole file.
    key: str
    message: str
    did_you_mean: str | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        where = (
            f"{self.file}:{self.line}:{self.column}: "
            if self.line
            else f"{self.file}: "
        )
        key = f"{self.key}: " if self.key else ""
        hint = f"; did you mean {self.did_you_mean!r}?" if self.did_you_mean else ""
        return f"{where}{key}{self.message}{hint}"


class ConfigError(AggregatorError):
    """All faults of a configuration at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class NotDone(AggregatorError):
    """What was asked for cannot be done, and nothing was; the message says why."""


class StoreError(AggregatorError):
    """The database cannot be used; the message says what to do."""


class NoStore(StoreError):
    """No database, or an empty one: nothing was polled yet."""


class Locked(StoreError):
    """Another process is writing."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(
            f"already running (pid {pid if pid is not None else 'unknown'})"
        )
        self.pid = pid


class PublishError(AggregatorError):
    """A document could not be written."""

    def __init__(self, place: Path | str, cause: OSError | str) -> None:
        why = cause if isinstance(cause, str) else cause.strerror or cause
        super().__init__(f"cannot write {place}: {why}")
        self.place = place
