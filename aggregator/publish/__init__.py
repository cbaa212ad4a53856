"""Stories become documents: select, then render, then write what changed.

Everything but ``writer`` is pure. Nothing here reads the clock: the same stories give
the same bytes. Import the modules themselves; feedgen and Jinja2 load only with
``atom`` and ``page``.
"""
