"""One model: what its clients see, what its engines do, and how far its replicas are."""

from charts.dashboards.grafana import Choice, Dashboard, Levels, Panel, Query, Row
from charts.dashboards.queries import MODELS, last, now, per_second, quantiles, rate, share, slow_by

SERVED = f'{MODELS}, streaming="true"'
IDLE = "Empty while the engines have nothing to do: they say it with each step."
NO_REQUESTS = "Empty while nobody asks anything."
NO_STREAMS = "Empty while nobody streams."
AT_ZERO = "Empty while the model is at zero."

CLIENTS = Row(
    "What do its clients see?",
    (
        Panel(
            "How are its requests answered?",
            "499: the client left first. 429: a limit. 503: no replica, or no room. 500 and 502: the engine's "
            "log says why.",
            (per_second("fairlead_request_total", "code", MODELS),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "How long until a stream begins?",
            "From the request to the first byte, at the gateway. Compare with the engine's own below: the rest "
            "is waiting.",
            quantiles("fairlead_request_ttft_seconds", SERVED),
            unit="s",
            levels=Levels(2.5, 5),
            empty=NO_STREAMS,
        ),
        Panel(
            "How long does a whole answer take?",
            "Grows with what is asked for; together with the pause between tokens it is the engine's load.",
            quantiles("fairlead_request_duration_seconds", MODELS),
            unit="s",
            empty=NO_REQUESTS,
        ),
        Panel(
            "How long is the pause between two tokens?",
            "Above 0.1 s text appears slower than people read: fewer requests per replica (targetOngoingRequests).",
            quantiles("fairlead_request_streaming_itl_seconds", MODELS),
            unit="s",
            levels=Levels(0.1, 0.25),
            empty=NO_STREAMS,
        ),
        Panel(
            "How many requests run, and how many wait for a start?",
            "Held requests wait for a replica; they get 503 after 20 s, streams after 120 s.",
            (
                Query(f"sum(fairlead_request_running{{{MODELS}}})", "running"),
                Query(f"sum(fairlead_request_held{{{MODELS}}})", "held"),
            ),
            empty=NO_REQUESTS,
        ),
        Panel(
            "Does the gateway have to try again?",
            "Requests sent a second time, those for which the retry budget was spent, and whether the model is "
            "given a pause.",
            (
                Query(f"sum({rate('fairlead_upstream_retries_total', MODELS)})", "sent again"),
                Query(f"sum({rate('fairlead_upstream_retries_refused_total', MODELS)})", "not sent again"),
                Query(f"max(fairlead_upstream_circuit_open{{{MODELS}}})", "refused: 1"),
            ),
            empty="Empty while nothing fails.",
        ),
    ),
)

ENGINES = Row(
    "What do its engines do?",
    (
        Panel(
            "How many requests does each replica compute, and how many wait in it?",
            "Waiting requests while others run: the batch is full. Waiting and none running: the engine hangs.",
            (
                now("vllm:num_requests_running", "ReplicaId", MODELS),
                Query(f"sum by (ReplicaId) (vllm:num_requests_waiting{{{MODELS}}})", "{{ReplicaId}} waiting"),
            ),
            empty=IDLE,
        ),
        Panel(
            "How full is the KV cache of each replica?",
            "Full: requests wait or are computed twice. Shorter max-model-len, more memory, or more replicas.",
            (now("vllm:kv_cache_usage_perc", "ReplicaId", MODELS, total="max"),),
            unit="percentunit",
            largest=1,
            levels=Levels(0.85, 0.95),
            empty=IDLE,
        ),
        Panel(
            "How often is a request thrown out of the KV cache?",
            "Each is computed again from its start. More than now and then: the KV cache is too small for this load.",
            (Query(f"sum by (ReplicaId) ({rate('vllm:num_preemptions_total', MODELS)})", "{{ReplicaId}}"),),
            empty="Empty until it happened for the first time.",
        ),
        Panel(
            "Where does the time to the first token go?",
            "Queue: too few replicas. Prefill: long prompts. First token: the sum, as the engine saw it.",
            (
                Query(slow_by("vllm:request_queue_time_seconds", "model", MODELS).expression, "{{model}} in the queue"),
                Query(slow_by("vllm:request_prefill_time_seconds", "model", MODELS).expression, "{{model}} prefill"),
                Query(slow_by("vllm:time_to_first_token_seconds", "model", MODELS).expression, "{{model}} first token"),
            ),
            unit="s",
            empty=NO_REQUESTS,
        ),
        Panel(
            "How many tokens does it read and write?",
            "Prompt and generated tokens per second, over all replicas.",
            (
                Query(f"sum({rate('vllm:prompt_tokens_total', MODELS)})", "prompt"),
                Query(f"sum({rate('vllm:generation_tokens_total', MODELS)})", "generated"),
            ),
            empty=NO_REQUESTS,
        ),
        Panel(
            "How much of the prompts is in the prefix cache?",
            "Falls when prompts begin with something that changes, such as a date: ask clients to put it last.",
            (
                Query(
                    share(
                        rate("vllm:prefix_cache_hits_total", MODELS), rate("vllm:prefix_cache_queries_total", MODELS)
                    ),
                    "hits",
                ),
            ),
            unit="percentunit",
            largest=1,
            empty=NO_REQUESTS,
        ),
        Panel(
            "Why do answers end?",
            "length: cut by max_tokens. abort: the client left. error: see the engine's log.",
            (per_second("vllm:request_success_total", "finished_reason", MODELS),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "How long are prompts and answers?",
            "Half are shorter than p50. Longer ones need more KV cache and more time to the first token.",
            (
                *(
                    Query(query.expression, f"prompt {query.legend}")
                    for query in quantiles("vllm:request_prompt_tokens", MODELS)[:2]
                ),
                *(
                    Query(query.expression, f"answer {query.legend}")
                    for query in quantiles("vllm:request_generation_tokens", MODELS)[:2]
                ),
            ),
            empty=NO_REQUESTS,
        ),
        Panel(
            "Is the gateway's cache of answers any use?",
            "Of all models, by result. bypass: the request may not be cached; foreign: another revision's answer.",
            (per_second("fairlead_cache_lookups_total", "result"),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
    ),
)

REPLICAS = Row(
    "How far are its replicas?",
    (
        Panel(
            "What are its replicas doing?",
            "failed or loading again and again: the status names the cause (`fairlead status`, `kubectl "
            "describe mdep`).",
            (Query(f"sum by (phase) (fairlead_replica_phase{{{MODELS}}})", "{{phase}}"),),
            stacked=True,
            empty=AT_ZERO,
        ),
        Panel(
            "What does Ray Serve say of it?",
            "6 healthy, 5 shrinking, 4 growing, 3 updating, 2 unhealthy, 1 failed.",
            (last("ray_serve_deployment_status", "model", MODELS, total="min"),),
            largest=6,
            levels=Levels(5, 2),
        ),
        Panel(
            "How far is the download?",
            "Standing still for ten minutes: the hub, the proxy, the disk or the token. The pod's log says which.",
            (
                Query(
                    f"max by (model) (fairlead_download_bytes{{{MODELS}}})"
                    f" / (max by (model) (fairlead_download_total_bytes{{{MODELS}}}) > 0)",
                    "{{model}}",
                ),
            ),
            unit="percentunit",
            largest=1,
            empty="Empty where weights lie on a volume or in the image, or were there already.",
        ),
        Panel(
            "How long did its replicas take to load?",
            "From the start of loading until the engine answered; how long a client waits when the model wakes.",
            (now("fairlead_startup_seconds", "model", MODELS, total="max"),),
            unit="s",
            empty=AT_ZERO,
        ),
        Panel(
            "How many tokens fit into the KV cache?",
            "Of one replica, as the engine said when it started; divided by the usual length it is how many "
            "run at once.",
            (now("fairlead_kv_cache_tokens", "model", MODELS, total="min"),),
            empty=AT_ZERO,
        ),
        Panel(
            "How many times did replicas fail their health check?",
            "A replica that fails is replaced. Again and again: an engine that hangs or dies; its log says of what.",
            (Query(f"sum by (model) (increase(ray_serve_health_check_failures_total{{{MODELS}}}[5m]))", "{{model}}"),),
            levels=Levels(1, 3),
            empty="Empty until one failed for the first time.",
        ),
    ),
)

MODEL = Dashboard(
    "model",
    "what is with this model?",
    "Choose a model above. Clients first, then engines, then replicas.",
    (CLIENTS, ENGINES, REPLICAS),
    (Choice("model", "fairlead_request_running", "model"),),
)
