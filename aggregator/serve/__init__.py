"""The built-in web server: the output folder over HTTP.

``files`` answers requests, ``server`` listens; they alone import Starlette and uvicorn.
"""
