"""The built-in web server: the output folder over HTTP, hubs' callbacks, metrics apart.

``files``, ``callback`` and ``scrapes`` answer requests, ``server`` and ``protocol``
listen; they alone import Starlette and uvicorn. ``asking`` reads what a request asks for,
``headers`` says what an answer tells besides, ``folder`` keeps the answers ready.
"""
