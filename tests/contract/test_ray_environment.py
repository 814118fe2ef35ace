"""The environment of Ray's processes."""

from fairlead_contract.ray_environment import RayPorts, ray_environment


def environment(longest_stream_s: int = 600, **options: object) -> dict[str, str]:
    return ray_environment(
        longest_stream_s=longest_stream_s,
        haproxy_folder="/home/haproxy",
        **({"token_file": "/home/auth/ray.token"} | options),  # type: ignore[arg-type]  # each test knows its option
    )


def test_ray_never_runs_open() -> None:
    """Token authentication is on, and the token is named by its file, never written out."""
    assert environment()["RAY_AUTH_MODE"] == "token"
    assert environment()["RAY_AUTH_TOKEN_PATH"] == "/home/auth/ray.token"
    assert "RAY_AUTH_TOKEN" not in environment()


def test_a_token_that_comes_otherwise() -> None:
    """Where the environment brings the token itself, Ray is not sent to a file for it, and runs no more open."""
    chosen = environment(token_file=None)
    assert chosen["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN_PATH" not in chosen


def test_tokens_never_pass_through_a_ray_call() -> None:
    """HAProxy and direct ingress are on, in their cheapest form."""
    chosen = environment()
    assert chosen["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert chosen["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert chosen["RAY_SERVE_HAPROXY_NBTHREAD"] == "1"


def test_everything_that_ends_streams_waits_for_the_longest_one() -> None:
    """Hard stop, both time-outs and the quarantine of ports follow from the longest stream."""
    chosen = environment(longest_stream_s=900)
    assert int(chosen["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]) >= 900
    assert int(chosen["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"]) >= 900
    assert int(chosen["RAY_SERVE_HAPROXY_TIMEOUT_SERVER_S"]) >= 900
    assert int(chosen["RAY_SERVE_PORT_QUARANTINE_S"]) > int(chosen["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"])


def test_an_unwell_replica_is_not_waited_for() -> None:
    """Health is looked at every second, an unhealthy replica is stopped at once, and its children with it."""
    chosen = environment()
    assert chosen["RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER"] == "1s"
    assert chosen["RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS"] == "1"
    assert chosen["RAY_process_group_cleanup_enabled"] == "true"


def test_haproxys_sockets_lie_in_the_guarded_folder() -> None:
    """Configuration, admin socket, metrics socket and state lie below the folder that only its owner may enter."""
    paths = [value for name, value in environment().items() if name.endswith(("_PATH", "_LOC", "_BASE", "_FILE"))]
    haproxy = [path for path in paths if path != "/home/auth/ray.token"]
    assert len(haproxy) == 5
    assert all(path.startswith("/home/haproxy") for path in haproxy)


def test_ports_are_those_given() -> None:
    """Statistics, metrics and the replicas' ports can be moved, so that platforms do not collide."""
    chosen = environment(ports=RayPorts(haproxy_stats=1, haproxy_metrics=2, replica_first=3, replica_last=4))
    numbers = [value for name, value in chosen.items() if name.endswith("_PORT")]
    assert sorted(numbers) == ["1", "2", "3", "4"]


def test_logs_go_where_the_surroundings_want_them() -> None:
    """In pods Serve logs to standard error, on one machine to files."""
    assert environment()["RAY_SERVE_LOG_TO_STDERR"] == "0"
    assert environment(log_to_stderr=True)["RAY_SERVE_LOG_TO_STDERR"] == "1"
