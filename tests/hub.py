"""A WebSub hub and the source that names it, on loopback; W3C's behaviour and worse.

``/hub`` is an honest hub. Below it stand others: ``/hub/redirects`` (308 to the honest
one), ``/hub/leads-away`` (307 to where nobody may go), ``/hub/turns`` (307 to itself),
``/hub/hangs``, ``/hub/refuses`` (500), ``/hub/is-busy`` (429, for four hours), ``/hub/denies`` (202, then
hub.mode=denied), ``/hub/says/404`` (that status). The honest one also serves publishers: told of
a topic, it fetches it and delivers it to whoever subscribed.
Everything else is a document that a test has set.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from tests import loopback

#: Nobody may be asked there: outside of what tests allow.
AWAY = "http://127.66.6.6:9/hub"


@dataclass
class Hub:
    port: int = 0
    documents: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    #: Paths that were asked for, in order.
    polls: list[str] = field(default_factory=list)
    #: Forms that came to any hub: (path, fields).
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    #: Callbacks that were verified: callback -> (topic, secret).
    subscribers: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Status of each verification, in order.
    verifications: list[int] = field(default_factory=list)
    #: What was fetched when a publisher gave word of it: (topic, status), in order.
    fetches: list[tuple[str, int]] = field(default_factory=list)
    #: From now on every hub is an honest one.
    repaired: bool = False
    lease: int = 864_000
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, path: str, body: str, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.documents[path] = named, body.encode()
        return self.site + path

    def asked(self, mode: str) -> list[dict[str, str]]:
        return [form for _, form in self.forms if form["hub.mode"] == mode]

    def verify(self, form: dict[str, str], *, secret: str | None = None) -> int:
        """The verification of intent that follows a request; the answer's status."""
        question = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "да-" + "0123456789abcdef" * 4,
        }
        if form["hub.mode"] == "subscribe":
            question["hub.lease_seconds"] = str(self.lease)
        status, said = ask(form["hub.callback"] + "?" + urlencode(question))
        self.verifications.append(status)
        if status == 200 and said.decode() == question["hub.challenge"]:
            if form["hub.mode"] == "subscribe":
                known = form["hub.topic"], form.get("hub.secret", "")
                self.subscribers[form["hub.callback"]] = known
            else:
                self.subscribers.pop(form["hub.callback"], None)
        return status

    def publish(
        self,
        body: str | bytes,
        *,
        method: str = "sha256",
        signature: str | None = None,
        topic: str | None = None,
        **headers: str,
    ) -> list[int]:
        """Push to every subscriber (of this topic); the statuses of their answers."""
        data = body.encode() if isinstance(body, str) else body
        statuses = []
        for callback, (wanted, secret) in list(self.subscribers.items()):
            if topic not in (None, wanted):
                continue
            signed = signature
            if signed is None:
                digest = hmac.new(secret.encode(), data, getattr(hashlib, method))
                signed = f"{method}={digest.hexdigest()}"
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            sent.setdefault("Content-Type", "application/rss+xml")
            if signed:
                sent["X-Hub-Signature"] = signed
            statuses.append(ask(callback, data, sent)[0])
        return statuses

    def pinged(self) -> list[str]:
        """The topics that publishers gave word of, in order."""
        return [form["hub.topic"] for form in self.asked("publish")]

    def deliver(self, topic: str) -> None:
        """Fetch what has changed and hand it on, as W3C has it (7), with the Link headers."""
        status, content_type, body = fetch(topic)
        self.fetches.append((topic, status))
        if status != 200:
            return
        links = f'<{self.site}/hub>; rel="hub", <{topic}>; rel="self"'
        self.publish(body, topic=topic, Content_Type=content_type, Link=links)

    def take(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str]]:
        """What a hub answers to a request."""
        self.forms.append((path, form))
        if self.repaired:
            path = "/hub"
        if path.startswith("/hub/says/"):
            return int(path.rpartition("/")[2]), {}
        match path:
            case "/hub" if form["hub.mode"] == "publish":
                topic = form["hub.url"]
                threading.Thread(target=self.deliver, args=(topic,)).start()
                return 202, {}
            case "/hub":
                threading.Thread(target=self.verify, args=(form,)).start()
                return 202, {}
            case "/hub/denies":
                threading.Thread(target=self.deny, args=(form,)).start()
                return 202, {}
            case "/hub/redirects":
                return 308, {"Location": "/hub"}
            case "/hub/leads-away":
                return 307, {"Location": AWAY}
            case "/hub/turns":
                return 307, {"Location": "/hub/turns"}
            case "/hub/is-busy":
                return 429, {"Retry-After": "14400"}
            case "/hub/hangs":
                self.released.wait(30)
        return 500, {}

    def deny(self, form: dict[str, str]) -> int:
        said = {"hub.mode": "denied", "hub.topic": form["hub.topic"]}
        status, _ = ask(form["hub.callback"] + "?" + urlencode(said))
        self.verifications.append(status)
        return status


def ask(
    url: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except OSError:
        return 0, b""


def fetch(url: str) -> tuple[int, str, bytes]:
    """Status, Content-Type and body; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", b""
    except OSError:
        return 0, "", b""


def start() -> tuple[Hub, ThreadingHTTPServer]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            hub.polls.append(path)
            if path not in hub.documents:
                self._say(404, {}, b"")
                return
            headers, body = hub.documents[path]
            self._say(200, headers, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self._say(*hub.take(self.path, form), b"")

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = loopback.start(Handler)
    hub.port = server.server_address[1]
    return hub, server
