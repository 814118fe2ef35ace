"""The operator: does it keep up, and what stops it."""

from charts.dashboards.grafana import Dashboard, Levels, Panel, Query, Row
from charts.dashboards.queries import per_second, rate

DURATION = "fairlead_operator_reconcile_duration_seconds"
NEEDED = 'condition!~"Progressing|Suspended"'
"""The conditions that are True of a model which is well."""

ONE_MACHINE = "Empty where no operator runs, as on one machine."

WORK = Row(
    "Does the operator keep up?",
    (
        Panel(
            "How often does it reconcile, and with what outcome?",
            "Errors again and again: see the reasons, then `kubectl get mdep` for the model that shows one.",
            (per_second("fairlead_operator_reconcile_total", "result"),),
            unit="ops",
            stacked=True,
            empty=ONE_MACHINE,
        ),
        Panel(
            "Why does it fail?",
            "What each reason means stands in the runbook below FairleadReconcileErrors.",
            (per_second("fairlead_operator_reconcile_errors_total", "error"),),
            unit="ops",
            empty="Empty while nothing fails, and where no operator runs.",
        ),
        Panel(
            "How long does one model take?",
            "95 of 100. Above 5 s the API server is slow, or throttles it.",
            (Query(f"histogram_quantile(0.95, sum by (le) ({rate(DURATION + '_bucket')}))", "p95"),),
            unit="s",
            levels=Levels(5, 20),
            empty=ONE_MACHINE,
        ),
        Panel(
            "How many models are in which phase?",
            "Failed ones need somebody: `kubectl get mdep -A -o wide` shows why.",
            (Query("sum by (phase) (fairlead_operator_models)", "{{phase}}"),),
            stacked=True,
            empty=ONE_MACHINE,
        ),
        Panel(
            "How many models wait to be looked at?",
            "Growing: the operator does not keep up, or the API server is slow.",
            (Query("max(fairlead_operator_queue_length)", "waiting"),),
            levels=Levels(50, 200),
            empty=ONE_MACHINE,
        ),
        Panel(
            "What does it write?",
            "Nothing at rest. Writes that do not end: somebody else changes the same objects.",
            (per_second("fairlead_operator_writes_total", "kind"),),
            unit="ops",
            stacked=True,
            empty=ONE_MACHINE,
        ),
    ),
)

MODELS = Row(
    "What does it say of the models?",
    (
        Panel(
            "Which models lack replicas that they want?",
            "Wanted less ready, by model. For long: no room, or a start that fails; `kubectl describe mdep` "
            "says which.",
            (
                Query(
                    'sum by (model) (fairlead_operator_model_replicas{state="wanted"})'
                    ' - sum by (model) (fairlead_operator_model_replicas{state="ready"}) > 0',
                    "{{model}}",
                ),
            ),
            empty="Empty while all have them, and where no operator runs.",
        ),
        Panel(
            "Which models are not ready, and by which condition?",
            "Accepted: the manifest. ModelCached: the weights. WorkloadReady: the replicas. RouteReady: the gateways.",
            (Query(f"fairlead_operator_model_condition{{{NEEDED}}} == 0", "{{model}} {{condition}}"),),
            kind="table",
            empty="Empty while all is well, and where no operator runs.",
        ),
        Panel(
            "How many gateways tell it how they route?",
            "Fewer than there are: it cannot see all, and calls no model Ready on the word of the others.",
            (
                Query("max(fairlead_operator_gateways)", "tell the operator"),
                Query("count(fairlead_limiter_up)", "tell Prometheus"),
            ),
            empty=ONE_MACHINE,
        ),
    ),
)

OPERATOR = Dashboard(
    "operator",
    "does the operator keep up?",
    "What is applied becomes what runs through the operator. While it is down everything runs on as it was.",
    (WORK, MODELS),
)
