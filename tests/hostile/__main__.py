"""Serve every behaviour until standard input ends; their addresses go to standard output."""

import asyncio
import json
import sys

from tests.hostile.server import CONTROL, HostileServer


async def main() -> None:
    server = HostileServer()
    await server.start()
    print(  # noqa: T201
        json.dumps(
            {"control": f"http://{CONTROL}:{server.port}/", "sources": server.urls()}
        ),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
