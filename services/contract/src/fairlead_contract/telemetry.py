"""Names of the metrics that Fairlead exports, with their units; no SDK calls.

The replica's gauges leave through Ray's metrics agent, which puts `ray_` before each name. They work before the
replica's HTTP port is open, and they are how `fairlead status` and the operator learn what an engine said of itself. A
Job that fetches weights exports those of its download under the same names, without Ray's prefix (`replica_facts`).
"""

REPLICA_PHASE = "fairlead_replica_phase"
"""1 for the phase a replica is in; labels model, replica, phase."""

DOWNLOAD_BYTES = "fairlead_download_bytes"
DOWNLOAD_TOTAL_BYTES = "fairlead_download_total_bytes"
DOWNLOAD_REMAINING_SECONDS = "fairlead_download_remaining_seconds"
"""Seconds until all bytes are there, as the last minute went; -1 where nothing arrived in it."""

STARTUP_SECONDS = "fairlead_startup_seconds"
"""Seconds from the start of loading until the engine could answer."""

KV_CACHE_TOKENS = "fairlead_kv_cache_tokens"
"""Tokens that fit into the engine's KV cache."""

MAX_MODEL_LEN = "fairlead_max_model_len"
"""Tokens that one request may hold, prompt and answer together."""

ENGINE_RANK = "fairlead_engine_rank"
"""1 for each tensor- or pipeline-parallel rank; labels model, replica, rank, pid."""

GATEWAY_REQUESTS = "fairlead_request_total"
GATEWAY_DURATION_SECONDS = "fairlead_request_duration_seconds"
GATEWAY_TTFT_SECONDS = "fairlead_request_ttft_seconds"
GATEWAY_ITL_SECONDS = "fairlead_request_streaming_itl_seconds"
"""Inter-token latency: the mean gap between the tokens of a stream."""

GATEWAY_INPUT_TOKENS = "fairlead_request_input_tokens_total"
GATEWAY_OUTPUT_TOKENS = "fairlead_request_output_tokens_total"
GATEWAY_CACHED_TOKENS = "fairlead_request_cached_tokens_total"
GATEWAY_AUDIO_SECONDS = "fairlead_request_audio_seconds_total"
"""Seconds of sound that were transcribed or translated."""
GATEWAY_RUNNING = "fairlead_request_running"
GATEWAY_LIMITED = "fairlead_ratelimit_rejected_total"
GATEWAY_CACHE = "fairlead_cache_lookups_total"
GATEWAY_LIMITER_UP = "fairlead_limiter_up"
GATEWAY_CONFIG_RELOADS = "fairlead_config_reloads_total"
GATEWAY_UPSTREAM_RETRIES = "fairlead_upstream_retries_total"
GATEWAY_COST = "fairlead_cost_total"
"""In the currency of the declared prices; requests to models without a price are in none of it."""

LEDGER_BUFFERED = "fairlead_ledger_buffered_records"
LEDGER_WRITTEN = "fairlead_ledger_written_total"
LEDGER_DROPPED = "fairlead_ledger_dropped_total"
LEDGER_AT_RISK = "fairlead_ledger_at_risk"
GATEWAY_JWKS_FETCHES = "fairlead_jwks_fetches_total"
"""Attempts to fetch an issuer's keys; labels issuer, result (ok, failed)."""
TRACE_SPANS_EXPORTED = "fairlead_trace_spans_exported_total"
TRACE_SPANS_LOST = "fairlead_trace_spans_lost_total"
"""Label reason: buffer, export, shutdown."""

TRACE_LIMITED = "fairlead_traces_limited_total"
GATEWAY_RETRIES_REFUSED = "fairlead_upstream_retries_refused_total"
GATEWAY_CIRCUIT_OPEN = "fairlead_upstream_circuit_open"
GATEWAY_HELD = "fairlead_request_held"
GATEWAY_WATCH_UP = "fairlead_cluster_watch_up"
GATEWAY_LISTS = "fairlead_cluster_lists_total"
GATEWAY_MODELS = "fairlead_cluster_models"
GATEWAY_BODY_BYTES = "fairlead_request_body_bytes"
GATEWAY_BODIES_REFUSED = "fairlead_request_bodies_refused_total"
GATEWAY_UNTRUSTED_FORWARDED = "fairlead_untrusted_forwarded_total"
GATEWAY_UNAUTHENTICATED = "fairlead_authentication_failures_total"
"""Requests without valid credentials; label result (refused: 401, limited: 429 for too many of them)."""

OPERATOR_RECONCILES = "fairlead_operator_reconcile_total"
OPERATOR_ERRORS = "fairlead_operator_reconcile_errors_total"
OPERATOR_DURATION_SECONDS = "fairlead_operator_reconcile_duration_seconds"
OPERATOR_QUEUE_LENGTH = "fairlead_operator_queue_length"
OPERATOR_WRITES = "fairlead_operator_writes_total"
OPERATOR_MODELS = "fairlead_operator_models"
OPERATOR_REPLICAS = "fairlead_operator_model_replicas"
"""Labels model, state (ready, wanted)."""

OPERATOR_CONDITION = "fairlead_operator_model_condition"
OPERATOR_GATEWAYS = "fairlead_operator_gateways"
