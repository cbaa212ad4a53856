"""The keys of feeds.yaml: their types, defaults and meaning. JSON Schema comes from here.

Defaults stand as an operator would write them (``15m``), so that the schema and
docs/feeds-yaml.md show the same.
"""

from datetime import timedelta
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from aggregator.config import addresses, terms, values
from aggregator.config.settings import Dialect
from aggregator.config.values import duration, number, whole, written
from aggregator.model import SourceKind

#: Other files of the output folder, now and to come, are named so.
RESERVED_TOPICS = frozenset(
    {"feed", "index", "status", "sources", "feeds"}
    | {"sitemap", "robots", "embed", "archive", "site"}
)
WEB = r"[hH][tT][tT][pP][sS]?://\S+"
STORAGE = r"sqlite:///[^?]+|postgresql://[^\s/]*/\S+"

Line = Annotated[str, values.written(values.one_line)]
TopicKey = Annotated[str, written(values.topic_key, values.TOPIC_KEY)]
ProfileKey = Annotated[str, written(values.profile_key, values.TOPIC_KEY)]
TermText = Annotated[str, written(terms.term)]
Terms = list[TermText]
Url = Annotated[str, written(addresses.web_address, WEB)]
SiteUrl = Annotated[str, written(addresses.site_address, r"https?://[^\s?#]+/")]
Duration = Annotated[timedelta, duration()]
DurationOrZero = Annotated[timedelta, duration(timedelta(0))]
Size = Annotated[int, written(values.parse_size, values.SIZE)]
Zone = Annotated[str, written(values.timezone)]
Selector = Annotated[str, written(values.selector)]
Content = Literal["title", "summary", "full"]


def _default(as_written: object, description: str) -> Any:
    return Field(as_written, validate_default=True, description=description)


def _required(description: str) -> Any:
    return Field(description=description)


class Keys(BaseModel):
    """A mapping whose unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SiteKeys(Keys):
    """Who publishes."""

    title: Line = _required("Title of the site, its page and its feeds.")
    url: SiteUrl = _required('Public address of the output folder; ends in "/".')
    language: Annotated[str, written(values.language, values.LANGUAGE)] = _default(
        "ru", "Language of the documents (BCP 47)."
    )
    timezone: Zone = _default(
        "Europe/Moscow", "Zone of the site, and of dates that carry none (IANA name)."
    )
    author: Line | None = _default(None, "Author of the feeds.")
    contact: Annotated[str, written(addresses.contact)] | None = _default(
        None, "E-mail or web address, told to the servers we poll."
    )


class KeepKeys(Keys):
    """How long entries are stored."""

    unpublished: Duration = _default("90d", "Entries that no document ever carried.")
    published: Annotated[
        timedelta | None, written(values.forever, rf"{values.DURATION}|forever")
    ] = _default("forever", "Entries that were published: a duration or forever.")


class FetchKeys(Keys):
    """How sources are polled."""

    interval: Duration = _default(
        "15m", "Between two polls of a source, until its own pace is known."
    )
    min_interval: Duration = _default(
        "5m", "Shortest that adapting comes to; at most interval."
    )
    max_interval: Duration = _default(
        "6h", "Longest that adapting comes to; at least interval."
    )
    timeout: Duration = _default("30s", "The whole fetch: look-up, redirects, body.")
    max_bytes: Size = _default("10MB", "Largest document, before and after inflating.")
    concurrency: Annotated[int, whole(1, 1000)] = _default(64, "Fetches at once.")
    per_host: Annotated[int, whole(1, 100)] = _default(2, "Fetches at once and host.")
    gap: DurationOrZero = _default(
        "1s", "Between two starts at one registrable domain; 0s: none."
    )
    allow_private: list[
        Annotated[IPv4Network | IPv6Network, written(addresses.network)]
    ] = _default([], "Networks that may be contacted besides public addresses.")


class ProfileKeys(Keys):
    """A document of a partner's own, in its dialect."""

    dialect: Dialect = _required(
        "atom, rss and json: as our own feeds; yandex: Yandex's RSS, with full texts."
    )
    title: Line | None = _default(
        None, "Title of the document; the site's when absent."
    )
    topics: list[TopicKey] = _default([], "Keys of topics of which one is asked for.")
    places: list[Line] = _default([], "Keys of places of which one is asked for.")
    sources: list[Line] = _default(
        [], "Ids or addresses of the only sources; by the story's lead."
    )
    not_sources: list[Line] = _default([], "Ids or addresses of sources to leave out.")
    content: Content | None = _default(
        None, "The most of an entry that is given; never more than its source allows."
    )
    max_entries: Annotated[int, whole(1, 10_000)] = _default(50, "Entries at most.")
    max_age: Duration | None = _default(
        None, "Instead of publish.max_age; for yandex 8d at most, and so when absent."
    )
    genre: Literal["lenta", "message", "article", "interview"] | None = _default(
        None, "Only for yandex: what every entry is; message when absent."
    )


class PublishKeys(Keys):
    """What documents hold."""

    max_entries: Annotated[int, whole(1, 10_000)] = _default(100, "Entries a document.")
    max_age: Duration = _default("30d", "Older stories leave the documents.")
    content: Content = _default("summary", "How much of an entry is republished.")
    summary_length: Annotated[int, whole(1, 100_000)] = _default(
        400, "Characters of a summary, cut at a sentence."
    )
    first_sight: Annotated[
        timedelta | Literal["all", "none"],
        written(values.first_sight, rf"{values.DURATION}|all|none"),
    ] = _default("48h", "How far back a new source publishes: a duration, all or none.")
    source_share: Annotated[
        Fraction,
        values.Written(
            values.share,
            {
                "anyOf": [
                    {"type": "string", "pattern": r"^\s*[0-9]+(/[0-9]+)?\s*$"},
                    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                ]
            },
        ),
    ] = _default("1/3", "Part of a document that one source may fill.")
    interval: Duration = _default("60s", "Least time between two renderings.")
    ads: Literal["drop", "label"] = _default(
        "drop", "Advertising: left out, or published and labelled."
    )
    hubs: list[Annotated[str, written(addresses.link_address, WEB)]] = _default(
        [], "WebSub hubs that deliver the documents and are told when one changes."
    )
    page_images: bool = _default(
        False, "true: pages show pictures, from the sources' servers."
    )
    profiles: dict[ProfileKey, ProfileKeys] = _default(
        {}, "Documents of partners' own, by key."
    )


class ServeKeys(Keys):
    """The built-in web server."""

    host: Annotated[str, written(addresses.bind_host)] = _default(
        "127.0.0.1", "Address to listen on."
    )
    port: Annotated[int, whole(1, 65_535)] = _default(8080, "Port to listen on.")
    metrics: (
        Annotated[tuple[str, int], written(addresses.listen_address, addresses.LISTEN)]
        | None
    ) = _default(
        None, "HOST:PORT where Prometheus finds metrics, apart from the documents."
    )
    public_url: SiteUrl | None = _default(
        None,
        'Address at which the web reaches this server; ends in "/". None: no WebSub.',
    )


class DedupKeys(Keys):
    """When entries are one story."""

    level: Literal["story", "copy", "none"] = _default(
        "story", "Reports of one happening are one story, copies alone, or nothing is."
    )
    window: Duration = _default(
        "72h", "How far apart, by their dates, entries of one story may be."
    )


class AlertKeys(Keys):
    """When somebody is told that a source needs a look."""

    after: Duration = _default("24h", "How long a source may fail before an alert.")
    webhook: Annotated[str, written(addresses.webhook, WEB, writeOnly=True)] | None = (
        _default(None, "Address that is told of every opening and closing; a secret.")
    )


class TermKeys(Keys):
    """A word of a topic, or a group of words: one of ``term``, ``all`` and ``any``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("term", "all", "any")]
        }
    )

    term: TermText | None = _default(
        None, "театр (any form), выстав* (beginning), =МХАТ (this form), or a phrase."
    )
    all: Terms | None = _default(None, "Terms that stand together in one sentence.")
    any: Terms | None = _default(None, "Terms of which one suffices; counts once.")
    none: Terms = _default([], "Terms that must not stand in the same sentence.")
    weight: Annotated[float, number(0, 1_000, above=True)] = _default(
        1, "What a match adds to the sum; under not: what it takes off."
    )
    field: Literal["any", "title", "text", "category"] = _default(
        "any", "Where the term is looked for."
    )
    gap: Annotated[int, whole(0, 20)] = _default(
        2, "Most words between two words of a phrase."
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        written = [key for key in ("term", "all", "any") if getattr(self, key)]
        if len(written) != 1:
            found = " and ".join(written) or "none of them"
            raise values.expected("one of term, all and any", found=found)
        return self

    @property
    def group(self) -> tuple[Literal["term", "all", "any"], list[str]]:
        """What kind of term this is, and the terms in it; none in a single term."""
        if self.all:
            return "all", self.all
        return ("any", self.any) if self.any else ("term", [])


class ExcludedTermKeys(TermKeys):
    """A word that speaks against a topic."""

    veto: bool = _default(False, "true: the topic is not given, whatever the sum.")


def _term_mapping(value: object) -> object:
    return {"term": value} if isinstance(value, str) else value


WordTerm = Annotated[
    TermKeys, BeforeValidator(_term_mapping, json_schema_input_type=TermText | TermKeys)
]
ExcludedTerm = Annotated[
    ExcludedTermKeys,
    BeforeValidator(_term_mapping, json_schema_input_type=TermText | ExcludedTermKeys),
]


class TopicKeys(Keys):
    """When an entry gets a topic."""

    title: Line = _required("Title of the topic, for readers.")
    threshold: Annotated[float, number(0, 1_000, above=True)] = _default(
        3, "The sum of weights that gives the topic."
    )
    words: list[WordTerm] = _default([], "Terms that speak for the topic.")
    not_: list[ExcludedTerm] = Field(
        [], alias="not", description="Terms that speak against it."
    )
    categories: list[Annotated[str, written(terms.category)]] = _default(
        [], "Categories of sources that give the topic; Афиша* is a beginning."
    )
    positions: (
        Annotated[
            list[Annotated[float, number(0, 10)]], Field(min_length=3, max_length=3)
        ]
        | None
    ) = _default(None, "Weights of a text's beginning, middle and rest.")
    title_gate: bool | None = _default(
        None, "true: without a match in the title, the beginning needs two words."
    )
    event_frame: bool = _default(
        False, "true: a public happening and a date in one sentence give the topic."
    )


class PlaceKeys(Keys):
    """A place of a gazetteer: the names by which texts mention it."""

    title: Line = _required("Title of the place, for readers.")
    names: list[Annotated[str, written(terms.name)]] = _default(
        [], "Names that mean this place alone; forms are made, or parted by /."
    )
    unsure: list[Annotated[str, written(terms.name)]] = _default(
        [], "Names of other things too: they count after станица, село, в …"
    )
    adjectives: list[Annotated[str, written(terms.adjective)]] = _default(
        [], "сочинский: in any form, also with a small letter."
    )
    district: Annotated[str, written(terms.adjective)] | None = _default(
        None, "Туапсинский: counts before район and муниципальный округ."
    )


PlaceFile = dict[TopicKey, PlaceKeys]


class PlacesKeys(Keys):
    """Places: which file names them, and which of them have documents."""

    gazetteer: Annotated[str, written(values.folder)] | None = _default(
        None, "File of places; none: the municipalities of Krasnodar Krai."
    )
    documents: list[Line] = _default(
        [], "Keys of places that get documents of their own, as topics do."
    )


def _places_mapping(value: object) -> object:
    return {"documents": value} if isinstance(value, list) else value


PlacesItem = Annotated[
    PlacesKeys,
    BeforeValidator(_places_mapping, json_schema_input_type=list[Line] | PlacesKeys),
]


class PageKeys(Keys):
    """Where the entries of a page stand: CSS selectors, inside an item all but item."""

    item: Selector = _required("One for each entry.")
    title: Selector = _required("The entry's title; an item without it is no entry.")
    link: Selector | None = _default(None, "The entry's link; none: the first in it.")
    date: Selector | None = _default(None, "When it was published.")
    date_format: Annotated[str, written(values.date_format)] | None = _default(
        None, "How date is written, as for strptime: %d.%m.%Y; none: recognised."
    )
    summary: Selector | None = _default(None, "The entry's lead.")
    image: Selector | None = _default(None, "The entry's picture.")


class SourceKeys(Keys):
    """One feed, sitemap or page that is polled."""

    url: Url = _required("Address of the feed, the sitemap or the page.")
    id: Annotated[str, written(values.source_id)] | None = _default(
        None, "Lasting name of the source; made from url when absent."
    )
    name: Line | None = _default(None, "Name for readers; the host when absent.")
    kind: SourceKind = _default(
        "feed", "RSS, Atom or JSON Feed; a sitemap; a page without a feed."
    )
    page: PageKeys | None = _default(None, "Only for kind: page: its selectors.")
    topics: list[TopicKey] = _default([], "Topics given to every entry.")
    interval: Duration | None = _default(
        None, "Fixed, instead of adapting from fetch.interval."
    )
    timezone: Zone | None = _default(None, "Instead of site.timezone.")
    encoding: Annotated[str, written(values.encoding)] | None = _default(
        None, "Encoding of the document, when it says a wrong one."
    )
    content: Content | None = _default(None, "Instead of publish.content.")
    rights: Line | None = _default(None, "Rights statement for the source's entries.")
    max_bytes: Size | None = _default(None, "Instead of fetch.max_bytes.")
    enabled: bool = _default(True, "false: not polled; what it published stays.")
    withdrawals: Literal["follow", "ignore"] = _default(
        "follow", "Whether entries that the source takes back are withdrawn."
    )


def _source_mapping(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


SourceItem = Annotated[
    SourceKeys,
    BeforeValidator(_source_mapping, json_schema_input_type=Url | SourceKeys),
]


class FileKeys(Keys):
    """The whole file; a section without anything below it counts as absent."""

    site: SiteKeys = _required("Who publishes.")
    storage: Annotated[str, written(addresses.storage, STORAGE)] = _default(
        "sqlite:///var/aggregator.db", "The store, of SQLite or PostgreSQL."
    )
    output: Annotated[str, written(addresses.output)] = _default(
        "output", "Folder of the published documents, or s3://bucket/prefix."
    )
    keep: KeepKeys | None = _default(None, "How long entries are stored.")
    fetch: FetchKeys | None = _default(None, "How sources are polled.")
    publish: PublishKeys | None = _default(None, "What documents hold.")
    serve: ServeKeys | None = _default(
        None, "The built-in web server; run serves only when this is set."
    )
    alerts: AlertKeys | None = _default(
        None, "When somebody is told that a source needs a look."
    )
    dedup: DedupKeys | None = _default(None, "When entries are one story.")
    topics: dict[TopicKey, TopicKeys] | None = _default(None, "Topics and their rules.")
    places: PlacesItem | None = _default(
        None, "Keys of places with documents of their own, or a mapping."
    )
    sources: Annotated[list[SourceItem], Field(min_length=1)] = _required(
        "What is polled: addresses, or mappings with more keys."
    )
