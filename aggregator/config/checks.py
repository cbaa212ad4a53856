"""What one key alone cannot tell: faults between keys, and of the machine.

These checks read the plain data, not the validated keys, so that they also run
when another key is wrong: an operator sees all faults at once. What is no text, no
list, no mapping here has its fault already.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from aggregator.config.addresses import bucket, listen_address, network, web_address
from aggregator.config.keys import RESERVED_TOPICS
from aggregator.config.settings import ServeSettings
from aggregator.config.values import parse_duration
from aggregator.config.yaml_nodes import Document
from aggregator.config.yaml_nodes import Path as KeyPath
from aggregator.errors import Fault
from aggregator.links import source_address
from aggregator.model import Place

#: Yandex takes no notice of what is older ("latest and most important news").
YANDEX_MAX_AGE = timedelta(days=8)

#: ``127.1``, ``0x7f.1`` and ``2130706433`` are 127.0.0.1 to every resolver.
NUMERIC_HOST = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}")


def cross_faults(
    document: Document, folder: Path, gazetteer: Sequence[Place] | None
) -> Iterator[Fault]:
    """Faults between the keys of ``document``; ``folder`` is where paths begin.

    ``gazetteer``: None when it has faults of its own.
    """
    data = _mapping(document.data)
    sources = list(_sources(data))
    yield from _intervals(document, _mapping(data.get("fetch")))
    yield from _reserved_topics(document, _mapping(data.get("topics")))
    yield from _profiles(document, data, sources, gazetteer)
    if gazetteer is not None:
        yield from _topics_called_as_places(
            document, _mapping(data.get("topics")), gazetteer
        )
        yield from _undefined_places(
            document, data.get("places"), gazetteer, _mapping(data.get("topics"))
        )
    yield from _undefined_topics(document, data.get("topics"), sources)
    yield from _same_sources(document, sources)
    yield from _pages(document, sources)
    yield from _private_addresses(document, data, sources)
    yield from _private_receivers(document, data)
    yield from _same_port(document, _mapping(data.get("serve")))
    yield from _output(document, folder, data.get("output", "output"))


def _sources(data: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for number, item in enumerate(_list(data.get("sources"))):
        source = {"url": item} if isinstance(item, str) else _mapping(item)
        yield ("sources", number), source


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# --- fetch --------------------------------------------------------------------


def _intervals(document: Document, fetch: dict[str, Any]) -> Iterator[Fault]:
    """Of what is written alone: defaults make room for it."""
    for key, other in (
        ("min_interval", "max_interval"),
        ("interval", "max_interval"),
        ("min_interval", "interval"),
    ):
        shorter, longer = _duration(fetch.get(key)), _duration(fetch.get(other))
        if shorter and longer and shorter > longer:
            message = f"expected at most {other}, {fetch[other]}, found {fetch[key]}"
            yield document.fault(("fetch", key), message)


def _duration(written: object) -> timedelta | None:
    """None for what is absent or has its fault already."""
    try:
        return parse_duration(written, timedelta(seconds=1))
    except PydanticCustomError:
        return None


# --- topics -------------------------------------------------------------------


def _reserved_topics(document: Document, topics: dict[str, Any]) -> Iterator[Fault]:
    for key in topics:
        if reason := _file_called(key, topics):
            message = f"expected another key, {reason}"
            yield document.fault(("topics", key), message, at_key=True)


def _file_called(key: str, topics: dict[str, Any]) -> str | None:
    """What else of the output folder would have the name that a key gives a document."""
    if key in RESERVED_TOPICS:
        return f"{key} names a file of the output folder"
    archive = re.fullmatch(r"(.+)-archive-[0-9]+", key)
    if archive and archive[1] in {"feed", *topics}:
        return f"{key} names an archive of {archive[1]}"
    return None


def _topics_called_as_places(
    document: Document, topics: dict[str, Any], gazetteer: Sequence[Place]
) -> Iterator[Fault]:
    for place in gazetteer:
        if place.key in topics:
            message = f"expected another key, {place.key} is the place {place.title}"
            yield document.fault(("topics", place.key), message, at_key=True)


def _undefined_places(
    document: Document,
    places: object,
    gazetteer: Sequence[Place],
    topics: dict[str, Any],
) -> Iterator[Fault]:
    path: KeyPath = ("places",)
    if isinstance(places, dict):
        path, places = (*path, "documents"), places.get("documents")
    keys = {place.key for place in gazetteer}
    titles = {place.title.casefold(): place.key for place in gazetteer}
    for number, key in enumerate(_list(places)):
        if not isinstance(key, str):
            continue
        if reason := _file_called(key.strip(), topics):
            yield document.fault((*path, number), f"expected another place, {reason}")
        if key.strip() in keys:
            continue
        near = titles.get(key.strip().casefold()) or next(
            iter(get_close_matches(key.strip(), keys, 1)), None
        )
        yield document.fault(
            (*path, number),
            f"expected a place of the gazetteer, found {key.strip()[:80]}",
            did_you_mean=near,
        )


def _undefined_topics(
    document: Document, topics: object, sources: list[tuple[KeyPath, dict[str, Any]]]
) -> Iterator[Fault]:
    if topics is not None and not isinstance(topics, dict):
        return
    defined = _mapping(topics)
    for path, source in sources:
        for number, topic in enumerate(_list(source.get("topics"))):
            if isinstance(topic, str) and topic.strip() not in defined:
                near = get_close_matches(topic, defined, 1)
                yield document.fault(
                    (*path, "topics", number),
                    f"expected a key of topics, found {topic.strip()[:80]}",
                    did_you_mean=near[0] if near else None,
                )


# --- profiles -----------------------------------------------------------------


def _profiles(
    document: Document,
    data: dict[str, Any],
    sources: list[tuple[KeyPath, dict[str, Any]]],
    gazetteer: Sequence[Place] | None,
) -> Iterator[Fault]:
    topics = _mapping(data.get("topics"))
    places = {place.key: place.title for place in gazetteer or ()}
    known = {
        "topics": ("a key of topics", set(topics)),
        "places": ("a place of the gazetteer", set(places)),
        "sources": ("the id or the address of a source", _source_names(sources)),
    }
    known["not_sources"] = known["sources"]
    if gazetteer is None:
        del known["places"]
    profiles = _mapping(_mapping(data.get("publish")).get("profiles"))
    for key, profile in profiles.items():
        path: KeyPath = ("publish", "profiles", key)
        taken = (
            _file_called(key, topics),
            f"{key} is a topic" if key in topics else None,
            f"{key} is the place {places[key]}" if key in places else None,
        )
        for reason in taken:
            if reason:
                message = f"expected another key, {reason}"
                yield document.fault(path, message, at_key=True)
        for name, (what, names) in known.items():
            for number, one in enumerate(_list(_mapping(profile).get(name))):
                place = (*path, name, number)
                yield from _unknown_name(document, place, one, what, names)
        yield from _yandex(document, path, _mapping(profile))


def _source_names(sources: list[tuple[KeyPath, dict[str, Any]]]) -> set[str]:
    names = set()
    for _, source in sources:
        address, given = _address(source.get("url")), source.get("id")
        names |= {name for name in (address, given) if isinstance(name, str)}
    return names


def _unknown_name(
    document: Document, path: KeyPath, name: object, what: str, names: set[str]
) -> Iterator[Fault]:
    if not isinstance(name, str) or {name.strip(), _address(name)} & names:
        return
    near = get_close_matches(_address(name) or name.strip(), names, 1)
    yield document.fault(
        path,
        f"expected {what}, found {name.strip()[:80]}",
        did_you_mean=near[0] if near else None,
    )


def _yandex(
    document: Document, path: KeyPath, profile: dict[str, Any]
) -> Iterator[Fault]:
    """What Yandex's rules leave no choice about, and what they alone know."""
    if profile.get("dialect") != "yandex":
        if profile.get("genre") is not None:
            message = "only dialect: yandex has genres"
            yield document.fault((*path, "genre"), message, at_key=True)
        return
    if profile.get("content", "full") not in ("full", None):
        message = f"expected full, its rules ask for texts, found {profile['content']}"
        yield document.fault((*path, "content"), message)
    max_age = _duration(profile.get("max_age"))
    if max_age and max_age > YANDEX_MAX_AGE:
        message = f"expected at most {YANDEX_MAX_AGE.days}d, found {profile['max_age']}"
        yield document.fault((*path, "max_age"), message)


# --- sources ------------------------------------------------------------------


def _same_sources(
    document: Document, sources: list[tuple[KeyPath, dict[str, Any]]]
) -> Iterator[Fault]:
    addresses: dict[str, KeyPath] = {}
    ids: dict[str, KeyPath] = {}
    for path, source in sources:
        address = _address(source.get("url"))
        if address is None:
            continue
        first = addresses.setdefault(address, path)
        if first is not path:
            yield _double(document, (*path, "url"), first, "the address", address)
            continue
        given = source.get("id")
        id_ = given.strip() if isinstance(given, str) else address
        first = ids.setdefault(id_, path)
        if first is not path:
            yield _double(document, (*path, "id"), first, "the id", id_)


def _address(url: object) -> str | None:
    """The normal form of a source's address; None when it is none."""
    try:
        return source_address(web_address(url))
    except PydanticCustomError:
        return None


def _double(
    document: Document, path: KeyPath, first: KeyPath, what: str, value: str
) -> Fault:
    line, _ = document.place(first)
    name = ".".join(map(str, first))
    message = f"{what} {value[:80]} is already that of {name} on line {line}"
    return document.fault(document.nearest(path), message)


def _pages(
    document: Document, sources: list[tuple[KeyPath, dict[str, Any]]]
) -> Iterator[Fault]:
    """``page`` and ``kind: page`` belong together; a format needs its date."""
    for path, source in sources:
        kind, page = source.get("kind", "feed"), source.get("page")
        if kind == "page" and page is None:
            message = "kind: page needs page with item and title"
            yield document.fault((*path, "kind"), message)
        if kind in ("feed", "sitemap") and page is not None:
            message = f"only kind: page has selectors, this is kind: {kind}"
            yield document.fault((*path, "page"), message, at_key=True)
        selectors = _mapping(page)
        if "date_format" in selectors and "date" not in selectors:
            message = "date_format needs date, the selector of what is so written"
            yield document.fault((*path, "page", "date_format"), message, at_key=True)


def _private_addresses(
    document: Document,
    data: dict[str, Any],
    sources: list[tuple[KeyPath, dict[str, Any]]],
) -> Iterator[Fault]:
    """Literal addresses alone: names are looked up, and guarded, at every fetch."""
    allowed = _networks(_mapping(data.get("fetch")).get("allow_private"))
    for path, source in sources:
        address = _literal_address(source.get("url"))
        if address is not None and not _is_allowed(address, allowed):
            message = f"{address} is no public address, nor in fetch.allow_private"
            yield document.fault(document.nearest((*path, "url")), message)


def _private_receivers(document: Document, data: dict[str, Any]) -> Iterator[Fault]:
    """The webhook and the hubs: they pass the guard as sources do."""
    allowed = _networks(_mapping(data.get("fetch")).get("allow_private"))
    receivers: list[tuple[KeyPath, object]] = [
        (("alerts", "webhook"), _mapping(data.get("alerts")).get("webhook"))
    ]
    for number, hub in enumerate(_list(_mapping(data.get("publish")).get("hubs"))):
        receivers.append((("publish", "hubs", number), hub))
    for path, url in receivers:
        address = _literal_address(url)
        if address is not None and not _is_allowed(address, allowed):
            message = f"{address} is no public address, nor in fetch.allow_private"
            yield document.fault(path, message)


def _networks(written: object) -> list[IPv4Network | IPv6Network]:
    networks = []
    for text in _list(written):
        try:
            networks.append(network(text))
        except PydanticCustomError:
            continue
    return networks


def _literal_address(url: object) -> IPv4Address | IPv6Address | None:
    """The address that stands in ``url`` itself; None when a name does."""
    try:
        host = urlsplit(web_address(url)).hostname or ""
    except PydanticCustomError:
        return None
    if ":" not in host and not NUMERIC_HOST.fullmatch(host):
        return None
    try:
        return ip_address(host if ":" in host else socket.inet_aton(host))
    except (ValueError, OSError):
        return None


def _is_allowed(
    address: IPv4Address | IPv6Address, networks: list[IPv4Network | IPv6Network]
) -> bool:
    # Imported when an address is literal, which is rare: the package brings httpx.
    from aggregator.http.guard import is_allowed

    return is_allowed(address, networks)


# --- serve --------------------------------------------------------------------


def _same_port(document: Document, serve: dict[str, Any]) -> Iterator[Fault]:
    """Metrics stand apart from the documents, on whatever address."""
    try:
        _, port = listen_address(serve.get("metrics"))
    except PydanticCustomError:
        return
    if port == serve.get("port", ServeSettings().port):
        message = f"expected another port than that of the documents, found {port}"
        yield document.fault(("serve", "metrics"), message)


# --- output -------------------------------------------------------------------


def _output(document: Document, folder: Path, written: object) -> Iterator[Fault]:
    """Asks the nearest folder that exists; nothing is made to find out."""
    if not isinstance(written, str) or not written.strip():
        return
    if bucket(written.strip()) is not None:
        if find_spec("obstore") is None:
            message = "needs obstore: pip install 'aggregator[s3]'"
            yield document.fault(("output",), message)
        return
    place = folder / written.strip()
    while not _exists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        yield document.fault(("output",), f"expected a folder, {place} is none")
    elif not os.access(place, os.W_OK | os.X_OK):
        message = f"expected a folder that can be written to, {place} cannot"
        yield document.fault(("output",), message)


def _exists(place: Path) -> bool:
    try:
        return os.path.lexists(place)
    except ValueError:  # a NUL; it has its own fault
        return False
