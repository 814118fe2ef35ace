"""What KubeRay reports of Ray Serve in a RayService's status. Pure."""

from dataclasses import dataclass

from fairlead_operator.observed import Json

RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Application:
    """The model's application in one Ray cluster."""

    cluster: str
    status: str
    """Serve's own word; empty while it has said nothing."""

    message: str
    failure: str
    """Why it does not run, in Serve's words: the deployment's where it has some, since they hold the traceback."""


def active(rayservice: Json | None) -> Application | None:
    """Return the application in the cluster that has the traffic."""
    return _application(rayservice, "activeServiceStatus")


def pending(rayservice: Json | None) -> Application | None:
    """Return the application in the cluster that is being built."""
    return _application(rayservice, "pendingServiceStatus")


def applications(rayservice: Json | None) -> tuple[Application, ...]:
    """Return the applications of both clusters, the newer one first."""
    return tuple(each for each in (pending(rayservice), active(rayservice)) if each)


def is_heard(rayservice: Json) -> bool:
    """Return whether KubeRay has seen the present spec."""
    seen: int = rayservice.get("status", {}).get("observedGeneration", 0)
    wanted: int = rayservice["metadata"].get("generation", 0)
    return seen >= wanted


def _application(rayservice: Json | None, side: str) -> Application | None:
    status = (rayservice or {}).get("status", {}).get(side, {})
    cluster = status.get("rayClusterName")
    if not cluster:
        return None
    said: Json = next(iter(status.get("applicationStatuses", {}).values()), {})
    deployments = said.get("serveDeploymentStatuses", {}).values()
    told = [each["message"] for each in deployments if each.get("message")]
    message = said.get("message", "")
    return Application(cluster, said.get("status", ""), message, failure=told[0] if told else message)
