import pytest

from fairlead_gateway.redis_address import RedisAddress


def test_a_plain_url_names_host_and_port() -> None:
    """redis:// is TCP without a greeting."""
    assert RedisAddress.from_url("redis://cache.internal:7000") == RedisAddress("cache.internal", 7000)


def test_a_unix_url_names_a_socket() -> None:
    """unix:// is a path on this machine."""
    assert RedisAddress.from_url("unix:///run/valkey.sock").path == "/run/valkey.sock"


def test_a_password_and_a_database_become_a_greeting() -> None:
    """Each connection begins with what the URL says about user and database."""
    address = RedisAddress.from_url("redis://fairlead:s%40fe@cache/3")
    assert address.greeting == (("AUTH", "fairlead", "s@fe"), ("SELECT", "3"))
    assert RedisAddress.from_url("redis://:s%40fe@cache").greeting == (("AUTH", "s@fe"),)


def test_a_password_is_not_shown() -> None:
    """An address may end up in a log; its password may not."""
    assert "s3cret" not in repr(RedisAddress.from_url("redis://:s3cret@cache"))


def test_tls_checks_the_servers_certificate() -> None:
    """rediss:// trusts the system's certificates, and asks for the right name."""
    tls = RedisAddress.from_url("rediss://cache").tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize("url", ["http://cache", "redis://cache?socket_timeout=3", "cache:6379"])
def test_what_is_not_supported_is_refused(url: str) -> None:
    """A setting that would be ignored is an error instead."""
    with pytest.raises(ValueError, match=r"supported|scheme"):
        RedisAddress.from_url(url)
