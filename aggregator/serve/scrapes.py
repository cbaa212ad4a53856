"""The metrics as a web application of their own, for an address of their own."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: Prometheus' text format; its exposition formats' version, not ours.
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_metrics_app(render: Callable[[], bytes]) -> Starlette:
    # Not a coroutine: Starlette calls it in a thread, where looking may block.
    def answer(request: Request) -> Response:
        return Response(
            render(), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"}
        )

    return Starlette(routes=[Route("/metrics", answer, methods=["GET", "HEAD"])])
