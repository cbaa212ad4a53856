"""The output folder: readers see the old document or the new one, never part of one."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aggregator.errors import PublishError

_name = re.compile(r"[a-z0-9][a-z0-9.-]*")
# A leading dot hides it from web servers and listings, the prefix makes it ours, and
# nobody can guess the rest and put a link in its place.
_temporary = re.compile(r"\.aggregator-[a-z0-9.-]+-[0-9a-f]{16}\.tmp")


class OutputFolder:
    """Where documents go. Only files that it is told to put are ever changed.

    A folder that is missing is made. A name that is a symbolic link is replaced by
    the document; what it pointed to stays as it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether there is such a file; it is not read."""
        return (self.path / name).is_file()

    def holds(self, name: str, digest: str, tag: str | None) -> bool:
        """Whether the document's SHA-256 (hexadecimal) is `digest`."""
        try:
            with self._open() as folder:
                data = _read(folder, name)
        except OSError:
            return False
        return data is not None and hashlib.sha256(data).hexdigest() == digest

    def tag(self, name: str) -> None:
        """Files have no other name for their bytes than a digest."""
        return

    def put(self, name: str, data: bytes) -> bool:
        """Replaces one document whole; False when it already held just these bytes.

        When this returns, the document survives a power cut. Raises PublishError if
        it cannot be written; the old one then stands untouched.
        """
        if not _name.fullmatch(name):
            raise ValueError(f"not a document's name: {name!r}")
        try:
            with self._open() as folder:
                if _read(folder, name) == data:
                    return False
                _replace(folder, name, data)
        except OSError as error:
            raise PublishError(self.path / name, error) from error
        return True

    def remove(self, name: str, digest: str, tag: str | None = None) -> None:
        """Removes a document whose SHA-256 (hexadecimal) is `digest`; no other file."""
        if not self.path.is_dir():
            return
        try:
            with self._open() as folder:
                data = _read(folder, name)
                if data is not None and hashlib.sha256(data).hexdigest() == digest:
                    os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise PublishError(self.path / name, error) from error

    def clean_up(self) -> None:
        """Removes the temporary files of a process that died while writing.

        Only for the holder of the writer's lock: another's may be in use.
        """
        if not self.path.is_dir():
            return
        try:
            with self._open() as folder:
                for entry in os.listdir(folder):
                    if _temporary.fullmatch(entry):
                        os.unlink(entry, dir_fd=folder)
        except OSError as error:
            raise PublishError(self.path, error) from error

    @contextmanager
    def _open(self) -> Iterator[int]:
        """A descriptor of the folder: it stays the same one if its name is moved."""
        self.path.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


def _read(folder: int, name: str) -> bytes | None:
    """A document's bytes; None when there is none, or something else in its place."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # open() would refuse a folder and leak the descriptor
        return None
    with open(descriptor, "rb") as file:
        return file.read()


def _replace(folder: int, name: str, data: bytes) -> None:
    temporary = f".aggregator-{name}-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o644, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
