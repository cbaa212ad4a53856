"""Templates, and what stands in the head of every page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator.content_policy import content_policy
from aggregator.publish.pages.site import FeedFile, Site
from aggregator.publish.typography import typeset


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a page says of itself."""

    #: Its file name below ``site.url``; empty: the front page.
    name: str
    #: None: the site's title alone.
    title: str | None
    description: str
    #: To be offered by browsers and readers; the page's own first.
    feeds: tuple[FeedFile, ...] = ()
    #: schema.org, as JSON-LD without ``@context``.
    data: Mapping[str, Any] = field(default_factory=dict)


def render(template: str, site: Site, head: Head, **parts: object) -> bytes:
    """A template of the folder with `parts`, and what all of them are given."""
    html = environment().get_template(template)
    text = html.render(
        site=site,
        head=head,
        words=site.words,
        page_words=site.words.pages,
        policy=content_policy(pictures=site.images),
        locale=locale(site),
        structured_data=structured(head.data) if head.data else None,
        **parts,
    )
    return text.encode("utf-8", "replace")


def locale(site: Site) -> str:
    """Open Graph's ``ru_RU``."""
    language, _, region = site.language.partition("-")
    if len(region) == 2:
        return f"{language.lower()}_{region.upper()}"
    return site.words.pages.locale


def structured(data: Mapping[str, Any]) -> Markup:
    """JSON-LD that nothing in it can end: JSON reads the escape as the character."""
    text = json.dumps(
        {"@context": "https://schema.org", **data}, ensure_ascii=False, allow_nan=False
    )
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def moment(site: Site, when: datetime) -> str:
    """«22 ноября, 18:40» in the site's zone."""
    return typeset(site.words.moment(when.astimezone(site.zone)))


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("aggregator.publish.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["typeset"] = typeset
    return made
