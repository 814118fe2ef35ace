"""Tenants: who uses how much, whom limits refuse, and what it costs."""

from charts.dashboards.grafana import Choice, Dashboard, Levels, Panel, Query, Row
from charts.dashboards.queries import per_second, rate, share

REQUESTS = "fairlead_request_total"
CHOSEN = 'tenant=~"$tenant"'
REFUSED = f'code="429", {CHOSEN}'
NO_REQUESTS = "Empty while nobody asks anything."

REFUSALS = Row(
    "Whom do limits refuse?",
    (
        Panel(
            "Which share of a tenant's requests is refused with 429?",
            "Above 20 % for long: the tenant's client does not wait for Retry-After, or its plan is too small "
            "for its use.",
            (Query(share(rate(REQUESTS, REFUSED), rate(REQUESTS, CHOSEN), by="tenant"), "{{tenant}}"),),
            unit="percentunit",
            largest=1,
            levels=Levels(0.05, 0.2),
            empty=NO_REQUESTS,
        ),
        Panel(
            "How many requests are refused, by tenant?",
            "Who leads sends far more than its limits; `fairlead usage --by key` says with which key.",
            (per_second(REQUESTS, "tenant", REFUSED),),
            unit="reqps",
            empty="Empty while no limit has refused anything.",
        ),
        Panel(
            "Which limits refuse?",
            "scope says whose limit it is (tenant, key, model), unit which one. A model's limit refuses everybody.",
            (Query(f"sum by (scope, unit) ({rate('fairlead_ratelimit_rejected_total')})", "{{scope}}: {{unit}}"),),
            unit="reqps",
            stacked=True,
            empty="Empty while no limit has refused anything.",
        ),
    ),
)

USE = Row(
    "Who uses how much?",
    (
        Panel(
            "How many requests does each tenant send?",
            "A step up of one tenant explains queues of all.",
            (per_second(REQUESTS, "tenant", CHOSEN),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "How many tokens does each tenant read and have written?",
            "Prompt and generated tokens per second, as they are charged.",
            (
                Query(f"sum by (tenant) ({rate('fairlead_request_input_tokens_total', CHOSEN)})", "{{tenant}} in"),
                Query(f"sum by (tenant) ({rate('fairlead_request_output_tokens_total', CHOSEN)})", "{{tenant}} out"),
            ),
            empty=NO_REQUESTS,
        ),
        Panel(
            "What does each tenant cost per hour?",
            "In the currency of the declared prices; `fairlead usage` has the exact sums.",
            (Query(f"3600 * sum by (tenant) ({rate('fairlead_cost_total', CHOSEN)})", "{{tenant}}"),),
            empty="Empty where no model has a price.",
        ),
        Panel(
            "Who used the most tokens in the last day?",
            "The ten first.",
            (
                Query(
                    f"topk(10, sum by (tenant) (increase(fairlead_request_input_tokens_total{{{CHOSEN}}}[1d])"
                    f" + increase(fairlead_request_output_tokens_total{{{CHOSEN}}}[1d])))",
                    "{{tenant}}",
                ),
            ),
            kind="bargauge",
            empty=NO_REQUESTS,
        ),
        Panel(
            "Which models does it use?",
            "Requests per second of the chosen tenants, by model.",
            (per_second(REQUESTS, "model", CHOSEN),),
            unit="reqps",
            stacked=True,
            empty=NO_REQUESTS,
        ),
        Panel(
            "How many seconds of sound does each tenant send?",
            "Seconds of sound per second of time, as they are charged.",
            (Query(f"sum by (tenant) ({rate('fairlead_request_audio_seconds_total', CHOSEN)})", "{{tenant}}"),),
            empty="Zero where no model transcribes.",
        ),
    ),
)

TENANTS = Dashboard(
    "tenants",
    "who uses it, and whom do limits refuse?",
    "Choose tenants above. Names are those of the tenants file; past a thousand the rest are `other`.",
    (REFUSALS, USE),
    (Choice("tenant", REQUESTS, "tenant"),),
)
