"""Languages as documents may name them: BCP 47 tags whose language ISO 639 knows."""

from __future__ import annotations

import re

# ISO 639-1, and of 639-2 what else is spoken in Russia.
_ISO_639 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu"
    " cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he"
    " hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko"
    " kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd"
    " ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se"
    " sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty"
    " ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
    " ady bua chm crh inh kaa kbd krc krl kum lez mdf myv nog sah tyv udm xal"
)
_KNOWN = frozenset(_ISO_639.split())
# RFC 5646, 2.1, without extensions and private use.
_tag = re.compile(
    r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)


def primary(language: str) -> str:
    """The language alone: "ru" of "ru-RU"."""
    return language.partition("-")[0].lower()


def known_language(language: str | None) -> str | None:
    """``language`` if it is a well-formed tag of a known language, else None."""
    tag = (language or "").strip().replace("_", "-")
    return tag if _tag.fullmatch(tag) and primary(tag) in _KNOWN else None
