"""Undoes Content-Encoding with a bound, so that a compression bomb costs little.

httpx inflates a whole network read at once (1.6 kB became 1 GB) and takes half a
gzip file, or the first of several members, for the whole (docs/decisions.md).
"""

from __future__ import annotations

import zlib
from typing import Protocol

from aggregator.http.errors import RequestFailed

ACCEPTED = "gzip, deflate"

GZIP_WBITS = 31
ZLIB_WBITS = 15
RAW_WBITS = -15
GZIP_MAGIC = b"\x1f\x8b"
#: Servers that log into one file send a handful; an empty member is 20 bytes.
MAX_GZIP_MEMBERS = 1000


class Inflater(Protocol):
    def feed(self, data: bytes) -> bytes:
        """What ``data`` inflates to; raises RequestFailed ``decode``, ``too_large``."""

    def finish(self) -> None:
        """After the last byte; raises RequestFailed ``truncated``."""


def inflater(content_encoding: str | None, *, max_bytes: int) -> Inflater:
    """For the header's value; raises RequestFailed ``decode`` for what we never asked for.

    Chained codings are refused: 100 rounds of gzip are a bomb, and no feed has two.
    """
    codings = [coding.strip().lower() for coding in (content_encoding or "").split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    match codings:
        case []:
            return _Identity(max_bytes)
        case ["gzip" | "x-gzip"]:
            return _Gzip(max_bytes)
        case ["deflate"]:
            return _Deflate(max_bytes)
        case [_]:
            message = "The body has a Content-Encoding that was not asked for."
        case _:
            message = "The body has more than one Content-Encoding."
    raise RequestFailed("decode", message)


def too_large(max_bytes: int) -> RequestFailed:
    return RequestFailed(
        "too_large", f"The document is larger than max_bytes ({max_bytes:,} bytes)."
    )


class _Identity:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._left = max_bytes

    def feed(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise too_large(self._max_bytes)
        return data

    def finish(self) -> None:
        pass


class _Compressed:
    """One zlib stream; ``_left`` is what may still come out of it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._left = max_bytes
        self._stream: zlib._Decompress | None = None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        raise NotImplementedError

    def finish(self) -> None:
        # No byte at all is an empty body, which is somebody else's finding.
        if self._held or (self._stream is not None and not self._stream.eof):
            raise RequestFailed("truncated", "The compressed body ends too early.")

    def _inflate(self, stream: zlib._Decompress, data: bytes) -> bytes:
        # One byte more than is left tells "too large" from "just fits".
        try:
            inflated = stream.decompress(data, self._left + 1)
        except zlib.error:
            raise RequestFailed("decode", "The compressed body is broken.") from None
        self._left -= len(inflated)
        if self._left < 0:
            raise too_large(self._max_bytes)
        return inflated


class _Gzip(_Compressed):
    """All members of a gzip file; padding behind the last one is ignored."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._members = 0
        self._done = False

    def feed(self, data: bytes) -> bytes:
        inflated = []
        data = self._held + data
        self._held = b""
        while data and (stream := self._member(data)) is not None:
            inflated.append(self._inflate(stream, data))
            data = stream.unused_data
        return b"".join(inflated)

    def _member(self, data: bytes) -> zlib._Decompress | None:
        """The stream that ``data`` belongs to; None when no member begins here."""
        if self._stream is not None and not self._stream.eof:
            return self._stream
        if self._done:
            return None
        if self._members and not data.startswith(GZIP_MAGIC):
            # One byte alone may be half the mark of the next member.
            self._held = data if data == GZIP_MAGIC[:1] else b""
            self._done = not self._held
            return None
        self._members += 1
        if self._members > MAX_GZIP_MEMBERS:
            raise RequestFailed("decode", "The gzip body has too many members.")
        self._stream = zlib.decompressobj(GZIP_WBITS)
        return self._stream


class _Deflate(_Compressed):
    """RFC 9110 means zlib's format, some servers send the bare stream."""

    def feed(self, data: bytes) -> bytes:
        if self._stream is None:
            data = self._held + data
            self._held = b""
            if len(data) < 2:
                self._held = data
                return b""
            self._stream = zlib.decompressobj(
                ZLIB_WBITS if _is_zlib(data) else RAW_WBITS
            )
        if self._stream.eof:
            return b""
        return self._inflate(self._stream, data)


def _is_zlib(data: bytes) -> bool:
    """RFC 1950, 2.2: method 8, and the first two bytes divide by 31."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
