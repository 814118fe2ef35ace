"""The issuers whose tokens are taken: our own, and those that the issuers file declares at the moment."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fairlead_contract.errors import ManifestError, Mistake
from fairlead_contract.issuers import Issuer, Issuers, parse_issuers
from fairlead_gateway.jwks import KeySet
from fairlead_gateway.jwks_fetch import JwksFetcher
from fairlead_gateway.key_source import FileKeys, FixedKeys, KeySource, RemoteKeys, RemoteTimes
from fairlead_gateway.token_claims import TokenRules

log = logging.getLogger(__name__)

LOCAL_ALGORITHM: Final = "HS256"
MIN_KEY_BYTES: Final = 32
_WHERE: Final = "issuers file"

OpenSource = Callable[[str, Issuer, Callable[[], None]], KeySource]
"""Opens the keys of a named issuer; the last argument is to be called when a key is withdrawn."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Someone whose tokens are taken: with one algorithm, by these rules, under these keys."""

    algorithm: str
    rules: TokenRules
    source: KeySource
    declared: Issuer | None = None


def local_issuer(key: bytes, rules: TokenRules) -> TrustedIssuer:
    """Return the issuer that signs under a key of our own.

    Raises:
        ValueError: The key has fewer than 32 bytes (RFC 7518, section 3.2).
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"the token key has {len(key)} bytes; give it at least {MIN_KEY_BYTES} random ones")
    return TrustedIssuer(LOCAL_ALGORITHM, rules, FixedKeys(KeySet(MappingProxyType({None: key}))))


def read_issuers(content: bytes, *, local: str) -> Issuers:
    """Parse the issuers file's content.

    Args:
        content: YAML.
        local: Our own `iss`, which nobody else may have.

    Raises:
        ManifestError: One line per mistake.
    """
    issuers = parse_issuers(content.decode(), where=_WHERE)
    taken = [name for name, declared in issuers.issuers.items() if declared.issuer == local]
    if taken:
        remedy = "write the other issuer's own `iss`"
        raise ManifestError(
            _WHERE,
            [Mistake(f"issuers.{name}.issuer", f"{local!r} is this gateway's own issuer", remedy) for name in taken],
        )
    return issuers


class IssuerDirectory:
    """Issuers by their `iss`.

    Args:
        local: The issuer of our own tokens.
        declared: Returns what is declared now; the same object for as long as nothing changed.

    Attributes:
        version: Grows whenever something that a token may have been proven by is no more: a key or an issuer's rules.
    """

    def __init__(self, local: TrustedIssuer, declared: Callable[[], Issuers], open_source: OpenSource) -> None:
        self.version = 0
        self._local = local
        self._declared = declared
        self._open_source = open_source
        self._seen: Issuers | None = None
        self._named: Mapping[str, TrustedIssuer] = MappingProxyType({})
        self._by_iss: Mapping[object, TrustedIssuer] = MappingProxyType({local.rules.issuer: local})

    def find(self, iss: str) -> TrustedIssuer | None:
        """Return the issuer with an `iss`."""
        self.follow()
        return self._by_iss.get(iss)

    def follow(self) -> None:
        """Obey the issuers file where it has changed."""
        declared = self._declared()
        if declared is self._seen:
            return
        self._seen = declared
        before = self._named
        self._named = MappingProxyType(
            {name: self._trusted(name, issuer, before.get(name)) for name, issuer in declared.issuers.items()}
        )
        self._by_iss = MappingProxyType({each.rules.issuer: each for each in (self._local, *self._named.values())})
        kept = {id(each.source) for each in self._named.values()}
        for name, issuer in before.items():
            if id(issuer.source) not in kept:
                issuer.source.close()
            if name not in declared.issuers or declared.issuers[name] != issuer.declared:
                self._withdrawn()

    def tick(self) -> None:
        """Do what is due: obey the file, refresh keys."""
        self.follow()
        for issuer in self._named.values():
            issuer.source.tick()

    async def watch(self, *, interval_s: float = 0.5) -> None:
        """Do what is due until cancelled."""
        while True:
            try:
                self.tick()
            except Exception:  # without this loop no key would ever be renewed again
                log.exception("issuers could not be looked after; trying again")
            await asyncio.sleep(interval_s)

    def close(self) -> None:
        """Stop whatever is under way."""
        for issuer in self._named.values():
            issuer.source.close()

    def _trusted(self, name: str, issuer: Issuer, before: TrustedIssuer | None) -> TrustedIssuer:
        old = before.declared if before is not None else None
        if before is not None and old is not None and (old.keys, old.algorithm) == (issuer.keys, issuer.algorithm):
            source = before.source  # other rules need no other keys, and nobody shall wait for those that are here
        else:
            source = self._open_source(name, issuer, self._withdrawn)
        return TrustedIssuer(issuer.algorithm, TokenRules.of(issuer), source, issuer)

    def _withdrawn(self) -> None:
        self.version += 1


def source_opener(
    *, on_fetched: Callable[[str, bool], None] | None = None, on_read: Callable[[str, bool], None] | None = None
) -> OpenSource:
    """Return what opens the keys of declared issuers: at their address, or in their file.

    Args:
        on_fetched: Called after every fetch with the issuer's name and whether it gave keys.
        on_read: Called after every reading of a key file with whether it succeeded.
    """

    def open_source(name: str, issuer: Issuer, on_withdrawn: Callable[[], None]) -> KeySource:
        keys = issuer.keys
        if keys.url is not None:
            fetch = JwksFetcher(keys.url, ca_file=keys.ca_file)
            times = RemoteTimes(keys.refresh_seconds, keys.stale_seconds)
            return RemoteKeys(name, issuer.algorithm, fetch, times, on_withdrawn=on_withdrawn, on_fetched=on_fetched)
        if keys.file is None:
            raise AssertionError("an issuer was declared without keys")
        return FileKeys(keys.file, issuer.algorithm, on_withdrawn=on_withdrawn, on_read=on_read)

    return open_source
