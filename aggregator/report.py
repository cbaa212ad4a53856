"""What commands print for people. Everything from outside is text, never markup.

rich reads ``[…]`` in cells as markup, and terminals obey control characters: so cells
are `Text` and everything passes `_plain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator.model import DocumentRead, Fetched
from aggregator.pipeline import Poll
from aggregator.text import clean_text

#: Columns of a table that goes into a file.
WIDE = 240


def _plain(value: object) -> Text:
    return Text(" ".join(clean_text(str(value)).split()) if value is not None else "—")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    return table


def _print(*parts: object) -> None:
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE  # programs and files take long lines
    for part in parts:
        if isinstance(part, Table):
            console.print(part)
        else:
            console.print(_plain(part), soft_wrap=True)


# --- status ---------------------------------------------------------------------------


def print_status(status: Mapping[str, Any], timezone: str) -> None:
    """Open alerts, then a row a source, those in trouble first; times in the site's zone."""
    zone = ZoneInfo(timezone)
    for alert in status["alerts"]:
        _print(f"! {alert['source']} {alert['code']}: {alert['message']}")
        _print(f"→ {alert['fix']}")
    if status["alerts"]:
        _print("")
    sources = sorted(status["sources"], key=lambda row: row["state"] in ("ok", "new"))
    rows = [
        (
            row["id"],
            row["state"],
            row["entries"],
            row["entries_a_day"],
            _moment(row["last_success"], zone),
            _moment(row["next_poll"], zone),
            _trouble(row, zone) or row["next_poll_reason"],
        )
        for row in sources
    ]
    columns = (
        "source",
        "state",
        "entries",
        "a day",
        "last good poll",
        "next poll",
        "why",
    )
    _print(
        _table(columns, rows),
        f"{len(rows)} sources, {status['stories']} stories, newest {_moment(status['updated'], zone)}",
    )


def _trouble(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    error = row["error"]
    if error:
        return (
            f"{error['code']} since {_moment(error['since'], zone)}: {error['message']}"
        )
    return "; ".join(
        f"{warning['code']}: {warning['message']}" for warning in row["warnings"]
    )


def _moment(value: str | None, zone: ZoneInfo) -> str:
    if value is None:
        return "—"
    return datetime.fromisoformat(value).astimezone(zone).strftime("%Y-%m-%d %H:%M")


# --- check --probe --------------------------------------------------------------------


def probe_rows(polls: Sequence[Poll]) -> list[dict[str, Any]]:
    """What a first poll of each source found, as plain data."""
    return [_probe_row(poll) for poll in polls]


def _probe_row(poll: Poll) -> dict[str, Any]:
    error, read = poll.error, poll.read
    found = read if isinstance(read, DocumentRead) else None
    dates = [one.entry.published for one in poll.entries if one.entry.published]
    return {
        "id": poll.source.id,
        "url": poll.source.url,
        "final_url": poll.result.url if isinstance(poll.result, Fetched) else None,
        "error": {"code": error.code, "message": error.message} if error else None,
        "title": found.info.title if found else None,
        "entries": len(found.seen) if found else 0,
        "newest": max(dates).isoformat() if dates else None,
        "warnings": [
            {"code": warning.code, "message": warning.message}
            for warning in (found.warnings if found else ())
        ],
    }


def print_probe(rows: Sequence[Mapping[str, Any]], timezone: str) -> None:
    zone = ZoneInfo(timezone)
    cells = [
        (
            row["id"],
            row["error"]["code"] if row["error"] else "ok",
            row["entries"],
            _moment(row["newest"], zone),
            row["error"]["message"] if row["error"] else row["title"],
        )
        for row in rows
    ]
    _print(_table(("source", "result", "entries", "newest entry", "says"), cells))


# --- add, opml import -------------------------------------------------------------------


def print_adding(found: Mapping[str, Any], path: Path) -> None:
    """What stands at the address, and the line of feeds.yaml that it came to."""
    if found["page"]:
        named = ", ".join(found["proposed"]) or "none; kind: page reads such pages"
        _print(f"{found['page']} is a page; feeds that it names: {named}")
    if already := found["already"]:
        _print(f"{path}:{already['line']}: {already['url']} is {already['id']} already")
    elif error := found["error"]:
        _print(f"nothing was added; {error['code']}: {error['message']}")
    if added := found["added"]:
        _print(
            f"{found['title'] or 'a feed without title'}: {found['entries']} entries"
        )
        for warning in found["warnings"]:
            _print(f"{warning['code']}: {warning['message']}")
        _print(f"{path}:{added['line']}: added {added['url']} ({added['name']})")


def print_import(found: Mapping[str, Any], path: Path, file: Path) -> None:
    """What became of every feed of a list, by its lines."""
    for row in found["added"]:
        topics = f", topics: {', '.join(row['topics'])}" if row["topics"] else ""
        _print(f"{path}:{row['line']}: added {row['url']} ({row['name']}{topics})")
    for row in found["already"]:
        there = f"{path}:{row['source_line']}"
        _print(f"{file}:{row['line']}: {row['url']} is in {there} already")
    for row in found["refused"]:
        _print(f"{file}:{row['line']}: refused {row['url']}: {row['reason']}")
    for row in found["folders_ignored"]:
        _print(
            f"{file}:{row['line']}: no topic is called like the folder {row['folder']}"
        )
    counts = ", ".join(
        f"{len(found[key])} {words}"
        for key, words in (
            ("added", "added"),
            ("already", "already there"),
            ("refused", "refused"),
        )
    )
    _print(f"{counts}; aggregator check --probe says what they answer")


# --- explain --------------------------------------------------------------------------


def _origin_lines(origin: Mapping[str, str | None] | None) -> list[str]:
    if origin is None:
        return []
    named = " ".join(text for text in (origin["title"], origin["link"]) if text)
    return [f"said to come from: {named}"]


def print_explanation(report: Mapping[str, Any]) -> None:
    entry, published, story = report["entry"], report["published"], report["story"]
    _print(
        entry["title"],
        f"source: {entry['source']}",
        f"link: {entry['link']}",
        f"canonical link: {entry['canonical_link']}",
        f"id: {entry['id']}",
        f"published: {entry['published']}, first seen: {entry['first_seen']}",
        *_origin_lines(entry["origin"]),
        f"Documents: {', '.join(published['documents']) or 'none'}"
        + (f" (withheld: {published['withheld']})" if published["withheld"] else ""),
    )
    if story:
        _print(f"Story {story['id']}, updated {published['updated']}")
        rows = [
            (
                one["relation"] if place else "lead",
                one["source"],
                one["score"],
                ", ".join(one["why"]),
                one["link"],
            )
            for place, one in enumerate(story["members"])
        ]
        _print(_table(("is", "source", "score", "why", "link"), rows))
    for topic in report["topics"]:
        _print_topic(topic)
    if report["places"]:
        _print_places(report["places"])
    for event in report["events"]:
        _print_event(event)


def _print_places(places: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            place["title"],
            place["form"],
            f"{place['field']}:{place['position']}",
            place.get("member", ""),
        )
        for place in places
    ]
    _print("Places", _table(("place", "found", "where", "from"), rows))


def _print_topic(topic: Mapping[str, Any]) -> None:
    verdict = "tagged" if topic["tagged"] else "not tagged"
    vetoes = f", vetoed by {', '.join(topic['vetoes'])}" if topic["vetoes"] else ""
    origin = f", from {topic['member']}" if "member" in topic else ""
    sum_ = f"{topic['score']} of {topic['threshold']}"
    _print(f"Topic {topic['topic']}: {verdict}, {sum_}{vetoes}{origin}")
    rows = [
        (
            term["weight"],
            term["rule"],
            term["form"],
            f"{term['field']}:{term['position']}",
        )
        for term in topic["terms"]
    ]
    _print(_table(("weight", "rule", "found", "where"), rows))


def _print_event(event: Mapping[str, Any]) -> None:
    when = " to ".join(filter(None, (event["start"] or "under way", event["end"])))
    place = f", {event['place']}" if event["place"] else ""
    state = ", cancelled" if event["cancelled"] else ""
    if event["moved"]:
        state += f", moved from {event['moved_from'] or 'another day'}"
    origin = f", from {event['member']}" if "member" in event else ""
    _print(f"Event {when}{place}{state}: confidence {event['confidence']}{origin}")
    rows = [
        (words["part"], words["form"], f"{words['field']}:{words['position']}")
        for words in event["read_from"]
    ]
    _print(_table(("part", "found", "where"), rows))


# --- rules ----------------------------------------------------------------------------


def print_retagging(found: Mapping[str, Any]) -> None:
    """What a changed rule set changes: counts, then stories that enter and leave."""
    rows = [
        (
            row["key"],
            row["before"],
            row["after"],
            row["enter"]["count"],
            row["leave"]["count"],
        )
        for row in (*found["topics"], *found["places"])
    ]
    _print(
        f"{found['entries']} entries read again, {found['older']} older ones left alone",
        _table(("key", "stories", "then", "enter", "leave"), rows),
    )
    for row in (*found["topics"], *found["places"]):
        for verb in ("enter", "leave"):
            for story in row[verb]["examples"]:
                _print(f"{verb} {row['key']}: {story['title']} ({story['id']})")
    done = "changed" if found["applied"] else "would change"
    _print(
        f"{found['stories_changed']} stories and {found['entries_changed']} entries {done}"
    )


def print_trial(found: Mapping[str, Any]) -> None:
    """What a term matches among the entries stored last."""
    _print(
        f"{found['term']}: {found['matches']} of the last {found['entries']} entries,"
        f" {found['in_title']} in the title",
        _table(("found", "entries"), found["forms"].items()),
    )
    rows = [
        (
            ", ".join(one["forms"]),
            one["title"],
            one["around"],
            ", ".join(one["topics"]),
            one["link"] or one["id"],
        )
        for one in found["examples"]
    ]
    _print(_table(("found", "title", "around", "topics", "link"), rows))


# --- evaluate -------------------------------------------------------------------------


def print_evaluation(found: Mapping[str, Any]) -> None:
    rows = [
        (
            name,
            f"{one['precision']:.3f}",
            f"{one['recall']:.3f}",
            f"{one['f1']:.3f}",
            f"{one['interval'][0]:.2f} to {one['interval'][1]:.2f}",
            one["true_positives"],
            one["false_positives"],
            one["false_negatives"],
        )
        for name, one in found["classes"].items()
    ]
    columns = ("class", "precision", "recall", "F1", "95 %", "right", "wrong", "missed")
    _print(f"{found['entries']} entries", _table(columns, rows))
    if "rejects" in found:
        rejects = found["rejects"]
        _print(
            f"{rejects['right']} of {rejects['of']} entries without an event rejected"
        )
    for miss in found.get("misses", ()):
        _print(" ".join(f"{key}={value}" for key, value in miss.items()))
