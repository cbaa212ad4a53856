"""The output folder's files in memory, as answers that are ready to be sent."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
from dataclasses import dataclass, field
from email.utils import formatdate
from io import BufferedReader
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import brotli

from aggregator.media import media_type
from aggregator.serve.asking import Ranking
from aggregator.serve.headers import (
    Delivery,
    HeaderList,
    caching,
    is_text,
    policy,
)

#: Bytes kept in memory, all files together, compressed ones too.
KEPT_BYTES = 64_000_000
#: A larger file is none of ours and is streamed from the disk, without validators.
LARGEST_KEPT = 16_000_000
#: Seconds for which the clock of a file system may stand still: what is written twice
#: in that time may have the same signature.
TICK = 0.05
#: Of brotli: 7 compresses as well as 9 in a third of the time, 11 takes 20 times as long.
QUALITY = 7

#: Tells a version of a file from others without reading it; the first is its size.
Signature = tuple[int, ...]


class Answer(NamedTuple):
    """A version of a file in one coding."""

    tag: bytes
    #: Seconds since 1970.
    modified: int
    headers: HeaderList
    body: bytes
    #: Headers of a 304.
    fresh_headers: HeaderList


@dataclass(slots=True, kw_only=True, eq=False)
class _Version:
    """A version of a file, read whole."""

    data: bytes
    #: Later than that of every version served before.
    modified: int
    delivery: Delivery
    signature: Signature
    #: Monotonic seconds: when the signature was first seen, and reading last began.
    seen: float
    read: float
    coded: dict[str, bytes] = field(default_factory=dict)
    answers: dict[Ranking, Answer] = field(default_factory=dict)

    def stands(self, signature: Signature, delivery: Delivery) -> bool:
        """Whether the file is surely still this; one just written is read again."""
        return (
            self.signature == signature
            and self.delivery is delivery
            and self.read - self.seen >= TICK
        )

    @property
    def size(self) -> int:
        return len(self.data) + sum(map(len, self.coded.values()))


class Folder:
    """Its regular files. Hidden files, symbolic links and folders are not there.

    One thread may read (`prepare`) while another looks (`look`, `ready`).
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._kept: dict[str, _Version] = {}

    def look(self, name: str) -> Signature | None:
        """What a file is by its status, some 2 µs; None: there is none."""
        if "/" in name or name.startswith("."):
            return None
        try:
            return _signature(os.lstat(f"{self.path}/{name}"))
        except (OSError, ValueError):  # ValueError: NUL in the name
            return None

    def ready(
        self, name: str, signature: Signature, delivery: Delivery, ranking: Ranking
    ) -> Answer | None:
        """The answer to this, if it has been prepared."""
        version = self._kept.get(name)
        if version is None or not version.stands(signature, delivery):
            return None
        return version.answers.get(ranking)

    def prepare(self, name: str, delivery: Delivery, ranking: Ranking) -> Answer | None:
        """The same, made if need be; None: the file has gone."""
        version = self._read(name, delivery)
        if version is None:
            return None
        if ranking not in version.answers:
            version.answers[ranking] = _answer(name, version, ranking)
            self._keep(name, version)
        return version.answers[ranking]

    def is_readable(self) -> bool:
        return os.access(self.path, os.R_OK | os.X_OK)

    def open(self, name: str) -> BufferedReader | None:
        """Opens a file that `look` has found; never something else in its place."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(f"{self.path}/{name}", flags)
        except OSError:
            return None
        if _signature(os.fstat(descriptor)) is None:
            os.close(descriptor)  # open() would refuse a folder and leak it
            return None
        return open(descriptor, "rb")

    def _read(self, name: str, delivery: Delivery) -> _Version | None:
        begun = monotonic()
        file = self.open(name)
        if file is None:
            return None
        with file:
            status = os.fstat(file.fileno())
            signature, seen = _signature(status) or (), monotonic()
            known = self._kept.get(name)
            if known is not None and known.stands(signature, delivery):
                return known  # another request has waited for it as well
            data = file.read()
        modified = int(status.st_mtime)
        if known is not None and known.data == data:
            if known.signature != signature:
                # In this order: another thread is looking (`ready`).
                known.seen = seen
                known.signature = signature
            known.read = begun
            if known.delivery is delivery:
                return known
            modified = known.modified
        elif known is not None:
            # Two versions of one second, or an older file put back, must not pass
            # for the same one (RFC 9110, 8.8.2.2).
            modified = max(modified, known.modified + 1)
        version = _Version(
            data=data,
            modified=modified,
            delivery=delivery,
            signature=signature,
            seen=seen,
            read=begun,
        )
        self._keep(name, version)
        return version

    def _keep(self, name: str, version: _Version) -> None:
        self._kept.pop(name, None)
        self._kept[name] = version
        size = sum(each.size for each in self._kept.values())
        for oldest in list(self._kept)[:-1]:
            if size <= KEPT_BYTES:
                break
            size -= self._kept.pop(oldest).size


def _signature(status: os.stat_result) -> Signature | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return (
        status.st_size,
        status.st_ino,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _answer(name: str, version: _Version, ranking: Ranking) -> Answer:
    coding, body = _coded(version, ranking if is_text(name) else ("identity",))
    # Of the bytes that are sent: another coding, or another version of a compressor,
    # gives other bytes, and a strong tag stands for its bytes (RFC 9110, 8.8.3.3).
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'.encode()
    type_ = media_type(name, version.data)
    common = [
        (b"etag", tag),
        (b"last-modified", formatdate(version.modified, usegmt=True).encode()),
        *caching(name, version.delivery),
        *policy(name, version.delivery),
    ]
    headers = [
        (b"content-type", type_.encode()),
        (b"content-length", str(len(body)).encode()),
        *common,
    ]
    if coding != "identity":
        headers.append((b"content-encoding", coding.encode()))
    return Answer(tag, version.modified, headers, body, common)


def _coded(version: _Version, ranking: Ranking) -> tuple[str, bytes]:
    """The first coding of the ranking, unless it gains nothing."""
    coding = ranking[0]
    if coding == "identity":
        return coding, version.data
    if coding not in version.coded:
        version.coded[coding] = _compress(coding, version.data)
    body = version.coded[coding]
    if len(body) >= len(version.data) and "identity" in ranking:
        return "identity", version.data
    return coding, body


def _compress(coding: str, data: bytes) -> bytes:
    if coding == "br":
        packed: bytes = brotli.compress(data, mode=brotli.MODE_TEXT, quality=QUALITY)
        return packed
    return gzip.compress(data, mtime=0)
