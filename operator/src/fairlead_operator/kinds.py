"""The kinds of objects that the operator reads or writes, as lightkube's classes whose objects are plain JSON."""

from dataclasses import dataclass

from lightkube.core.resource import ApiInfo, ResourceDef
from lightkube.generic_resource import GenericNamespacedResource, create_api_info

from fairlead_contract.names import API_GROUP, API_VERSION_NAME, KIND, PLURAL

Resource = type[GenericNamespacedResource]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind, and what lightkube asks for by it."""

    api_version: str
    name: str
    resource: Resource
    status: Resource


def _kind(api_version: str, name: str, plural: str) -> Kind:
    group, _, version = api_version.rpartition("/")
    definition = ResourceDef(group, version, name)
    status = ApiInfo(definition, plural, ["get", "patch", "put"], parent=definition, action="status")
    return Kind(
        api_version,
        name,
        resource=_resource(name, create_api_info(group, version, name, plural)),
        status=_resource(f"{name}Status", status),
    )


def _resource(name: str, info: ApiInfo) -> Resource:
    made: Resource = type(name, (GenericNamespacedResource,), {"_api_info": info})
    return made


MODEL_DEPLOYMENT = _kind(f"{API_GROUP}/{API_VERSION_NAME}", KIND, PLURAL)
RAY_SERVICE = _kind("ray.io/v1", "RayService", "rayservices")
POD = _kind("v1", "Pod", "pods")
EVENT = _kind("v1", "Event", "events")
SECRET = _kind("v1", "Secret", "secrets")
CONFIG_MAP = _kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = _kind("v1", "ServiceAccount", "serviceaccounts")
VOLUME_CLAIM = _kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
JOB = _kind("batch/v1", "Job", "jobs")
NETWORK_POLICY = _kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET = _kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
ENDPOINT_SLICE = _kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")

_CHILDREN = (
    RAY_SERVICE,
    SECRET,
    CONFIG_MAP,
    SERVICE_ACCOUNT,
    VOLUME_CLAIM,
    JOB,
    NETWORK_POLICY,
    DISRUPTION_BUDGET,
)
_BY_NAME = {(kind.api_version, kind.name): kind for kind in _CHILDREN}


def child_kind(api_version: str, name: str) -> Kind:
    """Return a kind of object that the operator may own.

    Raises:
        KeyError: It owns none of that kind.
    """
    return _BY_NAME[api_version, name]
