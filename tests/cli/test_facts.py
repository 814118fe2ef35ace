"""What replicas say of themselves on Ray's metrics port."""

from fairlead_cli.facts import scrape_facts


def test_no_metrics_port() -> None:
    """Where nobody listens there are no facts, and no error."""
    assert scrape_facts("http://127.0.0.1:1/metrics") == {}
