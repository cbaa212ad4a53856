"""What a browser may do with our pages (Content Security Policy, level 3)."""

from __future__ import annotations


def content_policy(*, pictures: bool) -> str:
    """Nothing but our own style, script and icon, and nothing sent anywhere.

    `pictures`: those of the sources are shown. The page says it itself, and the web
    server says it once more, with whose pages may show ours in theirs.
    """
    images = "'self' https:" if pictures else "'self'"
    return (
        f"default-src 'none'; style-src 'self'; script-src 'self'; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )
