"""The sample sources on a loopback port: a real HTTP server in a thread."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from string import Template
from threading import Thread
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from aggregator.demo.formats import content_type, entry_html, render
from aggregator.demo.samples import Sample, SampleEntry, load_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands at one path."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK
    #: Aware; None: no validators are sent.
    modified: datetime | None = None
    gzip: bool = False

    @property
    def etag(self) -> str:
        return f'"{hashlib.blake2b(self.body, digest_size=8).hexdigest()}"'


class SampleServer:
    """Serves the sample sources, and a page for each of their articles.

    A context manager. ``port`` 0 takes a free one; ``url`` is the address without a
    slash at the end. Entries are dated before ``now`` (aware), so the same ``now`` and
    ``port`` give the same bytes, and 304 to whoever has them. Raises OSError when the
    port is taken.
    """

    def __init__(self, *, port: int, now: datetime) -> None:
        pages: dict[str, Page] = {}
        self._server = _Server(("127.0.0.1", port), partial(_Handler, pages))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        pages.update(build_pages(load_samples(now), self.url))
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def build_pages(samples: tuple[Sample, ...], url: str) -> dict[str, Page]:
    """Every path that answers, with what it answers."""
    pages = {"/": _index(samples)}
    for sample in samples:
        pages[sample.path] = _feed(sample, url)
        if sample.answer == "page":
            pages[sample.polled_path] = _source_page(sample)
        pages[f"/{sample.id}/"] = _source_page(sample)
        for entry in sample.entries:
            # An entry with another source's link has its page there.
            if entry.path.startswith(f"/{sample.id}/"):
                pages[urlsplit(entry.path).path] = _article(sample, entry)
    return pages


def _feed(sample: Sample, url: str) -> Page:
    if sample.answer == "broken":
        return _html(
            "Ошибка 500",
            "<p>Внутренняя ошибка сервера. Попробуйте позже.</p>",
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
        )
    return Page(
        body=render(sample, url),
        content_type=content_type(sample),
        modified=sample.entries[0].published,
        gzip=sample.gzip,
    )


def _index(samples: tuple[Sample, ...]) -> Page:
    rows = "".join(
        f'<li><a href="/{s.id}/">{escape(s.name)}</a>: {escape(s.about)}</li>\n'
        for s in samples
    )
    return _html("Примеры источников", f"<ul>\n{rows}</ul>")


def _source_page(sample: Sample) -> Page:
    rows = "".join(
        f'<li><a href="{escape(entry.path)}">{escape(entry.title)}</a></li>\n'
        for entry in sample.entries
    )
    link = (
        f'<link rel="alternate" type="{content_type(sample)}"'
        f' title="{escape(sample.name)}" href="{sample.path}">'
    )
    body = f"<p>{escape(sample.about)}</p>\n<ul>\n{rows}</ul>"
    return _html(sample.name, body, head=link)


def _article(sample: Sample, entry: SampleEntry) -> Page:
    stamp = entry.published.strftime("%d.%m.%Y %H:%M")
    source = f'<p><a href="/{sample.id}/">{escape(sample.name)}</a>, {stamp}</p>'
    return _html(entry.title, f"{source}\n{entry_html(entry)}")


def _html(
    title: str, body: str, *, head: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Page:
    template = Template((files("aggregator.demo") / "page.html").read_text("utf-8"))
    text = template.substitute(title=escape(title), body=body, head=head)
    return Page(
        body=text.encode(), content_type="text/html; charset=utf-8", status=status
    )


class _Server(ThreadingHTTPServer):
    #: Connections that wait to be taken; a crawl opens many at once.
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Seconds; a client that says nothing must not keep a thread.
    timeout: ClassVar[float | None] = 10

    def __init__(self, pages: dict[str, Page], *args: Any) -> None:
        self.pages = pages
        super().__init__(*args)  # answers the request

    def do_GET(self) -> None:
        page = self.pages.get(urlsplit(self.path).path)
        if page is None:
            page = _html(
                "Ошибка 404", "<p>Такой страницы нет.</p>", status=HTTPStatus.NOT_FOUND
            )
        if self._is_known(page):
            self._answer(page, HTTPStatus.NOT_MODIFIED, b"")
        elif page.gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            self._answer(
                page, page.status, gzip.compress(page.body, mtime=0), coding="gzip"
            )
        else:
            self._answer(page, page.status, page.body)

    do_HEAD = do_GET

    def _is_known(self, page: Page) -> bool:
        """RFC 9110, 13.2.2: If-None-Match decides alone when it is there."""
        if page.modified is None:
            return False
        known = self.headers.get("If-None-Match")
        if known is not None:
            return page.etag in (tag.strip() for tag in known.split(","))
        since = self.headers.get("If-Modified-Since")
        try:
            return since is not None and page.modified <= parsedate_to_datetime(since)
        except (TypeError, ValueError):  # no date, or one without a zone
            return False

    def _answer(
        self, page: Page, status: HTTPStatus, body: bytes, coding: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")
        if page.modified is not None:
            self.send_header("ETag", page.etag)
            modified = format_datetime(page.modified.astimezone(UTC), usegmt=True)
            self.send_header("Last-Modified", modified)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(body)))
        if coding:
            self.send_header("Content-Encoding", coding)
        if page.gzip:
            self.send_header("Vary", "Accept-Encoding")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the demo shows what the aggregator says, not what its samples do."""
