"""feeds.yaml is its operator's: what a command adds, and all that it leaves alone."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.edit import NewSource, replace_file, with_sources
from aggregator.config.yaml_nodes import read_yaml
from aggregator.errors import ConfigError, NotDone

NEW = NewSource(url="https://new.example/rss")
NAMED = NewSource(
    url="https://named.example/?a=1,2", name="Газета: «Юг» #1", topics=("culture",)
)


def added(text: str, *new: NewSource) -> str:
    return with_sources(text.encode(), new or (NEW,), "feeds.yaml").decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "sources:\n  - https://a.example/ # the first\n\n# the end\ntopics: {}\n",
            "sources:\n  - https://a.example/ # the first\n  - https://new.example/rss\n"
            "\n# the end\ntopics: {}\n",
            id="behind a comment, before the next key's",
        ),
        pytest.param(
            "sources:\n- url: https://a.example/\n  name: A\nsite: {}",
            "sources:\n- url: https://a.example/\n  name: A\n- https://new.example/rss\n"
            "site: {}",
            id="dashes without indent",
        ),
        pytest.param(
            "sources:\n    - https://a.example/",
            "sources:\n    - https://a.example/\n    - https://new.example/rss",
            id="no line break at the end",
        ),
        pytest.param(
            "sources:\r\n  - https://a.example/\r\n",
            "sources:\r\n  - https://a.example/\r\n  - https://new.example/rss\r\n",
            id="line breaks of Windows",
        ),
        pytest.param(
            "\ufeffsources:\n  - {url: https://a.example/}\n",
            "\ufeffsources:\n  - {url: https://a.example/}\n  - https://new.example/rss\n",
            id="byte order mark",
        ),
        pytest.param(
            "sources:\n  - url: https://a.example/\n    rights: |\n      All\n      rights\n\nx: 1\n",
            "sources:\n  - url: https://a.example/\n    rights: |\n      All\n      rights\n\n"
            "  - https://new.example/rss\nx: 1\n",
            id="behind a block of text",
        ),
        pytest.param(
            "sources: [https://a.example/]  # all\n",
            "sources: [https://a.example/, https://new.example/rss]  # all\n",
            id="brackets on a line",
        ),
        pytest.param(
            "sources: [\n  https://a.example/, # one\n  https://b.example/ # two\n]\n",
            "sources: [\n  https://a.example/, # one\n  https://b.example/, # two\n"
            "  https://new.example/rss\n]\n",
            id="brackets over lines",
        ),
        pytest.param(
            "sources: [\n  https://a.example/, # one\n  # nothing more\n]\n",
            "sources: [\n  https://a.example/, # one\n  https://new.example/rss,\n"
            "  # nothing more\n]\n",
            id="a comma behind the last",
        ),
        pytest.param(
            "{sources: [https://a.example/], topics: {}}",
            "{sources: [https://a.example/, https://new.example/rss], topics: {}}",
            id="braces around everything",
        ),
        pytest.param(
            "sources: []  # none yet\nsite: {}\n",
            "sources:   # none yet\n  - https://new.example/rss\nsite: {}\n",
            id="an empty list",
        ),
        pytest.param(
            "sources: # none yet\nsite: {}\n",
            "sources: # none yet\n  - https://new.example/rss\nsite: {}\n",
            id="an empty key",
        ),
        pytest.param(
            "site: {}\n# the end\n",
            "site: {}\nsources:\n  - https://new.example/rss\n# the end\n",
            id="no key",
        ),
        pytest.param(
            "--- \nsite:\n  title: x\n...\n",
            "--- \nsite:\n  title: x\nsources:\n  - https://new.example/rss\n...\n",
            id="marks of a document",
        ),
    ],
)
def test_a_source_is_added_and_every_other_byte_stays(before: str, after: str):
    assert added(before) == after


def test_the_file_of_this_repository_gets_one_line_more():
    raw = (Path(__file__).parents[1] / "feeds.yaml").read_bytes()

    after = with_sources(raw, [NEW], "feeds.yaml").splitlines(keepends=True)

    before = raw.splitlines(keepends=True)
    (place,) = [n for n, line in enumerate(after) if b"new.example" in line]
    assert after[:place] + after[place + 1 :] == before
    assert before[place - 1].startswith(b"  - {url: ")
    assert not before[place].startswith(b"  -")


def test_what_yaml_would_read_otherwise_is_quoted():
    text = added(
        "sources:\n  - https://a.example/\n",
        NAMED,
        NewSource(url="https://b.example/#x", name="true"),
        NewSource(url="https://c.example/map", kind="sitemap"),
    )

    assert text.splitlines()[2:] == [
        '  - {url: "https://named.example/?a=1,2", name: "Газета: «Юг» #1", topics: [culture]}',
        '  - {url: "https://b.example/#x", name: "true"}',
        "  - {url: https://c.example/map, kind: sitemap}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "sources: ~\n",
        # Another key would change with it.
        "sources: &all\n  - https://a.example/\ncopy: *all\n",
        "old: &old [https://a.example/]\nsources: *old\n",
        "sources: {url: https://a.example/}\n",
        "{site: {}}\n",
        "- https://a.example/\n",
        "",
        "sources: https://a.example/\n",
        "sources: !!omap\n  - https://a.example/: 1\n",
    ],
)
def test_where_a_person_has_to_say_nothing_is_guessed(text: str):
    with pytest.raises(ConfigError) as caught:
        added(text)

    assert "add by hand: - https://new.example/rss" in str(caught.value)


# --- for any file -------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        "- https://a.example/",
        "- https://b.example/  # why",
        "- {url: https://c.example/, name: В}",
        "- url: https://d.example/\n{pad}  name: Г  # name",
        "- url: https://e.example/\n{pad}  rights: >-\n{pad}    one\n\n{pad}    two\n",
        '- url: "https://f.example/"\n{pad}  topics:\n{pad}  - culture\n{pad}  # - health',
        "- [x, y]",
        "# - https://off.example/",
        "",
        "-",
        "- 'quoted\n\n{pad}    over lines'",
    ]
)


@given(
    head=st.sampled_from(["", "site: {title: x}\n", "# a comment\n\n", "---\n"]),
    pad=st.sampled_from(["", "  ", "      "]),
    lines=st.lists(LINES, min_size=1),
    tail=st.sampled_from(["", "\n", "\n\n# end", "\nfetch: {gap: 1s}\n", "\n...\n"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_block_keeps_its_bytes_and_gets_the_sources(head, pad, lines, tail, newline):
    body = "\n".join(line and pad + line.replace("{pad}", pad) for line in lines)
    text = f"{head}sources:\n{body}{tail}".replace("\n", newline)
    old = read_yaml(text.encode(), "feeds.yaml").data["sources"] or []

    after = added(text, NEW, NAMED)

    new = read_yaml(after.encode(), "feeds.yaml").data["sources"]
    assert new == [*old, NEW.data, NAMED.data]
    kept = [line for line in after.splitlines() if "named." not in line]
    kept = [line for line in kept if "new.example" not in line]
    assert kept == text.splitlines()


@given(
    items=st.lists(
        st.sampled_from(["https://a.example/", "{url: https://b.example/}", "'с'"]),
    ),
    gap=st.sampled_from(["", " ", "\n", "\n  ", " # why\n  "]),
    comma=st.booleans(),
)
def test_brackets_keep_theirs_too(items, gap, comma):
    inside = f",{gap or ' '}".join(items)
    end = f",{gap}" if comma and items else gap
    text = f"a: 1\nsources: [{gap}{inside}{end}]\nb: 2\n"

    after = added(text, NEW, NAMED)

    old = read_yaml(text.encode(), "feeds.yaml").data
    found = read_yaml(after.encode(), "feeds.yaml").data
    assert found == {**old, "sources": [*old["sources"], NEW.data, NAMED.data]}
    for line in text.splitlines():
        assert line.count("#") <= after.count("#")


# --- the file ----------------------------------------------------------------------------


def test_the_file_is_replaced_whole_behind_its_link(tmp_path: Path):
    real = tmp_path / "there" / "feeds.yaml"
    real.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / "feeds.yaml"
    link.symlink_to(real)

    replace_file(link, b"old", b"new")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["feeds.yaml"]


def test_who_saved_meanwhile_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "feeds.yaml"
    path.write_bytes(b"the editor's")

    with pytest.raises(NotDone, match="changed meanwhile"):
        replace_file(path, b"old", b"new")

    assert path.read_bytes() == b"the editor's"
    assert os.listdir(tmp_path) == ["feeds.yaml"]


def test_a_folder_that_cannot_be_written_costs_a_sentence(tmp_path: Path):
    folder = tmp_path / "gone"

    with pytest.raises(NotDone, match="cannot write"):
        replace_file(folder / "feeds.yaml", b"old", b"new")


def test_a_file_that_would_be_too_large_is_not_written(tmp_path: Path):
    path = tmp_path / "feeds.yaml"
    path.write_bytes(b"old")

    with pytest.raises(NotDone, match="1,000,000 bytes"):
        replace_file(path, b"old", b"n" * 1_000_001)

    assert path.read_bytes() == b"old"


def test_a_file_that_cannot_be_replaced_stays_and_leaves_no_other(
    tmp_path: Path, monkeypatch
):
    """A single file mounted into a container is busy for ever."""
    path = tmp_path / "feeds.yaml"
    path.write_bytes(b"old")

    def busy(*names):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("aggregator.config.edit.os.replace", busy)
    with pytest.raises(NotDone, match="busy; it is as it was"):
        replace_file(path, b"old", b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["feeds.yaml"]
