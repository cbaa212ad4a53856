"""Logs: one line an event on standard error, its fields as ``key=value``."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

#: What every LogRecord has: the rest came in through ``extra`` and is the event's own.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
}


class Fields(logging.Formatter):
    """``2026-09-01T10:00:00Z info polled source=kubnews.ru/rss entries=3``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = {
            key: value for key, value in vars(record).items() if key not in _STANDARD
        }
        line = f"{moment:%Y-%m-%dT%H:%M:%SZ} {record.levelname.lower()} {record.getMessage()}"
        line += "".join(f" {key}={_shown(value)}" for key, value in fields.items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _shown(value: object) -> str:
    """Quoted where it holds a space, a quote or a control: nothing breaks the line."""
    text = str(value)
    plain = text.isprintable() and not any(mark in text for mark in ' "=\\')
    return text if plain and text else json.dumps(text, ensure_ascii=False)


def configure(level: int) -> None:
    """Send this program's events of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Fields())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("aggregator").setLevel(level)
