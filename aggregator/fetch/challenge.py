"""Bot walls: pages that refuse programs and let browsers through.

Named apart from other refusals, because the cure is another one: a word with the
portal's operators, not a look at the address.
"""

from __future__ import annotations

from collections.abc import Mapping

#: As much of the page as is looked at; walls name themselves in their head.
LOOKED_AT = 32 * 1024

#: Parts that only the walls' own pages have: Cloudflare, DDoS-Guard, Qrator,
#: Yandex SmartCaptcha, ServicePipe, Variti, StormWall, Imperva, Akamai.
_MARKS = (
    b"challenge-platform",
    b"_cf_chl_opt",
    b"cf-browser-verification",
    b"<title>just a moment...</title>",
    b"<title>ddos-guard</title>",
    b"/.well-known/ddos-guard/",
    b"/__qrator/",
    b"/showcaptcha?",
    b"smartcaptcha.yandexcloud.net",
    b"/exhkqyad",
    b"servicepipe.ru",
    b"variti.io",
    b"__js_p_",
    b"_incapsula_resource",
    b"/_sec/cp_challenge/",
)


def is_challenge(headers: Mapping[str, str], beginning: bytes) -> bool:
    """By Cloudflare's own header, or by the page's first bytes."""
    if headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return True
    page = beginning[:LOOKED_AT].lower()
    return any(mark in page for mark in _MARKS)
