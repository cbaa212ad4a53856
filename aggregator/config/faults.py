"""What pydantic found wrong, said to an operator: where, what was expected, what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, cast

from pydantic import ValidationError

from aggregator.config.keys import (
    AlertKeys,
    ExcludedTermKeys,
    FetchKeys,
    FileKeys,
    KeepKeys,
    Keys,
    PageKeys,
    PlacesKeys,
    ProfileKeys,
    PublishKeys,
    ServeKeys,
    SiteKeys,
    SourceKeys,
    TermKeys,
    TopicKeys,
)
from aggregator.config.yaml_nodes import Document, Path
from aggregator.errors import Fault

#: Path of a mapping -> the keys that it may have.
KnownKeys = Callable[[Path], list[str]]

SHOWN = 80  # characters of a wrong value

#: pydantic's types of error that need no look at the value.
EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}

SECTIONS: dict[str, type[Keys]] = {
    "site": SiteKeys,
    "keep": KeepKeys,
    "fetch": FetchKeys,
    "publish": PublishKeys,
    "serve": ServeKeys,
    "alerts": AlertKeys,
}


def faults_of(
    error: ValidationError, document: Document, known: KnownKeys | None = None
) -> Iterator[Fault]:
    """Every fault that validation found, at its place in the file.

    ``known`` gives the keys that a mapping may have, for another file than feeds.yaml.
    """
    for detail in error.errors(include_url=False):
        yield _fault(cast(dict[str, Any], detail), document, known or known_keys)


def _fault(detail: dict[str, Any], document: Document, known: KnownKeys) -> Fault:
    path: Path = detail["loc"]
    if path[-1:] == ("[key]",):  # a mapping's key, not its value
        return _expected(detail, document, path[:-1], at_key=True)
    match detail["type"]:
        case "missing":
            return document.fault(path, "required key is missing", at_key=True)
        case "extra_forbidden":
            return _unknown_key(document, path, known(path[:-1]))
        case "literal_error":
            return _choice(detail, document, path)
        case "too_short" | "too_long":
            return document.fault(path, _length(detail))
    # sources.3, not sources.3.url, when the source is written as its address alone.
    return _expected(detail, document, document.nearest(path))


def _expected(
    detail: dict[str, Any], document: Document, path: Path, *, at_key: bool = False
) -> Fault:
    context = detail.get("ctx", {})
    what = EXPECTED.get(detail["type"]) or context.get("expected") or detail["msg"]
    found = context.get("found") or shown(detail["input"])
    return document.fault(
        path,
        f"expected {what}, found {found}",
        at_key=at_key,
        did_you_mean=context.get("did_you_mean"),
    )


def _choice(detail: dict[str, Any], document: Document, path: Path) -> Fault:
    what = detail["ctx"]["expected"].replace("'", "")
    choices = what.replace(" or ", ", ").split(", ")
    near = get_close_matches(str(detail["input"]).lower(), choices, 1)
    return document.fault(
        path,
        f"expected {what}, found {shown(detail['input'])}",
        did_you_mean=near[0] if near else None,
    )


def _length(detail: dict[str, Any]) -> str:
    """Only the list of sources and the three positions have a length."""
    context = detail["ctx"]
    if "min_length" in context and context["min_length"] == 1:
        return "expected at least one source, found none"
    length = context.get("min_length") or context.get("max_length")
    return f"expected {length} numbers, found {context['actual_length']}"


def _unknown_key(document: Document, path: Path, known: list[str]) -> Fault:
    near = get_close_matches(str(path[-1]).lower(), known, 1)
    message = "unknown key"
    if not near and (elsewhere := _homes(str(path[-1]))):
        message += f"; it belongs under {' or '.join(elsewhere)}"
    elif not near:
        message += f"; known here: {', '.join(known)}"
    return document.fault(
        path, message, at_key=True, did_you_mean=near[0] if near else None
    )


def _homes(key: str) -> list[str]:
    return [name for name, keys in SECTIONS.items() if key in keys.model_fields]


def known_keys(path: Path) -> list[str]:
    """The keys that the mapping at ``path`` may have, in the file's words."""
    match path:
        case ("sources", _):
            keys: type[Keys] = SourceKeys
        case ("sources", _, "page"):
            keys = PageKeys
        case ("topics", _):
            keys = TopicKeys
        case ("places",):
            keys = PlacesKeys
        case ("publish", "profiles", _):
            keys = ProfileKeys
        case ("topics", _, "words", _):
            keys = TermKeys
        case ("topics", _, "not", _):
            keys = ExcludedTermKeys
        case (str(section),):
            keys = SECTIONS[section]
        case _:
            keys = FileKeys
    return names_of(keys)


def names_of(keys: type[Keys]) -> list[str]:
    """The keys as a file has them."""
    return [field.alias or name for name, field in keys.model_fields.items()]


def shown(value: object) -> str:
    """A wrong value in a message: as it was written, on one line, short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "keys with values"
        case list():
            return "a list"
        case str() if not value.strip():
            return "an empty text"
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
