"""Lists of feeds as other readers export them: OPML 1.0, 1.1 and 2.0.

expat alone reads them, and stops at the first entity that a file declares: nothing
expands, nothing outside is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from aggregator.errors import ConfigError, Fault

MAX_OPML_BYTES = 10_000_000  # some 40,000 feeds
MAX_DEPTH = 100
SHOWN = 80  # characters of what a fault quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFeed:
    """An outline that names a feed."""

    url: str
    #: Empty when it has none.
    title: str
    #: Names of the folders around it, and of its ``category``, in any order.
    folders: tuple[str, ...]
    #: From 1.
    line: int
    #: Why it is no feed to poll; None: it may be one.
    refused: str | None = None


@dataclass(slots=True)
class FeedList:
    feeds: list[ListedFeed] = field(default_factory=list)
    #: Names of folders that hold feeds -> line of the first one called so.
    folders: dict[str, int] = field(default_factory=dict)


def read_opml(path: Path) -> FeedList:
    """The feeds of the file, in its order; ConfigError, with the line, if it is no OPML."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_OPML_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _fault(path, f"cannot be read: {reason}") from error
    if len(raw) > MAX_OPML_BYTES:
        raise _fault(path, f"expected a file of at most {MAX_OPML_BYTES:,} bytes")
    return _Reader(path).read(raw)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = FeedList()
        #: Of the outlines that are open: the name, and whether it is a comment.
        self._around: list[tuple[str, bool]] = []
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._entity

    def read(self, raw: bytes) -> FeedList:
        try:
            self._parser.Parse(raw, True)
        except expat.ExpatError as error:
            message = f"cannot be read as XML: {expat.ErrorString(error.code)}"
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]:
                message += "; & is written &amp;"
            raise _fault(self._path, message, error.lineno, error.offset + 1) from error
        except (LookupError, ValueError) as error:  # an encoding that Python lacks
            raise _fault(self._path, f"cannot be read as XML: {error}") from error
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and name.lower() != "opml":
            raise self._here(f"expected an OPML file, found <{name[:SHOWN]}>")
        if self._depth > MAX_DEPTH:
            raise self._here(f"nested more than {MAX_DEPTH} deep")
        if name.lower() == "outline":
            # Programs write xmlUrl, xmlurl and xmlURL.
            self._outline({key.lower(): text for key, text in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name.lower() == "outline":
            self._around.pop()

    def _entity(self, name: str, *rest: object) -> None:
        raise self._here(f"expected a list of feeds, found the entity {name[:SHOWN]}")

    def _outline(self, attributes: Mapping[str, str]) -> None:
        text = _one_line(attributes.get("title") or attributes.get("text", ""))
        comment = attributes.get("iscomment", "").lower() == "true"
        comment = comment or bool(self._around and self._around[-1][1])
        url = attributes.get("xmlurl", "").strip()
        other = attributes.get("url", "").strip()
        if (url or other) and not comment:
            self._found.feeds.append(
                ListedFeed(
                    url=_web_address(url or other),
                    title=text,
                    folders=(*self._folders(), *_categories(attributes)),
                    line=self._parser.CurrentLineNumber,
                    refused=None if url else "a link, not a feed",
                )
            )
        self._around.append((text, comment))

    def _folders(self) -> list[str]:
        names = [name for name, _ in self._around if name]
        for name in names:
            self._found.folders.setdefault(name, self._parser.CurrentLineNumber)
        return names

    def _here(self, message: str) -> ConfigError:
        parser = self._parser
        return _fault(
            self._path,
            message,
            parser.CurrentLineNumber,
            parser.CurrentColumnNumber + 1,
        )


def _categories(attributes: Mapping[str, str]) -> list[str]:
    """``/culture,/news/health`` names culture and health (OPML 2.0)."""
    paths = attributes.get("category", "").split(",")
    return [name for path in paths if (name := _one_line(path.rpartition("/")[2]))]


def _web_address(url: str) -> str:
    """``feed://host/`` and ``feed:https://host/`` are what browsers once handed over."""
    return re.sub(r"^feed:(?://(?!/))?(?=https?://)|^feed:(?=//)", _scheme, url)


def _scheme(match: re.Match[str]) -> str:
    rest = match.string[match.end() :]
    return "" if rest.startswith("http") else "http:"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fault(path: Path, message: str, line: int = 0, column: int = 0) -> ConfigError:
    fault = Fault(file=str(path), line=line, column=column, key="", message=message)
    return ConfigError((fault,))
