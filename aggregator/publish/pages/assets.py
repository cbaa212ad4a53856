"""The files that pages need beside them: the same for every site."""

from __future__ import annotations

from functools import cache
from pathlib import Path

#: A name is a file of the folder ``static``.
ASSETS = ("site.css", "site.js", "site.svg")


@cache
def assets() -> dict[str, bytes]:
    """File name -> bytes."""
    folder = Path(__file__).with_name("static")
    return {name: (folder / name).read_bytes() for name in ASSETS}
