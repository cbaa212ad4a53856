"""Damaged documents through the parser: no crash, no hang, no growth, nothing unclean.

    python -m benchmarks.mutations [--count N] [--seed N] [--save FOLDER] FILE-OR-FOLDER...

Each document is one of the files with a few pieces cut out, doubled, moved, replaced or
put in, or in another encoding. The same seed gives the same documents. Prints how many
ended how, the slowest, and the peak of memory; exits 1 when a law is broken.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.model import Entry, ParsedFeed, SourceError
from aggregator.parse import parse_document

URL = "https://portal.example/rss"
#: A document may take so long on an idle machine; the worker's limit is 10.
SLOW_SECONDS = 2.0
MAX_FILE = 20_000

PIECES = [
    *(b"<", b">", b"&", b"'", b'"', b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?", b"?>"),
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"\xd0", b"\x1b[31m", b"\r", b"\xc2\x85"),
    *(b"&nbsp;", b"&#0;", b"&#xD800;", b"&#x1F600;", b"&x;", b"&lt;script&gt;", b"&amp;amp;"),
    *(b"<item>", b"</item>", b"<entry>", b"</entry>", b"</channel>", b"</rss>", b"<rss>"),
    *(b"<a:b>", b"<title>", b"</title>", b"<link/>", b"<image>", b"<source>", b"<content>"),
    *(b"<yandex:related>", b"<yandex:full-text>", b"<media:group>", b'<div xml:base="/x/">'),
    *(b"<script>alert(1)</script>", b"<img src=x onerror=alert(1)>", b"<svg onload=alert(1)>"),
    *(b"javascript:alert(1)", b"data:text/html,x", b"http://10.0.0.1/", b"//", b"\\"),
    *(b'<!DOCTYPE rss [<!ENTITY x "y"><!ENTITY z SYSTEM "file:///etc/passwd">]>',),
    *(b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b'"\\ud800"', b"1e999", b"9" * 400),
    *("\u202e".encode(), "\u200b".encode(), "\ufffe".encode(), "«Рѕ».".encode(), b"????"),
]  # fmt: skip
CODECS = ("cp1251", "koi8-r", "cp866", "utf-16", "utf-32-be", "latin-1", "utf-8-sig")
CONTENT_TYPES = (
    None,
    "text/xml",
    "text/html; charset=windows-1251",
    "x; charset=utf-16",
)

_unclean = re.compile(
    r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    r"|<(?:script|style|iframe|object|embed|form|svg|math)\b|<[^>]*\son\w+=|(?:href|src)=.?\s*(?:javascript|data|vbscript):",
    re.IGNORECASE,
).search


def mutated(bodies: Sequence[bytes], seed: int) -> bytes:
    """One of ``bodies``, damaged."""
    chance = random.Random(seed)
    body = chance.choice(bodies)
    for _ in range(chance.randint(1, 6)):
        body = _damaged(body, bodies, chance)
    return body


def _damaged(body: bytes, bodies: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(body) + 1)
    end = min(len(body), start + int(chance.paretovariate(0.5)))
    before, piece, after = body[:start], body[start:end], body[end:]
    match chance.randrange(9):
        case 0:  # flipped
            return (
                before
                + bytes(each ^ 1 << chance.randrange(8) for each in piece[:9])
                + after
            )
        case 1:  # cut out
            return before + after
        case 2:  # cut off
            return before
        case 3:  # doubled
            return (
                before
                + piece * chance.randint(2, 50 if len(piece) < 1000 else 3)
                + after
            )
        case 4:  # spliced with another
            other = chance.choice(bodies)
            return before + other[chance.randrange(len(other) + 1) :]
        case 5:  # in another encoding, or encoded twice
            text = body.decode("utf-8", "replace")
            return text.encode(chance.choice(CODECS), "ignore")
        case 6:
            return body.decode("cp1251", "replace").encode()
        case _:
            return (
                before + chance.choice(PIECES) * chance.choice((1, 1, 1, 2, 20)) + after
            )


@dataclass
class Tally:
    """What came of the documents."""

    outcomes: Counter[str] = field(default_factory=Counter)
    #: (seconds, seed) of the slowest.
    slowest: list[tuple[float, int]] = field(default_factory=list)
    #: (seed, what is wrong).
    faults: list[tuple[int, str]] = field(default_factory=list)
    #: Peak memory in MB by the count of documents so far.
    memory: dict[int, int] = field(default_factory=dict)


def run(bodies: Sequence[bytes], seeds: range) -> Tally:
    tally = Tally()
    for count, seed in enumerate(seeds, 1):
        body = mutated(bodies, seed)
        started = time.perf_counter()
        found = parse_document(
            body, url=URL, content_type=CONTENT_TYPES[seed % len(CONTENT_TYPES)]
        )
        seconds = time.perf_counter() - started
        tally.slowest = sorted([*tally.slowest, (seconds, seed)])[-5:]
        tally.faults += [(seed, fault) for fault in faults(found)]
        if isinstance(found, SourceError):
            tally.outcomes[found.code] += 1
        else:
            tally.outcomes.update(["read", *(each.code for each in found.warnings)])
        if count % max(len(seeds) // 10, 1) == 0:
            tally.memory[count] = peak_megabytes()
    return tally


def faults(found: ParsedFeed | SourceError) -> Iterator[str]:
    """Which laws a result breaks."""
    if isinstance(found, SourceError):
        if found.message.startswith("The document cannot be read:"):
            yield found.message  # an exception that nobody foresaw
        return
    if len({entry.key for entry in found.entries}) < len(found.entries):
        yield "two entries with one key"
    for entry in found.entries:
        if not entry.title:
            yield "an entry without a title"
        for text in _texts(entry):
            if match := _unclean(text):
                yield f"unclean: {match[0][:80]!r}"


def _texts(entry: Entry) -> Iterator[str]:
    """What is published as markup or address."""
    addresses = [entry.link, *(each.url for each in entry.enclosures)]
    yield from filter(None, [entry.summary, entry.content, *addresses])


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def read_files(paths: Sequence[Path]) -> list[bytes]:
    """The feeds among ``paths`` and in them; long ones are left out."""
    files = [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
    ]
    return [
        file.read_bytes()
        for file in files
        if file.suffix != ".tsv" and 0 < file.stat().st_size <= MAX_FILE
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="where slow and bad ones are kept")
    options = parser.parse_args()
    bodies = read_files(options.paths)
    started = time.perf_counter()
    tally = run(bodies, range(options.seed, options.seed + options.count))
    seconds = time.perf_counter() - started
    slow = [seed for taken, seed in tally.slowest if taken > SLOW_SECONDS]
    print(f"{options.count} documents of {len(bodies)} files in {seconds:.0f} s")
    print("outcomes", dict(tally.outcomes.most_common()))
    print("slowest", [f"{taken:.2f} s, seed {seed}" for taken, seed in tally.slowest])
    print("peak memory, MB", tally.memory)
    for seed, fault in tally.faults[:50]:
        print(f"seed {seed}: {fault}")
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        for seed in {*slow, *(seed for seed, _ in tally.faults)}:
            (options.save / str(seed)).write_bytes(mutated(bodies, seed))
    return 1 if slow or tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
