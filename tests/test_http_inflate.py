"""Content-Encoding undone with a bound, whatever the network's pieces are."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.http import RequestFailed
from aggregator.http.inflate import MAX_GZIP_MEMBERS, inflater


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def inflate(coding: str | None, pieces, *, max_bytes: int = 10_000) -> bytes:
    inflating = inflater(coding, max_bytes=max_bytes)
    body = b"".join(inflating.feed(piece) for piece in pieces)
    inflating.finish()
    return body


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", raw_deflate),
    "plain": (None, bytes),
}
sizes = st.lists(st.integers(0, 12), max_size=12)


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=500), sizes)
def test_what_was_compressed_comes_back(kind, data, sizes):
    coding, compress = CODINGS[kind]

    assert inflate(coding, cut(compress(data), sizes)) == data


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), sizes)
def test_all_members_of_a_gzip_file_come(members, sizes):
    sent = b"".join(map(gzip.compress, members))

    assert inflate("gzip", cut(sent, sizes)) == b"".join(members)


@given(st.sampled_from(["gzip", "zlib", "raw"]), st.binary(max_size=200), st.data())
def test_a_cut_body_is_never_taken_for_a_whole_one(kind, data, draw):
    coding, compress = CODINGS[kind]
    whole = compress(data)
    end = draw.draw(st.integers(1, len(whole) - 1))

    with pytest.raises(RequestFailed) as caught:
        inflate(coding, [whole[:end]])

    assert caught.value.code == "truncated"


@given(st.sampled_from(sorted(CODINGS)), st.integers(1, 300), sizes)
def test_the_limit_is_exact(kind, size, sizes):
    coding, compress = CODINGS[kind]
    pieces = cut(compress(b"x" * size), sizes)

    assert len(inflate(coding, pieces, max_bytes=size)) == size
    with pytest.raises(RequestFailed) as caught:
        inflate(coding, pieces, max_bytes=size - 1)
    assert caught.value.code == "too_large"


@given(st.sampled_from(["gzip", "deflate"]), st.binary(min_size=1, max_size=300), sizes)
def test_garbage_fails_with_a_code(coding, data, sizes):
    code = None
    try:
        inflate(coding, cut(data, sizes))
    except RequestFailed as failure:
        code = failure.code

    assert code in {None, "decode", "truncated", "too_large"}


@pytest.mark.parametrize("padding", [b"\0" * 20, b"\r\n", b"trailing", b"\x1f\x8a"])
def test_padding_behind_a_gzip_file_is_ignored(padding):
    assert inflate("gzip", [gzip.compress(b"feed") + padding]) == b"feed"


def test_the_mark_of_the_next_member_may_be_cut_in_two():
    first, second = gzip.compress(b"a"), gzip.compress(b"b")

    assert inflate("gzip", [first + second[:1], second[1:]]) == b"ab"


def test_a_file_of_empty_members_is_given_up():
    with pytest.raises(RequestFailed) as caught:
        inflate("gzip", [gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1)])

    assert caught.value.code == "decode"


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "x"])
def test_other_codings_are_refused_before_the_body(coding):
    with pytest.raises(RequestFailed) as caught:
        inflater(coding, max_bytes=1)

    assert caught.value.code == "decode"
