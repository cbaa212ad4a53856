"""Addresses that an operator writes: of feeds, of the site, of the store, of networks."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from aggregator.config.values import expected, folder, text_of
from aggregator.links import resolve
from aggregator.model import Bucket

WEB_ADDRESS = "an address that begins with http:// or https://"
MAX_URL = 2_000  # some servers and proxies take no more

LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
HOST = rf"(?:_?{LABEL}\.)*{LABEL}\.?"
EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+"


def web_address(value: object) -> str:
    """An absolute http(s) address without credentials, as written but for its ends."""
    text = text_of(value, WEB_ADDRESS)
    _check_web_address(text)
    return text


@lru_cache(maxsize=20_000)  # read three times: validated, compared, asked for its host
def _check_web_address(text: str) -> None:
    shown = without_password(text)
    if not re.match("https?://", text, re.IGNORECASE):
        near = None if ":" in text.split("/")[0] else f"https://{text}"
        raise expected(WEB_ADDRESS, found=shown, did_you_mean=near)
    if shown != text:
        raise expected("an address without user name and password", found=shown)
    if len(text) > MAX_URL or " " in text or not text.isprintable():
        raise expected(f"an address of up to {MAX_URL:,} characters without spaces")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # brackets that hold no IPv6 address; a port that is none
        host, port = "", 0
    if port == 0 or not _is_host(host) or resolve(None, text) is None:
        raise expected("an address with a host, and a port from 1 to 65535")


def _is_host(host: str) -> bool:
    return ":" in host or re.fullmatch(HOST, host) is not None


def without_password(text: str) -> str:
    """An address as it may be shown: what stands before an "@" is hidden."""
    return re.sub(r"//[^/?#]*@", "//***@", text)


def site_address(value: object) -> str:
    """The public address of the output folder, as a URI: it goes into headers."""
    text = web_address(value)
    if "?" in text or "#" in text or not text.endswith("/"):
        near = None if "?" in text or "#" in text else f"{text}/"
        raise expected('an address that ends in "/"', did_you_mean=near)
    return link_address(text)


def link_address(value: object) -> str:
    """A web address as a URI: it goes into headers and documents."""
    text = web_address(value)
    return resolve(None, text) or text


def storage(value: object) -> str:
    what = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    text = text_of(value, what)
    shown = without_password(text)
    if re.fullmatch(r"sqlite:///(?!/*$|:memory:)[^?]+", text):
        return text
    if re.fullmatch(r"postgresql://[^\s/]*/\S+", text):
        return text
    near = None
    if match := re.fullmatch(r"sqlite://?([^/?:][^?]*)", text):
        near = f"sqlite:///{match[1]}"
    elif text.startswith("postgres://") and shown == text:
        near = f"postgresql://{text.removeprefix('postgres://')}"
    raise expected(what, found=shown, did_you_mean=near)


def network(value: object) -> IPv4Network | IPv6Network:
    what = "a network such as 127.0.0.0/8"
    text = text_of(value, what)
    try:
        return ip_network(text)
    except ValueError as error:
        raise expected(what, did_you_mean=_near_network(text)) from error


def _near_network(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


#: S3's rules for names of buckets, but for those that no store enforces.
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
#: Of keys: what needs no quoting and means nothing to any tool.
PREFIX = r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?"
OUTPUT = "a folder, or s3://bucket/prefix"


def output(value: object) -> str:
    """A folder's path, or the address of a bucket; `bucket` tells them apart."""
    text = folder(value)
    if bucket(text) is None and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        shown = without_password(text.partition("?")[0])
        if shown != text:
            what = f"{OUTPUT}; credentials and endpoint come from the environment"
            raise expected(what, found=shown)
        raise expected(OUTPUT, found=shown)
    return text


def bucket(text: str) -> Bucket | None:
    """What ``s3://bucket/prefix`` names; None when it is none."""
    match = re.fullmatch(rf"s3://({BUCKET})({PREFIX})", text)
    return Bucket(name=match[1], prefix=match[2].strip("/")) if match else None


def bind_host(value: object) -> str:
    what = "a host name or an address such as 127.0.0.1"
    text = text_of(value, what)
    if not re.fullmatch(rf"{HOST}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", text):
        raise expected(what)
    return text


LISTEN = rf"({HOST}|\[[0-9a-fA-F:.]+\]):([0-9]{{1,5}})"


def listen_address(value: object) -> tuple[str, int]:
    """Host, without brackets, and port."""
    what = "HOST:PORT such as 127.0.0.1:9100"
    port = value if isinstance(value, int) and not isinstance(value, bool) else None
    if port is not None and 0 < port < 65_536:
        raise expected(what, did_you_mean=f"127.0.0.1:{port}")
    match = re.fullmatch(LISTEN, text_of(value, what))
    if match is None or not 0 < int(match[2]) < 65_536:
        raise expected(what)
    return match[1].strip("[]"), int(match[2])


def webhook(value: object) -> str:
    """A web address that may hold a secret: no fault shows what was written."""
    try:
        return web_address(value)
    except PydanticCustomError as error:
        what = (error.context or {})["expected"]
        raise expected(
            what, found="another value (not shown, it is a secret)"
        ) from None


def contact(value: object) -> str:
    what = "an e-mail or web address in Latin letters"
    text = text_of(value, what)
    if re.fullmatch(EMAIL, text):
        return text
    if text.startswith(("http://", "https://")):
        return link_address(text)
    raise expected(what)
