"""What the sample sources say, dated relative to a moment that is passed in.

One TOML file a source in ``sources/``. Texts are paragraphs parted by an empty line;
``{day+3}`` stands for the date three days after that moment («28 ноября») and
``{weekday+3}`` for its day of the week with its preposition («в субботу»), so that
announcements are still ahead whenever the demo is started.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

#: The zone of the sources' dates and of the days named in their texts.
ZONE = ZoneInfo("Europe/Moscow")

_MONTHS = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
]
_WEEKDAYS = (
    "в понедельник",
    "во вторник",
    "в среду",
    "в четверг",
    "в пятницу",
    "в субботу",
    "в воскресенье",
)
_DAY = re.compile(r"\{(day|weekday)\+(\d+)\}")

Format = Literal["rss", "atom", "rdf", "json"]
#: ``feed`` answers with one, ``broken`` with status 500, ``page`` with HTML instead.
Answer = Literal["feed", "broken", "page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEntry:
    slug: str
    title: str
    paragraphs: tuple[str, ...]
    #: Aware, in ``ZONE``, whole minutes.
    published: datetime
    #: Path below the server, with a query when a source decorates its links.
    path: str
    author: str | None = None
    categories: tuple[str, ...] = ()
    #: Markup that the source puts behind the text, as it stands (never escaped).
    markup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample source and how it answers."""

    id: str
    name: str
    about: str
    entries: tuple[SampleEntry, ...]
    format: Format = "rss"
    answer: Answer = "feed"
    encoding: str = "utf-8"
    #: False: neither HTTP nor the document names the encoding.
    declared: bool = True
    #: Links without scheme and host, as some systems write them.
    relative_links: bool = False
    #: The text stands in ``yandex:full-text``, the description holds its start alone.
    yandex: bool = False
    #: Dates end in ``MSK`` instead of ``+0300``.
    zone_name: bool = False
    #: The body is sent with Content-Encoding: gzip.
    gzip: bool = False
    #: Topics that feeds.yaml gives to all of the source's entries.
    topics: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where the feed stands below the server."""
        name = {"rss": "rss.xml", "atom": "atom.xml", "rdf": "rdf.xml"}
        return f"/{self.id}/{name.get(self.format, 'feed.json')}"

    @property
    def polled_path(self) -> str:
        """What feeds.yaml names: the feed, but for the source that gave its page."""
        return f"/{self.id}/news" if self.answer == "page" else self.path


def load_samples(now: datetime) -> tuple[Sample, ...]:
    """All sample sources, in the order of their file names; ``now`` is aware."""
    base = now.astimezone(ZONE).replace(second=0, microsecond=0)
    folder = files("aggregator.demo") / "sources"
    names = sorted(
        item.name for item in folder.iterdir() if item.name.endswith(".toml")
    )
    return tuple(
        _sample(tomllib.loads((folder / name).read_text("utf-8")), base)
        for name in names
    )


def _sample(data: dict[str, Any], base: datetime) -> Sample:
    entries = [_entry(item, data["id"], base) for item in data.pop("entries")]
    newest_first = sorted(entries, key=lambda entry: entry.published, reverse=True)
    data["topics"] = tuple(data.get("topics", ()))
    return Sample(entries=tuple(newest_first), **data)


def _entry(data: dict[str, Any], source: str, base: datetime) -> SampleEntry:
    text = _date_text(data["text"].strip(), base)
    return SampleEntry(
        slug=data["slug"],
        title=_date_text(data["title"], base),
        paragraphs=tuple(" ".join(part.split()) for part in text.split("\n\n")),
        published=base - timedelta(hours=data["hours"]),
        path=data.get("path", f"/{source}/{data['slug']}"),
        author=data.get("author"),
        categories=tuple(data.get("categories", ())),
        markup=data.get("markup", ""),
    )


def _date_text(text: str, base: datetime) -> str:
    def words(match: re.Match[str]) -> str:
        day = base + timedelta(days=int(match[2]))
        if match[1] == "weekday":
            return _WEEKDAYS[day.weekday()]
        return f"{day.day} {_MONTHS[day.month - 1]}"

    return _DAY.sub(words, text)


def shipped_topics() -> str:
    """The ``topics:`` block of the shipped feeds.yaml, as YAML.

    A copy inside the package, because an installed package has no feeds.yaml; a test
    keeps the two equal.
    """
    return (files("aggregator.demo") / "topics.yaml").read_text("utf-8")


def topics_block(feeds_yaml: str) -> str:
    """The top-level ``topics:`` block of a feeds.yaml, its comments included.

    Raises ValueError when there is none.
    """
    lines = feeds_yaml.splitlines()
    if (
        start := next(
            (i for i, line in enumerate(lines) if line.startswith("topics:")), -1
        )
    ) < 0:
        raise ValueError("no topics: at the beginning of a line")
    rest = (
        i
        for i, line in enumerate(lines)
        if i > start and line[:1] not in ("", " ", "#")
    )
    block = lines[start : next(rest, None)]
    while not block[-1] or block[-1].startswith("#"):
        block.pop()  # what stands flush left at the end belongs to the next key
    return "\n".join(block) + "\n"


def sample_config(*, sources_url: str, port: int, topics_yaml: str) -> str:
    """The text of var/demo/feeds.yaml.

    ``sources_url`` is the sample server's address, ``port`` that of the published
    documents, ``topics_yaml`` a ``topics:`` block such as ``shipped_topics()`` gives.
    """
    # Ids are given, because a source made from its address would be another source
    # as soon as the sample server got another port.
    sources = "".join(_source_yaml(sample, sources_url) for sample in _catalogue())
    return f"""\
# Written by `aggregator demo`. The other commands can use it:
#   aggregator status -c var/demo/feeds.yaml
# Its sources are samples and answer only while the demo runs.
site:
  title: Новости Кубани — пример
  url: http://127.0.0.1:{port}/
storage: sqlite:///aggregator.db
output: ../../output
fetch:
  gap: 0s                          # all samples share one address
  allow_private: [127.0.0.0/8]
serve:
  port: {port}

sources:
{sources}
{topics_yaml.strip()}
"""


def _source_yaml(sample: Sample, sources_url: str) -> str:
    url = sources_url.rstrip("/") + sample.polled_path
    lines = [
        f"  # {sample.about}",
        f"  - id: {sample.id}",
        f"    url: {url}",
        f"    name: {json.dumps(sample.name, ensure_ascii=False)}",
    ]
    if sample.topics:
        lines.append(f"    topics: [{', '.join(sample.topics)}]")
    return "\n".join(lines) + "\n"


def _catalogue() -> tuple[Sample, ...]:
    """The sources for those who need no dates."""
    return load_samples(datetime(2000, 1, 1, tzinfo=ZONE))
