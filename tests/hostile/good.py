"""Ten sources that there is nothing wrong with, to stand among the others."""

from __future__ import annotations

import gzip

from tests.hostile.behaviour import NOW, Answer, Behaviour, gives, item, json_feed, rss
from tests.hostile.documents import json_item
from tests.hostile.network import coded


def _rss(name: str) -> str:
    return rss(*[item(name, number) for number in (1, 2, 3)])


def _titles(name: str) -> tuple[str, ...]:
    return tuple(f"Новость {name} номер {number}" for number in (1, 2, 3))


def _atom(name: str) -> Answer:
    entries = "".join(
        f"<entry><id>urn:{name}:{number}</id><title>{title}</title>"
        f"<link href='http://{name.replace('_', '-')}.example/{number}'/>"
        f"<updated>{NOW.isoformat()}</updated><summary>Рассказ {name} {number}</summary></entry>"
        for number, title in enumerate(_titles(name), 1)
    )
    body = (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:{name}</id>{entries}</feed>"
    )
    return Answer(body=body.encode(), content_type="application/atom+xml")


def _rdf(name: str) -> str:
    items = "".join(
        f"<item rdf:about='http://{name}.example/{number}'><title>{title}</title>"
        f"<link>http://{name}.example/{number}</link><dc:date>{NOW.isoformat()}</dc:date></item>"
        for number, title in enumerate(_titles(name), 1)
    )
    return (
        "<rdf:RDF xmlns='http://purl.org/rss/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'"
        " xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><channel><title>Портал</title>"
        f"</channel>{items}</rdf:RDF>"
    )


def _json(name: str) -> Answer:
    return json_feed(
        *[
            json_item(name, id=str(number), url=f"http://json.example/{name}/{number}")
            | {"title": title, "content_text": f"Рассказ {name} {number}"}
            for number, title in enumerate(_titles(name), 1)
        ]
    )


def _good(name: str, does: Answer | bytes | str) -> Behaviour:
    return gives(name, does, 3, titles=_titles(name))


BEHAVIOURS = [
    *[_good(f"good_rss_{number}", _rss(f"good_rss_{number}")) for number in range(5)],
    _good(
        "good_1251",
        f"<?xml version='1.0' encoding='windows-1251'?>{_rss('good_1251')}".encode(
            "cp1251"
        ),
    ),
    _good("good_gzip", coded("gzip", gzip.compress(_rss("good_gzip").encode()))),
    _good("good_atom", _atom("good_atom")),
    _good("good_rdf", _rdf("good_rdf")),
    _good("good_json", _json("good_json")),
]
