"""feeds.yaml -> frozen Config; every fault at once, with its place in the file.

``decode`` and ``yaml_nodes`` read the file, ``keys`` says what may stand in it,
``values``, ``addresses`` and ``terms`` read single values, ``checks`` looks at what
lies between keys, ``faults`` says what is wrong, ``settings`` is what comes out. ``edit`` adds sources to the file. docs/feeds-yaml.md is the operator's page.
"""

from aggregator.config.load import (
    json_schema,
    load_config,
    read_address,
    read_config,
    read_term,
)
from aggregator.config.settings import (
    AlertSettings,
    Config,
    FetchSettings,
    Keep,
    Profile,
    PublishSettings,
    ServeSettings,
    Site,
)

__all__ = [
    "AlertSettings",
    "Config",
    "FetchSettings",
    "Keep",
    "Profile",
    "PublishSettings",
    "ServeSettings",
    "Site",
    "json_schema",
    "load_config",
    "read_address",
    "read_config",
    "read_term",
]
