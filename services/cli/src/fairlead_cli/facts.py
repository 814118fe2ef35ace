"""What replicas say of themselves, read from Ray's metrics port."""

from collections.abc import Mapping

import httpx2

from fairlead_contract.replica_facts import ReplicaFacts, parse_facts

SCRAPE_TIMEOUT_S = 3.0


def scrape_facts(metrics_url: str) -> Mapping[str, tuple[ReplicaFacts, ...]]:
    """Return the facts of every replica by the name of its model; none where the port does not answer."""
    try:
        answer = httpx2.get(metrics_url, timeout=SCRAPE_TIMEOUT_S, trust_env=False)
    except httpx2.HTTPError:
        return {}
    return parse_facts(answer.text) if answer.is_success else {}
