"""Errors of the API's routes, in the same envelopes as everywhere else."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fairlead_contract.errors import (
    FairleadError,
    InternalError,
    InvalidRequest,
    InvalidValue,
    MethodNotAllowed,
    UnknownRoute,
)
from fairlead_gateway.endpoints import ENDPOINTS, Dialect, dialect_of
from fairlead_gateway.envelope import render

MAX_SHOWN_PATH = 100

log = logging.getLogger(__name__)


class WrongMethod(MethodNotAllowed):
    """A path that exists, asked with a method that it has not; carries the `Allow` header."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.headers = [("allow", allowed)]


def install(app: FastAPI) -> None:
    """Let every error of an application leave in an envelope."""
    app.add_exception_handler(FairleadError, _fairlead)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)


async def _fairlead(request: Request, error: Exception) -> Response:
    if not isinstance(error, FairleadError):
        raise error
    path = request.scope["path"]
    dialect = Dialect.ANTHROPIC if "anthropic-version" in request.headers else dialect_of(path)
    status, headers, body = render(error, dialect, request.headers.get("x-request-id", ""))
    return Response(body, status, dict(headers))


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return await _fairlead(request, _of_http(request, error))


async def _validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return await _fairlead(request, InvalidValue(f"`{where}`: {first['msg']}.", param=where))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error on %s", request.scope["path"], exc_info=error)
    message = "The gateway failed to answer. Retry; if it happens again, tell the operator the request id."
    return await _fairlead(request, InternalError(message))


def _of_http(request: Request, error: HTTPException) -> FairleadError:
    path, method = request.scope["path"], request.method
    shown = path[:MAX_SHOWN_PATH]
    if path in ENDPOINTS:
        return WrongMethod(f"{method} is not allowed on {shown}. Use POST.", "POST")
    if error.status_code == MethodNotAllowed.http_status:
        allowed = _header(error.headers, "allow")
        return WrongMethod(f"{method} is not allowed on {shown}. Use {allowed}.", allowed)
    if error.status_code == UnknownRoute.http_status:
        return UnknownRoute(f"There is nothing at {method} {shown}. GET /v1/models lists the models.")
    return InvalidRequest(str(error.detail))


def _header(headers: Mapping[str, str] | None, name: str) -> str:
    return next((value for key, value in (headers or {}).items() if key.lower() == name), "GET")
