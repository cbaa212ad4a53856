"""The one exception of this room."""

from __future__ import annotations


class RequestFailed(Exception):
    """One request came to nothing; ``code`` is one of docs/operating.md.

    The message is for the operator and may be published: it names no address that
    was looked up, no credentials and no bytes of the server's answer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class BadAddress(RequestFailed):
    """It is no address of http or https: nothing was looked up, nothing sent."""

    def __init__(self) -> None:
        super().__init__("blocked", "The address can't be understood.")
