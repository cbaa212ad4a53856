"""HTTP for whoever talks to strangers: fetch, and later alerts and WebSub."""

from aggregator.http.client import Client, Response
from aggregator.http.errors import BadAddress, RequestFailed

__all__ = ["BadAddress", "Client", "RequestFailed", "Response"]
