"""Verifies JSON web tokens, stricter than the standard asks: form, issuer, its one algorithm, claims, signature.

Who signed is asked of the token (`iss`); how and with which keys is asked of the issuer's declaration alone, so a token
never chooses its algorithm (RFC 8725, section 3.1).
"""

from pathlib import Path
from typing import Final, get_args

import jwt

from fairlead_contract.issuers import Algorithm
from fairlead_gateway.issuers import LOCAL_ALGORITHM, IssuerDirectory
from fairlead_gateway.key_source import KeySource
from fairlead_gateway.token_claims import Claims, read_claims
from fairlead_gateway.token_form import InvalidToken, read_token

_ALGORITHMS: Final = (LOCAL_ALGORITHM, *get_args(Algorithm))


class KeyMissing(Exception):
    """A token that may be good, whose key is not known; its source may learn of it."""

    def __init__(self, source: KeySource) -> None:
        super().__init__("unknown kid")
        self.source = source


class TokenVerifier:
    """Verifies tokens of all issuers."""

    def __init__(self, issuers: IssuerDirectory) -> None:
        self._issuers = issuers
        # The claims are checked by ourselves against one clock, instead of by the library against another.
        self._jws = jwt.PyJWS(algorithms=_ALGORITHMS, options={"enforce_minimum_key_length": True})

    @property
    def version(self) -> int:
        """Grows whenever a token that was verified may be good no more, for another reason than its age."""
        self._issuers.follow()
        return self._issuers.version

    def verify(self, token: str, *, now: float) -> Claims:
        """Return what a token says.

        Args:
            token: The token as it was sent.
            now: Unix seconds.

        Raises:
            InvalidToken: The token is not one of ours, or not now.
            KeyMissing: Its issuer is known and its key is not.
        """
        read = read_token(token)
        iss = read.claims.get("iss")
        issuer = self._issuers.find(iss) if isinstance(iss, str) else None
        if issuer is None:
            raise InvalidToken("foreign issuer")
        if read.algorithm != issuer.algorithm:
            raise InvalidToken("foreign algorithm")
        claims = read_claims(read.claims, issuer.rules, now=now)
        key = issuer.source.keys.find(read.key_id)
        if key is None:
            raise KeyMissing(issuer.source)
        try:
            self._jws.decode(token, key=key, algorithms=[issuer.algorithm])
        except jwt.PyJWTError as error:
            raise InvalidToken(f"signature: {type(error).__name__}") from None
        return claims


def read_token_key(path: Path) -> bytes:
    """Read the token key: the file's content without surrounding white space."""
    return path.read_bytes().strip()
