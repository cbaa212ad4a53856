"""The built-in web server: the output folder over HTTP, hubs' callbacks, metrics apart.

``files``, ``callback`` and ``scrapes`` answer requests, ``server`` listens; they alone
import Starlette and uvicorn.
"""
