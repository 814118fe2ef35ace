"""What can go wrong between a person and their own machine."""

from fairlead_contract.errors import FairleadError


class PreflightFailed(FairleadError):
    """The machine lacks something, found before anything was started or downloaded."""

    code = "preflight_failed"


class PlatformNotRunning(FairleadError):
    """A command needs the platform, which is down."""

    code = "platform_not_running"
    http_status = 503


class PlatformStartFailed(FairleadError):
    """A part of the platform did not come up."""

    code = "platform_start_failed"


class ServeRefused(FairleadError):
    """Ray Serve did not take the applications."""

    code = "serve_refused"
    http_status = 502


class RayUnreachable(FairleadError):
    """Ray's dashboard does not answer."""

    code = "ray_unreachable"
    http_status = 503
    retryable = True


class ModelsFailed(FairleadError):
    """At least one model did not get ready."""

    code = "models_failed"


class UnknownName(FairleadError):
    """A model or tenant that does not exist here."""

    code = "unknown_name"
    http_status = 404
