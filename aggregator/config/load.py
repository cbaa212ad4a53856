"""feeds.yaml -> frozen Config, or every fault in it at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from aggregator.config.addresses import bucket, web_address
from aggregator.config.checks import YANDEX_MAX_AGE, cross_faults
from aggregator.config.decode import read_file
from aggregator.config.faults import faults_of, names_of, shown
from aggregator.config.gazetteer import SHIPPED, load_places
from aggregator.config.keys import (
    AlertKeys,
    DedupKeys,
    ExcludedTermKeys,
    FetchKeys,
    FileKeys,
    KeepKeys,
    PlacesKeys,
    ProfileKeys,
    PublishKeys,
    ServeKeys,
    SourceKeys,
    TermKeys,
    TopicKeys,
    WordTerm,
)
from aggregator.config.schema import schema_of
from aggregator.config.settings import (
    AlertSettings,
    Config,
    DedupSettings,
    FetchSettings,
    Keep,
    Profile,
    PublishSettings,
    ServeSettings,
    Site,
)
from aggregator.config.yaml_nodes import Document, read_yaml
from aggregator.errors import ConfigError, Fault
from aggregator.links import source_address
from aggregator.model import PageSelectors, Place, Source, Term, Topic


def load_config(path: Path) -> Config:
    """The configuration in ``path``; raises ConfigError with all faults, by line.

    Nothing is made or changed: missing folders are made by who needs them.
    """
    return read_config(path, read_file(path))


def read_config(path: Path, raw: bytes) -> Config:
    """As `load_config`, if ``raw`` were what the file holds."""
    document = read_yaml(raw, str(path))
    folder = Path(os.path.abspath(path)).parent
    faults = list(document.faults)
    if not isinstance(document.data, dict):
        faults.append(_no_mapping(document))
        raise ConfigError(tuple(faults))
    keys: FileKeys | None = None
    try:
        keys = FileKeys.model_validate(document.data)
    except ValidationError as error:
        faults += faults_of(error, document)
    gazetteer = _gazetteer(document, folder, faults)
    faults += cross_faults(document, folder, gazetteer)
    if keys is None or gazetteer is None or faults:
        raise ConfigError(tuple(_sorted(faults)))
    return _config(keys, path, folder, gazetteer)


def _gazetteer(
    document: Document, folder: Path, faults: list[Fault]
) -> tuple[Place, ...] | None:
    """The places in force; None when they cannot be read: see what was added to faults."""
    places = document.data.get("places") if isinstance(document.data, dict) else None
    written = places.get("gazetteer") if isinstance(places, dict) else None
    named = isinstance(written, str) and written.strip()
    try:
        return load_places(folder / named if named else SHIPPED)
    except ConfigError as error:
        faults += error.faults
        return None


def read_term(written: str) -> Term:
    """A term as it stands in feeds.yaml, ``{all: […]}`` too; ConfigError if it is none."""
    name = "--try"
    document = Document(name, data=written, values={(): (1, 1)})
    if written.lstrip().startswith("{"):
        document = read_yaml(written.encode("utf-8", "replace"), name)
    try:
        keys: TermKeys = TypeAdapter(WordTerm).validate_python(document.data)
    except ValidationError as error:
        faults = faults_of(error, document, lambda path: names_of(TermKeys))
        raise ConfigError((*document.faults, *faults)) from error
    if document.faults:
        raise ConfigError(tuple(document.faults))
    return _term(keys)


def read_address(written: str) -> str:
    """An address as a source may have it; ConfigError if it is none."""
    try:
        return web_address(written)
    except PydanticCustomError as error:
        context = error.context or {}
        fault = Fault(
            file="URL",
            line=0,
            column=0,
            key="",
            message=f"expected {context['expected']}, found {context['found'] or shown(written)}",
            did_you_mean=context["did_you_mean"],
        )
        raise ConfigError((fault,)) from error


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of feeds.yaml, for editors; docs/feeds.schema.json."""
    return schema_of(FileKeys)


def _no_mapping(document: Document) -> Fault:
    if document.data is None:
        return document.fault((), "the file is empty: no site and no sources")
    kind = "a list" if isinstance(document.data, list) else "text"
    message = f"expected the keys site, sources and others, found {kind}"
    return document.fault((), message)


def _sorted(faults: list[Fault]) -> Iterator[Fault]:
    """By line; what is said twice of one place is said once."""
    ordered = sorted(faults, key=lambda fault: (fault.line, fault.column, fault.key))
    return iter(dict.fromkeys(ordered))


# --- keys of the file to settings ---------------------------------------------


def _config(
    keys: FileKeys, path: Path, folder: Path, gazetteer: tuple[Place, ...]
) -> Config:
    site = Site(**dict(keys.site))
    fetch = _fetch(keys.fetch or FetchKeys())
    publish_keys = keys.publish or PublishKeys()
    sources = tuple(
        _source(source, order, site, fetch, publish_keys)
        for order, source in enumerate(keys.sources)
    )
    return Config(
        path=path,
        folder=folder,
        site=site,
        storage=_storage(keys.storage, folder),
        output=bucket(keys.output) or folder / keys.output,
        keep=Keep(**dict(keys.keep or KeepKeys())),
        fetch=fetch,
        publish=_publish(publish_keys, sources),
        serve=_serve(keys.serve),
        alerts=AlertSettings(**dict(keys.alerts or AlertKeys())),
        dedup=DedupSettings(**dict(keys.dedup or DedupKeys())),
        topics=tuple(_topic(key, topic) for key, topic in (keys.topics or {}).items()),
        gazetteer=gazetteer,
        places=_places(keys.places, gazetteer),
        sources=sources,
    )


def _storage(url: str, folder: Path) -> str:
    """SQLite's path made absolute; PostgreSQL's address as it is."""
    kind, _, file = url.partition(":///")
    return f"sqlite:///{folder / file}" if kind == "sqlite" else url


def _fetch(keys: FetchKeys) -> FetchSettings:
    values = dict(keys)
    values["allow_private"] = tuple(keys.allow_private)
    return FetchSettings(**values | _intervals(keys))


def _intervals(keys: FetchKeys) -> dict[str, timedelta]:
    """The bounds and, between them, the start; what nobody wrote makes room."""
    start, least, most = keys.interval, keys.min_interval, keys.max_interval
    written = keys.model_fields_set
    if "interval" not in written:
        start = max(start, least) if "min_interval" in written else start
        start = min(start, most) if "max_interval" in written else start
    if "min_interval" not in written:
        least = min(least, start)
    if "max_interval" not in written:
        most = max(most, start)
    return {"interval": start, "min_interval": least, "max_interval": most}


def _publish(keys: PublishKeys, sources: Sequence[Source]) -> PublishSettings:
    hubs = tuple(dict.fromkeys(keys.hubs))
    profiles = tuple(
        _profile(key, profile, keys, sources) for key, profile in keys.profiles.items()
    )
    return PublishSettings(**dict(keys) | {"hubs": hubs, "profiles": profiles})


def _profile(
    key: str, keys: ProfileKeys, publish: PublishKeys, sources: Sequence[Source]
) -> Profile:
    """A profile complete, its sources by id."""
    only, without = _named(keys.sources, sources), _named(keys.not_sources, sources)
    max_age = keys.max_age or publish.max_age
    if keys.dialect == "yandex":
        max_age = min(max_age, YANDEX_MAX_AGE)
    return Profile(
        key=key,
        dialect=keys.dialect,
        title=keys.title,
        topics=tuple(keys.topics),
        places=tuple(keys.places),
        sources=tuple(
            source.id
            for source in sources
            if source.id not in without and (source.id in only or not keys.sources)
        ),
        content=keys.content,
        max_entries=keys.max_entries,
        max_age=max_age,
        genre=keys.genre or "message",
    )


def _named(names: Sequence[str], sources: Sequence[Source]) -> set[str]:
    """Ids of the sources that are meant, by id or by address."""
    wanted = {*names, *map(source_address, names)}
    return {
        source.id
        for source in sources
        if source.id in wanted or source_address(source.url) in wanted
    }


def _serve(keys: ServeKeys | None) -> ServeSettings | None:
    return None if keys is None else ServeSettings(**dict(keys))


def _topic(key: str, keys: TopicKeys) -> Topic:
    positions = keys.positions
    return Topic(
        key=key,
        title=keys.title,
        threshold=keys.threshold,
        words=tuple(map(_term, keys.words)),
        excluded=tuple(map(_term, keys.not_)),
        categories=tuple(keys.categories),
        positions=None
        if positions is None
        else (positions[0], positions[1], positions[2]),
        title_gate=keys.title_gate,
        event_frame=keys.event_frame,
    )


def _term(keys: TermKeys) -> Term:
    """The term; of a group ``written`` is what makes it one, without its weight."""
    kind, members = keys.group
    written = keys.term or f"{{{kind}: [{', '.join(members)}]}}"
    return Term(
        written=written,
        kind=kind,
        members=tuple(members),
        none=tuple(keys.none),
        weight=keys.weight,
        field=keys.field,
        gap=keys.gap,
        veto=isinstance(keys, ExcludedTermKeys) and keys.veto,
    )


def _places(keys: PlacesKeys | None, gazetteer: tuple[Place, ...]) -> tuple[Place, ...]:
    by_key = {place.key: place for place in gazetteer}
    return tuple(by_key[key] for key in dict.fromkeys(keys.documents if keys else ()))


def _source(
    keys: SourceKeys,
    order: int,
    site: Site,
    fetch: FetchSettings,
    publish: PublishKeys,
) -> Source:
    """A source complete: what it does not say comes from its section."""
    return Source(
        id=keys.id or source_address(keys.url),
        url=keys.url,
        name=keys.name or _host_name(keys.url),
        order=order,
        topics=tuple(dict.fromkeys(keys.topics)),
        interval=keys.interval or fetch.interval,
        min_interval=keys.interval or fetch.min_interval,
        max_interval=keys.interval or fetch.max_interval,
        timezone=keys.timezone or site.timezone,
        encoding=keys.encoding,
        content=keys.content or publish.content,
        rights=keys.rights,
        max_bytes=keys.max_bytes or fetch.max_bytes,
        enabled=keys.enabled,
        kind=keys.kind,
        page=None if keys.page is None else PageSelectors(**dict(keys.page)),
        withdrawals=keys.withdrawals == "follow",
    )


def _host_name(url: str) -> str:
    """The host as it was written, without ``www.``: a name until there is a better."""
    return (urlsplit(url).hostname or url).removeprefix("www.")
