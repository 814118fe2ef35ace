"""Questions to Prometheus that several dashboards ask."""

from charts.dashboards.grafana import Query

WINDOW = "$__rate_interval"
MODELS = 'model=~"$model"'


def rate(counter: str, labels: str = "") -> str:
    """Return how often something happened per second."""
    return f"rate({counter}{{{labels}}}[{WINDOW}])"


def per_second(counter: str, by: str, labels: str = "") -> Query:
    """Return how often something happened per second, one line per value of a label."""
    return Query(f"sum by ({by}) ({rate(counter, labels)})", f"{{{{{by}}}}}")


def latest(gauge: str, labels: str = "") -> str:
    """Return what a gauge of Ray said last: some are told less often than they are forgotten, after four seconds."""
    return f"last_over_time({gauge}{{{labels}}}[1m])"


def last(gauge: str, by: str, labels: str = "", *, total: str = "sum") -> Query:
    """Return what a gauge of Ray said last, one line per value of a label."""
    return Query(f"{total} by ({by}) ({latest(gauge, labels)})", f"{{{{{by}}}}}")


def now(gauge: str, by: str, labels: str = "", *, total: str = "sum") -> Query:
    """Return what a gauge says now, one line per value of a label."""
    return Query(f"{total} by ({by}) ({gauge}{{{labels}}})", f"{{{{{by}}}}}")


def quantiles(histogram: str, labels: str = "") -> tuple[Query, ...]:
    """Return what half, 95 and 99 of a hundred stay below."""
    buckets = f"sum by (le) ({rate(histogram + '_bucket', labels)})"
    return tuple(Query(f"histogram_quantile({share}, {buckets})", f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))


def slow_by(histogram: str, by: str, labels: str = "") -> Query:
    """Return what 95 of a hundred stay below, one line per value of a label."""
    return Query(
        f"histogram_quantile(0.95, sum by (le, {by}) ({rate(histogram + '_bucket', labels)}))", f"{{{{{by}}}}}"
    )


def share(part: str, whole: str, *, by: str = "") -> str:
    """Return the share of one rate in another: 0 where none of the part was seen, nothing where nothing was at all."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"({grouped} ({part}) or 0 * {grouped} ({whole})) / ({grouped} ({whole}) > 0)"
