"""An object store on loopback that speaks S3: objects, lists in pages, signatures (SigV4).

What it answers was compared with moto's server and is as AWS documents it, wrong
signatures and buckets that are not there included.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests import loopback

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI", "ru-central1"
#: Keys in one answer to a list; AWS has 1,000.
PAGE = 4


@dataclass
class Stored:
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"'


@dataclass
class S3:
    port: int = 0
    buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    #: What was asked for, in order: (method, key), where a list's key is empty.
    requests: list[tuple[str, str]] = field(default_factory=list)
    #: Requests that are answered well before all others fail; None: all of them.
    good: int | None = None
    #: How they fail: a status, or 0 for no answer at all until `released`.
    failure: int = 503
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def keys(self, method: str) -> list[str]:
        return [key for asked, key in self.requests if asked == method]

    def answer(self, method: str, bucket: str, key: str, query: dict[str, str], stored):
        """Status, headers and body."""
        self.requests.append((method, key))
        if self.good is not None:
            self.good -= 1
            if self.good < 0:
                if not self.failure:
                    self.released.wait(30)
                return refused(self.failure or 503, "SlowDown")
        objects = self.buckets.get(bucket)
        if objects is None:
            return refused(404, "NoSuchBucket")
        if not key:
            return 200, {"Content-Type": "application/xml"}, listed(objects, query)
        if method == "PUT":
            objects[key] = stored
            return 200, {"ETag": stored.tag}, b""
        if method == "DELETE":
            objects.pop(key, None)
            return 204, {}, b""
        if key not in objects:
            return refused(404, "NoSuchKey")
        found = objects[key]
        return 200, found.headers | {"ETag": found.tag}, found.body


def listed(objects: dict[str, Stored], query: dict[str, str]) -> bytes:
    """ListObjectsV2; what lies deeper than the delimiter is told of by its prefix."""
    prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
    assert query["list-type"] == "2"
    assert query["delimiter"] == "/"
    found = {
        prefix + rest + slash: slash
        for key in sorted(objects)
        if key.startswith(prefix)
        for rest, slash, _ in [key.removeprefix(prefix).partition("/")]
    }
    page = [key for key in sorted(found) if key > after][: PAGE + 1]
    parts = [
        f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>"
        if found[key]
        else f"<Contents><Key>{escape(key)}</Key><ETag>{escape(objects[key].tag)}</ETag>"
        f"<Size>{len(objects[key].body)}</Size>"
        "<LastModified>2026-09-01T10:00:00.000Z</LastModified></Contents>"
        for key in page[:PAGE]
    ]
    if len(page) > PAGE:
        token = (
            f"<NextContinuationToken>{escape(page[PAGE - 1])}</NextContinuationToken>"
        )
        parts.append(f"<IsTruncated>true</IsTruncated>{token}")
    space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    return f"<ListBucketResult {space}>{''.join(parts)}</ListBucketResult>".encode()


def refused(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    said = (
        f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"
    )
    return status, {"Content-Type": "application/xml"}, said.encode()


def signature(method: str, target: str, headers, body: bytes) -> str:
    """What Authorization has to be, for the headers that it says are signed."""
    scope, names = "", ""
    for part in headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(","):
        name, _, value = part.strip().partition("=")
        if name == "Credential":
            scope = value.partition("/")[2]
        elif name == "SignedHeaders":
            names = value
    parts = urlsplit(target)
    query = "&".join(
        f"{quote(name, '-_.~')}={quote(value, '-_.~')}"
        for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))
    )
    signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names.split(";"))
    digest = headers["x-amz-content-sha256"]
    assert digest in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
    request = "\n".join((method, parts.path, query, signed, names, digest))
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed))
    key = b"AWS4" + SECRET.encode()
    for step in (*scope.split("/"), text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}"
    )


def start() -> tuple[S3, ThreadingHTTPServer]:
    s3 = S3()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            parts = urlsplit(self.path)
            bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
            right = signature(self.command, self.path, self.headers, body)
            if self.headers["Authorization"] == right:
                kept = ("Content-Type", "Cache-Control")
                headers = {name: self.headers[name] for name in kept}
                query = dict(parse_qsl(parts.query))
                stored = Stored(body, headers)
                found = s3.answer(self.command, bucket, key, query, stored)
            else:
                found = refused(403, "SignatureDoesNotMatch")
            status, headers, data = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_HEAD = do_PUT = do_DELETE = answer

        def log_message(self, *arguments: object) -> None:
            pass

    server = loopback.start(Handler)
    s3.port = server.server_address[1]
    return s3, server
