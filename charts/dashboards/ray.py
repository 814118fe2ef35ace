"""Ray and the GPUs: are machines full, are replicas placed, does Serve follow the load."""

from charts.dashboards.grafana import Choice, Dashboard, Levels, Panel, Query, Row
from charts.dashboards.queries import MODELS, last, latest

NO_GPU = "Empty without a GPU."
NODE = "{{model}} {{ip}}"
GPU = "{{model}} {{ip}} GPU {{GpuIndex}}"

GPUS = Row(
    "Do the GPUs work, and do they have room?",
    (
        Panel(
            "How busy is each GPU?",
            "Idle while requests wait: the engine hangs or waits for its CPU. Idle for days: scale the model to zero.",
            (Query(f"{latest('ray_node_gpus_utilization', MODELS)}", GPU),),
            unit="percent",
            largest=100,
            empty=NO_GPU,
        ),
        Panel(
            "How full is the memory of each GPU?",
            "vLLM takes its share (gpu-memory-utilization) at the start and keeps it. Ray reports megabytes.",
            (
                Query(
                    f"{latest('ray_node_gram_used', MODELS)}"
                    f" / ({latest('ray_node_gram_used', MODELS)} + {latest('ray_node_gram_available', MODELS)})",
                    GPU,
                ),
            ),
            unit="percentunit",
            largest=1,
            levels=Levels(0.95, 0.99),
            empty=NO_GPU,
        ),
        Panel(
            "How hot is each GPU?",
            "Above 85 °C it slows itself down: fans, air, or a neighbour.",
            (Query(f"{latest('ray_node_gpu_temperature_celsius', MODELS)}", GPU),),
            unit="celsius",
            levels=Levels(80, 85),
            empty=NO_GPU,
        ),
        Panel(
            "How many GPUs does Ray have?",
            "Fewer than wanted: a node is missing or pending.",
            (last("ray_node_gpus_available", "model", MODELS),),
            empty=NO_GPU,
        ),
        Panel(
            "How much power do they draw?",
            "Low while busy: the GPU waits for memory or for its neighbours.",
            (Query(f"{latest('ray_node_gpu_power_milliwatts', MODELS)} / 1000", GPU),),
            unit="watt",
            empty=NO_GPU,
        ),
    ),
)

SERVE = Row(
    "Does Ray Serve follow the load?",
    (
        Panel(
            "How many replicas are healthy, and how many are wanted?",
            "Wanted and not there for long: no room (pending pods), or a replica that cannot start.",
            (
                Query(
                    f"sum by (model) ({latest('ray_serve_deployment_replica_healthy', MODELS)})", "{{model}} healthy"
                ),
                Query(
                    f"max by (model) ({latest('ray_serve_autoscaling_target_replicas', MODELS)})", "{{model}} wanted"
                ),
            ),
        ),
        Panel(
            "How many requests does the autoscaler see?",
            "Divided by targetOngoingRequests it is the number of replicas that it wants.",
            (last("ray_serve_autoscaling_total_requests", "model", MODELS, total="max"),),
        ),
        Panel(
            "What does Serve say of each application?",
            "6 running, 5 deploying, 4 deleting, 3 not started, 2 unhealthy, 1 failed.",
            (last("ray_serve_application_status", "model", MODELS, total="min"),),
            largest=6,
            levels=Levels(5, 2),
        ),
        Panel(
            "How often do replicas start?",
            "In the last hour. More than scaling explains: they die; the model's page says why.",
            (
                Query(
                    f"sum by (model) (increase(ray_serve_deployment_replica_starts_total{{{MODELS}}}[1h]))", "{{model}}"
                ),
            ),
            levels=Levels(5, 10),
        ),
        Panel(
            "Is the proxy of each node well?",
            "2 healthy, 1 starting, 3 unhealthy, 4 and 5 draining.",
            (
                Query(
                    f"max by (model, node_ip_address) ({latest('ray_serve_proxy_status', MODELS)})",
                    "{{model}} {{node_ip_address}}",
                ),
            ),
            largest=5,
        ),
        Panel(
            "How long does Serve's controller take for one round?",
            "Above 1 s it reacts late to load and to dead replicas: give the head more CPU.",
            (last("ray_serve_controller_control_loop_duration_s", "model", MODELS, total="max"),),
            unit="s",
            levels=Levels(1, 5),
        ),
    ),
)

NODES = Row(
    "Are the machines full?",
    (
        Panel(
            "How busy are the processors of each node?",
            "Engines on GPUs need little; a full head delays scaling and health checks.",
            (Query(f"{latest('ray_node_cpu_utilization', MODELS)}", NODE),),
            unit="percent",
            largest=100,
            levels=Levels(85, 95),
        ),
        Panel(
            "How full is the memory of each node?",
            "Near 100 % Ray kills workers, and with them replicas: raise resources.memory.",
            (Query(f"{latest('ray_node_mem_used', MODELS)} / {latest('ray_node_mem_total', MODELS)}", NODE),),
            unit="percentunit",
            largest=1,
            levels=Levels(0.85, 0.95),
        ),
        Panel(
            "How full is the disk of each node?",
            "Ray refuses work above 95 %. Weights and logs are the usual cause.",
            (Query(f"{latest('ray_node_disk_utilization_percentage', MODELS)}", NODE),),
            unit="percent",
            largest=100,
            levels=Levels(85, 95),
        ),
        Panel(
            "How many nodes are there, pending, failed?",
            "Pending for long: no machine has room, or its image does not come. `kubectl get pods` and events "
            "say which.",
            (
                Query(f"sum by (model) ({latest('ray_cluster_active_nodes', MODELS)})", "{{model}} active"),
                Query(f"sum by (model) ({latest('ray_cluster_pending_nodes', MODELS)})", "{{model}} pending"),
                Query(f"sum by (model) ({latest('ray_cluster_failed_nodes', MODELS)})", "{{model}} failed"),
            ),
            empty="Pending and failed are empty where Ray's autoscaler does not run, as on one machine.",
        ),
        Panel(
            "How much does each node send and receive?",
            "Weights that arrive, and tokens of pipelines over nodes.",
            (
                Query(f"{latest('ray_node_network_receive_speed', MODELS)}", f"{NODE} in"),
                Query(f"{latest('ray_node_network_send_speed', MODELS)}", f"{NODE} out"),
            ),
            unit="Bps",
        ),
    ),
)

RAY = Dashboard(
    "ray",
    "Ray and GPUs",
    "In a cluster each model has a Ray cluster of its own, whose name its nodes bear here; on one machine all "
    "share one.",
    (GPUS, SERVE, NODES),
    (Choice("model", "ray_serve_application_status", "model"),),
)
