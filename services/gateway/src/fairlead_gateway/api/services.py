"""What the API's routes need of the running gateway."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from fairlead_gateway.auth import Authenticator
from fairlead_gateway.catalog import Catalog
from fairlead_gateway.key_desk import KeyDesk
from fairlead_gateway.ledger.reader import LedgerReader
from fairlead_gateway.principal import Principal, permit, permit_admin


class Services(Protocol):
    """The part of the gateway's runtime that the API uses."""

    @property
    def authenticator(self) -> Authenticator:
        """Who is asking."""

    @property
    def catalog(self) -> Catalog:
        """What there is to ask for."""

    @property
    def ledger(self) -> LedgerReader:
        """What was used."""

    @property
    def keys(self) -> KeyDesk:
        """API keys and who may change them."""

    @property
    def loaded(self) -> Callable[[], bool]:
        """Whether the gateway knows enough to be asked."""

    @property
    def draining(self) -> Callable[[], bool]:
        """Whether the gateway has been told to stop."""


def services(request: Request) -> Services:
    """Return the services that the application was created with."""
    return cast("Services", request.app.state.services)


async def authenticated(request: Request, service: Annotated[Services, Depends(services)]) -> Principal:
    """Return who is asking.

    Raises:
        Unauthenticated, TooManyFailedAttempts: Nobody we know.
        IdentityUnavailable: Someone whose issuer's keys cannot be had.
    """
    headers, query = request.scope["headers"], request.scope.get("query_string", b"")
    peer = request.client.host if request.client is not None else ""
    return await service.authenticator.authenticate(headers, query, peer=peer)


GatewayServices = Annotated[Services, Depends(services)]
Caller = Annotated[Principal, Depends(authenticated)]


@dataclass(frozen=True, slots=True)
class Granted:
    """The rule of a route: only callers to whom it is granted, by its name in `fairlead_contract.grants`."""

    route: str

    async def __call__(self, caller: Caller) -> None:
        """Let the caller through.

        Raises:
            PermissionDenied: The route is not granted.
        """
        permit(caller, self.route)


@dataclass(frozen=True, slots=True)
class GrantedToAdmins(Granted):
    """The rule of a route that concerns all tenants: only admins to whom it is granted."""

    async def __call__(self, caller: Caller) -> None:
        """Let the caller through.

        Raises:
            PermissionDenied: The caller is no admin, or the route is not granted.
        """
        permit_admin(caller)
        permit(caller, self.route)
