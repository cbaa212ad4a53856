"""JSON Schema of the keys, as editors like it: short, flat, without pydantic's titles."""

from __future__ import annotations

from typing import Any

from aggregator.config.keys import RESERVED_TOPICS, Keys
from aggregator.config.values import TOPIC_KEY


def schema_of(keys: type[Keys]) -> dict[str, object]:
    """The schema of a mapping with these keys; raises nothing, costs 20 ms."""
    schema = keys.model_json_schema()
    _strip_titles(schema)
    publish = schema["$defs"]["PublishKeys"]["properties"]
    for named in (schema["properties"]["topics"]["anyOf"][0], publish["profiles"]):
        (value,) = named.pop("patternProperties").values()
        named["additionalProperties"] = value
        named["propertyNames"] = {
            "pattern": f"^{TOPIC_KEY}$",
            "not": {"enum": sorted(RESERVED_TOPICS)},
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "feeds.yaml",
        **schema,
    }


def _strip_titles(node: Any) -> None:
    """Takes out ``"title": "Max Bytes"``, which says what the key says.

    A *property* called title is a mapping and stays.
    """
    if isinstance(node, list):
        for item in node:
            _strip_titles(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for value in node.values():
            _strip_titles(value)
