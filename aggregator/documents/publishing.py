"""Documents are rendered when what they show changed, and written when their bytes did.

What they show are stories in their revisions, and the words around them. What a crash
left undone is found out here too: a file that is missing or not as the manifest says is
rendered again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime

from aggregator.coming import settle_calendar
from aggregator.config import Config
from aggregator.documents import agenda, archives, feeds, lists, pages, profiles
from aggregator.documents.desk import Desk, Edition
from aggregator.errors import PublishError, StoreError
from aggregator.model import SourceState
from aggregator.publish.output import Output, open_output
from aggregator.store import DocumentRecord, Store
from aggregator.withdrawals import carry_out

log = logging.getLogger(__name__)


def editions(desk: Desk) -> Iterator[Edition]:
    """Every document, in the order in which they are written: who follows a link from
    one finds the other in place.
    """
    yield from archives.editions(desk)
    yield from feeds.editions(desk)
    yield from profiles.editions(desk)
    yield from agenda.calendar_editions(desk)
    yield from lists.feed_editions(desk)
    yield from pages.asset_editions(desk)
    index = list(pages.index_editions(desk))
    others = [*agenda.page_editions(desk), *pages.page_editions(desk)]
    yield from others
    yield from pages.embed_editions(desk)
    yield from lists.page_editions(desk, [*index, *others])
    yield from index


def publish(
    store: Store,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
    *,
    output: Output | None = None,
    whole: bool = False,
) -> set[str]:
    """Bring the output up to date with the store; the names whose bytes changed.

    `output`: as it was opened for earlier publishings; None: opened for this one alone.
    `whole` renders every document but closed archives, as ``aggregator publish`` does. A
    document of a topic that is no longer configured is removed. PublishError when a file
    cannot be rendered or written: it is as it was, and the others are up to date.
    """
    asked = carry_out(store, now)
    store.announce()
    desk = Desk(store, config, now, states)
    if desk.has_calendar:
        settle_calendar(store, config, now)
    output = output or opened(config)
    output.clean_up()
    manifest = store.documents()
    records: list[DocumentRecord] = []
    written: set[str] = set()
    refused: list[PublishError] = []
    for edition in editions(desk):
        known = manifest.pop(edition.name, None)
        if edition.is_closed:
            stands = not edition.is_stale and _is_closed(output, known, read=whole)
            if refused and not edition.is_stale:
                continue  # it would name a successor that may not stand
        else:
            stands = not whole and _stands(output, known, edition.inputs)
        if stands:
            continue
        try:
            data = _rendered(edition)
            if output.put(edition.name, data):
                written.add(edition.name)
        except PublishError as error:
            refused.append(error)
            continue
        digest = hashlib.sha256(data).hexdigest()
        records.append(
            DocumentRecord(
                name=edition.name,
                fingerprint=edition.inputs,
                digest=digest,
                tag=output.tag(edition.name),
            )
        )
    for record in manifest.values():
        output.remove(record.name, record.digest, record.tag)
    store.save_documents(records, gone=manifest.keys())
    if refused:
        raise refused[0]
    store.settle_publications(desk.stale_publications)
    store.settle_requests(asked)
    return written


def recover(
    store: Store,
    config: Config,
    now: datetime,
    states: Mapping[str, SourceState],
    *,
    output: Output | None = None,
) -> set[str] | None:
    """Publish what a crash left undone; None on a store that never published."""
    if not store.documents():
        return None
    return publish(store, config, now, states, output=output)


def stand(store: Store, output: Output) -> bool:
    """Whether every document is there as it was written last."""
    return all(
        _is_there(output, record, read=record.fingerprint != archives.CLOSED)
        for record in store.documents().values()
    )


def opened(config: Config) -> Output:
    """Where feeds.yaml has documents go."""
    return open_output(config.output, max_age=config.publish.interval)


def _rendered(edition: Edition) -> bytes:
    try:
        return edition.render()
    except StoreError:
        raise
    except Exception as error:
        # A bug that one document met: the others are rendered, and it is tried again.
        log.exception("document not rendered", extra={"document": edition.name})
        message = "a bug in the aggregator ended its rendering; the log says where"
        raise PublishError(edition.name, message) from error


def _is_closed(output: Output, record: DocumentRecord | None, *, read: bool) -> bool:
    """Whether the document was written for good.

    `read`: and is still what was written. There may be thousands, so that whoever
    publishes every minute looks only whether they are there.
    """
    return (
        record is not None
        and record.fingerprint == archives.CLOSED
        and _is_there(output, record, read=read)
    )


def _stands(output: Output, record: DocumentRecord | None, inputs: str) -> bool:
    """Whether the document is what was written last, and would be written again."""
    return (
        record is not None
        and record.fingerprint == inputs
        and _is_there(output, record, read=True)
    )


def _is_there(output: Output, record: DocumentRecord, *, read: bool) -> bool:
    """Whether the document has a file; `read`: with the bytes that were written last."""
    if read:
        return output.holds(record.name, record.digest, record.tag)
    return output.has(record.name)
