"""Every value of the chart `fairlead`, with its default and what it means.

`values.yaml`, `values.schema.json` and the reference of the documentation are written from this. What a service reads
as a setting is described by the service alone: `settings` takes each of them that the chart does not set itself.
"""

from typing import Annotated, Any, ClassVar, Literal

from charts.generate.settings import gateway_settings, operator_settings
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from fairlead_contract.issuers import Issuer, IssuerName
from fairlead_contract.tenants import Tenants
from fairlead_operator.accelerators import Accelerator

Object = dict[str, Any]

Name = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]
"""The name of an object; empty is none."""

Amount = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Labels = dict[str, str]

GatewaySettingsValue = Annotated[Object, WithJsonSchema(gateway_settings())]
OperatorSettingsValue = Annotated[Object, WithJsonSchema(operator_settings())]

DEFAULT_TENANTS = {"plans": {"default": {"requestsPerMinute": 600}}, "tenants": {"default": {"plan": "default"}}}


class _Values(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    folded: ClassVar[bool] = False
    """Whether values.yaml shows all of it as {}, since most installations set nothing of it."""


class Image(_Values):
    """Which images run."""

    registry: str = Field(
        "",
        description="Where your images lie, such as registry.example.com/fairlead. Required: no public registry holds "
        "them yet; `make images push REGISTRY=...` builds them and brings them there.",
    )
    tag: str = Field("", description="Their tag; empty is the chart's appVersion.")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field("IfNotPresent", description="When nodes pull them.")


class ServiceAccount(_Values):
    """The account that pods run under."""

    annotations: Labels = Field({}, description="For example for an identity at a cloud provider.")


class Resources(_Values):
    """What a container asks for and may use."""

    requests: dict[str, Amount | int] = Field({}, description="What is set aside for it.")
    limits: dict[str, Amount | int] = Field({}, description="What it may not exceed.")


class Pod(_Values):
    """What pods carry besides what the chart gives them."""

    folded: ClassVar[bool] = True

    annotations: Labels = Field({}, description="Annotations of the pods.")
    labels: Labels = Field({}, description="Labels of the pods, beside the chart's own.")
    node_selector: Labels = Field({}, description="Labels that a node must have.")
    tolerations: list[Object] = Field([], description="Taints of nodes that are tolerated.")
    affinity: Object = Field({}, description="Affinities, as Kubernetes writes them.")
    topology_spread_constraints: list[Object] = Field(
        [], description="How pods spread; the gateway's spread over nodes and zones where this is empty."
    )
    priority_class_name: Name = Field("", description="Their priority class.")
    extra_env: list[Object] = Field(
        [],
        description="Further environment variables, as Kubernetes writes them, such as OTEL_EXPORTER_OTLP_ENDPOINT.",
    )


class Autoscaling(_Values):
    """How many gateways run, by load."""

    enabled: bool = Field(
        default=False, description="Let a HorizontalPodAutoscaler choose how many run; needs a metrics server."
    )
    min_replicas: Count = Field(2, description="Fewest.")
    max_replicas: Count = Field(10, description="Most.")
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        70, description="CPU use, in percent of what is requested, above which more are started."
    )


class Service(_Values):
    """The Service that clients reach."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field("ClusterIP", description="Its type.")
    port: Port = Field(80, description="Its port.")
    annotations: Labels = Field({}, description="Its annotations.")


class Gateway(_Values):
    """The API gateway."""

    replicas: Count = Field(2, description="How many run, unless autoscaling is enabled.")
    autoscaling: Autoscaling = Field(Autoscaling(), description="More gateways under load.")
    max_unavailable: Annotated[int, Field(ge=0)] = Field(
        1, description="How many may be evicted at a time when nodes are drained; 0 blocks drains."
    )
    drain_notice_seconds: Annotated[int, Field(ge=0)] = Field(
        10, description="Time for which an ending gateway still accepts requests, until load balancers have noticed."
    )
    settings: GatewaySettingsValue = Field(
        {}, description="Settings of the gateway by their names, such as {log_level: debug}; see the reference."
    )
    service: Service = Field(Service(), description="The Service that clients reach.")
    resources: Resources = Field(
        Resources(requests={"cpu": "500m", "memory": "256Mi"}, limits={"memory": "1Gi"}),
        description="What each needs.",
    )
    service_account: ServiceAccount = Field(ServiceAccount(), description="Its account.")
    test_tenant: str = Field("", description="Tenant as which `helm test` asks; empty is the first that is declared.")
    pod: Pod = Field(Pod(), description="Labels, node selector, tolerations, affinity, extraEnv and more of its pods.")


class Operator(_Values):
    """The operator, which turns ModelDeployments into RayServices."""

    settings: OperatorSettingsValue = Field(
        {}, description="Settings of the operator by their names, such as {upgrade_strategy: None}; see the reference."
    )
    accelerators: dict[str, Accelerator] = Field(
        {}, description="Kinds of GPUs beside those known, or other labels of theirs; see docs/kubernetes/install.md."
    )
    resources: Resources = Field(
        Resources(requests={"cpu": "100m", "memory": "192Mi"}, limits={"memory": "512Mi"}),
        description="What it needs.",
    )
    service_account: ServiceAccount = Field(ServiceAccount(), description="Its account.")
    pod: Pod = Field(Pod(), description="Labels, node selector, tolerations, affinity, extraEnv and more of its pod.")


class Serving(_Values):
    """What models run in."""

    image: str = Field(
        "",
        description="Image of the pods that run models, where a ModelDeployment names none. Empty is fairlead-serving, "
        "for GPUs, of the registry above; fairlead-serving-cpu is the one for CPUs.",
    )


class Auth(_Values):
    """Secrets by which clients and gateways are known."""

    existing_secret: Name = Field(
        "",
        description="Secret with `jwt.key` (signs tokens) and `pepper` (keys the hashes of API keys), each at least 32 "
        "bytes. Empty makes one once and keeps it over upgrades; not under Argo CD, see docs/kubernetes/install.md.",
    )
    existing_api_keys_secret: Name = Field(
        "", description="Secret that holds API keys' hashes. Empty makes an empty one, which the gateways fill."
    )
    existing_hop_secret: Name = Field(
        "",
        description="Secret with `hop.key`, from which each model's secret is derived, at least 32 bytes. Empty makes "
        "one once, as above.",
    )


class Redis(_Values):
    """Where limits, the ledger and the cache lie if not in the chart's own Valkey."""

    url: str = Field(
        "", description="redis:// or rediss:// URL without a password, for limits and ledger; needs `noeviction`."
    )
    cache_url: str = Field("", description="Another for the cache of answers, best with `allkeys-lru`; empty shares.")
    existing_secret: Name = Field(
        "",
        description="Secret with the URLs under `url` and `cache-url`, where they hold passwords. With valkey.enabled "
        "it holds `password.conf` too: the line `requirepass PASSWORD`.",
    )


class Persistence(_Values):
    """Where the ledger is kept."""

    enabled: bool = Field(default=True, description="Keep it on a volume; else it is lost with the pod.")
    size: Amount = Field("8Gi", description="Size of the volume.")
    storage_class: Name = Field("", description="Its storage class; empty is the cluster's default.")


class Valkey(_Values):
    """The chart's own Valkey: one for limits and ledger, one for the cache."""

    enabled: bool = Field(default=True, description="Run it. One copy of each: for high availability, bring your own.")
    image: str = Field("docker.io/valkey/valkey:9.1.2", description="Its image.")
    ledger_memory: Annotated[str, Field(pattern=r"^[0-9]+(mb|gb)$")] = Field(
        "768mb", description="Most that limits and ledger take; writing fails above it, and nothing is evicted."
    )
    cache_memory: Annotated[str, Field(pattern=r"^[0-9]+(mb|gb)$")] = Field(
        "512mb", description="Most that cached answers take; the least used go first."
    )
    ledger_resources: Resources = Field(
        Resources(requests={"cpu": "100m", "memory": "1Gi"}, limits={"memory": "1536Mi"}),
        description="What the one with the ledger needs: twice its memory while it rewrites its file.",
    )
    cache_resources: Resources = Field(
        Resources(requests={"cpu": "100m", "memory": "640Mi"}, limits={"memory": "768Mi"}),
        description="What the one with the cache needs.",
    )
    persistence: Persistence = Field(Persistence(), description="Where the ledger is kept.")
    pod: Pod = Field(Pod(), description="Labels, node selector, tolerations, affinity and more of their pods.")


class HttpRoute(_Values):
    """A route of the Gateway API."""

    enabled: bool = Field(default=False, description="Make one; needs a Gateway.")
    parent_refs: list[Object] = Field([], description="The Gateways it belongs to, such as [{name: public}].")
    hostnames: list[str] = Field([], description="Names under which the API is asked.")
    annotations: Labels = Field({}, description="Its annotations.")


class Ingress(_Values):
    """An Ingress, where there is no Gateway API."""

    enabled: bool = Field(default=False, description="Make one.")
    class_name: Name = Field("", description="Its ingress class.")
    hosts: list[str] = Field([], description="Names under which the API is asked.")
    tls_secret: Name = Field("", description="Secret with the certificate of these names.")
    annotations: Labels = Field(
        {}, description="Its annotations: let answers stream (no buffering) for as long as the longest stream."
    )


class NetworkPolicy(_Values):
    """Who may reach what."""

    enabled: bool = Field(default=True, description="Let only the gateways reach Valkey, and only whom you name these.")
    clients: list[Object] = Field(
        [], description="Peers that may reach the API, as NetworkPolicies write them; empty is everybody."
    )


class Switch(_Values):
    """One kind of object for monitoring."""

    enabled: bool = Field(default=False, description="Make it.")


class Rules(_Values):
    """Prometheus' rules."""

    enabled: bool = Field(default=False, description="Make them.")
    runbooks_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        "",
        description="Where docs/runbooks.md is published for those on call, such as "
        "https://wiki.example.com/fairlead/runbooks; alerts link to its sections. Empty links to the file's own path.",
    )


class Dashboards(_Values):
    """Grafana's dashboards."""

    enabled: bool = Field(default=False, description="Make a ConfigMap of each dashboard.")
    labels: Labels = Field({"grafana_dashboard": "1"}, description="By which Grafana's sidecar finds them.")
    annotations: Labels = Field({}, description="For example the folder: {grafana_folder: Fairlead}.")


class Monitoring(_Values):
    """What Prometheus and Grafana need. All but the dashboards need the Prometheus operator."""

    namespace: Name = Field(
        "", description="Namespace that Prometheus scrapes from; empty lets every namespace reach the metrics."
    )
    labels: Labels = Field({}, description="Labels by which Prometheus finds these, such as {release: prometheus}.")
    interval: Annotated[str, Field(pattern=r"^[0-9]+(s|m)$")] = Field("15s", description="Time between two scrapes.")
    service_monitor: Switch = Field(Switch(), description="Scrape gateways and operator.")
    pod_monitor: Switch = Field(Switch(), description="Scrape models' pods; ray_vllm_* becomes vllm:*.")
    prometheus_rule: Rules = Field(Rules(), description="Alerts.")
    dashboards: Dashboards = Field(Dashboards(), description="Dashboards.")


class Values(_Values):
    """The whole of values.yaml."""

    image: Image = Field(Image(), description="Which images run.")
    image_pull_secrets: list[Name] = Field([], description="Names of Secrets for the registry.")
    watch_namespaces: list[Name] = Field(
        [],
        description="Namespaces whose ModelDeployments are served, and in which alone anything is allowed; they must "
        "exist. Empty is all of them.",
    )
    public_url: Annotated[str, Field(pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$")] = Field(
        "",
        description="Under which clients reach the API, such as https://api.example.com; shown in models' status. "
        "Empty is the gateway's address within the cluster.",
    )
    longest_stream_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        600, description="Longest time that an answer may take; whatever ends waits as long for what still streams."
    )
    keep_on_uninstall: bool = Field(
        default=False, description="Keep API keys, secrets and the ledger's volume when the release is removed."
    )
    tenants: Tenants = Field(
        Tenants.model_validate(DEFAULT_TENANTS),
        description="Who may use the API, and how much: plans, tenants and prices.",
    )
    existing_tenants_config_map: Name = Field(
        "", description="ConfigMap that holds this instead, under `tenants.yaml`."
    )
    issuers: dict[IssuerName, Issuer] = Field({}, description="Identity providers whose tokens are taken, by name.")
    auth: Auth = Field(Auth(), description="Secrets by which clients and gateways are known.")
    gateway: Gateway = Field(Gateway(), description="The API gateway.")
    operator: Operator = Field(Operator(), description="The operator, which turns ModelDeployments into RayServices.")
    serving: Serving = Field(Serving(), description="What models run in.")
    valkey: Valkey = Field(Valkey(), description="The chart's own Valkey: limits and ledger, and the cache of answers.")
    redis: Redis = Field(Redis(), description="Your own Redis or Valkey, with valkey.enabled: false.")
    http_route: HttpRoute = Field(HttpRoute(), description="A route of the Gateway API; first choice for clients.")
    ingress: Ingress = Field(Ingress(), description="An Ingress, where there is no Gateway API.")
    network_policy: NetworkPolicy = Field(NetworkPolicy(), description="Who may reach what.")
    monitoring: Monitoring = Field(
        Monitoring(), description="Prometheus and Grafana; all but dashboards need its operator."
    )
    common_labels: Labels = Field({}, description="Labels of everything that the chart makes.")
    fullname_override: Name = Field("", description="Beginning of all names of objects.")
