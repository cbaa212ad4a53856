"""feeds.yaml -> frozen Config; every fault at once, with its place in the file.

``yaml_nodes`` reads text, ``keys`` says what may stand in it, ``values`` and
``addresses`` read single values, ``checks`` looks at what lies between keys, and
``faults`` says what is wrong. docs/feeds-yaml.md is the operator's page.
"""

from aggregator.config.load import json_schema, load_config
from aggregator.config.settings import (
    Config,
    FetchSettings,
    Keep,
    PublishSettings,
    ServeSettings,
    Site,
)

__all__ = [
    "Config",
    "FetchSettings",
    "Keep",
    "PublishSettings",
    "ServeSettings",
    "Site",
    "json_schema",
    "load_config",
]
