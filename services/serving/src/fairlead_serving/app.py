"""What Ray Serve imports: `fairlead_serving.app:build`."""

from typing import Any, cast

from ray import serve

from fairlead_contract.replica import ReplicaSpec
from fairlead_serving.replica import Replica


def build(args: dict[str, Any]) -> serve.Application:
    """Return the Serve application of one ModelDeployment.

    Args:
        args: A `ReplicaSpec` as JSON-able values; all else (bounds, time-outs) is Serve's configuration.

    Raises:
        pydantic.ValidationError: if `args` is no `ReplicaSpec`.
    """
    spec = ReplicaSpec.model_validate(args)
    return cast(serve.Deployment, Replica).bind(spec.model_dump(mode="json"))
