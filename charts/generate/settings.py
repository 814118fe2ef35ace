"""The services' settings as values of the chart: all but those that the chart sets itself."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_settings import BaseSettings

from fairlead_gateway.settings import GatewaySettings
from fairlead_operator.settings import Settings as OperatorSettings

Schema = dict[str, Any]

GATEWAYS_OWN: Final = frozenset(
    {"host", "port", "metrics_host", "metrics_port"}
    | {"source", "namespaces", "tenants_config_map", "api_keys_secret"}
    | {"routes_file", "tenants_file", "api_keys_file", "jwt_key_file", "pepper_file", "hop_key_file", "issuers_file"}
    | {"redis_url", "redis_url_file", "cache_redis_url", "cache_redis_url_file"}
    | {"gateways", "longest_stream_s", "drain_notice_s"}
)
"""What the gateway is told by other values, or by the chart's own names and mounts."""

OPERATORS_OWN: Final = frozenset(
    {"host", "metrics_port", "health_port"}
    | {"namespaces", "serving_image", "image_pull_policy", "image_pull_secrets", "public_url", "longest_stream_s"}
    | {"gateway_namespace", "gateway_pod_labels", "gateway_service", "gateway_internal_urls", "hop_root_file"}
    | {"operator_namespace", "operator_pod_labels", "monitoring_namespace", "accelerators_file"}
)
"""What the operator is told in the same way."""


def gateway_settings() -> Schema:
    """Return the schema of `gateway.settings`."""
    return _settings(GatewaySettings, GATEWAYS_OWN)


def operator_settings() -> Schema:
    """Return the schema of `operator.settings`."""
    return _settings(OperatorSettings, OPERATORS_OWN)


def _settings(model: type[BaseSettings], own: frozenset[str]) -> Schema:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    properties = {name: _inlined(each, definitions) for name, each in schema["properties"].items() if name not in own}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _inlined(schema: Any, definitions: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - JSON
    """Return a schema without references, since its definitions stay behind."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _inlined(part, definitions) for key, part in schema.items() if key != "$ref"}
    if "$ref" in schema:
        return {**_inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions), **rest}
    return rest
