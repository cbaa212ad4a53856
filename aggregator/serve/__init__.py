"""The built-in web server: the output folder over HTTP, and metrics apart from it.

``files`` and ``scrapes`` answer requests, ``server`` listens; they alone import Starlette and uvicorn.
"""
