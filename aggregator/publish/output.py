"""Where documents go: a folder, or a bucket of an object store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Protocol

from aggregator.model import Bucket
from aggregator.publish.writer import OutputFolder


class Output(Protocol):
    """Readers see the old document or the new one, never part of one.

    Only documents that it is told to put are ever changed or removed. What cannot be
    done is a PublishError, and changed nothing.
    """

    def clean_up(self) -> None:
        """See to what a process left behind that died; before each publishing."""

    def has(self, name: str) -> bool:
        """Whether there is such a document, whatever it holds; quick."""

    def holds(self, name: str, digest: str, tag: str | None) -> bool:
        """Whether the document is there as it was put: SHA-256 in hexadecimal, `tag`."""

    def put(self, name: str, data: bytes) -> bool:
        """Replaces one document; False when it already held just these bytes."""

    def tag(self, name: str) -> str | None:
        """What the output itself calls the bytes that were put; None: it has no word."""

    def remove(self, name: str, digest: str, tag: str | None) -> None:
        """Removes a document that is as it was put, and no other."""


def open_output(place: Path | Bucket, *, max_age: timedelta) -> Output:
    """`max_age`: for how long caches need not ask again, where the output says so."""
    if isinstance(place, Path):
        return OutputFolder(place)
    from aggregator.publish.bucket import OutputBucket

    return OutputBucket(place, max_age=max_age)
