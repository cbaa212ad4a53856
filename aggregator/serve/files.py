"""The output folder as a web application: flat, read-only, made for polling readers."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from io import BufferedReader
from pathlib import Path
from threading import Lock

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from aggregator.serve.callback import Subscriber, callback_route

#: Seconds for which caches need not ask again: the pace at which documents change.
MAX_AGE = 60
#: Bytes of files kept in memory, all together. A larger file is none of ours and is
#: streamed from the disk, without validators of content.
CACHED_BYTES = 32_000_000

_TEXT_TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".json": "application/json",
    ".opml": "text/x-opml",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".xml": "application/xml",
}
_OTHER_TYPES = {
    ".gif": "image/gif",
    ".ico": "image/vnd.microsoft.icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_entity_tag = re.compile(r'(?:W/)?("[^"]*")')


def make_app(output: Path, subscriber: Subscriber | None = None) -> Starlette:
    """Serves the regular files of ``output``; ``/`` is index.html.

    Hidden files (our temporary ones among them), symbolic links and folders do not
    exist for it. GET and HEAD only, but for the callbacks of a ``subscriber``.
    """
    files = _Files(output)

    # Not a coroutine: Starlette calls it in a thread, where reading may block.
    def answer(request: Request) -> Response:
        file = files.find(request.path_params["name"] or "index.html")
        if file is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if isinstance(file, Path):
            return _stream(file)
        return _respond(file, request.headers)

    routes = [Route("/{name:path}", answer, methods=["GET", "HEAD"])]
    if subscriber is not None:
        routes.insert(0, callback_route(subscriber))
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: _refuse, Exception: _refuse},
    )


@dataclass(frozen=True, kw_only=True)
class _File:
    """One version of a file, read whole."""

    data: bytes
    suffix: str
    #: Seconds since 1970; later than that of every version served before.
    modified: int
    #: Tells this version from any other without reading it.
    signature: tuple[int, ...]

    @cached_property
    def hash(self) -> str:
        return hashlib.blake2b(self.data, digest_size=12).hexdigest()

    @property
    def is_text(self) -> bool:
        return self.suffix in _TEXT_TYPES

    @cached_property
    def gzipped(self) -> bytes | None:
        """None when compression gains nothing."""
        if not self.is_text:
            return None
        data = gzip.compress(self.data, mtime=0)
        return data if len(data) < len(self.data) else None


class _Files:
    """The folder's files, each read once per version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _File] = {}
        self._lock = Lock()

    def find(self, name: str) -> _File | Path | None:
        """The file as it is now; its path alone when it is too large to be kept."""
        if "/" in name or name.startswith("."):
            return None
        path = self._folder / name
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags)
        except (OSError, ValueError):  # ValueError: NUL in the name
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)  # open() would refuse a folder and leak it
            return None
        with open(descriptor, "rb") as file:
            if status.st_size > CACHED_BYTES:
                return path
            with self._lock:
                return self._current(name, file, status)

    def _current(
        self, name: str, file: BufferedReader, status: os.stat_result
    ) -> _File:
        signature = (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        known = self._kept.get(name)
        if known is not None and known.signature == signature:
            return known
        modified = int(status.st_mtime)
        if known is not None:
            # Two versions of one second, or an older file put back, must not pass
            # for the same one (RFC 9110, 8.8.2.2).
            modified = max(modified, known.modified + 1)
        version = _File(
            data=file.read(),
            suffix=Path(name).suffix.lower(),
            modified=modified,
            signature=signature,
        )
        self._keep(name, version)
        return version

    def _keep(self, name: str, version: _File) -> None:
        self._kept.pop(name, None)
        self._kept[name] = version
        size = sum(len(file.data) for file in self._kept.values())
        while size > CACHED_BYTES:
            oldest = next(iter(self._kept))
            size -= len(self._kept.pop(oldest).data)


def _respond(file: _File, asked: Headers) -> Response:
    data, coding = file.data, None
    if _accepts_gzip(asked.get("accept-encoding", "")) and file.gzipped is not None:
        data, coding = file.gzipped, "gzip"
    # The codings are different bytes: a strong tag names one of them (RFC 9110, 8.8.3.3).
    tag = f'"{file.hash}-{coding}"' if coding else f'"{file.hash}"'
    headers = {
        "ETag": tag,
        "Last-Modified": formatdate(file.modified, usegmt=True),
        "Cache-Control": f"public, max-age={MAX_AGE}",
        "X-Content-Type-Options": "nosniff",
    }
    if file.is_text:
        headers["Vary"] = "Accept-Encoding"
    if _is_fresh(asked, tag, file.modified):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if coding:
        headers["Content-Encoding"] = coding
    headers["Content-Type"] = _media_type(file.suffix)
    return Response(data, headers=headers)


def _stream(path: Path) -> Response:
    return FileResponse(
        path,
        headers={
            "Content-Type": _media_type(path.suffix.lower()),
            "X-Content-Type-Options": "nosniff",
        },
    )


def _is_fresh(asked: Headers, tag: str, modified: int) -> bool:
    """Whether the client's copy is this one; If-None-Match decides alone (13.2.2)."""
    if (tags := asked.get("if-none-match")) is not None:
        return tags.strip() == "*" or tag in _entity_tag.findall(tags)
    try:
        since = parsedate_to_datetime(asked.get("if-modified-since", ""))
    except (ValueError, IndexError):
        return False
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return datetime.fromtimestamp(modified, UTC) <= since


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether RFC 9110, 12.5.3, allows gzip: named, or meant by ``*``, and not q=0."""
    allowed: dict[str, bool] = {}
    for element in accept_encoding.lower().split(","):
        coding, _, parameters = element.partition(";")
        name, _, weight = parameters.partition("=")
        try:
            wanted = name.strip() != "q" or float(weight) > 0
        except ValueError:
            wanted = False
        allowed[coding.strip()] = wanted
    return allowed.get("gzip", allowed.get("x-gzip", allowed.get("*", False)))


def _media_type(suffix: str) -> str:
    if suffix in _TEXT_TYPES:
        return f"{_TEXT_TYPES[suffix]}; charset=utf-8"
    return _OTHER_TYPES.get(suffix, "application/octet-stream")


def _refuse(request: Request, error: Exception) -> Response:
    """A short plain sentence that repeats nothing of the request."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, {}
    if isinstance(error, HTTPException):
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
    headers["X-Content-Type-Options"] = "nosniff"
    return PlainTextResponse(f"{status.phrase}\n", status, headers)
