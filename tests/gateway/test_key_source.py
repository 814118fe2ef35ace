"""Keys from an identity provider that is slow, dead, huge, wrong, elsewhere or changes them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from fairlead_gateway.jwks_fetch import FetchFailed, JwksFetcher
from fairlead_gateway.key_source import COOL_DOWN_S, FileKeys, RemoteKeys, RemoteTimes
from tests.gateway.support.idp import Idp, answer, flood, hang_up, jwk, jwks, never, running_idp

TIMES = RemoteTimes(refresh_s=300, stale_s=3600)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Source(RemoteKeys):
    """Keys of an identity provider, with what became of them."""

    def __init__(self, idp: Idp, *, timeout_s: float = 2.0) -> None:
        self.clock = Clock()
        self.withdrawn = 0
        self.results: list[bool] = []
        super().__init__(
            "idp",
            "RS256",
            JwksFetcher(idp.url, timeout_s=timeout_s),
            TIMES,
            on_withdrawn=self.count,
            on_fetched=lambda _, ok: self.results.append(ok),
            clock=self.clock,
        )

    def count(self) -> None:
        self.withdrawn += 1

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and see what is due to its end."""
        self.clock.now += seconds
        self.tick()
        if self._flight is not None:
            await self._flight


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with running_idp() as idp:
        yield idp


async def test_the_first_look_fetches_keys(idp: Idp) -> None:
    """A source has no keys until it was asked or ticked, and then has them."""
    source = Source(idp)
    assert source.failing
    await source.renew()
    assert source.keys.find("one") is not None
    assert (source.failing, source.withdrawn, source.results) == (False, 0, [True])


async def test_many_who_look_at_once_cause_one_fetch(idp: Idp) -> None:
    """A thousand tokens with an unknown key are one question to the identity provider."""
    source = Source(idp)
    await asyncio.gather(*(source.renew() for _ in range(1000)))
    assert idp.asked == 1


async def test_unknown_keys_cause_one_fetch_per_cool_down(idp: Idp) -> None:
    """Whoever invents kids does not make the gateway flood its identity provider."""
    source = Source(idp)
    for _ in range(5):
        await source.renew()
    assert idp.asked == 1
    source.clock.now += COOL_DOWN_S
    await source.renew()
    assert idp.asked == 2


async def test_keys_are_refreshed_before_anyone_needs_it(idp: Idp) -> None:
    """A key that is published later is there once the refresh was due, without a request that waits."""
    source = Source(idp)
    await source.renew()
    idp.content = jwks(jwk("one"), jwk("two"))
    await source.pass_time(100)
    assert source.keys.find("two") is None
    await source.pass_time(200)
    assert source.keys.find("two") is not None
    assert source.withdrawn == 0


async def test_a_rotation_withdraws_what_is_published_no_more(idp: Idp) -> None:
    """A key that its issuer took back verifies nothing, and everybody who remembers it is told."""
    source = Source(idp)
    await source.renew()
    idp.content = jwks(jwk("two"))
    await source.pass_time(300)
    assert (source.keys.find("one"), source.withdrawn) == (None, 1)


WRONG: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
    "hangs up": hang_up,
    "floods": flood,
    "fails": lambda writer: answer(writer, "500 Internal Server Error", jwks()),
    "redirects": lambda writer: answer(writer, "302 Found", b"", "location: http://127.0.0.1:9/certs"),
    "shows a login page": lambda writer: answer(writer, "200 OK", b"<html>Sign in</html>"),
    "publishes nothing": lambda writer: answer(writer, "200 OK", b'{"keys": []}'),
    "publishes a secret": lambda writer: answer(writer, "200 OK", jwks({"kty": "oct", "k": "AAAA", "kid": "one"})),
    "compresses": lambda writer: answer(writer, "200 OK", b"\x1f\x8b", "content-encoding: gzip"),
    "announces too much": lambda writer: answer(writer, "200 OK", b" " * 300_000 + jwks()),
    "speaks no HTTP": lambda writer: _say(writer, b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    "cuts the answer": lambda writer: _say(writer, b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"keys"'),
}


async def _say(writer: asyncio.StreamWriter, words: bytes) -> None:
    writer.write(words)
    await writer.drain()


@pytest.mark.parametrize("script", WRONG.values(), ids=WRONG.keys())
async def test_known_keys_outlive_an_identity_provider_that_is_wrong(
    idp: Idp, script: Callable[[asyncio.StreamWriter], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it answers but keys, those that are known stay in force, and the log says why."""
    source = Source(idp)
    await source.renew()
    idp.script = script
    await source.pass_time(300)
    assert source.keys.find("one") is not None
    assert (source.failing, source.withdrawn, source.results) == (True, 0, [True, False])
    assert "issuer idp: keys not fetched" in caplog.text


async def test_known_keys_are_there_while_a_slow_fetch_goes_on(idp: Idp) -> None:
    """A key is read from memory at any moment of a fetch, which ends at its time-out."""
    source = Source(idp, timeout_s=0.5)
    await source.renew()
    idp.script = never
    source.clock.now += 300
    source.tick()
    assert source.keys.find("one") is not None
    await source.renew()
    assert source.keys.find("one") is not None
    assert source.failing


async def test_an_identity_provider_that_comes_back_is_believed_again(idp: Idp) -> None:
    """A failed fetch is tried again after the cool-down."""
    source = Source(idp)
    idp.script = hang_up
    await source.renew()
    assert source.failing
    idp.script = None
    await source.pass_time(COOL_DOWN_S)
    assert not source.failing
    assert source.keys.find("one") is not None


async def test_keys_that_nobody_confirms_are_let_go_in_the_end(idp: Idp) -> None:
    """Stale keys are good for a bounded time."""
    source = Source(idp)
    await source.renew()
    idp.script = hang_up
    await source.pass_time(TIMES.stale_s)
    assert source.keys.find("one") is not None
    await source.pass_time(1)
    assert (source.keys.find("one"), source.withdrawn) == (None, 1)


async def test_nobody_listens(idp: Idp) -> None:
    """A dead address is a failure like any other."""
    idp.port = 9
    source = Source(idp)
    await source.renew()
    assert source.failing


async def test_no_proxy_is_taken_from_the_environment(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose keys are believed does not depend on a stray variable."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await JwksFetcher(idp.url)() == idp.content
    assert b"authorization" not in idp.heads[0].lower()


async def test_a_server_whose_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """TLS is verified: by the system's certificates, or by those that the issuer's declaration names."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    idp = Idp()
    server = await asyncio.start_server(idp.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/certs"
    with pytest.raises(FetchFailed, match="certificate"):
        await JwksFetcher(url)()
    trusted = JwksFetcher(url, ca_file=tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    with pytest.raises(FetchFailed, match="certificate"):
        await trusted()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    assert await trusted() == idp.content
    server.close()


async def test_a_key_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Static keys change with their file; a broken edit changes nothing."""
    withdrawn: list[bool] = []
    path = tmp_path / "keys.json"
    source = FileKeys(path, "RS256", on_withdrawn=lambda: withdrawn.append(True))
    assert source.failing
    path.write_bytes(jwks(jwk("one")))
    await source.renew()
    assert source.keys.find("one") is not None
    path.write_bytes(b"nonsense")
    source.tick()
    assert source.keys.find("one") is not None
    assert not withdrawn
    path.write_bytes(jwks(jwk("two"), jwk("three")))
    source.tick()
    assert (source.keys.find("one"), withdrawn) == (None, [True])
