"""A farm of feeds to crawl: made once a day, served by nginx on loopback.

``Plan`` says what is to be written (cheap, one process), ``build`` writes it (every
core), ``serve`` runs nginx over it. The same seed, shape and moment give the same bytes.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import cache
from html import escape
from pathlib import Path
from random import Random
from string import Template

from aggregator.demo.samples import topics_block
from benchmarks.prose import Article, Prose

HERE = Path(__file__).parent
RESULTS = HERE / "results"
#: Addresses the sources are spread over: 127.0.0.1 to 127.0.0.250.
HOSTS = 250
#: How far a copy is from its original.
COPY_SPREAD = timedelta(hours=6)
MOSCOW = timezone(timedelta(hours=3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the farm looks like; shares are of 1."""

    sources: int = 1000
    entries: int = 50
    seed: int = 2
    days: int = 30
    recent_share: float = 0.10  #: within ``recent``
    recent_hours: int = 48
    copy_share: float = 0.20
    atom_share: float = 0.10
    cp1251_share: float = 0.10

    @property
    def name(self) -> str:
        return f"farm-{self.sources}x{self.entries}-{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEntry:
    #: Seed of the article's text.
    article: int
    published: datetime
    #: What the text's days lie around: a copy names those of its original.
    about: datetime
    #: 0: the original; else the seed of the light edit that made the copy.
    edit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    number: int
    atom: bool
    encoding: str
    #: Newest first.
    entries: tuple[PlannedEntry, ...]

    @property
    def host(self) -> str:
        return f"127.0.0.{self.number % HOSTS + 1}"

    @property
    def file(self) -> str:
        return f"{self.number}.{'atom' if self.atom else 'rss'}"


def plan_farm(shape: Shape, now: datetime) -> list[PlannedSource]:
    """Every entry's text, date and source; ``now`` is aware."""
    random = Random(shape.seed)
    numbers = range(shape.sources)
    atom = set(random.sample(numbers, round(shape.sources * shape.atom_share)))
    rss = [number for number in numbers if number not in atom]
    cp1251 = set(random.sample(rss, round(shape.sources * shape.cp1251_share)))
    entries = _plan_entries(shape, random, now)
    return [
        PlannedSource(
            number=number,
            atom=number in atom,
            encoding="windows-1251" if number in cp1251 else "utf-8",
            entries=tuple(
                sorted(entries[number], key=lambda e: e.published, reverse=True)
            ),
        )
        for number in numbers
    ]


def _plan_entries(
    shape: Shape, random: Random, now: datetime
) -> list[list[PlannedEntry]]:
    """Originals first; then copies of them, each in another source."""
    planned: list[list[PlannedEntry]] = [[] for _ in range(shape.sources)]
    copies = round(shape.entries * shape.copy_share) if shape.sources > 1 else 0
    originals: list[tuple[int, PlannedEntry]] = []
    for number in range(shape.sources):
        for index in range(shape.entries - copies):
            article = 1 + number * shape.entries + index
            moment = _moment(shape, random, now)
            entry = PlannedEntry(article=article, published=moment, about=moment)
            originals.append((number, entry))
            planned[number].append(entry)
    for number in range(shape.sources):
        for index in range(copies):
            source, original = random.choice(originals)
            while source == number:
                source, original = random.choice(originals)
            offset = random.uniform(-1, 1) * COPY_SPREAD
            published = min(original.published + offset, now - timedelta(minutes=1))
            edit = 1 + number * shape.entries + index
            planned[number].append(replace(original, published=published, edit=edit))
    return planned


def _moment(shape: Shape, random: Random, now: datetime) -> datetime:
    recent = shape.recent_hours * 3600
    if random.random() < shape.recent_share:
        age = random.uniform(60, recent)
    else:
        age = random.uniform(recent, shape.days * 86400)
    return (now - timedelta(seconds=age)).replace(microsecond=0)


# --- text ---------------------------------------------------------------------


@cache
def _prose(seed: int) -> Prose:
    return Prose(seed)  # once a process: its pools cost some seconds


def write_article(planned: PlannedEntry, seed: int) -> Article:
    article = _prose(seed).article(planned.article, planned.about)
    return _edited(article, Random(-planned.edit)) if planned.edit else article


def _edited(article: Article, random: Random) -> Article:
    """A light edit, as a newsroom makes one: half keep the title."""
    paragraphs = list(article.paragraphs)
    match random.randrange(4):
        case 0:  # reprinted as it is
            pass
        case 1:  # words changed
            index = random.randrange(len(paragraphs))
            parts = paragraphs[index].split(" ")
            for _ in range(3):
                parts[random.randrange(len(parts))] = random.choice(
                    ("также", "теперь", "вчера")
                )
            paragraphs[index] = " ".join(parts)
        case 2:  # cut at the end
            paragraphs.pop()
        case _:  # source named in front
            paragraphs[0] = f"Как сообщает пресс-служба, {paragraphs[0]}"
    title = article.title
    if random.random() < 0.5:
        first = paragraphs[0].split(". ")[0].split(" ")
        title = " ".join(first[:9]).rstrip(".,:")
    return Article(title, article.domain, tuple(paragraphs))


# --- documents ----------------------------------------------------------------


def render(source: PlannedSource, seed: int) -> bytes:
    """The source's document, in its format and encoding."""
    write = _atom if source.atom else _rss
    return write(source, seed).encode(source.encoding, "xmlcharrefreplace")


def _rss(source: PlannedSource, seed: int) -> str:
    items = "".join(_rss_item(source, entry, seed) for entry in source.entries)
    return f"""<?xml version="1.0" encoding="{source.encoding}"?>
<rss version="2.0"><channel>
<title>Источник {source.number}</title>
<link>http://{source.host}/{source.number}/</link>
<description>Новости источника {source.number}</description>
<language>ru</language>
{items}</channel></rss>
"""


def _rss_item(source: PlannedSource, entry: PlannedEntry, seed: int) -> str:
    article, link = write_article(entry, seed), _link(source, entry)
    date = format_datetime(entry.published.astimezone(MOSCOW))
    return f"""<item>
<title>{escape(article.title)}</title>
<link>{link}</link>
<guid>{link}</guid>
<pubDate>{date}</pubDate>
<description><![CDATA[{_html(article)}]]></description>
</item>
"""


def _atom(source: PlannedSource, seed: int) -> str:
    entries = "".join(_atom_entry(source, entry, seed) for entry in source.entries)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ru">
<id>http://{source.host}/{source.number}/</id>
<title>Источник {source.number}</title>
<link rel="alternate" href="http://{source.host}/{source.number}/"/>
<updated>{source.entries[0].published.isoformat()}</updated>
<author><name>Редакция</name></author>
{entries}</feed>
"""


def _atom_entry(source: PlannedSource, entry: PlannedEntry, seed: int) -> str:
    article, link = write_article(entry, seed), _link(source, entry)
    date = entry.published.isoformat()
    return f"""<entry>
<id>{link}</id>
<title>{escape(article.title)}</title>
<link rel="alternate" href="{link}"/>
<published>{date}</published>
<updated>{date}</updated>
<content type="html">{escape(_html(article), quote=False)}</content>
</entry>
"""


def _link(source: PlannedSource, entry: PlannedEntry) -> str:
    # No port: the entry is the same whatever port the farm is served on.
    return f"http://{source.host}/{source.number}/{entry.article}-{entry.edit}"


def _html(article: Article) -> str:
    return "".join(f"<p>{part}</p>\n" for part in article.paragraphs)


# --- folder -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """A farm in its folder; documents lie in ``www``."""

    shape: Shape
    folder: Path
    now: datetime
    sources: Sequence[PlannedSource]

    @property
    def www(self) -> Path:
        return self.folder / "www"

    def size(self) -> int:
        """Bytes of all documents."""
        return sum(path.stat().st_size for path in self.www.iterdir())

    def view(self, folder: Path) -> Farm:
        """The same farm in another folder, by links: to be changed without a trace here."""
        view = replace(self, folder=folder)
        view.www.mkdir(parents=True)
        for source in self.sources:
            (view.www / source.file).symlink_to(self.www / source.file)
        return view

    def publish_news(self, share: float, entries: int, now: datetime) -> list[Path]:
        """Rewrites that share of the sources with so many new entries each, dated now.

        Each document keeps its length: the oldest entries fall out, as they do in life.
        """
        random = Random(self.shape.seed + 1)
        chosen = random.sample(self.sources, max(1, round(len(self.sources) * share)))
        return [self._rewrite(source, entries, now) for source in chosen]

    def _rewrite(self, source: PlannedSource, entries: int, now: datetime) -> Path:
        first = 1 + self.shape.sources * self.shape.entries + source.number * entries
        now = now.replace(microsecond=0)
        news = tuple(
            PlannedEntry(
                article=first + index,
                published=now - timedelta(minutes=1 + index),
                about=now,
            )
            for index in range(entries)
        )
        kept = source.entries[: len(source.entries) - entries]
        path = self.www / source.file
        body = render(replace(source, entries=news + kept), self.shape.seed)
        path.unlink()  # it may be a link to the farm that others use
        path.write_bytes(body)
        return path


def build_farm(shape: Shape, now: datetime, cache_folder: Path = RESULTS) -> Farm:
    """The farm of that shape made on the day of ``now``, from the cache if it is there."""
    folder = cache_folder / f"{shape.name}-{now:%Y%m%d}"
    made = folder / "made.json"
    if made.is_file():
        made_at = json.loads(made.read_text("utf-8"))["now"]
        now = datetime.fromisoformat(made_at)
        return Farm(shape=shape, folder=folder, now=now, sources=plan_farm(shape, now))
    for old in cache_folder.glob(f"{shape.name}-*"):
        shutil.rmtree(old)  # another day's, or one that was not finished
    farm = Farm(shape=shape, folder=folder, now=now, sources=plan_farm(shape, now))
    farm.www.mkdir(parents=True)
    _write_all(farm)
    made.write_text(json.dumps({"now": now.isoformat(), **asdict(shape)}), "utf-8")
    return farm


def _write_all(farm: Farm) -> None:
    cores = len(os.sched_getaffinity(0))
    if len(farm.sources) < 100:
        _write_some(farm, 0, 1)
        return
    with ProcessPoolExecutor(cores) as pool:
        for done in [
            pool.submit(_write_some, farm, start, cores) for start in range(cores)
        ]:
            done.result()


def _write_some(farm: Farm, start: int, step: int) -> None:
    stamp = farm.now.timestamp()
    for source in farm.sources[start::step]:
        path = farm.www / source.file
        path.write_bytes(render(source, farm.shape.seed))
        os.utime(path, (stamp, stamp))


def feeds_yaml(farm: Farm, port: int) -> str:
    """A configuration that polls the farm; database and output beside it."""
    shipped = (HERE.parent / "feeds.yaml").read_text("utf-8")
    sources = "".join(
        f"  - http://{source.host}:{port}/{source.file}\n" for source in farm.sources
    )
    return f"""\
site: {{title: Ферма, url: "http://127.0.0.1/"}}
storage: sqlite:///aggregator.db
output: output
fetch: {{gap: 0s, allow_private: [127.0.0.0/8]}}
sources:
{sources}
{topics_block(shipped)}"""


# --- server -------------------------------------------------------------------


def free_port() -> int:
    """A port that is free on every address now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def nginx_config(farm: Farm, folder: Path, port: int) -> str:
    hosts = sorted({source.number % HOSTS + 1 for source in farm.sources})
    # As root nginx gives its worker to "nobody", who may not read these folders.
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    return Template((HERE / "nginx.conf").read_text("utf-8")).substitute(
        folder=folder,
        www=farm.www,
        user=user,
        listen="\n".join(
            f"        listen 127.0.0.{host}:{port} backlog=1024;" for host in hosts
        ),
    )


@contextmanager
def serve(farm: Farm, folder: Path, port: int) -> Iterator[int]:
    """nginx over the farm as a child; gives its process id. Raises SystemExit without it."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise SystemExit("nginx is missing: apt-get install nginx-light")
    config = folder / "nginx.conf"
    config.write_text(nginx_config(farm, folder, port), "utf-8")
    errors = folder / "error.log"
    command = [program, "-e", str(errors), "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            _wait_until_it_answers(child, farm.sources[0].host, port)
            yield child.pid
        finally:
            child.terminate()


def _wait_until_it_answers(child: subprocess.Popen[str], host: str, port: int) -> None:
    for _ in range(500):
        if child.poll() is not None:
            said = child.stderr.read() if child.stderr else ""
            raise SystemExit(f"nginx ended with {child.returncode}: {said}")
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("nginx does not answer")


def utc_now() -> datetime:
    return datetime.now(UTC)
