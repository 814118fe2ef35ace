"""Where the ledger lies in Redis.

fairlead:ledger:stream            the entries: one field, `entry`, a MessagePack array (see `Entry`)
fairlead:ledger:index:<day>       `<tenant>/<request id>` → id in the stream, of the entries written on that day
fairlead:ledger:writer:<id>       number of the last batch that a gateway wrote
fairlead:usage:<day>:<tenant>     `<key id>/<model>/<counter>` → sum
fairlead:usage:<day>              the tenants that have sums on that day
"""

from datetime import date
from typing import Final

STREAM: Final = "fairlead:ledger:stream"
ENTRY_FIELD: Final = "entry"


def index_key(day: date) -> str:
    """Return the key of the index of what was written on a UTC day."""
    return f"fairlead:ledger:index:{day.isoformat()}"


def index_field(tenant: str, request_id: str) -> str:
    """Return a request's place in an index; ids are the clients' to choose, so each tenant has its own."""
    return f"{tenant}/{request_id}"


def writer_key(writer: str) -> str:
    """Return where the number of a writer's last batch is remembered."""
    return f"fairlead:ledger:writer:{writer}"


def tenants_key(day: date) -> str:
    """Return the key of the set of tenants that have sums on a day."""
    return f"fairlead:usage:{day.isoformat()}"


def sums_key(day: date, tenant: str) -> str:
    """Return the key of a tenant's sums of a day."""
    return f"fairlead:usage:{day.isoformat()}:{tenant}"
