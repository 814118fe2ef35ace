"""When each alert fires and when it does not: a table whose rows are sentences.

Series are written as promtool reads them, one sample a minute: `1+2x10` begins at 1 and grows by 2 ten times, `5x10`
stays at 5, `_x3` are three minutes without a sample; after `stale` nobody says it any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

READY = 'fairlead_replica_phase{model="m", replica="a", phase="ready"}'
STATUS = 'ray_serve_deployment_status{model="m"}'
TARGET = 'ray_serve_autoscaling_target_replicas{model="m"}'
SLOW = 'fairlead_request_ttft_seconds_bucket{model="m", streaming="true", le="5.0"}'
STREAMS = 'fairlead_request_ttft_seconds_count{model="m", streaming="true"}'
ANSWERED = 'fairlead_request_total{model="m", tenant="t", code="200"}'
FAILED = 'fairlead_request_total{model="m", tenant="t", code="503"}'
LIMITED = 'fairlead_request_total{model="m", tenant="t", code="429"}'


@dataclass(frozen=True, slots=True)
class Row:
    """What is seen for a while, and how often an alert fires then."""

    alert: str
    sentence: str
    series: Mapping[str, str]
    after_minutes: int
    firing: int = 1


def loading(replicas: int) -> dict[str, str]:
    """Return replicas that were loading one after the other, a minute each."""
    phase = 'fairlead_replica_phase{{model="m", replica="{number}", phase="loading"}}'
    return {phase.format(number=number): f"_x{number} 1 0" for number in range(replicas)}


MODELS = (
    Row(
        "FairleadModelHasNoReadyReplica",
        "the last replica is gone and Serve wants another",
        {READY: "1x10 stale", STATUS: "6x10 4x20"},
        20,
    ),
    Row(
        "FairleadModelHasNoReadyReplica",
        "Ray is gone altogether and the operator wants a replica",
        {READY: "1x10 stale", 'fairlead_operator_model_replicas{model="m", state="wanted"}': "1x30"},
        20,
    ),
    Row(
        "FairleadModelHasNoReadyReplica",
        "a replica is replaced within five minutes",
        {READY: "1x10 stale _x2 1x20", STATUS: "6x10 4x3 6x20"},
        14,
        0,
    ),
    Row("FairleadModelHasNoReadyReplica", "the model rests at zero", {READY: "1x10 stale", STATUS: "6x40"}, 30, 0),
    Row("FairleadModelHasNoReadyReplica", "the model is new and has never been ready", {STATUS: "3x40"}, 30, 0),
    Row("FairleadModelDoesNotStart", "a new model has not become ready for half an hour", {STATUS: "3x60"}, 32),
    Row(
        "FairleadModelDoesNotStart",
        "a new model loads for twenty minutes",
        {STATUS: "3x20 6x40", READY: "_x20 1x40"},
        35,
        0,
    ),
    Row(
        "FairleadModelUnhealthy",
        "Serve could not deploy it",
        {STATUS: "4x2 1x10"},
        6,
    ),
    Row("FairleadModelUnhealthy", "Serve is deploying it", {STATUS: "4x20"}, 15, 0),
    Row("FairleadReplicasDieAgainAndAgain", "four replicas were loaded and none is ready", loading(4), 10),
    Row(
        "FairleadReplicasDieAgainAndAgain",
        "a model woke and went back to sleep four times",
        loading(4) | {TARGET: "0 1 0 1 0 1 0 1 0x20"},
        10,
        0,
    ),
    Row(
        "FairleadReplicasDieAgainAndAgain",
        "eight replicas were loaded and none is ready, though nine of ten were wanted all the time",
        loading(8) | {TARGET: "10x5 9x20"},
        10,
    ),
    Row(
        "FairleadReplicasDieAgainAndAgain",
        "eight replicas were loaded and all are ready",
        loading(8)
        | {f'fairlead_replica_phase{{model="m", replica="{number}", phase="ready"}}': "1x20" for number in range(8)},
        10,
        0,
    ),
    Row(
        "FairleadDownloadStuck",
        "no byte has come for a quarter of an hour",
        {'fairlead_download_bytes{model="m"}': "0+100x5 500x30", 'fairlead_download_total_bytes{model="m"}': "1000x40"},
        25,
    ),
    Row(
        "FairleadDownloadStuck",
        "bytes come slowly",
        {'fairlead_download_bytes{model="m"}': "0+1x40", 'fairlead_download_total_bytes{model="m"}': "1000x40"},
        35,
        0,
    ),
    Row(
        "FairleadDownloadStuck",
        "everything is there",
        {'fairlead_download_bytes{model="m"}': "1000x40", 'fairlead_download_total_bytes{model="m"}': "1000x40"},
        35,
        0,
    ),
    Row(
        "FairleadRequestsWaitForStart",
        "requests have waited all the time",
        {'fairlead_request_held{model="m"}': "2x20"},
        10,
    ),
    Row(
        "FairleadRequestsWaitForStart",
        "requests wait for two minutes now and then",
        {'fairlead_request_held{model="m"}': "2x1 0 2x1 0 2x1 0 2x1 0 2x1 0"},
        10,
        0,
    ),
    Row(
        "FairleadModelPaused",
        "one of two gateways has refused a model for a minute",
        {
            'fairlead_upstream_circuit_open{model="m", instance="a"}': "1x5",
            'fairlead_upstream_circuit_open{model="m", instance="b"}': "0x5",
        },
        3,
    ),
    Row("FairleadModelPaused", "the model answers again", {'fairlead_upstream_circuit_open{model="m"}': "1 0x5"}, 3, 0),
    Row("FairleadStreamsBeginLate", "every fifth stream begins late", {SLOW: "0+8x70", STREAMS: "0+10x70"}, 65),
    Row(
        "FairleadStreamsBeginLate", "every twentieth stream begins late", {SLOW: "0+95x70", STREAMS: "0+100x70"}, 65, 0
    ),
    Row(
        "FairleadStreamsBeginLate",
        "it is over since ten minutes",
        {SLOW: "0+5x60 305+10x20", STREAMS: "0+10x80"},
        75,
        0,
    ),
    Row(
        "FairleadStreamsBeginLate",
        "three streams began late and there were no others",
        {SLOW: "0x70", STREAMS: "0 1 2 3x70"},
        4,
        0,
    ),
    Row(
        "FairleadStreamsBeginLateForLong",
        "every tenth stream has begun late for hours",
        {SLOW: "0+9x400", STREAMS: "0+10x400"},
        380,
    ),
    Row(
        "FairleadStreamsBeginLateForLong",
        "every fiftieth stream begins late",
        {SLOW: "0+98x400", STREAMS: "0+100x400"},
        380,
        0,
    ),
    Row("FairleadRequestsFail", "every tenth request fails", {ANSWERED: "0+90x70", FAILED: "0+10x70"}, 65),
    Row(
        "FairleadRequestsFail",
        "clients send what is wrong",
        {ANSWERED: "0+50x70", 'fairlead_request_total{model="m", code="400"}': "0+50x70"},
        65,
        0,
    ),
    Row(
        "FairleadRequestsFailForLong",
        "every twentieth request has failed for hours",
        {ANSWERED: "0+95x400", FAILED: "0+5x400"},
        380,
    ),
    Row(
        "FairleadRequestsFailForLong",
        "every hundredth request fails",
        {ANSWERED: "0+99x400", FAILED: "0+1x400"},
        380,
        0,
    ),
    Row("FairleadQueueGrows", "more requests come than go", {'vllm:num_requests_waiting{model="m"}': "0+3x30"}, 28),
    Row("FairleadQueueGrows", "a long queue gets shorter", {'vllm:num_requests_waiting{model="m"}': "200-3x30"}, 28, 0),
    Row(
        "FairleadKvCacheFull",
        "one of two replicas is full",
        {
            'vllm:kv_cache_usage_perc{model="m", ReplicaId="a"}': "0.99x20",
            'vllm:kv_cache_usage_perc{model="m", ReplicaId="b"}': "0.1x20",
        },
        15,
    ),
    Row(
        "FairleadKvCacheFull",
        "the cache is full for a moment",
        {'vllm:kv_cache_usage_perc{model="m"}': "0.99x5 0.5x20"},
        15,
        0,
    ),
)

GATEWAY = (
    Row("FairleadGatewayDown", "no gateway is seen", {"up": "1x10"}, 3),
    Row("FairleadGatewayDown", "one gateway is seen", {"fairlead_limiter_up": "1x10"}, 3, 0),
    Row(
        "FairleadRedisLost",
        "two gateways have lost Redis",
        {'fairlead_limiter_up{instance="a"}': "1x5 0x10", 'fairlead_limiter_up{instance="b"}': "1x5 0x10"},
        8,
        2,
    ),
    Row("FairleadRedisLost", "Redis was away for a moment", {"fairlead_limiter_up": "1x5 0 1x10"}, 7, 0),
    Row("FairleadLedgerLosesRecords", "a record was dropped", {"fairlead_ledger_dropped_total": "0x5 1x20"}, 8),
    Row(
        "FairleadLedgerLosesRecords",
        "a record was dropped long ago",
        {"fairlead_ledger_dropped_total": "0x5 1x30"},
        30,
        0,
    ),
    Row("FairleadLedgerBehind", "many records wait", {"fairlead_ledger_buffered_records": "5000x10"}, 8),
    Row("FairleadLedgerBehind", "few records wait", {"fairlead_ledger_buffered_records": "50x10"}, 8, 0),
    Row(
        "FairleadLedgerAtRisk",
        "Redis may evict records",
        {'fairlead_ledger_at_risk{setting="maxmemory-policy"}': "1x20"},
        18,
    ),
    Row(
        "FairleadLedgerAtRisk",
        "Redis keeps what it has",
        {'fairlead_ledger_at_risk{setting="maxmemory-policy"}': "0x20"},
        18,
        0,
    ),
    Row(
        "FairleadConfigurationRefused",
        "a file was refused for the first time",
        {'fairlead_config_reloads_total{file="tenants.yaml", result="failed"}': "_x5 1x20"},
        8,
    ),
    Row(
        "FairleadConfigurationRefused",
        "a file was refused once more",
        {'fairlead_config_reloads_total{file="tenants.yaml", result="failed"}': "3x20 4x20"},
        25,
    ),
    Row(
        "FairleadConfigurationRefused",
        "a file was refused long ago",
        {'fairlead_config_reloads_total{file="tenants.yaml", result="failed"}': "_x5 1x40"},
        30,
        0,
    ),
    Row(
        "FairleadIssuerKeysStale",
        "no attempt has succeeded for half an hour",
        {
            'fairlead_jwks_fetches_total{issuer="i", result="failed"}': "0+1x40",
            'fairlead_jwks_fetches_total{issuer="i", result="ok"}': "5x40",
        },
        35,
    ),
    Row(
        "FairleadIssuerKeysStale",
        "every other attempt succeeds",
        {
            'fairlead_jwks_fetches_total{issuer="i", result="failed"}': "0+1x40",
            'fairlead_jwks_fetches_total{issuer="i", result="ok"}': "0+1x40",
        },
        35,
        0,
    ),
    Row(
        "FairleadTenantRefusedOften",
        "half of a tenant's requests are refused",
        {LIMITED: "0+60x40", ANSWERED: "0+60x40"},
        30,
    ),
    Row(
        "FairleadTenantRefusedOften",
        "a tenth of a tenant's requests is refused",
        {LIMITED: "0+6x40", ANSWERED: "0+60x40"},
        30,
        0,
    ),
    Row("FairleadTenantRefusedOften", "all of very few requests are refused", {LIMITED: "0+1x40"}, 30, 0),
    Row(
        "FairleadCredentialsGuessed",
        "two a second come in vain",
        {'fairlead_authentication_failures_total{result="limited"}': "0+120x30"},
        20,
    ),
    Row(
        "FairleadCredentialsGuessed",
        "somebody has a wrong key",
        {'fairlead_authentication_failures_total{result="refused"}': "0+20x30"},
        20,
        0,
    ),
    Row(
        "FairleadRetriesExhausted",
        "the budget is spent all the time",
        {'fairlead_upstream_retries_refused_total{model="m"}': "0+5x20"},
        12,
    ),
    Row(
        "FairleadRetriesExhausted",
        "requests are sent again",
        {'fairlead_upstream_retries_total{model="m"}': "0+5x20"},
        12,
        0,
    ),
    Row(
        "FairleadTracesLost",
        "the collector takes nothing",
        {'fairlead_trace_spans_lost_total{reason="export"}': "0+5x30"},
        20,
    ),
    Row("FairleadTracesLost", "the collector takes all", {"fairlead_trace_spans_exported_total": "0+5x30"}, 20, 0),
)

RAY = (
    Row("FairleadPodGivesNoMetrics", "a model's pod cannot be read", {'up{model="ns/m", instance="a"}': "0x20"}, 15),
    Row("FairleadPodGivesNoMetrics", "something else cannot be read", {'up{job="node"}': "0x20"}, 15, 0),
    Row(
        "FairleadNodeMemoryFull",
        "nearly all memory is used",
        {'ray_node_mem_used{ip="a"}': "97x10", 'ray_node_mem_total{ip="a"}': "100x10"},
        8,
    ),
    Row(
        "FairleadNodeMemoryFull",
        "half of the memory is used",
        {'ray_node_mem_used{ip="a"}': "50x10", 'ray_node_mem_total{ip="a"}': "100x10"},
        8,
        0,
    ),
    Row("FairleadNodeDiskFull", "the disk is full", {'ray_node_disk_utilization_percentage{ip="a"}': "97x20"}, 15),
    Row("FairleadNodeDiskFull", "the disk has room", {'ray_node_disk_utilization_percentage{ip="a"}': "70x20"}, 15, 0),
    Row(
        "FairleadGpuHot",
        "one of two GPUs is hot",
        {
            'ray_node_gpu_temperature_celsius{ip="a", GpuIndex="0"}': "90x20",
            'ray_node_gpu_temperature_celsius{ip="a", GpuIndex="1"}': "60x20",
        },
        15,
    ),
    Row(
        "FairleadGpuHot", "the GPU is warm", {'ray_node_gpu_temperature_celsius{ip="a", GpuIndex="0"}': "75x20"}, 15, 0
    ),
    Row("FairleadNodesPending", "a node does not come", {'ray_cluster_pending_nodes{model="m"}': "1x30"}, 20),
    Row(
        "FairleadNodesPending",
        "a node comes after five minutes",
        {'ray_cluster_pending_nodes{model="m"}': "1x5 0x30"},
        20,
        0,
    ),
)

OPERATOR = (
    Row("FairleadOperatorDown", "no operator is seen", {"up": "1x10"}, 8),
    Row(
        "FairleadOperatorDown",
        "the operator is replaced within five minutes",
        {"fairlead_operator_queue_length": "0 _x3 0x10"},
        6,
        0,
    ),
    Row(
        "FairleadReconcileErrors",
        "one kind of error comes again and again",
        {'fairlead_operator_reconcile_errors_total{error="Forbidden"}': "0+2x30"},
        20,
    ),
    Row(
        "FairleadReconcileErrors",
        "an error came once",
        {'fairlead_operator_reconcile_errors_total{error="Forbidden"}': "0 1x30"},
        20,
        0,
    ),
    Row(
        "FairleadReconcileSlow",
        "looks take half a minute",
        {
            'fairlead_operator_reconcile_duration_seconds_bucket{le="10.0"}': "0+1x40",
            'fairlead_operator_reconcile_duration_seconds_bucket{le="30.0"}': "0+10x40",
            'fairlead_operator_reconcile_duration_seconds_bucket{le="+Inf"}': "0+10x40",
        },
        30,
    ),
    Row(
        "FairleadReconcileSlow",
        "looks are quick",
        {
            'fairlead_operator_reconcile_duration_seconds_bucket{le="0.1"}': "0+10x40",
            'fairlead_operator_reconcile_duration_seconds_bucket{le="+Inf"}': "0+10x40",
        },
        30,
        0,
    ),
    Row("FairleadOperatorQueueGrows", "more and more models wait", {"fairlead_operator_queue_length": "30+2x30"}, 25),
    Row("FairleadOperatorQueueGrows", "the queue is worked off", {"fairlead_operator_queue_length": "200-5x30"}, 25, 0),
    Row(
        "FairleadModelRefused",
        "a manifest cannot be served",
        {'fairlead_operator_model_condition{model="m", condition="Accepted"}': "0x10"},
        8,
    ),
    Row(
        "FairleadModelRefused",
        "a model is accepted and not ready yet",
        {
            'fairlead_operator_model_condition{model="m", condition="Accepted"}': "1x10",
            'fairlead_operator_model_condition{model="m", condition="Ready"}': "0x10",
        },
        8,
        0,
    ),
    Row(
        "FairleadStatusContradicted",
        "a Ready model is refused by a gateway",
        {
            'fairlead_operator_model_condition{model="m", condition="Ready"}': "1x10",
            'fairlead_upstream_circuit_open{model="m"}': "1x10",
        },
        5,
    ),
    Row(
        "FairleadStatusContradicted",
        "both say that it fails",
        {
            'fairlead_operator_model_condition{model="m", condition="Ready"}': "0x10",
            'fairlead_upstream_circuit_open{model="m"}': "1x10",
        },
        5,
        0,
    ),
    Row(
        "FairleadGatewayUnseenByOperator",
        "one of two gateways is not heard",
        {
            "fairlead_operator_gateways": "1x20",
            'fairlead_limiter_up{instance="a"}': "1x20",
            'fairlead_limiter_up{instance="b"}': "1x20",
        },
        15,
    ),
    Row(
        "FairleadGatewayUnseenByOperator",
        "both are heard",
        {
            "fairlead_operator_gateways": "2x20",
            'fairlead_limiter_up{instance="a"}': "1x20",
            'fairlead_limiter_up{instance="b"}': "1x20",
        },
        15,
        0,
    ),
)

ROWS = MODELS + GATEWAY + RAY + OPERATOR
