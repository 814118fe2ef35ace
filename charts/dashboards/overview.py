"""The first page: is anything wrong, what do clients see of it, and where do requests wait."""

from charts.dashboards.grafana import Choice, Dashboard, Levels, Panel, Query, Row
from charts.dashboards.queries import MODELS, now, per_second, quantiles, rate, share, slow_by

REQUESTS = "fairlead_request_total"
TTFT = "fairlead_request_ttft_seconds"
FAILED = f'code=~"5..", {MODELS}'
STREAMS = f'streaming="true", {MODELS}'
FAILED_ATTEMPT = 'result="failed"'
IDLE = "Empty while the engines have nothing to do: they say it with each step."
NO_REQUESTS = "Empty while nobody asks anything."
NO_STREAMS = "Empty while nobody streams."

NOW = Row(
    "Is anything wrong now?",
    (
        Panel(
            "Which alerts fire?",
            "Start with critical ones. Each name has an entry in the runbook.",
            (Query('ALERTS{alertname=~"Fairlead.*", alertstate="firing"}'),),
            kind="table",
            width=12,
            height=6,
            empty="Empty while no alert fires.",
        ),
        Panel(
            "This share of requests fails for our fault",
            "5xx answers, of all answers. From 1 % on clients notice: see below which model fails.",
            (Query(share(rate(REQUESTS, FAILED), rate(REQUESTS, MODELS))),),
            unit="percentunit",
            kind="stat",
            levels=Levels(0.01, 0.05),
            width=4,
            height=6,
            empty=NO_REQUESTS,
        ),
        Panel(
            "95 of 100 streams begin within",
            "The objective is 5 s for 99 of 100. If it is missed, see below where requests wait.",
            (Query(f"histogram_quantile(0.95, sum by (le) ({rate(TTFT + '_bucket', STREAMS)}))"),),
            unit="s",
            kind="stat",
            levels=Levels(2.5, 5),
            width=4,
            height=6,
            empty=NO_STREAMS,
        ),
        Panel(
            "Redis",
            "Lost: limits follow their declared policy, nothing is cached, and the ledger waits. Look at "
            "Valkey's pod and log.",
            (Query("min(fairlead_limiter_up)"),),
            kind="stat",
            levels=Levels(1, 0),
            means=((0, "lost"), (1, "answers")),
            width=4,
            height=6,
        ),
    ),
)

CLIENTS = Row(
    "What do clients see?",
    (
        Panel(
            "How many requests, and how are they answered?",
            "499 means that the client left first, 429 that a limit refused it, 503 that we have no capacity.",
            (per_second(REQUESTS, "code", MODELS),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "Which model fails?",
            "5xx answers per second. Open the page of the model that leads, and `fairlead status` or `kubectl "
            "get mdep`.",
            (per_second(REQUESTS, "model", FAILED),),
            unit="reqps",
            empty="Empty while nothing has failed.",
        ),
        Panel(
            "How long until a stream begins?",
            "From the request to the first byte, waiting for a start included. One objective for all: 5 s.",
            quantiles(TTFT, STREAMS),
            unit="s",
            levels=Levels(2.5, 5),
            empty=NO_STREAMS,
        ),
        Panel(
            "Which model keeps streams waiting?",
            "95 of 100 begin within this. Open the page of the slowest.",
            (slow_by(TTFT, "model", STREAMS),),
            unit="s",
            levels=Levels(2.5, 5),
            empty=NO_STREAMS,
        ),
        Panel(
            "How long is the pause between two tokens?",
            "Grows with the load of the engines: above 0.1 s text appears slower than people read.",
            quantiles("fairlead_request_streaming_itl_seconds", MODELS),
            unit="s",
            levels=Levels(0.1, 0.25),
            empty=NO_STREAMS,
        ),
        Panel(
            "How many tokens go in and out?",
            "Prompt tokens, those of them that were in an engine's prefix cache, and generated tokens, as they "
            "are charged.",
            (
                Query(f"sum({rate('fairlead_request_input_tokens_total', MODELS)})", "in"),
                Query(f"sum({rate('fairlead_request_cached_tokens_total', MODELS)})", "in, cached by the engine"),
                Query(f"sum({rate('fairlead_request_output_tokens_total', MODELS)})", "out"),
            ),
            unit="short",
            empty=NO_REQUESTS,
        ),
    ),
)

WAITING = Row(
    "Where do requests wait?",
    (
        Panel(
            "Waiting for a model to start",
            "A model that starts, or cannot. More than a start takes: see its replicas below.",
            (now("fairlead_request_held", "model", MODELS),),
            levels=Levels(100, 1000),
            empty="Empty until a request had to wait for the first time.",
        ),
        Panel(
            "Waiting in the engines",
            "Requests that a replica has taken but does not compute yet. Growing: raise maxReplicas, or lower limits.",
            (now("vllm:num_requests_waiting", "model", MODELS),),
            levels=Levels(10, 100),
            empty=IDLE,
        ),
        Panel(
            "How full is the KV cache?",
            "The fullest replica of each model. At 100 % requests wait or are computed twice.",
            (now("vllm:kv_cache_usage_perc", "model", MODELS, total="max"),),
            unit="percentunit",
            largest=1,
            levels=Levels(0.85, 0.95),
            empty=IDLE,
        ),
        Panel(
            "How many requests run?",
            "Admitted by the gateways and not over yet.",
            (now("fairlead_request_running", "model", MODELS),),
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "How many replicas are ready?",
            "None where some are wanted: requests wait, then get 503. A model at zero shows none and is well.",
            (Query(f'count by (model) (fairlead_replica_phase{{phase="ready", {MODELS}}} == 1)', "{{model}}"),),
            empty="Empty while every model is at zero.",
        ),
        Panel(
            "Whom does the gateway give a pause?",
            "1 while a model's requests are refused because five in a row failed. It is tried again after 1 to 30 s.",
            (now("fairlead_upstream_circuit_open", "model", MODELS, total="max"),),
            largest=1,
            levels=Levels(0.5, 1),
            empty="Empty until a model has failed for the first time.",
        ),
    ),
)

GATEWAY = Row(
    "Is the gateway itself well?",
    (
        Panel(
            "How many gateways are seen?",
            "Gateways that Prometheus could read. Fewer than wanted: `kubectl get pods`, or `fairlead status`.",
            (Query("count(fairlead_limiter_up)", "gateways"),),
            levels=Levels(1, 0),
        ),
        Panel(
            "How many records of the ledger wait or are lost?",
            "Waiting records are in the gateways' memory: they are written when Redis is back, the oldest are "
            "dropped at the bound.",
            (
                Query("sum(fairlead_ledger_buffered_records)", "waiting"),
                Query("sum(increase(fairlead_ledger_dropped_total[1h]))", "lost in the last hour"),
            ),
            levels=Levels(1000, 10000),
        ),
        Panel(
            "Which configuration was refused?",
            "Readings of files that failed: the last good content holds. The gateway's log says what is wrong.",
            (per_second("fairlead_config_reloads_total", "file", FAILED_ATTEMPT),),
            empty="Empty while every file could be read.",
        ),
        Panel(
            "Whose keys cannot be fetched?",
            "Attempts that failed, by issuer. Known keys hold on; tokens signed by new ones are refused.",
            (per_second("fairlead_jwks_fetches_total", "issuer", FAILED_ATTEMPT),),
            empty="Empty where no issuer's keys had to be fetched, or all could.",
        ),
        Panel(
            "Who comes without valid credentials?",
            "Refused with 401, or with 429 where one address sends too many. A step up is a broken client or a "
            "guesser.",
            (per_second("fairlead_authentication_failures_total", "result"),),
            unit="reqps",
            empty="Empty while nobody does.",
        ),
        Panel(
            "Are traces lost?",
            "Spans that no collector has got, by reason. Nothing else suffers.",
            (per_second("fairlead_trace_spans_lost_total", "reason"),),
            empty="Empty where nothing is traced.",
        ),
    ),
)

OVERVIEW = Dashboard(
    "overview",
    "is it well?",
    "Read it from the top: what is wrong, what clients see of it, where requests wait, and the gateway itself.",
    (NOW, CLIENTS, WAITING, GATEWAY),
    (Choice("model", REQUESTS, "model"),),
)
