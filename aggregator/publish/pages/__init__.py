"""Pages for people: static HTML, one style sheet, one script that only tells times.

A page depends on nothing but its arguments. Times in it are absolute: it is written
once and read whenever. Import the modules themselves: all but ``site``,
``assets`` and ``coming`` load Jinja2.
"""
