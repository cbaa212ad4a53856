"""Sources that come into feeds.yaml by a command: one, or a list from another reader.

The file with the new sources in it is read as any feeds.yaml before it takes the old
one's place; what is written there already is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aggregator.config import Config, read_address, read_config
from aggregator.config.decode import read_file
from aggregator.config.edit import NewSource, replace_file, with_sources
from aggregator.config.yaml_nodes import Document, read_yaml
from aggregator.errors import ConfigError, Fault
from aggregator.links import source_address
from aggregator.model import DocumentRead, Fetched, Source, SourceError, Topic
from aggregator.opml import ListedFeed, read_opml
from aggregator.pipeline import Poll

#: Polls one source as if for the first time.
Probe = Callable[[Config, Source], Poll]
#: Source id -> where permanent redirects lead for long.
MovedTo = Callable[[Config], Mapping[str, str]]

#: Of a page, to look for the feeds that it names.
PAGE_BYTES = 400_000
MAX_NAME = 200  # characters of a name that a feed or a list gives
_source_number = re.compile(r"sources\.(\d+)(?:\.|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A source that is in the file."""

    id: str
    #: Its normal form.
    address: str
    line: int


class Draft:
    """feeds.yaml as it is, and as it would be with more sources."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = read_file(path)
        self._document = read_yaml(self._raw, str(path))
        self.standing = list(_standing(self._document))
        self._by_address = {each.address: each for each in reversed(self.standing)}

    def find(self, url: str, moved: Mapping[str, str] | None = None) -> Standing | None:
        """The source that an address is the same as, by the rules of identity."""
        address = source_address(url)
        found = self._by_address.get(address)
        if found is None and moved:
            there = {source_address(new): id_ for id_, new in moved.items()}
            ids = {each.id: each for each in self.standing}
            found = ids.get(there.get(address, ""))
        return found

    def with_(self, new: Sequence[NewSource]) -> tuple[Config, dict[int, str]]:
        """The configuration with those that it can hold, and why not the others.

        ConfigError for faults of the file as it is.
        """
        refused: dict[int, str] = {}
        while True:
            kept = [number for number in range(len(new)) if number not in refused]
            raw = with_sources(self._raw, [new[n] for n in kept], str(self.path))
            try:
                return read_config(self.path, raw), refused
            except ConfigError as error:
                others = []
                for fault in error.faults:
                    match = _source_number.match(fault.key)
                    number = int(match[1]) - len(self.standing) if match else -1
                    if number < 0:
                        others.append(fault)
                    else:
                        refused.setdefault(kept[number], fault.message)
                if others:
                    # Added lines would shift those of the faults below them.
                    read_config(self.path, self._raw)
                    raise ConfigError(tuple(others)) from error

    def save(self, new: Sequence[NewSource]) -> list[int]:
        """Writes the file with the sources; their lines."""
        after = with_sources(self._raw, new, str(self.path))
        if new:
            read_config(self.path, after)
            replace_file(self.path, self._raw, after)
        document, first = read_yaml(after, str(self.path)), len(self.standing)
        return [document.place(("sources", first + n))[0] for n in range(len(new))]


def _standing(document: Document) -> Iterable[Standing]:
    data = document.data if isinstance(document.data, dict) else {}
    sources = data.get("sources")
    for number, item in enumerate(sources if isinstance(sources, list) else ()):
        source = item if isinstance(item, dict) else {"url": item}
        address = source_address(str(source.get("url")))
        line, _ = document.place(("sources", number))
        identity = str(source.get("id") or address)
        yield Standing(id=identity, address=address, line=line)


# --- one source -------------------------------------------------------------------------


def add(
    path: Path, url: str, name: str | None, *, probe: Probe, moved_to: MovedTo
) -> dict[str, Any]:
    """Look what an address has to offer, and add the feed; what was found, as plain data.

    Of a page, the first feed that it names and that can be read. Nothing is written
    unless ``added`` says what. ConfigError when the address or the file is wrong.
    """
    url = read_address(url)
    draft = Draft(path)
    result: dict[str, Any] = {
        "added": None,
        "already": None,
        "error": None,
        "page": None,
        "proposed": [],
        "title": None,
        "entries": 0,
        "warnings": [],
    }
    if already := draft.find(url):
        return result | {"already": _already(url, already)}
    config = _fitting(draft, NewSource(url=url))
    moved = moved_to(config)
    if already := draft.find(url, moved):
        return result | {"already": _already(url, already)}
    poll = probe(config, config.sources[-1])
    if poll.error and poll.error.code == "not_a_feed:html":
        result |= {"page": url, "proposed": proposals(poll)}
        for address in result["proposed"]:
            if already := draft.find(address, moved):
                return result | {"already": _already(address, already)}
            config = _fitting(draft, NewSource(url=address))
            found = probe(config, config.sources[-1])
            if found.error is None:
                url, poll = address, found
                break
    if poll.error:
        return result | {"error": _error(poll.error)}
    if (lives := _lives_at(poll)) and (already := draft.find(lives, moved)):
        return result | {"already": _already(lives, already)}
    new = _new_source(draft, poll, name)
    config = _fitting(draft, new)
    (line,) = draft.save([new])
    return result | _found(poll) | {"added": _added(config.sources[-1], line)}


def proposals(poll: Poll) -> list[str]:
    """The addresses of feeds that a page names, in its order."""
    # Regular expressions alone read it: no parser is let loose on it in this process.
    from aggregator.parse.sniff import feed_links

    if not isinstance(poll.result, Fetched):
        return []
    page = poll.result.body[:PAGE_BYTES].decode("utf-8", "replace")
    return feed_links(page, poll.result.url)


def _fitting(draft: Draft, new: NewSource) -> Config:
    """The configuration with one source more, its last; ConfigError if it cannot be."""
    config, refused = draft.with_([new])
    if refused:
        fault = Fault(file=new.url, line=0, column=0, key="", message=refused[0])
        raise ConfigError((fault,))
    return config


def _new_source(draft: Draft, poll: Poll, name: str | None) -> NewSource:
    """Under the address where it lives for good, and the name that it gives itself."""
    title = poll.read.info.title if isinstance(poll.read, DocumentRead) else None
    name = _name(name) or _name(title)
    if lives := _lives_at(poll):
        new = NewSource(url=lives, name=name)
        if not draft.with_([new])[1]:
            return new
    return NewSource(url=poll.source.url, name=name)


def _lives_at(poll: Poll) -> str | None:
    """Where redirects lead that are all permanent."""
    return poll.result.permanent_url if isinstance(poll.result, Fetched) else None


def _already(url: str, standing: Standing) -> dict[str, Any]:
    return {"url": url, "id": standing.id, "line": standing.line}


def _added(source: Source, line: int) -> dict[str, Any]:
    return {
        "id": source.id,
        "url": source.url,
        "name": source.name,
        "topics": list(source.topics),
        "line": line,
    }


def _found(poll: Poll) -> dict[str, Any]:
    read = poll.read
    if not isinstance(read, DocumentRead):
        return {}
    return {
        "title": read.info.title,
        "entries": len(read.seen),
        "warnings": [
            {"code": warning.code, "message": warning.message}
            for warning in read.warnings
        ],
    }


def _error(error: SourceError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}


def _name(text: str | None) -> str | None:
    return " ".join(text.split())[:MAX_NAME].strip() or None if text else None


# --- a list -----------------------------------------------------------------------------


def import_opml(path: Path, file: Path) -> dict[str, Any]:
    """Add the feeds of an OPML file; what became of each, as plain data.

    Nothing is polled. A folder gives a topic when it is called like one.
    """
    listed = read_opml(file)
    draft = Draft(path)
    topics = _Topics(draft.with_([_ANY])[0].topics)
    already: list[dict[str, Any]] = []
    refused = [(feed, feed.refused) for feed in listed.feeds if feed.refused]
    taken: dict[str, ListedFeed] = {}
    folders: dict[str, list[str]] = {}
    for feed in listed.feeds:
        if feed.refused:
            continue
        if standing := draft.find(feed.url):
            lines = {"line": feed.line, "source_line": standing.line}
            already.append({"url": feed.url} | lines)
            continue
        address = source_address(feed.url)
        taken.setdefault(address, feed)
        folders.setdefault(address, []).extend(feed.folders)
    new = [
        NewSource(
            url=feed.url,
            name=None if feed.title == feed.url else _name(feed.title),
            topics=topics.named(folders[address]),
        )
        for address, feed in taken.items()
    ]
    feeds = list(taken.values())
    config, unfit = draft.with_(new) if new else (None, {})
    refused += [(feeds[number], reason) for number, reason in unfit.items()]
    fitting = [each for number, each in enumerate(new) if number not in unfit]
    lines_added = draft.save(fitting)
    sources = config.sources[-len(fitting) :] if config and fitting else ()
    return {
        "added": list(map(_added, sources, lines_added)),
        "already": already,
        "refused": [
            {"url": feed.url, "line": feed.line, "reason": reason}
            for feed, reason in sorted(refused, key=lambda pair: pair[0].line)
        ],
        "folders_ignored": [
            {"folder": name, "line": line}
            for name, line in listed.folders.items()
            if not topics.named([name])
        ],
    }


#: Lets a file be read that has no source yet.
_ANY = NewSource(url="https://example.invalid/")


class _Topics:
    """Topics as folders name them: by key or by title."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._order = [topic.key for topic in topics]
        self._keys = {
            name.casefold(): topic.key
            for topic in topics
            for name in (topic.title, topic.key)
        }

    def named(self, folders: Iterable[str]) -> tuple[str, ...]:
        """Keys, in the order of feeds.yaml."""
        found = {self._keys.get(folder.casefold()) for folder in folders}
        return tuple(key for key in self._order if key in found)
