"""Readers see the old document or the new one; other people's files stay."""

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from aggregator.errors import PublishError
from aggregator.publish import writer
from aggregator.publish.writer import OutputFolder


@pytest.fixture
def folder(tmp_path):
    return OutputFolder(tmp_path / "output")


def names(folder):
    return sorted(os.listdir(folder.path))


def test_writes_and_reports_what_changed(folder):
    assert folder.put("feed.atom", b"one")
    assert not folder.put("feed.atom", b"one")
    assert folder.put("feed.atom", b"two")

    assert (folder.path / "feed.atom").read_bytes() == b"two"
    assert names(folder) == ["feed.atom"]


def test_equal_bytes_leave_the_file_alone(folder):
    folder.put("feed.atom", b"one")
    before = (folder.path / "feed.atom").stat()

    folder.put("feed.atom", b"one")

    after = (folder.path / "feed.atom").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_missing_folders_are_made(tmp_path):
    OutputFolder(tmp_path / "a" / "b").put("feed.atom", b"x")

    assert (tmp_path / "a" / "b" / "feed.atom").read_bytes() == b"x"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_mode_is_0644_by_umask(folder, umask, mode):
    before = os.umask(umask)
    try:
        folder.put("feed.atom", b"x")
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder.path / "feed.atom").stat().st_mode) == mode


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "../feed.atom", "a/b", "/etc/x", "Feed.atom", "а.atom", "a\n"],
)
def test_only_plain_names(folder, name):
    with pytest.raises(ValueError, match="not a document's name"):
        folder.put(name, b"x")


@pytest.mark.parametrize("content", [b"old", b"new"])
def test_symbolic_link_is_replaced_and_its_target_untouched(folder, tmp_path, content):
    folder.path.mkdir()
    target = tmp_path / "precious"
    target.write_bytes(content)
    (folder.path / "feed.atom").symlink_to(target)

    assert folder.put("feed.atom", b"new")

    assert not (folder.path / "feed.atom").is_symlink()
    assert (folder.path / "feed.atom").read_bytes() == b"new"
    assert target.read_bytes() == content


def test_dangling_link_creates_nothing_elsewhere(folder, tmp_path):
    folder.path.mkdir()
    (folder.path / "feed.atom").symlink_to(tmp_path / "nowhere")

    folder.put("feed.atom", b"new")

    assert not (tmp_path / "nowhere").exists()


def test_folder_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "output").symlink_to(tmp_path / "real")

    OutputFolder(tmp_path / "output").put("feed.atom", b"x")

    assert (tmp_path / "real" / "feed.atom").read_bytes() == b"x"


def test_a_pipe_in_the_documents_place_does_not_hang(folder):
    folder.path.mkdir()
    os.mkfifo(folder.path / "feed.atom")

    assert folder.put("feed.atom", b"x")


def test_a_folder_in_the_documents_place_is_an_error_that_names_it(folder):
    (folder.path / "feed.atom").mkdir(parents=True)
    descriptors = os.listdir("/proc/self/fd")

    with pytest.raises(PublishError, match=r"output/feed\.atom"):
        folder.put("feed.atom", b"x")
    assert names(folder) == ["feed.atom"]
    assert os.listdir("/proc/self/fd") == descriptors


def test_a_file_in_the_folders_place_is_an_error(tmp_path):
    (tmp_path / "output").write_text("mine")

    with pytest.raises(PublishError, match="output"):
        OutputFolder(tmp_path / "output").put("feed.atom", b"x")
    assert (tmp_path / "output").read_text() == "mine"


@pytest.mark.parametrize(
    ("call", "error"),
    [("fsync", errno.EIO), ("replace", errno.EACCES), ("open", errno.ENOSPC)],
)
def test_a_fault_keeps_the_old_document_and_leaves_nothing_behind(
    folder, monkeypatch, call, error
):
    folder.put("feed.atom", b"old")
    original = os.open

    def fail(*args, **kwargs):
        if call == "open" and not args[1] & os.O_CREAT:
            return original(*args, **kwargs)
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(writer.os, call, fail)
        with pytest.raises(PublishError, match=os.strerror(error)) as raised:
            folder.put("feed.atom", b"new")

    assert raised.value.place == folder.path / "feed.atom"
    assert (folder.path / "feed.atom").read_bytes() == b"old"
    assert names(folder) == ["feed.atom"]
    assert folder.put("feed.atom", b"new")


WRITER = """
import resource, signal, sys
from pathlib import Path
from aggregator.errors import PublishError
from aggregator.publish.writer import OutputFolder
mode, folder = sys.argv[1], OutputFolder(Path(sys.argv[2]))
if mode == "forever":
    for number in range(1_000_000):
        folder.put("feed.atom", b"%d" % (number % 10) * 300_000)
if mode == "quota":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    folder.put("feed.atom", b"n" * 5000)
except PublishError as error:
    sys.exit(str(error))
"""


def start(mode, folder, **options):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, mode, str(folder.path)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_full_disk_keeps_the_old_document(folder):
    """A short write is no success: a file-size limit stands in for the disk."""
    folder.put("feed.atom", b"old")

    process = start("quota", folder)
    _, message = process.communicate(timeout=20)

    assert process.returncode == 1
    assert message.startswith(f"cannot write {folder.path}/feed.atom: ")
    assert (folder.path / "feed.atom").read_bytes() == b"old"
    assert names(folder) == ["feed.atom"]


@pytest.fixture
def foreign():
    """A folder with a document that this process may read and not change."""
    with tempfile.TemporaryDirectory() as parent:
        folder = OutputFolder(Path(parent) / "output")
        folder.put("feed.atom", b"old")
        folder.path.chmod(0o555)
        Path(parent).chmod(0o755)
        # Root may write anywhere: be nobody meanwhile.
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        folder.path.chmod(0o755)


def test_a_read_only_folder_is_an_error_that_names_it(foreign):
    with pytest.raises(PublishError) as raised:
        foreign.put("feed.atom", b"new")

    assert str(raised.value) == (
        f"cannot write {foreign.path}/feed.atom: Permission denied"
    )
    assert (foreign.path / "feed.atom").read_bytes() == b"old"


def test_a_read_only_folder_is_no_obstacle_while_nothing_changes(foreign):
    assert not foreign.put("feed.atom", b"old")


def test_a_reader_sees_whole_documents_and_a_killed_writer_leaves_one(folder):
    folder.put("feed.atom", b"0" * 300_000)
    process = start("forever", folder)
    try:
        seen = set()
        while len(seen) < 5:
            data = (folder.path / "feed.atom").read_bytes()
            assert len(data) == 300_000
            assert len(set(data)) == 1
            seen.add(data[0])
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    assert len(set((folder.path / "feed.atom").read_bytes())) == 1
    folder.clean_up()
    assert names(folder) == ["feed.atom"]


def test_clean_up_removes_only_what_a_crash_left_of_ours(folder):
    folder.put("feed.atom", b"x")
    theirs = ["notes.tmp", ".aggregator-notes", ".aggregator-a.atom-xyz.tmp", "CNAME"]
    for name in theirs:
        (folder.path / name).write_text("mine")
    (folder.path / ".aggregator-feed.atom-0123456789abcdef.tmp").write_text("half")

    folder.clean_up()

    assert names(folder) == sorted([*theirs, "feed.atom"])


def test_clean_up_needs_no_folder_and_makes_none(folder):
    folder.clean_up()

    assert not folder.path.exists()


def test_two_writers_at_once_leave_one_whole_document(folder):
    def write(letter):
        for _ in range(20):
            folder.put("feed.atom", letter * 50_000)

    threads = [
        threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set((folder.path / "feed.atom").read_bytes())) == 1
    assert names(folder) == ["feed.atom"]
