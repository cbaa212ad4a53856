"""What everybody may read of a source."""

import pytest

from aggregator.publish.public import (
    is_public_host,
    public_address,
    public_home,
    public_id,
    public_name,
)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://herald.example/rss/", "https://herald.example/rss/"),
        ("https://u:p@herald.example/rss", "https://herald.example/rss"),
        ("https://herald.example/rss?key=s3cret#k", "https://herald.example/rss"),
        ("http://herald.example:8080/a", "http://herald.example:8080/a"),
        ("https://вестник.рф/лента", "https://вестник.рф/лента"),
        ("http://93.184.216.34/rss", "http://93.184.216.34/rss"),
        ("http://[2606:2800::1]/rss", "http://[2606:2800::1]/rss"),
        ("https://herald.example/private/8f3a9c21b7d04e65/rss", None),
        ("http://127.0.0.1:8080/rss", None),
        ("http://10.0.0.7/rss", None),
        ("http://169.254.169.254/latest", None),
        ("http://[::1]/rss", None),
        ("http://[fd00::7]/rss", None),
        ("http://[::ffff:10.0.0.7]/rss", None),
        ("http://127.1/rss", None),
        ("http://0x7f.1/rss", None),
        ("http://2130706433/rss", None),
        ("http://localhost/rss", None),
        ("http://feeds.localhost/rss", None),
        ("http://printer.local/rss", None),
        ("http://intranet/rss", None),
        ("http://db.internal./rss", None),
        ("ftp://herald.example/rss", None),
        ("file:///etc/passwd", None),
        ("http://[broken/rss", None),
        (None, None),
    ],
)
def test_address(address, shown):
    assert public_address(address) == shown


def test_a_host_without_a_name_is_not_public():
    assert not is_public_host("")
    assert not is_public_host("a..example")


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        ("library", True),
        ("herald.example/rss", True),
        ("herald.example", True),
        ("herald.example/rss?key=s3cret", False),
        ("herald.example/private/8f3a9c21b7d04e65/rss", False),
        ("10.0.0.7/rss", False),
        ("127.0.0.1:8080/rss", False),
        ("intranet/rss", False),
        ("intranet", False),
    ],
)
def test_an_id_that_says_too_much_is_a_digest(identity, shown):
    found = public_id(identity, "http://intranet/rss")

    assert (found == identity) is shown
    assert shown or (found.startswith("source-") and len(found) == 19)
    assert found == public_id(identity, "http://intranet/rss")


def test_a_name_that_is_a_private_host_is_not_shown():
    private = ("intranet/rss", "http://www.intranet/rss")

    assert public_name("Вестник", *private) == "Вестник"
    assert public_name("intranet", *private).startswith("source-")
    assert public_name("a.example", "a.example", "http://a.example/") == "a.example"


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("https://u:p@herald.example:81/a/b?c", "https://herald.example:81/"),
        ("https://herald.example", "https://herald.example"),
        ("http://127.0.0.1/rss", None),
    ],
)
def test_home(address, home):
    assert public_home(address) == home
