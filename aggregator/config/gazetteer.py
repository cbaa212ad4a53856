"""The file of places: the shipped one, or the operator's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aggregator.config.decode import read_file
from aggregator.config.faults import faults_of, names_of
from aggregator.config.keys import RESERVED_TOPICS, PlaceFile, PlaceKeys
from aggregator.config.yaml_nodes import Document, read_yaml
from aggregator.errors import ConfigError, Fault
from aggregator.model import Place

#: The municipalities of Krasnodar Krai.
SHIPPED = Path(__file__).with_name("places.yaml")


def load_places(path: Path) -> tuple[Place, ...]:
    """The places of a gazetteer; raises ConfigError with all its faults, by line."""
    if path == SHIPPED:
        return _shipped()
    return _read(path)


@cache  # 10 ms, and the file does not change while the program runs
def _shipped() -> tuple[Place, ...]:
    return _read(SHIPPED)


def _read(path: Path) -> tuple[Place, ...]:
    document = read_yaml(read_file(path), str(path))
    data = {} if document.data is None else document.data
    faults = list(document.faults)
    keys: Mapping[str, PlaceKeys] = {}
    try:
        keys = TypeAdapter(PlaceFile).validate_python(data)
    except ValidationError as error:
        faults += faults_of(error, document, lambda path: names_of(PlaceKeys))
    if isinstance(data, dict):
        faults += _reserved(document, data)
        faults += _named_twice(document, data)
    if faults:
        raise ConfigError(tuple(sorted(faults, key=lambda f: (f.line, f.column))))
    return tuple(
        Place(
            key=key,
            title=place.title,
            names=tuple(place.names),
            unsure=tuple(place.unsure),
            adjectives=tuple(place.adjectives),
            district=place.district,
        )
        for key, place in keys.items()
    )


def _reserved(document: Document, data: Mapping[str, Any]) -> Iterator[Fault]:
    for key in data:
        if key in RESERVED_TOPICS:
            message = f"expected another key, {key} names a file of the output folder"
            yield document.fault((key,), message, at_key=True)


def _named_twice(document: Document, data: Mapping[str, Any]) -> Iterator[Fault]:
    """A name that two places have would always mean the first."""
    first: dict[str, str] = {}
    for key, place in data.items():
        for part in ("names", "unsure", "adjectives"):
            names = place.get(part) if isinstance(place, dict) else None
            for number, name in enumerate(names if isinstance(names, list) else ()):
                if isinstance(name, str) and first.setdefault(name, key) != key:
                    message = f"{name[:80]} is already a name of {first[name]}"
                    yield document.fault((key, part, number), message)
