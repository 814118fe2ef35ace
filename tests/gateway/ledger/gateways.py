"""What a gateway with prices reads."""

from pathlib import Path

from fairlead_contract.routing import RouteTable
from tests.gateway.builders import route
from tests.gateway.support.gateway import TENANTS

PRICES = "prices:\n  demo: {input: 0.1234, cachedInput: 0.0567, output: 0.89}\n"


def priced_files(folder: Path, upstream_port: int) -> dict[str, Path]:
    """Write the files of a gateway with a model that has a price, `demo`, and one that has none, `free`."""
    routes, tenants = folder / "priced-routes.json", folder / "priced-tenants.yaml"
    table = RouteTable(routes=tuple(route(name, upstream_port=upstream_port) for name in ("demo", "free")))
    routes.write_text(table.to_json())
    tenants.write_text(TENANTS + PRICES)
    return {"routes_file": routes, "tenants_file": tenants}
