"""Issuers of tokens besides our own, declared in one YAML file.

    issuers:
      keycloak:
        issuer: https://id.example.com/realms/acme
        audience: fairlead
        algorithm: RS256
        keys: {url: https://id.example.com/realms/acme/protocol/openid-connect/certs}
        tenant: {claim: groups, values: {ml-team: acme, web-team: globex}}

An issuer has one algorithm, which is never taken from a token. Who signs with an issuer's keys speaks for every tenant
that its `tenant` rule can give, so a mapping with `values` bounds an issuer and a bare claim trusts it with all.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from fairlead_contract.errors import ManifestError
from fairlead_contract.mistakes import mistake, mistakes_of
from fairlead_contract.tenants import TenantName
from fairlead_contract.yaml_documents import read_documents, to_json

DAY_S = 24 * 3600
MAX_ISSUERS = 64

Algorithm = Literal["RS256", "ES256", "EdDSA"]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


def _path(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str) else value


ClaimPath = Annotated[
    tuple[str, ...], Field(min_length=1, max_length=8), BeforeValidator(_path, json_schema_input_type=str | list[str])
]
"""A claim's name, whatever characters it has, or the list of names that leads to one inside others."""


class KeysSource(_Declared):
    """Where an issuer's public keys come from.

    Attributes:
        url: A JWKS document's address.
        ca_file: Certificates that its server's may be signed by, instead of the system's.
        file: A JWKS document or a PEM public key on disk, read again whenever it changes.
        refresh_seconds: Time between two fetches.
        stale_seconds: Time for which fetched keys stay in force while fetching fails.
    """

    url: str | None = Field(default=None, max_length=2048)
    ca_file: Path | None = None
    file: Path | None = None
    refresh_seconds: int = Field(default=300, ge=30, le=DAY_S)
    stale_seconds: int = Field(default=DAY_S, ge=300, le=7 * DAY_S)

    @field_validator("url")
    @classmethod
    def _url_is_safe(cls, url: str | None) -> str | None:
        if url is not None:
            _check_url(url)
        return url

    @field_validator("file", "ca_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise mistake(f"is the relative path '{path}'", "write it from the root, such as /etc/fairlead/keys.json")
        return path

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.file is None):
            raise mistake("needs exactly one of url and file", "write {url: https://...} or {file: /...}")
        if self.stale_seconds < self.refresh_seconds:
            raise mistake("is less than refreshSeconds", "write at least as much", at="staleSeconds")
        return self


class TenantRule(_Declared):
    """How a token's tenant is found.

    Attributes:
        name: The tenant of every token of the issuer.
        claim: The claim that gives the tenant: its very name, or with `values` what those map to a name.
        values: Claim values to tenants; of a claim that is a list, exactly one tenant must come out.
    """

    name: TenantName | None = None
    claim: ClaimPath | None = None
    values: dict[str, TenantName] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.name is None) == (self.claim is None):
            raise mistake("needs exactly one of name and claim", "write {claim: tenant} or {name: acme}")
        if self.name is not None and self.values is not None:
            raise mistake("belongs to claim, not to name", "remove it", at="values")
        return self


class ScopesRule(_Declared):
    """Which claim holds scopes, as text with spaces or as a list, and whether a token must have one of ours."""

    claim: ClaimPath = ("scope",)
    required: bool = False


class Issuer(_Declared):
    """Someone whose tokens are taken."""

    issuer: str = Field(min_length=1, max_length=512, pattern=r"^\S+$", description="The tokens' `iss`, exactly.")
    audience: str = Field(min_length=1, max_length=512, description="What their `aud` must be or hold.")
    algorithm: Algorithm
    keys: KeysSource
    tenant: TenantRule
    scopes: ScopesRule = Field(default_factory=ScopesRule)
    leeway_seconds: int = Field(default=30, ge=0, le=300, description="By how much clocks may differ.")
    max_token_seconds: int = Field(default=DAY_S, ge=60, le=400 * DAY_S, description="Longest life of a token.")


IssuerName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Issuers(_Declared):
    """The whole issuers file."""

    issuers: dict[IssuerName, Issuer] = Field(max_length=MAX_ISSUERS)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        owners: dict[str, str] = {}
        for name, declared in self.issuers.items():
            owner = owners.setdefault(declared.issuer, name)
            if owner != name:
                raise mistake(
                    f"is that of {owner!r} already, and an issuer has one algorithm and one set of keys",
                    "keep one of the two",
                    at=f"issuers.{name}.issuer",
                )
        return self


NO_ISSUERS = Issuers(issuers={})


def parse_issuers(text: str, *, where: str) -> Issuers:
    """Read an issuers file; an empty one declares nobody.

    Raises:
        ManifestError: One line per mistake.
    """
    documents = read_documents(text, where=where)
    try:
        return Issuers.model_validate_json(to_json(documents[0] if documents else {"issuers": {}}))
    except ValidationError as error:
        raise ManifestError(where, mistakes_of(error, Issuers)) from None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise mistake("is no address", "write one of the form https://host/path") from None
    if not host or not url.isascii() or any(character.isspace() for character in url):
        raise mistake("is no address", "write one of the form https://host/path")
    if parts.username or parts.password:
        raise mistake("holds credentials", "leave them out: public keys need none")
    if parts.fragment:
        raise mistake("has a fragment", "leave out what stands behind #")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise mistake("is not https", "write https://...; http is for 127.0.0.1, ::1 and localhost only")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
