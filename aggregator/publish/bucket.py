"""Documents as objects of an S3-compatible store; the only importer of obstore.

Endpoint, region and credentials come from the environment, by the names that all of
S3's tools know (AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
...): they belong to the machine, and the secret into no file of ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property

import obstore
from obstore.exceptions import (
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from aggregator.errors import PublishError
from aggregator.media import media_type
from aggregator.model import Bucket

#: Of one request, and of all attempts at it: documents are published in the thread that
#: also stores what polls find, so a store that hangs must not keep it.
CONNECT = timedelta(seconds=3)
REQUEST = timedelta(seconds=10)
ATTEMPTS = timedelta(seconds=10)
RETRIES = 2

#: What an answer's XML says is wrong: ``<Code>NoSuchBucket</Code>``. The rest of it may
#: hold the key's id and what was signed, and is shown nowhere.
_code = re.compile(r"<Code>(\w{1,60})</Code>")
_status = re.compile(r"\b(?:status|error)[^0-9<]{0,20}([45]\d\d)\b", re.IGNORECASE)
_DENIED = {"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_ELSEWHERE = {"404", "NoSuchBucket", "PermanentRedirect"}


class OutputBucket:
    """Where documents go. Objects are listed once; what was put since is remembered.

    What another writer changes meanwhile is noticed by the next process.
    """

    def __init__(self, place: Bucket, *, max_age: timedelta) -> None:
        self._place = place
        self._cache_control = f"public, max-age={int(max_age.total_seconds())}"
        #: ETags by name; None: not listed yet.
        self._tags: dict[str, str | None] | None = None
        #: Why the store failed in this publishing: the others are not tried.
        self._failed: PublishError | None = None

    @cached_property
    def _store(self) -> S3Store:
        return S3Store(
            self._place.name,
            prefix=self._place.prefix or None,
            # Whoever writes http:// into AWS_ENDPOINT_URL means it.
            client_options={
                "allow_http": True,
                "connect_timeout": CONNECT,
                "timeout": REQUEST,
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": ATTEMPTS},
            # Not every S3-compatible store can delete several at once.
            disable_bulk_delete=True,
        )

    def clean_up(self) -> None:
        """An object is there whole or not at all; only the list has to be asked for."""
        self._failed = None
        self._listed()

    def has(self, name: str) -> bool:
        return name in self._listed()

    def holds(self, name: str, digest: str, tag: str | None) -> bool:
        return tag is not None and self._listed().get(name) == tag

    def tag(self, name: str) -> str | None:
        return self._listed().get(name)

    def put(self, name: str, data: bytes) -> bool:
        tags = self._listed()
        # The ETag of an object that is put in one piece; one that is encrypted with a
        # key of the operator's has another, and is put again.
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if _bare(tags.get(name)) == md5:
            return False
        # What is there when this fails, nobody knows.
        tags.pop(name, None)
        with self._translated(name):
            result = obstore.put(
                self._store,
                name,
                data,
                attributes={
                    "Content-Type": media_type(name, data),
                    "Cache-Control": self._cache_control,
                },
                use_multipart=False,
            )
        tags[name] = result["e_tag"]
        return True

    def remove(self, name: str, digest: str, tag: str | None) -> None:
        if not self.holds(name, digest, tag):
            return
        with self._translated(name):
            obstore.delete(self._store, name)
        self._listed().pop(name, None)

    def _listed(self) -> dict[str, str | None]:
        if self._tags is None:
            with self._translated(""):
                # Flat, as documents are: what lies deeper is not ours and may be much.
                found = obstore.list_with_delimiter(self._store)["objects"]
            self._tags = {each["path"]: each["e_tag"] for each in found}
        return self._tags

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        if self._failed is not None:
            raise self._failed
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            place = f"{self._place}/{name}".rstrip("/")
            self._failed = PublishError(place, _why(error))
            # Not its cause: a traceback would show what the store said.
            raise self._failed from None


def _bare(tag: str | None) -> str | None:
    return tag.strip('"') if tag else None


def _why(error: Exception) -> str:
    """A sentence without the store's own words, which may hold what is secret."""
    text = str(error)
    found = _code.search(text) or _status.search(text)
    code = found[1] if found else ""
    said = f" ({code})" if code else ""
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    if denied or code in _DENIED:
        return f"access denied{said}; see AWS_ACCESS_KEY_ID and the rights of the key"
    if code in _ELSEWHERE:
        return f"no such bucket there{said}; see AWS_ENDPOINT_URL and AWS_REGION"
    if code:
        return f"the object store refuses{said}"
    return "the object store does not answer; see AWS_ENDPOINT_URL"
